"""The kernels that multiply only the remaining weights: all sparse layers of a network in one call, for many samples.

A layer computes y = W x + b, but most of W is zero. `packing.py` has stored the remaining weights one after the other,
four rows together; the kernels here go through that list and do one multiply-add for each weight. They process eight
samples at a time (`predict_few`), or sixteen or more (`predict_many`); `single_sample_kernel.py` does the same for one.

Why tiles?
----------
For a single sample, each weight needs three loads (the weight, its column index, its input) and one multiplication:
the loads are the bottleneck. For a tile of sixteen samples, the weight and its column index are loaded once and used
sixteen times, and the sixteen inputs are contiguous (see `tiles.py`). So sixteen samples are copied into a tile, the
tile goes through all layers while it stays in the fastest caches, and the outputs are copied back.

Rows of W with similar numbers of weights form groups of four: four independent sums keep the arithmetic units busy,
and one load gets four weights, another one their four column indices (2 bytes each). The terms of every sum are added
in the same order in all kernels and at every position in a batch, so a sample's prediction is bit-identical in every
batch.
"""

from __future__ import annotations

import numpy as np
from numba import types

from minnet.sparse.jit import entry, inner, wide_registers
from minnet.sparse.simd import add, fma, four, lane, load, number, quad, splat, store, unaligned, zeros
from minnet.sparse.tiles import fill, pack, rectify, unpack

# The columns of the two tables that describe a packed network (written by `packing.py`).
STEPS, FIRST_COLUMN, ROW, GROUP_WIDTH = 0, 1, 2, 6      # groups: steps, first column of the band, four rows
OUTPUTS, GROUPS, KIND, RELU, WIDEST = 0, 1, 2, 3, 4     # layers; RELU is 0 or 1
IN_ROWS, IN_BLOCKS, TWO_OF_FOUR = 0, 1, 2               # kinds of layers

# Samples in a tile of `predict_many`. Four sums of 32 lanes need 8 registers of 512 bits, or 16 of 256 bits, which
# are all registers of a processor with AVX2. Twice the samples for each loaded weight are a sixth faster.
MANY = 32 if wide_registers() else 16

SIGNATURE = (
    types.Array(types.float32, 2, "C", readonly=True),      # x (n, inputs)
    types.float32[:, ::1],                                  # y (n, outputs)
    types.float32[::1],                                     # values
    types.uint16[::1],                                      # columns
    types.int32[:, ::1],                                    # groups
    types.float32[::1],                                     # biases
    types.int64[:, ::1],                                    # layers
)


def tile_kernel(lanes):
    """The kernel for tiles of `lanes` samples: y = network(x)."""

    @entry(*SIGNATURE)
    def predict(x, y, values, columns, groups, biases, layers):
        size = layers[0, WIDEST] * lanes
        buffer = np.empty(2 * size + 16, np.float32)            # room for a layer's input and its output
        here = unaligned(buffer)                                # a vector that straddles two cache lines loads slowly
        there = here + size
        for first in range(0, x.shape[0], lanes):
            pack(lanes, x, first, buffer, here)
            p = q = g = bias = np.int64(0)                      # next value, column, group and bias
            for layer in range(layers.shape[0]):
                kind = layers[layer, KIND]
                fill(lanes, buffer, there, biases, bias, layers[layer, OUTPUTS])
                for _ in range(layers[layer, GROUPS]):
                    steps = number(groups, g * GROUP_WIDTH + STEPS)
                    if kind == IN_ROWS:
                        add_rows(lanes, values, p, columns, q, groups, g, buffer, here, there)
                        p += 4 * steps
                        q += 4 * steps
                    elif kind == IN_BLOCKS:
                        add_blocks(lanes, values, p, columns, q, groups, g, buffer, here, there)
                        p += 4 * steps
                        q += steps
                    else:
                        second = g & 1                          # two groups are interleaved in the list
                        add_two_of_four(lanes, values, p + 4 * second, columns, q + second, groups, g,
                                        buffer, here, there)
                        p += 16 * steps * second
                        q += 2 * steps * second
                    g += 1
                if layers[layer, RELU]:
                    rectify(lanes, buffer, there, layers[layer, OUTPUTS])
                bias += layers[layer, OUTPUTS]
                here, there = there, here
            unpack(lanes, buffer, here, y, first)

    return predict


@inner
def place(lanes, groups, g, row, y):
    """Position in the buffer of the sums of one of a group's four rows, for all samples of the tile."""
    return y + number(groups, g * GROUP_WIDTH + ROW + row) * lanes


@inner
def add_rows(lanes, values, p, columns, q, groups, g, buffer, x, y):
    """Four rows, each with its own columns: y[row] += sum of weight × x[column], for all samples of the tile.

    x and y are the positions in `buffer` where the layer's input tile and output tile begin.
    """
    x += number(groups, g * GROUP_WIDTH + FIRST_COLUMN) * lanes
    a = load(lanes, buffer, place(lanes, groups, g, 0, y))
    b = load(lanes, buffer, place(lanes, groups, g, 1, y))
    c = load(lanes, buffer, place(lanes, groups, g, 2, y))
    d = load(lanes, buffer, place(lanes, groups, g, 3, y))
    for _ in range(number(groups, g * GROUP_WIDTH + STEPS)):
        weights = quad(values, p)
        column = four(columns, q)
        a = fma(lane(lanes, weights, 0), load(lanes, buffer, x + (column & 0xFFFF) * lanes), a)
        b = fma(lane(lanes, weights, 1), load(lanes, buffer, x + ((column >> 16) & 0xFFFF) * lanes), b)
        c = fma(lane(lanes, weights, 2), load(lanes, buffer, x + ((column >> 32) & 0xFFFF) * lanes), c)
        d = fma(lane(lanes, weights, 3), load(lanes, buffer, x + ((column >> 48) & 0xFFFF) * lanes), d)
        p += 4
        q += 4
    store(buffer, place(lanes, groups, g, 0, y), a)
    store(buffer, place(lanes, groups, g, 1, y), b)
    store(buffer, place(lanes, groups, g, 2, y), c)
    store(buffer, place(lanes, groups, g, 3, y), d)


@inner
def add_blocks(lanes, values, p, columns, q, groups, g, buffer, x, y):
    """Four rows that share their columns: each input is loaded once for four multiplications instead of one.

    So loads are not the bottleneck, and each weight is loaded and broadcast by itself. `add_rows`, which is limited by
    loads, gets four weights with one load and broadcasts them with shuffles.
    """
    x += number(groups, g * GROUP_WIDTH + FIRST_COLUMN) * lanes
    a = load(lanes, buffer, place(lanes, groups, g, 0, y))
    b = load(lanes, buffer, place(lanes, groups, g, 1, y))
    c = load(lanes, buffer, place(lanes, groups, g, 2, y))
    d = load(lanes, buffer, place(lanes, groups, g, 3, y))
    for _ in range(number(groups, g * GROUP_WIDTH + STEPS)):
        shared = load(lanes, buffer, x + number(columns, q) * lanes)
        a = fma(splat(lanes, values, p), shared, a)
        b = fma(splat(lanes, values, p + 1), shared, b)
        c = fma(splat(lanes, values, p + 2), shared, c)
        d = fma(splat(lanes, values, p + 3), shared, d)
        p += 4
        q += 1
    store(buffer, place(lanes, groups, g, 0, y), a)
    store(buffer, place(lanes, groups, g, 1, y), b)
    store(buffer, place(lanes, groups, g, 2, y), c)
    store(buffer, place(lanes, groups, g, 3, y), d)


@inner
def add_two_of_four(lanes, values, p, columns, q, groups, g, buffer, x, y):
    """Four rows with two weights in each window of four columns: first all first weights, then all second ones."""
    steps = number(groups, g * GROUP_WIDTH + STEPS)
    x += number(groups, g * GROUP_WIDTH + FIRST_COLUMN) * lanes
    for slot in range(2):
        weight, code, window = p + 8 * slot, q, x
        a = b = c = d = zeros(lanes)
        for _ in range(steps):
            weights = quad(values, weight)
            column = number(columns, code) >> (2 * slot)        # two bits say which column of the window it is
            a = fma(lane(lanes, weights, 0), load(lanes, buffer, window + (column & 3) * lanes), a)
            b = fma(lane(lanes, weights, 1), load(lanes, buffer, window + ((column >> 4) & 3) * lanes), b)
            c = fma(lane(lanes, weights, 2), load(lanes, buffer, window + ((column >> 8) & 3) * lanes), c)
            d = fma(lane(lanes, weights, 3), load(lanes, buffer, window + ((column >> 12) & 3) * lanes), d)
            weight += 16
            code += 2
            window += 4 * lanes
        increase(lanes, buffer, place(lanes, groups, g, 0, y), a)
        increase(lanes, buffer, place(lanes, groups, g, 1, y), b)
        increase(lanes, buffer, place(lanes, groups, g, 2, y), c)
        increase(lanes, buffer, place(lanes, groups, g, 3, y), d)


@inner
def increase(lanes, buffer, at, vector):
    """buffer[at : at + lanes] += vector"""
    store(buffer, at, add(load(lanes, buffer, at), vector))


predict_many = tile_kernel(MANY)
predict_few = tile_kernel(8)
