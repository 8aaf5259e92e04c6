"""What lesson 09 says is what lesson 09 shows; what it says in general is tested with several seeds."""

import numpy as np
import pytest

import minnet as mn
from tests.lessons.running import printed, text

LESSON = "09_how_often.ipynb"
SEEDS = range(10, 14)  # the lesson shows seed 0, its explorer 0 to 2


@pytest.fixture(scope="module")
def digits():
    return mn.data.digits()


@pytest.fixture(scope="module")
def nets(digits):
    """The trained networks, {seed: network}."""
    made = {}
    for seed in SEEDS:
        made[seed] = mn.models.mlp(64, 300, 100, 10, rng=seed)
        mn.fit(made[seed], digits.train, epochs=20, rng=seed, progress=False)
    return made


@pytest.fixture(scope="module")
def once(nets, digits):
    """For each seed the network pruned to 98 % in one round."""
    return [in_rounds(net, digits, 1, seed) for seed, net in nets.items()]


@pytest.fixture(scope="module")
def five(nets, digits):
    """For each seed the network pruned to 98 % in five rounds."""
    return [in_rounds(net, digits, 5, seed) for seed, net in nets.items()]


def in_rounds(net, digits, rounds, seed, final=0.98, **how):
    net = net.copy()
    list(mn.iterate(net, digits.train, rounds=rounds, final=final, epochs=20, rng=seed, **how))
    return net


def cut_once(net, digits, seed, level, **how):
    net = net.copy()
    mn.prune(net, level, **how)
    mn.fit(net, digits.train, epochs=20, rng=seed, progress=False)
    return net


def from_scratch(pruned, digits, seed):
    """An untrained network gets the mask and is trained for as long as everything else together."""
    fresh = mn.models.mlp(64, 300, 100, 10, rng=1000 + seed)
    for param, masked in zip(fresh.params(), pruned.params(), strict=True):
        param.mask = masked.mask
    mn.fit(fresh, digits.train, epochs=40, rng=seed, progress=False)
    return fresh


def right(nets, digits):
    """The accuracy of each network; with the test set, since 360 images are few."""
    return np.array([np.average([mn.accuracy(net, part) for part in (digits.val, digits.test)],
                                weights=[len(digits.val), len(digits.test)]) for net in nets])


def kept(net):
    return [param.kept for param in net.params() if param.prunable]


def widths(net):
    """Neurons that are left in the two hidden layers."""
    return [param.shape[1] for param in mn.compact(net).params() if param.prunable][:2]


# ---- one cut or many ------------------------------------------------------------------------------------


def test_the_network_and_what_is_left(lesson):
    assert lesson.value("sum(p.size for p in net.params() if p.prunable)") == 50_200
    assert lesson.value("[sum(p.kept for p in each.params() if p.prunable) for each in pruned.values()]") == [1004] * 3
    assert lesson.value("mn.sparsity(net)") == 0


def test_the_loop_by_hand_does_what_iterate_does(lesson, claim):
    assert lesson.value("mn.sparsity(slow)") == pytest.approx(0.98)
    claim.every(lesson.value("mn.accuracy(slow, digits.val)"), above=0.85)  # "most digits"
    assert lesson.value("all((p.value == q.value).all() for p, q in zip(slow.params(), pruned[5].params()))")
    assert "54.3%" in printed(lesson, "levels") and "54.3% removed" in printed(lesson, "loop")


def test_without_a_guess_run_all_goes_on(lesson):
    assert lesson.value("guess.value") is None
    assert "You made no guess." in printed(lesson, "compare")
    lesson.run("guess.value = '5 rounds'")
    assert "Your guess was: 5 rounds." in lesson.run(text(lesson, "compare"))


def test_one_cut_ruins_and_rounds_do_not(lesson, once, five, digits, claim):
    found = lesson.value("[found[1], found[5], found[20]]")
    claim.every(min(found[1:]) - found[0], above=0.3)
    claim.every(right(five, digits) - right(once, digits), above=0.3)


def test_twenty_are_no_better_than_five(nets, five, digits, claim):
    twenty = [in_rounds(net, digits, 20, seed) for seed, net in nets.items()]
    claim.median(right(twenty, digits) - right(five, digits), below=0.03)  # five gain sixty points on one


def test_the_bottleneck_is_in_the_middle(lesson, once, five, claim):
    said = " ".join(text(lesson, "why-after").split())
    assert "fewer than 20 of the 300 neurons and fewer than 20 of the 100 are left" in said
    assert "with as many weights, more than 100 and more than 50." in said
    lesson.run("widths = lambda net: [p.shape[1] for p in mn.compact(net).params() if p.prunable][:2]")
    few, many = lesson.value("widths(pruned[1])"), lesson.value("widths(pruned[5])")
    for place, least in enumerate((100, 50)):
        claim.every(few[place], below=19)
        claim.every(many[place], above=least + 1)
        claim.every([widths(net)[place] for net in once], below=19)
        claim.every([widths(net)[place] for net in five], above=least + 1)
    assert {sum(kept(net)) for net in (*once, *five)} == {1004}
    middle = "[p.kept for p in pruned[{}].params() if p.prunable][1]".format
    claim.every(lesson.value(middle(5)) / lesson.value(middle(1)), above=4)
    claim.every([kept(slow)[1] / kept(fast)[1] for fast, slow in zip(once, five, strict=True)], above=4)
    spread = [param.data.std() for param in mn.models.mlp(64, 300, 100, 10, rng=0).params() if param.prunable]
    assert spread[1] == min(spread)  # many inputs: small initial weights


def test_after_one_cut_random_does_as_well_because_it_leaves_no_bottleneck(nets, once, digits, claim):
    by_chance = [in_rounds(net, digits, 1, seed, criterion=mn.random) for seed, net in nets.items()]
    claim.median(right(by_chance, digits) - right(once, digits), above=-0.02)
    claim.every([kept(net)[1] for net in by_chance], above=500)  # of 30,000, where 2 % are 600
    claim.every([kept(net)[1] for net in once], below=60)


def would_survive(net):
    cut = net.copy()
    mn.prune(cut, 0.98)
    return kept(cut)[1]


def test_the_weights_that_are_left_grow_until_they_survive(lesson, nets, digits, claim):
    survive = np.array(lesson.value("survive"))
    assert survive[0] == lesson.value("[p.kept for p in pruned[1].params() if p.prunable][1]")
    claim.every(np.diff(survive).min(), above=0)
    claim.every(survive[-1] / survive[0], above=4)
    survive, growth = [], []
    for seed, net in nets.items():
        net, rng, counts, ratios = net.copy(), np.random.default_rng(seed), [would_survive(net)], []
        weight = net.layers[2].weight
        for level in mn.geometric(0.98, 5)[:4]:
            mn.prune(net, level)
            start = np.abs(weight.data[weight.mask]).mean()
            mn.fit(net, digits.train, epochs=4, rng=rng, progress=False)
            ratios.append(np.abs(weight.data[weight.mask]).mean() / start)
            counts.append(would_survive(net))
        survive.append(counts)
        growth.append(min(ratios))
    survive = np.array(survive)
    claim.every(growth, above=1)
    claim.every(np.diff(survive).min(axis=1), above=0)
    claim.every(survive[:, -1] / survive[:, 0], above=4)


# ---- cures and controls ---------------------------------------------------------------------------------


def test_cures_help_and_at_90_per_cent_one_cut_is_enough(lesson, nets, once, five, digits, claim):
    names = "all compete", "same in each layer", "small layers keep more"
    worst, better, best = (lesson.value(f"found[{name!r}]") for name in names)
    claim.every(better - worst, above=0.15)
    claim.every(best - better, above=0)
    claim.every(best - lesson.value("found[5]"), above=-0.05, below=0.05)
    by_layer = right([cut_once(net, digits, seed, 0.98, scope=mn.layer) for seed, net in nets.items()], digits)
    shared = right([cut_once(net, digits, seed, mn.erdos_renyi(net, 0.98), scope=mn.layer)
                    for seed, net in nets.items()], digits)
    claim.every(by_layer - right(once, digits), above=0.15)
    claim.every(shared - by_layer, above=0)
    claim.every(shared - right(five, digits), above=-0.05, below=0.05)
    less = right([cut_once(net, digits, seed, 0.9) for seed, net in nets.items()], digits)
    claim.every(right(nets.values(), digits) - less, below=0.03)  # "almost nothing"


def test_random_fails_and_the_mask_from_scratch_does_as_well(lesson, nets, five, digits, claim):
    rounds, by_chance, fresh = lesson.value("[mn.accuracy(each, digits.val) for each in (pruned[5], by_dice, fresh)]")
    claim.every(rounds - by_chance, above=0.3)
    claim.every(fresh - rounds, above=-0.03)
    by_chance = [in_rounds(net, digits, 5, seed, criterion=mn.random) for seed, net in nets.items()]
    claim.every(right(five, digits) - right(by_chance, digits), above=0.3)
    fresh = [from_scratch(net, digits, seed) for seed, net in zip(nets, five, strict=True)]
    claim.median(right(fresh, digits) - right(five, digits), above=-0.02)


def test_the_mask_of_one_cut_is_no_good_from_scratch_either(nets, once, digits, claim):
    """Step 6 in the explorer."""
    fresh = [from_scratch(net, digits, seed) for seed, net in zip(nets, once, strict=True)]
    claim.every(right(fresh, digits), below=0.6)  # with the mask of five rounds more than 0.9


# ---- pitfalls -------------------------------------------------------------------------------------------


def test_rounds_that_compound_and_rounds_that_do_nothing(lesson):
    assert " 5 ×:  67.2% removed" in printed(lesson, "compound")
    assert printed(lesson, "nothing").strip() == "20%"


def test_momentum_revives_what_only_the_gradient_forgets(lesson):
    assert abs(lesson.value("train(masked=False)[1]")) > 0.1  # 40 steps of a small sum: nothing grows in them
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


def test_rewinding_in_twenty_short_rounds_fails(nets, digits, claim):
    few, many = [], []
    for seed in SEEDS[:2]:
        start = mn.snapshot(mn.models.mlp(64, 300, 100, 10, rng=seed))
        for rounds, found in ((5, few), (20, many)):
            found.append(in_rounds(nets[seed], digits, rounds, seed, rewind_to=start))
    claim.every(right(few, digits) - right(many, digits), above=0.3)


# ---- the explorer ---------------------------------------------------------------------------------------


def test_the_explorer_waits_until_it_is_asked(lesson):
    assert lesson.value("len(explorer.experiment.tried)") == 0
    assert "Not tried yet" in lesson.value("explorer._sentence.value")
    lesson.run("explorer.set(rounds=20)")
    assert lesson.value("len(explorer.shown.stairs)") == 41
    lesson.run("explorer.reset()")


def test_buttons_that_the_text_names_exist(lesson):
    for way in lesson.value("[*explorer.control['retraining'].options]"):
        assert f"**{way}**" in text(lesson, "explorer-text")
    assert any(state.get("description") == "Train this recipe" for state in lesson.widgets.values())


# ---- exercises ------------------------------------------------------------------------------------------
