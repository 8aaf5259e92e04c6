"""Snapshots: keep the numbers of a network, and rewind to them later.

Rewinding restores the numbers; the masks stay as they are.  That is all that lottery tickets need.
"""

from __future__ import annotations

from minnet.nn import arguments


def snapshot(net):
    """The numbers of all parameters as they are now, {path: array}."""
    return {param.path: param.data.copy() for param in arguments.the_network(net).params()}


def rewind(net, taken):
    """Set every parameter to its numbers in a `snapshot`; masks stay.

    Raises
    ------
    TypeError, ValueError
        If it is no snapshot, or one of another network; nothing has changed then.
    """
    taken = arguments.snapshot(net, taken)
    for param in net.params():
        param.data = taken[param.path]
