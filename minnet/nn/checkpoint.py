"""Snapshots: keep the numbers of a network, and rewind to them later.

Rewinding restores the numbers; the masks stay as they are.  That is all that lottery tickets need.
"""

from __future__ import annotations


def snapshot(net):
    """The numbers of all parameters as they are now, {path: array}."""
    return {param.path: param.data.copy() for param in net.params()}


def rewind(net, taken):
    """Set every parameter to its numbers in a `snapshot`; masks stay.

    Raises
    ------
    ValueError
        If the snapshot is of another network; nothing has changed then.
    """
    params = net.params()
    shapes = {p.path: p.shape for p in params}
    if shapes != {path: data.shape for path, data in taken.items()}:
        other = sorted(set(shapes) ^ set(taken)) or [p for p, s in shapes.items() if taken[p].shape != s]
        raise ValueError(f"the snapshot is of another network, {', '.join(other)} differ; "
                         "take one with mn.snapshot(net)")
    for param in params:
        param.data = taken[param.path]
