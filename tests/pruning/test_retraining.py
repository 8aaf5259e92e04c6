"""Pruning and training together: what is removed stays removed, whatever the optimiser remembers."""

import numpy as np
import pytest

import minnet as mn

from .trials import removed_weights, small_net

OPTIMISERS = [mn.SGD(0.1, momentum=0.9), mn.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
              mn.SGD(0.1, l1=0.001), mn.Adam(0.01), mn.AdamW(0.01, weight_decay=0.1)]


@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=repr)
def test_a_removed_weight_stays_removed_and_its_number_untouched(optimiser):
    rng = np.random.default_rng(0)
    data = rng.normal(size=(40, 12)).astype(np.float32), rng.integers(0, 5, 40)
    net = small_net(0)
    for _ in mn.steps(net, data, optimiser, count=20, rng=0):
        pass
    mn.prune(net, 0.8)
    masks, numbers = [p.mask for p in net.params()], [p.data.copy() for p in net.params()]
    run = mn.steps(net, data, optimiser, count=100, rng=0)
    for _ in run:
        pass
    for param, mask, number in zip(net.params(), masks, numbers, strict=True):
        assert param.mask is mask
        if mask is not None:
            assert np.array_equal(param.data[~mask], number[~mask])
            assert not np.array_equal(param.data[mask], number[mask])
            assert not param.value[~mask].any()


@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=repr)
def test_momentum_does_not_revive_what_is_pruned_inside_the_loop(optimiser):
    rng = np.random.default_rng(0)
    data = rng.normal(size=(40, 12)).astype(np.float32), rng.integers(0, 5, 40)
    net = small_net(0)
    schedule = mn.cubic(0.9, start=5, stop=40)
    for step in mn.steps(net, data, optimiser, count=60, rng=0):
        mn.prune(net, schedule(step.index))
        if step.index == 45:
            numbers = [p.data.copy() for p in net.params()]
    assert removed_weights(net) == round(0.9 * 206)
    for param, number in zip(net.params(), numbers, strict=True):
        if param.mask is not None:
            assert np.array_equal(param.data[~param.mask], number[~param.mask])


def test_restore_brings_every_number_back():
    net = small_net(0)
    x = np.random.default_rng(0).normal(size=(3, 12)).astype(np.float32)
    before = net(x)
    mn.prune(net, 0.9)
    assert not np.array_equal(net(x), before)
    mn.restore(net)
    assert np.array_equal(net(x), before) and mn.sparsity(net) == 0


def test_schedules():
    cubic = mn.cubic(0.9, start=10, stop=20)
    assert [cubic(s) for s in (0, 10, 20, 99)] == [0, 0, 0.9, 0.9]
    assert cubic(15) == pytest.approx(0.9 * (1 - 0.5**3))
    assert mn.linear(0.8, stop=10)(5) == pytest.approx(0.4)
    assert [mn.one_shot(0.5, at=3)(s) for s in (2, 3)] == [0, 0.5]
    rounds = mn.geometric(0.9, 3)
    assert rounds[-1] == pytest.approx(0.9)
    left = [1, *(1 - s for s in rounds)]
    assert left[1] / left[0] == pytest.approx(left[2] / left[1]) == pytest.approx(left[3] / left[2])
