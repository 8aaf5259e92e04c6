"""A parameter: an array that a layer learns, and a mask that says which of its entries are in use.

``data`` holds the trained numbers and is never erased by pruning; ``mask`` marks the ones that are kept.
A layer computes with ``value``, their product, so pruning writes a mask and restoring clears it.
Everything above this file goes through these few attributes.
"""

from __future__ import annotations

import copy
import math

import numpy as np

from minnet.messages import flag, generator, numbers, sequence, short

SUMMED = ("in", "row", "col")  # the axes over which a layer usually sums


def normal(rng, shape, std=1.0):
    """Draw float32 numbers with mean 0 and the given standard deviation."""
    return generator(rng).normal(0, std, shape).astype(np.float32)


def _name(value, what):
    if not isinstance(value, str):
        raise TypeError(f"{what} is a name such as 'in', got {short(value)}")
    return value


class Param:
    """Trained numbers with a mask, a gradient and a name for each axis.

    Parameters
    ----------
    data : ndarray
        The initial numbers; not copied.
    axes : tuple of str
        One name for each axis, for example ``("in", "out")`` or ``("out", "in", "row", "col")``.
    contracted : tuple of str, optional
        The axes that are summed over when the weight meets its input.  They are adjacent, either the first
        or the last ones.  By default those named ``in``, ``row`` and ``col``.
    prunable : bool
        False for biases, gains and positions: they are pruned only as part of a unit, and are not counted as
        weights.
    """

    def __init__(self, data, axes, *, contracted=None, prunable=True):
        data, self.axes = numbers(data, "data"), sequence(axes, "axes", _name, '("in", "out")')
        if data.ndim != len(self.axes):
            raise ValueError(f"a Param needs one name for each axis: shape {data.shape}, names {self.axes}")
        summed = tuple(a for a in axes if a in SUMMED) if contracted is None else contracted
        self.contracted = sequence(summed, "contracted", _name, '("in",)')
        self.prunable = flag(prunable, "prunable")
        self.path = ""
        self._data = data
        self._mask = None
        self._bits = None  # the mask as whole numbers of the same width: all bits of what is kept, none elsewhere
        self._cut = None  # the mask at the last cut: nothing outside it ever comes back
        self._restored = None  # what has come back since the last training step: its momentum is reset
        self._grad = None  # a buffer that is reused from step to step ...
        self._has_grad = False  # ... and whether it holds anything yet
        self._compute_grad = None  # where it is computed only if it is asked for

    def __copy__(self):
        return copy.deepcopy(self)  # a parameter never shares its numbers with a copy

    def __getstate__(self):
        return {**vars(self), "_compute_grad": None}  # a copy has no part in the training run

    def __setstate__(self, state):
        vars(self).update(state)
        for mask in (self._mask, self._cut):
            if mask is not None:
                mask.flags.writeable = False  # NumPy's copies are writable

    # ---- the numbers ------------------------------------------------------------------------------

    @property
    def data(self):
        """The trained numbers.  Assigning an array of the same shape copies its numbers in."""
        return self._data

    @data.setter
    def data(self, new):
        self._data[...] = self._same_shape(new, "data")

    @property
    def mask(self):
        """None (all in use) or a read-only bool array, True = kept.  Assign a new array to change it."""
        return self._mask

    @mask.setter
    def mask(self, new):
        if new is not None:
            new = self._same_shape(new, "mask")
            if new.dtype != bool:
                raise TypeError(f"{self.path or 'mask'}: a mask is bool (True = kept), got {new.dtype}; "
                                "write for example `weight.data != 0`")
            new = new.copy()
        if self._cut is not None:
            new = self._cut.copy() if new is None else new & self._cut
        if self._mask is not None:
            restored = ~self._mask if new is None else new & ~self._mask
            self._restored = restored if self._restored is None else self._restored | restored
        if new is not None:
            new.flags.writeable = False
        self._mask, self._bits = new, None if new is None else self._as_bits(new)

    @property
    def kept_mask(self):
        """Which of the numbers are kept: the mask, or True everywhere."""
        return np.ones(self.shape, bool) if self._mask is None else self._mask

    def cut(self):
        """Set what is masked to zero, permanently."""
        if self._mask is not None:
            self._data[~self._mask] = 0
            self._cut = self._mask

    def cast(self, dtype):
        """Convert to another number type, for example ``"float64"``; the gradient is dropped."""
        try:
            dtype = np.dtype(dtype).newbyteorder("=")
        except TypeError:
            dtype = None
        if dtype not in (np.float16, np.float32, np.float64):
            raise TypeError("a network computes in float16, float32 or float64; write for example "
                            "net.astype('float64')")
        self._data = self._data.astype(dtype)
        self._bits = None if self._mask is None else self._as_bits(self._mask)
        self.grad = self._grad = None

    def move_into(self, data, grad):
        """Keep the numbers and the gradient in these arrays from now on: views into the vectors of a training run.

        The numbers are copied; the gradient and what has been restored so far are dropped.
        """
        data[...] = self._data
        self.grad = None
        self._data, self._grad, self._restored = data, grad, None

    def take_restored(self):
        """Which entries have come back since the last call: bool, or None if none have."""
        restored, self._restored = self._restored, None
        return restored

    @property
    def erased(self):
        """Which of the numbers were erased by `cut`: bool, or None while none were."""
        return None if self._cut is None else ~self._cut

    @property
    def cut_off(self):
        """How many of the numbers were erased by `cut`."""
        return 0 if self.erased is None else int(np.count_nonzero(self.erased))

    @property
    def value(self):
        """What the layer computes with: ``data`` where kept, 0 where masked, whatever ``data`` holds there."""
        if self._mask is None:
            return self._data
        return (self._data.view(self._bits.dtype) & self._bits).view(self.dtype)  # as fast as a product; but ∞ · 0 ≠ 0

    def _as_bits(self, mask):
        return -mask.astype(f"i{self.dtype.itemsize}")

    shape = property(lambda self: self._data.shape)
    size = property(lambda self: self._data.size)
    dtype = property(lambda self: self._data.dtype)

    @property
    def kept(self):
        """How many of the numbers are kept."""
        return self.size if self._mask is None else int(np.count_nonzero(self._mask))

    # ---- the gradient -----------------------------------------------------------------------------

    @property
    def grad(self):
        """Gradient of the loss with respect to ``value``, dense (also where masked); None before a backward pass."""
        if self._compute_grad is not None:
            self._compute_grad()
        return self._grad if self._has_grad else None

    @grad.setter
    def grad(self, new):
        new = None if new is None else self._same_shape(new, "grad")
        self._has_grad, self._compute_grad = False, None
        if new is not None:
            self.add(new)

    def grad_later(self, compute):
        """Have ``compute()`` add the gradient when it is asked for."""
        self.grad, self._compute_grad = None, compute

    def add(self, gradient):
        """Accumulate a gradient of the parameter's own shape."""
        if self._has_grad:
            self._grad += gradient
        else:
            self._buffer()[...] = gradient
            self._has_grad = True

    def add_product(self, x, dy, scale=None):
        """Add ``xᵀ · dy``, the gradient of ``y = x · matrix(value)``; x is (n, K) and dy is (n, N).

        Where the weight was scaled in this pass (DropConnect), so is its gradient.
        """
        if self._has_grad or scale is not None:
            product = np.empty_like(self._data)
            self.matrix(product)[...] = x.T @ dy
            self.add(product if scale is None else product * scale)
            return
        # The first product of a step is written directly into the buffer: one pass over memory instead of three.
        out = self.matrix(self._buffer())
        if out.flags.c_contiguous:
            np.dot(x.T, dy, out=out)
        else:
            np.dot(dy.T, x, out=out.T)
        self._has_grad = True

    def _buffer(self):
        if self._grad is None:
            self._grad = np.empty_like(self._data)
        return self._grad

    # ---- shape ------------------------------------------------------------------------------------

    def matrix(self, array):
        """View an array of this parameter's shape as (K, N): contracted axes first, then the others."""
        k = math.prod(n for n, a in zip(self.shape, self.axes, strict=True) if a in self.contracted)
        n = math.prod(n for n, a in zip(self.shape, self.axes, strict=True) if a not in self.contracted)
        if self.axes[: len(self.contracted)] == self.contracted:
            return array.reshape(k, n)
        return array.reshape(n, k).T

    def part(self, **chosen):
        """A smaller Param with the chosen entries of the named axes, mask included.

        ``weight.part(**{"in": rows, "out": columns})``, each a bool array over its axis.
        """
        sizes = dict(zip(self.axes, self.shape, strict=True))
        for axis, mask in chosen.items():
            if numbers(mask, axis).shape != (sizes.get(axis),):
                raise ValueError(f"part takes bool arrays over axes, of {sizes}, got {axis}={short(mask)}")
        every = [np.flatnonzero(chosen.get(a, np.ones(n, bool))) for a, n in zip(self.axes, self.shape, strict=True)]
        new = Param(self._data[np.ix_(*every)], self.axes, contracted=self.contracted, prunable=self.prunable)
        if self._mask is not None:
            mask = self._mask[np.ix_(*every)]
            new.mask = None if mask.all() else mask
        if self._cut is not None:
            new._cut = self._cut[np.ix_(*every)]
        return new

    def _same_shape(self, new, what):
        new = numbers(new, what)
        if new.shape != self.shape:
            raise ValueError(f"{self.path or 'Param'}.{what} has shape {self.shape}, got {new.shape}; "
                             "build a new layer for another shape")
        return new

    def __repr__(self):
        named = ", ".join(f"{a}={n}" for a, n in zip(self.axes, self.shape, strict=True))
        removed = "" if self._mask is None else f", {(self.size - self.kept) / max(self.size, 1):.1%} removed"
        return f"Param({self.path or '?'}: {named}{removed})"
