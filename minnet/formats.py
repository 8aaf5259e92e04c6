"""Sparse formats: ways to store a matrix that is mostly zero.

A dense matrix stores every number, a sparse format only the nonzero values and their positions. The five formats here
(COO, CSR, bitmap, blocks, N:M) encode the positions differently, so each is the smallest at another sparsity, and
`nbytes` counts what each really stores. They are for reading and comparing; the fast kernels of `minnet.sparse` use a
relative of CSR.

Matrices are as in y = W x: one row for each output, one column for each input. `Dense` stores the transpose, so pass
`weight.value.T`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from minnet.messages import numbers, sequence, whole


def _matrix(dense):
    dense = numbers(dense, "dense")
    if dense.ndim != 2:
        raise ValueError(f"a format stores a matrix with 2 axes, got shape {dense.shape}; "
                         "write for example weight.reshape(len(weight), -1).")
    return dense


def _index(largest):
    """The smallest unsigned integer type that can hold `largest`."""
    return np.min_scalar_type(max(int(largest), 0))


@dataclass(frozen=True)
class Format:
    """Base of all formats: a shape, and arrays whose bytes are counted."""

    shape: tuple[int, int]

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that is stored, by name."""
        stored = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in stored.items() if isinstance(value, np.ndarray)}

    @property
    def nbytes(self) -> int:
        """Bytes of all stored arrays together."""
        return sum(array.nbytes for array in self.arrays.values())


@dataclass(frozen=True)
class COO(Format):
    """Coordinates: the row, the column and the value of each nonzero number.

    The simplest format, and the easiest to build. It stores two indices for each value.
    """

    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray

    @classmethod
    def from_dense(cls, dense):
        dense = _matrix(dense)
        rows, columns = np.nonzero(dense)
        return cls(dense.shape, rows.astype(_index(dense.shape[0] - 1)), columns.astype(_index(dense.shape[1] - 1)),
                   dense[rows, columns])

    def to_dense(self):
        dense = np.zeros(self.shape, self.values.dtype)
        dense[self.rows, self.columns] = self.values
        return dense


@dataclass(frozen=True)
class CSR(Format):
    """Compressed sparse rows: the values row after row, their columns, and where each row starts.

    Row r is values[starts[r] : starts[r + 1]]. No row index is stored for each value, which saves nearly half of COO's
    indices and lets a kernel work row by row (Tinney and Walker 1967).
    """

    starts: np.ndarray
    columns: np.ndarray
    values: np.ndarray

    @classmethod
    def from_dense(cls, dense):
        dense = _matrix(dense)
        rows, columns = np.nonzero(dense)
        starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(dense)))])
        return cls(dense.shape, starts.astype(_index(len(rows))), columns.astype(_index(dense.shape[1] - 1)),
                   dense[rows, columns])

    def to_dense(self):
        dense = np.zeros(self.shape, self.values.dtype)
        rows = np.repeat(np.arange(self.shape[0]), np.diff(self.starts.astype(np.int64)))
        dense[rows, self.columns] = self.values
        return dense


@dataclass(frozen=True)
class Bitmap(Format):
    """One bit for each position, 1 where a value is stored, and the values in order.

    Each position costs 1/8 byte, whether it is used or not: hard to beat at medium sparsity, wasteful at 99%.
    """

    bits: np.ndarray
    values: np.ndarray

    @classmethod
    def from_dense(cls, dense):
        dense = _matrix(dense)
        return cls(dense.shape, np.packbits(dense != 0), dense[dense != 0])

    def to_dense(self):
        dense = np.zeros(self.shape, self.values.dtype)
        kept = np.unpackbits(self.bits, count=dense.size).astype(bool).reshape(self.shape)
        dense[kept] = self.values
        return dense


@dataclass(frozen=True)
class Blocks(Format):
    """Block CSR (BSR): like CSR, but each entry is a small dense block, with one column index for the whole block.

    Parameters of `from_dense`
    --------------------------
    dense : array (rows, columns)
    block : (rows, columns) of one block. A matrix that is not a multiple of it is padded with zeros.
    """

    block: tuple[int, int]
    starts: np.ndarray          # where each row of blocks starts
    columns: np.ndarray         # of each block, counted in blocks
    values: np.ndarray          # (number of blocks, rows of a block, columns of a block)

    @classmethod
    def from_dense(cls, dense, block=(4, 4)):
        dense = _matrix(dense)
        if len(block := sequence(block, "block", whole, "(4, 4)")) != 2 or 0 in block:
            raise ValueError(f"a block has at least one row and one column, got {block}; write for example (4, 4).")
        height, width = block
        down, across = -(-dense.shape[0] // height), -(-dense.shape[1] // width)
        padded = np.zeros((down * height, across * width), dense.dtype)
        padded[:dense.shape[0], :dense.shape[1]] = dense
        tiles = padded.reshape(down, height, across, width).swapaxes(1, 2)
        rows, columns = np.nonzero(tiles.any(axis=(2, 3)))
        starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=down))])
        return cls(dense.shape, (height, width), starts.astype(_index(len(rows))), columns.astype(_index(across - 1)),
                   tiles[rows, columns])

    def to_dense(self):
        height, width = self.block
        down, across = len(self.starts) - 1, -(-self.shape[1] // width)
        tiles = np.zeros((down, across, height, width), self.values.dtype)
        rows = np.repeat(np.arange(down), np.diff(self.starts.astype(np.int64)))
        tiles[rows, self.columns] = self.values
        return tiles.swapaxes(1, 2).reshape(down * height, across * width)[:self.shape[0], :self.shape[1]].copy()


@dataclass(frozen=True)
class NM(Format):
    """N:M ("2:4"): of every M consecutive numbers in a row exactly N are stored, each with its position among the M.

    All rows have the same length, so no starts are needed, and a position among 4 takes 2 bits. Since 2020, some GPUs
    multiply 2:4 matrices with up to twice the dense throughput (Mishra et al. 2021).

    Parameters of `from_dense`
    --------------------------
    dense : array (rows, columns); no group of m neighbours may have more than n nonzero numbers
    n, m : int
    """

    n: int
    m: int
    positions: np.ndarray       # bits, packed; ceil(log2 m) of them for each value
    values: np.ndarray          # (rows, groups, n); zeros where a group has fewer than n nonzero numbers

    @classmethod
    def from_dense(cls, dense, n=2, m=4):
        dense = _matrix(dense)
        if not 0 < whole(n, "n") <= whole(m, "m"):
            raise ValueError(f"n:m needs 0 < n ≤ m, got {n}:{m}; write for example n=2, m=4.")
        rows, columns = dense.shape
        groups = -(-columns // m)
        padded = np.zeros((rows, groups * m), dense.dtype)
        padded[:, :columns] = dense
        padded = padded.reshape(rows, groups, m)
        most = int(np.count_nonzero(padded, axis=2).max(initial=0))
        if most > n:
            raise ValueError(f"a group of {m} neighbours holds {most} numbers, but {n}:{m} allows {n}; prune with "
                             f"scope=mn.window({m}) first, and pass the weight with one row for each output.")
        # Stable sorting by "is zero" puts the nonzero numbers first, in order, and then zeros.
        order = np.sort(np.argsort(padded == 0, axis=2, kind="stable")[:, :, :n], axis=2)
        bits = (order[..., None] >> np.arange(cls._width(m))) & 1
        return cls(dense.shape, n, m, np.packbits(bits.astype(bool)), np.take_along_axis(padded, order, axis=2))

    @staticmethod
    def _width(m):
        """Bits for a position among m."""
        return int(np.ceil(np.log2(m))) if m > 1 else 0

    def to_dense(self):
        rows, groups, n = self.values.shape
        width = self._width(self.m)
        bits = np.unpackbits(self.positions, count=self.values.size * width).reshape(rows, groups, n, width)
        order = (bits.astype(np.int64) << np.arange(width)).sum(axis=3)
        dense = np.zeros((rows, groups, self.m), self.values.dtype)
        np.put_along_axis(dense, order, self.values, axis=2)
        return dense.reshape(rows, groups * self.m)[:, :self.shape[1]].copy()
