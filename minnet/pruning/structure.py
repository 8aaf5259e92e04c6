"""*What* is removed: which weights are pruned together.

A structure is a function ``structure(net) -> {path: unit ids}``.  The ids are integers that broadcast to the
parameter; the same id is the same unit, in whichever parameter it occurs, and −1 is never pruned.  A structure uses
the tree and the names of the axes, never the classes of layers, so it works for layers not yet written.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from minnet.messages import closest, whole
from minnet.nn.layer import the_network


def weights(net):
    """Every weight on its own: unstructured pruning."""
    ids, start = {}, 0
    for param in the_network(net).params():
        if param.prunable:
            ids[param.path] = np.arange(start, start + param.size).reshape(param.shape)
            start += param.size
    return ids


def blocks(rows, columns):
    """Rectangles of the weight matrix (inputs × outputs); those at the edge may be smaller.

    ``blocks(1, 4)`` is four neighbouring outputs that share an input, ``blocks(4, 4)`` a square.
    """
    rows, columns = whole(rows, "rows of a block", least=1), whole(columns, "columns of a block", least=1)
    return partial(_rectangles, rows, columns)


def _rectangles(rows, columns, net):
    ids, start = {}, 0
    for param in net.params():
        if param.prunable:
            ids[param.path] = np.empty(param.shape, int)
            matrix = param.matrix(ids[param.path])
            down, across = (np.arange(n) // size for n, size in zip(matrix.shape, (rows, columns), strict=True))
            matrix[...] = start + down[:, None] * (across[-1] + 1) + across if matrix.size else 0
            start = int(matrix.max(initial=start - 1)) + 1
    return ids


def along(*axes):
    """Slices of a layer: all numbers with the same index along the named axes are pruned together.

    ``along("out")`` removes neurons of dense layers and filters of convolutions with their biases,
    ``along("in")`` channels, ``along("in", "row", "col")`` shapes, ``along("head")`` attention heads.
    The network's last layer is left alone, and every other layer keeps at least one unit.
    """
    if not axes or not all(isinstance(axis, str) for axis in axes) or len(set(axes)) < len(axes):
        raise ValueError(f'along takes names of axes, each once, for example along("out"); got {axes}')
    structure = partial(_slices, axes)
    structure.keeps_one = True
    return structure


def _slices(axes, net):
    layers = [layer for _, layer in net.walk() if any(p.prunable for p in layer.own_params().values())]
    ids, start = {}, 0
    net.set_paths()
    for layer in layers[:-1]:
        having = [p for p in layer.own_params().values() if set(axes) <= set(p.axes)]
        if not any(p.prunable for p in having):
            continue
        shape = tuple(having[0].shape[having[0].axes.index(a)] for a in axes)
        units = np.arange(start, start + math.prod(shape)).reshape(shape)
        start += units.size
        for param in having:
            ids[param.path] = _spread(units, axes, param)
    if not ids:
        known = {a for layer in layers[:-1] for p in layer.own_params().values() for a in p.axes}
        raise ValueError(f"no layer but the last has the axes {axes}." + closest(axes[0], sorted(known)))
    return ids


def branches(net):
    """Whole residual branches: a layer of the network is removed, the shortcut around it stays."""
    ids, start = {}, 0
    for _, layer in the_network(net).walk():
        if hasattr(layer, "branch"):
            inside = [p for _, inner in layer.branch.walk() for p in inner.own_params().values()]
            net.set_paths()
            for param in inside:
                ids.setdefault(param.path, np.full((1,) * param.data.ndim, start))
            start += bool(inside)
    if not ids:
        raise ValueError("this network has no residual branches; build it with Residual(...), "
                         "for example mn.models.residual_mlp()")
    return ids


def _spread(units, axes, param):
    """Lay out the ids of units, indexed by ``axes``, so that they broadcast to ``param``."""
    order = sorted(range(len(axes)), key=lambda i: param.axes.index(axes[i]))
    shape = [n if a in axes else 1 for n, a in zip(param.shape, param.axes, strict=True)]
    return units.transpose(order).reshape(shape)
