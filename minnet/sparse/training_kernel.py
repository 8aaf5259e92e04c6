"""Forward and back through the weights that are left: what one step of sparse training multiplies.

The tiles are those of `tiles.py`, features-major, but wider (32 or 64 samples) and all of them are kept: on the way
back the inputs of every layer are needed again. A weight that is left is multiplied three times in a step: with its
input on the way forward, with the slope behind it to find its own slope, and with the same slope once more to tell the
layer before (the first layer has none to tell). Removed weights are not multiplied at all.

All numbers that learn lie in one vector: the weights row by row (a row is an output), then the biases, then a single 0
that stands for every bias that does not exist or was removed.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minnet.sparse.jit import entry, inner
from minnet.sparse.simd import FLOAT, Vector, add, fma, load, order, splat, store
from minnet.sparse.tiles import pack, rectify, unpack

# The columns of the table of layers, one row each.
INPUTS, OUTPUTS, RELU = 0, 1, 2

NUMBERS = types.float32[::1]
PLACES = types.int32[::1]
TABLE = types.int64[:, ::1]
BATCH = types.Array(types.float32, 2, "C", readonly=True)


@intrinsic
def total(typing, vector):
    """total(v): the sum of all lanes."""
    def emit(context, builder, signature, values):
        kind = values[0].type
        add = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(FLOAT, [FLOAT, kind]), f"llvm.vector.reduce.fadd.v{kind.count}f32")
        return builder.call(add, [FLOAT(0.0), values[0]], fastmath=("reassoc",))    # in any order: halves, quarters …
    return types.float32(vector), emit


@intrinsic
def product(typing, a, b):
    """product(a, b): a · b in sixteen lanes: lane i is the sum over the lanes i, i + 16, i + 32, … of both."""
    def emit(context, builder, signature, values):
        total, kind = None, ir.VectorType(FLOAT, 16)
        multiply_add = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(kind, [kind] * 3), "llvm.fmuladd.v16f32")
        for first in range(0, values[0].type.count, 16):
            x, y = (builder.shuffle_vector(value, value, order(range(first, first + 16))) for value in values)
            total = builder.fmul(x, y) if total is None else builder.call(multiply_add, [x, y, total])
        return total
    return Vector(16)(a, b), emit


@intrinsic
def totals(typing, a, b, c, d):
    """totals(a, b, c, d): the sums of the sixteen lanes of each, side by side.

    Four sums at once cost hardly more than one: while lanes are added, those of another vector move into the places
    that become free. Two rounds (first single lanes, then pairs) leave a, b, c, d in each quarter; the quarters follow.
    """
    def emit(context, builder, signature, values):
        def merged(x, y, low, high):
            quarters = range(0, 16, 4)
            return builder.fadd(*(builder.shuffle_vector(x, y, order([q + k for q in quarters for k in part]))
                                  for part in (low, high)))
        ab, cd = (merged(x, y, (0, 16, 1, 17), (2, 18, 3, 19)) for x, y in (values[:2], values[2:]))
        every = merged(ab, cd, (0, 1, 16, 17), (2, 3, 18, 19))
        for lanes in (8, 4):
            every = builder.fadd(*(builder.shuffle_vector(every, every, order(range(first, first + lanes)))
                                   for first in (0, lanes)))
        return every
    return Vector(4)(a, b, c, d), emit


@intrinsic
def gated(typing, slope, answer):
    """gated(d, h): d where h > 0, else 0: the way back through a ReLU whose answer was h."""
    def emit(context, builder, signature, values):
        zero = ir.Constant(values[0].type, [0.0] * values[0].type.count)
        return builder.select(builder.fcmp_ordered(">", values[1], zero), values[0], zero)
    return slope(slope, answer), emit


def step_kernels(lanes):
    """The two halves of a step for tiles of `lanes` samples."""

    @entry(BATCH, types.float32[:, ::1], NUMBERS, PLACES, PLACES, PLACES, TABLE, NUMBERS)
    def forward(x, y, numbers, columns, starts, biases, layers, tiles):
        """y = network(x). `tiles` keeps what every layer read and said."""
        size = room(layers) * lanes
        for first in range(0, x.shape[0], lanes):
            here = first // lanes * size
            pack(lanes, x, first, tiles, here)
            row = np.int64(0)
            for layer in range(layers.shape[0]):
                there = here + layers[layer, INPUTS] * lanes
                for output in range(layers[layer, OUTPUTS]):
                    answer = splat(lanes, numbers, biases[row])
                    for p in range(starts[row], starts[row + 1]):
                        answer = fma(splat(lanes, numbers, p), load(lanes, tiles, here + columns[p] * lanes), answer)
                    store(tiles, there + output * lanes, answer)
                    row += 1
                if layers[layer, RELU]:
                    rectify(lanes, tiles, there, layers[layer, OUTPUTS])
                here = there
            unpack(lanes, tiles, here, y, first)

    @entry(BATCH, NUMBERS, NUMBERS, PLACES, PLACES, PLACES, TABLE, NUMBERS, NUMBERS)
    def back(dy, slopes, numbers, columns, starts, biases, layers, tiles, ways):
        """slopes = dL/dnumbers, from dy = dL/dy. `ways` has room for dL/d(what each layer said), of one tile."""
        size = room(layers) * lanes
        slopes[:] = 0
        for first in range(0, dy.shape[0], lanes):
            here = (first // lanes + 1) * size - layers[-1, OUTPUTS] * lanes    # what the last layer said
            behind = size - layers[-1, OUTPUTS] * lanes                         # and its slope
            pack(lanes, dy, first, ways, behind)
            for output in range(layers[-1, OUTPUTS]):
                for sample in range(dy.shape[0] - first, lanes):
                    ways[behind + output * lanes + sample] = 0                  # a place without a sample has no say
            row = np.int64(len(biases))
            for layer in range(layers.shape[0] - 1, -1, -1):
                outputs = layers[layer, OUTPUTS]
                row -= outputs
                if layers[layer, RELU]:
                    gate(lanes, tiles, here, ways, behind, outputs)
                here -= layers[layer, INPUTS] * lanes
                before = behind - layers[layer, INPUTS] * lanes
                learn(lanes, slopes, columns, starts, biases, row, outputs, tiles, here, ways, behind)
                if layer:
                    tell(lanes, numbers, columns, starts, row, outputs, ways, before, behind)
                behind = before
        slopes[-1] = 0

    return forward, back


@inner
def room(layers):
    """Features of a tile in which the input and the answers of all layers lie one after the other."""
    features = layers[0, INPUTS]
    for layer in range(layers.shape[0]):
        features += layers[layer, OUTPUTS]
    return features


@inner
def gate(lanes, tiles, here, ways, behind, outputs):
    """Back through ReLU, in place: a silent neuron passes nothing on."""
    for place in range(0, outputs * lanes, lanes):
        store(ways, behind + place, gated(load(lanes, ways, behind + place), load(lanes, tiles, here + place)))


@inner
def learn(lanes, slopes, columns, starts, biases, row, outputs, tiles, x, ways, behind):
    """The slope of each weight that is left: its input times the slope behind it, added up over the samples."""
    for output in range(outputs):
        slope = load(lanes, ways, behind + output * lanes)
        slopes[biases[row]] += total(slope)
        p, end = starts[row], starts[row + 1]
        while p + 4 <= end:
            store(slopes, p, add(load(4, slopes, p), totals(
                product(slope, load(lanes, tiles, x + columns[p] * lanes)),
                product(slope, load(lanes, tiles, x + columns[p + 1] * lanes)),
                product(slope, load(lanes, tiles, x + columns[p + 2] * lanes)),
                product(slope, load(lanes, tiles, x + columns[p + 3] * lanes)))))
            p += 4
        while p < end:
            slopes[p] += total(product(slope, load(lanes, tiles, x + columns[p] * lanes)))
            p += 1
        row += 1


@inner
def tell(lanes, numbers, columns, starts, row, outputs, ways, before, behind):
    """The slope of each input: what all weights that read it are told, each times the weight."""
    for place in range(before, behind):
        ways[place] = 0
    for output in range(outputs):
        slope = load(lanes, ways, behind + output * lanes)
        for p in range(starts[row], starts[row + 1]):
            place = before + columns[p] * lanes
            store(ways, place, fma(splat(lanes, numbers, p), slope, load(lanes, ways, place)))
        row += 1


@entry(NUMBERS, NUMBERS, PLACES)
def gather(numbers, dense, places):
    """numbers[i] = dense[places[i]]; the last number stays."""
    for i in range(len(places)):
        numbers[i] = dense[places[i]]


@entry(NUMBERS, NUMBERS, PLACES)
def scatter(numbers, dense, places):
    """dense[places[i]] = numbers[i], all in one call, so that an interrupt never leaves half a step."""
    for i in range(len(places)):
        dense[places[i]] = numbers[i]


wide_forward, wide_back = step_kernels(64)
narrow_forward, narrow_back = step_kernels(32)
