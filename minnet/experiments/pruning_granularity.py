"""Pruning at every granularity, from the single weight to the whole layer, on copies of the same networks.

For each granularity and sparsity: what is masked, what `compact` really deletes, what that costs in accuracy, and what
is saved in bytes and seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minnet import measure, sparse
from minnet.experiments import BATCH, SCOPES, networks, parts
from minnet.messages import choice, closest, instance, percentage, short, text, wholes
from minnet.nn.evaluation import accuracy
from minnet.nn.train import steps, steps_for
from minnet.pruning import scope as scopes
from minnet.pruning import structure as structures
from minnet.pruning.compaction import compact
from minnet.pruning.ranking import rank, restore, set_masks, sparsity


@dataclass(frozen=True)
class Granularity:
    """A structure: its names, and how it is typed."""

    name: str
    short: str
    structure: object
    code: str
    scope: object = None  # its own, whatever scope is asked for
    missing: str = "this network has no such units"

    def call(self, percent, scope):
        """The line of code that does the same."""
        arguments = [f"{percentage(percent) / 100:g}"]
        if self.structure is not structures.weights:
            arguments.append(f"structure={self.code}")
        if self.scope is not None:
            arguments.append("scope=mn.window(4)")
        elif choice(scope, "scope", SCOPES) == "layer":
            arguments.append("scope=mn.layer")
        return f"mn.prune(net, {', '.join(arguments)})"


GRANULARITIES = (
    Granularity("single weights", "weights", structures.weights, "mn.weights"),
    Granularity("N of 4 neighbours (N:M)", "N of 4", structures.weights, "mn.weights", scopes.window(4)),
    Granularity("blocks of 4 × 4", "blocks", structures.blocks(4, 4), "mn.blocks(4, 4)"),
    Granularity("shapes", "shapes", structures.along("in", "row", "col"), 'mn.along("in", "row", "col")',
                missing="a shape is one place in the windows of all filters; choose a network with convolutions"),
    Granularity("inputs / channels", "inputs", structures.along("in"), 'mn.along("in")'),
    Granularity("neurons / filters", "neurons", structures.along("out"), 'mn.along("out")'),
    Granularity("whole layers", "layers", structures.branches, "mn.branches",
                missing="a layer can go whole only where a shortcut leads around it; choose a network with residual "
                        "branches"),
)
BY_NAME = {each.name: each for each in GRANULARITIES}


@dataclass(frozen=True)
class Tried:
    """One granularity at one sparsity: the fraction of the weights that are masked, the fraction of the numbers that
    `compact` leaves, and the accuracy."""

    masked: float
    left: float
    accuracy: float


class PruningGranularity:
    """Prunes copies of networks at every granularity, and retrains them.

    Parameters
    ----------
    nets : Layer, list of Layer, or dict of {name: Layer}
        They stay as they are.
    data : Dataset or Split
        Of a whole data set, accuracy is measured on ``.val`` and copies are retrained on ``.train``.  A single part
        is only measured on.
    epochs : int
        How long each copy is retrained.
    seed : int
        Of retraining.

    Attributes
    ----------
    nets : dict of {name: Layer}
        Copies without masks.
    split : Split
        What accuracy is measured on.
    train : Split or None
    retrained : dict of {(network, scope, granularity's name, percent): accuracy}
        Grows while `retrain` runs, and stays.
    """

    def __init__(self, nets, data, *, epochs=10, seed=0):
        nets = networks(nets)
        self.train, self.split = parts(data, *nets.values())
        self.nets = {name: net.copy() for name, net in nets.items()}
        for net in self.nets.values():
            restore(net)
        self.epochs, self.seed = wholes(epochs=epochs, seed=seed)
        self.retrained = {}
        self._rankings, self._tried, self._costs = {}, {}, {}

    def has(self, network, scope, granularity):
        """Whether a network has such units."""
        return self._ranking(network, scope, granularity) is not None

    def pruned(self, network, scope, granularity, percent):
        """A copy of a network with this part of the units removed, if it has any."""
        self._key(network, scope, granularity, percent)
        net, ranking = self.nets[network].copy(), self._ranking(network, scope, granularity)
        return net if ranking is None else set_masks(net, ranking.masks(percent / 100))

    def tried(self, network, scope, granularity, percent):
        """The `Tried` of a granularity without retraining; None where there is no such unit.  Computed once."""
        key = self._key(network, scope, granularity, percent)
        if key not in self._tried:
            self._tried[key] = None
            if self.has(network, scope, granularity):
                net = self.pruned(network, scope, granularity, percent)
                small = compact(net)  # predicts the same, sooner
                self._tried[key] = Tried(sparsity(net), size(small) / size(net), self._accuracy(small))
        return self._tried[key]

    def cost(self, network, scope, granularity, percent, small):
        """Bytes and seconds of the whole network, of the compact one, and of that compiled, its gaps skipped."""
        key = self._key(network, scope, granularity, percent)
        if key not in self._costs:
            self._costs[key] = price(self.nets[network], small, self.split.x)
        return self._costs[key]

    def retrain(self, network, scope, percent):
        """Retrain a copy for each granularity; yields (fraction done, what is being done) at each step."""
        count = steps_for(self.train, self.epochs)
        for done, each in enumerate(GRANULARITIES):
            if self.has(network, scope, each):
                net, what = self.pruned(network, scope, each, percent), f"{done} of {len(GRANULARITIES)} structures"
                for step in steps(net, self.train, count=count, rng=self.seed):
                    yield (done + step.index / count) / len(GRANULARITIES), what
                self.retrained[network, scope, each.name, percent] = self._accuracy(net)
        yield 1.0, "done"

    def _key(self, network, scope, granularity, percent=0):
        """What is computed of these is kept under this key; they are looked at first."""
        try:
            self.nets[network]
        except (KeyError, TypeError):  # a name may be of any kind
            raise ValueError(f"unknown network {short(network)}." + closest(network, self.nets)) from None
        instance(granularity, Granularity, "granularity", "GRANULARITIES[0]")
        return network, choice(scope, "scope", SCOPES), text(granularity.name, "name"), percentage(percent)

    def _accuracy(self, net):
        return accuracy(net, self.split, batch=BATCH)  # small batches stay in the processor's own memory

    def _ranking(self, network, scope, granularity):
        """The ranking of a granularity; None where there is no such unit."""
        key = self._key(network, scope, granularity)[:-1]
        if key not in self._rankings:
            try:
                found = rank(self.nets[network], structure=granularity.structure,
                             scope=granularity.scope or SCOPES[scope])
            except ValueError:
                found = None
            self._rankings[key] = found
        return self._rankings[key]


def price(whole, small, x):
    """Bytes and seconds, each as {"whole", "compact", "sparse"}, of a network and of what `compact` left of it.

    Seconds are for a batch of 64 samples on one core, measured together in turn.
    """
    fast = sparse.compile(small)
    seconds = measure.latency({"whole": whole, "compact": small, "sparse": fast},
                              np.ascontiguousarray(x[:BATCH], np.float32), rounds=15, sample=1e-4, budget=0.008)
    return {"whole": 4 * size(whole), "compact": 4 * size(small), "sparse": fast.nbytes}, seconds  # float32


def size(net):
    """All numbers of a network."""
    return sum(param.size for param in net.params())
