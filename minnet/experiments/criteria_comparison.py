"""All criteria, compared on the same networks: what each of them keeps, and what the accuracy is then.

Evidence is gathered once, and scores, rankings and accuracies are kept.  So a slider may move over every sparsity, and
two criteria can be compared weight by weight.
"""

from __future__ import annotations

import inspect
from typing import NamedTuple

import numpy as np

from minnet.experiments import SCOPES, networks, parts
from minnet.messages import choice, functions_of, instance, percentage, whole, wholes
from minnet.nn.evaluation import accuracy
from minnet.nn.train import steps, steps_for
from minnet.pruning import criteria as rules
from minnet.pruning import evidence
from minnet.pruning import scope as scopes
from minnet.pruning import structure as structures
from minnet.pruning.iterative import scan
from minnet.pruning.ranking import Ranking, restore, set_masks
from minnet.pruning.units import Units

CRITERIA = tuple(functions_of(rules))
STRUCTURES = {"weights": structures.weights, "neurons": structures.along("out")}
COMBINE = ("mean", "sum", "l2")
PERCENT = range(0, 100, 5)
RETRAINED_AT = (50, 60, 70, 80, 90)  # percent
BATCH = 32


class Way(NamedTuple):
    """How a criterion's scores are used: which units are removed, which of them compete, how a unit is scored."""

    structure: str = "weights"
    scope: str = "network"
    combine: str = "mean"

    def code(self, criterion, percent, train):
        """The line that does the same to a network called ``net``; ``train`` is how the training data are typed."""
        arguments = [f"{percentage(percent) / 100:g}", f"mn.{choice(criterion, 'criterion', CRITERIA)}"]
        if self.structure != "weights":
            arguments.append('structure=mn.along("out")')
        if self.scope != "network":
            arguments.append(f"scope=mn.{self.scope}")
        if self.combine != "mean":
            arguments.append(f'combine="{self.combine}"')
        evidence = inspect.signature(functions_of(rules)[criterion]).parameters
        if "rng" in evidence:
            arguments.append("rng=0")
        elif set(evidence) - {"weight"}:
            arguments.append(f"data={train}")
        return f"mn.prune(net, {', '.join(arguments)})"


class CriteriaComparison:
    """Prunes the same networks by every criterion, and retrains them.

    Parameters
    ----------
    nets : list of Layer
        Of the same shape, trained from different seeds.  They are copied, without masks.
    data : Dataset or Split
        Of a whole data set, evidence is gathered and copies are retrained on ``.train``, accuracy is measured on
        ``.val``.  A single part serves for evidence and accuracy, without retraining.
    epochs : int
        How long each copy is retrained.
    seed : int
        Of the random criterion and of retraining; one more for each further network.

    Attributes
    ----------
    train : Split or None
    split : Split
        What accuracy is measured on.
    whole : list of float
        Accuracy of each network with all its weights.
    retrained : dict of {(Way, criterion, percent): accuracies}
        Grows while `retrain` runs, and stays.
    """

    def __init__(self, nets, data, *, epochs=10, seed=0):
        nets = list(networks(nets).values())
        self.train, self.split = parts(data, *nets)
        shapes = [{param.path: param.shape for param in net.params()} for net in nets]
        if any(shape != shapes[0] for shape in shapes):
            raise ValueError("the networks differ in shape; criteria are compared on networks that differ only in "
                             "their seed")
        self.nets = [net.copy() for net in nets]
        for net in self.nets:
            restore(net)
        self.data, (self.epochs, self.seed) = data, wholes(epochs=epochs, seed=seed)
        self.whole = [accuracy(net, self.split) for net in self.nets]
        self.retrained = {}
        self._scores, self._rankings, self._accuracies, self._curves, self._scans = {}, {}, {}, {}, {}

    @property
    def layers(self):
        """The names of the layers that have weights."""
        return list(Units(self.nets[0], structures.weights, scopes.layer).layer_names.values())

    def structures(self):
        """The structures of which these networks have units."""
        return [name for name in STRUCTURES if _has(self.nets[0], STRUCTURES[name])]

    def masks(self, way, criterion, percent, number=0):
        """What is kept of one network, {path: ndarray of bool}, for all its weights."""
        self._known(way, criterion, percent, number)
        there = self._ranking(way, criterion, number)[0].masks(percent / 100)
        return {p.path: there.get(p.path, np.ones(p.shape, bool)) for p in self.nets[number].params() if p.prunable}

    def accuracies(self, way, criterion, percent):
        """Accuracy of each network, pruned and not retrained."""
        self._known(way, criterion, percent)
        key = way, criterion, percent
        if key not in self._accuracies:
            found = []
            for number in range(len(self.nets)):
                ranking, net = self._ranking(way, criterion, number)
                ranking.apply(percent / 100)
                found.append(accuracy(net, self.split))
            self._accuracies[key] = found
        return self._accuracies[key]

    def curve(self, way, criterion):
        """Accuracy over `PERCENT`, not retrained, a mean over the networks."""
        self._known(way, criterion)
        key = way, criterion
        if key not in self._curves:
            self._curves[key] = np.array([np.mean(self.accuracies(way, criterion, percent)) for percent in PERCENT])
        return self._curves[key]

    def scanned(self, way, criterion):
        """Accuracy with each layer pruned alone, a mean over the networks: {layer: array over `PERCENT`}."""
        self._known(way, criterion)
        key = way.structure, way.combine, criterion
        if key not in self._scans:
            every = [scan(*self._ranking(way, criterion, number), self.split, [each / 100 for each in PERCENT])
                     for number in range(len(self.nets))]
            self._scans[key] = {name: np.mean([each[name] for each in every], axis=0) for name in every[0]}
        return self._scans[key]

    def pruned(self, way, criterion, percent, number):
        """A copy of one network, pruned by a criterion; another thread may train it."""
        self._known(way, criterion, percent, number)
        return set_masks(self.nets[number].copy(), self._ranking(way, criterion, number)[0].masks(percent / 100))

    def retrain(self, way, percent):
        """Retrain copies for every criterion, first at this sparsity, then at `RETRAINED_AT`; yields (fraction done,
        what is being done) at each step."""
        self._known(way, percent=percent)
        networks, count = len(self.nets), steps_for(self.train, self.epochs, BATCH)
        missing = [(each, criterion) for each in dict.fromkeys((percent, *RETRAINED_AT)) for criterion in CRITERIA
                   if (way, criterion, each) not in self.retrained]
        for done, (each, criterion) in enumerate(missing):
            found = []
            for number in range(networks):
                net = self.pruned(way, criterion, each, number)
                for step in steps(net, self.train, count=count, batch=BATCH, rng=self.seed + number):
                    yield (done + (number + step.index / count) / networks) / len(missing), f"{each}%, {criterion}"
                found.append(accuracy(net, self.split))
            self.retrained[way, criterion, each] = found
        yield 1.0, "done"

    def _known(self, way, criterion=CRITERIA[0], percent=0, number=0):
        """Look at what a method was given."""
        instance(way, Way, "way", 'Way("neurons")')
        choice(way.structure, "structure", STRUCTURES)
        choice(way.scope, "scope", SCOPES)
        choice(way.combine, "combine", COMBINE)
        choice(criterion, "criterion", CRITERIA)
        percentage(percent)
        if whole(number, "number") >= len(self.nets):
            raise ValueError(f"the networks have the numbers 0 … {len(self.nets) - 1}, got {number}")

    def _ranking(self, way, criterion, number):
        """The ranking of one network, and the copy on which it writes its masks."""
        key = way, criterion, number
        if key not in self._rankings:
            net = self.nets[number].copy()
            units = Units(net, STRUCTURES[way.structure], SCOPES[way.scope])
            self._rankings[key] = Ranking(units, self._score(criterion, number), way.combine), net
        return self._rankings[key]

    def _score(self, criterion, number):
        """A criterion's score for each weight, {path: array}."""
        key = criterion, number
        if key not in self._scores:
            self._scores[key] = evidence.scores(self.nets[number], criterion,
                                                self.split if self.train is None else self.train, self.seed + number)
        return self._scores[key]


def _has(net, structure):
    try:
        return bool(structure(net))
    except ValueError:  # for example no layer but the last
        return False
