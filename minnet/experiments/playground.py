"""The playground: any network, structure, criterion, scope and schedule, and what comes of the pruning.

What takes long is done once and kept: a data set is loaded, a whole network trained, a ranking made and an outcome
measured when it is first asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from minnet.data import mnist_files
from minnet.experiments import BATCH, parts
from minnet.experiments.pruning_granularity import price
from minnet.messages import choice, format_bytes, format_seconds, instance, percentage, short, whole, wholes
from minnet.nn.evaluation import evaluate
from minnet.nn.layer import Layer
from minnet.nn.train import steps, steps_for
from minnet.pruning.compaction import compact, stored
from minnet.pruning.iterative import step_by_step
from minnet.pruning.ranking import prune, rank, set_masks
from minnet.pruning.schedule import cubic

# ---- Outcomes ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """The figures of a network, pruned or not.

    Attributes
    ----------
    kept, weights : int
    accuracy : float
        On the validation part.
    classes : ndarray, (classes,)
        Accuracy of each class.
    bytes, seconds : dict of {"whole", "compact", "sparse"}
    masks, there : dict of {path: ndarray of bool}
        Weights that are kept, and those that `compact` still stores.
    """

    kept: int
    weights: int
    accuracy: float
    classes: np.ndarray
    bytes: dict
    seconds: dict
    masks: dict
    there: dict

    @property
    def sparsity(self):
        return 1 - self.kept / self.weights

    @property
    def used(self):
        """Weights that are kept and matter: `compact` stores them."""
        return sum(int((mask & self.there[path]).sum()) for path, mask in self.masks.items())


def measure_outcome(net, whole, split):
    """The `Outcome` of a network; bytes and seconds are measured beside those of the whole network it comes from."""
    small = compact(net)
    found = evaluate(small, split, batch=BATCH)
    weights = [param for param in net.params() if param.prunable]
    return Outcome(
        sum(p.kept for p in weights), sum(p.size for p in weights), found.accuracy, found.per_class,
        *price(whole, small, split.x),
        {p.path: p.kept_mask for p in weights}, stored(net))


def describe(outcome):
    """Its figures in a sentence (HTML)."""
    used = f" ({outcome.used:,} of them in use)" if outcome.used < outcome.kept else ""
    return (f"<b>{outcome.kept:,} of {outcome.weights:,} weights</b>{used}, <b>{outcome.accuracy:.1%}</b> recognised, "
            f"{format_bytes(outcome.bytes['sparse'])}, {format_seconds(outcome.seconds['sparse'].median)}")


def table_row(number, recipe, outcome):
    """Its figures and its recipe in one line of a table."""
    when = "gradual" if recipe.gradual else f"{recipe.rounds} round{'s' * (recipe.rounds > 1)}"
    return (f"#{number:<3}{outcome.accuracy:6.1%} {outcome.used:7,} in use {format_bytes(outcome.bytes['sparse']):>8} "
            f"{format_seconds(outcome.seconds['sparse'].median):>7} │ {recipe.structure:17} {recipe.criterion:9} "
            f"{recipe.scope:12} {when:9} → {recipe.percent:2}% {recipe.epochs:2} epochs")


# ---- Recipes -----------------------------------------------------------------------------------------


class Subject(NamedTuple):
    """A network and what it learns: the code of both, and for how long."""

    data: str
    net: str
    epochs: int
    batch: int = 32


SUBJECTS = {
    "digits, 64-32-16-10": Subject("mn.data.digits()", "mn.models.mlp(64, 32, 16, 10, rng={seed})", 20),
    "digits, 64-300-100-10": Subject("mn.data.digits()", "mn.models.mlp(64, 300, 100, 10, rng={seed})", 20),
    "digits, residual layers": Subject("mn.data.digits()", "mn.models.residual_mlp(rng={seed})", 20),
    "digits, transformer": Subject("mn.data.digits()", "mn.models.tiny_transformer(rng={seed})", 10),
    "MNIST-1D, 40-100-100-10": Subject("mn.data.mnist1d()", "mn.models.mlp(40, 100, 100, 10, rng={seed})", 15),
    "MNIST-1D, convolutions": Subject("mn.data.mnist1d()", "mn.models.signal_conv(rng={seed})", 15),
}
LARGE = {"MNIST, 784-300-100-10": Subject("mn.data.mnist()", "mn.models.lenet_300_100(rng={seed})", 3, 128)}
STRUCTURES = {
    "weights": "mn.weights", "blocks of 4 × 4": "mn.blocks(4, 4)", "neurons / filters": 'mn.along("out")',
    "inputs / channels": 'mn.along("in")', "heads": 'mn.along("head")', "whole layers": "mn.branches",
}  # fmt: skip
CRITERIA = {name: f"mn.{name}" for name in ("magnitude", "random", "gradient", "taylor", "snip", "wanda")}
SCOPES = {"network": "mn.network", "layer": "mn.layer", "4 neighbours": "mn.window(4)"}
SCHEDULES = ("rounds", "gradual")
NEEDS = {
    "heads": "This network has no heads. Choose another one as Network: “digits, transformer”.",
    "whole layers": "In this network no layer can go whole, for nothing leads around it. Choose another one as "
                    "Network: “digits, residual layers” or “digits, transformer”.",
}


def available_subjects():
    """What this computer can offer, {name: Subject}: MNIST only where its files are available."""
    return SUBJECTS | (LARGE if mnist_files.at_hand() else {})


class Recipe(NamedTuple):
    """Everything that a result depends on, in the words of the controls."""

    subject: Subject
    structure: str
    criterion: str
    scope: str
    schedule: str
    rounds: int
    percent: int
    epochs: int
    seed: int

    @property
    def how(self):
        """The arguments of pruning, as code by name."""
        self._check()
        return {"criterion": CRITERIA[self.criterion], "structure": STRUCTURES[self.structure],
                "scope": SCOPES[self.scope]}

    @property
    def gradual(self):
        """Pruned while it trains, and not between two trainings."""
        return self.schedule == "gradual" and self.epochs > 0

    def _check(self):
        instance(self.subject, Subject, "subject", 'SUBJECTS["digits, 64-32-16-10"]')
        for name, known in (("structure", STRUCTURES), ("criterion", CRITERIA), ("scope", SCOPES),
                            ("schedule", SCHEDULES)):
            choice(getattr(self, name), name, known)
        whole(self.rounds, "rounds", least=1)
        wholes(epochs=self.epochs, seed=self.seed)
        percentage(self.percent)

    def refusal(self, error):
        """Why a network cannot be pruned so, in the words of the controls; ``error`` says it in those of the code."""
        if self.scope == "4 neighbours" and self.structure != "weights":
            return "4 neighbours are single weights. Choose “weights” as What, or another Scope."
        return NEEDS.get(self.structure, f"Nothing is removed: {error}")

    @property
    def remark(self):
        """What may surprise in what this recipe removes, or the empty string."""
        if self.structure == "whole layers" and self.scope == "layer":
            return "Here each layer competes only with itself: all stay, or all go. Choose “network” as Scope."
        if self.scope != "4 neighbours":
            return ""
        asked = 4 * self.percent / 100
        removed = round(asked)
        if removed == asked:
            return ""
        said = f"Of each 4 neighbours {asked:g} would go, which is rounded to {removed}"
        return said + (": nothing is left. Choose 75 % or less." if removed == 4 else f": {25 * removed} %.")

    def pace(self, samples):
        """(steps of retraining, steps after which nothing more is pruned, steps from one pruning to the next)."""
        count = steps_for(samples, self.epochs, self.subject.batch)
        return count, 3 * count // 4, max(count // 100, 1)

    def code(self, samples):
        """The lines that do the same, for a number of training samples."""
        net = self.subject.net.format(seed=self.seed)
        batch = "" if self.subject.batch == 32 else f", batch={self.subject.batch}"
        how = ", ".join(f"{word}={code}" for word, code in self.how.items())
        final, seed = self.percent / 100, f"rng={self.seed}"
        first = [
            f"data = {self.subject.data}", f"net = {net}",
            f"mn.fit(net, data.train, epochs={self.subject.epochs}{batch}, {seed})",
        ]  # fmt: skip
        if not self.gradual:
            return "\n".join([*first, f"list(mn.iterate(net, data.train, rounds={self.rounds}, final={final:g}, "
                                      f"epochs={self.epochs}{batch}, {seed},\n                {how}))"])
        count, stop, every = self.pace(samples)
        return "\n".join([
            *first,
            f"for step in mn.steps(net, data.train, count={count}{batch}, {seed}):",
            f"    if step.index % {every} == 0:",
            f"        mn.prune(net, mn.cubic({final:g}, stop={stop})(step.index), data=data.train, {seed},\n"
            f"                 {how})"])

    # ---- the same, step by step ---------------------------------------------------------------------

    def untrained(self) -> Layer:
        """The network before training."""
        return made(self.subject.net.format(seed=self.seed))

    def train(self, net, data):
        """Train a network with all its weights, in place; yields the fraction done."""
        parts(data, net, whole=True)
        count = steps_for(data.train, self.subject.epochs, self.subject.batch)
        for step in steps(net, data.train, count=count, batch=self.subject.batch, rng=self.seed):
            yield (step.index + 1) / count

    def prune(self, net, data):
        """Prune and retrain a network, in place; yields the fraction done."""
        parts(data, net, whole=True)
        count, stop, every = self.pace(len(data.train))
        how = {word: made(code) for word, code in self.how.items()}
        if self.gradual:
            schedule = cubic(self.percent / 100, stop=stop)
            for step in steps(net, data.train, count=count, batch=self.subject.batch, rng=self.seed):
                if step.index % every == 0:
                    prune(net, schedule(step.index), data=data.train, rng=self.seed, **how)
                yield (step.index + 1) / count
            return
        total = count + self.rounds  # a round is a step too
        for done, _ in enumerate(step_by_step(net, data.train, rounds=self.rounds, final=self.percent / 100,
                                              epochs=self.epochs, batch=self.subject.batch, rng=self.seed, **how)):
            yield (done + 1) / total


def made(code):
    """The value of a line of code, as a learner types it."""
    typed = {}
    exec("import minnet as mn", typed)
    return eval(code, typed)


class Playground:
    """Everything that has been trained and pruned so far.

    Parameters
    ----------
    subjects : dict of {name: Subject}, optional
        Networks and data; by default `available_subjects`.

    Attributes
    ----------
    subjects : dict of {name: Subject}
    tried : dict of {Recipe: Layer}
        The networks that came out, in the order of trying.  A background job adds to them while the explorer looks
        at them, so this dict is never changed, but replaced by another.
    """

    def __init__(self, subjects=None):
        if subjects is not None and not (isinstance(subjects, dict) and subjects and all(
                isinstance(each, Subject) for each in subjects.values())):
            raise TypeError(f"subjects are {{name: Subject}}, got {short(subjects)}")
        self.subjects = dict(subjects or available_subjects())
        self.tried = {}
        self._trained, self._untrained = {}, {}  # whole networks by (subject, seed)
        self._data, self._rankings, self._outcomes = {}, {}, {}

    def data(self, recipe):
        """The data of a recipe; loaded once."""
        code = self._known(recipe).subject.data
        if code not in self._data:
            self._data[code] = made(code)
        return self._data[code]

    def trained(self, recipe):
        """Whether the whole network of a recipe has been trained."""
        self._known(recipe)
        return (recipe.subject, recipe.seed) in self._trained

    def dense(self, recipe):
        """The whole network of a recipe, trained if it has been trained."""
        self._known(recipe)
        key = recipe.subject, recipe.seed
        if key not in self._trained and key not in self._untrained:
            self._untrained[key] = recipe.untrained()
        return self._trained.get(key) or self._untrained[key]

    def _known(self, recipe):
        """A recipe, looked at."""
        instance(recipe, Recipe, "recipe", "explorer.shown.recipe")._check()
        return recipe

    # ---- what comes of a recipe ---------------------------------------------------------------------

    def whole(self, recipe):
        """The `Outcome` of the whole network."""
        return self._outcome(recipe, self.dense(recipe))

    def result(self, recipe):
        """The `Outcome` of a recipe that was tried."""
        if self._known(recipe) not in self.tried:
            raise ValueError("this recipe has not been tried yet; write list(playground.prune(recipe))")
        return self._outcome(recipe, self.tried[recipe])

    def preview(self, recipe):
        """The `Outcome` of a recipe before any retraining; where it is impossible, a text that says why."""
        dense = self.dense(recipe)
        key = dense, recipe.structure, recipe.criterion, recipe.scope, recipe.seed
        if key not in self._rankings:
            self._rankings[key] = self._rank(recipe)
        ranking = self._rankings[key]
        if isinstance(ranking, str):
            return ranking
        net = set_masks(dense.copy(), ranking.masks(recipe.percent / 100))
        return self._outcome(recipe, net, (key, recipe.percent))

    def _rank(self, recipe):
        """The ranking of a recipe, or why there is none."""
        how = {word: made(code) for word, code in recipe.how.items()}
        try:
            return rank(self.dense(recipe), data=self.data(recipe).train, rng=recipe.seed, **how)
        except ValueError as error:
            return recipe.refusal(error)

    def _outcome(self, recipe, net, key=None):
        """The `Outcome` of a network; measured once, for itself or for a key."""
        key = key or net
        if key not in self._outcomes:
            self._outcomes[key] = measure_outcome(net, self.dense(recipe), self.data(recipe).val)
        return self._outcomes[key]

    # ---- work that takes a while --------------------------------------------------------------------

    def train(self, recipe):
        """Train the whole network; yields the fraction done."""
        data, net = self.data(recipe), recipe.untrained()
        yield from recipe.train(net, data)
        self._trained[recipe.subject, recipe.seed] = net

    def prune(self, recipe):
        """Prune and retrain a copy of the whole network, which has been trained before; yields the fraction done."""
        net = self.dense(recipe).copy()
        yield from recipe.prune(net, self.data(recipe))
        self.tried = {each: pruned for each, pruned in self.tried.items() if each != recipe} | {recipe: net}

    def forget_last(self):
        """As if the recipe that was tried last had not been tried."""
        self.tried = dict(list(self.tried.items())[:-1])
