"""The one place where a weight meets its input.

Dense layers, convolutions and attention all multiply here, so this is the place to observe what flows into a
weight.  Data-aware criteria, operation counts and attention maps get their evidence this way, and no layer has
to store it.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from minnet.nn.param import Param
from minnet.threads import at_most

_observer: ContextVar[list | None] = ContextVar("observer", default=None)


@contextmanager
def observing():
    """Collect what flows through a network inside the ``with`` block.

    Yields
    ------
    list of (source, x, y)
        ``source`` is a weight (`Param`) with its input ``x`` (n, K) and output ``y`` (n, N), or a layer
        that has something to show, such as attention weights.  In the order of computation, for this
        thread only.
    """
    token = _observer.set(seen := [])
    try:
        yield seen
    finally:
        _observer.reset(token)


def show(source, x, y):
    """Pass what flows here to the observer, if there is one."""
    seen = _observer.get()
    if seen is not None:
        seen.append((source, x, y))


def products(net, x, batch):
    """Shapes of the products of weights with their inputs, when ``net`` predicts batches of ``x``.

    One sample is predicted to see them. What is multiplied elsewhere, as in a compiled predictor, is not seen.

    Returns
    -------
    list of (m, k, n)
    """
    with at_most(1), observing() as seen:
        net(x[:1])
    batch = min(batch, len(x))
    return [(batch * len(rows), rows.shape[1], y.shape[1]) for source, rows, y in seen if isinstance(source, Param)]


def contract(x, weight, bias=None, scale=None):
    """Multiply an input by a weight and add a bias.

    Parameters
    ----------
    x : ndarray, (..., K)
        K is the product of the weight's contracted axes.
    weight, bias : Param, Param or None
    scale : ndarray, optional
        A factor for each weight, in this pass only (DropConnect).

    Returns
    -------
    y : ndarray, (..., N)
    back : function
        ``back(dy, need_dx=True)`` adds the gradients and returns ``dx`` (None if it is not needed).
    """
    bound = weight.value if scale is None else weight.value * scale
    w = weight.matrix(bound)  # (K, N), bound once for both directions
    k, n = w.shape
    x = np.asarray(x, dtype=w.dtype)
    if x.ndim < 2 or x.shape[-1] != k:
        advice = "pass a batch, for example x[None] for one sample" if x.ndim < 2 else f"give it {k} features"
        raise ValueError(f"{weight.path or 'this layer'} expects an input of shape (..., {k}), got {x.shape}; {advice}")
    rows = x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), k)
    y = _product(rows, w)
    if bias is not None:
        y += bias.value.reshape(n)
    show(weight, rows, y)

    def back(dy, need_dx=True):
        dy = np.asarray(dy, dtype=w.dtype).reshape(rows.shape[0], n)
        weight.add_product(rows, dy, scale)  # y = x·w  =>  dL/dw = xᵀ·dy
        if bias is not None:
            bias.add(dy.sum(axis=0).reshape(bias.shape))  # y = … + b  =>  dL/db = Σ dy
        return _product(dy, w.T).reshape(x.shape) if need_dx else None  # dL/dx = dy·wᵀ

    return y.reshape(*x.shape[:-1], n), back


def _product(a, b):
    """``a @ b``, laid out in memory as ``a`` is: a convolution keeps its samples next to each other."""
    return a @ b if a.flags.c_contiguous else (b.T @ a.T).T
