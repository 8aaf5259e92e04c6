"""Sparse training against the masked dense training that it replaces: the same losses and the same numbers."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minnet as mn
from minnet.sparse import training_kernel
from minnet.sparse.training import NARROW, WIDE, _Kept, perceptron
from tests.closeness import assert_close

OPTIMISERS = {
    "SGD": mn.SGD(0.05),
    "momentum": mn.SGD(0.02, momentum=0.9),
    "nesterov": mn.SGD(0.02, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "l1": mn.SGD(0.02, momentum=0.9, l1=1e-3),
    "Adam": mn.Adam(1e-3),
    "AdamW": mn.AdamW(1e-3, weight_decay=0.1),
    "schedule": mn.SGD(lambda step: 0.1 / (1 + step)),
}


def samples(n, features, classes=10, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, features)).astype(np.float32), rng.integers(0, classes, n)


def train_both(net, data, optimiser=None, act=lambda net, step: None, **how):
    """Train the same network sparsely and densely and compare; `act` may change the network after each step.

    Returns whether the masks are the same in the end.

    Mostly the two differ by an ulp or two. But where the input of a ReLU is within rounding of 0, one of them may pass
    its gradient on and the other not. That changes weights by some 1e-4 and losses by some 1e-5 (in 2 of 40 runs of
    the longest test, each with another rounding). A momentum that should have been forgotten changes weights by 1e-2.
    """
    copy, losses = net.copy(), []
    for each, run in ((net, mn.sparse.steps), (copy, mn.steps)):
        losses.append([])
        for step in run(each, data, optimiser, **how):
            losses[-1].append(step.loss)
            act(each, step)
    np.testing.assert_allclose(*losses, rtol=5e-4)
    for ours, theirs in zip(net.params(), copy.params(), strict=True):
        np.testing.assert_allclose(ours.value, theirs.value, rtol=1e-3, atol=2e-3, err_msg=ours.path)
    return all(np.array_equal(ours.kept_mask, theirs.kept_mask)
               for ours, theirs in zip(net.params(), copy.params(), strict=True))


@pytest.mark.parametrize("optimiser", OPTIMISERS.values(), ids=OPTIMISERS)
def test_losses_are_equal_to_four_digits_over_a_hundred_steps(optimiser):
    net = mn.models.lenet_300_100(rng=0)
    mn.prune(net, 0.9)
    train_both(net, samples(500, 784), optimiser, count=100, batch=60, rng=1)


@st.composite
def perceptrons(draw):
    """Any multilayer perceptron, with any masks: whole layers, neurons and biases may be pruned."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    layers = []
    for n_in, n_out in pairwise(draw(st.lists(st.integers(1, 20), min_size=2, max_size=5))):
        layer = mn.Dense(n_in, n_out, bias=draw(st.booleans()), rng=rng)
        density = draw(st.sampled_from((0, 0.1, 0.5, 1)))
        layer.weight.mask = rng.random((n_in, n_out)) < density
        if layer.bias is not None:
            layer.bias.data = rng.normal(size=n_out)  # a dead unit without a bias would stand on ReLU's kink
            layer.bias.mask = draw(st.sampled_from((None, rng.random(n_out) < 0.5)))
        layers += [layer, mn.ReLU()] if draw(st.booleans()) else [layer]
    return mn.Sequential(*layers)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(net=perceptrons(), n=st.integers(1, 150), batch=st.integers(1, 140))
def test_any_perceptron_any_mask_any_batch(net, n, batch):
    layers = perceptron(net)
    data = samples(n, layers[0][0].n_in, layers[-1][0].n_out)
    train_both(net, data, mn.SGD(0.05, momentum=0.9), count=4, batch=batch, rng=0)


@pytest.mark.parametrize("lanes", [NARROW, WIDE])
def test_the_kernels_compute_the_gradients_of_the_network(lanes):
    net = mn.models.mlp(12, 9, 5, rng=0)
    mn.prune(net, 0.5)
    x, y = samples(lanes + 3, 12, 5)
    answers, back = net.forward(x)
    loss, gradient = mn.cross_entropy(answers, y)
    back(gradient)
    wanted = {p.path: p.grad.copy() for p in net.params()}
    run = _Kept(perceptron(net), net.params(), mn.SGD(0.0), mn.cross_entropy)
    assert run.step(0, x, y) == pytest.approx(loss, rel=1e-5)
    found = np.zeros_like(run.dense.data)
    found[run.positions] = run.grad[:-1]
    for param, computed in zip(run.dense.params, run.dense.split(found), strict=True):
        assert_close(computed, wanted[param.path] * param.kept_mask)


# ---- what may happen between two steps ------------------------------------------------------------------


@pytest.mark.parametrize("optimiser", ["momentum", "nesterov", "Adam"])
def test_pruning_inside_the_loop(optimiser):
    def gradually(net, step):
        if step.index % 10 == 0:
            mn.prune(net, 0.9 * min(1, step.index / 40))

    net = mn.models.mlp(20, 30, 10, rng=0)
    train_both(net, samples(200, 20), OPTIMISERS[optimiser], gradually, count=60, rng=0)
    assert mn.sparsity(net) == pytest.approx(0.9, abs=0.01)


def shared(rng, act):
    """A network in which one layer stands in two places, and two layers share a weight."""
    rng = np.random.default_rng(rng)
    twice, one, two = (mn.Dense(24, 24, rng=rng) for _ in range(3))
    two.weight = one.weight
    return mn.Sequential(mn.Dense(20, 24, rng=rng), *act, twice, *act, twice, *act, one, *act, two, *act,
                         mn.Dense(24, 10, rng=rng))


def unshared(rng, act):
    rng = np.random.default_rng(rng)
    return mn.Sequential(mn.Dense(20, 24, rng=rng), *act, mn.Dense(24, 24, rng=rng), *act, mn.Dense(24, 10, rng=rng))


@pytest.mark.parametrize("make", [unshared, shared])
@pytest.mark.parametrize("optimiser", OPTIMISERS.values(), ids=OPTIMISERS)
@pytest.mark.parametrize("name", ["SET", "RigL"])
def test_connections_move_alike(name, optimiser, make):
    """With the same numbers the same connections move; without ReLUs, rounding cannot change which."""
    def move(net, step):
        if step.index % 10 == 9:
            mn.set_step(net, 0.3, rng=step.index) if name == "SET" else mn.rigl_step(net, 0.3)

    for seed in range(10):
        net = make(seed, act=())
        mn.prune(net, 0.8, "random", scope=mn.layer, rng=seed)
        before = net.params()[0].mask
        assert train_both(net, samples(200, 20, seed=seed), optimiser, move, count=50, rng=seed)
        assert (net.params()[0].mask != before).any()


@pytest.mark.parametrize("optimiser", ["momentum", "Adam"])
@pytest.mark.parametrize("make", [unshared, shared])
def test_gradients_of_removed_weights_are_there_when_they_are_asked_for(make, optimiser):
    net = make(0, act=(mn.ReLU(),))
    mn.prune(net, 0.8, "random", scope=mn.layer, rng=0)
    copy = net.copy()
    for ours, theirs in zip(mn.sparse.steps(net, samples(200, 20), OPTIMISERS[optimiser], count=3, rng=0),
                            mn.steps(copy, samples(200, 20), OPTIMISERS[optimiser], count=3, rng=0), strict=True):
        if ours.index == 1:
            mn.prune(net, 0.9), mn.prune(copy, 0.9)  # the gradient is that of the step, before this
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-5)
        for param, dense in zip(net.params(), copy.params(), strict=True):
            assert_close(param.grad, dense.grad)
    assert all(np.array_equal(p.grad, q.grad) for p, q in zip(net.params(), net.copy().params(), strict=True))


def test_what_is_pruned_and_restored_between_two_steps_has_no_momentum():
    def prune_and_restore(net, step):
        if step.index == 20:
            mask = net.params()[0].mask
            mn.prune(net, 0.9)
            net.params()[0].mask = mask

    net = mn.models.mlp(20, 30, 10, rng=0)
    mn.prune(net, 0.5)
    train_both(net, samples(200, 20), OPTIMISERS["momentum"], prune_and_restore, count=40, rng=0)


def test_numbers_written_between_two_steps_count():
    start = mn.snapshot(mn.models.mlp(20, 30, 10, rng=0))

    def back_to_the_start(net, step):
        if step.index == 20:
            mn.rewind(net, start)

    net = mn.models.mlp(20, 30, 10, rng=0)
    mn.prune(net, 0.7)
    train_both(net, samples(200, 20), mn.SGD(0.05), back_to_the_start, count=30, rng=0)


def test_removed_weights_stay_what_they_were():
    net = mn.models.mlp(20, 30, 10, rng=0)
    mn.prune(net, 0.8)
    before = [param.data.copy() for param in net.params()]
    list(mn.sparse.steps(net, samples(200, 20), count=20, rng=0))
    for param, was in zip(net.params(), before, strict=True):
        if param.mask is not None:
            assert np.array_equal(param.data[~param.mask], was[~param.mask])
            assert (param.data[param.mask] != was[param.mask]).any()


def test_a_run_that_was_overtaken_says_so():
    net, data = mn.models.mlp(20, 30, 10, rng=0), samples(200, 20)
    first = mn.sparse.steps(net, data, count=5, rng=0)
    next(first)
    next(mn.sparse.steps(net, data, count=5, rng=0))
    with pytest.raises(RuntimeError, match="another training run"):
        next(first)


# ---- the interface of mn.steps --------------------------------------------------------------------------


def test_the_same_steps_in_the_same_order():
    net, data = mn.models.mlp(20, 30, 10, rng=0), samples(70, 20)
    ours = [(step.index, step.epoch) for step in mn.sparse.steps(net.copy(), data, count=7, batch=20, rng=3)]
    assert ours == [(step.index, step.epoch) for step in mn.steps(net, data, count=7, batch=20, rng=3)]


def test_images_other_numbers_and_other_losses():
    rng = np.random.default_rng(0)
    net = mn.Sequential(mn.Flatten(), mn.Dense(12, 7, rng=rng), mn.ReLU(), mn.Dropout(0.0),
                        mn.Sequential(mn.Dense(7, 3, rng=rng)), input_shape=(3, 4))
    mn.prune(net, 0.5)
    x, target = rng.integers(0, 5, (50, 3, 4)), rng.normal(size=(50, 3))
    train_both(net, (x.astype(np.float32), target), mn.SGD(0.01), count=10, rng=0, loss=mn.mean_squared_error)


def test_pruning_after_the_first_step_leaves_out_no_other_weight(claim):
    net = mn.models.mlp(20, 30, 10, rng=0)
    data = samples(100, 20)
    for step in mn.sparse.steps(net, data, mn.Adam(1e-2), count=600, rng=0):
        if step.index == 0:
            mn.prune(net, 0.5)
    claim.every(mn.accuracy(net, data), above=0.9)  # it has learned these samples by heart


@pytest.mark.parametrize(("net", "error", "says"), [
    (mn.models.lenet5(rng=0), TypeError, "Conv2d"),
    (mn.models.mlp(784, 20, 10, dropout=0.5), TypeError, r"mn\.steps"),
    (mn.Sequential(mn.Dense(784, 9), mn.Tanh(), mn.Dense(9, 10)), TypeError, "Tanh"),
    (mn.Sequential(mn.ReLU(), mn.Dense(784, 10)), TypeError, "ReLU"),
    (mn.Sequential(mn.Dense(784, 10, drop=0.2)), TypeError, "Dense"),
    (mn.models.mlp(784, 20, 10).astype("float64"), TypeError, "float32"),
    (mn.models.mlp(783, 20, 10), ValueError, "783"),
    (mn.Sequential(mn.Dense(28, 10), input_shape=(28, 28)), (ValueError, TypeError), "28"),
    ("net", TypeError, "a network is wanted"),
])
def test_what_cannot_be_trained_raises_at_once(net, error, says):
    x, y = samples(10, 784)
    with pytest.raises(error, match=says):
        mn.sparse.steps(net, (x.reshape(10, 1, 28, 28) if says == "Conv2d" else x, y), count=1)


# ---- positions ------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None, derandomize=True)
@given(net=perceptrons())
def test_every_place_is_inside_and_every_weight_that_is_left_has_one(net):
    """The kernels check no bounds, so their indices must be valid."""
    layers = perceptron(net)
    run = _Kept(layers, net.params(), mn.SGD(), mn.cross_entropy)
    columns, starts, biases = run._where
    assert len(run.data) == len(run.grad) == len(run.positions) + 1
    kept = [p.kept_mask for p in run.dense.params]
    assert sorted(run.positions) == list(np.flatnonzero(np.concatenate([each.ravel() for each in kept])))
    assert starts[0] == 0 and starts[-1] == len(columns) == run.weights and (np.diff(starts) >= 0).all()
    assert len(starts) == 1 + len(biases) == 1 + sum(layer.n_out for layer, _ in layers)
    assert biases.min() >= run.weights and biases.max() <= len(run.positions)
    row = 0
    for layer, _ in layers:
        here = columns[starts[row]:starts[row + layer.n_out]]
        assert ((here >= 0) & (here < layer.n_in)).all()
        row += layer.n_out


def test_nothing_beyond_the_tiles_is_written():
    net = mn.models.mlp(11, 7, 3, rng=0)
    mn.prune(net, 0.5)
    x, y = samples(NARROW + 5, 11, 3)
    run = _Kept(perceptron(net), net.params(), mn.SGD(), mn.cross_entropy)
    run._reserve(2 * WIDE)
    run._tiles[:] = run._gradients[:] = 7
    run.step(0, x[:5], y[:5])
    assert run.features == 11 + 7 + 3
    assert (run._tiles[NARROW * run.features:] == 7).all() and (run._gradients[NARROW * run.features:] == 7).all()
    run.step(0, x, y)
    assert (run._tiles[WIDE * run.features:] == 7).all() and (run._gradients[WIDE * run.features:] == 7).all()


def test_gather_and_scatter():
    dense, places = np.arange(10, dtype=np.float32), np.array([3, 1, 7], np.int32)
    numbers = np.zeros(4, np.float32)
    training_kernel.gather.call(numbers, dense, places)
    assert numbers.tolist() == [3, 1, 7, 0]
    numbers[:] = -1
    training_kernel.scatter.call(numbers, dense, places)
    assert dense.tolist() == [0, -1, 2, -1, 4, 5, 6, -1, 8, 9]
