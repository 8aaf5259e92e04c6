"""The compiled kernels against plain Python that checks every index."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minnet.sparse.packing import GROUP, NARROW, WIDE, is_two_of_four, pack_layer, pack_network
from minnet.sparse.single_sample_kernel import predict_one
from minnet.sparse.tile_kernel import MANY, predict_few, predict_many, tile_kernel
from tests.closeness import assert_close
from tests.sparse import plain_kernels

# `predict_many` takes tiles of 16 or of 32 samples, as this computer likes it; both are tested on any computer.
KERNELS = {"one": predict_one, "few": predict_few, "many": predict_many, "other": tile_kernel(48 - MANY)}


def random_layers(sizes, density, formats, rng):
    """What `pack_network` takes: (weight, bias or None, relu, format) for each layer."""
    layers = []
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        weight = rng.normal(size=(inputs, outputs)) * (rng.random((inputs, outputs)) < density)
        bias = rng.normal(size=outputs) if rng.random() < 0.8 else None
        format = formats[i % len(formats)]
        if format == "2:4" and not two_of_four(weight, rng):
            format = "rows"
        layers.append((weight.astype(np.float32), bias, bool(rng.random() < 0.7), format))
    return layers


def two_of_four(weight, rng):
    """Leave at most two of each four inputs of weight (in, out), if it has whole windows of them."""
    inputs, outputs = weight.shape
    if inputs % 4 == 0:
        order = rng.random((inputs // 4, 4, outputs)).argsort(axis=1)
        weight.reshape(inputs // 4, 4, outputs)[order < 2] = 0
    return is_two_of_four(weight.T)


def run(kernel, x, packed, outputs):
    y = np.full((len(x), outputs), np.nan, np.float32)
    kernel.call(x, y, *packed.arrays)
    return y


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    sizes=st.lists(st.integers(0, 25) | st.sampled_from((4, 8, 16, 24)), min_size=2, max_size=4),
    density=st.sampled_from((0, 0.05, 0.3, 1)),
    formats=st.sampled_from((("rows",), ("blocks",), ("2:4",), ("rows", "blocks"), ("2:4", "blocks", "rows"))),
    n=st.integers(0, 70),
    seed=st.integers(0, 2**32 - 1),
)
def test_kernels_agree_with_plain_python(sizes, density, formats, n, seed):
    rng = np.random.default_rng(seed)
    packed = pack_network(random_layers(sizes, density, formats, rng))
    x = rng.normal(size=(n, sizes[0])).astype(np.float32)
    expected = plain_kernels.predict(x, packed)
    found = [run(kernel, x, packed, sizes[-1]) for kernel in KERNELS.values()]
    for y in found:
        assert_close(y, expected, terms=1)
        np.testing.assert_array_equal(y, found[0])          # all kernels add up in the same order


@pytest.mark.parametrize("format", ["rows", "blocks", "2:4"])
@pytest.mark.parametrize(("inputs", "density"), [(NARROW + 1, 0.5), (WIDE + 4, 0.1), (3 * WIDE, 0.01)])
def test_several_bands(format, inputs, density):
    rng = np.random.default_rng(0)
    layers = random_layers((inputs, 7, 3), density, (format,), rng)
    x = rng.normal(size=(9, inputs)).astype(np.float32)
    packed = pack_network(layers)
    expected = plain_kernels.predict(x, packed)
    for kernel in KERNELS.values():
        assert_close(run(kernel, x, packed, 3), expected)


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_nothing_beyond_the_answer_is_written(kernel):
    rng = np.random.default_rng(0)
    packed = pack_network(random_layers((30, 11), 0.4, ("rows",), rng))
    memory = np.full((40, 11), 7, np.float32)
    x = rng.normal(size=(19, 30)).astype(np.float32)
    kernel.call(x, memory[10:29], *packed.arrays)
    assert (memory[:10] == 7).all() and (memory[29:] == 7).all() and (memory[10:29] != 7).all()


def test_blocks_store_one_column_for_four_weights():
    weight = np.zeros((40, 8), np.float32)
    weight[::4] = 1
    rows, blocks = (pack_network([(weight, None, False, format)]) for format in ("rows", "blocks"))
    assert len(rows.values) == len(blocks.values) == len(rows.columns) == 80
    assert len(blocks.columns) == 20


@pytest.mark.parametrize(("density", "inputs", "starts"), [
    (1, 2000, [0, 400, 800, 1200, 1600]),       # what the fastest cache takes
    (0.05, 2000, [0, 668, 1336]),               # about 40 weights in a row: at most 800, in whole windows
    (0.01, 2000, [0, 1000]),                    # and no more than 1024
    (1, 400, [0]), (1, 30, [0]),
])
def test_bands_are_as_wide_as_the_density_asks(density, inputs, starts):
    w = np.zeros((5, inputs), np.float32)
    w[:, :: round(1 / density)] = 1
    _, columns, groups = pack_layer(w, "rows")
    assert sorted(set(groups[:, 1])) == starts
    assert columns.max() < np.diff([*starts, inputs]).max()


def test_a_column_fits_into_sixteen_bits_however_wide_the_band_may_be():
    w = np.zeros((1, 100_000), np.float32)
    w[0, ::999] = np.arange(1, 102)
    values, columns, groups = pack_layer(w, "rows", widest_band=1 << 20)
    assert groups[:, 1].tolist() == [0, 0, 50_000, 50_000]      # with an empty group each, to make two
    first = GROUP * groups[0, 0]                                # where the second band begins
    for start, part in ((0, slice(0, first, GROUP)), (50_000, slice(first, None, GROUP))):
        kept = values[part] != 0
        np.testing.assert_array_equal(w[0, start + columns[part][kept].astype(int)], values[part][kept])
    assert np.count_nonzero(values) == 101
    narrow = pack_layer(w[:, :40], "blocks", widest_band=0)[2]  # a band has a window at least
    assert len(narrow) and not (narrow[:, 1] % 4).any() and len(pack_layer(w[:, :40] + 1, "blocks", 0)[2]) == 2 * 10
