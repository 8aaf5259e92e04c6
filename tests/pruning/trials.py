"""What the tests of pruning share: every criterion, structure and scope there is, small networks, and a slow oracle.

Criteria and structures are collected from their files, so a new one is tried as soon as it is written.  The
oracle says which units must be pruned, with sorted lists and no arithmetic on vectors.
"""

import inspect
import os

import numpy as np
from hypothesis import settings

import minnet as mn
from minnet.messages import functions_of
from minnet.pruning import criteria, structure

# MINNET_THOROUGH=1 tries as many cases as the documentation claims (minutes instead of seconds).
THOROUGH = os.environ.get("MINNET_THOROUGH") == "1"

CRITERIA = functions_of(criteria)

# The structures there are. (`make mutants` puts its variants of a function beside it, under names of their own.)
FUNCTIONS = {name: function for name, function in functions_of(structure).items() if "mutmut" not in name}


class Made:
    """A structure or scope that is made by a call, ``Made(mn.blocks, 2, 3)``: made again each time it is used."""

    def __init__(self, make, *arguments):
        self.make, self.arguments = make, arguments

    def __call__(self, net):
        return self.make(*self.arguments)(net)

    @property
    def keeps_one(self):
        return getattr(self.make(*self.arguments), "keeps_one", False)


# A structure that takes arguments says here with which of them it is tried.
WITH_ARGUMENTS = {
    "blocks": {f"blocks{size}": Made(mn.blocks, *size) for size in ((2, 3), (1, 4), (2, 1), (99, 99))},
    "along": {f"along{axes}": Made(mn.along, *axes) for axes in (
        ("out",), ("in",), ("in", "row", "col"), ("col", "in", "row"), ("row", "col"), ("head",), ("head", "dim"))},
}


def structures():
    """Every public structure, as {name: structure(net)}; those that are made by a call, with examples of it."""
    found = {}
    for name, function in FUNCTIONS.items():
        if list(inspect.signature(function).parameters) == ["net"]:
            found[name] = function
        else:
            found.update(WITH_ARGUMENTS[name])
    return found


SCOPES = {"network": mn.network, "layer": mn.layer} | {
    f"window({m})": Made(mn.window, m) for m in (1, 2, 3, 4, 7, 100)}


def _conv(rng):
    return mn.Sequential(
        mn.Conv2d(2, 3, (2, 3), rng=rng), mn.ReLU(), mn.AvgPool2d(2), mn.Conv2d(3, 4, 2, bias=False, rng=rng),
        mn.Flatten(), mn.Dense(4 * 4, 5, rng=rng), mn.ReLU(), mn.Dense(5, 3, rng=rng), input_shape=(2, 7, 8))


def _shared(rng):
    """One dense layer is used twice, with one set of weights."""
    twice = mn.Dense(4, 4, rng=rng)
    return mn.Sequential(mn.Dense(3, 4, rng=rng), twice, mn.ReLU(), twice, mn.ReLU(), mn.Dense(4, 3, rng=rng))


NETS = {
    "mlp": lambda rng: mn.models.mlp(6, 5, 4, 3, rng=rng),
    "conv": _conv,
    "residual": lambda rng: mn.models.residual_mlp(3, 4, 3, 3, rng=rng),
    "transformer": lambda rng: mn.models.tiny_transformer(3, 2, 6, 3, 1, 3, rng=rng),
    "shared": _shared,
}


def cases(everyday, thorough):
    """Settings of hypothesis: the number of examples."""
    return settings(max_examples=thorough if THOROUGH else everyday, deadline=None)


def some_net(name, seed=0, levels=0):
    """A small network; with ``levels`` its weights take few values, so that scores tie (1: all equal)."""
    net = NETS[name](seed)
    rng = np.random.default_rng(seed)
    for param in net.params():
        param.data = rng.integers(1, levels + 1, param.shape) if levels else rng.normal(size=param.shape)
    return net


def small_net(seed, levels=0):
    """A 12-9-7-5 network; with ``levels`` its weights take few values, so that scores tie (1: all equal)."""
    net = mn.models.mlp(12, 9, 7, 5, rng=seed)
    if levels:
        rng = np.random.default_rng(seed)
        for param in net.params():
            param.data = rng.integers(1, levels + 1, param.shape)
    return net


def removed_weights(net):
    """How many weights are masked."""
    return sum(p.size - p.kept for p in net.params() if p.prunable)


def fits(name, structure, scope=mn.network):
    """Whether this structure and scope are possible for this network (they say so themselves)."""
    try:
        mn.rank(some_net(name), structure=structure, scope=scope)
    except ValueError:
        return False
    return True


def batch_for(net, n=7, classes=3):
    """Random samples that the network takes, with labels."""
    rng = np.random.default_rng(1)
    shape = net.input_shape or (next(p for p in net.params() if p.prunable).shape[0],)
    return rng.normal(size=(n, *shape)).astype(net.dtype), rng.integers(0, classes, n)


def masks_of(net):
    """What is kept, one bool array for each parameter."""
    return {p.path: p.kept_mask.copy() for p in net.params()}


class Slow:
    """Units of a network in plain lists: unit → its positions, its layer, its group, its score."""

    def __init__(self, net, structure, scope, scores=None):
        tables, groups = structure(net), scope(net)
        self.places, self.home, self.group, self.values = {}, {}, {}, {}
        layers = {id(p): path for path, layer in reversed(list(net.walk())) for p in layer.own_params().values()}
        for param in net.params():
            if param.path in tables:
                table = np.broadcast_to(tables[param.path], param.shape)
                group = np.broadcast_to(groups[param.path], param.shape)
                for place in np.ndindex(param.shape):
                    unit = int(table[place])
                    if unit >= 0 and param.prunable:
                        self.places.setdefault(unit, []).append((param.path, place))
                        self.home.setdefault(unit, layers[id(param)])
                        self.group.setdefault(unit, int(group[place]))
                        if scores:
                            self.values.setdefault(unit, []).append(float(scores[param.path][place]))
        self.tables = {p.path: np.broadcast_to(tables.get(p.path, -1), p.shape) for p in net.params()}
        self.keeps_one = getattr(structure, "keeps_one", False)
        self.score = {unit: sum(values) / len(values) for unit, values in self.values.items()}

    def pruned(self, masks):
        """The units without a kept weight."""
        return {unit for unit, places in self.places.items() if not any(masks[path][place] for path, place in places)}

    def fixed(self, pruned=()):
        """The best living unit of each layer, where the structure keeps one."""
        best = {}
        for unit in sorted(set(self.places) - set(pruned), key=lambda u: (self.score.get(u, 0), u)):
            best[self.home[unit]] = unit
        return set(best.values()) if self.keeps_one else set()

    def members(self):
        """The units of each group."""
        found = {}
        for unit, group in self.group.items():
            found.setdefault(group, []).append(unit)
        return found

    def lowest(self, s):
        """The units to prune: round(s · n) of each group, lowest score first, among equals the lower index."""
        fixed, pruned = self.fixed(), set()
        for units in self.members().values():
            free = sorted((u for u in units if u not in fixed), key=lambda u: (self.score[u], u))
            pruned.update(free[: round(s * len(units))])
        return pruned

    def masks(self, pruned):
        """Masks in which exactly these units are pruned, biases included."""
        return {path: ~np.isin(table, list(pruned)) for path, table in self.tables.items()}
