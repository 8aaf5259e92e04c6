"""Store a network's remaining weights in the order in which the kernels read them.

The kernels process four rows of W at once, step by step: step k has the k-th weight of each of the four rows and their
columns. Rows of unequal length would leave gaps, so rows are sorted by length first, and the few gaps that remain
contain zeros. This is the *sliced ELLPACK* format (Monakov, Lokhmotov and Avetisyan 2010) with two changes: the columns
are divided into bands narrow enough for the fastest cache, and a column is a 16-bit index inside its band.

There are three formats. "rows": each row has its own columns (unstructured pruning). "blocks": four consecutive rows
share their columns (pruning by blocks, or no pruning), so one column index serves four weights; where one of the four
lacks a weight, a zero is stored. "2:4": each window of four columns has two weights in each row, so a column takes two
bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from minnet.sparse.tile_kernel import IN_BLOCKS, IN_ROWS, TWO_OF_FOUR

GROUP = 4               # rows in a group
WINDOW = 4              # columns in a window of 2:4
# Columns in a band. A tile of 400 columns × 16 samples × 4 bytes takes 25 of the usual 32 KB of the fastest cache. But
# each band has an overhead for every group, so a row should have about 40 weights in it, up to 1024 columns.
NARROW, WIDE, WORTHWHILE = 400, 1024, 40
KINDS = {"rows": IN_ROWS, "blocks": IN_BLOCKS, "2:4": TWO_OF_FOUR}


@dataclass(frozen=True)
class Packed:
    """A run of dense layers as the kernels read it; `arrays` are the arguments of a kernel.

    Attributes
    ----------
    values (p,) float32 : the weights, four per step
    columns (q,) uint16 : their columns, counted from the band's first; four per step, or one where rows share them
    groups (g, 6) int32 : number of steps, first column of the band, and the four rows, for each group
    biases float32 : all layers' biases in turn
    layers (l, 5) int64 : outputs, number of groups, kind (as in `KINDS`), 1 if ReLU follows, and, the same in each row,
        the buffer size for the widest layer

    A row index equal to the layer's number of outputs marks a gap: the kernels have a spare row there. The number of
    groups in a band is even, and the second of two is never the longer: `predict_one` processes them in pairs.
    In a 2:4 layer a step is a window of four columns, and two groups (rows 0 … 3 and 4 … 7 of eight) are interleaved.
    Each window has the first weights of all eight rows, then their second ones, and two numbers in `columns`, one for
    each group, with four bits for each row: the positions of the first and the second weight (see `_pack_two_of_four`).
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


NOTHING = np.empty(0, np.float32), np.empty(0, np.uint16), np.empty((0, 2 + GROUP), np.int32)


def pack_network(layers) -> Packed:
    """Pack consecutive dense layers.

    Parameters
    ----------
    layers : list of (weight (in, out), bias (out,) or None, relu, format)
        Zeros in `weight` are left out; `relu` says whether a ReLU follows; `format` is one of `KINDS`.
    """
    parts = [pack_layer(np.asarray(weight, np.float32).T, format) for weight, _, _, format in layers]
    biases = [np.zeros(weight.shape[1], np.float32) if bias is None else np.asarray(bias, np.float32)
              for weight, bias, _, _ in layers]
    widest = max(max(weight.shape) for weight, _, _, _ in layers) + 1       # gaps are added to a spare row
    table = [(weight.shape[1], len(groups), KINDS[format], relu, widest)
             for (weight, _, relu, format), (_, _, groups) in zip(layers, parts, strict=True)]
    return Packed(*join(parts), np.concatenate(biases), np.array(table, np.int64))


def pack_layer(w, format, widest_band=None):
    """values, columns and groups of one matrix w (out, in), packed as one of `KINDS`."""
    inputs = w.shape[1]
    density = max(np.count_nonzero(w), 1) / max(w.size, 1)
    if widest_band is None:
        widest_band = min(max(WORTHWHILE / density, NARROW), WIDE)
    bands = max(1, math.ceil(inputs / min(max(widest_band, 1), 1 << 16)))
    width = max(WINDOW, WINDOW * math.ceil(inputs / bands / WINDOW))
    pack_band = {"rows": _pack_rows, "blocks": _pack_blocks, "2:4": _pack_two_of_four}[format]
    return join([NOTHING] + [pack_band(w[:, first:first + width], first) for first in range(0, inputs, width)])


def join(parts):
    """Concatenate the arrays of several parts."""
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def _pack_rows(w, first):
    """One band, each row with its own columns."""
    rows, columns = np.nonzero(w)
    lengths = np.bincount(rows, minlength=len(w))
    order = np.argsort(-lengths, kind="stable")[:np.count_nonzero(lengths)]     # longest first, without empty rows
    if not len(order):
        return NOTHING
    members = np.full(-(-len(order) // GROUP) * GROUP, len(w))
    members[:len(order)] = order
    steps = lengths[order[::GROUP]]                     # a group takes as many steps as its first, longest row,
    steps[1::2] = steps[0:-1:2]                         # and so does the next one: `predict_one` runs both in one loop

    # Weight k of the row in slot s goes to position start[s // 4] + 4 k + s % 4.
    start = GROUP * (np.cumsum(steps) - steps)
    slots = np.empty(len(w), np.int64)
    slots[order] = np.arange(len(order))
    slot = slots[rows]
    k = np.arange(len(rows)) - (np.cumsum(lengths) - lengths)[rows]
    position = start[slot // GROUP] + GROUP * k + slot % GROUP
    values = np.zeros(GROUP * steps.sum(), np.float32)
    where = np.zeros(len(values), np.uint16)            # a gap multiplies the band's first input by 0
    values[position] = w[rows, columns]
    where[position] = columns
    return values, where, _groups(steps, first, members, len(w))


def _pack_blocks(w, first):
    """One band, four rows with shared columns."""
    outputs, width = w.shape
    blocks = -(-outputs // GROUP)
    padded = np.zeros((blocks * GROUP, width), np.float32)
    padded[:outputs] = w
    padded = padded.reshape(blocks, GROUP, width)
    used = padded.any(axis=1)                           # (blocks, width): does any of the four rows use this column?
    lengths = used.sum(axis=1)
    order = np.argsort(-lengths, kind="stable")[:np.count_nonzero(lengths)]
    if not len(order):
        return NOTHING
    block, columns = np.nonzero(used[order])
    values = padded[order].transpose(0, 2, 1)[block, columns].ravel()
    members = np.minimum(order[:, None] * GROUP + np.arange(GROUP), outputs)
    return values, columns.astype(np.uint16), _groups(lengths[order], first, members, outputs)


def is_two_of_four(w) -> bool:
    """Does w (out, in) keep at most two weights in each window of four columns (and has whole windows)?"""
    outputs, inputs = w.shape
    if inputs % WINDOW or not w.size:
        return False
    return int(np.count_nonzero(w.reshape(outputs, inputs // WINDOW, WINDOW), axis=2).max()) <= 2


def _pack_two_of_four(w, first):
    """One band of whole windows, two weights in each."""
    outputs, width = w.shape
    windows, pairs = width // WINDOW, -(-outputs // (2 * GROUP))
    padded = np.zeros((pairs * 2 * GROUP, width), np.float32)
    padded[:outputs] = w
    padded = padded.reshape(pairs, 2 * GROUP, windows, WINDOW)
    # Stable sorting by "is zero" puts the positions of the weights first, in order, and then those of zeros.
    positions = np.sort(np.argsort(padded == 0, axis=3, kind="stable")[..., :2], axis=3)
    values = np.take_along_axis(padded, positions, axis=3).transpose(0, 2, 3, 1)        # (pair, window, slot, row)
    # One number of `columns`: 16 bits for one group in one window, four bits for each row.
    #
    #     bit   15 14 13 12 | 11 10  9  8 |  7  6  5  4 |  3  2  1  0
    #           [p1 ] [p0 ] | [p1 ] [p0 ] | [p1 ] [p0 ] | [p1 ] [p0 ]      p0, p1 = positions (0 … 3) of the first and
    #              row 3    |    row 2    |    row 1    |    row 0         the second weight of the row in the window
    four_bits = positions[..., 0] | positions[..., 1] << 2                              # (pair, row of 8, window)
    shifted = four_bits.reshape(pairs, 2, GROUP, windows) << 4 * np.arange(GROUP)[:, None]
    columns = shifted.sum(axis=2).swapaxes(1, 2)                                        # (pair, window, group)
    members = np.minimum(np.arange(pairs * 2 * GROUP), outputs)
    return values.ravel(), columns.ravel().astype(np.uint16), _groups(np.full(2 * pairs, windows), first, members,
                                                                      outputs)


def _groups(steps, first, members, outputs):
    """The table of groups of one band; an empty group makes their number even."""
    table = np.column_stack([steps, np.full(len(steps), first), members.reshape(len(steps), GROUP)])
    if len(steps) % 2:
        table = np.vstack([table, [0, first] + [outputs] * GROUP])
    return table.astype(np.int32)
