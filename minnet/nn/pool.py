"""Pooling: downsample an image to one number for each window, the largest or the mean.

It matters *that* a pattern is there, no longer exactly where.  Pooling has no parameters.
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
        By default the size, so that windows do not overlap.
    """

    def __init__(self, size=2, stride=None):
        self.size, self.stride = both(size, "size", 1), both(size if stride is None else stride, "stride", 1)

    def forward(self, x, rng=None):
        views = _views(self, x)
        y = reduce(np.maximum, (x[:, :, *view] for view in views))

        def back(dy):
            dx, unassigned = np.zeros_like(x), np.ones_like(y, dtype=bool)
            for view in views:
                largest = (x[:, :, *view] == y) & unassigned
                dx[:, :, *view] += dy * largest  # only the largest contributed; among equals, the first
                unassigned ^= largest
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
        views = _views(self, x)
        y = reduce(np.add, (x[:, :, *view] for view in views)) / len(views)

        def back(dy):
            dx, share = np.zeros_like(x), dy / len(views)  # y = Σ x / k  =>  every pixel gets dy / k
            for view in views:
                dx[:, :, *view] += share
            return dx

        return y, back

    @staticmethod
    def example(rng):
        return _example(AvgPool2d, rng)


def _views(layer, x):
    if x.ndim != 4:
        raise ValueError(f"{type(layer).__name__} expects images of shape (n, channels, rows, columns), got {x.shape}")
    return [view for _, view in windows(x.shape[2:], layer.size, layer.stride)[1]]


def _example(kind, rng):
    size, stride = (tuple(map(int, rng.integers(1, 4, size=2))) for _ in range(2))
    return kind(size, stride), normal(rng, (*rng.integers(1, 4, size=2), *rng.integers(3, 7, size=2)))
