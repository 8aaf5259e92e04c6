"""Layer normalisation: features of mean 0 and standard deviation 1 in each sample, then a learned gain and bias.

Ba, Kiros & Hinton 2016.  This matters for pruning: deleting an inactive feature before the normalisation would change
the mean and the standard deviation of all others, so a normalised width cannot shrink.
"""

from __future__ import annotations

import numpy as np

from minnet.messages import number, whole
from minnet.nn.layer import Layer
from minnet.nn.param import Param, normal


class LayerNorm(Layer):
    """``y = gain · (x − mean) / √(variance + eps) + bias``, over the last axis.

    Parameters
    ----------
    n : int
        Number of features.
    eps : float
    """

    def __init__(self, n, eps=1e-5):
        self.n, self.eps = whole(n, "n"), number(eps, "eps")
        self.gain = Param(np.ones(n, np.float32), ("feature",), prunable=False)
        self.bias = Param(np.zeros(n, np.float32), ("feature",), prunable=False)

    def forward(self, x, rng=None):
        x = np.asarray(x, dtype=self.gain.dtype)
        if x.ndim < 2 or x.shape[-1] != self.n:
            raise ValueError(f"{self.gain.path or 'LayerNorm'} expects an input of shape (..., {self.n}), "
                             f"got {x.shape}")
        gain, others = self.gain.value, tuple(range(x.ndim - 1))
        centred = x - self._mean(x)
        scale = 1 / np.sqrt(self._mean(centred * centred) + self.eps)
        z = centred * scale

        def back(dy, need_dx=True):
            self.gain.add((dy * z).sum(axis=others))  # y = gain · z + bias
            self.bias.add(dy.sum(axis=others))
            if need_dx:
                dz = dy * gain
                # z does not change when all x are shifted or scaled together: remove those two directions from dz.
                return scale * (dz - self._mean(dz) - z * self._mean(dz * z))

        return z * gain + self.bias.value, back

    def _mean(self, x):
        return x.sum(axis=-1, keepdims=True) / max(self.n, 1)

    @staticmethod
    def example(rng):
        n = int(rng.integers(4, 17))
        return LayerNorm(n), normal(rng, (*rng.integers(1, 5, size=rng.integers(1, 3)), n))
