"""The loops that multiply only what is left: a whole network of sparse layers in one call.

A layer computes y = W x + b, but most of W is zero. `packing.py` has written the weights that are left one after the
other, four rows together; the kernels here walk that list and do one multiply-add for each weight. `predict_many` does
it for sixteen samples at a time, `predict_few` for eight, `predict_one` for one, all from the same packed network.

Why tiles?
----------
For a single sample, each weight brings three loads with it (the weight, its column number, the input that it meets) and
one multiplication. Loads are what the processor runs short of. With sixteen samples side by side the weight and its
column number are loaded once and used sixteen times, and the sixteen inputs lie next to each other if they are stored
*features-major*: feature 0 of all samples, then feature 1 of all samples, and so on. So sixteen samples are copied
into such a tile, the tile goes through all layers while it stays in the fastest cache, and the answers are copied
back.

Rows of W with similar numbers of weights walk together in groups of four: four independent sums keep the arithmetic
units busy, and four weights arrive in one load, as do their four column numbers (2 bytes each). Every row is added
up in the same order in all three kernels and anywhere in a batch, so a sample's prediction doesn't depend, to the last
bit, on its company.
"""

from __future__ import annotations

import numpy as np
from numba import types

from minnet.sparse.jit import entry, inner
from minnet.sparse.vectors import (
    fma,
    four,
    lane,
    load,
    number,
    pick,
    put,
    quad,
    relu,
    splat,
    store,
    transpose,
    unaligned,
)

# The columns of the two tables that lead through a packed network (`packing.py` writes them).
STEPS, FIRST_COLUMN, ROW = 0, 1, 2                          # groups: steps, first column of the band, four rows
OUTPUTS, GROUPS, BLOCKS, RELU, WIDEST = 0, 1, 2, 3, 4      # layers: BLOCKS and RELU are 0 or 1

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
                fill(lanes, buffer, there, biases, bias, layers[layer, OUTPUTS])
                for _ in range(layers[layer, GROUPS]):
                    steps = np.int64(groups[g, STEPS])
                    if layers[layer, BLOCKS]:
                        add_blocks(lanes, values, p, columns, q, groups, g, buffer, here, there)
                        q += steps
                    else:
                        add_rows(lanes, values, p, columns, q, groups, g, buffer, here, there)
                        q += 4 * steps
                    p += 4 * steps
                    g += 1
                if layers[layer, RELU]:
                    rectify(lanes, buffer, there, layers[layer, OUTPUTS])
                bias += layers[layer, OUTPUTS]
                here, there = there, here
            unpack(lanes, buffer, here, y, first)

    return predict


@inner
def fill(lanes, buffer, y, biases, bias, outputs):
    """Every sum starts as its bias."""
    for row in range(outputs):
        store(buffer, y + row * lanes, splat(lanes, biases, bias + row))


@inner
def rectify(lanes, buffer, y, outputs):
    """ReLU, in place."""
    for row in range(outputs):
        store(buffer, y + row * lanes, relu(load(lanes, buffer, y + row * lanes)))


@inner
def add_rows(lanes, values, p, columns, q, groups, g, buffer, x, y):
    """Four rows, each with columns of its own: y[row] += sum of weight × x[column], for all samples of the tile.

    x and y are the places in `buffer` where the layer's input tile and output tile begin.
    """
    x += groups[g, FIRST_COLUMN] * lanes
    row_a = y + groups[g, ROW] * lanes
    row_b = y + groups[g, ROW + 1] * lanes
    row_c = y + groups[g, ROW + 2] * lanes
    row_d = y + groups[g, ROW + 3] * lanes
    a = load(lanes, buffer, row_a)
    b = load(lanes, buffer, row_b)
    c = load(lanes, buffer, row_c)
    d = load(lanes, buffer, row_d)
    for _ in range(groups[g, STEPS]):
        weights = quad(values, p)
        column = four(columns, q)
        a = fma(lane(lanes, weights, 0), load(lanes, buffer, x + (column & 0xFFFF) * lanes), a)
        b = fma(lane(lanes, weights, 1), load(lanes, buffer, x + ((column >> 16) & 0xFFFF) * lanes), b)
        c = fma(lane(lanes, weights, 2), load(lanes, buffer, x + ((column >> 32) & 0xFFFF) * lanes), c)
        d = fma(lane(lanes, weights, 3), load(lanes, buffer, x + ((column >> 48) & 0xFFFF) * lanes), d)
        p += 4
        q += 4
    store(buffer, row_a, a)
    store(buffer, row_b, b)
    store(buffer, row_c, c)
    store(buffer, row_d, d)


@inner
def add_blocks(lanes, values, p, columns, q, groups, g, buffer, x, y):
    """Four rows that share their columns: each input is loaded once for four multiplications instead of one."""
    x += groups[g, FIRST_COLUMN] * lanes
    row_a = y + groups[g, ROW] * lanes
    row_b = y + groups[g, ROW + 1] * lanes
    row_c = y + groups[g, ROW + 2] * lanes
    row_d = y + groups[g, ROW + 3] * lanes
    a = load(lanes, buffer, row_a)
    b = load(lanes, buffer, row_b)
    c = load(lanes, buffer, row_c)
    d = load(lanes, buffer, row_d)
    for _ in range(groups[g, STEPS]):
        weights = quad(values, p)
        shared = load(lanes, buffer, x + number(columns, q) * lanes)
        a = fma(lane(lanes, weights, 0), shared, a)
        b = fma(lane(lanes, weights, 1), shared, b)
        c = fma(lane(lanes, weights, 2), shared, c)
        d = fma(lane(lanes, weights, 3), shared, d)
        p += 4
        q += 1
    store(buffer, row_a, a)
    store(buffer, row_b, b)
    store(buffer, row_c, c)
    store(buffer, row_d, d)


@inner
def pack(lanes, x, first, buffer, at):
    """Copy `lanes` samples of x, from `first` on, into the tile at buffer[at]; after the last sample, repeat it."""
    n, width = x.shape
    whole = width // 8 * 8
    for i in range(0, lanes, 8):
        sample = min(first + i, n - 1)
        for feature in range(0, whole, 8):
            transpose(x, sample * width + feature, width, n - 1 - sample, buffer, at + feature * lanes + i, lanes)
    for feature in range(whole, width):
        for i in range(lanes):
            buffer[at + feature * lanes + i] = x[min(first + i, n - 1), feature]


@inner
def unpack(lanes, buffer, at, y, first):
    """Copy the tile at buffer[at] to the rows of y from `first` on, as many of them as there are."""
    n, width = y.shape
    for sample in range(first, min(first + lanes, n), 8):
        tile = at + sample - first
        whole = width // 8 * 8 if sample + 8 <= n else 0
        for feature in range(0, whole, 8):
            transpose(buffer, tile + feature * lanes, lanes, 7, y, sample * width + feature, width)
        for i in range(min(8, n - sample)):
            for feature in range(whole, width):
                y[sample + i, feature] = buffer[tile + feature * lanes + i]


@entry(*SIGNATURE)
def predict_one(x, y, values, columns, groups, biases, layers):
    """y = network(x), one sample after the other: with a single sample there is nothing to put side by side."""
    size = layers[0, WIDEST]
    buffer = np.empty(2 * size, np.float32)
    here = np.int64(0)
    there = here + size
    for sample in range(x.shape[0]):
        for feature in range(x.shape[1]):
            buffer[here + feature] = x[sample, feature]
        p = q = g = bias = np.int64(0)
        for layer in range(layers.shape[0]):
            outputs = layers[layer, OUTPUTS]
            for row in range(outputs):
                buffer[there + row] = biases[bias + row]
            for _ in range(0, layers[layer, GROUPS], 2):        # the number of groups is even (see packing.py)
                steps = np.int64(groups[g, STEPS] + groups[g + 1, STEPS])
                if layers[layer, BLOCKS]:
                    add_blocks_one(values, p, columns, q, groups, g, buffer, here, there)
                    q += steps
                else:
                    add_rows_one(values, p, columns, q, groups, g, buffer, here, there)
                    q += 4 * steps
                p += 4 * steps
                g += 2
            if layers[layer, RELU]:
                for row in range(outputs):
                    if buffer[there + row] < 0:
                        buffer[there + row] = 0
            bias += outputs
            here, there = there, here
        for feature in range(y.shape[1]):
            y[sample, feature] = buffer[here + feature]


@inner
def add_rows_one(values, p, columns, q, groups, g, buffer, x, y):
    """`add_rows` for a single sample and two groups: the four lanes of a short vector are the four rows of a group.

    A sum has to wait some four cycles for one addition before the next can start; so two groups take turns. They come
    from the same band and don't share a row, and the second one is never the longer.
    """
    x += groups[g, FIRST_COLUMN]
    a = sums(groups, g, buffer, y)
    b = sums(groups, g + 1, buffer, y)
    steps_a = groups[g, STEPS]
    steps_b = groups[g + 1, STEPS]
    far = 4 * steps_a                                           # the second group begins where the first one ends
    for _ in range(steps_b):
        a = fma(load(4, values, p), inputs(columns, q, buffer, x), a)
        b = fma(load(4, values, p + far), inputs(columns, q + far, buffer, x), b)
        p += 4
        q += 4
    for _ in range(steps_b, steps_a):
        a = fma(load(4, values, p), inputs(columns, q, buffer, x), a)
        p += 4
        q += 4
    keep(groups, g, buffer, y, a)
    keep(groups, g + 1, buffer, y, b)


@inner
def add_blocks_one(values, p, columns, q, groups, g, buffer, x, y):
    """`add_blocks` for a single sample and two groups."""
    x += groups[g, FIRST_COLUMN]
    a = sums(groups, g, buffer, y)
    b = sums(groups, g + 1, buffer, y)
    steps_a = groups[g, STEPS]
    steps_b = groups[g + 1, STEPS]
    for _ in range(steps_b):
        a = fma(load(4, values, p), splat(4, buffer, x + number(columns, q)), a)
        b = fma(load(4, values, p + 4 * steps_a), splat(4, buffer, x + number(columns, q + steps_a)), b)
        p += 4
        q += 1
    for _ in range(steps_b, steps_a):
        a = fma(load(4, values, p), splat(4, buffer, x + number(columns, q)), a)
        p += 4
        q += 1
    keep(groups, g, buffer, y, a)
    keep(groups, g + 1, buffer, y, b)


@inner
def inputs(columns, q, buffer, x):
    """The four inputs that the next step of a group multiplies."""
    column = four(columns, q)
    return pick(buffer, x + (column & 0xFFFF), x + ((column >> 16) & 0xFFFF),
                x + ((column >> 32) & 0xFFFF), x + ((column >> 48) & 0xFFFF))


@inner
def sums(groups, g, buffer, y):
    """What the four rows of a group have added up to so far."""
    return pick(buffer, y + groups[g, ROW], y + groups[g, ROW + 1], y + groups[g, ROW + 2], y + groups[g, ROW + 3])


@inner
def keep(groups, g, buffer, y, total):
    """Write the four sums of a group back."""
    put(buffer, y + groups[g, ROW], y + groups[g, ROW + 1], y + groups[g, ROW + 2], y + groups[g, ROW + 3], total)


predict_many = tile_kernel(16)
predict_few = tile_kernel(8)
