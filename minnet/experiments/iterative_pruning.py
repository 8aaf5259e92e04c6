"""Iterative pruning: train, prune, retrain, in one round or in many, at the same cost.

A recipe says how often, how far, how to retrain, in which scope, and at what cost.  It is tried with several seeds,
next to two controls: weights chosen at random, and the same mask on an untrained network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from minnet.experiments import SCOPES, at_least_one, parts, untrained
from minnet.experiments.lottery_tickets import reinitialised
from minnet.messages import choice, instance, whole
from minnet.nn.checkpoint import snapshot
from minnet.nn.evaluation import accuracy
from minnet.nn.train import steps, steps_for
from minnet.pruning import criteria
from minnet.pruning.iterative import Round, step_by_step
from minnet.pruning.ranking import masks_of

RETRAINING = ("fine-tune", "rewind", "none")
FINALS = {"80%": 0.8, "90%": 0.9, "95%": 0.95, "98%": 0.98, "99%": 0.99}
BATCH = 32


class Recipe(NamedTuple):
    """Everything that a result depends on."""

    rounds: int
    final: str
    retraining: str
    scope: str
    epochs: int

    def __str__(self):
        often = "one shot" if self.rounds == 1 else f"{self.rounds} rounds"
        return f"{often:9} → {self.final} {self.retraining:9} {self.scope:7} {self.epochs:2} epochs"

    def _check(self):
        for name, known in (("final", FINALS), ("retraining", RETRAINING), ("scope", SCOPES)):
            choice(getattr(self, name), name, known)
        whole(self.rounds, "rounds", least=1)
        whole(self.epochs, "epochs")


class Point(NamedTuple):
    """After one round."""

    sparsity: float
    accuracy: float


@dataclass(frozen=True)
class Run:
    """What one seed gave, as far as it has got.

    Attributes
    ----------
    points : tuple of Point
        One a round.
    kept : tuple of (layer, kept, size)
        Weights of each layer after the last round.
    """

    points: tuple = ()
    kept: tuple = ()


@dataclass(frozen=True)
class Result:
    """What a recipe gave.

    Attributes
    ----------
    number : int
        In the order of trying.
    rounds : int
        That a complete run has.
    pruned, random : tuple of Run
        One a seed, as far as they have got.
    scratch : tuple of float
        Accuracies of the final masks, trained from scratch.
    """

    number: int
    rounds: int
    pruned: tuple = ()
    random: tuple = ()
    scratch: tuple = ()

    def finals(self, kind="pruned"):
        """Accuracies after the last round, of the runs that are complete."""
        runs = getattr(self, choice(kind, "kind", ("pruned", "random")))
        return [run.points[-1].accuracy for run in runs if len(run.points) == self.rounds]


class IterativePruning:
    """Trains networks, tries recipes on them, and keeps both.

    Parameters
    ----------
    make : function
        ``make(seed)`` → an untrained network.
    data : Dataset
    seeds : tuple of int
    epochs : int
        How long the networks are trained before the pruning.

    Attributes
    ----------
    layers : list of path
        Of the weights.
    tried : dict of {Recipe: Result}
    """

    def __init__(self, make, data, seeds, epochs):
        self.make, self.data, self.seeds = make, data, at_least_one(seeds)
        example = untrained(make, self.seeds[0])
        parts(data, example, whole=True)
        self.per_epoch = steps_for(data.train, 1, BATCH)
        self.first = whole(epochs, "epochs") * self.per_epoch
        self.layers = [param.path for param in example.params() if param.prunable]
        self.tried, self._whole = {}, {}

    @property
    def whole(self):
        """Accuracies of the networks with all weights, as far as they are trained."""
        return [right for _, _, right in self._whole.values()]

    def budget(self, recipe):
        """Steps of retraining, all rounds together."""
        instance(recipe, Recipe, "recipe", 'Recipe(5, "98%", "fine-tune", "network", 20)')._check()
        return 0 if recipe.retraining == "none" else recipe.epochs * self.per_epoch

    def attempt(self, recipe):
        """Try a recipe, one step of training at a time; yields (fraction done, what is being done)."""
        budget = self.budget(recipe)
        number = self.tried[recipe].number if recipe in self.tried else 1 + len(self.tried)
        self.tried[recipe] = Result(number, recipe.rounds)
        missing = [seed for seed in self.seeds if seed not in self._whole]
        total = len(missing) * self.first + len(self.seeds) * (self.first + 3 * budget)
        for done, what in enumerate(self._all(recipe, missing)):
            yield min(done / total, 1.0), what
        yield 1.0, "done"

    def _all(self, recipe, missing):
        for seed in missing:
            net = self.make(seed)
            start = snapshot(net)
            for _ in steps(net, self.data.train, count=self.first, batch=BATCH, rng=seed):
                yield f"the whole network, seed {seed}"
            self._whole[seed] = net, start, accuracy(net, self.data.val)
        masks = []
        for seed in self.seeds:
            net = self._whole[seed][0].copy()
            yield from self._rounds(net, recipe, seed, "pruned", criteria.magnitude)
            masks.append(masks_of(net))
        for seed in self.seeds:
            yield from self._rounds(self._whole[seed][0].copy(), recipe, seed, "random", criteria.random)
        for seed, mask in zip(self.seeds, masks, strict=True):
            net = reinitialised(self.make, mask, seed)
            count = self.first + self.budget(recipe)
            for _ in steps(net, self.data.train, count=count, batch=BATCH, rng=seed):
                yield f"from scratch, seed {seed}"
            self._note(recipe, "scratch", accuracy(net, self.data.val))

    def _rounds(self, net, recipe, seed, kind, criterion):
        """All rounds of one seed; what each gave is noted when it is done."""
        rng, run, now = np.random.default_rng(seed), None, 1
        for done in step_by_step(
                net, self.data.train, rounds=recipe.rounds, final=FINALS[recipe.final], batch=BATCH, rng=rng,
                epochs=0 if recipe.retraining == "none" else recipe.epochs, validation=self.data.val,
                rewind_to=self._whole[seed][1] if recipe.retraining == "rewind" else None,
                criterion=criterion, scope=SCOPES[recipe.scope]):
            if isinstance(done, Round):
                kept = tuple((p.path.removesuffix(".weight"), p.kept, p.size) for p in net.params() if p.prunable)
                points = (*(run.points if run else ()), Point(done.sparsity, done.accuracy))
                run, last = Run(points, kept), run
                self._note(recipe, kind, run, last)
                now += 1
            yield f"{'random, ' if kind == 'random' else ''}seed {seed}, round {min(now, recipe.rounds)}"

    def _note(self, recipe, kind, new, old=None):
        """Add to a result; a run that has got further takes the place of what it was."""
        result = self.tried[recipe]
        before = getattr(result, kind)
        before = before[:-1] if old is not None else before
        self.tried[recipe] = replace(result, **{kind: (*before, new)})
