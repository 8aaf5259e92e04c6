"""What lesson 08 says is what lesson 08 shows; what it says in general is held against several seeds."""

import numpy as np
import pytest

import minnet as mn
from minnet.explore.plans import ALL, SHARED, Plan, Trials
from minnet.explore.when import PRESETS
from tests.lessons.running import printed

LESSON = "08_when.ipynb"


@pytest.fixture(scope="module")
def digits():
    return mn.data.digits()


@pytest.fixture(scope="module")
def trials(digits):
    return Trials(lambda seed: mn.models.mlp(64, 300, 100, 10, rng=seed), digits, range(3), 1000)


def tried(trials, preset="During", **changes):
    """What a plan of the explorer gives with seeds 0, 1 and 2; each is trained once for all tests."""
    state = {"stop": 70, "final": "98%", "scope": ALL} | PRESETS[preset] | changes
    plan = Plan.of(state)
    if plan not in trials.all:
        list(trials.attempt(plan))
    return trials.all[plan]


def mean(trials, *args, **changes):
    return np.mean(tried(trials, *args, **changes).finals())


# ---- before, during, after ------------------------------------------------------------------------------


def test_the_same_for_all(lesson):
    assert lesson.value("sum(p.size for p in whole.params() if p.prunable)") == 50_200
    assert lesson.value("[sum(p.kept for p in net.params() if p.prunable) for net in (before, during, after)]"
                        ) == [1004] * 3
    assert 29 < 1000 * 32 / lesson.value("len(digits.train)") < 31  # "some 30 times through the digits"


def test_during_wins_before_follows_after_is_ruined(lesson):
    before, during, after = lesson.value("[mn.accuracy(net, digits.val) for net in (before, during, after)]")
    assert during > before > 0.85 and after < 0.5
    assert "Measured best: during" in printed(lesson, "compare")


def test_that_holds_for_other_seeds(trials):
    whole, before, during, after = (np.array(each.finals()) for each in (
        tried(trials, "Before") and trials.whole, *(tried(trials, name) for name in PRESETS)))
    assert np.all(during > before) and np.all(before > after + 0.4)
    assert np.all(whole > during) and during.min() > 0.93


def test_one_cut_leaves_a_bottleneck_and_little_by_little_does_not(lesson, trials):
    kept = lesson.value("[[p.kept for p in net.params() if p.prunable][1] for net in (during, after)]")
    assert kept[0] > 200 and kept[1] < 50
    for during, after in zip(tried(trials).tracks, tried(trials, "After").tracks, strict=True):
        assert sum(during[-1].kept) == sum(after[-1].kept) == 1004
        assert after[-1].kept[1] < 50 < 200 < during[-1].kept[1]


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


def test_with_equal_shares_the_order_is_during_snip_after_and_dice_far_behind(lesson):
    dice, untrained, snip, during, after = (np.array(lesson.value(f"found[{name!r}]")) for name in (
        "before, dice", "before, magnitude", "before, SNIP", "during, cubic", "after"))
    assert during.mean() > snip.mean() + 0.01 and snip.mean() > after.mean() + 0.01
    assert np.all(during > after + 0.02)
    assert after.mean() > untrained.mean() + 0.05 and untrained.mean() > dice.mean() + 0.05
    assert after.mean() > 0.85  # back among the others
    assert lesson.value("found['after'][0]") > lesson.value("mn.accuracy(after, digits.val)") + 0.4


def test_at_95_per_cent_the_moment_hardly_matters(trials):
    means = [mean(trials, name, final="95%", scope=SHARED) for name in PRESETS]
    assert max(means) - min(means) < 0.02


# ---- what SNIP knows ------------------------------------------------------------------------------------


def test_shuffled_it_does_as_well_at_95_per_cent_and_not_at_98(lesson):
    at_95, shuffled_95, at_98, shuffled_98 = (np.mean(lesson.value(f"found[{name!r}]")) for name in (
        "95% SNIP", "95% shuffled", "98% SNIP", "98% shuffled"))
    assert abs(at_95 - shuffled_95) < 0.015
    assert at_98 > shuffled_98 + 0.05


def test_a_shuffled_mask_has_as_many_in_each_layer(lesson):
    kept = lesson.value("[[[p.kept for p in net.params() if p.prunable] for net in snips[0.98, shuffled]] "
                        "for shuffled in (False, True)]")
    assert kept[0] == kept[1] and sum(kept[0][0]) == 1004
    assert lesson.value("sum(p.kept for p in snips[0.95, False][0].params() if p.prunable)") == 2510


def test_snip_looks_at_the_ink_and_its_connections_meet(lesson):
    said = printed(lesson, "shuffle-picture")
    ways = [float(line.split(":")[1].split()[0].replace(",", "")) for line in said.splitlines()]
    assert ways[0] > 2 * ways[1]
    lesson.run("used = lambda net: [(p.mask.sum(axis=0) > 0).sum() for p in net.params() if p.prunable][:2]")
    used, shuffled = (np.array(lesson.value(f"[used(net) for net in snips[0.98, {which}]]"))
                      for which in (False, True))  # hidden neurons that have a connection to what is before them
    assert np.all(shuffled > 1.6 * used)
    ink = np.array(lesson.value("digits.train.x.mean(axis=0)"))
    for shuffled in ("False", "True"):
        for kept in np.array(lesson.value(f"[net.params()[0].mask.sum(axis=1) for net in snips[0.98, {shuffled}]]")):
            at_the_border = kept[ink < 0.1].sum() / kept.sum()  # a third of the dots
            assert at_the_border < 0.02 if shuffled == "False" else at_the_border > 0.2
    assert 0.25 < np.mean(ink < 0.1) < 0.4
    empty = np.array(lesson.value("np.abs(digits.train.x).max(axis=0) == 0"))
    assert empty.any()
    assert np.array(lesson.value("snips[0.98, False][0].params()[0].mask"))[empty].sum() == 0  # the slope 0


# ---- fast first -----------------------------------------------------------------------------------------


def test_fast_first_is_best_and_the_others_lie_close_together(lesson):
    falling, equal, rising = (np.array(lesson.value(f"found[{name!r}]")) for name in (
        "falling (cubic)", "equal (linear)", "rising"))
    assert np.all(falling > np.maximum(equal, rising) + 0.005)
    assert falling.mean() > max(equal.mean(), rising.mean()) + 0.02
    assert abs(equal.mean() - rising.mean()) < 0.03
    said = printed(lesson, "shape-why")
    parts = [float(line.split("removes")[1].split("%")[0]) for line in said.splitlines()]
    assert parts[0] < 20 < 80 < parts[1] < parts[2]


def test_the_formula_of_the_text_is_the_schedule(lesson):
    formula = [0.98 * (1 - (1 - t) ** 3) for t in np.linspace(0, 1, 7)]
    assert lesson.value("[cubic_(s) for cubic_ in [mn.cubic(0.98, start=100, stop=700)] for s in range(100, 701, 100)]"
                        ) == pytest.approx(formula)


# ---- the explorer ---------------------------------------------------------------------------------------


def test_the_explorer_waits_until_it_is_asked(lesson):
    assert lesson.value("len(explorer.tried)") == 0
    assert "Not tried yet" in lesson.value("explorer._sentence.value")
    assert lesson.value("explorer.trials.count") == 1000 and lesson.value("explorer.trials.seeds") == [0, 1, 2]


def test_buttons_that_the_text_names_exist(lesson):
    labels = {state.get("description") for state in lesson.widgets.values()}
    assert {"Before", "During", "After", "Train this plan"} <= labels


def test_step_1_the_accuracy_of_during_falls_and_rises_again(trials):
    _, course, _, _ = tried(trials).course("accuracy")
    early, lowest = course[10:15].max(), course[10:40].min()
    assert lowest < early - 0.1 and course[-1] > lowest + 0.15


def test_step_2_with_shares_after_comes_back(trials):
    assert mean(trials, "After", scope=SHARED) > mean(trials, "After") + 0.5


def test_step_3_linear_up_to_the_end_ruins_and_cubic_bears_it(trials):
    assert mean(trials, shape="linear", stop=100) < mean(trials, shape="linear") - 0.3
    assert mean(trials, stop=100) > mean(trials) - 0.02


def test_step_5_dice_that_choose_little_by_little_are_still_dice(trials):
    assert mean(trials, criterion="dice") < mean(trials) - 0.3


def test_step_6_geometric_is_more_like_cubic(trials):
    cubic, geometric, linear = (mean(trials, shape=shape) for shape in ("cubic", "geometric", "linear"))
    assert abs(geometric - cubic) < abs(geometric - linear)


# ---- pitfalls -------------------------------------------------------------------------------------------


def test_one_digit_is_not_enough_for_snip_and_ten_are(lesson):
    one, ten, every = (np.mean(lesson.value(f"found['samples: {n}']")) for n in (1, 10, "all"))
    assert one < ten - 0.1 and abs(ten - every) < 0.03
    assert lesson.value("len(set(digits.train.y[:10].tolist()))") >= 6  # "about every kind"


def test_from_one_digit_snip_keeps_only_where_that_digit_has_ink(lesson):
    lesson.run("one = make(0); mn.prune(one, 0.98, mn.snip, data=(digits.train.x[:1], digits.train.y[:1]))")
    assert lesson.value("one.params()[0].mask[digits.train.x[0] == 0].sum()") == 0


def test_magnitude_before_training_cuts_the_network_in_two(lesson):
    for seed in range(3):
        net = mn.models.mlp(64, 300, 100, 10, rng=seed)
        mn.prune(net, 0.98)
        assert [p.kept for p in net.params() if p.prunable][1] <= 5
        spread = [p.data.std() for p in net.params() if p.prunable]
        assert spread[1] == min(spread)  # the layer with most inputs: small first weights
    assert "trained: 10.0%" in printed(lesson, "untrained")


def test_time_and_a_rate_to_recover_with(lesson):
    found = [float(line.rsplit(maxsplit=1)[1].rstrip("%")) for line in printed(lesson, "recover").splitlines()]
    linear, cubic, constant, fading, early = found
    assert linear < cubic - 20
    assert fading < constant - 8 and early > fading + 8


@pytest.mark.parametrize("seed", [1, 2])
def test_that_holds_for_other_seeds_too(lesson, seed):
    fading, constant = (lesson.value(f"trial({seed}, mn.cubic(0.98, start=500, stop=900), optimiser={optimiser})")
                        for optimiser in ("fading", "None"))
    assert fading < constant - 0.08


def test_twice_the_training_makes_after_look_as_good(lesson):
    snip, once, twice = (np.mean(lesson.value(f"found[{name!r}]")) for name in (
        "SNIP, 1000", "after, 500 + 500", "after, 1000 + 1000"))
    assert twice > once + 0.01 and abs(twice - snip) < 0.025 and snip > once + 0.01


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


@pytest.mark.parametrize("id, slip, told", [
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
def test_slips_are_told(id, slip, told):
    note = mn.check(id, slip)
    assert not note.right and told in note.text
