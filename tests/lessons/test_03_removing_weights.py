"""What lesson 03 says is what lesson 03 shows: every claim of its text, held against the lesson's own variables.

What the text says in general ("always", "with other dice") is held against several seeds, trained here in the same way.
"""

import numpy as np
import pytest

import minnet as mn
from minnet.draw import ink
from tests.lessons.running import printed, text

LESSON = "03_removing_weights.ipynb"
SEEDS = range(8)


@pytest.fixture(scope="session")
def digits():
    return mn.data.digits()


@pytest.fixture(scope="session")
def nets(digits):
    """The lesson's network with other dice."""
    made = []
    for seed in SEEDS:
        net = mn.models.mlp(64, 32, 16, 10, rng=seed)
        mn.fit(net, digits.train, epochs=30, rng=seed, progress=False)
        made.append(net)
    return made


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


def test_the_network_is_drawn_whole_and_learns(lesson):
    assert "makes 2720 weights" in printed(lesson, "count")
    assert lesson.value("mn.draw.network(net).drawn") == 2720
    assert lesson.value("start") > 0.93


# ---- how much can go ------------------------------------------------------------------------------------


def free(net, digits):
    """Per cent of the weights that can go before 2 points are lost, and the accuracies at 0 … 99 %."""
    net, curve = net.copy(), []
    ranking = mn.rank(net)
    for percent in range(100):
        ranking.apply(percent / 100)
        curve.append(mn.accuracy(net, digits.val))
    return next(p for p in range(100) if curve[p] < curve[0] - 0.02) - 1, curve


def test_a_good_part_goes_almost_unnoticed_and_then_the_accuracy_falls_faster_and_faster(lesson, nets, digits):
    assert 25 <= lesson.value("free") <= 50
    assert f"Measured: {lesson.value('free')} %" in printed(lesson, "compare")
    measured = [free(net, digits) for net in nets]
    assert np.mean([25 <= percent <= 50 for percent, _ in measured]) >= 0.75  # "mostly"
    assert all(curve[90] < curve[0] - 0.3 for _, curve in measured)
    for curve in [lesson.value("curve"), *(curve for _, curve in measured)]:
        assert curve[30] - curve[50] < curve[50] - curve[70] < curve[70] - curve[90]


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


def test_dice_lose_accuracy_much_earlier(nets, digits):
    for seed, net in enumerate(nets):
        by_dice = mn.accuracy(pruned(net, 0.3, criterion=mn.random, rng=seed), digits.val)
        assert by_dice < mn.accuracy(pruned(net, 0.3), digits.val) - 0.2


# ---- retraining -----------------------------------------------------------------------------------------


def test_the_second_curve_is_made_of_what_the_cell_does(lesson):
    lesson.run("explorer.retrain(); explorer.wait(120)")
    assert lesson.value("explorer.shown.retrained[90]") == lesson.value("after")
    assert "green curve was made of" in text(lesson, "retrain-text")
    assert lesson.value("explorer._after.get_color()") == ink.AFTER == "#009E73"  # green
    curve = {int(percent): right for percent, right in lesson.value("explorer.shown.retrained").items()}
    assert min(right for percent, right in curve.items() if percent <= 90) > lesson.value("start") - 0.08
    assert max(right for percent, right in curve.items() if percent >= 97) < curve[90] - 0.1


def test_a_tenth_is_kept_and_the_rest_are_ghosts(lesson):
    kept = lesson.value("sum(p.kept for p in small.params() if p.prunable)")
    assert (kept, 2720 - kept) == (272, 2448)
    code = next(cell.source for cell in lesson.notebook.cells if cell.id == "small-see")
    assert "272 kept and retrained, 2,448 as ghosts" in code


def test_retraining_brings_most_of_it_back(lesson, nets, digits):
    assert lesson.value("mn.sparsity(small)") == 0.9
    assert lesson.value("after") > lesson.value("start") - 0.12
    for seed, net in enumerate(nets):
        start, small = mn.accuracy(net, digits.val), pruned(net, 0.9)
        before = mn.accuracy(small, digits.val)
        mn.fit(small, digits.train, epochs=20, rng=seed, progress=False)
        after = mn.accuracy(small, digits.val)
        assert after - before > 0.7 * (start - before)  # most of what was lost ...
        assert after < start  # ... but not everything


def test_a_tenth_of_the_larger_network_is_nearly_enough(lesson):
    assert lesson.value("sum(p.size for p in large.params() if p.prunable)") == 50_200
    assert sum(a * b for a, b in ((784, 300), (300, 100), (100, 10))) == pytest.approx(267_000, rel=0.005)  # LeNet
    assert lesson.value("mn.sparsity(tenth)") == 0.9
    dense, tenth = lesson.value("[mn.accuracy(large, digits.val), mn.accuracy(tenth, digits.val)]")
    assert tenth > dense - 0.02


# ---- near zero ------------------------------------------------------------------------------------------


def test_plain_training_leaves_no_zero_and_l1_does(lesson, digits):
    assert lesson.value("zeros(net)") == lesson.value("zeros(plain)") == 0
    assert lesson.value("zeros(pulled)") > 2720 / 5
    plain, pulled = lesson.value("[mn.accuracy(plain, digits.val), mn.accuracy(pulled, digits.val)]")
    assert pulled == pytest.approx(plain, abs=0.03)
    assert "exactly the same outputs: True" in printed(lesson, "l1-free")
    heights = lesson.value("[mn.draw.histogram(each).counts for each in (plain, pulled)]")
    assert max(heights[1]) > 3 * max(heights[0])  # "much taller"
    assert max(heights[1]) > lesson.value("zeros(pulled)")  # what is near zero is in the middle bar too
    for seed in SEEDS:
        pulled = mn.models.mlp(64, 32, 16, 10, rng=seed)
        mn.fit(pulled, digits.train, epochs=40, rng=seed, progress=False,
               optimiser=mn.SGD(0.05, momentum=0.9, l1=0.003))
        weights = np.concatenate([p.data.ravel() for p in pulled.params() if p.prunable])
        assert np.mean(weights == 0) > 0.2
        swept = pruned(pulled, np.mean(weights == 0))
        assert np.array_equal(swept(digits.val.x), pulled(digits.val.x))


def test_magnitude_beats_dice_and_the_largest_carry_the_network(nets, digits):
    def largest_first(weight):
        return -np.abs(weight)

    for seed, net in enumerate(nets):
        nearest, dice, largest = (mn.accuracy(pruned(net, 0.3, criterion=criterion, rng=seed), digits.val)
                                  for criterion in (mn.magnitude, mn.random, largest_first))
        assert nearest > mn.accuracy(net, digits.val) - 0.03
        assert nearest > dice + 0.2 > largest + 0.2


def twin_of(net):
    twin = net.copy()
    first, second = twin.layers[0], twin.layers[2]
    first.weight.data[:, ::2] *= 10
    first.bias.data[::2] *= 10
    second.weight.data[::2] /= 10
    return twin


def test_the_twin_answers_the_same_and_is_ruined_by_the_same_rule(lesson, nets, digits):
    assert "the same outputs, to 0.001: True" in printed(lesson, "twin")
    for net in nets:
        twin = twin_of(net)
        np.testing.assert_allclose(twin(digits.val.x), net(digits.val.x), atol=1e-3)
        assert mn.accuracy(pruned(twin, 0.3), digits.val) < mn.accuracy(pruned(net, 0.3), digits.val) - 0.15


def test_weights_of_paper_never_learn_and_many_are_kept(lesson, nets, digits):
    assert "3 dots are always paper" in printed(lesson, "paper")
    assert lesson.value("survive") == pytest.approx(0.25, abs=0.03)  # "a quarter"
    assert lesson.value("mn.accuracy(half, digits.val)") < lesson.value("start") - 0.03  # others did something
    paper = digits.train.x.max(axis=0) == 0
    for seed, net in enumerate(nets):
        untrained = mn.models.mlp(64, 32, 16, 10, rng=seed)
        assert np.array_equal(net.layers[0].weight.data[paper], untrained.layers[0].weight.data[paper])
        assert pruned(net, 0.5).layers[0].weight.mask[paper].mean() > 0.1


# ---- lost and gained ------------------------------------------------------------------------------------


def test_the_loss_is_not_shared_fairly(lesson, nets, digits):
    assert lesson.value("loss[worst] >= 2 * loss.mean()")
    for net in nets:
        loss = by_digit(net, digits) - by_digit(pruned(net, 0.6), digits)
        assert np.sort(loss)[-3:].sum() > loss.sum() / 2
        assert loss.min() <= 0


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


def test_the_last_layer_keeps_most(lesson, nets):
    for net in nets:
        first, second, last = (p.kept / p.size for p in pruned(net, 0.9).params() if p.prunable)
        assert first < 0.1 < second < last
    spread = [p.data.std() for p in mn.models.mlp(64, 32, 16, 10, rng=0).params() if p.prunable]
    assert spread == sorted(spread)  # where a neuron has fewer inputs, the dice start with larger weights


def test_the_text_names_what_the_explorer_shows(lesson):
    descriptions = {state.get("description") for state in lesson.widgets.values()}
    assert "Retrain at every sparsity" in text(lesson, "explorer-text")
    assert "Retrain at every sparsity" in descriptions
    assert lesson.value("[list(explorer.control['criterion'].options)]") == [["magnitude", "random"]]
