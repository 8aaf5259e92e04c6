"""The kernel for a single sample: the lanes of a vector are rows, not samples.

There are eight rows in a vector: two groups of the list that `packing.py` wrote for the tile kernels. Each weight is
used once, and apart from itself its input and a share of the column indices have to be loaded: at least half a clock
cycle for each weight on a processor with two load units. A dense product reads its weights in long contiguous runs and
is limited by memory instead. So a single sample gains the least from unstructured sparsity, and the most from blocks
and from 2:4, which need fewer column indices.
"""

from __future__ import annotations

import numpy as np

from minnet.sparse.jit import entry, inner
from minnet.sparse.simd import (
    add,
    chosen,
    fma,
    four,
    half,
    load,
    number,
    pick,
    put,
    quad,
    relu,
    splat,
    store,
    two,
    zeros,
)
from minnet.sparse.tile_kernel import (
    FIRST_COLUMN,
    GROUP_WIDTH,
    GROUPS,
    IN_BLOCKS,
    IN_ROWS,
    KIND,
    OUTPUTS,
    RELU,
    ROW,
    SIGNATURE,
    STEPS,
    WIDEST,
)


@entry(*SIGNATURE)
def predict_one(x, y, values, columns, groups, biases, layers):
    """y = network(x), one sample after the other."""
    size = layers[0, WIDEST]
    buffer = np.empty(2 * size, np.float32)
    here = np.int64(0)
    there = here + size
    for sample in range(x.shape[0]):
        copy(x, sample * x.shape[1], buffer, here, x.shape[1])
        p = q = g = bias = np.int64(0)
        for layer in range(layers.shape[0]):
            outputs = layers[layer, OUTPUTS]
            copy(biases, bias, buffer, there, outputs)
            last = g + layers[layer, GROUPS]
            while g < last:                                     # the number of groups is even (see packing.py)
                steps = number(groups, g * GROUP_WIDTH + STEPS) + number(groups, (g + 1) * GROUP_WIDTH + STEPS)
                if layers[layer, KIND] == IN_ROWS:
                    add_rows(values, p, columns, q, groups, g, buffer, here, there)
                    p += 4 * steps
                    q += 4 * steps
                elif layers[layer, KIND] == IN_BLOCKS:
                    add_blocks(values, p, columns, q, groups, g, buffer, here, there)
                    p += 4 * steps
                    q += steps
                else:
                    other = 2 if g + 2 < last and same_band(groups, g, g + 2) else 0
                    add_two_of_four(values, p, columns, q, groups, g, other, buffer, here, there)
                    p += 8 * steps + 4 * steps * other
                    q += steps + steps * other // 2
                    g += other
                g += 2
            if layers[layer, RELU]:
                rectify(buffer, there, outputs)
            bias += outputs
            here, there = there, here
        copy(buffer, here, y, sample * y.shape[1], y.shape[1])


@inner
def add_rows(values, p, columns, q, groups, g, buffer, x, y):
    """Two groups of four rows: y[row] += sum of weight × x[column].

    The next addition to a sum has to wait about four cycles for the last one, so two groups alternate. They are of the
    same band and don't share a row, and the second one is never the longer. One of them reads four column indices in
    one load, the other two at a time: this way loads and arithmetic units are both kept busy.
    """
    x += number(groups, g * GROUP_WIDTH + FIRST_COLUMN)
    a = sums(groups, g, buffer, y)
    b = sums(groups, g + 1, buffer, y)
    steps_a = number(groups, g * GROUP_WIDTH + STEPS)
    steps_b = number(groups, (g + 1) * GROUP_WIDTH + STEPS)
    far = 4 * steps_a                                           # the second group begins where the first one ends
    for _ in range(steps_b):
        a = fma(load(4, values, p), inputs(columns, q, buffer, x), a)
        column, next_two = two(columns, q + far), two(columns, q + far + 2)
        input_b = pick(buffer, x + (column & 0xFFFF), x + (column >> 16), x + (next_two & 0xFFFF), x + (next_two >> 16))
        b = fma(load(4, values, p + far), input_b, b)
        p += 4
        q += 4
    for _ in range(steps_b, steps_a):
        a = fma(load(4, values, p), inputs(columns, q, buffer, x), a)
        p += 4
        q += 4
    keep(groups, g, buffer, y, a)
    keep(groups, g + 1, buffer, y, b)


@inner
def inputs(columns, q, buffer, x):
    """The four inputs that the next step of a group multiplies."""
    column = four(columns, q)
    return pick(buffer, x + (column & 0xFFFF), x + ((column >> 16) & 0xFFFF),
                x + ((column >> 32) & 0xFFFF), x + ((column >> 48) & 0xFFFF))


@inner
def add_blocks(values, p, columns, q, groups, g, buffer, x, y):
    """Two groups of four rows that share their columns: one column index for four weights."""
    x += number(groups, g * GROUP_WIDTH + FIRST_COLUMN)
    a = sums(groups, g, buffer, y)
    b = sums(groups, g + 1, buffer, y)
    steps_a = number(groups, g * GROUP_WIDTH + STEPS)
    steps_b = number(groups, (g + 1) * GROUP_WIDTH + STEPS)
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
def add_two_of_four(values, p, columns, q, groups, g, other, buffer, x, y):
    """Two weights in each window of four columns: two groups of four rows from g on, and two more from g + other on.

    The window's four inputs are loaded once, and each row selects two of them, without a load for each weight.
    Four sums alternate, as in `add_rows`. Where only two groups are left, `other` is 0 and they are computed twice.
    """
    steps = number(groups, g * GROUP_WIDTH + STEPS)
    x += number(groups, g * GROUP_WIDTH + FIRST_COLUMN)
    far, far_columns = 8 * steps * other, steps * other
    a = b = c = d = zeros(8)
    for _ in range(steps):
        window = quad(buffer, x)
        a = fma(load(8, values, p), chosen(0, columns, q, window), a)
        b = fma(load(8, values, p + 8), chosen(1, columns, q, window), b)
        c = fma(load(8, values, p + far), chosen(0, columns, q + far_columns, window), c)
        d = fma(load(8, values, p + far + 8), chosen(1, columns, q + far_columns, window), d)
        p += 16
        q += 2
        x += 4
    first = add(add(sums(groups, g, buffer, y), half(a, 0)), half(b, 0))
    second = add(add(sums(groups, g + 1, buffer, y), half(a, 1)), half(b, 1))
    third = add(add(sums(groups, g + other, buffer, y), half(c, 0)), half(d, 0))
    fourth = add(add(sums(groups, g + other + 1, buffer, y), half(c, 1)), half(d, 1))
    keep(groups, g, buffer, y, first)
    keep(groups, g + 1, buffer, y, second)
    keep(groups, g + other, buffer, y, third)
    keep(groups, g + other + 1, buffer, y, fourth)


@inner
def same_band(groups, g, other):
    """Do two groups read the same columns?"""
    return number(groups, g * GROUP_WIDTH + FIRST_COLUMN) == number(groups, other * GROUP_WIDTH + FIRST_COLUMN)


@inner
def sums(groups, g, buffer, y):
    """What the four rows of a group have added up to so far."""
    g = g * GROUP_WIDTH + ROW
    return pick(buffer, y + number(groups, g), y + number(groups, g + 1),
                y + number(groups, g + 2), y + number(groups, g + 3))


@inner
def keep(groups, g, buffer, y, total):
    """Write the four sums of a group back."""
    g = g * GROUP_WIDTH + ROW
    put(buffer, y + number(groups, g), y + number(groups, g + 1),
        y + number(groups, g + 2), y + number(groups, g + 3), total)


@inner
def copy(source, start, target, to, count):
    """target[to : to + count] = source[start : start + count], counted along their memory, sixteen at a time."""
    whole = count // 16 * 16
    for i in range(0, whole, 16):
        store(target, to + i, load(16, source, start + i))
    for i in range(whole, count):
        store(target, to + i, load(1, source, start + i))


@inner
def rectify(buffer, y, count):
    """ReLU, in place."""
    whole = count // 16 * 16
    for i in range(0, whole, 16):
        store(buffer, y + i, relu(load(16, buffer, y + i)))
    for i in range(whole, count):
        store(buffer, y + i, relu(load(1, buffer, y + i)))
