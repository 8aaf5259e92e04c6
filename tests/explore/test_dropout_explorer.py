"""The twins without a browser: the numbers are the networks', Cut is for good."""

import gc
import re
import threading
from itertools import pairwise

import numpy as np
import pytest

import minnet as mn
from minnet.data.dataset import Dataset, Split
from minnet.experiments.dropout_comparison import with_dropout
from minnet.explore.dropout_explorer import DROPOUT_ON, PREDICT, TRAINING

SIZES = 40, 13, 9, 10


@pytest.fixture(scope="module")
def signals():
    """A small part of MNIST-1D, with an incomplete last batch."""
    whole = mn.data.mnist1d()
    few = {part: Split(getattr(whole, part).x[:n], getattr(whole, part).y[:n])
           for part, n in (("train", 150), ("val", 120), ("test", 10))}
    return Dataset("few signals", **few, image_shape=whole.image_shape, class_names=whole.class_names)


@pytest.fixture(scope="module")
def trained(signals):
    net = mn.models.mlp(*SIZES, rng=0)
    mn.fit(net, signals.train, epochs=40, rng=0, progress=False)
    return net


@pytest.fixture
def twins(trained, signals, tmp_path):
    twins = mn.explore.dropout_and_pruning(trained.copy(), signals, epochs=2, folder=tmp_path)
    yield twins
    twins.close()
    assert twins.errors == []


def plain(html):
    return re.sub("<[^>]+>", " ", html)


def numbers(net):
    return [param.data.copy() for param in net.params()]


def same(one, two):
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


# ---- what is shown --------------------------------------------------------------------------------------


def check(twins, net, signals):
    """Every number, recomputed from copies of the network that was given (before training and cutting)."""
    shown, state = twins.shown, twins.state
    p = state["fraction"] / 100
    right = net.copy()
    structure = mn.weights if state["structure"] == "weights" else mn.along("out")
    mn.prune(right, p, criterion=getattr(mn, state["criterion"]), structure=structure, scope=mn.layer, rng=0)
    x = signals.val.x[state["signal"]][None]
    asked = 0 if state["mode"] == TRAINING else 100
    assert shown.pruning.answers.tolist() == [asked * (i == right(x).argmax()) for i in range(10)]
    assert (shown.pruning.moment.train, shown.pruning.moment.new) == (mn.accuracy(right, signals.train),
                                                                      mn.accuracy(right, signals.val))
    assert shown.dropout.moment.new == shown.start.new == mn.accuracy(net, signals.val)
    assert shown.pruning.used == sum(p.kept for p in mn.compact(right).params() if p.prunable)
    assert shown.pruning.parameters == shown.dropout.parameters == sum(p.size for p in net.params())
    assert shown.pruning.bytes == shown.start_bytes == (twins.experiment.folder / "whole.safetensors").stat().st_size

    speaking = [int(each.sum()) for each in shown.dropout.active]
    a, b = speaking
    assert shown.dropout.used == 40 * a + a * b + b * 10
    text = plain(twins._sentence.value)
    if state["mode"] == TRAINING:
        assert not shown.dropout.answers.any()
        assert f"drops {13 - a} of 13 and {9 - b} of 9" in text
        assert f"multiplied by {1 / (1 - p):.2f}" in text
    elif state["mode"] == PREDICT:
        assert speaking == [13, 9] and "are all back" in text
        assert shown.dropout.answers.max() == 100
        one, two = (np.argmax(each.answers) for each in (shown.dropout, shown.pruning))
        assert f"dropout answers {one} every time, pruning answers {two} every time." in text
    else:
        rng = np.random.default_rng((0, state["signal"]))
        answers = with_dropout(net, p).forward(np.repeat(x, 100, axis=0), rng)[0].argmax(axis=1)
        assert shown.dropout.answers.tolist() == np.bincount(answers, minlength=10).tolist()
        assert f"{shown.noisy.min():.1%} to {shown.noisy.max():.1%}" in text
    assert f"{shown.pruning.used:,}" in text and f"{shown.pruning.used:,}" in plain(twins._table.value)
    drawn = [int(np.count_nonzero(window.kept.get_linewidths())) for window in twins._samples]
    for count, side, window in zip(drawn, (shown.dropout, shown.pruning), twins._samples, strict=True):
        parts = (mask[np.ix_(*pair)] for mask, pair in zip(side.masks, pairwise(window.shown), strict=True))
        assert count == sum(int(part.sum()) for part in parts)
    assert [bar.get_height() for bar in twins._bars.bars[0]] == shown.dropout.answers.tolist()


def move(twins, rng):
    """One move of one control, extremes included."""
    name = str(rng.choice(list(twins.control)))
    control = twins.control[name]
    if hasattr(control, "options"):
        control.value = str(rng.choice(control.options))
    else:
        control.value = int(rng.choice([control.min, control.max, rng.integers(control.min, control.max + 1)]))


def test_a_random_walk_over_all_controls(twins, trained, signals):
    rng = np.random.default_rng(0)
    before = numbers(trained)
    for _ in range(60):
        move(twins, rng)
        if rng.random() < 0.05:
            twins._reset.click()
            assert twins.state == twins._start
        assert twins.errors == []
        check(twins, trained, signals)
    assert same(before, numbers(trained))


def test_dropout_rests_others_at_each_step_and_pruning_does_not(twins):
    twins.set(fraction=40)
    resting, frozen, pictures = [], [], set()
    for step in range(1, twins.control["step"].max + 1):
        twins.set(step=step)
        resting.append(np.concatenate(twins.shown.dropout.active))
        frozen.append(twins.shown.pruning.masks)
        pictures.add(twins.png())
    assert len({each.tobytes() for each in resting}) == len(resting) == len(pictures)
    assert all(same(masks, frozen[0]) for masks in frozen)
    assert np.mean(resting) == pytest.approx(0.6, abs=0.15)
    assert np.all(np.any(resting, axis=0))  # everybody speaks some time


def test_another_structure_leaves_no_mask_of_the_one_before(twins, trained, signals):
    twins.set(structure="weights", fraction=60)
    twins.set(structure="neurons", fraction=20)
    check(twins, trained, signals)


def test_it_opens_with_a_signal_that_both_recognise_and_dropout_doubts(twins):
    truth = twins.experiment.data.val.y[twins.state["signal"]]
    for mode, least, most in ((PREDICT, 100, 100), (DROPOUT_ON, 50, 90)):
        twins.set(mode=mode)
        assert least <= twins.shown.dropout.answers[truth] <= most and twins.shown.pruning.answers[truth] == 100


def test_while_they_learn_nobody_is_asked(twins):
    bars = twins._bars
    for mode, asked in ((TRAINING, False), (DROPOUT_ON, True), (TRAINING, False)):
        twins.set(mode=mode)
        assert bars._silence.get_visible() != asked and bars._truth.get_visible() == asked
        assert [sum(bar.get_height() for bar in side) for side in bars.bars] == [100 * asked] * 2


def test_what_is_recognised_stands_first_and_every_time_is_told(twins):
    heads, first, *rest = re.findall("<tr>(.*?)</tr>", twins._table.value)
    assert "Recognised" in first
    assert all(cell for row in (first, *rest) for cell in re.findall("<td>(.*?)</td>", row))
    assert len(re.findall("<th", heads)) == 4


# ---- training -------------------------------------------------------------------------------------------


def test_both_learn_on_the_same_batches_and_what_is_pruned_stays_so(twins, trained, signals):
    twins.set(fraction=30, structure="neurons")
    twins._training.start.click()
    assert twins.wait(60)
    left, right = with_dropout(trained.copy(), 0.3), trained.copy()
    mn.prune(right, 0.3, structure=mn.along("out"), scope=mn.layer)
    masks = [param.mask for param in right.params()]
    for net in (left, right):  # by hand
        mn.fit(net, signals.train, epochs=2, rng=0, progress=False)
    assert twins.state["step"] == twins.control["step"].max  # where the new numbers are
    assert twins._training.bar.value == 1
    shown = twins.shown
    assert f"{100 * shown.dropout.moment.new:.1f}" in twins._table.value and shown.epochs == 2
    assert len(shown.dropout.record) == len(shown.pruning.record) == 3
    assert (shown.dropout.moment.train, shown.dropout.moment.new) == (mn.accuracy(left, signals.train),
                                                                      mn.accuracy(left, signals.val))
    assert shown.pruning.moment.new == mn.accuracy(right, signals.val)
    assert same(shown.dropout.weights, [layer.weight.data for layer in left.layers if isinstance(layer, mn.Dense)])
    assert shown.dropout.parameters == sum(param.size for param in trained.params())
    assert all(np.array_equal(a.mask, b) if b is not None else a.mask is None
               for a, b in zip(twins.experiment.pruned.params(), masks, strict=True))
    assert twins._curves.lines[1].get_xydata()[:, 0].tolist() == [0, 5, 10]
    twins.set(step=7)  # between two epochs: the numbers of the last whole one
    assert twins.shown.epochs == 1 and twins.shown.dropout.moment is shown.dropout.record[1]
    twins.set(fraction=31)
    assert len(twins.shown.dropout.record) == 1 and "not yet trained" in twins._training.text.value
    twins.set(fraction=30)
    assert len(twins.shown.dropout.record) == 3


def test_whoever_chooses_other_twins_begins_where_they_are(twins):
    step, last = twins.control["step"], twins.control["step"].max
    step.value = 4
    for name, value in (("fraction", 40), ("structure", "weights"), ("criterion", "random"), ("fraction", 30)):
        twins.control[name].value = value
        assert step.value == 4  # nobody is trained, there is no better step
    twins.train()
    assert twins.wait(60) and step.value == last
    for name, value in (("fraction", 31), ("structure", "neurons"), ("criterion", "magnitude")):
        before = twins.state[name]
        twins.control[name].value = value
        assert (step.value, twins._training.bar.value, twins.shown.trained) == (1, 0, 0)
        assert "not yet trained" in twins._training.text.value
        twins.control[name].value = before
        assert (step.value, twins._training.bar.value, twins.shown.trained) == (last, 1, 2)
    twins._training.start.click()  # there is nothing left to train
    assert twins.wait(60) and twins._training.bar.value == 1 and len(twins.shown.dropout.record) == 3
    twins._cut.click()
    assert twins.state["step"] == last and twins.shown.dropout.moment is twins.shown.dropout.record[-1]


def test_controls_answer_while_it_trains_and_cancel_keeps_what_is_there(trained, signals):
    twins = mn.explore.dropout_and_pruning(trained.copy(), signals, epochs=400)
    twins._training.start.click()
    rng = np.random.default_rng(1)
    while len(twins.experiment.records[("dropout", 20)]) < 3:
        twins.set(step=int(rng.integers(1, 1000)))
        assert twins.shown.step == twins.state["step"]
    assert not twins._training.cancel.disabled
    twins._training.cancel.click()
    assert twins.wait(30) and twins._training.cancel.disabled
    done = len(twins.experiment.records[("dropout", 20)])
    assert 3 <= done < 400 and len(twins.shown.dropout.record) == done
    assert twins.state["step"] == 5 * (done - 1) and twins.shown.dropout.moment is twins.shown.dropout.record[-1]
    twins.close()
    assert twins.errors == []


def test_only_so_many_trained_twins_are_remembered(twins):
    for fraction in range(0, 90, 10):
        twins.set(fraction=fraction)
        twins.train()
        twins.wait(60)
    assert len(twins.experiment.records) <= 12 and len(twins.shown.dropout.record) == 3


# ---- cutting --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("structure", ["weights", "neurons"])
@pytest.mark.parametrize("train", [False, True])
def test_what_is_cut_is_gone_whatever_is_moved(twins, trained, signals, structure, train):
    twins.set(fraction=60, structure=structure)
    if train:
        twins.train()
        twins.wait(60)
        twins.set(step=twins.control["step"].max)
    before, whole = twins.shown.pruning, sum(param.size for param in trained.params())
    masked = twins.experiment.pruned.copy()
    twins._cut.click()
    after = twins.shown.pruning
    assert "pruned.safetensors" in twins._message.value
    assert after.used == before.used
    assert after.bytes < before.bytes and after.bytes == (twins.experiment.folder / "pruned.safetensors").stat().st_size
    assert after.moment.new == before.moment.new
    np.testing.assert_allclose(twins.experiment.small(signals.val.x), masked(signals.val.x), rtol=1e-5, atol=1e-5)
    loaded = mn.load(twins.experiment.folder / "pruned.safetensors")
    assert np.array_equal(loaded(signals.val.x), twins.experiment.small(signals.val.x))
    if structure == "neurons":
        assert after.parameters < whole and after.shapes == [(40, 5), (5, 4), (4, 10)]
        assert sum(param.size for param in twins.experiment.small.params()) == after.parameters

    rng = np.random.default_rng(2)
    for _ in range(60):
        move(twins, rng)
        if rng.random() < 0.1:
            rng.choice([twins._reset, twins._cut]).click()
        now = twins.shown
        assert (now.pruning.used, now.pruning.bytes, now.pruning.shapes) == (after.used, after.bytes, after.shapes)
        assert same(now.pruning.masks, after.masks) and now.cut
        assert now.dropout.parameters == whole
    twins._reset.click()
    assert "gone" in twins._message.value and twins.state == twins._start
    with pytest.raises(ValueError, match="gone for good"):
        cut_again = twins.experiment.small.copy() if structure == "weights" else masked
        mn.cut(cut_again)
        mn.restore(cut_again)


def test_what_was_cut_can_still_learn(twins, signals):
    twins.set(fraction=50, structure="weights")
    twins._cut.click()
    used = twins.shown.pruning.used
    twins.train()
    twins.wait(60)
    twins.set(step=twins.control["step"].max)
    assert len(twins.shown.pruning.record) == 3 and twins.shown.pruning.used == used
    small = twins.experiment.small.copy()
    mn.fit(small, signals.train, epochs=2, rng=0, progress=False)
    assert twins.shown.pruning.moment.new == mn.accuracy(small, signals.val)


def test_without_anything_pruned_there_is_nothing_to_cut(twins):
    twins.set(fraction=0)
    twins._cut.click()
    assert "nothing to cut" in twins._message.value and twins.experiment.small is None


def test_at_the_last_extreme_something_is_left_to_cut(twins):
    twins.set(fraction=95, structure="weights", criterion="random")
    twins._cut.click()
    assert twins.errors == []


# ---- good manners ---------------------------------------------------------------------------------------


def test_it_says_what_it_takes(trained, signals):
    with pytest.raises(TypeError, match="whole data set"):
        mn.explore.dropout_and_pruning(trained, signals.train)
    with pytest.raises(TypeError, match="fully connected"):
        mn.explore.dropout_and_pruning(mn.models.signal_conv(rng=0), signals)
    with pytest.raises(TypeError, match="fully connected"):
        mn.explore.dropout_and_pruning(mn.models.mlp(40, 10, rng=0), signals)
    half = trained.copy()
    mn.prune(half, 0.5)
    with pytest.raises(ValueError, match=r"mn\.restore"):
        mn.explore.dropout_and_pruning(half, signals)


def test_opened_and_closed_it_leaves_nothing_behind(trained, signals):
    import ipywidgets

    mn.explore.dropout_and_pruning(trained, signals).close()
    gc.collect()
    widgets, threads = len(ipywidgets.widgets.widget._instances), threading.active_count()
    folders = []
    for _ in range(3):
        twins = mn.explore.dropout_and_pruning(trained, signals, epochs=50)
        twins.train()
        twins.set(fraction=50)
        folders.append(twins.experiment.folder)
        twins.close()
    assert threading.active_count() == threads
    assert len(ipywidgets.widgets.widget._instances) == widgets
    del twins
    gc.collect()
    assert not any(folder.exists() for folder in folders)


def test_everything_has_a_label(twins):
    assert all(control.description for control in twins.control.values())
    assert twins._sentence.value.startswith('<p role="status" aria-live="polite">')
    assert "scope='row'" in twins._table.value
