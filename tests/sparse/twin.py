"""The kernels once more, in plain Python: slow, obvious, and with every index checked.

The compiled kernels read memory without looking whether it is theirs. This twin reads the same packed network the same
way, but with NumPy arrays that refuse a wrong index, so it proves both: that the packing leads nowhere out of bounds,
and what the kernels should answer.
"""

import numpy as np

from minnet.sparse.kernels import BLOCKS, FIRST_COLUMN, GROUPS, OUTPUTS, RELU, ROW, STEPS, WIDEST


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
            for _ in range(group[STEPS]):
                for j in range(4):
                    column = first + int(at(columns, q if layer[BLOCKS] else q + j))
                    total = at(y, rows[j])
                    total += at(values, p + j) * at(x.T, column)
                p += 4
                q += 1 if layer[BLOCKS] else 4
            g += 1
        x = y[:-1].T
        if layer[RELU]:
            x = np.maximum(x, 0)
        bias += layer[OUTPUTS]
    assert (p, q, g, bias) == (len(values), len(columns), len(groups), len(biases)), "something was left unread"
    return x
