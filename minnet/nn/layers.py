"""The everyday layers: dense, ReLU, dropout, and the container that runs layers one after another.

Each forward has its derivative right beside it, in ``back``.  A new layer is one class: forward, back, done.
"""

from __future__ import annotations

import math

import numpy as np

from minnet.nn.contract import contract
from minnet.nn.layer import Layer
from minnet.nn.param import Param


class Dense(Layer):
    """``y = x · weight + bias``: every input is connected to every output.

    Parameters
    ----------
    n_in, n_out : int
    bias : bool
    rng : numpy.random.Generator, seed or None
        Draws the initial weights: normal with variance 2 / n_in (He et al. 2015, eq. 10).
    """

    def __init__(self, n_in, n_out, bias=True, rng=None):
        self.n_in, self.n_out = n_in, n_out
        spread = math.sqrt(2 / max(n_in, 1))
        draws = np.random.default_rng(rng).normal(0, spread, (n_in, n_out))
        self.weight = Param(draws.astype(np.float32), ("in", "out"))
        self.bias = Param(np.zeros(n_out, np.float32), ("out",), prunable=False) if bias else None

    def forward(self, x, rng=None):
        return contract(x, self.weight, self.bias)


class ReLU(Layer):
    """``y = max(x, 0)``: a neuron that fires or stays silent."""

    def forward(self, x, rng=None):
        y = np.maximum(x, 0)

        def back(dy):
            return dy * (y > 0)  # the slope is 1 where the neuron fires, 0 where it is silent

        return y, back


class Dropout(Layer):
    """Silence each input with probability p while training; do nothing when predicting.

    The survivors are scaled by 1 / (1 − p), so that the expected input of the next layer stays the same
    (Srivastava et al. 2014, "inverted" form).  Nothing is removed for good: the dice fall anew at each step.
    """

    def __init__(self, p=0.5):
        if not 0 <= p < 1:
            raise ValueError(f"Dropout(p) needs a probability 0 ≤ p < 1, got {p!r}")
        self.p = p

    def forward(self, x, rng=None):
        if rng is None or self.p == 0:
            return x, lambda dy: dy
        scale = (rng.random(x.shape, np.float32) >= self.p).astype(x.dtype)
        scale /= 1 - self.p
        return x * scale, lambda dy: dy * scale  # a silenced input has no say on the way back either


class Sequential(Layer):
    """Layers one after another.

    Parameters
    ----------
    *layers : Layer
    input_shape : tuple of int, optional
        Shape of one sample.  Batches whose samples have the right number of values are reshaped to it, so
        a network takes flat and image-shaped input alike.
    """

    def __init__(self, *layers, input_shape=None):
        for layer in layers:
            if not isinstance(layer, Layer):
                raise TypeError(f"Sequential takes layers, got {layer!r}; write Sequential(Dense(64, 10), ReLU(), …)")
        self.layers = list(layers)
        self.input_shape = None if input_shape is None else tuple(input_shape)
        self.params()  # gives every parameter its path

    def forward(self, x, rng=None):
        x = np.asarray(x)
        shape = x.shape
        x = self._fit(x)
        way_back = []
        for layer in self.layers:
            x, back = layer.forward(x, rng)
            way_back.append(back)

        def back(dy, need_dx=True):
            if need_dx:
                for step in reversed(way_back):
                    dy = step(dy)
                return dy.reshape(shape)
            first = self._first_with_params()  # nothing before it has anything to learn
            for step in reversed(way_back[first + 1 :]):
                dy = step(dy)
            way_back[first](dy, False)

        return x, back

    def _fit(self, x):
        if self.input_shape is None or x.shape[1:] == self.input_shape:
            return x
        if x.ndim < 2 or math.prod(x.shape[1:]) != math.prod(self.input_shape):
            raise ValueError(f"this network takes batches of shape (n, {', '.join(map(str, self.input_shape))}), "
                             f"got {x.shape}" + ("; for one sample write x[None]" if x.ndim < 2 else ""))
        return x.reshape(len(x), *self.input_shape)

    def _first_with_params(self):
        return next(i for i, layer in enumerate(self.layers) if layer.params())

    def __repr__(self):
        return f"Sequential({', '.join(map(repr, self.layers))})"
