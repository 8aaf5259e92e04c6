"""Write a network's remaining weights down in the order in which the kernels read them.

The kernels take four rows of W at once, step by step: step k holds the k-th weight of each of the four rows and the
columns where they stand. Rows of unequal length would leave gaps, so rows are sorted by length first and the few gaps
that remain are filled with zeros. This is the *sliced ELLPACK* format of Monakov, Lokhmotov and Avetisyan (2010), with
two changes: the columns are cut into bands narrow enough for the fastest cache, and a column is stored as a 16-bit number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BAND = int(__import__("os").environ.get("BAND","400"))              # columns in a band at most: 400 columns × 16 samples × 4 bytes = 25 KB of the usual 32 KB
GROUP = 4


@dataclass(frozen=True)
class Packed:
    """A run of dense layers as the kernels read it; `arrays` goes to a kernel as it is.

    values (p,) float32 and columns (p,) uint16: weights and their columns, counted from the band's first column;
    groups (g, 6) int32: number of steps, the band's first column, and the four rows, for each group;
    biases (sum of outputs,) float32; layers (l, 4) int64: inputs, outputs, number of groups, 1 if ReLU follows.
    A row number equal to the layer's number of outputs marks a gap: the kernels have room for one row too many.
    """

    values: np.ndarray
    columns: np.ndarray
    groups: np.ndarray
    biases: np.ndarray
    layers: np.ndarray

    @property
    def arrays(self):
        return self.values, self.columns, self.groups, self.biases, self.layers

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays together, gaps included."""
        return sum(array.nbytes for array in self.arrays)


def pack_network(layers) -> Packed:
    """Pack a list of (weight (in, out), bias (out,) or None, relu: bool); zeros in `weight` are left out."""
    parts = [_pack_layer(np.asarray(weight, np.float32).T) for weight, _, _ in layers]
    values, columns, groups = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    biases = [np.zeros(weight.shape[1], np.float32) if bias is None else np.asarray(bias, np.float32)
              for weight, bias, _ in layers]
    table = [(*weight.shape, len(part[2]), relu)
             for (weight, _, relu), part in zip(layers, parts, strict=True)]
    return Packed(values, columns, groups, np.concatenate(biases), np.array(table, np.int64))


def _pack_layer(w):
    """values, columns and groups of one matrix w (out, in)."""
    outputs, inputs = w.shape
    parts = [(np.empty(0, np.float32), np.empty(0, np.uint16), np.empty((0, 2 + GROUP), np.int32))]
    bands = max(1, -(-inputs // BAND))
    width = max(1, -(-inputs // bands))
    for first in range(0, inputs, width):
        parts.append(_pack_band(w[:, first:first + width], first))
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def _pack_band(w, first):
    """values, columns and groups of the columns first, first + 1, … of a matrix."""
    rows, columns = np.nonzero(w)
    lengths = np.bincount(rows, minlength=len(w))
    order = np.argsort(-lengths, kind="stable")[:np.count_nonzero(lengths)]     # longest first; empty rows are left out
    if not len(order):
        return np.empty(0, np.float32), np.empty(0, np.uint16), np.empty((0, 2 + GROUP), np.int32)

    number = -(-len(order) // GROUP)
    slots = np.full(number * GROUP, len(w))
    slots[:len(order)] = order
    steps = lengths[order[::GROUP]]                     # a group is as long as its first row
    groups = np.column_stack([steps, np.full(number, first), slots.reshape(number, GROUP)]).astype(np.int32)

    # The k-th weight of the row in slot s goes to place start[s // 4] + 4 k + s % 4.
    start = GROUP * (np.cumsum(steps) - steps)
    slot_of = np.empty(len(w), np.int64)
    slot_of[order] = np.arange(len(order))
    slot = slot_of[rows]
    k = np.arange(len(rows)) - (np.cumsum(lengths) - lengths)[rows]
    place = start[slot // GROUP] + GROUP * k + slot % GROUP
    packed = np.zeros(GROUP * steps.sum(), np.float32)
    where = np.zeros(len(packed), np.uint16)            # a gap multiplies column 0 by a weight of 0
    packed[place] = w[rows, columns]
    where[place] = columns
    return packed, where, groups
