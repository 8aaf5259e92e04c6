"""When to prune: before, during or after the training, by schedules that all get the same number of steps.

A plan says how much is removed by which step, by which criterion, and in which scope.  All plans get the same initial
weights and the same batches, so that the plan is all that differs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from minnet.experiments import at_least_one, parts, untrained
from minnet.experiments.iterative_pruning import BATCH, FINALS
from minnet.messages import choice, instance, percentage, short, whole
from minnet.nn.evaluation import evaluate
from minnet.nn.train import steps
from minnet.pruning import criteria, schedule
from minnet.pruning import scope as scopes
from minnet.pruning.layer_sparsity import erdos_renyi
from minnet.pruning.ranking import prune, sparsity

AT_ONCE = "one shot"
SHAPES = (AT_ONCE, "linear", "cubic", "geometric")
ROUNDS = 10  # of the geometric schedule
CRITERIA = {"magnitude": criteria.magnitude, "SNIP": criteria.snip, "random": criteria.random}
ALL, SHARED = "all compete", "small layers keep more"
MOMENTS = 50  # of a training at which it is pruned and measured


class Plan(NamedTuple):
    """Everything that a trial depends on; ``start`` and ``stop`` in per cent of the training."""

    shape: str
    start: int
    stop: int
    final: str
    criterion: str
    scope: str

    @classmethod
    def of(cls, state):
        """The plan that the controls make.  Without time between start and stop, everything goes at once."""
        if not isinstance(state, dict) or set(state) != set(cls._fields):
            raise TypeError(f"a plan is made of {', '.join(cls._fields)}, got {short(state)}; write for example "
                            "Plan.of(explorer.state)")
        if state["shape"] == AT_ONCE or percentage(state["stop"], "stop") <= percentage(state["start"], "start"):
            state = {**state, "shape": AT_ONCE, "stop": state["start"]}
        return cls(**state)

    @property
    def when(self):
        """before, during or after."""
        return "during" if self.shape != AT_ONCE else "after" if self.start else "before"

    def __str__(self):
        span = f"{self.start}%" if self.shape == AT_ONCE else f"{self.start}–{self.stop}%"
        return f"{self.when:6}  {self.shape:9} {span:7} → {self.final}  {self.criterion:9}  {self.scope:22}"

    def schedule(self, count):
        """The fraction removed as a function of the completed steps, in a training of ``count`` steps."""
        self._check()
        count = whole(count, "count", least=1)
        final, start, stop = FINALS[self.final], self.start * count / 100, self.stop * count / 100
        if self.shape == AT_ONCE:
            return schedule.one_shot(final, at=start)
        if self.shape == "geometric":
            levels = [0.0, *schedule.geometric(final, ROUNDS)]
            return lambda step: levels[int(np.clip(1 + (step - start) / (stop - start) * (ROUNDS - 1), 0, ROUNDS))]
        return {"linear": schedule.linear, "cubic": schedule.cubic}[self.shape](final, start=start, stop=stop)

    def curve(self, count):
        """Steps and the fraction removed by then, (points, 2), close enough to be drawn as a line."""
        level, at = self.schedule(count), np.linspace(0, count, 4 * MOMENTS + 1)
        return np.column_stack([at, [level(step) for step in at]])

    def prune(self, net, level, data, rng):
        """Remove this fraction of the network."""
        self._check()
        how = {"criterion": CRITERIA[self.criterion], "data": data, "rng": rng}
        if self.scope == ALL:
            prune(net, level, **how)
        else:
            prune(net, erdos_renyi(net, level), scope=scopes.layer, **how)

    def _check(self):
        for name, known in (("shape", SHAPES), ("final", FINALS), ("criterion", CRITERIA), ("scope", (ALL, SHARED))):
            choice(getattr(self, name), name, known)
        if percentage(self.start, "start") >= percentage(self.stop, "stop") and self.shape != AT_ONCE:
            raise ValueError(f"a plan ends after its start, got {self.start}% to {self.stop}%; if everything goes at "
                             f"once, write shape={AT_ONCE!r}")


class TrainingPoint(NamedTuple):
    """A network after a number of steps; ``kept`` is the number of weights left in each layer."""

    step: int
    sparsity: float
    accuracy: float
    loss: float
    kept: tuple


@dataclass(frozen=True)
class Trial:
    """What a plan gave, as far as it has got.

    Attributes
    ----------
    number : int
        In the order of trying; 0 is training without any pruning.
    tracks : tuple of tuple of TrainingPoint
        One track a seed.
    steps : int
        That a complete track has.
    """

    number: int
    tracks: tuple
    steps: int

    def finals(self):
        """The last accuracies of the tracks that are complete."""
        return [track[-1].accuracy for track in self.tracks if track and track[-1].step == self.steps]

    def course(self, name):
        """What the seeds have in common so far: steps (n,), and mean, lowest and highest of a number, each (n,)."""
        choice(name, "name", TrainingPoint._fields)
        reached = min(map(len, self.tracks))
        values = np.array([[getattr(moment, name) for moment in track[:reached]] for track in self.tracks])
        return (np.array([moment.step for moment in self.tracks[0][:reached]]),
                values.mean(axis=0), values.min(axis=0), values.max(axis=0))


class PruningSchedules:
    """Trains networks by plan, all with the same number of steps, and keeps how it went.

    Parameters
    ----------
    make : function
        ``make(seed)`` → an untrained network.
    data : Dataset
    seeds : sequence of int
    count : int
        Steps of every training.

    Attributes
    ----------
    all : dict of {Plan: Trial}
        Under None that of the whole network, which is never pruned.
    layers : list of (path, size)
        Of the weights.
    moments : list of int
        Steps at which a training is pruned and measured.
    reached : int
        How many moments all seeds of a trial have reached, all trials together.
    """

    def __init__(self, make, data, seeds, count):
        self.make, self.data, self.seeds, self.count = make, data, at_least_one(seeds), whole(count, "count", least=1)
        example = untrained(make, self.seeds[0])
        parts(data, example, whole=True)
        self.moments = sorted({*range(0, count, max(1, count // MOMENTS)), count})
        self.layers = [(param.path, param.size) for param in example.params() if param.prunable]
        self.all, self.reached = {}, 0

    @property
    def whole(self):
        """The trial without pruning, or None."""
        return self.all.get(None)

    @property
    def tried(self):
        """{Plan: Trial}"""
        return {plan: trial for plan, trial in dict(self.all).items() if plan is not None}

    def attempt(self, plan):
        """Try a plan, one step of training at a time; yields (fraction done, what is being done)."""
        instance(plan, Plan, "plan", 'Plan("cubic", 10, 70, "98%", "magnitude", "all compete")')._check()
        first = [] if self.whole and len(self.whole.finals()) == len(self.seeds) else [None]
        total = len([*first, plan]) * len(self.seeds) * self.count
        done = 0
        for each in (*first, plan):
            for step in self._train(each):
                done += 1
                yield min(done / total, 1.0), f"{'all weights' if each is None else 'this plan'}, step {step}"
        yield 1.0, "done"

    def _train(self, plan):
        """All seeds side by side, so that their curves grow together."""
        number = self.all[plan].number if plan in self.all else len(self.all)
        self.all[plan] = Trial(number, ((),) * len(self.seeds), self.count)
        runs = [self._run(plan, seed) for seed in self.seeds]
        for _ in self.moments:
            for place, run in enumerate(runs):
                for step, moment in run:
                    if moment is not None:
                        self._note(plan, place, moment)
                        break
                    yield step
            self.reached += 1

    def _run(self, plan, seed):
        """One seed: after each step (step, None), and at the moments (step, TrainingPoint)."""
        net, rng = self.make(seed), np.random.default_rng(seed)
        level = (lambda step: 0.0) if plan is None else plan.schedule(self.count)
        done = 0
        training = steps(net, self.data.train, count=self.count, batch=BATCH, rng=seed)
        for moment in self.moments:
            while done < moment:
                done = next(training).index + 1
                yield done, None
            if level(done) > 0:
                plan.prune(net, level(done), self.data.train, rng)
            found = evaluate(net, self.data.val)
            kept = tuple(param.kept for param in net.params() if param.prunable)
            yield done, TrainingPoint(done, sparsity(net), found.accuracy, found.loss, kept)

    def _note(self, plan, place, moment):
        tracks = list(self.all[plan].tracks)
        tracks[place] = (*tracks[place], moment)
        self.all[plan] = replace(self.all[plan], tracks=tuple(tracks))
