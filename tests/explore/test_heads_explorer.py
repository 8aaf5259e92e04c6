"""The heads explorer without a browser: what is shown is what removing by hand, `mn.prune` and training give."""

import re
import threading

import numpy as np
import pytest

import minnet as mn
from minnet.experiments import BATCH
from minnet.experiments.head_ablation import without
from minnet.nn.attention import patterns, removed_heads
from tests.closeness import assert_close


@pytest.fixture(scope="module")
def sequences():
    return mn.data.recall(pairs=3, keys=4, values=3, samples=(600, 200, 50))


@pytest.fixture(scope="module")
def net(sequences):
    net = mn.models.tiny_transformer(tokens=4, n_in=7, width=12, heads=3, n_out=3, rng=0)
    mn.fit(net, sequences.train, epochs=8, rng=0, progress=False)
    return net


@pytest.fixture
def explorer(net, sequences):
    explorer = mn.explore.heads(net, sequences, epochs=1)
    yield explorer
    explorer.close()
    assert explorer.errors == []


def said(explorer):
    return re.sub("<[^>]+>", "", explorer._sentence.value)


def right(net, sequences):
    """Accuracy, in batches as the explorer takes them: in others the last bits differ, and with them close calls."""
    return mn.accuracy(net, sequences.val, batch=BATCH)


def check(explorer, net, sequences):
    """Everything shown against a network that was pruned separately."""
    assert explorer.wait(60)
    shown = explorer.shown
    assert shown.accuracy == pytest.approx(right(net, sequences))
    assert f"{shown.accuracy:.1%} of 200 validation samples are right" in said(explorer)
    for layer, (lost, costs, fallen) in enumerate(zip(removed_heads(net), shown.costs, shown.removed, strict=True), 1):
        assert np.array_equal(lost, fallen) and np.array_equal(lost, np.isnan(costs))
        for head in np.flatnonzero(~lost):
            left = right(without(net, (layer, head + 1)), sequences)
            assert costs[head] == pytest.approx(shown.accuracy - left)
            assert explorer._gaze._tiles[layer - 1][head][1].get_text().endswith(f"\nlost: {100 * costs[head]:.1f}")
    sample = sequences.val.x[explorer.state["sample"]]
    for maps, mine, lost in zip(shown.maps, patterns(net, sample), removed_heads(net), strict=True):
        assert_close(maps[~lost], mine[~lost])
    answer = sequences.class_names[net(sample[None])[0].argmax()]
    assert shown.answer == answer and f"Answer: {answer}" in said(explorer)
    removed = sum(int(lost.sum()) for lost in removed_heads(net))
    assert explorer._point.get_xydata() == pytest.approx(np.array([[removed, 100 * shown.accuracy]]))
    assert shown.left == sum(param.size for param in mn.compact(net).params())
    assert f"leaves {shown.left:,} of {sum(param.size for param in net.params()):,} numbers" in said(explorer)


def test_it_opens_with_everything(explorer, net, sequences):
    check(explorer, net, sequences)
    assert "Removed: nothing." in said(explorer) and explorer.shown.left == explorer.shown.numbers
    assert explorer.shown.words == mn.data.spelled(sequences, sequences.val.x[0])


@pytest.mark.parametrize("criterion", ["taylor", "magnitude", "random"])
def test_by_ranking_the_same_heads_fall_as_with_prune(explorer, net, sequences, criterion):
    for count in range(5):
        explorer.set(ranked=count, criterion=criterion)
        pruned = net.copy()
        mn.prune(pruned, count / 6, criterion=getattr(mn, criterion), structure=mn.along("head"),
                 data=sequences.train, rng=0)
        check(explorer, pruned, sequences)
        assert explorer.shown.curve[count] == explorer.shown.accuracy
    assert max(explorer.shown.curve) == explorer.control["ranked"].max == 4  # one head of each layer stays


def test_what_is_not_measured_yet_says_so_until_it_is(explorer, net, sequences, monkeypatch):
    monkeypatch.setattr(explorer.job, "start", lambda work: None)  # no background job
    explorer.set(ranked=2, criterion="magnitude")
    pruned = net.copy()
    mn.prune(pruned, 2 / 6, structure=mn.along("head"))
    assert explorer.shown.accuracy == right(pruned, sequences)  # at once
    assert all(np.isnan(costs).all() for costs in explorer.shown.costs)
    assert explorer.shown.curve == {} and explorer.shown.seconds is None
    assert "how long 64 samples take is being measured" in said(explorer)
    words = [tile[1].get_text().rpartition("\n")[2] for row in explorer._gaze._tiles for tile in row]
    assert words == ["–" if lost else "lost: …" for layer in removed_heads(pruned) for lost in layer]
    assert len(list(explorer._measure())) == 4 + 1 + 5  # heads that are left, the seconds, points of the curve
    explorer.refresh()
    check(explorer, pruned, sequences)


def test_what_is_shown_while_retraining_is_measured_too(explorer, net, sequences):
    explorer.experiment.epochs = 1000
    explorer._training.start.click()
    explorer.set(head_1_2=False)
    while np.isnan(explorer.shown.costs[1]).any():
        assert explorer.job.running and not explorer.wait(0.05)
    explorer._training.cancel.click()
    check(explorer, without(net, (1, 2)), sequences)
    assert "stopped" in explorer._training.text.value


def test_two_together_and_by_ranking(explorer, net, sequences):
    explorer.set(head_1_2=False, head_2_3=False)
    check(explorer, without(net, (1, 2), (2, 3)), sequences)
    assert "Removed: head 2 of layer 1; head 3 of layer 2." in said(explorer)
    explorer.set(ranked=1, criterion="magnitude")
    pruned = net.copy()
    mn.prune(pruned, 1 / 6, structure=mn.along("head"))
    check(explorer, without(pruned, (1, 2), (2, 3)), sequences)
    explorer._reset.click()
    check(explorer, net, sequences)


def test_the_last_head_of_a_layer_can_go_by_hand(explorer, net, sequences):
    explorer.set(head_2_1=False, head_2_2=False, head_2_3=False)
    check(explorer, without(net, (2, 1), (2, 2), (2, 3)), sequences)
    assert "heads 1, 2, 3 of layer 2" in said(explorer)


@pytest.mark.parametrize("name, prefixes, words", [
    ("layer_2", ("residual3.", "residual4."), "layer 2"), ("layer_1", ("residual1.", "residual2."), "layer 1"),
    ("dense_1", ("residual2.",), "the dense pair of layer 1")])
def test_whole_layers_and_dense_pairs(explorer, net, sequences, name, prefixes, words):
    explorer.set(**{name: False})
    pruned = net.copy()
    for param in pruned.params():
        if param.path.startswith(prefixes):
            param.mask = np.zeros(param.shape, bool)
    check(explorer, pruned, sequences)
    assert f"Removed: {words}." in said(explorer)
    small = mn.compact(pruned)
    assert sum(type(part).__name__ == "Residual" for part in small.layers) == 4 - len(prefixes)


def test_retraining_is_what_fit_does_and_can_be_looked_at(explorer, net, sequences):
    explorer.set(ranked=2, show="retrained")
    assert "Press Retrain" in explorer._message.value
    explorer._training.start.click()
    assert explorer.wait(60)
    pruned = net.copy()
    mn.prune(pruned, 2 / 6, criterion=mn.taylor, structure=mn.along("head"), data=sequences.train)
    mn.fit(pruned, sequences.train, epochs=1, optimiser=mn.Adam(1e-3), rng=0, progress=False)
    check(explorer, pruned, sequences)
    assert explorer._message.value == "" and "1 epochs, seed 0" in explorer._training.text.value
    assert explorer.shown.retrained == pytest.approx(right(pruned, sequences))
    assert explorer.shown.tried == [(2, explorer.shown.retrained)]
    assert explorer._after.get_xydata() == pytest.approx(np.array([[2, 100 * explorer.shown.retrained]]))
    explorer.set(show="pruned")
    assert f"retrained {explorer.shown.retrained:.1%}" in said(explorer)
    explorer.set(ranked=3)
    assert explorer.shown.retrained is None and len(explorer.shown.tried) == 1


def test_cancel_ends_retraining_and_controls_stay_alive(explorer):
    explorer.experiment.epochs = 1000
    explorer._training.start.click()
    explorer.set(ranked=3)
    assert explorer.job.running and explorer.state["ranked"] == 3
    explorer._training.cancel.click()
    assert explorer.wait(10)
    assert "stopped" in explorer._training.text.value and explorer.experiment.retrained == {}
    assert "minnet job" not in [thread.name for thread in threading.enumerate()]


def test_another_sample_moves_the_frame_to_its_answer(explorer, net, sequences):
    for number in range(4):
        explorer.set(sample=number)
        check(explorer, net, sequences)
        *pairs, question = explorer.shown.words
        row, column = explorer.shown.mark
        assert row == 3 and pairs[column].startswith(question[0])
        assert explorer.shown.truth == pairs[column][-1] == sequences.class_names[sequences.val.y[number]]


def test_the_learners_network_stays_as_it_is(net, sequences):
    pruned = net.copy()
    mn.prune(pruned, 0.5)
    before = mn.snapshot(pruned)
    explorer = mn.explore.heads(pruned, sequences)
    explorer.set(ranked=2, layer_1=False)
    assert mn.sparsity(pruned) == pytest.approx(0.5, abs=0.01)
    assert all(np.array_equal(param.data, before[param.path]) for param in pruned.params())
    explorer.reset()
    assert explorer.shown.accuracy == right(net, sequences)  # it opens with everything
    explorer.close()


def test_other_data_have_numbered_tokens():
    digits = mn.data.digits()
    explorer = mn.explore.heads(mn.models.tiny_transformer(width=8, heads=2, rng=0), digits)
    assert explorer.shown.words == [str(number) for number in range(1, 9)] and explorer.shown.mark is None
    explorer.close()


@pytest.mark.parametrize("wrong, message", [
    (lambda net, data: (net, data.val), "a whole data set, got Split"),
    (lambda net, data: (mn.models.mlp(28, 3, rng=0), data), "a transformer"),
    (lambda net, data: (mn.models.residual_mlp(28, 8, 2, 3, rng=0), data), "a transformer"),
])
def test_wrong_subjects_gives_a_message(wrong, message, net, sequences):
    with pytest.raises(TypeError, match=message):
        mn.explore.heads(*wrong(net, sequences))
