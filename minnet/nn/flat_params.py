"""One flat vector for all parameters of a training run.

Numbers, gradients and moments each lie in one aligned vector, and every `Param` becomes a view into it.  An
optimiser then updates the whole network in a few passes.  Only the last of them, a single operation, changes
the numbers, so an interrupt never leaves half a step.
"""

from __future__ import annotations

import numpy as np


class Flat:
    """Gather parameters into flat vectors.

    Attributes
    ----------
    data, grad : ndarray, (total,)
        Weights first, so that ``[:weights]`` holds all of them, then biases, gains and positions.
    mask : ndarray of bool, (total,), or None
        True = kept; None while nothing is pruned.
    restored : ndarray of bool, (total,), or None
        The entries that have come back since the last step.
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
        self._masks, self.restored = [None] * len(self.params), None
        self._views, self._grads = self.split(self.data), self.split(self.grad)
        for param, data, grad in zip(self.params, self._views, self._grads, strict=True):
            param.move_into(data, grad)

    def vector(self, dtype=None):
        """A zero vector as long as all parameters together, aligned to a cache line (64 bytes)."""
        return aligned(sum(p.size for p in self.params), dtype or self.dtype)

    def split(self, vector):
        """Views of a vector in the shapes of the parameters."""
        ends = np.cumsum([p.size for p in self.params])[:-1]
        return [part.reshape(p.shape) for part, p in zip(np.split(vector, ends), self.params, strict=True)]

    def forget_gradients(self):
        """Start a new step: the gradients of the last one are no longer valid."""
        for param in self.params:
            param.grad = None

    def collect(self):
        """After a backward pass: zero the gradients of unused parameters, and take over masks that have changed."""
        for param, grad in zip(self.params, self._grads, strict=True):
            if param.grad is None:
                grad[...] = 0  # a parameter that was not used in this step does not change
        if self.changed():
            masks = self._masks
            self.mask = None
            if any(m is not None for m in masks):
                self.mask = self.vector(bool)
                for part, mask in zip(self.split(self.mask), masks, strict=True):
                    part[...] = True if mask is None else mask
                self._kept = self.vector()  # the mask as numbers: multiplying two types takes twice as long
                self._kept[...] = self.mask

    def changed(self):
        """Whether there are new masks since the last step.  Records which weights have come back."""
        for param, view in zip(self.params, self._views, strict=True):
            if param.data is not view:
                raise RuntimeError(f"{param.path} was taken over by another training run; "
                                   "finish one run before you start the next on the same network")
        restored = [param.take_restored() for param in self.params]
        self.restored = None
        if any(entries is not None for entries in restored):
            self.restored = self.vector(bool)
            for part, entries in zip(self.split(self.restored), restored, strict=True):
                part[...] = False if entries is None else entries
        masks, before = [p.mask for p in self.params], self._masks
        self._masks = masks
        return any(new is not old for new, old in zip(masks, before, strict=True))

    def apply_mask(self, vector):
        """Set to zero, in place, the entries of masked weights."""
        if self.mask is not None:
            np.multiply(vector, self._kept, out=vector)

    def reset_restored(self, vector):
        """Set to zero, in place, the entries of weights that have come back since the last step.

        Most are zero already, because they were masked; but a weight may be pruned and come back between two steps.
        """
        if self.restored is not None:
            vector[self.restored] = 0


def aligned(size, dtype=np.float32):
    """A zero vector that begins on a cache line (64 bytes)."""
    dtype = np.dtype(dtype)
    raw = np.zeros(size * dtype.itemsize + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size * dtype.itemsize].view(dtype)
