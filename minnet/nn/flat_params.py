"""One long vector for all parameters of a training run.

Gradients, numbers and moments each lie in one aligned stretch of memory, and every `Param` becomes a view
into it.  An optimiser then updates the whole network in a few passes, and the last of them, a single
operation, is the only one that touches the numbers: an interrupt never leaves half a step.
"""

from __future__ import annotations

import numpy as np


class Flat:
    """Gather parameters into flat vectors.

    Attributes
    ----------
    data, grad : ndarray, (total,)
        Weights first, so that ``[:weights]`` is all that counts as a weight, then biases and the like.
    mask : ndarray of bool, (total,), or None
        None while nothing is removed.
    back : ndarray of bool, (total,), or None
        What has come back since the last step.
    """

    def __init__(self, params):
        self.params = sorted(params, key=lambda p: not p.prunable)
        self.weights = sum(p.size for p in params if p.prunable)
        dtypes = {p.dtype for p in params}
        if len(dtypes) != 1:
            raise TypeError(f"all parameters of a network share one number type, got {sorted(map(str, dtypes))}; "
                            "write net.astype('float32')")
        self.dtype = dtypes.pop()
        self.data, self.grad = self.vector(), self.vector()
        self.mask = None
        self._masks, self.back = [None] * len(self.params), None
        self._views, self._grads = self.split(self.data), self.split(self.grad)
        for param, data, grad in zip(self.params, self._views, self._grads, strict=True):
            data[...] = param._data
            param._data, param._grad, param._has_grad, param._back = data, grad, False, None

    def vector(self, dtype=None):
        """A zero vector as long as all parameters together, aligned to a cache line (64 bytes)."""
        return aligned(sum(p.size for p in self.params), dtype or self.dtype)

    def split(self, vector):
        """Views of a vector in the shapes of the parameters."""
        ends = np.cumsum([p.size for p in self.params])[:-1]
        return [part.reshape(p.shape) for part, p in zip(np.split(vector, ends), self.params, strict=True)]

    def forget_gradients(self):
        """Start a new step: what the gradients hold no longer counts."""
        for param in self.params:
            param._has_grad = False

    def collect(self):
        """Take in what happened to the parameters since the last step: new masks, unused gradients."""
        for param, grad in zip(self.params, self._grads, strict=True):
            if not param._has_grad:
                grad[...] = 0  # a parameter that took no part in this step does not move
        if self.changed():
            masks = self._masks
            self.mask = None
            if any(m is not None for m in masks):
                self.mask = self.vector(bool)
                for part, mask in zip(self.split(self.mask), masks, strict=True):
                    part[...] = True if mask is None else mask
                self._kept = self.vector()  # the mask again, as numbers: multiplying two types takes twice as long
                self._kept[...] = self.mask

    def changed(self):
        """Whether there are new masks since the last step.  Notes which weights have come back."""
        for param, view in zip(self.params, self._views, strict=True):
            if param._data is not view:
                raise RuntimeError(f"{param.path} was taken over by another training run; "
                                   "finish one run before you start the next on the same network")
        self.back = None
        if any(p._back is not None for p in self.params):
            self.back = self.vector(bool)
            for param, part in zip(self.params, self.split(self.back), strict=True):
                if param._back is not None:
                    part[...], param._back = param._back, None
        masks, before = [p.mask for p in self.params], self._masks
        self._masks = masks
        return any(new is not old for new, old in zip(masks, before, strict=True))

    def silence(self, vector):
        """Set to zero, in place, the entries of removed weights."""
        if self.mask is not None:
            np.multiply(vector, self._kept, out=vector)

    def forget(self, vector):
        """Set to zero, in place, the entries of weights that have come back since the last step.

        Mostly they are zero already, as those of removed weights; but a weight may fall and come back between two
        steps.
        """
        if self.back is not None:
            vector[self.back] = 0


def aligned(size, dtype=np.float32):
    """A zero vector that begins on a cache line (64 bytes)."""
    dtype = np.dtype(dtype)
    raw = np.zeros(size * dtype.itemsize + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size * dtype.itemsize].view(dtype)
