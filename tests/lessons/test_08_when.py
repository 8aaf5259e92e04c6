"""What lesson 08 says is what lesson 08 shows; what it says in general is tested with several seeds."""

import numpy as np
import pytest

import minnet as mn
from minnet.experiments.pruning_schedules import ALL, SHARED, Plan, PruningSchedules
from minnet.explore.timing_explorer import PRESETS
from tests.lessons.running import printed

LESSON = "08_when.ipynb"
SEEDS = range(10, 14)  # the lesson shows 0 to 2


@pytest.fixture(scope="module")
def digits():
    return mn.data.digits()


@pytest.fixture(scope="module")
def trials(digits):
    """The explorer's trials, measured on the test set too: 360 images are few."""
    x, y = (np.concatenate([getattr(part, name) for part in (digits.val, digits.test)]) for name in "xy")
    unseen = mn.data.Dataset("digits", digits.train, mn.data.Split(x, y), digits.test, digits.image_shape,
                             digits.class_names)
    return PruningSchedules(lambda seed: mn.models.mlp(64, 300, 100, 10, rng=seed), unseen, SEEDS, 1000)


def tried(trials, preset="During", **changes):
    """What a plan of the explorer gives; each is trained once for all tests."""
    state = {"stop": 70, "final": "98%", "scope": ALL} | PRESETS[preset] | changes
    plan = Plan.of(state)
    if plan not in trials.all:
        list(trials.attempt(plan))
    return trials.all[plan]


def right(trials, *args, **changes):
    """The accuracy of each seed at the end."""
    return np.array(tried(trials, *args, **changes).finals())


# ---- before, during, after ------------------------------------------------------------------------------


def test_the_same_for_all(lesson):
    assert lesson.value("sum(p.size for p in whole.params() if p.prunable)") == 50_200
    assert lesson.value("[sum(p.kept for p in net.params() if p.prunable) for net in (before, during, after)]"
                        ) == [1004] * 3
    assert 29 < 1000 * 32 / lesson.value("len(digits.train)") < 31  # "some 30 times through the digits"


def test_during_wins_before_follows_after_is_ruined(lesson, claim):
    before, during, after = lesson.value("[mn.accuracy(net, digits.val) for net in (before, during, after)]")
    claim.every(during - before, above=0)
    claim.every(before - after, above=0.3)
    assert "Measured best: during" in printed(lesson, "compare")


def test_that_holds_for_other_seeds(trials, claim):
    before, during, after = (right(trials, name) for name in PRESETS)
    claim.median(during - before, above=0.005)
    claim.every(before - after, above=0.3)


def test_one_cut_leaves_a_bottleneck_and_little_by_little_does_not(lesson, trials, claim):
    during, after = lesson.value("[[p.kept for p in net.params() if p.prunable][1] for net in (during, after)]")
    claim.every(during / after, above=4)
    during, after = (np.array([track[-1].kept for track in tried(trials, name).tracks]) for name in ("During", "After"))
    assert np.all(during.sum(axis=1) == 1004) and np.all(after.sum(axis=1) == 1004)
    claim.every(during[:, 1] / after[:, 1], above=4)
    claim.every(after[:, 1], below=60)  # of 30,000: "almost nothing"


def test_snips_score_is_about_the_change_of_the_loss(digits):
    net = mn.models.mlp(64, 12, 10, rng=0).astype("float64")
    x, y = digits.train.x[:200].astype(float), digits.train.y[:200]
    answers, back = net.forward(x)
    loss, gradient = mn.cross_entropy(answers, y)
    back(gradient)
    weight = net.params()[0]
    score = np.abs(weight.data * weight.grad)
    for place in zip(*np.unravel_index(np.argsort(score, axis=None)[-5:], score.shape), strict=True):
        was, weight.data[place] = weight.data[place], 0
        assert abs(mn.cross_entropy(net(x), y)[0] - loss) == pytest.approx(score[place], rel=0.2)
        weight.data[place] = was


# ---- only the moment ------------------------------------------------------------------------------------


def test_every_trial_ends_at_98_per_cent_with_equal_shares(lesson):
    assert lesson.value("[plan(1000) for plan, _ in plans.values()]") == pytest.approx([0.98] * 5)
    lesson.run("shared = make(1); prune_by_share(shared, 0.98)")
    assert lesson.value("[p.kept for p in shared.params() if p.prunable]") == [418, 459, 126]  # 1,004, rounded
    shares = lesson.value("mn.erdos_renyi(shared, 0.98)")
    assert shares["dense3"] < shares["dense1"] < shares["dense2"]  # the small layer keeps most


def test_with_equal_shares_during_is_best_and_random_is_far_behind(lesson, claim):
    at_random, untrained, snip, during, after = (np.mean(lesson.value(f"found[{name!r}]")) for name in (
        "before, dice", "before, magnitude", "before, SNIP", "during, cubic", "after"))
    claim.every(during - snip, above=0.01)
    claim.every(during - after, above=0.01)
    claim.every(snip - at_random, above=0.05)
    claim.every(after - at_random, above=0.05)
    claim.every(snip - untrained, above=0.05)
    claim.every(lesson.value("found['after'][0] - mn.accuracy(after, digits.val)"), above=0.3)


def test_with_equal_shares_that_holds_for_other_seeds(trials, claim):
    before, during, after = (right(trials, name, scope=SHARED) for name in PRESETS)
    at_random = right(trials, "Before", scope=SHARED, criterion="random")
    claim.median(during - before, above=0.005)
    claim.median(during - after, above=0.005)
    claim.every(before - at_random, above=0.05)
    claim.every(after - at_random, above=0.05)


def test_at_95_per_cent_the_moment_hardly_matters(trials, claim):
    before, during, after = (right(trials, name, final="95%", scope=SHARED) for name in PRESETS)
    for one, other in ((during, before), (during, after), (before, after)):
        claim.median(one - other, above=-0.02, below=0.02)


# ---- what SNIP knows ------------------------------------------------------------------------------------


def test_shuffled_it_does_as_well_at_95_per_cent_and_not_at_98(lesson, claim):
    at_95, shuffled_95, at_98, shuffled_98 = (np.mean(lesson.value(f"found[{name!r}]")) for name in (
        "95% SNIP", "95% shuffled", "98% SNIP", "98% shuffled"))
    claim.every(at_95 - shuffled_95, above=-0.015, below=0.015)
    claim.every(at_98 - shuffled_98, above=0.05)


def test_a_shuffled_mask_has_as_many_in_each_layer(lesson):
    kept = lesson.value("[[[p.kept for p in net.params() if p.prunable] for net in snips[0.98, shuffled]] "
                        "for shuffled in (False, True)]")
    assert kept[0] == kept[1] and sum(kept[0][0]) == 1004
    assert lesson.value("sum(p.kept for p in snips[0.95, False][0].params() if p.prunable)") == 2510


def test_snip_looks_at_the_ink_and_its_connections_meet(lesson, claim):
    said = printed(lesson, "shuffle-picture")
    ways = [float(line.split(":")[1].split()[0].replace(",", "")) for line in said.splitlines()]
    claim.every(ways[0] / ways[1], above=2)
    lesson.run("used = lambda net: [(p.mask.sum(axis=0) > 0).sum() for p in net.params() if p.prunable][:2]")
    used, shuffled = (np.array(lesson.value(f"[used(net) for net in snips[0.98, {which}]]"))
                      for which in (False, True))  # hidden neurons that have a connection to what is before them
    claim.every((shuffled / used).min(axis=1), above=1.6)
    ink = np.array(lesson.value("digits.train.x.mean(axis=0)"))
    assert 0.25 < np.mean(ink < 0.1) < 0.4  # the border: a third of the pixels
    border, shuffled_border = (
        [kept[ink < 0.1].sum() / kept.sum()
         for kept in np.array(lesson.value(f"[net.params()[0].mask.sum(axis=1) for net in snips[0.98, {which}]]"))]
        for which in (False, True))
    claim.every(border, below=0.02)
    claim.every(shuffled_border, above=0.2)
    empty = np.array(lesson.value("np.abs(digits.train.x).max(axis=0) == 0"))
    assert empty.any()
    assert np.array(lesson.value("snips[0.98, False][0].params()[0].mask"))[empty].sum() == 0  # gradient 0


# ---- fast first -----------------------------------------------------------------------------------------


def test_fast_first_is_best(lesson, trials, claim):
    falling, equal, rising = (np.mean(lesson.value(f"found[{name!r}]")) for name in (
        "falling (cubic)", "equal (linear)", "rising"))
    claim.every(falling - equal, above=0.01)
    claim.every(falling - rising, above=0.01)
    claim.median(right(trials, scope=SHARED) - right(trials, scope=SHARED, shape="linear"), above=0.005)
    said = printed(lesson, "shape-why")
    parts = [float(line.split("removes")[1].split("%")[0]) for line in said.splitlines()]
    assert parts[0] < 20 < 80 < parts[1] < parts[2]


def test_the_formula_of_the_text_is_the_schedule(lesson):
    formula = [0.98 * (1 - (1 - t) ** 3) for t in np.linspace(0, 1, 7)]
    assert lesson.value("[cubic_(s) for cubic_ in [mn.cubic(0.98, start=100, stop=700)] for s in range(100, 701, 100)]"
                        ) == pytest.approx(formula)


# ---- the explorer ---------------------------------------------------------------------------------------


def test_the_explorer_waits_until_it_is_asked(lesson):
    assert lesson.value("len(explorer.experiment.tried)") == 0
    assert "Not tried yet" in lesson.value("explorer._sentence.value")
    assert lesson.value("explorer.experiment.count") == 1000 and lesson.value("explorer.experiment.seeds") == [0, 1, 2]


def test_buttons_that_the_text_names_exist(lesson):
    labels = {state.get("description") for state in lesson.widgets.values()}
    assert {"Before", "During", "After", "Train this plan"} <= labels


def test_step_1_the_accuracy_of_during_falls_and_rises_again(trials, claim):
    course = np.array([[moment.accuracy for moment in track] for track in tried(trials).tracks])
    early, lowest = course[:, 10:15].max(axis=1), course[:, 10:40].min(axis=1)
    claim.every(early - lowest, above=0.1)
    claim.every(course[:, -1] - lowest, above=0.1)


def test_step_2_with_shares_after_comes_back(trials, claim):
    claim.every(right(trials, "After", scope=SHARED) - right(trials, "After"), above=0.3)


def test_step_3_linear_up_to_the_end_ruins_and_cubic_bears_it(trials, claim):
    cubic, linear = (right(trials, stop=100, shape=shape) for shape in ("cubic", "linear"))
    claim.every(cubic - linear, above=0.3)
    claim.every(cubic - right(trials), above=-0.03)


def test_step_5_gradual_random_pruning_is_still_random(trials, claim):
    claim.every(right(trials) - right(trials, criterion="random"), above=0.2)


def test_step_6_geometric_is_more_like_cubic():
    during = {"final": "98%", "scope": ALL} | PRESETS["During"]
    cubic, geometric, linear = (Plan.of(during | {"shape": shape}).curve(1000)[:, 1]
                                for shape in ("cubic", "geometric", "linear"))
    assert np.abs(geometric - cubic).mean() < np.abs(geometric - linear).mean() / 3


# ---- pitfalls -------------------------------------------------------------------------------------------


def test_one_digit_is_not_enough_for_snip_and_ten_are(lesson, claim):
    one, ten, every = (np.mean(lesson.value(f"found['samples: {n}']")) for n in (1, 10, "all"))
    claim.every(ten - one, above=0.1)
    claim.every(ten - every, above=-0.03)
    assert lesson.value("len(set(digits.train.y[:10].tolist()))") >= 6  # "about every kind"


def test_from_one_digit_snip_keeps_only_where_that_digit_has_ink(lesson):
    lesson.run("one = make(0); mn.prune(one, 0.98, mn.snip, data=(digits.train.x[:1], digits.train.y[:1]))")
    assert lesson.value("one.params()[0].mask[digits.train.x[0] == 0].sum()") == 0


def test_magnitude_before_training_cuts_the_network_in_two(lesson, claim):
    for seed in range(3):
        net = mn.models.mlp(64, 300, 100, 10, rng=seed)
        mn.prune(net, 0.98)
        assert [p.kept for p in net.params() if p.prunable][1] <= 5
        spread = [p.data.std() for p in net.params() if p.prunable]
        assert spread[1] == min(spread)  # the layer with most inputs: small initial weights
    trained = float(printed(lesson, "untrained").split("trained: ")[1].split("%")[0])
    claim.every(trained, below=20)  # whatever it answers, it is the same for every digit


def test_time_and_a_rate_to_recover_with(lesson, claim):
    found = [float(line.rsplit(maxsplit=1)[1].rstrip("%")) for line in printed(lesson, "recover").splitlines()]
    linear, cubic, constant, fading, early = found
    claim.every(cubic - linear, above=20)
    claim.every(constant - fading, above=5)
    claim.every(early - fading, above=5)


def test_that_holds_for_other_seeds_too(lesson, claim):
    trials = "[trial(seed, mn.cubic(0.98, start=500, stop=900), optimiser={}) for seed in (10, 11)]"
    fading, constant = (np.array(lesson.value(trials.format(optimiser))) for optimiser in ("fading", "None"))
    claim.every(constant - fading, above=0.05)


def test_twice_the_training_makes_after_look_as_good(lesson, claim):
    snip, once, twice = (np.mean(lesson.value(f"found[{name!r}]")) for name in (
        "SNIP, 1000", "after, 500 + 500", "after, 1000 + 1000"))
    claim.every(twice - once, above=0)
    claim.every(twice - snip, above=-0.02)


# ---- exercises: typical slips ---------------------------------------------------------------------------


def clipped(step, start, stop):
    return min(max((step - start) / (stop - start), 0), 1)


def loop(prune_in_loop=None, before=None, behind=None, early=False):
    def gradual(net, data, schedule):
        if before:
            before(net, schedule)
        for step in mn.steps(net, data, count=200, rng=0):
            if prune_in_loop:
                prune_in_loop(net, schedule, step)
            if early:
                return net
        if behind:
            behind(net, schedule)
        return net
    return gradual


def returned(net, data, schedule):
    for step in mn.steps(net, data, count=200, rng=0):
        net = mn.prune(net, schedule(step.index))
    return net


def follow(net, schedule, step):
    mn.prune(net, schedule(step.index))


@pytest.mark.parametrize("id, slip, message", [
    ("08.cubic", lambda step, final, start, stop: final * (1 - (1 - (step - start) / (stop - start)) ** 3),
     "beyond 1"),
    ("08.cubic", lambda step, final, start, stop: final * (1 - (1 - min((step - start) / (stop - start), 1)) ** 3),
     "below 0"),
    ("08.cubic", lambda step, final, start, stop: final * clipped(step, start, stop), "equal portions"),
    ("08.cubic", lambda step, final, start, stop: final * clipped(step, start, stop) ** 3, "starts slowly"),
    ("08.cubic", lambda step, final, start, stop: final * (1 - clipped(step, start, stop)) ** 3, "still to come"),
    ("08.cubic", lambda step, final, start, stop: final * (1 - (1 - min(step / stop, 1)) ** 3), "begun at step 0"),
    ("08.cubic", lambda step, final, start, stop: 1 - (1 - clipped(step, start, stop)) ** 3, "it should be"),
    ("08.gradual", loop(), "not pruned"),
    ("08.gradual", loop(follow, early=True), "first step"),
    ("08.gradual", loop(before=lambda net, schedule: mn.prune(net, schedule(200))), "before the first step"),
    ("08.gradual", loop(behind=lambda net, schedule: mn.prune(net, schedule(200))), "after the whole training"),
    ("08.gradual", loop(lambda net, schedule, step: mn.prune(net, schedule(200))), "first turn"),
    ("08.gradual", loop(lambda net, schedule, step: mn.prune(net, schedule)), "ask it"),
    ("08.gradual", loop(lambda net, schedule, step: mn.prune(net, schedule(step))), "number of the step"),
    ("08.gradual", loop(lambda net, schedule, step: mn.prune(net, 0.5)), "it is 0.5"),
    ("08.gradual", loop(lambda net, schedule, step: step.index > 100 and follow(net, schedule, step)),
     "not on the way"),
    ("08.gradual", returned, "returns nothing"),
    ("08.snip", lambda w, g, count: np.abs(w) >= np.sort(np.abs(w), axis=None)[-count], "slopes too"),
    ("08.snip", lambda w, g, count: np.abs(g) >= np.sort(np.abs(g), axis=None)[-count], "multiplies"),
    ("08.snip", lambda w, g, count: w * g >= np.sort(w * g, axis=None)[-count], "without its sign"),
    ("08.snip", lambda w, g, count: np.abs(w * g) <= np.sort(np.abs(w * g), axis=None)[count - 1], "missed least"),
    ("08.snip", lambda w, g, count: np.abs(w * g) < np.sort(np.abs(w * g), axis=None)[-count], "True means keep"),
    ("08.snip", lambda w, g, count: np.abs(w * g) > np.sort(np.abs(w * g), axis=None)[-count], "it keeps 11"),
    ("08.snip", lambda w, g, count: np.abs(w * g), "holds float64"),
])
def test_slips_are_named(id, slip, message):
    note = mn.check(id, slip)
    assert not note.right and message in note.text
