"""Forward and backward pass through the remaining weights: the kernels of sparse training.

The tiles are those of `tiles.py`, features-major, but wider (32 or 64 samples), and all of them are kept, because the
backward pass needs the inputs of every layer again. There are three multiplications for each weight in a step: weight
times input in the forward pass, input times output gradient for its own gradient, and weight times output gradient for
the gradient of the input (not in the first layer). Removed weights are not multiplied at all.

All trained numbers are in one vector: the weights row by row (a row is an output), then the biases, then a single 0
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
INDICES = types.int32[::1]
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
    """totals(a, b, c, d): the four sums, each over sixteen lanes, as one vector.

    Four sums at once cost hardly more than one: lanes that become free are filled with those of another vector. Two
    rounds (first single lanes, then pairs) leave a, b, c, d in each quarter; then the quarters are added.
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
def gated(typing, gradient, output):
    """gated(d, h): d where h > 0, else 0: the backward pass through a ReLU whose output was h."""
    def emit(context, builder, signature, values):
        zero = ir.Constant(values[0].type, [0.0] * values[0].type.count)
        return builder.select(builder.fcmp_ordered(">", values[1], zero), values[0], zero)
    return gradient(gradient, output), emit


def step_kernels(lanes):
    """The forward and the backward kernel for tiles of `lanes` samples."""

    @entry(BATCH, types.float32[:, ::1], NUMBERS, INDICES, INDICES, INDICES, TABLE, NUMBERS)
    def forward(x, y, numbers, columns, starts, biases, layers, tiles):
        """y = network(x). `tiles` keeps the input and the output of every layer."""
        size = features_of(layers) * lanes
        for first in range(0, x.shape[0], lanes):
            here = first // lanes * size
            pack(lanes, x, first, tiles, here)
            row = np.int64(0)
            for layer in range(layers.shape[0]):
                there = here + layers[layer, INPUTS] * lanes
                for output in range(layers[layer, OUTPUTS]):
                    sums = splat(lanes, numbers, biases[row])
                    for p in range(starts[row], starts[row + 1]):
                        sums = fma(splat(lanes, numbers, p), load(lanes, tiles, here + columns[p] * lanes), sums)
                    store(tiles, there + output * lanes, sums)
                    row += 1
                if layers[layer, RELU]:
                    rectify(lanes, tiles, there, layers[layer, OUTPUTS])
                here = there
            unpack(lanes, tiles, here, y, first)

    @entry(BATCH, NUMBERS, NUMBERS, INDICES, INDICES, INDICES, TABLE, NUMBERS, NUMBERS)
    def back(dy, grad, numbers, columns, starts, biases, layers, tiles, gradients):
        """grad = dL/dnumbers, from dy = dL/dy. `gradients` is a buffer for dL/d(output) of each layer, for one tile."""
        size = features_of(layers) * lanes
        grad[:] = 0
        for first in range(0, dy.shape[0], lanes):
            here = (first // lanes + 1) * size - layers[-1, OUTPUTS] * lanes    # the output of the last layer
            behind = size - layers[-1, OUTPUTS] * lanes                         # and its gradient
            pack(lanes, dy, first, gradients, behind)
            for output in range(layers[-1, OUTPUTS]):
                for sample in range(dy.shape[0] - first, lanes):
                    gradients[behind + output * lanes + sample] = 0             # lanes without a sample
            row = np.int64(len(biases))
            for layer in range(layers.shape[0] - 1, -1, -1):
                outputs = layers[layer, OUTPUTS]
                row -= outputs
                if layers[layer, RELU]:
                    gate(lanes, tiles, here, gradients, behind, outputs)
                here -= layers[layer, INPUTS] * lanes
                before = behind - layers[layer, INPUTS] * lanes
                weight_gradient(lanes, grad, columns, starts, biases, row, outputs, tiles, here, gradients, behind)
                if layer:
                    input_gradient(lanes, numbers, columns, starts, row, outputs, gradients, before, behind)
                behind = before
        grad[-1] = 0

    return forward, back


@inner
def features_of(layers):
    """Features of a tile that holds the input and the outputs of all layers."""
    features = layers[0, INPUTS]
    for layer in range(layers.shape[0]):
        features += layers[layer, OUTPUTS]
    return features


@inner
def gate(lanes, tiles, here, gradients, behind, outputs):
    """Backward through ReLU, in place: the gradient of an inactive neuron is 0."""
    for i in range(0, outputs * lanes, lanes):
        store(gradients, behind + i, gated(load(lanes, gradients, behind + i), load(lanes, tiles, here + i)))


@inner
def weight_gradient(lanes, grad, columns, starts, biases, row, outputs, tiles, x, gradients, behind):
    """The gradient of each remaining weight: its input times the output gradient, summed over the samples."""
    for output in range(outputs):
        dy = load(lanes, gradients, behind + output * lanes)
        grad[biases[row]] += total(dy)
        p, end = starts[row], starts[row + 1]
        while p + 4 <= end:
            store(grad, p, add(load(4, grad, p), totals(
                product(dy, load(lanes, tiles, x + columns[p] * lanes)),
                product(dy, load(lanes, tiles, x + columns[p + 1] * lanes)),
                product(dy, load(lanes, tiles, x + columns[p + 2] * lanes)),
                product(dy, load(lanes, tiles, x + columns[p + 3] * lanes)))))
            p += 4
        while p < end:
            grad[p] += total(product(dy, load(lanes, tiles, x + columns[p] * lanes)))
            p += 1
        row += 1


@inner
def input_gradient(lanes, numbers, columns, starts, row, outputs, gradients, before, behind):
    """The gradient of each input: the sum of weight times output gradient over all weights that read it."""
    for i in range(before, behind):
        gradients[i] = 0
    for output in range(outputs):
        dy = load(lanes, gradients, behind + output * lanes)
        for p in range(starts[row], starts[row + 1]):
            i = before + columns[p] * lanes
            store(gradients, i, fma(splat(lanes, numbers, p), dy, load(lanes, gradients, i)))
        row += 1


@entry(NUMBERS, NUMBERS, INDICES)
def gather(numbers, dense, positions):
    """numbers[i] = dense[positions[i]]; the last number stays."""
    for i in range(len(positions)):
        numbers[i] = dense[positions[i]]


@entry(NUMBERS, NUMBERS, INDICES)
def scatter(numbers, dense, positions):
    """dense[positions[i]] = numbers[i], all in one call, so that an interrupt never leaves half a step."""
    for i in range(len(positions)):
        dense[positions[i]] = numbers[i]


wide_forward, wide_back = step_kernels(64)
narrow_forward, narrow_back = step_kernels(32)
