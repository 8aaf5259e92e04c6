"""What lesson 09 says is what lesson 09 shows; what it says in general is held against several seeds."""

import numpy as np
import pytest

import minnet as mn
from tests.lessons.running import printed, text

LESSON = "09_how_often.ipynb"
SEEDS = range(3)


@pytest.fixture(scope="module")
def digits():
    return mn.data.digits()


@pytest.fixture(scope="module")
def nets(digits):
    made = []
    for seed in SEEDS:
        net = mn.models.mlp(64, 300, 100, 10, rng=seed)
        mn.fit(net, digits.train, epochs=20, rng=seed, progress=False)
        made.append(net)
    return made


@pytest.fixture(scope="module")
def once_and_five_times(nets, digits):
    """For each seed the network pruned to 98 % in one round, and in five."""
    return [[in_rounds(net, digits, rounds, seed) for rounds in (1, 5)] for seed, net in enumerate(nets)]


def in_rounds(net, digits, rounds, seed, final=0.98, **how):
    net = net.copy()
    list(mn.iterate(net, digits.train, rounds=rounds, final=final, epochs=20, rng=seed, **how))
    return net


def cut_once(net, digits, seed, level, **how):
    net = net.copy()
    mn.prune(net, level, **how)
    mn.fit(net, digits.train, epochs=20, rng=seed, progress=False)
    return mn.accuracy(net, digits.val)


def kept(net):
    return [param.kept for param in net.params() if param.prunable]


# ---- one cut or many ------------------------------------------------------------------------------------


def test_the_network_and_what_is_left(lesson):
    assert lesson.value("sum(p.size for p in net.params() if p.prunable)") == 50_200
    assert lesson.value("[sum(p.kept for p in each.params() if p.prunable) for each in pruned.values()]") == [1004] * 3
    assert lesson.value("mn.sparsity(net)") == 0


def test_the_loop_by_hand_does_what_iterate_does(lesson):
    assert lesson.value("mn.sparsity(slow)") == pytest.approx(0.98)
    assert lesson.value("mn.accuracy(slow, digits.val)") > 0.85
    assert lesson.value("all((p.value == q.value).all() for p, q in zip(slow.params(), pruned[5].params()))")
    assert "54.3%" in printed(lesson, "levels") and "54.3% removed" in printed(lesson, "loop")


def test_without_a_guess_run_all_goes_on(lesson):
    assert lesson.value("guess.value") is None
    assert "You made no guess." in printed(lesson, "compare")
    lesson.run("guess.value = '5 rounds'")
    assert "Your guess was: 5 rounds." in lesson.run(text(lesson, "compare"))


def test_one_cut_ruins_and_rounds_do_not(lesson, once_and_five_times, digits):
    found = lesson.value("[found[1], found[5], found[20]]")
    assert min(found[1:]) > found[0] + 0.3
    for once, five in once_and_five_times:
        assert mn.accuracy(five, digits.val) > mn.accuracy(once, digits.val) + 0.3


def test_twenty_are_no_better_than_five(lesson, once_and_five_times, nets, digits):
    assert lesson.value("found[20] < found[5]")
    for seed, (net, (_, five)) in enumerate(zip(nets, once_and_five_times, strict=True)):
        assert mn.accuracy(in_rounds(net, digits, 20, seed), digits.val) < mn.accuracy(five, digits.val) + 0.01


def test_the_bottleneck_is_in_the_middle(lesson, once_and_five_times):
    assert lesson.value("[p.kept for p in pruned[1].params() if p.prunable][1]") < 100
    widths = {rounds: lesson.value(f"[p.shape[1] for p in mn.compact(pruned[{rounds}]).params() if p.prunable]")
              for rounds in (1, 5)}
    said = " ".join(text(lesson, "why-after").split())
    assert f"only {widths[1][0]} of 300 and {widths[1][1]} of 100 are left" in said
    assert f"with as many weights, {widths[5][0]} and {widths[5][1]}." in said
    for once, five in once_and_five_times:
        assert sum(kept(once)) == sum(kept(five)) == 1004
        assert kept(once)[1] < 100 < 200 < kept(five)[1]
    spread = [param.data.std() for param in mn.models.mlp(64, 300, 100, 10, rng=0).params() if param.prunable]
    assert spread[1] == min(spread)  # many inputs: small first weights


def test_after_one_cut_dice_do_as_well_because_they_leave_no_bottleneck(once_and_five_times, nets, digits):
    for seed, (net, (once, _)) in enumerate(zip(nets, once_and_five_times, strict=True)):
        by_dice = in_rounds(net, digits, 1, seed, criterion=mn.random)
        assert mn.accuracy(by_dice, digits.val) > mn.accuracy(once, digits.val) - 0.02
        assert kept(by_dice)[1] > 10 * kept(once)[1]


def would_survive(net):
    cut = net.copy()
    mn.prune(cut, 0.98)
    return kept(cut)[1]


def test_the_weights_that_are_left_grow_until_they_survive(lesson, nets, digits):
    survive = lesson.value("survive")
    assert survive[0] == lesson.value("[p.kept for p in pruned[1].params() if p.prunable][1]")
    assert survive == sorted(survive) and survive[-1] > 5 * survive[0]
    for seed, net in enumerate(nets):
        net, dice, survive = net.copy(), np.random.default_rng(seed), [would_survive(net)]
        weight = net.layers[2].weight
        for level in mn.geometric(0.98, 5)[:4]:
            mn.prune(net, level)
            start = np.abs(weight.data[weight.mask]).mean()
            mn.fit(net, digits.train, epochs=4, rng=dice, progress=False)
            assert np.abs(weight.data[weight.mask]).mean() > start  # they grow
            survive.append(would_survive(net))
        assert survive == sorted(survive) and survive[-1] > 5 * survive[0]


# ---- cures and controls ---------------------------------------------------------------------------------


def test_cures_help_and_at_90_per_cent_one_cut_is_enough(lesson, nets, once_and_five_times, digits):
    names = "all compete", "same in each layer", "small layers keep more"
    worst, better, best = (lesson.value(f"found[{name!r}]") for name in names)
    assert worst + 0.2 < better < best
    assert best == pytest.approx(lesson.value("found[5]"), abs=0.05)
    for seed, (net, (once, five)) in enumerate(zip(nets, once_and_five_times, strict=True)):
        by_layer = cut_once(net, digits, seed, 0.98, scope=mn.layer)
        shared = cut_once(net, digits, seed, mn.erdos_renyi(net, 0.98), scope=mn.layer)
        assert mn.accuracy(once, digits.val) + 0.2 < by_layer < shared < mn.accuracy(five, digits.val) + 0.05
        assert shared > mn.accuracy(five, digits.val) - 0.1
        assert cut_once(net, digits, seed, 0.9) > mn.accuracy(net, digits.val) - 0.03


def test_dice_fail_and_the_mask_from_scratch_does_as_well(lesson, nets, once_and_five_times, digits):
    five, dice, fresh = lesson.value("[mn.accuracy(each, digits.val) for each in (pruned[5], by_dice, fresh)]")
    assert dice < five - 0.2
    assert fresh > five - 0.02
    for seed, (net, (_, five)) in enumerate(zip(nets, once_and_five_times, strict=True)):
        by_dice = in_rounds(net, digits, 5, seed, criterion=mn.random)
        assert mn.accuracy(by_dice, digits.val) < mn.accuracy(five, digits.val) - 0.2
        fresh = mn.models.mlp(64, 300, 100, 10, rng=1000 + seed)
        for param, masked in zip(fresh.params(), five.params(), strict=True):
            param.mask = masked.mask
        mn.fit(fresh, digits.train, epochs=40, rng=seed, progress=False)
        assert mn.accuracy(fresh, digits.val) > mn.accuracy(five, digits.val) - 0.03


# ---- pitfalls -------------------------------------------------------------------------------------------


def test_rounds_that_compound_and_rounds_that_do_nothing(lesson):
    assert " 5 ×:  67.2% removed" in printed(lesson, "compound")
    assert printed(lesson, "nothing").strip() == "20%"


def test_momentum_revives_what_only_the_gradient_forgets(lesson):
    assert abs(lesson.value("train(masked=False)[1]")) > 0.1
    assert lesson.value("train(masked=True)[1]") == 0
    assert mn.geometric(0.36, 2)[-1] == pytest.approx(1 - 0.8**2)  # the 36 % of the text before


def test_minnet_masks_the_speed_too(digits):
    net = mn.models.mlp(64, 16, 10, rng=0)
    optimiser = mn.SGD(0.05, momentum=0.9)
    for step in mn.steps(net, digits.train, optimiser, count=60, rng=0):
        if step.index == 30:
            mn.prune(net, 0.5)
    for param in net.params():
        if param.mask is not None:
            assert np.all(param.value[~param.mask] == 0)


def test_rewinding_in_twenty_short_rounds_fails(nets, digits):
    for seed, net in enumerate(nets[:1]):
        start = mn.snapshot(mn.models.mlp(64, 300, 100, 10, rng=seed))
        five, twenty = (mn.accuracy(in_rounds(net, digits, rounds, seed, rewind_to=start), digits.val)
                        for rounds in (5, 20))
        assert twenty < five - 0.3


# ---- the explorer ---------------------------------------------------------------------------------------


def test_the_explorer_waits_until_it_is_asked(lesson):
    assert lesson.value("len(explorer.tried)") == 0
    assert "Not tried yet" in lesson.value("explorer._sentence.value")
    lesson.run("explorer.set(rounds=20)")
    assert lesson.value("len(explorer.shown.stairs)") == 41
    lesson.run("explorer.reset()")


def test_buttons_that_the_text_names_exist(lesson):
    for way in lesson.value("[*explorer.control['retraining'].options]"):
        assert f"**{way}**" in text(lesson, "explorer-text")
    assert any(state.get("description") == "Train this recipe" for state in lesson.widgets.values())


# ---- exercises ------------------------------------------------------------------------------------------
