"""The rungs of the ladder, from the single weight to the whole layer, and a bench to try them on.

The bench prunes copies of networks, and remembers what each rung gave at each sparsity: what is masked, what
`compact` really takes out, what it costs in accuracy, and what is saved in bytes and seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minnet import measure, sparse
from minnet.experiments import BATCH
from minnet.nn.evaluation import accuracy
from minnet.pruning import scope as scopes
from minnet.pruning import structure as structures
from minnet.pruning.compaction import compact
from minnet.pruning.ranking import rank, restore, set_masks, sparsity
from minnet.threads import at_most

SCOPES = {"network": scopes.network, "layer": scopes.layer}


@dataclass(frozen=True)
class Granularity:
    """A step of the ladder: its name, its structure, and how both are typed."""

    name: str
    short: str
    structure: object
    code: str
    scope: object = None  # of its own, whatever the control says
    missing: str = "this network has no such units"

    def call(self, percent, scope):
        """The line of code that does the same."""
        arguments = [f"{percent / 100:g}"]
        if self.structure is not structures.weights:
            arguments.append(f"structure={self.code}")
        if self.scope is not None:
            arguments.append("scope=mn.window(4)")
        elif scope == "layer":
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
         missing="a layer can go whole only where a shortcut leads around it; choose a network with residual branches"),
)
RUNGS = {rung.name: rung for rung in GRANULARITIES}


@dataclass(frozen=True)
class Tried:
    """One rung at one sparsity: fractions of the weights that are masked, of the numbers that `compact`
    leaves, and of right answers."""

    masked: float
    left: float
    accuracy: float


class PruningGranularity:
    """Networks on which every rung can be tried.

    Parameters
    ----------
    nets : dict of {name: Layer}
        They stay as they are; ``nets`` of the bench are whole copies.
    split : Split
        To measure on.
    """

    def __init__(self, nets, split):
        self.nets = {name: net.copy() for name, net in nets.items()}
        for net in self.nets.values():
            restore(net)
        self.split = split
        self._rankings, self._tried, self._costs = {}, {}, {}

    def has(self, network, scope, rung):
        """Whether a network has such units."""
        return self._ranking(network, scope, rung) is not None

    def pruned(self, network, scope, rung, percent):
        """A copy of a network with so many per cent of the units removed, if it has any."""
        net, ranking = self.nets[network].copy(), self._ranking(network, scope, rung)
        return net if ranking is None else set_masks(net, ranking.masks(percent / 100))

    def tried(self, network, scope, rung, percent):
        """The `Tried` of a rung without retraining; None where there is no such unit.  Computed once."""
        key = network, scope, rung.name, percent
        if key not in self._tried:
            self._tried[key] = None
            if self.has(network, scope, rung):
                net = self.pruned(network, scope, rung, percent)
                small = compact(net)  # gives the same answers, sooner
                self._tried[key] = Tried(sparsity(net), size(small) / size(net), self.right(small))
        return self._tried[key]

    def cost(self, network, scope, rung, percent, small):
        """Bytes and seconds of the whole network, of the compact one, and of that compiled, its gaps skipped."""
        key = network, scope, rung.name, percent
        if key not in self._costs:
            self._costs[key] = price(self.nets[network], small, self.split.x)
        return self._costs[key]

    def right(self, net):
        """Accuracy, in batches small enough for the processor's own memory."""
        return accuracy(net, self.split, batch=BATCH)

    def _ranking(self, network, scope, rung):
        """The ranking of a rung; None where there is no such unit."""
        key = network, scope, rung.name
        if key not in self._rankings:
            try:
                found = rank(self.nets[network], structure=rung.structure, scope=rung.scope or SCOPES[scope])
            except ValueError:
                found = None
            self._rankings[key] = found
        return self._rankings[key]


def price(whole, small, x):
    """Bytes and seconds, each as {"whole", "compact", "sparse"}, of a network and of what `compact` left of it.

    Seconds are for a batch of 64 samples on one core, measured together in turn.
    """
    fast = sparse.compile(small)
    with at_most(1):
        seconds = measure.latency({"whole": whole, "compact": small, "sparse": fast},
                                  np.ascontiguousarray(x[:BATCH], np.float32), rounds=15, sample=1e-4, budget=0.008)
    return {"whole": 4 * size(whole), "compact": 4 * size(small), "sparse": fast.nbytes}, seconds  # float32


def size(net):
    """All numbers of a network."""
    return sum(param.size for param in net.params())
