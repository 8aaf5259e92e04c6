"""A predictor must answer what the network answers, whatever was pruned and whatever batch comes.

MINNET_EXAMPLES=1000 tries more random networks of each format than there is time for in every run.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minnet
import minnet.sparse
from minnet.nn.activations import ReLU
from minnet.nn.attention import Attention
from minnet.nn.layer import Layer
from minnet.nn.layers import Dense, Dropout, Sequential
from minnet.nn.models import mlp, residual_mlp, tiny_transformer
from minnet.nn.residual import Residual
from tests.closeness import assert_close

FORMATS = ("auto", "rows", "blocks", "2:4", "dense", "csr")
BATCHES = (0, 1, 7, 64, 1000)
SPARSITIES = (0.0, 0.5, 0.9, 0.99, 1.0)


def pruned(sizes, sparsity, seed, block=1, dropout=0.0):
    """A network with random weights, random biases and random masks; `block` outputs share each mask entry.

    With block 0, of each four inputs two are removed first, and with block -1 whole neurons.
    """
    rng = np.random.default_rng(seed)
    net = mlp(*sizes, dropout=dropout, rng=rng)
    for param in net.params():
        if param.prunable:
            inputs, outputs = param.shape
            height = inputs if block >= 0 else 1
            width = max(block, 1)
            kept = rng.random((height, -(-outputs // width))) >= sparsity
            kept = np.repeat(kept, width, axis=1)[:, :outputs] & np.ones(param.shape, bool)
            if block == 0:
                kept &= (rng.random((-(-inputs // 4), 4, outputs)).argsort(axis=1) < 2).reshape(-1, outputs)[:inputs]
            param.mask = kept
        else:
            param.data = rng.normal(size=param.shape)
    return net


def agree(found, expected):
    assert found.dtype == np.float32
    assert_close(found, expected, terms=1)


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=int(os.environ.get("MINNET_EXAMPLES", 50)), deadline=None, derandomize=True)
@given(
    sizes=st.lists(st.integers(1, 70) | st.sampled_from((4, 16, 32, 64)), min_size=2, max_size=4),
    sparsity=st.sampled_from(SPARSITIES),
    n=st.sampled_from(BATCHES) | st.integers(0, 80),
    block=st.sampled_from((1, 3, 4, 0, -1)),
    seed=st.integers(0, 2**32 - 1),
)
def test_predicts_what_the_network_predicts(format, sizes, sparsity, n, block, seed):
    net = pruned(sizes, sparsity, seed, block)
    x = np.random.default_rng(seed).normal(size=(n, sizes[0])).astype(np.float32)
    match seed % 4:                                                 # the same numbers, laid out in other ways
        case 1:
            x = np.asfortranarray(x)
        case 2:
            x = x.repeat(2, axis=0)[::2]
        case 3:
            x.flags.writeable = False
    agree(minnet.sparse.compile(net, format)(x), net(x))


@pytest.mark.parametrize("sparsity", SPARSITIES)
@pytest.mark.parametrize("n", BATCHES)
def test_the_network_of_the_lesson(sparsity, n):
    net = pruned((64, 32, 16, 10), sparsity, seed=n, dropout=0.2)
    x = np.random.default_rng(n).random((n, 64), np.float32)
    agree(minnet.sparse.compile(net)(x), net(x))


@pytest.mark.parametrize("format", FORMATS)
def test_more_columns_than_one_band(format):
    net = pruned((1000, 5, 3), 0.8, seed=0)
    x = np.random.default_rng(0).normal(size=(20, 1000)).astype(np.float32)
    agree(minnet.sparse.compile(net, format)(x), net(x))


@pytest.mark.parametrize(("format", "block"), [("rows", 1), ("blocks", 4), ("2:4", 0)])
def test_a_sample_does_not_depend_on_its_company(format, block):
    predict = minnet.sparse.compile(pruned((52, 32, 9), 0.5, seed=1, block=block), format)
    assert set(predict.formats.values()) == {format}
    x = np.random.default_rng(1).normal(size=(100, 52)).astype(np.float32)
    together = predict(x)
    for step in (1, 5, 8, 20, 33, 50):
        parts = np.concatenate([predict(x[i:i + step]) for i in range(0, len(x), step)])
        np.testing.assert_array_equal(parts, together)


@pytest.mark.parametrize("convert", [
    lambda x: x.astype(np.float64), lambda x: x.astype(np.int64), lambda x: x > 0, lambda x: np.asfortranarray(x),
    lambda x: x.repeat(2, axis=1)[:, ::2], lambda x: x.tolist(), lambda x: x[::-1],
    lambda x: x.astype(">f4"),
], ids=["float64", "int64", "bool", "column order", "every other column", "list", "backwards", "big endian"])
@pytest.mark.parametrize("n", (1, 6, 30))
def test_any_input_of_numbers(convert, n):
    net = pruned((12, 8, 5), 0.5, seed=2)
    x = convert(np.random.default_rng(2).normal(scale=3, size=(n, 12)).astype(np.float32))
    agree(minnet.sparse.compile(net)(x), net(np.asarray(x, np.float32)))


@pytest.mark.parametrize("format", FORMATS)
def test_read_only_input_is_accepted_and_no_input_is_changed(format):
    net = pruned((12, 8, 5), 0.5, seed=2)
    x = np.random.default_rng(2).normal(size=(30, 12)).astype(np.float32)
    before = x.copy()
    predict = minnet.sparse.compile(net, format)
    written = predict(x)
    x.flags.writeable = False
    np.testing.assert_array_equal(predict(x), written)
    np.testing.assert_array_equal(x, before)


def test_wrong_inputs_raise_different_errors():
    predict = minnet.sparse.compile(pruned((12, 8, 5), 0.5, seed=2))
    with pytest.raises(ValueError, match=r"12"):
        predict(np.zeros((3, 13), np.float32))
    with pytest.raises(ValueError, match=r"x\[None\]"):
        predict(np.zeros(12, np.float32))
    with pytest.raises(TypeError, match="holds numbers"):
        predict(np.zeros((3, 12), complex))
    bare = minnet.sparse.compile(Sequential(Dense(12, 5, rng=0)))
    with pytest.raises(ValueError, match=r"\(\.\.\., 12\)"):
        bare(np.zeros((3, 13), np.float32))
    with pytest.raises(ValueError, match=r"x\[None\]"):
        bare(np.zeros(12, np.float32))


def test_wrong_arguments_raise_different_errors():
    net = mlp(4, 2, rng=0)
    with pytest.raises(ValueError, match="Did you mean 'rows'"):
        minnet.sparse.compile(net, "row")
    with pytest.raises(TypeError, match="takes a network"):
        minnet.sparse.compile(np.zeros((3, 3)))


def test_not_a_number_comes_out_as_in_numpy():
    net = pruned((6, 8, 3), 0.0, seed=3)
    x = np.full((3, 6), np.nan, np.float32)
    for format in FORMATS:
        assert np.isnan(minnet.sparse.compile(net, format)(x)).all()


def test_more_axes_are_kept_as_in_dense():
    net = Sequential(Dense(6, 8, rng=0), ReLU(), Dense(8, 3, bias=False, rng=1))
    x = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    agree(minnet.sparse.compile(net)(x), net(x))


class Swish(Layer):
    """A layer that minnet.sparse has never heard of."""

    def forward(self, x, rng=None):
        return x / (1 + np.exp(-x)), None


class Doubled(Dense):
    """Looks like Dense but computes something else."""

    def forward(self, x, rng=None):
        y, back = super().forward(x, rng)
        return 2 * y, back


def test_unknown_layers_are_computed_by_themselves():
    net = Sequential(ReLU(), Dense(6, 8, rng=0), Swish(), Sequential(Dense(8, 7, rng=1), Dropout(0.5), ReLU(), ReLU()),
                     Doubled(7, 3, rng=2))
    x = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    predict = minnet.sparse.compile(net)
    agree(predict(x), net(x))
    assert predict.formats["doubled1"] == predict.formats["swish1"] == "own"
    assert len(predict.explain().splitlines()) == len(predict.formats)


@pytest.mark.parametrize("sparsity", (0.0, 0.9))
def test_branches_are_compiled(sparsity):
    net = residual_mlp(rng=0)
    rng = np.random.default_rng(0)
    for param in net.params():
        if param.prunable:
            param.mask = rng.random(param.shape) >= sparsity
    x = rng.random((20, 64), np.float32)
    predict = minnet.sparse.compile(net)
    agree(predict(x), net(x))
    assert predict.formats["residual2.branch.dense1"] in ("rows", "dense")
    assert set(predict.formats) == {param.path.rsplit(".", 1)[0] for param in net.params()} | {"relu1"}
    alone = Residual(Sequential())
    agree(minnet.sparse.compile(alone)(x), alone(x))
    transformer = tiny_transformer(rng=0)
    x = rng.random((5, 8, 8), np.float32)
    agree(minnet.sparse.compile(transformer)(x), transformer(x))


def test_a_lone_layer_and_an_empty_network():
    layer = Dense(6, 3, rng=0)
    x = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    agree(minnet.sparse.compile(layer)(x), layer(x))
    np.testing.assert_array_equal(minnet.sparse.compile(Sequential())(x), x)


def test_layers_without_neurons():
    net = Sequential(Dense(6, 0, rng=0), ReLU(), Dense(0, 3, rng=0))
    net.params()[-1].data = np.arange(3)
    for n in (0, 1, 5, 20):
        y = minnet.sparse.compile(net, "rows")(np.ones((n, 6), np.float32))
        np.testing.assert_array_equal(y, np.tile([0, 1, 2], (n, 1)))


def test_later_changes_of_the_network_do_not_reach_the_predictor():
    net = Sequential(Dense(6, 8, rng=0), Swish(), Doubled(8, 3, rng=1))
    x = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    for format in FORMATS:
        predict = minnet.sparse.compile(net, format)
        before = predict(x)
        for param in net.params():
            param.data = param.data + 1
        np.testing.assert_array_equal(predict(x), before)


def test_long_batches_are_cut(monkeypatch):
    monkeypatch.setattr("minnet.sparse.predictor_steps.LONGEST", dict.fromkeys(("kernels", "csr", "dense"), 1000))
    net = pruned((12, 8, 5), 0.5, seed=2)
    x = np.random.default_rng(2).normal(size=(200, 12)).astype(np.float32)
    for format in FORMATS:
        predict = minnet.sparse.compile(net, format)
        assert predict.steps[-1]._chunk == 64
        agree(predict(x), net(x))


def test_eight_threads_agree():
    predict = minnet.sparse.compile(pruned((64, 100, 10), 0.8, seed=5), "rows")
    batches = [np.random.default_rng(i).normal(size=(100 if i % 2 else 1, 64)).astype(np.float32) for i in range(8)]
    alone = [predict(x) for x in batches]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            for expected, found in zip(alone, pool.map(predict, batches), strict=True):
                np.testing.assert_array_equal(found, expected)


def test_bytes_are_those_that_are_stored():
    def stored(predict):
        return sum(array.nbytes for step in predict.steps if step.nbytes for array in step._arrays)

    net = pruned((64, 32, 10), 0.9, seed=6)
    predict = minnet.sparse.compile(net, "rows")
    kept = sum(param.kept for param in net.params() if param.prunable)
    assert predict.nbytes == stored(predict) > 6 * kept          # 4 bytes for the weight, 2 for its column
    dense = minnet.sparse.compile(net, "dense")
    assert dense.nbytes == sum(param.data.nbytes for param in net.params())
    assert predict.nbytes < dense.nbytes


def test_auto_leaves_large_dense_layers_to_blas():
    full = minnet.sparse.compile(pruned((300, 300), 0.0, seed=7))
    assert full.formats == {"dense1": "dense"} and "too few zeros" in full.explain()


@pytest.mark.parametrize(("sparsity", "block", "format"), [(0.9, 1, "rows"), (0.9, 4, "blocks"), (0.0, 0, "2:4")])
def test_auto_finds_the_format_that_the_mask_was_made_for(sparsity, block, format):
    predict = minnet.sparse.compile(pruned((300, 300, 300), sparsity, seed=7, block=block))
    assert set(predict.formats.values()) == {format}
    others = [minnet.sparse.compile(pruned((300, 300, 300), sparsity, seed=7, block=block), other)
              for other in ("rows", "blocks", "2:4")]
    assert predict.nbytes == min(other.nbytes for other in others)


def test_what_is_not_two_of_four_is_stored_in_rows():
    for sizes, block in (((64, 32), 1), ((62, 32), 0)):         # three of four; no whole windows
        assert minnet.sparse.compile(pruned(sizes, 0.0, seed=8, block=block), "2:4").formats == {"dense1": "rows"}


def test_neurons_without_work_are_left_out():
    net = pruned((40, 30, 20, 10), 0.0, seed=9)
    small = mlp(40, 15, 10, 10, rng=0)
    first, second, third = (param for param in net.params() if param.prunable)
    first.mask = np.arange(30) % 2 * np.ones((40, 1)) > 0       # every other neuron says its bias, and nothing else
    third.mask = np.arange(20)[:, None] % 2 * np.ones(10) > 0   # every other neuron has no outgoing weights
    predict = minnet.sparse.compile(net)
    assert predict.formats == dict.fromkeys(("dense1", "dense2", "dense3"), "shrunken")
    assert predict.nbytes == minnet.sparse.compile(small, "dense").nbytes
    assert "15 of its inputs and 10 of its neurons have no work" in predict.explain()
    x = np.random.default_rng(9).normal(size=(20, 40)).astype(np.float32)
    agree(predict(x), net(x))
    second.mask = np.zeros((30, 20), bool)                      # all neurons are pruned, and yet there is an output
    agree(minnet.sparse.compile(net)(x), net(x))


def test_removed_heads_cost_nothing():
    x = np.random.default_rng(0).random((5, 8, 8), np.float32)
    for share in (0.25, 0.75):
        net = tiny_transformer(rng=0)
        whole = minnet.sparse.compile(net).nbytes
        minnet.prune(net, share, structure=minnet.along("head"))
        predict = minnet.sparse.compile(net)
        agree(predict(x), net(x))
        removed = sum(param.size - param.kept for param in net.params())
        assert predict.nbytes == whole - 4 * removed
        assert "shrunken" in predict.formats.values() and "of its 4 heads" in predict.explain()


def test_all_heads_may_be_removed():
    layer = Attention(6, 2, rng=0)
    for param in layer.params():
        param.mask = np.zeros(param.shape, bool) if param.axes != ("out",) else None
    x = np.random.default_rng(0).normal(size=(3, 4, 6)).astype(np.float32)
    agree(minnet.sparse.compile(layer)(x), layer(x))
