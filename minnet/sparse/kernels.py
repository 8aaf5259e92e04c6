"""The loops that multiply only what is left: a whole network of sparse layers in one call.

A layer computes y = W x + b, but most of W is zero. `packing.py` has written the weights that are left one after the
other, four rows together; the kernels here walk that list once and do one multiply-add for each weight. There are two,
for many samples (`predict_many`) and for a single one (`predict_one`), and both read the same packed network.

Why tiles?
----------
For a single sample, each weight brings three loads with it (the weight, its column number, the input that it meets) and
one multiplication. Loads are what the processor runs short of. With sixteen samples side by side the weight and the
column number are loaded once and used sixteen times, and the sixteen inputs lie next to each other if they are
stored *features-major*: all samples' feature 0, then all samples' feature 1, and so on. So `predict_many` copies sixteen
samples into such a tile, sends the tile through all layers while it stays in the fastest cache, and copies the answers back.

Rows of W with similar numbers of weights walk together in groups of four: four independent sums keep the arithmetic
units busy, and their four column numbers (2 bytes each) arrive in one load. The sums of every row are added up in the same
order in both kernels and at any place in a batch, so a sample's prediction doesn't depend on its company, to the last bit.
"""

from __future__ import annotations

import numpy as np
from numba import types

from .jit import entry, inner
from .vectors import GROUP, LANES, fma, four, load, load4, pick, put, relu, splat, store, transpose

# What the columns of the two tables hold (see packing.py).
STEPS, FIRST_COLUMN, ROW = 0, 1, 2                      # groups: number of steps, first column, then four rows
INPUTS, OUTPUTS, GROUPS, RELU = 0, 1, 2, 3              # layers

_SIGNATURE = (
    types.Array(types.float32, 2, "C", readonly=True),  # x (n, inputs)
    types.float32[:, ::1],                              # y (n, outputs)
    types.float32[::1],                                 # values
    types.uint16[::1],                                  # columns
    types.int32[:, ::1],                                # groups
    types.float32[::1],                                 # biases
    types.int64[:, ::1],                                # layers
)


@inner
def add_group(values, columns, p, group, buffer, x, y):
    """Add one group of four rows: y[row] += sum of weight × x[column], for sixteen samples at once.

    x and y are the places in `buffer` where the input tile and the output tile begin. Returns where the next group's
    weights begin.
    """
    x += group[FIRST_COLUMN] * LANES
    row_a = y + group[ROW] * LANES
    row_b = y + group[ROW + 1] * LANES
    row_c = y + group[ROW + 2] * LANES
    row_d = y + group[ROW + 3] * LANES
    a = load(buffer, row_a)
    b = load(buffer, row_b)
    c = load(buffer, row_c)
    d = load(buffer, row_d)
    for _ in range(group[STEPS]):
        column = four(columns, p)
        a = fma(splat(values, p), load(buffer, x + (column & 0xFFFF) * LANES), a)
        b = fma(splat(values, p + 1), load(buffer, x + ((column >> 16) & 0xFFFF) * LANES), b)
        c = fma(splat(values, p + 2), load(buffer, x + ((column >> 32) & 0xFFFF) * LANES), c)
        d = fma(splat(values, p + 3), load(buffer, x + ((column >> 48) & 0xFFFF) * LANES), d)
        p += GROUP
    store(buffer, row_a, a)
    store(buffer, row_b, b)
    store(buffer, row_c, c)
    store(buffer, row_d, d)
    return p


@inner
def add_group_one(values, columns, p, group, buffer, x, y):
    """The same for a single sample: the four lanes of one short vector are the four rows."""
    x += group[FIRST_COLUMN]
    row_a = y + group[ROW]
    row_b = y + group[ROW + 1]
    row_c = y + group[ROW + 2]
    row_d = y + group[ROW + 3]
    total = pick(buffer, row_a, row_b, row_c, row_d)
    for _ in range(group[STEPS]):
        column = four(columns, p)
        inputs = pick(buffer, x + (column & 0xFFFF), x + ((column >> 16) & 0xFFFF),
                      x + ((column >> 32) & 0xFFFF), x + ((column >> 48) & 0xFFFF))
        total = fma(load4(values, p), inputs, total)
        p += GROUP
    put(buffer, row_a, row_b, row_c, row_d, total)
    return p


@inner
def pack(x, first, buffer, at):
    """Copy samples first … first + 15 of x into the tile at buffer[at], features-major; missing samples become 0."""
    n, width = x.shape
    present = min(LANES, n - first)
    blocks = width // 8 * 8 if present == LANES else 0
    flat = x.reshape(x.size)
    for lane in range(0, LANES if blocks else 0, 8):
        for feature in range(0, blocks, 8):
            transpose(flat, (first + lane) * width + feature, width, buffer, at + feature * LANES + lane, LANES)
    for feature in range(blocks, width):
        for lane in range(present):
            buffer[at + feature * LANES + lane] = x[first + lane, feature]
        for lane in range(present, LANES):
            buffer[at + feature * LANES + lane] = 0


@inner
def unpack(buffer, at, y, first):
    """Copy the tile at buffer[at] back to rows first … first + 15 of y (as many of them as there are)."""
    n, width = y.shape
    present = min(LANES, n - first)
    blocks = width // 8 * 8 if present == LANES else 0
    flat = y.reshape(y.size)
    for lane in range(0, LANES if blocks else 0, 8):
        for feature in range(0, blocks, 8):
            transpose(buffer, at + feature * LANES + lane, LANES, flat, (first + lane) * width + feature, width)
    for lane in range(present):
        for feature in range(blocks, width):
            y[first + lane, feature] = buffer[at + feature * LANES + lane]


@inner
def widest(layers):
    """The most features that stand between two layers, and one more: the row that padding is added to."""
    width = 0
    for layer in layers:
        width = max(width, layer[INPUTS], layer[OUTPUTS])
    return width + 1


@entry(*_SIGNATURE)
def predict_many(x, y, values, columns, groups, biases, layers):
    """y = network(x) for any number of samples, sixteen at a time."""
    size = widest(layers) * LANES
    buffer = np.empty(2 * size + LANES, np.float32)
    start = (-buffer.ctypes.data % 64) // 4             # vectors that straddle two cache lines load at half the speed
    for first in range(0, x.shape[0], LANES):
        here, there = start, start + size
        pack(x, first, buffer, here)
        p, group, bias = 0, 0, 0
        for layer in range(layers.shape[0]):
            outputs = layers[layer, OUTPUTS]
            for row in range(outputs):
                store(buffer, there + row * LANES, splat(biases, bias + row))
            bias += outputs
            for _ in range(layers[layer, GROUPS]):
                p = add_group(values, columns, p, groups[group], buffer, here, there)
                group += 1
            if layers[layer, RELU]:
                for row in range(outputs):
                    store(buffer, there + row * LANES, relu(load(buffer, there + row * LANES)))
            here, there = there, here
        unpack(buffer, here, y, first)


@entry(*_SIGNATURE)
def predict_one(x, y, values, columns, groups, biases, layers):
    """y = network(x), one sample after the other: for a single sample there is nothing to put side by side."""
    size = widest(layers)
    buffer = np.empty(2 * size, np.float32)
    for sample in range(x.shape[0]):
        here, there = 0, size
        for feature in range(x.shape[1]):
            buffer[feature] = x[sample, feature]
        p, group, bias = 0, 0, 0
        for layer in range(layers.shape[0]):
            outputs = layers[layer, OUTPUTS]
            for row in range(outputs):
                buffer[there + row] = biases[bias + row]
            bias += outputs
            for _ in range(layers[layer, GROUPS]):
                p = add_group_one(values, columns, p, groups[group], buffer, here, there)
                group += 1
            if layers[layer, RELU]:
                for row in range(outputs):
                    if buffer[there + row] < 0:
                        buffer[there + row] = 0
            here, there = there, here
        for feature in range(y.shape[1]):
            y[sample, feature] = buffer[here + feature]
