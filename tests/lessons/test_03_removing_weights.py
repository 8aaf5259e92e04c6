"""What lesson 03 says is what lesson 03 shows: every claim of its text, compared with the lesson's own variables.

What the text says in general ("mostly", "with another seed") is tested with seeds that the reader does not see.
"""

import re

import numpy as np
import pytest

import minnet as mn
from minnet.draw import palette
from tests.lessons.running import printed, text

LESSON = "03_removing_weights.ipynb"
SEEDS = range(100, 112)


@pytest.fixture(scope="session")
def digits():
    return mn.data.digits()


@pytest.fixture(scope="session")
def nets(digits):
    """The lesson's network with other seeds."""
    made = []
    for seed in SEEDS:
        net = mn.models.mlp(64, 32, 16, 10, rng=seed)
        mn.fit(net, digits.train, epochs=30, rng=seed, progress=False)
        made.append(net)
    return made


@pytest.fixture(scope="session")
def tenths(nets, digits):
    """Each of them with a tenth of its weights: at once, and retrained."""
    before = [pruned(net, 0.9) for net in nets]
    after = [net.copy() for net in before]
    for seed, net in zip(SEEDS, after, strict=True):
        mn.fit(net, digits.train, epochs=20, rng=seed, progress=False)
    return before, after


def accuracies(nets, digits):
    return np.array([mn.accuracy(net, digits.val) for net in nets])


def pruned(net, *args, **kwargs):
    net = net.copy()
    mn.prune(net, *args, **kwargs)
    return net


def by_digit(net, digits):
    right = net(digits.val.x).argmax(axis=1) == digits.val.y
    return np.array([right[digits.val.y == digit].mean() for digit in range(10)])


# ---- the notebook as a file -----------------------------------------------------------------------------


# ---- the digits and the network -------------------------------------------------------------------------


def test_the_digits(lesson):
    assert lesson.value("sum(len(part) for part in (digits.train, digits.val, digits.test))") == 1797
    assert lesson.value("[float(digits.train.x.min()), float(digits.train.x.max())]") == [0, 1]
    assert lesson.value("list(digits.val.x.shape)") == [360, 64]
    counts = lesson.value("np.bincount(digits.val.y)")
    assert counts == pytest.approx([36] * 10, abs=2)


def test_the_network_is_drawn_whole_and_learns(claim, lesson):
    assert "makes 2720 weights" in printed(lesson, "count")
    assert lesson.value("mn.draw.network(net).drawn") == 2720
    claim.every(lesson.value("start"), above=0.93)


# ---- how much can go ------------------------------------------------------------------------------------


def free(net, digits, **how):
    """Per cent of the weights that can go before 2 points are lost, and the accuracies at 0 … 99 %."""
    net, curve = net.copy(), []
    ranking = mn.rank(net, **how)
    for percent in range(100):
        ranking.apply(percent / 100)
        curve.append(mn.accuracy(net, digits.val))
    return next(p for p in range(100) if curve[p] < curve[0] - 0.02) - 1, curve


def test_a_good_part_goes_almost_unnoticed_and_then_the_accuracy_falls_faster_and_faster(claim, lesson, nets, digits):
    assert f"Measured: {lesson.value('free')} %" in printed(lesson, "compare")
    claim.every(lesson.value("free"), above=20, below=50)
    found, curves = zip(*[free(net, digits) for net in nets], strict=True)
    claim.most(found, above=20, below=50, share=0.75)  # "mostly between a fifth and a half"
    for curve in (np.array([lesson.value("curve")]), np.array(curves)):
        first, second, third = (curve[:, left] - curve[:, left + 20] for left in (30, 50, 70))
        claim.median(second - first, above=0)
        claim.median(third - second, above=0)
        claim.every(curve[:, 0] - curve[:, 90], above=0.3)


def test_the_curve_leaves_the_network_whole(lesson):
    assert lesson.value("mn.sparsity(net)") == 0


def test_without_a_guess_run_all_goes_on(lesson):
    assert "You made no guess." in printed(lesson, "compare")
    lesson.run("guess.value = 40")
    assert "Your guess was 40 %." in lesson.run(text(lesson, "compare"))
    lesson.run("guess.value = 0")


# ---- the explorer ---------------------------------------------------------------------------------------


def test_the_slider_prunes_the_explorers_copy(lesson):
    lesson.run("explorer.control['sparsity'].value = 90")
    assert lesson.value("mn.sparsity(explorer.net)") == 0.9
    assert lesson.value("mn.sparsity(net)") == 0
    shown = lesson.value("explorer.shown.accuracy")
    assert shown == pytest.approx(lesson.value("curve[90]"))
    lesson.run("explorer.control['sparsity'].value = 0")


def test_random_pruning_loses_accuracy_much_earlier(claim, nets, digits):
    nearest = [free(net, digits)[0] for net in nets]
    at_random = [free(net, digits, criterion=mn.random, rng=seed)[0] for seed, net in zip(SEEDS, nets, strict=True)]
    claim.every(np.subtract(nearest, at_random), above=5)
    claim.median(np.subtract(nearest, at_random), above=15)


# ---- retraining -----------------------------------------------------------------------------------------


def test_the_second_curve_is_made_of_what_the_cell_does(claim, lesson, nets, digits):
    lesson.run("explorer.train(); explorer.wait(120)")
    assert lesson.value("explorer.shown.retrained[90]") == lesson.value("after")
    assert "green curve was made of" in text(lesson, "retrain-text")
    assert lesson.value("explorer._after.get_color()") == palette.AFTER == "#009E73"  # green
    curve = {int(percent): right for percent, right in lesson.value("explorer.shown.retrained").items()}
    assert 80 in curve
    few = 0.06  # "only a few points" at 80 %, and "far above the first curve" at 90 %
    claim.every([right - lesson.value("start") for percent, right in curve.items() if percent <= 80], above=-few)
    claim.every(curve[90] - lesson.value("curve[90]"), above=0.3)
    claim.every([curve[90] - right for percent, right in curve.items() if percent >= 97], above=0.1)
    fifths = [pruned(net, 0.8) for net in nets]
    for seed, net in zip(SEEDS, fifths, strict=True):
        mn.fit(net, digits.train, epochs=20, rng=seed, progress=False)
    claim.every(accuracies(fifths, digits) - accuracies(nets, digits), above=-few)


def test_a_tenth_is_kept_and_the_rest_are_ghosts(lesson):
    kept = lesson.value("sum(p.kept for p in small.params() if p.prunable)")
    assert (kept, 2720 - kept) == (272, 2448)
    code = next(cell.source for cell in lesson.notebook.cells if cell.id == "small-see")
    assert "272 kept and retrained, 2,448 as ghosts" in code


def test_retraining_brings_most_of_it_back(claim, lesson, nets, tenths, digits):
    assert lesson.value("mn.sparsity(small)") == 0.9
    others = [accuracies(each, digits) for each in (nets, *tenths)]
    for start, before, after in (others, lesson.value("[start, before, after]")):
        claim.every((after - before) / (start - before), above=0.7)  # most of what was lost ...
        claim.every(start - after, above=0)  # ... but not everything
        claim.every(after - before, above=0.3)  # "far above the first curve" at 90 %
        claim.every(after, above=0.8)


def test_a_tenth_of_the_larger_network_is_nearly_enough(claim, lesson, nets, tenths, digits):
    assert lesson.value("sum(p.size for p in large.params() if p.prunable)") == 50_200
    assert sum(a * b for a, b in ((784, 300), (300, 100), (100, 10))) == pytest.approx(267_000, rel=0.005)  # LeNet
    assert lesson.value("mn.sparsity(tenth)") == 0.9
    claim.every(lesson.value("mn.accuracy(tenth, digits.val) - mn.accuracy(large, digits.val)"), above=-0.03)

    def unseen(network):  # both parts, for 360 images are too few to see so small a loss
        return (mn.accuracy(network, digits.val) + mn.accuracy(network, digits.test)) / 2

    lost = []
    for seed, net, small in list(zip(SEEDS, nets, tenths[1], strict=True))[:4]:  # the larger network takes longer
        large = mn.models.mlp(64, 300, 100, 10, rng=seed)
        mn.fit(large, digits.train, epochs=20, rng=seed, progress=False)
        tenth = pruned(large, 0.9)
        mn.fit(tenth, digits.train, epochs=20, rng=seed, progress=False)
        lost.append([unseen(large) - unseen(tenth), unseen(net) - unseen(small)])
    large, small = np.array(lost).T
    claim.every(large, below=0.03)
    claim.every(small - large, above=0)  # "a larger one has more to spare"


# ---- near zero ------------------------------------------------------------------------------------------


def test_plain_training_leaves_no_zero_and_l1_does(claim, lesson, digits):
    assert lesson.value("zeros(net)") == lesson.value("zeros(plain)") == 0
    claim.every(lesson.value("zeros(pulled)") / 2720, above=0.2)
    claim.every(lesson.value("mn.accuracy(pulled, digits.val) - mn.accuracy(plain, digits.val)"), above=-0.04)
    assert "exactly the same outputs: True" in printed(lesson, "l1-free")
    hill, needle = lesson.value("[max(mn.draw.histogram(each).counts) for each in (plain, pulled)]")
    claim.every(needle / hill, above=3)  # "much taller"
    claim.every(needle - lesson.value("zeros(pulled)"), above=0)  # what is near zero is in the middle bar, too
    zeros = []
    for seed in SEEDS[:4]:
        pulled = mn.models.mlp(64, 32, 16, 10, rng=seed)
        mn.fit(pulled, digits.train, epochs=40, rng=seed, progress=False,
               optimiser=mn.SGD(0.05, momentum=0.9, l1=0.003))
        weights = np.concatenate([p.data.ravel() for p in pulled.params() if p.prunable])
        zeros.append(np.mean(weights == 0))
        swept = pruned(pulled, zeros[-1])
        assert np.array_equal(swept(digits.val.x), pulled(digits.val.x))
    claim.every(zeros, above=0.2)


def test_magnitude_beats_random_and_the_largest_carry_the_network(claim, lesson, nets, digits):
    def largest_first(weight):
        return -np.abs(weight)

    def left(criterion):
        return accuracies([pruned(net, 0.3, criterion=criterion, rng=0) for net in nets], digits)

    others = [left(criterion) for criterion in (mn.magnitude, mn.random, largest_first)]
    in_lesson = [float(part) / 100 for part in re.findall(r"([\d.]+)% recognised", printed(lesson, "control"))]
    for nearest, at_random, largest in (others, in_lesson):
        claim.every(nearest - at_random, above=0.1)
        claim.median(nearest - at_random, above=0.3)
        claim.every(at_random - largest, above=0)
        claim.median(at_random - largest, above=0.15)
    claim.every(left(mn.magnitude) - accuracies(nets, digits), above=-0.05)


def rescaled(net):
    copy = net.copy()
    first, second = copy.layers[0], copy.layers[2]
    first.weight.data[:, ::2] *= 10
    first.bias.data[::2] *= 10
    second.weight.data[::2] /= 10
    return copy


def test_the_rescaled_copy_answers_the_same_and_is_ruined_by_the_same_criterion(claim, lesson, nets, digits):
    assert "the same outputs, to 0.001: True" in printed(lesson, "twin")
    copies = [rescaled(net) for net in nets]
    for net, copy in zip(nets, copies, strict=True):
        np.testing.assert_allclose(copy(digits.val.x), net(digits.val.x), atol=1e-3)
    spared, ruined = (accuracies([pruned(each, 0.3) for each in those], digits) for those in (nets, copies))
    claim.every(spared - ruined, above=0.15)
    spared, ruined = (float(part) for part in re.findall(r"removed: ([\d.]+)%", printed(lesson, "twin-pruned")))
    claim.every(spared - ruined, above=15)


def test_weights_of_blank_pixels_never_learn_and_many_are_kept(claim, lesson, nets, digits):
    assert "3 dots are always paper" in printed(lesson, "paper")
    claim.every(lesson.value("survive"), above=0.2, below=0.3)
    claim.every(lesson.value("start - mn.accuracy(half, digits.val)"), above=0.03)  # those that went did something
    paper = digits.train.x.max(axis=0) == 0
    for seed, net in zip(SEEDS, nets, strict=True):
        untrained = mn.models.mlp(64, 32, 16, 10, rng=seed)
        assert np.array_equal(net.layers[0].weight.data[paper], untrained.layers[0].weight.data[paper])
    kept = [pruned(net, 0.5).layers[0].weight.mask[paper].mean() for net in nets]
    claim.median(kept, above=0.2, below=0.35)  # "about a quarter"
    claim.every(kept, above=0.1)


# ---- lost and gained ------------------------------------------------------------------------------------


def test_the_loss_is_not_shared_fairly(claim, lesson, nets, digits):
    lost = [lesson.value("loss"), *(by_digit(net, digits) - by_digit(pruned(net, 0.6), digits) for net in nets)]
    shares = np.sort(lost, axis=1) / np.sum(lost, axis=1, keepdims=True)
    for those in (shares[:1], shares[1:]):
        three, five = those[:, -3:].sum(axis=1), those[:, :5].sum(axis=1)
        claim.every(three, above=0.5)
        claim.median(three, above=0.65)  # a fair loss would seem to be 0.5, with 36 images for each digit
        claim.every(five, below=0.35)  # "hardly anything"; a fair loss would seem to be 0.3
        claim.median(five, below=0.2)


def test_bytes(lesson):
    dense, fast = lesson.value("[dense.nbytes, fast.nbytes]")
    assert printed(lesson, "bytes").startswith(f"{dense:,} bytes with all weights, {fast:,} ")
    assert dense == 4 * lesson.value("sum(p.size for p in large.params())")  # 4 bytes each
    assert dense / 10 < fast < dense / 3  # the notes of where they belong cost bytes too
    assert lesson.value("mn.sparse.compile(tenth, format='dense').nbytes") == dense  # zeros alone save nothing


def test_all_three_predictors_agree(lesson):
    assert lesson.value("bool(np.allclose(csr(x), tenth(x), rtol=1e-4, atol=1e-4))")
    assert lesson.value("bool(np.allclose(fast(x), tenth(x), rtol=1e-4, atol=1e-4))")
    assert lesson.value("bool(np.allclose(dense(x), large(x), rtol=1e-4, atol=1e-4))")


def test_the_sentence_about_time_follows_the_measurement(lesson):
    median = lesson.value("{name: time.median for name, time in took.items()}")
    said_of = dict(line.split(": ") for line in printed(lesson, "time-sentence").splitlines())
    assert set(said_of) == {"csr", "fast"}
    for name, said in said_of.items():
        factor = median["dense"] / median[name]
        assert said == (f"{factor:.1f} times faster than dense" if factor > 1 else
                        f"{1 / factor:.1f} times slower than dense")


def test_the_test_set_is_closed_until_the_button_is_pressed(lesson):
    code = "\n".join(cell.source for cell in lesson.notebook.cells if cell.cell_type == "code")
    assert "digits.test" not in code
    assert lesson.value("test.accuracies") is None
    lesson.run("test._button.click()")
    assert lesson.value("test.accuracies") == lesson.value(
        "[mn.accuracy(large, digits.test), mn.accuracy(tenth, digits.test)]")


# ---- pitfalls and exercises -----------------------------------------------------------------------------


def test_a_fifth_a_round_compounds(lesson):
    assert "1 − 0.8⁵ ≈ 67 %" in text(lesson, "pitfalls")
    assert f"{1 - 0.8**5:.0%}" == "67%"


def test_zeroed_weights_come_back_and_removed_ones_do_not(digits):
    for remove in (False, True):
        net = mn.models.mlp(64, 32, 10, rng=0)
        mn.fit(net, digits.train, epochs=2, rng=0, progress=False)
        weight = net.layers[0].weight
        zeroed = np.abs(weight.data) < 0.1
        if remove:
            weight.mask = ~zeroed
        else:
            weight.data[zeroed] = 0
        mn.fit(net, digits.train, epochs=1, rng=0, progress=False)
        learning = digits.train.x.max(axis=0) > 0
        assert (weight.value[zeroed & learning[:, None]] != 0).any() != remove


def test_the_last_layer_keeps_most(claim, nets):
    kept = [[p.kept / p.size for p in pruned(net, 0.9).params() if p.prunable] for net in nets]
    first, second, last = np.transpose(kept)
    claim.every(second - first, above=0)
    claim.every(last - second, above=0)
    spread = [p.data.std() for p in mn.models.mlp(64, 32, 16, 10, rng=0).params() if p.prunable]
    assert spread == sorted(spread)  # where a neuron has fewer inputs, its weights start larger


def test_the_text_names_what_the_explorer_shows(lesson):
    descriptions = {state.get("description") for state in lesson.widgets.values()}
    assert "Retrain at every sparsity" in text(lesson, "explorer-text")
    assert "Retrain at every sparsity" in descriptions
    assert lesson.value("[list(explorer.control['criterion'].options)]") == [["magnitude", "random"]]
