"""What are a transformer's heads and layers worth? Each is removed alone, or together with others, and measured.

`HeadAblation` gives every head and layer a name, writes the masks of what is removed, and keeps what it has measured:
the accuracy, what one more head would cost, and the time that a prediction takes.
"""

from __future__ import annotations

import numpy as np

from minnet import measure
from minnet.experiments import BATCH, prunable
from minnet.messages import choice, short, whole, wholes
from minnet.nn.arguments import measurable
from minnet.nn.arguments import optimiser as an_optimiser
from minnet.nn.attention import Attention, attention_layers, removed_heads
from minnet.nn.evaluation import accuracy
from minnet.nn.layer import the_network
from minnet.nn.optim import Adam
from minnet.nn.train import steps, steps_for
from minnet.pruning.compaction import compact
from minnet.pruning.evidence import named
from minnet.pruning.ranking import rank, restore, set_masks
from minnet.pruning.structure import along, branches

MOST = 40  # retrained networks that are kept
CRITERIA = ("taylor", "magnitude", "random")


def without(net, *heads):
    """A copy of a network without some heads.

    Parameters
    ----------
    net : Layer
    *heads : (int, int)
        Layer and head, counted from 1. The weights that lead from the head back into the network are masked.
    """
    trial = net.copy()
    attention = attention_layers(trial)
    for layer, head in heads:
        out = attention[layer - 1].out
        mask = out.kept_mask.copy()
        mask[head - 1] = False
        out.mask = mask
    return trial


class HeadAblation:
    """Removes heads and layers by name, and measures what follows.

    Names are ``"head_1_2"`` (layer 1, head 2), ``"dense_1"`` (the dense branch of layer 1) and ``"layer_1"``; a set of
    them is called ``off``. What takes long, `measure`, is a generator: it stops after each measurement, and
    what is known so far can be read at any time.

    Parameters
    ----------
    net : Layer
        A copy of it is used, with nothing removed.
    split, train : Split
        To measure on, and to rank by.
    seed : int
        Of the random ranking and of retraining.
    epochs : int
        How long a copy is retrained.
    optimiser : Adam, …
        For retraining.

    Attributes
    ----------
    retrained : dict of {frozenset of names: Layer}
        Copies that were retrained without these units; the latest `MOST` stay.
    levels : list of int
        How many heads each layer has.
    units : dict of {name: {path: ndarray of bool}}
        The weights that each name stands for.
    """

    def __init__(self, net, split, train, seed=0, *, epochs=2, optimiser=None):
        prunable(net)
        for part in (split, train):
            measurable(net, part)
        self.net, self.split, self.train, self.retrained = net.copy(), split, train, {}
        self.seed, self.epochs = wholes(seed=seed, epochs=epochs)
        self.optimiser = an_optimiser(Adam(1e-3) if optimiser is None else optimiser)
        restore(self.net)
        self._shapes = {param.path: param.shape for param in self.net.params()}
        self.levels, self.units = [], {}
        self._rankings, self._accuracies, self._costs, self._seconds, self._curves = {}, {}, {}, {}, {}
        self._left, self._complete = {}, set()
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

    def _names(self, off):
        """Units that are off, as a frozenset of their names."""
        if not isinstance(off, (set, frozenset, list, tuple)):
            raise TypeError(f"off is a set of names, got {short(off)}; write for example {{'head_1_1'}}")
        return frozenset(choice(name, "unit", self.units) for name in off)

    def _key(self, off, net):
        """Units that are off, and the network that was retrained without them, or None."""
        return self._names(off), None if net is None else the_network(net)

    # ---- what is removed ----------------------------------------------------------------------------

    def lowest(self, criterion, count):
        """The names of the ``count`` heads that a ranking removes first; the last one of a layer stays."""
        criterion, total = named(criterion), len(self.heads)
        if whole(count, "count") > total:
            raise ValueError(f"count is at most {total}, as many as there are heads, got {short(count)}")
        if criterion not in self._rankings:
            self._rankings[criterion] = rank(self.net, criterion, along("head"), data=self.train, rng=self.seed)
        masks = self._rankings[criterion].masks(count / total)
        return frozenset(name for name in self.heads
                         if all(not (masks[path] & unit).any() for path, unit in self.units[name].items()))

    def heads_gone(self, off):
        """How many heads are gone with these units."""
        off = self._names(off)
        return sum(heads if f"layer_{number}" in off else sum(name.startswith(f"head_{number}_") for name in off)
                   for number, heads in enumerate(self.levels, 1))

    def masks(self, off):
        """``{path: mask}`` with some units off; a parameter that is whole has None."""
        removed = {}
        for name in self._names(off):
            for path, unit in self.units[name].items():
                removed[path] = removed.get(path, False) | unit
        return {path: ~removed[path] if path in removed else None for path in self._shapes}

    def pruned(self, off):
        """A copy of the network with these units off."""
        return set_masks(self.net.copy(), self.masks(off))

    # ---- what follows at once -----------------------------------------------------------------------

    def _right(self, net):
        """Accuracy, in batches small enough for the processor's own memory."""
        return accuracy(net, self.split, batch=BATCH)

    def accuracy(self, off, net=None):
        """Accuracy with these units off: of a network ``net`` that was retrained like that, or just pruned."""
        key = self._key(off, net)
        if key not in self._accuracies:
            self._accuracies[key] = self._right(net or self.pruned(off))
        return self._accuracies[key]

    def left(self, off):
        """How many numbers `compact` leaves."""
        off = self._names(off)
        if off not in self._left:
            self._left[off] = measure.parameters(compact(self.pruned(off))).all
        return self._left[off]

    def costs(self, off, net=None):
        """Accuracy lost if one more head goes, as far as it is measured.

        Returns
        -------
        list of ndarray, (heads,) for each layer
            NaN where a head is gone already, or not measured yet.
        """
        known, layers = self._costs.get(self._key(off, net), {}), attention_layers(net or self.net)
        return [np.array([known.get((layer, head), np.nan) for head in range(1, each.heads + 1)])
                for layer, each in enumerate(layers, 1)]

    def curve(self, criterion):
        """``{heads removed: accuracy}`` along a ranking, without retraining, as far as it is measured."""
        return dict(sorted(self._curves.get(named(criterion), {}).items()))

    def seconds(self, off):
        """``{"whole", "compact"}``: how long 64 samples take; None while it is not measured."""
        return self._seconds.get(self._names(off))

    # ---- what takes a while -------------------------------------------------------------------------

    def measure(self, off, net=None, criterion="taylor"):
        """Measure what is still missing: all costs, the seconds, and the curve along a ranking.

        Yields
        ------
        str
            What was measured, after each measurement.
        """
        off, net, _ = key = (*self._key(off, net), named(criterion))
        yield from self.measure_costs(off, net)
        yield from self._measure_seconds(off)
        yield from self.measure_curve(criterion)
        self._complete.add(key)

    def complete(self, off, net=None, criterion="taylor"):
        """Whether `measure` has nothing left to do."""
        return (*self._key(off, net), named(criterion)) in self._complete

    def measure_costs(self, off, net=None):
        """Remove each head that is left, one at a time; yields after each."""
        off, net = key = self._key(off, net)
        known, trial = self._costs.setdefault(key, {}), net or self.pruned(off)
        for layer, lost in enumerate(removed_heads(trial), 1):
            for head in 1 + np.flatnonzero(~lost):
                if (layer, head) not in known:
                    known[layer, head] = self.accuracy(off, net) - self._right(without(trial, (layer, head)))
                    yield f"head {head} of layer {layer}"

    def _measure_seconds(self, off):
        """Time the whole network and the compact one in turn; yields once."""
        if off not in self._seconds:
            x = np.ascontiguousarray(self.split.x[:BATCH], np.float32)
            self._seconds[off] = measure.latency({"whole": self.net, "compact": compact(self.pruned(off))}, x,
                                                 rounds=9, sample=1e-4, budget=0.03)
            yield "seconds"

    def measure_curve(self, criterion):
        """Remove more and more heads along a ranking; yields after each."""
        known = self._curves.setdefault(named(criterion), {})
        for count in range(len(self.heads) - len(self.levels) + 1):
            if count not in known:
                known[count] = self.accuracy(self.lowest(criterion, count))
                yield f"{count} heads by {criterion}"

    def retrain(self, off):
        """Train a copy without these units; yields (fraction done, what is being done) at each step."""
        off = self._names(off)
        net, count = self.pruned(off), steps_for(self.train, self.epochs)
        for step in steps(net, self.train, self.optimiser, count=count, rng=self.seed):
            yield (step.index + 1) / count, "retraining"
        retrained = {**self.retrained, off: net}
        self.retrained = dict(list(retrained.items())[-MOST:])
