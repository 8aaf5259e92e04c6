"""*How* to choose: an importance score for each weight; high means keep.

A criterion is a plain function, and the names of its arguments say which evidence it needs: ``weight``,
``grad``, ``squared_grad``, ``fisher``, ``act``, ``active``, ``rng`` (see `evidence`).  Each is passed as an array that
broadcasts to the weight.  A criterion sees one parameter at a time (of an attention layer q, k, v and out each by
itself), with 0 where a weight is masked.  To add a criterion, write a function here; nothing else has to change.
"""

from __future__ import annotations

import numpy as np


def random(weight, rng):
    """Random scores: the baseline that every other criterion has to beat."""
    return rng.random(weight.shape)


def magnitude(weight):
    """``|w|``: the smallest magnitude is pruned first (Han et al. 2015, section 3)."""
    return np.abs(weight)


def gradient(grad):
    """``|∂L/∂w|``: how fast the loss changes with the weight."""
    return np.abs(grad)


def taylor(weight, squared_grad):
    """``w² · mean of (∂L/∂w)²`` over mini-batches: the squared change of the loss when w is set to 0, to first order.

    Molchanov et al. 2019, "Importance estimation for neural network pruning", section 3.1. The square is taken for each
    mini-batch, before the mean. With the gradient of all data at once, ``(w · ∂L/∂w)²``, the order is that of `snip`:
    in a trained network that gradient is nearly zero, because the batches cancel each other.
    """
    return np.square(weight) * squared_grad


def snip(weight, grad):
    """``|w · ∂L/∂w|``, as used before training (Lee et al. 2019, eq. 6, without the normalisation).

    The paper divides by the sum over all weights, which does not change the order.
    """
    return np.abs(weight * grad)


def obd(weight, fisher):
    """``h · w² / 2``: the change of the loss, to second order, when w is set to 0 at a minimum.

    Optimal Brain Damage, LeCun et al. 1990. The second derivative h is estimated by the empirical Fisher information
    (see `evidence.fisher`): good for the order of the weights, too small as a number.
    """
    return fisher * np.square(weight) / 2


def wanda(weight, act):
    """``|w| · ‖x‖₂``: a small weight on a large input may matter more than a large weight on a small one.

    Sun et al. 2024, eq. 1.  The paper lets the weights of one output compete with each other.
    """
    return np.abs(weight) * act


def apoz(active):
    """How often the neuron is active: 1 − the average percentage of zeros (Hu et al. 2016, eq. 1).

    The same for all weights of a neuron, so use it with ``structure=along("out")``.
    """
    return active
