"""A transformer's heads and layers, each with a switch, and what every one of them is worth.

The board writes the masks of what is switched off, ranks heads, and remembers what it has measured: accuracy, what one
more head would cost, and the time that a prediction takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import thread_time

import numpy as np

from minnet import measure
from minnet.experiments.pruning_granularity import BATCH, size
from minnet.nn.attention import Attention, removed_heads
from minnet.nn.evaluation import accuracy
from minnet.pruning import criteria
from minnet.pruning.compaction import compact
from minnet.pruning.ranking import rank, restore, set_masks
from minnet.pruning.structure import along, branches
from minnet.threads import at_most

CRITERIA = {"taylor": criteria.taylor, "magnitude": criteria.magnitude, "random": criteria.random}


@dataclass(frozen=True)
class AblationResult:
    """What is left of the network with some units off.

    Attributes
    ----------
    accuracy : float
    costs : list of ndarray, (heads,) for each layer
        Accuracy lost if this head goes too; NaN where it is gone already.
    """

    accuracy: float
    costs: list


class HeadAblation:
    """Units by name, ``"head_1_2"`` (layer 1, head 2), ``"dense_1"`` and ``"layer_1"``, and what follows from them.

    Parameters
    ----------
    net : Layer
        A copy of it is used, with nothing removed.
    split, train : Split
        To measure on, and to rank by.
    seed : int
        Dice of the random ranking.

    Attributes
    ----------
    levels : list of int
        How many heads each layer has.
    units : dict of {name: {path: ndarray of bool}}
        What falls with each.
    """

    def __init__(self, net, split, train, seed=0):
        self.net, self.split, self.train, self.seed = net.copy(), split, train, seed
        restore(self.net)
        self._shapes = {param.path: param.shape for param in self.net.params()}
        self.levels, self.units = [], {}
        self._rankings, self._worth, self._seconds, self._curves = {}, {}, {}, {}
        self._find()

    def _find(self):
        """Name all units: a layer begins with each branch that has attention in it."""
        head, branch = along("head")(self.net), branches(self.net)
        for path, layer in self.net.walk():
            if not hasattr(layer, "branch"):
                continue
            inside = {name: np.ones(self._shapes[name], bool) for name in branch if name.startswith(f"{path}.")}
            attention = next((each for _, each in layer.branch.walk() if isinstance(each, Attention)), None)
            if attention is not None:
                self.levels.append(attention.heads)
            elif not self.levels:
                continue  # a dense branch before any attention
            number = len(self.levels)
            self.units.setdefault(f"layer_{number}", {}).update(inside)
            if attention is None:
                self.units.setdefault(f"dense_{number}", {}).update(inside)
                continue
            first = min(head[name].min() for name in inside if name in head)
            for each in range(attention.heads):
                self.units[f"head_{number}_{each + 1}"] = {
                    name: np.broadcast_to(head[name] == first + each, self._shapes[name])
                    for name in inside if name in head}

    @property
    def heads(self):
        """The names of all heads, layer by layer."""
        return [name for name in self.units if name.startswith("head")]

    # ---- what is off --------------------------------------------------------------------------------

    def lowest(self, criterion, count):
        """The names of the ``count`` heads that a ranking lets fall first; the last one of a layer stays."""
        if criterion not in self._rankings:
            self._rankings[criterion] = rank(self.net, CRITERIA[criterion], along("head"), data=self.train,
                                             rng=self.seed)
        masks = self._rankings[criterion].masks(count / len(self.heads))
        return frozenset(name for name in self.heads
                         if all(not (masks[path] & falls).any() for path, falls in self.units[name].items()))

    def heads_gone(self, off):
        """How many heads are gone with these units."""
        return sum(heads if f"layer_{number}" in off else sum(name.startswith(f"head_{number}_") for name in off)
                   for number, heads in enumerate(self.levels, 1))

    def masks(self, off):
        """``{path: mask}`` with some units off; a parameter that is whole has None."""
        fallen = {}
        for name in off:
            for path, falls in self.units[name].items():
                fallen[path] = fallen.get(path, False) | falls
        return {path: ~fallen[path] if path in fallen else None for path in self._shapes}

    def pruned(self, off):
        """A copy of the network with these units off."""
        return set_masks(self.net.copy(), self.masks(off))

    # ---- what follows -------------------------------------------------------------------------------

    def right(self, net):
        """Accuracy, in batches small enough for the processor's own memory."""
        return accuracy(net, self.split, batch=BATCH)

    def worth(self, off, net=None):
        """The `AblationResult` with these units off: retrained like that, or just pruned. Computed once."""
        key = off, net
        if key not in self._worth:
            net = net or self.pruned(off)
            now = self.right(net)
            self._worth[key] = AblationResult(now, [
                np.array([np.nan if lost else now - self._without(net, layer, head) for head, lost in enumerate(heads)])
                for layer, heads in zip(_attention(net), removed_heads(net), strict=True)])
        return self._worth[key]

    def _without(self, net, layer, head):
        """Accuracy if nobody hears this head any more."""
        before, mask = layer.out.mask, layer.out.kept_mask.copy()
        mask[head] = False
        try:
            layer.out.mask = mask
            return self.right(net)
        finally:
            layer.out.mask = before

    def curve(self, criterion):
        """``{heads removed: accuracy}`` along a ranking, without retraining.  Computed once."""
        if criterion not in self._curves:
            self._curves[criterion] = {count: self.right(self.pruned(self.lowest(criterion, count)))
                                       for count in range(len(self.heads) - len(self.levels) + 1)}
        return self._curves[criterion]

    def price(self, off):
        """(numbers of the compact network, seconds for 64 samples {"whole", "compact"}).  Computed once."""
        if off not in self._seconds:
            small = compact(self.pruned(off))
            x = np.ascontiguousarray(self.split.x[:BATCH], np.float32)
            with at_most(1):
                seconds = measure.latency({"whole": self.net, "compact": small}, x, rounds=9, sample=1e-4, budget=0.03,
                                          clock=thread_time)  # what other programs take is not counted
            self._seconds[off] = size(small), seconds
        return self._seconds[off]


def _attention(net):
    return [layer for _, layer in net.walk() if isinstance(layer, Attention)]
