"""Pooling: make an image smaller by keeping one number of each window, its largest or its mean.

What counts is *that* a pattern is there, no longer exactly where.  There is nothing to learn here.
"""

from __future__ import annotations

from functools import reduce

import numpy as np

from minnet.nn.conv import both, windows
from minnet.nn.layer import Featurewise
from minnet.nn.param import normal


class MaxPool2d(Featurewise):
    """The largest number of each window.

    Parameters
    ----------
    size : int or (rows, columns)
    stride : int or (rows, columns), optional
        By default windows stand side by side.
    """

    def __init__(self, size=2, stride=None):
        self.size, self.stride = both(size, "size", 1), both(size if stride is None else stride, "stride", 1)

    def forward(self, x, rng=None):
        looks = _looks(self, x)
        y = reduce(np.maximum, (x[:, :, *look] for look in looks))

        def back(dy):
            dx, waiting = np.zeros_like(x), np.ones_like(y, dtype=bool)
            for look in looks:
                largest = (x[:, :, *look] == y) & waiting
                dx[:, :, *look] += dy * largest  # only the largest was seen; of equals, the first
                waiting ^= largest
            return dx

        return y, back

    @staticmethod
    def example(rng):
        return _example(MaxPool2d, rng)


class AvgPool2d(Featurewise):
    """The mean of each window; arguments as for `MaxPool2d`."""

    def __init__(self, size=2, stride=None):
        self.size, self.stride = both(size, "size", 1), both(size if stride is None else stride, "stride", 1)

    def forward(self, x, rng=None):
        looks = _looks(self, x)
        y = reduce(np.add, (x[:, :, *look] for look in looks)) / len(looks)

        def back(dy):
            dx, share = np.zeros_like(x), dy / len(looks)  # y = Σ x / k  =>  every pixel gets dy / k
            for look in looks:
                dx[:, :, *look] += share
            return dx

        return y, back

    @staticmethod
    def example(rng):
        return _example(AvgPool2d, rng)


def _looks(layer, x):
    if x.ndim != 4:
        raise ValueError(f"{type(layer).__name__} expects images of shape (n, channels, rows, columns), got {x.shape}")
    return [look for _, look in windows(x.shape[2:], layer.size, layer.stride)[1]]


def _example(kind, rng):
    size, stride = (tuple(map(int, rng.integers(1, 4, size=2))) for _ in range(2))
    return kind(size, stride), normal(rng, (*rng.integers(1, 4, size=2), *rng.integers(3, 7, size=2)))
