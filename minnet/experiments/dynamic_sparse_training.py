"""Dynamic sparse training: connections that move while a network learns, next to a static mask and gradual pruning.

All have as many weights in the end, the same initial weights, batches and number of steps: a mask that
stays, two that move (SET and RigL), and one that is pruned little by little from the whole network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from minnet.experiments import parts, untrained
from minnet.experiments.iterative_pruning import BATCH
from minnet.messages import choice, instance, number, percentage, sequence, whole
from minnet.nn.evaluation import accuracy
from minnet.nn.train import steps
from minnet.pruning import criteria
from minnet.pruning import scope as scopes
from minnet.pruning.layer_sparsity import erdos_renyi
from minnet.pruning.ranking import prune
from minnet.pruning.regrowth import drop_fraction, rigl_step, set_step
from minnet.pruning.schedule import cubic

STATIC, SET, RIGL, GRADUAL = METHODS = ("static", "SET", "RigL", "gradual")
MOMENTS = 50  # so often a training is looked at
GRADUALLY = 20  # steps between two prunings of the gradual way
REMEMBERED = 20  # beginnings of trainings that were never begun


# ---- One training ------------------------------------------------------------------------------------


def start(net, method, sparsity, rng):
    """Make a network ready for a method: all but the gradual one begin with a random mask.

    Small layers keep more (Erdős–Rényi). ``rng``, a generator, goes on to draw what SET grows.
    """
    if method != GRADUAL:
        prune(net, erdos_renyi(net, sparsity), criteria.random, scope=scopes.layer, rng=rng)


def train(net, data, method, sparsity, *, fraction=0.3, every=25, until=0.75, count, seed, rng):
    """Train a network that `start` has made ready, and change its mask meanwhile.

    Parameters
    ----------
    net : Layer
    data : data
    method : str
        One of `METHODS`.
    sparsity : float
        In the end; of all methods but the gradual one, from the start.
    fraction : float
        Of the weights in use, that SET and RigL move at first; it falls along half a cosine ...
    until : float
        ... to 0 after this fraction of all steps (Evci et al. 2020: 0.75).
    every : int
        Steps between two moves.
    count : int
        Steps of the training.
    seed : int
        Of the batches.
    rng : numpy.random.Generator
        The one that `start` has drawn the mask with.

    Yields
    ------
    (int, int)
        Completed steps, and how many weights have moved in all.
    """
    moved = 0
    level = cubic(sparsity, start=0.1 * count, stop=0.75 * count)
    part = drop_fraction(fraction, stop=until * count) if method in (SET, RIGL) else None
    for step in steps(net, data, count=count, batch=BATCH, rng=seed):
        done = step.index + 1
        if method == GRADUAL and (done % GRADUALLY == 0 or done == count):  # at the end it has the final sparsity
            prune(net, erdos_renyi(net, level(done)), scope=scopes.layer)
        elif method == SET and done % every == 0:
            moved += set_step(net, part(done), rng=rng)
        elif method == RIGL and done % every == 0:
            moved += rigl_step(net, part(done))
        yield done, moved


# ---- All four, and how they go -----------------------------------------------------------------------


class Recipe(NamedTuple):
    """Everything that a training depends on but the method; ``fraction`` and ``until`` in per cent."""

    final: int
    fraction: int
    every: int
    until: int
    seed: int

    def __str__(self):
        return f"{self.final}%  {self.fraction:3}% every {self.every:3}, to {self.until:3}%  seed {self.seed}"


@dataclass(frozen=True)
class TrainingPoint:
    """A network after some steps.

    Attributes
    ----------
    step : int
    accuracy : float
        On the validation data.
    shape : (int, int)
        Inputs and neurons of the first layer.
    places, values : ndarray, (connections,)
        Which weights of the first layer are in use, as flat indices, and how large they are.
    kept : int
        Weights in use, in the whole network.
    moved : int
        How many have moved so far, in the whole network.
    """

    step: int
    accuracy: float
    shape: tuple
    places: np.ndarray
    values: np.ndarray
    kept: int
    moved: int

    @property
    def links(self):
        """How many connections each input has, (inputs,)."""
        return np.bincount(self.places // self.shape[1], minlength=self.shape[0])

    def busiest(self, count):
        """The neurons with most connections, those first."""
        links = np.bincount(self.places % self.shape[1], minlength=self.shape[1])
        return np.argsort(-links, kind="stable")[: whole(count, "count")]

    def weights(self, neurons):
        """Weights of some neurons, (inputs, neurons); NaN where there is no connection."""
        neurons = sequence(neurons, "neurons", whole, "point.busiest(36)")
        if max(neurons, default=0) >= self.shape[1]:
            raise ValueError(f"the neurons are 0 … {self.shape[1] - 1}, got {max(neurons)}")
        table = np.full(self.shape, np.nan, np.float32)
        table.flat[self.places] = self.values
        return table[:, neurons]


class DynamicSparseTraining:
    """Trains in four ways, one step at a time, and keeps every point of measurement.

    Parameters
    ----------
    make : function
        ``make(seed)`` → an untrained network.
    data : Dataset
    count : int
        Steps of every training.

    Attributes
    ----------
    courses : dict of {(method, Recipe): list of TrainingPoint}
        As far as they have got.
    tried : list of Recipe
        In the order in which they were begun.
    """

    def __init__(self, make, data, count):
        parts(data, untrained(make), whole=True)
        self.make, self.data, self.count = make, data, whole(count, "count", least=1)
        self.moments = sorted({*range(0, count, max(count // MOMENTS, 1)), count})
        self.courses, self.tried, self._first = {}, [], {}

    def course(self, method, recipe):
        """The moments of a training; before it has begun, only the first."""
        key = self._key(method, recipe)
        return self.courses.get(key) or [self._beginning(*key)]

    def complete(self, method, recipe):
        """Whether a training has come to its end."""
        return len(self.courses.get(self._key(method, recipe), ())) == len(self.moments)

    def final(self, method, recipe):
        """Accuracy at the end of a training; None before."""
        return self.course(method, recipe)[-1].accuracy if self.complete(method, recipe) else None

    def train(self, recipe):
        """Train in all four ways what is missing; yields (fraction done, what is being done)."""
        missing = [method for method in METHODS if not self.complete(method, recipe)]
        if recipe not in self.tried:
            self.tried.append(recipe)
        for place, method in enumerate(missing):
            for step in self._grow(*self._key(method, recipe)):
                yield (place + step / self.count) / len(missing), method
        yield 1.0, "done"

    def _key(self, method, recipe):
        """A method, and what of a recipe matters for it."""
        instance(recipe, Recipe, "recipe", "Recipe(final=98, fraction=30, every=25, until=75, seed=0)")
        percentage(recipe.final, "final")
        whole(recipe.seed, "seed")
        if choice(method, "method", METHODS) not in (SET, RIGL):
            return method, recipe._replace(fraction=0, every=0, until=0)
        percentage(recipe.fraction, "fraction")
        whole(recipe.every, "every", least=1)
        for name in ("final", "until"):  # where nothing is removed, nothing moves
            number(getattr(recipe, name), name, above=0)
        return method, recipe

    def _grow(self, method, recipe):
        net, rng = self._start(method, recipe)
        course = self.courses[method, recipe] = [self._moment(net, 0, 0)]
        training = train(net, self.data.train, method, recipe.final / 100, fraction=recipe.fraction / 100,
                         every=recipe.every, until=recipe.until / 100, count=self.count, seed=recipe.seed, rng=rng)
        for done, moved in training:
            if done in self.moments:
                course.append(self._moment(net, done, moved))
            yield done

    def _start(self, method, recipe):
        net, rng = self.make(recipe.seed), np.random.default_rng(recipe.seed)
        start(net, method, recipe.final / 100, rng)
        return net, rng

    def _beginning(self, method, recipe):
        key = method == GRADUAL, recipe.final, recipe.seed
        if key not in self._first:
            if len(self._first) == REMEMBERED:
                del self._first[next(iter(self._first))]
            self._first[key] = self._moment(self._start(method, recipe)[0], 0, 0)
        return self._first[key]

    def _moment(self, net, step, moved):
        weights = [param for param in net.params() if param.prunable]
        first = weights[0]
        mask = first.kept_mask
        places = np.flatnonzero(mask).astype(np.int32)
        return TrainingPoint(step, accuracy(net, self.data.val), first.shape, places, first.data.flat[places],
                      sum(param.kept for param in weights), moved)
