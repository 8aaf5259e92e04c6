"""From samples to tokens and back: the layers before and after attention.

An image or a signal is cut into patches, and a linear map turns each patch into a token.  Attention ignores the
order of the tokens, so a learned vector is added for each position.
"""

from __future__ import annotations

import math

import numpy as np

from minnet.messages import generator, wholes
from minnet.nn.contract import contract
from minnet.nn.layer import Featurewise, Layer
from minnet.nn.param import Param, normal
from minnet.nn.survey import Linear


class PatchEmbedding(Layer):
    """``y[n, t] = x[n, t] · weight + bias + positions[t]``.

    Samples of any shape are cut, in order, into ``tokens`` patches of ``n_in`` numbers: the rows of an image, or
    pieces of a signal.

    Parameters
    ----------
    tokens, n_in, n_out : int
    rng : numpy.random.Generator, seed or None
        Draws weights (variance 1 / n_in) and positions (standard deviation 0.02, Dosovitskiy et al. 2021).
    """

    def __init__(self, tokens, n_in, n_out, rng=None):
        self.tokens, self.n_in, self.n_out = tokens, n_in, n_out = wholes(tokens=tokens, n_in=n_in, n_out=n_out)
        rng = generator(rng)
        self.weight = Param(normal(rng, (n_in, n_out), 1 / math.sqrt(max(n_in, 1))), ("in", "out"))
        self.bias = Param(np.zeros(n_out, np.float32), ("out",), prunable=False)
        self.positions = Param(normal(rng, (tokens, n_out), 0.02), ("token", "out"), prunable=False)

    def forward(self, x, rng=None):
        x = np.asarray(x, dtype=self.weight.dtype)
        shape = (self.tokens, self.n_in)
        if x.ndim < 2 or math.prod(x.shape[1:]) != math.prod(shape):
            raise ValueError(f"{self.weight.path or 'PatchEmbedding'} expects samples of {self.tokens} × {self.n_in} "
                             f"numbers, got a batch of shape {x.shape}")
        y, back_to_patches = contract(x.reshape(len(x), *shape), self.weight, self.bias)

        def back(dy, need_dx=True):
            self.positions.add(dy.sum(axis=0))  # every sample adds the same positions
            dx = back_to_patches(dy, need_dx)
            return dx.reshape(x.shape) if need_dx else None

        return y + self.positions.value, back

    def survey(self, known):
        patches = known.then(np.zeros((1, self.tokens, self.n_in)), pinned=True)
        w, positions = self.weight.value, self.positions.value
        here = Linear(patches, w, w != 0, self.bias)
        same = (positions == positions[:1]).all(axis=0)  # a feature that depends on the position is not constant
        constant = np.where(same, here.constant + positions[0], np.nan)

        def narrow(wanted):
            small = PatchEmbedding(self.tokens, self.n_in, int(wanted.sum()))
            for name, param in self.own_params().items():
                setattr(small, name, param.part(out=wanted))
            return small, np.ones(len(known.constant), bool)

        return known.then(self.forward(known.sample)[0], constant), narrow

    @staticmethod
    def example(rng):
        n, tokens, n_in, n_out = map(int, rng.integers(1, 6, size=4))
        return PatchEmbedding(tokens, n_in, n_out, rng), normal(rng, (n, tokens, n_in))


class MeanPool(Featurewise):
    """The mean over all tokens: (n, tokens, features) → (n, features)."""

    def forward(self, x, rng=None):
        if x.ndim != 3 or not x.shape[1]:
            raise ValueError(f"MeanPool expects tokens of shape (n, tokens, features), got {x.shape}")
        tokens = x.shape[1]

        def back(dy):
            return np.repeat(dy[:, None] / tokens, tokens, axis=1)  # y = Σ x / tokens  =>  dx = dy / tokens

        return x.sum(axis=1) / tokens, back

    @staticmethod
    def example(rng):
        return MeanPool(), normal(rng, rng.integers(1, 6, size=3))
