"""Dynamic sparse training: drop weights and grow others while the network trains.

At regular intervals the weights with the smallest magnitude are dropped, and the same number grow elsewhere: at random
(SET), or where the gradient is largest (RigL).  The number of weights stays constant, so a network can be sparse from
its first step to its last and still find out which connections it needs.
"""

from __future__ import annotations

import numpy as np

from minnet.messages import fraction as a_fraction
from minnet.messages import generator, number
from minnet.nn import lr
from minnet.nn.layer import the_network


def set_step(net, fraction=0.3, *, rng=None):
    """Drop the weights of smallest magnitude, and grow as many at random (Mocanu et al. 2018, SET).

    In each weight array separately, a ``fraction`` of the kept weights is dropped, and the same number of those that
    were masked before grow, starting from zero.  So every array keeps exactly as many weights as before.

    Parameters
    ----------
    net : Layer
        Changed in place; prune it first, for example ``mn.prune(net, mn.erdos_renyi(net, 0.95), "random",
        scope=mn.layer)``.
    fraction : float
        Of the kept weights, 0 to 1.
    rng : numpy.random.Generator, seed or None
        Chooses what grows.

    Returns
    -------
    int
        How many weights were dropped and grown.
    """
    rng = generator(rng)
    return _move(net, fraction, lambda param: rng.random(param.shape))


def rigl_step(net, fraction=0.3):
    """Drop the weights of smallest magnitude, and grow as many where the gradient is largest (RigL, Evci et al. 2020).

    As `set_step`, but ``|∂L/∂w|`` decides which weights grow: those that would change the loss fastest.  The gradients
    are those of the last training batch, so call it inside the loop over `steps`.  They are *dense*: those of all
    weights, masked ones included.  (In the paper's algorithm 1 a move takes the place of an update; here it follows
    one.)

    Parameters
    ----------
    net : Layer
    fraction : float
        Of the kept weights, 0 to 1.

    Returns
    -------
    int
        How many weights were dropped and grown.
    """
    return _move(net, fraction, _gradient)


def drop_fraction(start=0.3, *, stop):
    """RigL's fraction at each step: ``start / 2 · (1 + cos(π t / stop))``, and 0 from step ``stop`` on.

    Parameters
    ----------
    start : float
        The fraction at step 0 (α; the paper takes 0.3).
    stop : float
        The step from which on the mask is static (T_end; the paper takes three quarters of all steps).
    """
    if not number(stop, "stop"):
        raise ValueError("the moving has to stop at some step after the first, got stop=0; "
                         "write for example stop=0.75 * count")
    return lr.cosine(a_fraction(start, "the fraction at the start"), stop)


def _move(net, fraction, attraction):
    """Drop a fraction of each array's weights, and grow as many at the free positions of highest attraction."""
    fraction = a_fraction(fraction, "the fraction to move")
    sparse = [param for param in the_network(net).params() if param.prunable and param.mask is not None]
    if not sparse:
        raise ValueError("no weight is removed, so none can grow back; prune first, for example "
                         'mn.prune(net, 0.95, "random", rng=0)')
    plans = [_plan(param, fraction, attraction(param)) for param in sparse]  # raises before anything has changed
    for param, (dropped, grown) in zip(sparse, plans, strict=True):
        mask = param.mask.copy()
        mask.flat[dropped], mask.flat[grown] = False, True
        param.data.flat[grown] = 0  # a grown weight starts from zero, not from its earlier value
        param.mask = mask
    return sum(len(grown) for _, grown in plans)


def _plan(param, fraction, attraction):
    """Which weights to drop and which to grow, as flat indices; the same number of each.

    What is dropped now does not grow now.  Among equals, the one with the lower index comes first.
    """
    used = np.flatnonzero(param.mask)
    free = np.flatnonzero(~param.mask if param.erased is None else ~param.mask & ~param.erased)
    count = min(round(fraction * len(used)), len(free))
    size = np.abs(param.data.flat[used])
    return (used[np.argsort(size, kind="stable")[:count]],
            free[np.argsort(-attraction.flat[free], kind="stable")[:count]])


def _gradient(param):
    if param.grad is None:
        raise ValueError(f"{param.path} has no gradient yet; call rigl_step inside the loop, after a step: "
                         "for step in mn.steps(net, data, count=1000): mn.rigl_step(net)")
    return np.abs(param.grad)
