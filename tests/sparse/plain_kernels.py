"""The kernels once more, in plain Python: slow, obvious, and with every index checked.

The compiled kernels read memory without checking bounds. These read the same packed network in the same order, but
from NumPy arrays that refuse a wrong index. So they check that the packing never leads out of bounds, and compute what
the kernels should return.
"""

import numpy as np

from minnet.sparse.tile_kernel import (
    FIRST_COLUMN,
    GROUPS,
    IN_ROWS,
    KIND,
    OUTPUTS,
    RELU,
    ROW,
    STEPS,
    TWO_OF_FOUR,
    WIDEST,
)


def at(array, index):
    """array[index], but a negative index is as wrong as one that is too large."""
    index = int(index)
    assert 0 <= index < len(array), f"index {index} of an array of {len(array)}"
    return array[index]


def predict(x, packed):
    """What the kernels compute, for x (n, inputs), added up in their order."""
    values, columns, groups, biases, layers = packed.arrays
    p = q = g = bias = 0
    for layer in layers:
        y = np.empty((layer[OUTPUTS] + 1, len(x)), np.float32)      # the last row is where gaps go
        assert max(len(y), x.shape[1] + 1) <= layer[WIDEST]
        y[:-1] = biases[bias:bias + layer[OUTPUTS], None]
        y[-1] = 0
        assert layer[GROUPS] % 2 == 0
        for k in range(layer[GROUPS]):
            group = at(groups, g)
            rows, first = group[ROW:ROW + 4], group[FIRST_COLUMN]
            assert len(set(rows[rows < layer[OUTPUTS]])) == (rows < layer[OUTPUTS]).sum(), "two sums for one row"
            if k % 2:
                before = groups[g - 1]
                assert before[FIRST_COLUMN] == first and before[STEPS] >= group[STEPS]
                assert not set(before[ROW:]) & set(rows[rows < layer[OUTPUTS]])
            if layer[KIND] == TWO_OF_FOUR:
                assert before[STEPS] == group[STEPS] if k % 2 else g % 2 == 0
                two_of_four(x, y, values, p + 4 * (k % 2), columns, q + k % 2, group)
                p += 16 * group[STEPS] * (k % 2)
                q += 2 * group[STEPS] * (k % 2)
            else:
                for _ in range(group[STEPS]):
                    for j in range(4):
                        column = first + int(at(columns, q + j if layer[KIND] == IN_ROWS else q))
                        total = at(y, rows[j])
                        total += at(values, p + j) * at(x.T, column)
                    p += 4
                    q += 4 if layer[KIND] == IN_ROWS else 1
            g += 1
        x = y[:-1].T
        if layer[RELU]:
            x = np.maximum(x, 0)
        bias += layer[OUTPUTS]
    assert (p, q, g, bias) == (len(values), len(columns), len(groups), len(biases)), "something was left unread"
    return x


def two_of_four(x, y, values, p, columns, q, group):
    """One group of a 2:4 layer: the first weights of all windows are added up by themselves, then the second ones."""
    sums = np.zeros((2, 4, len(x)), np.float32)
    for window in range(group[STEPS]):
        for slot in range(2):
            for j in range(4):
                column = int(at(columns, q + 2 * window)) >> (4 * j + 2 * slot) & 3
                weight = at(values, p + 16 * window + 8 * slot + j)
                sums[slot, j] += weight * at(x.T, group[FIRST_COLUMN] + 4 * window + column)
    for slot in range(2):
        for j in range(4):
            total = at(y, group[ROW + j])
            total += sums[slot, j]
