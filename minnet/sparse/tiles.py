"""Tiles: a few samples, stored feature after feature, as the kernels read them.

Samples arrive row by row: all features of the first one, then all of the second. In a tile of 16 samples, feature 0 of
all sixteen comes first, then feature 1 of all sixteen, and so on ("features-major"), so one vector holds one feature of
every sample. `pack` copies samples into a tile, `unpack` copies outputs out of one, and the rest works in place.
"""

from __future__ import annotations

from minnet.sparse.jit import inner
from minnet.sparse.simd import load, relu, splat, store, turn

# Features that are copied for all samples of a tile before the next ones: enough that each sample is read or written in
# long runs, few enough that this part of the tile stays in the fastest cache until all its samples are copied.
STRETCH = 128


@inner
def pack(lanes, x, first, buffer, at):
    """Copy `lanes` samples of x, from `first` on, into the tile at buffer[at]; the last sample is repeated."""
    n, width = x.shape
    whole = width // 4 * 4
    for begin in range(0, whole, STRETCH):
        for i in range(0, lanes, 8):
            sample = min(first + i, n - 1)
            for feature in range(begin, min(begin + STRETCH, whole), 4):
                turn(x, sample * width + feature, width, n - 1 - sample, buffer, at + feature * lanes + i, lanes)
    for feature in range(whole, width):
        for i in range(lanes):
            buffer[at + feature * lanes + i] = x[min(first + i, n - 1), feature]


@inner
def unpack(lanes, buffer, at, y, first):
    """Copy the tile at buffer[at] to the rows of y from `first` on, as many of them as there are."""
    n, width = y.shape
    count = min(lanes, n - first)
    whole, fours = width // 8 * 8, count // 4 * 4
    for begin in range(0, whole, STRETCH):
        for i in range(0, fours, 4):
            for feature in range(begin, min(begin + STRETCH, whole), 8):
                turn(buffer, at + feature * lanes + i, lanes, 7, y, (first + i) * width + feature, width)
    for i in range(count):
        for feature in range(whole if i < fours else 0, width):
            y[first + i, feature] = buffer[at + feature * lanes + i]


@inner
def fill(lanes, buffer, y, biases, bias, outputs):
    """Initialise every sum with its bias."""
    for row in range(outputs):
        store(buffer, y + row * lanes, splat(lanes, biases, bias + row))


@inner
def rectify(lanes, buffer, y, outputs):
    """ReLU, in place."""
    for row in range(outputs):
        store(buffer, y + row * lanes, relu(load(lanes, buffer, y + row * lanes)))
