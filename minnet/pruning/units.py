"""The units of a network, as a structure defines them, and the groups in which they compete.

A structure and a scope return dicts ``{path: ids}``; here both become plain vectors with one entry per unit, so
that everything after this file is arithmetic on vectors.
"""

from __future__ import annotations

import inspect
from functools import cached_property

import numpy as np

from minnet.messages import closest
from minnet.nn.layer import the_network
from minnet.pruning import scope as scopes


class Units:
    """Units of a network.

    Attributes
    ----------
    params : dict of {path: Param}
        Those that contain units, biases that are pruned with one included.
    ids : dict of {path: ndarray of int}
        The unit of every number, in the parameter's shape; −1 = never pruned.
    size : ndarray, (units,)
        Weights in each unit.
    weights : int
        Prunable weights of the whole network, those outside all units included.
    group, layer : ndarray of int, (units,)
        The group in which a unit competes, and the layer to which it belongs.
    layer_names : dict of {int: str}
    """

    def __init__(self, net, structure, scope):
        the_network(net)
        ids, owners = _table(structure, "structure", 'along("out")', net), scopes.layer(net)
        if not ids:
            raise ValueError("this structure has no units in this network")
        self.params = {p.path: p for p in net.params() if p.path in ids}
        self.ids = {path: np.broadcast_to(ids[path], p.shape) for path, p in self.params.items()}
        self.count = 1 + max((int(table.max(initial=-1)) for table in ids.values()), default=-1)
        self.weights = sum(p.size for p in net.params() if p.prunable)
        self.keeps_one = getattr(structure, "keeps_one", False)
        groups = _table(scope, "scope", "window(4)", net)
        missing = [path for path, param in self.params.items() if param.prunable and path not in groups]
        if missing:
            raise ValueError(f"the scope leaves out {', '.join(missing)}, which the structure has units in")
        self.group = self._read(groups)
        self.layer = self._read(owners)
        self.layer_names = {int(owners[path].flat[0]): path.rpartition(".")[0] for path in self.params}

    def _read(self, table):
        """The entry of ``table`` at the position of each unit."""
        found = np.full(self.count, -1)
        for path in reversed([path for path, param in self.params.items() if param.prunable]):
            ids, numbers = self.ids[path], table[path]
            entries = np.broadcast_to(numbers, ids.shape)
            member = ids >= 0
            found[ids[member]] = entries[member]
            if numbers.size > 1 and np.any(found[ids[member]] != entries[member]):
                raise ValueError("a unit of this structure reaches over several windows; "
                                 "window(m) goes with structure=weights")
        return found

    def total(self, values):
        """Add up ``{path: array}`` over the weights of each unit."""
        pairs = [(np.empty(0, int), np.empty(0, bool))]  # for units without weights
        pairs += [(self.ids[path].ravel(), np.broadcast_to(values[path], param.shape).ravel())
                  for path, param in self.params.items() if param.prunable]
        ids, flat = (np.concatenate(part) for part in zip(*pairs, strict=True))
        if np.array_equal(ids, np.arange(self.count)):
            return flat.astype(np.float64)  # every unit is one weight, in order
        member = ids >= 0
        return np.bincount(ids[member], flat[member], minlength=self.count)

    @cached_property
    def size(self):
        return self.total(dict.fromkeys(self.params, 1.0))

    def pruned(self):
        """Which units have no weight left."""
        masks = {path: 1.0 if p.mask is None else p.mask for path, p in self.params.items()}
        if all(p.mask is None for p in self.params.values()):
            return np.zeros(self.count, bool)
        return (self.total(masks) == 0) & (self.size > 0)

    def masks(self, pruned):
        """The masks ``{path: mask}`` in which these units are pruned, True = kept."""
        kept = np.append(~pruned, True)  # the last entry belongs to the id −1
        return {path: kept[ids] for path, ids in self.ids.items()}


def _table(function, what, example, net):
    """What a structure or a scope returns for a network, {path: ids}: whole numbers that broadcast to the weights."""
    table = _returned(function, net)
    if not isinstance(table, dict):
        name = getattr(function, "__name__", None)
        raise TypeError(f"{what} is a function of the network that gives {{path: ids}}, got {name or repr(function)}; "
                        f"write for example {what}=mn.{example}")
    params, found = {p.path: p for p in net.params()}, {}
    for path, ids in table.items():
        if path not in params:
            raise ValueError(f"the {what} names {path!r}, which is no parameter of this network."
                             + closest(path, params))
        found[path] = np.asarray(ids)
        if found[path].dtype.kind not in "iu":
            raise TypeError(f"the {what} gives {found[path].dtype} for {path}; ids are whole numbers, −1 for none")
        try:
            np.broadcast_to(found[path], params[path].shape)
        except ValueError:
            raise ValueError(f"the {what} gives ids of shape {found[path].shape} for {path}, whose shape is "
                             f"{params[path].shape}") from None
    return found


def _returned(function, net):
    if not callable(function):
        return None
    parameters = list(inspect.signature(function).parameters.values())
    if len(parameters) != 1 or parameters[0].kind is inspect.Parameter.VAR_POSITIONAL:
        return None  # such as mn.blocks instead of mn.blocks(4, 4), or mn.along
    return function(net)
