"""Dynamic sparse training: all methods end with as many weights, and what SET grows is drawn independently."""

import numpy as np
import pytest

import minnet as mn
from minnet.experiments.dynamic_sparse_training import METHODS, start, train
from minnet.widgets.controls import few


@pytest.fixture(scope="module")
def digits():
    return few(mn.data.digits())


def trained(digits, method, count, **how):
    net, rng = mn.models.mlp(64, 16, 12, 10, rng=1), np.random.default_rng(1)
    start(net, method, 0.9, rng)
    *_, (done, moved) = train(net, digits.train, method, 0.9, count=count, seed=1, rng=rng, **how)
    assert done == count
    return net, moved


@pytest.mark.parametrize("count", [15, 20, 47])  # also where the last step is not one of every 20
def test_all_have_as_many_weights_in_the_end(digits, count):
    kept = [sum(p.kept for p in trained(digits, method, count, every=5)[0].params() if p.prunable)
            for method in METHODS]
    assert max(kept) - min(kept) <= 2


def test_set_and_rigl_move_every_so_many_steps_until_they_stop(digits):
    for method in ("SET", "RigL"):
        net, rng = mn.models.mlp(64, 16, 12, 10, rng=1), np.random.default_rng(1)
        start(net, method, 0.9, rng)
        moved = [0, *(many for _, many in train(net, digits.train, method, 0.9, every=5, until=0.5, count=40, seed=1,
                                                rng=rng))]
        assert [step for step in range(1, 41) if moved[step] > moved[step - 1]] == [5, 10, 15]  # at 20 it is 0


def test_the_first_growth_does_not_repeat_the_draw_of_the_mask(digits):
    """With the mask's generator started again, the free places that were drawn next would grow."""
    net, rng = mn.models.mlp(64, 16, 12, 10, rng=1), np.random.default_rng(1)
    start(net, "SET", 0.9, rng)
    first = net.params()[0]
    before, again = first.mask, np.random.default_rng(1).random(first.shape)
    for done, _ in train(net, digits.train, "SET", 0.9, every=5, count=40, seed=1, rng=rng):
        if done == 5:
            break
    grown, free = first.mask & ~before, ~before
    assert grown.any()
    assert again[grown].mean() == pytest.approx(again[free].mean(), abs=0.2)
