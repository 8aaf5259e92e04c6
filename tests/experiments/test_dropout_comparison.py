"""Which neurons are inactive: those that dropout drops in a step of training, and those that `compact` deletes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minnet as mn
from minnet.data.dataset import Dataset, Split
from minnet.experiments.dropout_comparison import Choice, DropoutComparison, alive, known, spared, with_dropout


def same(one, two):
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("widths, p, batch, samples", [
    ((7, 5), 0.3, 32, 77), ((3, 3, 3), 0.5, 5, 13), ((200, 200), 0.2, 32, 70)])
def test_the_masks_of_any_step_are_those_of_training(widths, p, batch, samples, rng, monkeypatch):
    seen, forward = [], mn.Dropout.forward

    def watched(layer, x, rng=None):
        y, back = forward(layer, x, rng)
        if rng is not None:
            seen.append(back(np.ones_like(x))[0] > 0)
        return y, back

    net = with_dropout(mn.models.mlp(6, *widths, 4, rng=0), p)
    data = rng.normal(size=(samples, 6)).astype(np.float32), rng.integers(4, size=samples)
    with monkeypatch.context() as patch:
        patch.setattr(mn.Dropout, "forward", watched)
        list(mn.steps(net, data, count=8, batch=batch, rng=11))
    for step in (7, 0, 3, 1, 6, 2, 5, 4):  # in any order
        kept = seen[step * len(widths) : (step + 1) * len(widths)]
        assert same(spared(widths, p, step, samples=samples, batch=batch, seed=11), kept)


@given(st.integers(0, 10_000), st.floats(0.05, 0.9))
def test_alive_is_what_compact_leaves(seed, density):
    rng = np.random.default_rng(seed)
    net = mn.models.mlp(4, 6, 5, 3, rng=rng)
    dense = [layer for layer in net.layers if isinstance(layer, mn.Dense)]
    for layer in dense:
        layer.weight.mask = rng.random(layer.weight.shape) < density
        layer.bias.data = rng.normal(size=layer.bias.shape)
    left = alive([layer.weight.value != 0 for layer in dense])
    small = [layer.weight.shape[1] for layer in mn.compact(net).layers if isinstance(layer, mn.Dense)]
    expected = [int(each.sum()) for each in left]
    if 0 not in expected:
        assert small == [*expected, 3]


def test_dropout_layers_stand_before_every_dense_layer_but_the_first():
    trained = mn.models.mlp(40, 13, 9, 10, rng=0)
    net = with_dropout(trained, 0.25)
    kinds = [type(layer).__name__ for layer in net.layers]
    assert kinds == ["Dense", "ReLU", "Dropout", "Dense", "ReLU", "Dropout", "Dense"]
    assert net.layers[0].weight is trained.layers[0].weight
    assert [type(layer).__name__ for layer in with_dropout(net, 0.5).layers] == kinds  # not twice


@pytest.fixture
def comparison(rng):
    data = Split(rng.normal(size=(60, 6)).astype(np.float32), np.arange(60) % 3)
    return DropoutComparison(mn.models.mlp(6, 9, 8, 3, rng=0),
                             Dataset("noise", data, data, data, (6,), ("a", "b", "c")), epochs=1)


def test_what_pruning_leaves_recognises_the_same_whatever_is_selected(comparison):
    none, half = (Choice(fraction, "weights", "random") for fraction in (0, 50))
    comparison.select(none)
    _, seen = comparison.points(half, 0)
    comparison.select(half)
    assert seen.new == mn.accuracy(comparison.pruned, comparison.data.val) != comparison.whole.new


def test_accuracies_with_dropout_left_on_are_of_what_is_selected(comparison):
    comparison.select(Choice(0, "weights", "random"), 5)  # not trained: as far as it has got
    assert comparison.noisy().tolist() == [comparison.whole.new] * 10
    comparison.select(Choice(90, "weights", "random"))
    assert len(set(comparison.noisy())) > 1


def test_a_choice_is_looked_at_word_by_word():
    known(Choice(20, "weights", "random"))
    for wrong in ((20, "weights", "random"), Choice(100, "weights", "random"), Choice(20, ["weights"], "random"),
                  Choice(20, "weights", "gradient")):
        with pytest.raises((TypeError, ValueError), match=r"choice is|fraction is|unknown structure|unknown criterion"):
            known(wrong)
