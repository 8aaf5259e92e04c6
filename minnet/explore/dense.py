"""The dense layers of a fully connected network: their arrays, their masks, and the connections among neurons.

What the twins show of a network is counted here, whatever has been done to it: in memory, and on disk.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from minnet.nn.layers import Dense
from minnet.store import save


def dense(net):
    """The layers."""
    return [layer for layer in net.layers if isinstance(layer, Dense)]


def stored(net):
    """Shapes of the weights in memory, and how many numbers there are in all."""
    return [layer.weight.shape for layer in dense(net)], sum(param.size for param in net.params())


def on_disk(net, path):
    """Save a network; how many bytes its file has."""
    save(net, path)
    return path.stat().st_size


def write(net, masks):
    """These masks, and none where none is named."""
    for param in net.params():
        mask = masks.get(param.path)
        param.mask = None if mask is None or mask.all() else mask


def between(widths, active):
    """The connections among neurons that speak; every input and output does."""
    every = [np.ones(widths[0], bool), *active, np.ones(widths[-1], bool)]
    return [np.outer(a, b) for a, b in pairwise(every)]


def spread(array, rows, columns):
    """A table of a smaller network, at the places where its neurons (True) stood in the whole one."""
    table = np.zeros((len(rows), len(columns)), array.dtype)
    table[np.ix_(rows, columns)] = array
    return table
