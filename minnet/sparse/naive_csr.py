"""The textbook sparse layer: go through each row and skip the zeros.

This is how a textbook multiplies a matrix in CSR form, with a tenth of the multiplications when a tenth of the weights
is left. Yet at 90% sparsity it is *slower* than the dense product, often ten times slower: a dense product loads each
weight once for many samples and multiplies eight numbers in one instruction, and this loop does neither. It is here
because a lesson measures it, explains it, and then makes it fast, step by step, up to `tile_kernel.py`.
"""

from __future__ import annotations

import numpy as np
from numba import types

from minnet.formats import CSR
from minnet.sparse.jit import entry


@entry(
    types.Array(types.float32, 2, "C", readonly=True),      # x (n, inputs)
    types.float32[:, ::1],                                  # y (n, outputs)
    types.float32[::1], types.int32[::1], types.int32[::1],  # values, columns, starts
    types.float32[::1], types.boolean,                      # bias (outputs,), relu
)
def multiply(x, y, values, columns, starts, bias, relu):
    """y = x Wᵀ + bias, one sample, one row, one weight after the other; then optionally ReLU."""
    for sample in range(x.shape[0]):
        for row in range(y.shape[1]):
            total = bias[row]
            for p in range(starts[row], starts[row + 1]):
                total += values[p] * x[sample, columns[p]]
            if relu and total < 0:
                total = np.float32(0)
            y[sample, row] = total


class NaiveLayer:
    """A dense layer whose weights are stored in CSR form.

    Parameters
    ----------
    weight : array (inputs, outputs); its zeros are left out
    bias : array (outputs,) or None
    relu : bool, whether a ReLU follows
    """

    def __init__(self, weight, bias=None, relu=False):
        rows = CSR.from_dense(np.asarray(weight, np.float32).T)
        self.outputs = rows.shape[0]
        bias = np.zeros(self.outputs) if bias is None else bias
        self.arrays = (rows.values, rows.columns.astype(np.int32), rows.starts.astype(np.int32),
                       np.array(bias, np.float32))
        self.relu = bool(relu)

    @property
    def nbytes(self) -> int:
        """Bytes that are stored."""
        return sum(array.nbytes for array in self.arrays)

    def __call__(self, x):
        """Predict a batch x (n, inputs), float32 in C order."""
        y = np.empty((len(x), self.outputs), np.float32)
        multiply.call(x, y, *self.arrays, self.relu)
        return y
