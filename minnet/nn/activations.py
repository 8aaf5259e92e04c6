"""Activation functions: the nonlinearity between two linear layers, without which they would be one.

Each acts on every number separately, so its derivative is one factor for each number.  They have no
parameters, take any shape, and differ in what they do to negative numbers.
"""

from __future__ import annotations

import math

import numpy as np

from minnet.nn.layer import Pointwise
from minnet.nn.param import normal


class ReLU(Pointwise):
    """``y = max(x, 0)``: a neuron is active, or outputs 0."""

    def forward(self, x, rng=None):
        y = np.maximum(x, 0)

        def back(dy):
            return dy * (y > 0)  # relu' = 1 where the neuron is active, else 0

        return y, back

    @staticmethod
    def example(rng):
        return ReLU(), _numbers(rng)


class Tanh(Pointwise):
    """``y = tanh(x)``, between −1 and 1."""

    def forward(self, x, rng=None):
        y = np.tanh(x)
        return y, lambda dy: dy * (1 - y * y)  # tanh' = 1 − tanh²

    @staticmethod
    def example(rng):
        return Tanh(), _numbers(rng)


class Sigmoid(Pointwise):
    """``y = 1 / (1 + exp(−x))``, between 0 and 1: an input of 0 gives ½."""

    def forward(self, x, rng=None):
        y = 0.5 * (1 + np.tanh(0.5 * x))  # the same number, but exp(−x) could overflow
        return y, lambda dy: dy * (y * (1 - y))  # σ' = σ (1 − σ)

    @staticmethod
    def example(rng):
        return Sigmoid(), _numbers(rng)


class GELU(Pointwise):
    """``y = x · Φ(x)``, a smooth ReLU; Φ is the cumulative distribution function of the normal distribution.

    Computed with the approximation by tanh of Hendrycks & Gimpel 2016, "Gaussian error linear units", eq. 2:
    ``Φ(x) ≈ (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2``.
    """

    def forward(self, x, rng=None):
        c = math.sqrt(2 / math.pi)
        square = x * x
        t = np.tanh(c * x * (1 + 0.044715 * square))
        phi = 0.5 * (1 + t)

        def back(dy):
            dphi = 0.5 * (1 - t * t) * (c * (1 + 3 * 0.044715 * square))  # (tanh u)' = (1 − tanh² u) u'
            return dy * (phi + x * dphi)  # (x · Φ)' = Φ + x · Φ'

        return x * phi, back

    @staticmethod
    def example(rng):
        return GELU(), _numbers(rng)


def _numbers(rng):
    return normal(rng, rng.integers(1, 9, size=2))
