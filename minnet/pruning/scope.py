"""Against whom a unit competes.

A scope is a function ``scope(net) -> {path: group ids}`` of the same form as a structure: the same fraction
falls in every group.  One group for all is global pruning, one group a layer is local pruning, and groups of
four neighbours are N:M sparsity.
"""

from __future__ import annotations

import numpy as np


def network(net):
    """All units compete with each other: global pruning."""
    return {param.path: np.zeros((1,) * param.data.ndim, int) for param in net.params()}


def layer(net):
    """Units compete inside their own layer (q, k, v and out of an attention layer together)."""
    net.params()
    owners = [part for _, part in net.walk() if part.own_params()]
    return {
        param.path: np.full((1,) * param.data.ndim, group)
        for group, owner in reversed(list(enumerate(owners)))
        for param in owner.own_params().values()
    }


def window(m):
    """Each ``m`` neighbours along the contracted axis compete: ``prune(net, 0.5, scope=window(4))`` is 2:4.

    Neighbours are consecutive inputs of one output, in memory order for a convolution.  Where the number of
    inputs is not a multiple of ``m``, the last window is shorter and rounds by itself.
    """
    if not isinstance(m, (int, np.integer)) or m < 1:
        raise ValueError(f"a window holds a whole number of weights, got window({m!r}); write for example window(4)")

    def scope(net):
        groups, start = {}, 0
        for param in net.params():
            groups[param.path] = np.full(param.shape, -1)
            if param.prunable:
                matrix = param.matrix(groups[param.path])
                inputs, outputs = matrix.shape
                matrix[...] = start + np.arange(inputs)[:, None] // m + np.arange(outputs) * -(-inputs // m)
                start += -(-inputs // m) * outputs
        return groups

    return scope
