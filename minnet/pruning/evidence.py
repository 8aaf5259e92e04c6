"""What a criterion may ask for, and where it comes from.

A criterion names its evidence by its arguments; here each name has one function that gathers it for all
prunable parameters.  Gathering leaves the network as it was, its running gradients included.
"""

from __future__ import annotations

import inspect

import numpy as np

from minnet.pruning import criteria
from minnet.words import closest


def weight(net, data, rng):
    """What each layer computes with: the numbers, 0 where removed."""
    return {p.path: p.value for p in net.params()}


def dice(net, data, rng):
    """One stream of random numbers for all parameters."""
    rng = np.random.default_rng(rng)
    return {p.path: rng for p in net.params()}


GATHER = {"weight": weight, "rng": dice}
FROM_DATA = ()  # those that need data=


def by_name(criterion):
    """A criterion from its name, or as it is."""
    if callable(criterion):
        return criterion
    known = {n: f for n, f in vars(criteria).items() if inspect.isfunction(f) and not n.startswith("_")}
    if criterion not in known:
        raise ValueError(f"unknown criterion {criterion!r}." + closest(criterion, known))
    return known[criterion]


def scores(net, criterion, data=None, rng=None):
    """Ask a criterion about every prunable parameter.

    Returns
    -------
    dict of {path: ndarray}
        A score for each weight, of the weight's shape.
    """
    criterion = by_name(criterion)
    name = getattr(criterion, "__name__", "criterion")
    gathered = {}
    for word in inspect.signature(criterion).parameters:
        if word not in GATHER:
            raise TypeError(f"{name} asks for {word!r}, which nobody gathers." + closest(word, GATHER))
        if word in FROM_DATA and data is None:
            raise TypeError(f"{name} needs data to gather {word!r}: "
                            f"mn.prune(net, 0.5, criterion=mn.{name}, data=digits.train)")
        gathered[word] = GATHER[word](net, data, rng)
    found = {}
    for param in net.params():
        if param.prunable:
            score = np.asarray(criterion(**{word: of[param.path] for word, of in gathered.items()}))
            if np.isnan(score).any():
                raise ValueError(f"{name} gave NaN for {param.path}: a score is a number for each weight, high = keep")
            found[param.path] = np.broadcast_to(score, param.shape)
    return found
