"""The physically smaller network predicts what the masked one predicts."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minnet as mn
from minnet.pruning.compaction import stored
from tests.closeness import assert_close, tolerance

from .trials import cases

BENDS = (mn.ReLU, mn.GELU, mn.Sigmoid, mn.Tanh)


class Sizes:
    """Dice for an architecture: widths from 1 to 8, activations, and whether there is a bias."""

    def __init__(self, rng):
        self.rng = rng
        self.a, self.b, self.c = (int(n) for n in rng.integers(1, 9, size=3))
        self.heads = int(rng.integers(1, 4))

    def bend(self):
        return BENDS[self.rng.integers(len(BENDS))]()

    def yes(self):
        return bool(self.rng.integers(2))

    def one_or_two(self):
        return int(self.rng.integers(1, 3))


def dense(d):
    return mn.Sequential(mn.Dense(d.a, d.b, bias=d.yes()), d.bend(), mn.Dense(d.b, d.c, bias=d.yes()), d.bend(),
                         mn.Dropout(0.2), mn.Dense(d.c, 3), input_shape=(d.a,))


def convolutions(d):
    pool, shape = (mn.AvgPool2d if d.yes() else mn.MaxPool2d), (2, 9, 9)
    seeing = [
        mn.Conv2d(2, d.a, (3, 2), (d.one_or_two(), d.one_or_two()), (int(d.yes()), int(d.yes())), bias=d.yes()),
        d.bend(), pool(2, d.one_or_two()), mn.Conv2d(d.a, d.b, 2, padding=int(d.yes()), bias=d.yes()), d.bend(),
        mn.Flatten()]
    flat = mn.Sequential(*seeing)(np.zeros((1, *shape))).shape[1]
    return mn.Sequential(*seeing, mn.Dense(flat, d.c, bias=d.yes()), d.bend(), mn.Dense(d.c, 3), input_shape=shape)


def residual_convolutions(d):
    branch = mn.Sequential(mn.Conv2d(d.a, d.b, 3, padding=1), d.bend(), mn.Conv2d(d.b, d.a, 3, padding=1, bias=d.yes()))
    return mn.Sequential(mn.Conv2d(2, d.a, 3, padding=1), d.bend(), mn.Residual(branch), d.bend(),
                         mn.Residual(mn.Sequential(mn.Conv2d(d.a, d.a, 1), d.bend())), mn.MaxPool2d(2), mn.Flatten(),
                         mn.Dense(d.a * 4, 3), input_shape=(2, 4, 4))


def residual_and_norm(d):
    return mn.Sequential(
        mn.Dense(5, d.a), d.bend(), mn.Residual(mn.Sequential(mn.Dense(d.a, d.b), d.bend(), mn.Dense(d.b, d.a))),
        mn.Residual(mn.Sequential(mn.LayerNorm(d.a), mn.Dense(d.a, d.c), d.bend(), mn.Dense(d.c, d.a, bias=d.yes()))),
        mn.LayerNorm(d.a), mn.Dense(d.a, 3), input_shape=(5,))


def branch_in_a_branch(d):
    inner = mn.Residual(mn.Sequential(mn.Dense(d.b, d.c), d.bend(), mn.Dense(d.c, d.b)))
    return mn.Sequential(mn.Dense(4, d.a), mn.Residual(mn.Sequential(mn.Dense(d.a, d.b), d.bend(), inner,
                         mn.Dense(d.b, d.a))), d.bend(), mn.Dense(d.a, 3), input_shape=(4,))


def attention(d):
    return mn.Sequential(
        mn.PatchEmbedding(5, 3, 6), d.bend(), mn.Attention(6, d.heads, dim=d.one_or_two(), n_out=d.a, bias=d.yes()),
        d.bend(), mn.Attention(d.a, 2, dim=2, n_out=d.b, bias=d.yes()), mn.Dense(d.b, d.c), d.bend(), mn.MeanPool(),
        mn.Dense(d.c, 3), input_shape=(5, 3))


def attention_and_norm(d):
    return mn.Sequential(
        mn.PatchEmbedding(4, 2, d.a), mn.Residual(mn.Attention(d.a, 2, dim=2, bias=d.yes())), mn.LayerNorm(d.a),
        mn.Attention(d.a, 3, dim=1, bias=d.yes()), mn.Residual(mn.Sequential(mn.Dense(d.a, d.b), d.bend(),
                                                                             mn.Dense(d.b, d.a, bias=d.yes()))),
        mn.MeanPool(), mn.Dense(d.a, 3), input_shape=(4, 2))


def flattened_tokens(d):
    return mn.Sequential(mn.PatchEmbedding(3, 4, d.a), d.bend(), mn.Flatten(), mn.Dense(3 * d.a, d.b), d.bend(),
                         mn.Dense(d.b, 3), input_shape=(3, 4))


def boxes_in_boxes(d):
    return mn.Sequential(mn.Sequential(mn.Dense(4, d.a), d.bend()), mn.Sequential(mn.LayerNorm(d.a), mn.Sequential(
        mn.Dense(d.a, d.b), d.bend())), mn.Dense(d.b, d.c), d.bend(), input_shape=(4,))


def one_layer_in_two_places(d):
    twice = mn.Dense(d.a, d.a)
    return mn.Sequential(mn.Dense(4, d.a), d.bend(), twice, d.bend(), twice, mn.Dense(d.a, 3), input_shape=(4,))


FAMILIES = (
    dense, convolutions, residual_convolutions, residual_and_norm, branch_in_a_branch, attention, attention_and_norm,
    flattened_tokens, boxes_in_boxes, one_layer_in_two_places,
    lambda d: mn.models.residual_mlp(6, d.a, d.one_or_two(), 3), lambda d: mn.models.signal_conv(),
    lambda d: mn.models.tiny_transformer(3, 4, 2 * d.heads, d.heads, d.one_or_two(), 3),
)


def prune_wildly(net, rng):
    """Random numbers everywhere, live biases too, then masks of several kinds, whole layers among them."""
    for param in net.params():
        inputs = param.matrix(param.data).shape[0] if param.prunable else 1
        param.data = rng.normal(size=param.shape) / np.sqrt(max(inputs, 1))
    mn.prune(net, 0.7 * rng.random(), "random", rng=rng)
    for structure in (mn.along("out"), mn.along("in"), mn.along("head"), mn.branches):
        if rng.random() < 0.6:
            with contextlib.suppress(ValueError):  # this network has no heads, or no branches
                mn.prune(net, 0.9 * rng.random(), "random", structure, rng=rng)
    if rng.random() < 0.3:
        for param in net.params():
            if rng.random() < 0.3:
                param.mask = np.zeros(param.shape, bool)


@cases(200, 2_500)
@given(st.integers(0, 10**9), st.sampled_from(FAMILIES), st.sampled_from(["float32", "float64"]))
def test_compact_predicts_the_same(seed, family, dtype):
    rng = np.random.default_rng(seed)
    net = family(Sizes(rng)).astype(dtype)
    prune_wildly(net, rng)
    small = mn.compact(net)
    x = rng.normal(size=(9, *net.input_shape)).astype(dtype)
    # Some networks magnify rounding (LayerNorm divides by a small spread), as the masked network shows itself.
    rounding = np.abs(net(x) - net.astype("float64")(x)).max() if dtype == "float32" else 0
    allowed = max(tolerance(small(x), net(x), terms=1), 10 * rounding)
    assert np.abs(small(x) - net(x)).max() <= allowed
    if family is not one_layer_in_two_places:  # which becomes two layers
        assert sum(p.size for p in small.params()) <= sum(p.size for p in net.params())
    assert small.dtype == net.dtype or not small.params()
    again = mn.compact(small)  # nothing is left to be taken out
    assert [p.shape for p in again.params()] == [p.shape for p in small.params()]


@pytest.mark.parametrize("s", [0.5, 0.9])
@pytest.mark.parametrize("model", [mn.models.lenet_300_100, mn.models.lenet5, mn.models.tiny_transformer])
def test_compact_of_the_models_predicts_the_same(model, s):
    net = model(rng=0)
    mn.prune(net, s / 2)
    mn.prune(net, s, structure=mn.along("out"), scope=mn.layer)
    x = np.random.default_rng(0).normal(size=(5, *net.input_shape)).astype(np.float32)
    small = mn.compact(net)
    assert_close(small(x), net(x))
    assert sum(p.size for p in small.params()) < sum(p.size for p in net.params())


def test_a_removed_branch_no_longer_pins_the_width():
    net = mn.models.residual_mlp(6, 8, 2, 3, rng=0)
    mn.prune(net, 1.0, structure=mn.branches)
    mn.prune(net, {"dense1": 0.75}, structure=mn.along("out"))
    assert [p.shape for p in mn.compact(net).params()] == [(6, 2), (2,), (2, 3), (3,)]


def test_what_is_deleted_is_reported():
    net = mn.models.mlp(10, 8, 6, 3, rng=0)
    mn.prune(net, 0.5, structure=mn.along("out"), scope=mn.layer)
    small = mn.compact(net)
    assert [p.shape for p in small.params()] == [(10, 4), (4,), (4, 3), (3,), (3, 3), (3,)]
    assert small.report == ("dense1: weight 10×8 → 10×4, bias 8 → 4\ndense2: weight 8×6 → 4×3, bias 6 → 3\n"
                            "dense3: weight 6×3 → 3×3\n163 numbers → 71")
    assert mn.explain_compact(net) == small.report
    assert net.params()[0].shape == (10, 8)  # the original is left as it was


def test_a_constant_neuron_lives_on_in_the_next_bias():
    net = mn.models.mlp(4, 3, 2, rng=0)
    w1, b1, w2, b2 = net.params()
    w1.mask = np.repeat([[True, False, True]], 4, axis=0)  # neuron 1 hears nothing ...
    b1.data = np.array([0, 2.5, 0])  # ... and always says 2.5
    small = mn.compact(net)
    assert small.params()[0].shape == (4, 2)
    assert_close(small.params()[3].data, b2.data + np.float32(2.5) * w2.data[1])


def test_a_smaller_layer_keeps_what_is_masked_and_what_its_bias_is():
    net = mn.models.mlp(5, 6, 3, rng=0)
    mn.prune(net, 0.5, structure=mn.along("out"))
    alive = net.params()[0].mask.any(axis=0)
    net.params()[1].mask = alive & (np.cumsum(alive) > 1)  # of the three that are left, the first has no bias
    small = mn.compact(net)
    assert [p.mask is None for p in small.params()] == [True, False, True, True]
    assert small.params()[1].mask.tolist() == [False, True, True]
    for param, old in zip(small.params(), net.params(), strict=True):
        assert (param.axes, param.contracted, param.prunable) == (old.axes, old.contracted, old.prunable)


def test_a_masked_bias_comes_back_where_a_constant_is_folded_into_it():
    net = mn.models.mlp(4, 3, 3, rng=0)
    w1, b1, w2, b2 = net.params()
    w1.mask = np.repeat([[True, False, True]], 4, axis=0)
    b1.data = np.array([0, 2.5, 0])
    w2.mask = np.array([[True] * 3, [False, False, True], [True] * 3])  # the constant neuron speaks to output 2 alone
    b2.data, b2.mask = np.array([7, 8, 9]), np.array([False, True, False])
    bias = mn.compact(net).params()[3]
    assert bias.mask.tolist() == [False, True, True]
    assert_close(bias.value, np.array([0, 8, 2.5 * w2.data[1, 2]], np.float32))


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
    assert_close(small(x), net(x))
    assert "gone" in small.report and sum(p.size for p in small.params()) < before


def test_a_smaller_network_trains_on(claim):
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
    claim.every(before - mn.cross_entropy(small(data[0]), data[1])[0], above=0)
    assert all(gone is None or not p.value[gone].any() for p, gone in zip(small.params(), removed, strict=True))


@pytest.fixture
def reverse():
    """A layer that says nothing about what it does with its features."""
    class Reverse(mn.Layer):
        def forward(self, x, rng=None):
            return x[:, ::-1], lambda dy: dy[:, ::-1]

    yield Reverse()
    mn.Layer.registry.pop("Reverse")


def test_an_unknown_layer_is_left_whole(reverse):
    net = mn.Sequential(mn.Dense(4, 6, rng=0), reverse, mn.Dense(6, 5, rng=1), mn.ReLU(), mn.Dense(5, 2, rng=2))
    mn.prune(net, 0.5, structure=mn.along("out"))
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    assert_close(mn.compact(net)(x), net(x))


def test_an_unknown_layer_between_convolutions_keeps_its_channels_whatever_the_size_of_the_image(reverse):
    net = mn.Sequential(mn.Conv2d(2, 4, 2, rng=0), mn.ReLU(), reverse, mn.Conv2d(4, 3, 2, rng=1), mn.ReLU(),
                        mn.Flatten(), mn.Dense(3 * 4 * 6, 2, rng=2), input_shape=(2, 6, 8))
    mn.prune(net, 0.5, structure=mn.along("out"), scope=mn.layer)
    x = np.random.default_rng(0).normal(size=(5, 2, 6, 8)).astype(np.float32)
    small = mn.compact(net)
    assert_close(small(x), net(x))
    first, _, second, *_ = small.params()
    assert first.shape == (4, 2, 2, 2) and second.shape == (1, 4, 2, 2)


def test_networks_in_a_network_keep_their_shapes_in_step():
    """An inner Sequential with an ``input_shape`` is given fewer features, too."""
    inner = mn.models.mlp(6, 5, 3, rng=1)
    net = mn.Sequential(mn.models.mlp(4, 6, rng=0), mn.ReLU(), inner, input_shape=(4,))
    images = mn.Sequential(mn.Conv2d(1, 4, 3, rng=0), mn.Sequential(mn.Conv2d(4, 2, 1, rng=1), input_shape=(4, 2, 2)),
                           mn.Sequential(mn.Dense(8, 3, rng=2), input_shape=(8,)), input_shape=(1, 4, 4))
    for each in (net, images):
        mn.prune(each, 0.5, structure=mn.along("out"), scope=mn.layer)
        small, x = mn.compact(each), np.random.default_rng(0).normal(size=(5, *each.input_shape)).astype(np.float32)
        assert_close(small(x), each(x))
        assert sum(p.size for p in small.params()) < sum(p.size for p in each.params())
    assert mn.compact(net).layers[2].input_shape == (3,) and inner.input_shape == (6,)
    assert mn.compact(images).layers[1].input_shape == (2, 2, 2)


def test_a_sample_may_be_flat_where_the_network_takes_images():
    net = mn.models.lenet5(rng=0)
    mn.prune(net, 0.5, structure=mn.along("out"))
    wanted = [p.shape for p in mn.compact(net).params()]
    assert [p.shape for p in mn.compact(net, np.zeros((1, 784))).params()] == wanted


def test_attention_without_biases_stays_so(tmp_path):
    """A constant feature is not folded into one bias of four, of which a file knows all or none."""
    net = mn.Sequential(mn.PatchEmbedding(3, 2, 4, rng=0), mn.Sigmoid(), mn.Attention(4, 2, bias=False, rng=1),
                        mn.MeanPool(), mn.Dense(4, 3, rng=2), input_shape=(3, 2))
    for name in ("weight", "positions"):
        param = net.layers[0].own_params()[name]
        param.mask = np.ones(param.shape, bool) & [True, False, True, True]
    x, small = np.random.default_rng(0).normal(size=(5, 3, 2)).astype(np.float32), mn.compact(net)
    assert_close(small(x), net(x))
    mn.save(small, tmp_path / "net")
    assert mn.load(tmp_path / "net")(x).tobytes() == small(x).tobytes()
    assert [p.path for p in small.params()] == [p.path for p in net.params()]


class Negative(mn.Dense):
    def forward(self, x, rng=None):
        y, back = super().forward(x, rng)
        return -y, lambda dy, need_dx=True: back(-dy, need_dx)


def test_a_subclass_that_computes_something_else_is_left_whole():
    """What `Dense` says of itself does not hold for it."""
    net = mn.Sequential(mn.Dense(4, 6, rng=0), mn.ReLU(), Negative(6, 5, rng=1), mn.ReLU(), mn.Dense(5, 2, rng=2))
    mn.prune(net, 0.5, structure=mn.along("out"))
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    small = mn.compact(net)
    assert_close(small(x), net(x))
    assert type(small.layers[2]) is Negative


def test_compact_asks_for_a_sample_where_it_cannot_know_the_shape():
    net = mn.Sequential(mn.Conv2d(1, 2, 3, rng=0), mn.Flatten(), mn.Dense(2 * 9, 3, rng=0))
    with pytest.raises(ValueError, match=r"mn\.compact\(net, sample=x\[:1\]\)"):
        mn.compact(net)
    assert mn.compact(net, np.zeros((1, 1, 5, 5))).params()[0].shape == (2, 1, 3, 3)
    report = mn.explain_compact(net, np.zeros((1, 1, 5, 5)))
    assert report == f"{2 * 9 + 2 + 18 * 3 + 3} numbers → {2 * 9 + 2 + 18 * 3 + 3}"
    with pytest.raises(ValueError, match=r"^compact has to know the shape"):
        mn.compact(mn.Sequential(mn.ReLU()))


def test_a_layer_alone_can_be_compacted_and_may_disappear():
    layer = mn.Dense(4, 3, rng=0)
    layer.weight.mask = np.repeat([[False, True, True]], 4, axis=0)
    assert mn.compact(layer).weight.shape == (4, 3)  # inputs and outputs stay
    branch = mn.Residual(mn.Dense(3, 3, rng=0))
    for param in branch.params():
        param.mask = np.zeros(param.shape, bool)
    small = mn.compact(branch, np.zeros((7, 2, 3)))
    assert small.report.endswith("gone, its 12 numbers never change the answer\n12 numbers → 0")
    assert small.input_shape == (2, 3)
    x = np.random.default_rng(0).normal(size=(5, 2, 3)).astype(np.float32)
    assert np.array_equal(small(x), x) and np.array_equal(branch(x), x)


def test_stored_are_the_weights_that_compact_keeps():
    net = mn.models.mlp(5, 6, 4, 3, rng=0)
    w1, _, w2, _, w3, _ = net.params()
    w1.mask = np.repeat([[False] + [True] * 5], 5, axis=0)  # neuron 0 hears nothing
    w2.data[1] = 0  # what neuron 1 says is multiplied by zero, although no mask says so
    w2.data[2] = 1
    w3.data[3] = 0
    before = [p.data.copy() for p in net.params()]
    there = stored(net)
    assert there["dense1.weight"].dtype == bool
    assert np.array_equal(there["dense1.weight"], np.repeat([[False, False] + [True] * 4], 5, axis=0))
    assert np.array_equal(there["dense2.weight"], np.outer([0, 0, 1, 1, 1, 1], [1, 1, 1, 0]) > 0)
    assert np.array_equal(there["dense3.weight"], np.outer([1, 1, 1, 0], [1, 1, 1]) > 0)
    assert set(there) == {"dense1.weight", "dense2.weight", "dense3.weight"}
    assert all(np.array_equal(p.data, old) for p, old in zip(net.params(), before, strict=True))
    assert [p.mask is None for p in net.params()] == [False] + [True] * 5
