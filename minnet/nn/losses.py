"""Loss functions: how wrong an output is, and how the loss changes with it.

Each returns ``(loss, gradient)``: the mean over the batch, and its derivative with respect to the outputs.
"""

from __future__ import annotations

import numpy as np

from minnet.messages import numbers
from minnet.nn.arguments import labels as class_indices


def cross_entropy(y, labels):
    """Softmax cross-entropy of the logits ``y`` and the true classes.

    Parameters
    ----------
    y : ndarray, (n, classes)
        Logits: the scores before the softmax.
    labels : ndarray of int, (n,)

    Returns
    -------
    loss : float
        Mean of −log p(true class), in nats.
    gradient : ndarray, (n, classes)
        (p − one_hot) / n.
    """
    y = numbers(y, "y")
    labels = class_indices(labels, y.shape)
    if not len(labels):
        raise ValueError("an empty batch has no mean loss; pass at least one sample")
    rows = np.arange(len(y))
    z = y - y.max(axis=1, keepdims=True)  # the largest logit becomes 0, so exp cannot overflow
    p = np.exp(z)
    total = p.sum(axis=1, keepdims=True)
    loss = (np.log(total[:, 0]) - z[rows, labels]).mean()
    p /= total
    p[rows, labels] -= 1  # d(−log softmax)/dz = p − one_hot
    p /= len(y)
    return float(loss), p


def mean_squared_error(y, target):
    """Mean of (y − target)² over all numbers, and its gradient 2 (y − target) / size."""
    y, target = numbers(y, "y"), numbers(target, "target")
    if y.shape != target.shape:
        raise ValueError(f"answers have shape {y.shape} and targets {target.shape}; they must be equal")
    if not y.size:
        raise ValueError("an empty batch has no mean loss; pass at least one sample")
    gap = y - target.astype(y.dtype)
    return float(np.mean(gap * gap)), gap * (2 / y.size)
