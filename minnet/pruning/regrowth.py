"""Growing back: a sparse network moves its connections while it learns.

From time to time the weights nearest to zero fall, and as many grow elsewhere: anywhere (SET), or where the
gradient is largest (RigL).  The number of weights stays what it was, so a network can be sparse from its first
step to its last and still find out which connections it needs.
"""

from __future__ import annotations

import numpy as np

from minnet.messages import fraction as a_fraction
from minnet.nn import lr
from minnet.nn.layer import the_network


def set_step(net, fraction=0.3, *, rng=None):
    """Drop the weights nearest to zero, and grow as many at random (Mocanu et al. 2018, SET).

    In each table of weights by itself, a ``fraction`` of those in use falls, and as many of those that were not
    in use before grow, from zero.  So every table keeps exactly as many weights as it had.

    Parameters
    ----------
    net : Layer
        Changed in place; prune it first, for example ``mn.prune(net, mn.erdos_renyi(net, 0.95), "random",
        scope=mn.layer)``.
    fraction : float
        Of the weights in use, 0 to 1.
    rng : numpy.random.Generator, seed or None
        Chooses what grows.

    Returns
    -------
    int
        How many weights have moved.
    """
    rng = np.random.default_rng(rng)
    return _move(net, fraction, lambda param: rng.random(param.shape))


def rigl_step(net, fraction=0.3):
    """Drop the weights nearest to zero, and grow as many where the gradient is largest (Evci et al. 2020, RigL).

    As `set_step`, but what grows is chosen by ``|∂L/∂w|``: where a weight that is 0 would change the loss
    fastest.  The gradients are those of the batch that was trained on last, so call it inside the loop over
    `steps`.  They are *dense*: those of all weights, also where nothing is in use.

    Parameters
    ----------
    net : Layer
    fraction : float
        Of the weights in use, 0 to 1.

    Returns
    -------
    int
        How many weights have moved.
    """
    return _move(net, fraction, _gradient)


def drop_fraction(start=0.3, *, stop):
    """RigL's fraction at each step: ``start / 2 · (1 + cos(π t / stop))``, and 0 from step ``stop`` on.

    Parameters
    ----------
    start : float
        The fraction at step 0 (α; the paper takes 0.3).
    stop : float
        The step from which nothing moves any more (T_end; the paper takes three quarters of all steps).
    """
    if not stop > 0:
        raise ValueError(f"the moving has to stop at some step after the first, got stop={stop!r}; "
                         "write for example stop=0.75 * count")
    return lr.cosine(a_fraction(start, "the fraction at the start"), stop)


def _move(net, fraction, attraction):
    """Move a fraction of each table's weights to the free places that attract most."""
    fraction = a_fraction(fraction, "the fraction to move")
    sparse = [param for param in the_network(net).params() if param.prunable and param.mask is not None]
    if not sparse:
        raise ValueError("no weight is removed, so none can grow back; prune first, for example "
                         'mn.prune(net, 0.95, "random", rng=0)')
    plans = [_plan(param, fraction, attraction(param)) for param in sparse]  # whatever is wrong shows before a change
    for param, (fallen, grown) in zip(sparse, plans, strict=True):
        mask = param.mask.copy()
        mask.flat[fallen], mask.flat[grown] = False, True
        param.data.flat[grown] = 0  # a new connection starts from nothing, not from what it was long ago
        param.mask = mask
    return sum(len(grown) for _, grown in plans)


def _plan(param, fraction, attraction):
    """Which places fall and which grow, as flat indices; equally many.

    What falls now does not grow now.  Of equals, the one with the lower index comes first.
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
