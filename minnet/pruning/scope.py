"""Which units compete with each other.

A scope is a function ``scope(net) -> {path: group ids}`` of the same form as a structure: the same fraction is
pruned in every group.  One group for all is global pruning, one group per layer is layer-wise (local) pruning, and
groups of four neighbours give N:M sparsity.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from minnet.nn.layer import the_network


def network(net):
    """All units compete with each other: global pruning."""
    return {param.path: np.zeros((1,) * param.data.ndim, int) for param in the_network(net).params()}


def layer(net):
    """Units compete inside their own layer (q, k, v and out of an attention layer together)."""
    the_network(net).set_paths()
    owners = [part for _, part in net.walk() if part.own_params()]
    return {
        param.path: np.full((1,) * param.data.ndim, group)
        for group, owner in reversed(list(enumerate(owners)))
        for param in owner.own_params().values()
    }


def window(m):
    """Every ``m`` consecutive inputs compete: ``prune(net, 0.5, scope=window(4))`` gives 2:4 sparsity.

    Windows run along the contracted axes of one output, in memory order for a convolution.  Where the number of
    inputs is not a multiple of ``m``, the last window is shorter and is rounded separately.
    """
    if isinstance(m, bool) or not isinstance(m, (int, np.integer)) or m < 1:
        raise ValueError(f"a window holds a whole number of weights, got window({m!r}); write for example window(4)")
    return partial(_windows, m)


def _windows(m, net):
    groups, start = {}, 0
    for param in net.params():
        groups[param.path] = np.full(param.shape, -1)
        if param.prunable:
            matrix = param.matrix(groups[param.path])
            inputs, outputs = matrix.shape
            matrix[...] = start + np.arange(inputs)[:, None] // m + np.arange(outputs) * -(-inputs // m)
            start += -(-inputs // m) * outputs
    return groups
