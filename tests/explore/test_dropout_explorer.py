"""The dropout explorer without a browser: the numbers are the networks', Cut is for good."""

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
def explorer(trained, signals, tmp_path):
    explorer = mn.explore.dropout_and_pruning(trained.copy(), signals, epochs=2, folder=tmp_path)
    yield explorer
    explorer.close()
    assert explorer.errors == []


def plain(html):
    return re.sub("<[^>]+>", " ", html)


def numbers(net):
    return [param.data.copy() for param in net.params()]


def same(one, two):
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


# ---- what is shown --------------------------------------------------------------------------------------


def check(explorer, net, signals):
    """Every number, recomputed from copies of the network that was given (before training and cutting)."""
    shown, state = explorer.shown, explorer.state
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
    assert shown.pruning.bytes == shown.start_bytes == (explorer.experiment.folder / "whole.safetensors").stat().st_size

    speaking = [int(each.sum()) for each in shown.dropout.active]
    a, b = speaking
    assert shown.dropout.used == 40 * a + a * b + b * 10
    text = plain(explorer._sentence.value)
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
    assert f"{shown.pruning.used:,}" in text and f"{shown.pruning.used:,}" in plain(explorer._table.value)
    drawn = [int(np.count_nonzero(window.kept.get_linewidths())) for window in explorer._samples]
    for count, side, window in zip(drawn, (shown.dropout, shown.pruning), explorer._samples, strict=True):
        parts = (mask[np.ix_(*pair)] for mask, pair in zip(side.masks, pairwise(window.shown), strict=True))
        assert count == sum(int(part.sum()) for part in parts)
    assert [bar.get_height() for bar in explorer._bars.bars[0]] == shown.dropout.answers.tolist()


def move(explorer, rng):
    """One move of one control, extremes included."""
    name = str(rng.choice(list(explorer.control)))
    control = explorer.control[name]
    if hasattr(control, "options"):
        control.value = str(rng.choice(control.options))
    else:
        control.value = int(rng.choice([control.min, control.max, rng.integers(control.min, control.max + 1)]))


def test_a_random_walk_over_all_controls(explorer, trained, signals):
    rng = np.random.default_rng(0)
    before = numbers(trained)
    for _ in range(60):
        move(explorer, rng)
        if rng.random() < 0.05:
            explorer._reset.click()
            assert explorer.state == explorer._start
        assert explorer.errors == []
        check(explorer, trained, signals)
    assert same(before, numbers(trained))


def test_dropout_rests_others_at_each_step_and_pruning_does_not(explorer):
    explorer.set(fraction=40)
    resting, frozen, pictures = [], [], set()
    for step in range(1, explorer.control["step"].max + 1):
        explorer.set(step=step)
        resting.append(np.concatenate(explorer.shown.dropout.active))
        frozen.append(explorer.shown.pruning.masks)
        pictures.add(explorer.png())
    assert len({each.tobytes() for each in resting}) == len(resting) == len(pictures)
    assert all(same(masks, frozen[0]) for masks in frozen)
    assert np.mean(resting) == pytest.approx(0.6, abs=0.15)
    assert np.all(np.any(resting, axis=0))  # everybody speaks some time


def test_another_structure_leaves_no_mask_of_the_one_before(explorer, trained, signals):
    explorer.set(structure="weights", fraction=60)
    explorer.set(structure="neurons", fraction=20)
    check(explorer, trained, signals)


def test_it_opens_with_a_signal_that_both_recognise_and_dropout_doubts(explorer):
    truth = explorer.experiment.data.val.y[explorer.state["signal"]]
    for mode, least, most in ((PREDICT, 100, 100), (DROPOUT_ON, 50, 90)):
        explorer.set(mode=mode)
        assert least <= explorer.shown.dropout.answers[truth] <= most and explorer.shown.pruning.answers[truth] == 100


def test_while_they_learn_nothing_is_predicted(explorer):
    bars = explorer._bars
    for mode, asked in ((TRAINING, False), (DROPOUT_ON, True), (TRAINING, False)):
        explorer.set(mode=mode)
        assert bars._silence.get_visible() != asked and bars._truth.get_visible() == asked
        assert [sum(bar.get_height() for bar in side) for side in bars.bars] == [100 * asked] * 2


def test_what_is_recognised_stands_first_and_every_time_is_in_the_table(explorer):
    heads, first, *rest = re.findall("<tr>(.*?)</tr>", explorer._table.value)
    assert "Recognised" in first
    assert all(cell for row in (first, *rest) for cell in re.findall("<td>(.*?)</td>", row))
    assert len(re.findall("<th", heads)) == 4


# ---- training -------------------------------------------------------------------------------------------


def test_both_learn_on_the_same_batches_and_what_is_pruned_stays_so(explorer, trained, signals):
    explorer.set(fraction=30, structure="neurons")
    explorer._training.start.click()
    assert explorer.wait(60)
    left, right = with_dropout(trained.copy(), 0.3), trained.copy()
    mn.prune(right, 0.3, structure=mn.along("out"), scope=mn.layer)
    masks = [param.mask for param in right.params()]
    for net in (left, right):  # by hand
        mn.fit(net, signals.train, epochs=2, rng=0, progress=False)
    assert explorer.state["step"] == explorer.control["step"].max  # where the new numbers are
    assert explorer._training.bar.value == 1
    shown = explorer.shown
    assert f"{100 * shown.dropout.moment.new:.1f}" in explorer._table.value and shown.epochs == 2
    assert len(shown.dropout.record) == len(shown.pruning.record) == 3
    assert (shown.dropout.moment.train, shown.dropout.moment.new) == (mn.accuracy(left, signals.train),
                                                                      mn.accuracy(left, signals.val))
    assert shown.pruning.moment.new == mn.accuracy(right, signals.val)
    assert same(shown.dropout.weights, [layer.weight.data for layer in left.layers if isinstance(layer, mn.Dense)])
    assert shown.dropout.parameters == sum(param.size for param in trained.params())
    assert all(np.array_equal(a.mask, b) if b is not None else a.mask is None
               for a, b in zip(explorer.experiment.pruned.params(), masks, strict=True))
    assert explorer._curves.lines[1].get_xydata()[:, 0].tolist() == [0, 5, 10]
    explorer.set(step=7)  # between two epochs: the numbers of the last whole one
    assert explorer.shown.epochs == 1 and explorer.shown.dropout.moment is shown.dropout.record[1]
    explorer.set(fraction=31)
    assert len(explorer.shown.dropout.record) == 1 and "not yet trained" in explorer._training.text.value
    explorer.set(fraction=30)
    assert len(explorer.shown.dropout.record) == 3


def test_another_choice_begins_where_its_training_is(explorer):
    step, last = explorer.control["step"], explorer.control["step"].max
    step.value = 4
    for name, value in (("fraction", 40), ("structure", "weights"), ("criterion", "random"), ("fraction", 30)):
        explorer.control[name].value = value
        assert step.value == 4  # nobody is trained, there is no better step
    explorer.train()
    assert explorer.wait(60) and step.value == last
    for name, value in (("fraction", 31), ("structure", "neurons"), ("criterion", "magnitude")):
        before = explorer.state[name]
        explorer.control[name].value = value
        assert (step.value, explorer._training.bar.value, explorer.shown.trained) == (1, 0, 0)
        assert "not yet trained" in explorer._training.text.value
        explorer.control[name].value = before
        assert (step.value, explorer._training.bar.value, explorer.shown.trained) == (last, 1, 2)
    explorer._training.start.click()  # there is nothing left to train
    assert explorer.wait(60) and explorer._training.bar.value == 1 and len(explorer.shown.dropout.record) == 3
    explorer._cut.click()
    assert explorer.state["step"] == last and explorer.shown.dropout.moment is explorer.shown.dropout.record[-1]


def test_controls_answer_while_it_trains_and_cancel_keeps_what_is_there(trained, signals):
    explorer = mn.explore.dropout_and_pruning(trained.copy(), signals, epochs=400)
    explorer._training.start.click()
    rng = np.random.default_rng(1)
    while len(explorer.experiment.records[("dropout", 20)]) < 3:
        explorer.set(step=int(rng.integers(1, 1000)))
        assert explorer.shown.step == explorer.state["step"]
    assert not explorer._training.cancel.disabled
    explorer._training.cancel.click()
    assert explorer.wait(30) and explorer._training.cancel.disabled
    done = len(explorer.experiment.records[("dropout", 20)])
    assert 3 <= done < 400 and len(explorer.shown.dropout.record) == done
    assert explorer.state["step"] == 5 * (done - 1)
    assert explorer.shown.dropout.moment is explorer.shown.dropout.record[-1]
    explorer.close()
    assert explorer.errors == []


def test_only_the_latest_trainings_are_kept(explorer):
    for fraction in range(0, 90, 10):
        explorer.set(fraction=fraction)
        explorer.train()
        explorer.wait(60)
    assert len(explorer.experiment.records) <= 12 and len(explorer.shown.dropout.record) == 3


# ---- cutting --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("structure", ["weights", "neurons"])
@pytest.mark.parametrize("train", [False, True])
def test_what_is_cut_is_gone_whatever_is_moved(explorer, trained, signals, structure, train):
    explorer.set(fraction=60, structure=structure)
    if train:
        explorer.train()
        explorer.wait(60)
        explorer.set(step=explorer.control["step"].max)
    before, whole = explorer.shown.pruning, sum(param.size for param in trained.params())
    masked = explorer.experiment.pruned.copy()
    explorer._cut.click()
    after = explorer.shown.pruning
    assert "pruned.safetensors" in explorer._message.value
    assert after.used == before.used
    assert after.bytes < before.bytes
    assert after.bytes == (explorer.experiment.folder / "pruned.safetensors").stat().st_size
    assert after.moment.new == before.moment.new
    np.testing.assert_allclose(explorer.experiment.small(signals.val.x), masked(signals.val.x), rtol=1e-5, atol=1e-5)
    loaded = mn.load(explorer.experiment.folder / "pruned.safetensors")
    assert np.array_equal(loaded(signals.val.x), explorer.experiment.small(signals.val.x))
    if structure == "neurons":
        assert after.parameters < whole and after.shapes == [(40, 5), (5, 4), (4, 10)]
        assert sum(param.size for param in explorer.experiment.small.params()) == after.parameters

    rng = np.random.default_rng(2)
    for _ in range(60):
        move(explorer, rng)
        if rng.random() < 0.1:
            rng.choice([explorer._reset, explorer._cut]).click()
        now = explorer.shown
        assert (now.pruning.used, now.pruning.bytes, now.pruning.shapes) == (after.used, after.bytes, after.shapes)
        assert same(now.pruning.masks, after.masks) and now.cut
        assert now.dropout.parameters == whole
    explorer._reset.click()
    assert "gone" in explorer._message.value and explorer.state == explorer._start
    with pytest.raises(ValueError, match="gone for good"):
        cut_again = explorer.experiment.small.copy() if structure == "weights" else masked
        mn.cut(cut_again)
        mn.restore(cut_again)


def test_what_was_cut_can_still_learn(explorer, signals):
    explorer.set(fraction=50, structure="weights")
    explorer._cut.click()
    used = explorer.shown.pruning.used
    explorer.train()
    explorer.wait(60)
    explorer.set(step=explorer.control["step"].max)
    assert len(explorer.shown.pruning.record) == 3 and explorer.shown.pruning.used == used
    small = explorer.experiment.small.copy()
    mn.fit(small, signals.train, epochs=2, rng=0, progress=False)
    assert explorer.shown.pruning.moment.new == mn.accuracy(small, signals.val)


def test_cut_cuts_what_its_own_explorer_shows(explorer):
    explorer.set(fraction=20)
    other, before = explorer.another(), explorer.shown.pruning
    other.set(fraction=80)
    explorer._cut.click()
    other.close()
    after = explorer.shown.pruning
    assert explorer.errors == [] and explorer.shown.cut
    assert after.used == before.used and same(after.masks, before.masks)


def test_without_anything_pruned_there_is_nothing_to_cut(explorer):
    explorer.set(fraction=0)
    explorer._cut.click()
    assert "nothing to cut" in explorer._message.value and explorer.experiment.small is None


def test_at_the_last_extreme_something_is_left_to_cut(explorer):
    explorer.set(fraction=95, structure="weights", criterion="random")
    explorer._cut.click()
    assert explorer.errors == []


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
        explorer = mn.explore.dropout_and_pruning(trained, signals, epochs=50)
        explorer.train()
        explorer.set(fraction=50)
        folders.append(explorer.experiment.folder)
        explorer.close()
    assert threading.active_count() == threads
    assert len(ipywidgets.widgets.widget._instances) == widgets
    del explorer
    gc.collect()
    assert not any(folder.exists() for folder in folders)


def test_everything_has_a_label(explorer):
    assert all(control.description for control in explorer.control.values())
    assert explorer._sentence.value.startswith('<p role="status" aria-live="polite">')
    assert "scope='row'" in explorer._table.value
