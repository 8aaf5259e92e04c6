"""Convolution: a small kernel slides over the image and responds to the same pattern everywhere.

Each position of the window is unfolded into a row of numbers.  A convolution is then a dense layer on those rows,
and uses the same contraction.  The backward pass folds the rows into an image again.
"""

from __future__ import annotations

import math

import numpy as np

from minnet.messages import flag, short, whole, wholes
from minnet.nn.contract import contract
from minnet.nn.layer import Layer
from minnet.nn.param import Param, normal
from minnet.nn.survey import Linear


class Conv2d(Layer):
    """``y[n, o, r, c] = bias[o] + Σ x[n, i, r·stride + a, c·stride + b] · weight[o, i, a, b]``.

    Signal processing calls this a correlation: the window is not mirrored.

    Parameters
    ----------
    n_in, n_out : int
        Channels and filters.
    size, stride, padding : int or (rows, columns)
        Size of the window, its step, and zeros around the image.  A signal is an image of one row.
    bias : bool
    rng : numpy.random.Generator, seed or None
        Draws the initial weights: normal with variance 2 / inputs of a filter (He et al. 2015, eq. 10).
    """

    def __init__(self, n_in, n_out, size, stride=1, padding=0, bias=True, rng=None):
        self.n_in, self.n_out = n_in, n_out = wholes(n_in=n_in, n_out=n_out)
        self.size, self.stride = both(size, "size", 1), both(stride, "stride", 1)
        self.padding = both(padding, "padding", 0)
        shape = (n_out, n_in, *self.size)
        std = math.sqrt(2 / max(math.prod(shape[1:]), 1))
        self.weight = Param(normal(rng, shape, std), ("out", "in", "row", "col"))
        self.bias = Param(np.zeros(n_out, np.float32), ("out",), prunable=False) if flag(bias, "bias") else None

    def forward(self, x, rng=None):
        x = np.asarray(x, dtype=self.weight.dtype)
        if x.ndim != 4 or x.shape[1] != self.n_in:
            raise ValueError(f"{self.weight.path or 'Conv2d'} expects images of shape (n, {self.n_in}, rows, columns), "
                             f"got {x.shape}")
        n, _, rows, columns = x.shape
        up, left = self.padding
        padded = rows + 2 * up, columns + 2 * left
        positions, views = windows(padded, self.size, self.stride)

        # Samples come last: then what is copied together is contiguous in memory.
        image = np.zeros((self.n_in, *padded, n), x.dtype)
        middle = np.s_[:, up : up + rows, left : left + columns]
        image[middle] = x.transpose(1, 2, 3, 0)
        unfolded = np.empty((self.n_in, *self.size, *positions, n), x.dtype)
        for (a, b), view in views:
            unfolded[:, a, b] = image[:, *view]
        inputs, count = math.prod(unfolded.shape[:3]), math.prod(unfolded.shape[3:])
        y, back_to_windows = contract(unfolded.reshape(inputs, count).T, self.weight, self.bias)

        def back(dy, need_dx=True):
            dy = dy.transpose(1, 2, 3, 0).reshape(self.n_out, count).T
            dwindows = back_to_windows(dy, need_dx)
            if not need_dx:
                return None
            folded, dimage = dwindows.T.reshape(unfolded.shape), np.zeros_like(image)
            for (a, b), view in views:
                dimage[:, *view] += folded[:, a, b]  # a pixel was copied into many windows => their gradients add up
            return dimage[middle].transpose(3, 0, 1, 2)

        return y.T.reshape(self.n_out, *positions, n).transpose(3, 0, 1, 2), back

    def survey(self, known):
        w = self.weight.value
        # At a padded edge a constant channel is no longer constant, unless it is 0 like the padding.
        foldable = known.constant == 0 if any(self.padding) else None
        here = Linear(known, w.sum(axis=(2, 3)).T, (w != 0).any(axis=(2, 3)).T, self.bias, foldable)

        def narrow(wanted):
            reads, weight, bias = here.narrowed(wanted, self.weight, self.bias)
            filters, channels = weight.shape[:2]
            small = Conv2d(channels, filters, self.size, self.stride, self.padding, bias is not None)
            small.weight, small.bias = weight, bias
            return small, reads

        return known.then(self.forward(known.sample)[0], here.constant), narrow

    @staticmethod
    def example(rng):
        n, n_in, n_out = map(int, rng.integers(1, 5, size=3))
        size, stride, padding = (tuple(map(int, rng.integers(low, low + 3, size=2))) for low in (1, 1, 0))
        return Conv2d(n_in, n_out, size, stride, padding, rng=rng), normal(rng, (n, n_in, *rng.integers(3, 8, size=2)))


def windows(image, size, stride):
    """The positions of a sliding window, and what it sees there.

    Parameters
    ----------
    image, size, stride : (rows, columns)

    Returns
    -------
    positions : (int, int)
        How many positions the window has, vertically and horizontally.
    views : list of ((a, b), (slice, slice))
        Entry (a, b) of the window sees the pixels ``image[..., slice, slice]``, one for each position.
    """
    positions = tuple((length - extent) // step + 1 for length, extent, step in zip(image, size, stride, strict=True))
    if min(positions) < 1:
        raise ValueError(f"a window of {size[0]} × {size[1]} does not fit into an image of {image[0]} × {image[1]}; "
                         "use a smaller size or more padding")
    reach = [count * step for count, step in zip(positions, stride, strict=True)]
    views = [((a, b), (slice(a, a + reach[0], stride[0]), slice(b, b + reach[1], stride[1])))
             for a in range(size[0]) for b in range(size[1])]
    return positions, views


def both(number, name, least):
    """``(rows, columns)`` from one number for both, or from a pair."""
    pair = tuple(number) if isinstance(number, (tuple, list)) else (number, number)
    try:
        rows, columns = (whole(each, name, least) for each in pair)
    except ValueError:
        raise ValueError(f"{name} is a whole number, at least {least}, or a pair (rows, columns), "
                         f"got {short(number)}") from None
    return rows, columns
