"""The physically smaller network predicts what the masked one predicts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minnet as mn

TOLERANCE = {"float32": 1e-6, "float64": 1e-12}


def some_net(rng):
    """A random architecture out of five families, and the shape of its samples."""
    def width():
        return int(rng.integers(1, 9))

    def bend():
        return [mn.ReLU, mn.GELU, mn.Sigmoid, mn.Tanh][rng.integers(4)]()

    family, a, b, c = rng.integers(5), width(), width(), width()
    if family == 0:
        return mn.Sequential(mn.Dense(a, b), bend(), mn.Dense(b, c), bend(), mn.Dropout(0.2), mn.Dense(c, 3)), (a,)
    if family == 1:
        pad = int(rng.integers(2))
        return mn.Sequential(
            mn.Conv2d(2, a, 3, padding=pad), bend(), mn.MaxPool2d(2), mn.Conv2d(a, b, 2, padding=pad), bend(),
            mn.AvgPool2d(2), mn.Flatten(), mn.Dense(b * (4 if pad else 1), c), bend(), mn.Dense(c, 3),
            input_shape=(2, 8, 8)), (2, 8, 8)
    if family == 2:
        return mn.Sequential(
            mn.Dense(5, a), bend(), mn.Residual(mn.Sequential(mn.Dense(a, b), bend(), mn.Dense(b, a))),
            mn.Residual(mn.Sequential(mn.LayerNorm(a), mn.Dense(a, c), bend(), mn.Dense(c, a))),
            mn.LayerNorm(a), mn.Dense(a, 3)), (5,)
    if family == 3:
        return mn.Sequential(
            mn.PatchEmbedding(5, 3, 4), mn.Residual(mn.Sequential(mn.LayerNorm(4), mn.Attention(4, 2))),
            mn.Residual(mn.Sequential(mn.LayerNorm(4), mn.Dense(4, a), bend(), mn.Dense(a, 4))),
            mn.LayerNorm(4), mn.MeanPool(), mn.Dense(4, 3), input_shape=(5, 3)), (5, 3)
    return mn.Sequential(
        mn.PatchEmbedding(5, 3, 6), bend(), mn.Attention(6, 3, dim=2, n_out=a, bias=bool(rng.integers(2))), bend(),
        mn.Dense(a, b), mn.MeanPool(), mn.Dense(b, 3), input_shape=(5, 3)), (5, 3)


def prune_wildly(net, rng):
    """Random numbers everywhere, live biases too, then masks of several kinds, whole layers among them."""
    for param in net.params():
        param.data = rng.normal(size=param.shape)
    mn.prune(net, 0.7 * rng.random(), "random", rng=rng)
    axes = {axis for p in net.params()[:-2] for axis in p.axes}
    for axis in ("out", "in", "head"):
        if axis in axes:
            mn.prune(net, 0.8 * rng.random(), "random", mn.along(axis), rng=rng)
    if rng.random() < 0.3:
        for param in net.params():
            if rng.random() < 0.3:
                param.mask = np.zeros(param.shape, bool)
    if rng.random() < 0.3 and any(name.startswith("residual") for name in net.children()):
        mn.prune(net, 0.5, "random", mn.branches, rng=rng)


def gap(one, two):
    return np.abs(one - two).max() / max(1, np.abs(two).max())


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(sorted(TOLERANCE)))
def test_compact_predicts_the_same(seed, dtype):
    rng = np.random.default_rng(seed)
    net, shape = some_net(rng)
    net = net.astype(dtype)
    prune_wildly(net, rng)
    small = mn.compact(net)
    x = rng.normal(size=(9, *shape)).astype(dtype)
    assert gap(small(x), net(x)) <= TOLERANCE[dtype]
    assert sum(p.size for p in small.params()) <= sum(p.size for p in net.params())
    assert small.dtype == net.dtype
    again = mn.compact(small)  # nothing is left to be taken out
    assert [p.shape for p in again.params()] == [p.shape for p in small.params()]


def test_what_goes_is_gone_and_said():
    net = mn.models.mlp(10, 8, 6, 3, rng=0)
    mn.prune(net, 0.5, structure=mn.along("out"), scope=mn.layer)
    small = mn.compact(net)
    assert [p.shape for p in small.params()] == [(10, 4), (4,), (4, 3), (3,), (3, 3), (3,)]
    assert "dense1: weight 10×8 → 10×4, bias 8 → 4" in small.report
    assert mn.explain_compact(net) == small.report
    assert net.params()[0].shape == (10, 8)  # the original is left as it was


def test_a_constant_neuron_lives_on_in_the_next_bias():
    net = mn.models.mlp(4, 3, 2, rng=0)
    w1, b1, w2, b2 = net.params()
    w1.mask = np.repeat([[True, False, True]], 4, axis=0)  # neuron 1 hears nothing ...
    b1.data = np.array([0, 2.5, 0])  # ... and always says 2.5
    small = mn.compact(net)
    assert small.params()[0].shape == (4, 2)
    assert small.params()[3].data == pytest.approx(b2.data + 2.5 * w2.data[1])


def test_half_the_channels_leave_a_quarter_of_the_weights_between():
    net = mn.Sequential(mn.Conv2d(1, 8, 3, rng=0), mn.ReLU(), mn.Conv2d(8, 8, 3, rng=1), mn.ReLU(),
                        mn.Flatten(), mn.Dense(8 * 16, 10, rng=2), input_shape=(1, 8, 8))
    mn.prune(net, 0.5, structure=mn.along("out"), scope=mn.layer)
    shapes = [p.shape for p in mn.compact(net).params()]
    assert shapes == [(4, 1, 3, 3), (4,), (4, 4, 3, 3), (4,), (64, 10), (10,)]


def test_a_dead_branch_disappears_and_a_head_too():
    net = mn.models.tiny_transformer()
    before = sum(p.size for p in net.params())
    mn.prune(net, 0.5, "random", structure=mn.branches, rng=0)
    mn.prune(net, 0.5, "random", structure=mn.along("head"), rng=0)
    small = mn.compact(net)
    x = np.random.default_rng(0).normal(size=(5, *net.input_shape)).astype(np.float32)
    assert gap(small(x), net(x)) <= 1e-6
    assert "gone" in small.report and sum(p.size for p in small.params()) < before


def test_a_smaller_network_trains_on():
    net = mn.models.mlp(6, 5, 3, rng=0)
    mn.prune(net, 0.4, structure=mn.along("out"))
    mn.prune(net, 0.4)
    small = mn.compact(net)
    removed = [None if p.mask is None else ~p.mask for p in small.params()]
    rng = np.random.default_rng(0)
    data = rng.normal(size=(30, 6)).astype(np.float32), rng.integers(0, 3, 30)
    before = mn.cross_entropy(small(data[0]), data[1])[0]
    for _ in mn.steps(small, data, count=60, rng=0):
        pass
    assert mn.cross_entropy(small(data[0]), data[1])[0] < before
    assert all(gone is None or not p.value[gone].any() for p, gone in zip(small.params(), removed, strict=True))


def test_an_unknown_layer_is_left_whole():
    class Reverse(mn.Layer):
        def forward(self, x, rng=None):
            return x[:, ::-1], lambda dy: dy[:, ::-1]

    net = mn.Sequential(mn.Dense(4, 6, rng=0), Reverse(), mn.Dense(6, 5, rng=1), mn.ReLU(), mn.Dense(5, 2, rng=2))
    mn.prune(net, 0.5, structure=mn.along("out"))
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    assert gap(mn.compact(net)(x), net(x)) <= 1e-6
    mn.Layer.registry.pop("Reverse")


def test_compact_asks_for_a_sample_where_it_cannot_know_the_shape():
    net = mn.Sequential(mn.Conv2d(1, 2, 3, rng=0), mn.Flatten(), mn.Dense(2 * 9, 3, rng=0))
    with pytest.raises(ValueError, match=r"mn\.compact\(net, sample=x\[:1\]\)"):
        mn.compact(net)
    assert mn.compact(net, np.zeros((1, 1, 5, 5))).params()[0].shape == (2, 1, 3, 3)
