"""The basic layers: dense, flatten, dropout, and the container that runs layers one after another.

Each forward pass has its derivative right next to it, in ``back``.  A new layer is one class: forward and back.
"""

from __future__ import annotations

import math
from dataclasses import replace
from numbers import Real

import numpy as np

from minnet.messages import flag, sequence, whole, wholes
from minnet.nn.contract import contract
from minnet.nn.layer import Layer, Pointwise
from minnet.nn.param import Param, normal
from minnet.nn.survey import Linear, features_axis, survey


class Dense(Layer):
    """``y = x · weight + bias``: every input is connected to every output.

    Parameters
    ----------
    n_in, n_out : int
    bias : bool
    drop : float
        Probability of dropping each *weight* while training, drawn again for each batch: DropConnect (Wan et al.
        2013), as `Dropout` drops neurons.  The others are scaled by 1 / (1 − drop).
    rng : numpy.random.Generator, seed or None
        Draws the initial weights: normal with variance 2 / n_in (He et al. 2015, eq. 10).
    """

    def __init__(self, n_in, n_out, bias=True, drop=0.0, rng=None):
        self.n_in, self.n_out = n_in, n_out = wholes(n_in=n_in, n_out=n_out)
        self.drop = _probability(drop, "drop")
        std = math.sqrt(2 / max(n_in, 1))
        self.weight = Param(normal(rng, (n_in, n_out), std), ("in", "out"))
        self.bias = Param(np.zeros(n_out, np.float32), ("out",), prunable=False) if flag(bias, "bias") else None

    def forward(self, x, rng=None):
        scale = None if rng is None or not self.drop else _dropout_factors(rng, self.weight.data, self.drop)
        return contract(x, self.weight, self.bias, scale)

    def survey(self, known):
        w = self.weight.value
        here = Linear(known, w, w != 0, self.bias)

        def narrow(wanted):
            reads, weight, bias = here.narrowed(wanted, self.weight, self.bias)
            small = Dense(*weight.shape, bias is not None, self.drop)
            small.weight, small.bias = weight, bias
            return small, reads

        return known.then(self.forward(known.sample)[0], here.constant), narrow

    @staticmethod
    def example(rng):
        n, n_in, n_out = map(int, rng.integers(1, 9, size=3))
        return Dense(n_in, n_out, drop=float(rng.choice([0, 0.3])), rng=rng), normal(rng, (n, n_in))


class Flatten(Layer):
    """Every sample as one row of numbers: (n, …) → (n, features)."""

    def forward(self, x, rng=None):
        if x.ndim < 2:
            raise ValueError(f"Flatten expects a batch, got shape {x.shape}; for one sample write x[None]")
        return x.reshape(len(x), math.prod(x.shape[1:])), lambda dy: dy.reshape(x.shape)

    def survey(self, known):
        if known.sample.ndim not in (2, 4):
            return super().survey(known)
        run = math.prod(known.sample.shape[2:])  # a channel becomes a run of this many features
        flat = known.sample.reshape(1, len(known.constant) * run)
        after = replace(known, sample=flat, constant=known.constant.repeat(run), tied=known.tied * run)
        return after, lambda wanted: (self.copy(), wanted.reshape(-1, run).any(axis=1))

    @staticmethod
    def example(rng):
        return Flatten(), normal(rng, rng.integers(1, 5, size=rng.integers(2, 5)))


class Dropout(Pointwise):
    """Drop each input (set it to 0) with probability p while training; do nothing at inference.

    The others are scaled by 1 / (1 − p), so that the expected input of the next layer stays the same
    ("inverted dropout", Srivastava et al. 2014).  Nothing is removed permanently: each step drops other inputs.
    """

    def __init__(self, p=0.5):
        self.p = _probability(p, "p")

    def forward(self, x, rng=None):
        if rng is None or self.p == 0:
            return x, lambda dy: dy
        scale = _dropout_factors(rng, x, self.p)
        return x * scale, lambda dy: dy * scale  # y = x · scale  =>  a dropped input gets no gradient

    @staticmethod
    def example(rng):
        return Dropout(0.4), normal(rng, rng.integers(1, 9, size=2))


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
        self.input_shape = None if input_shape is None else sequence(input_shape, "input_shape", whole, "(1, 28, 28)")
        self.set_paths()

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

    def survey(self, known):
        arriving, sample = known, self._fit(known.sample)
        reshaped = sample.shape != known.sample.shape
        if reshaped:  # the numbers become other features, of which all have to arrive
            known = known.then(sample, pinned=True)
        way_back = []
        for layer in self.layers:
            known, narrow = survey(layer, known)
            way_back.append(narrow)

        def narrow(wanted):
            small = []
            for step in reversed(way_back):
                layer, wanted = step(wanted)
                if layer is not None:
                    small.insert(0, layer)
            shape = self.input_shape
            if reshaped:
                wanted = np.ones(len(arriving.constant), bool)
            elif shape is not None:
                axis = features_axis(sample)
                shape = (*shape[: axis - 1], int(wanted.sum()), *shape[axis:])
            return Sequential(*small, input_shape=shape), wanted

        return known, narrow

    def _fit(self, x):
        if self.input_shape is None or x.shape[1:] == self.input_shape:
            return x
        if x.ndim < 2 or math.prod(x.shape[1:]) != math.prod(self.input_shape):
            raise ValueError(f"this network takes batches of shape (n, {', '.join(map(str, self.input_shape))}), "
                             f"got {x.shape}" + ("; for one sample write x[None]" if x.ndim < 2 else ""))
        return x.reshape(len(x), *self.input_shape)

    def _first_with_params(self):
        return next(i for i, layer in enumerate(self.layers)
                    if any(isinstance(each, Param) for each in vars(layer).values())  # quick, for each step asks
                    or layer.params())

    def __repr__(self):
        return f"Sequential({', '.join(map(repr, self.layers))})"

    @staticmethod
    def example(rng):
        n, a, b, c = map(int, rng.integers(1, 6, size=4))
        layers = Flatten(), Dense(2 * a, b, rng=rng), Dropout(0.2), Dense(b, c, rng=rng)
        return Sequential(*layers, input_shape=(2, a)), normal(rng, (n, 2 * a))


def _dropout_factors(rng, like, p):
    """Draw a factor for each number: 0 with probability p, else 1 / (1 − p)."""
    scale = (rng.random(like.shape, np.float32) >= p).astype(like.dtype)
    scale /= 1 - p
    return scale


def _probability(p, name):
    if not isinstance(p, Real) or not 0 <= p < 1:
        raise ValueError(f"{name} is a probability, 0 ≤ {name} < 1, got {p!r}")
    return p
