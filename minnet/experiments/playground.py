"""Where the recipes of the playground are cooked: data, networks before and after, and what each of them is worth.

What takes long is done once and kept: a data set is loaded, a whole network trained, a ranking made and an outcome
measured when it is first asked for.  The kitchen knows no controls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from minnet.data import mnist_files
from minnet.experiments import BATCH
from minnet.experiments.pruning_granularity import price
from minnet.messages import spoken_bytes, spoken_time
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
    """What a network is worth, pruned or not.

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
        """Weights that are kept and not in vain: what they lead to leads on, and something leads to them."""
        return sum(int((mask & self.there[path]).sum()) for path, mask in self.masks.items())


def appraise(net, whole, split):
    """The `Outcome` of a network, whose price is measured beside that of the whole one it comes from."""
    small = compact(net)
    found = evaluate(small, split, batch=BATCH)
    weights = [param for param in net.params() if param.prunable]
    return Outcome(
        sum(p.kept for p in weights), sum(p.size for p in weights), found.accuracy, found.per_class,
        *price(whole, small, split.x),
        {p.path: p.kept_mask for p in weights}, stored(net))


def told(outcome):
    """Its figures in a sentence (HTML)."""
    used = f" ({outcome.used:,} of them in use)" if outcome.used < outcome.kept else ""
    return (f"<b>{outcome.kept:,} of {outcome.weights:,} weights</b>{used}, <b>{outcome.accuracy:.1%}</b> recognised, "
            f"{spoken_bytes(outcome.bytes['sparse'])}, {spoken_time(outcome.seconds['sparse'].median)}")


def row(number, recipe, outcome):
    """Its figures and how it came about in one line of a table.  An option's blanks would be folded, so they are
    made hard."""
    when = "gradual" if recipe.gradual else f"{recipe.rounds} round{'s' * (recipe.rounds > 1)}"
    return (f"#{number:<3}{outcome.accuracy:6.1%} {outcome.used:7,} in use {spoken_bytes(outcome.bytes['sparse']):>8} "
            f"{spoken_time(outcome.seconds['sparse'].median):>7} │ {recipe.structure:17} {recipe.criterion:9} "
            f"{recipe.scope:12} {when:9} → {recipe.percent:2}% {recipe.epochs:2} epochs").replace(" ", "\u00a0")


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


def subjects():
    """What there is on this computer, {name: Subject}: MNIST only where its files are at hand."""
    return SUBJECTS | (LARGE if mnist_files.at_hand() else {})


class Recipe(NamedTuple):
    """Everything that a result depends on, in the words of the menu."""

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
        return {"criterion": CRITERIA[self.criterion], "structure": STRUCTURES[self.structure],
                "scope": SCOPES[self.scope]}

    @property
    def gradual(self):
        """Pruned while it trains, and not between two trainings."""
        return self.schedule == "gradual" and self.epochs > 0

    def refusal(self, error):
        """Why a network cannot be pruned so, in the words of the menu; ``error`` says it in the words of the code."""
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
        fall = round(asked)
        if fall == asked:
            return ""
        said = f"Of each 4 neighbours {asked:g} would go, which is rounded to {fall}"
        return said + (": nothing is left. Choose 75 % or less." if fall == 4 else f": {25 * fall} %.")

    def pace(self, samples):
        """(steps of retraining, steps after which nothing more falls, steps from one pruning to the next)."""
        count = steps_for(samples, self.epochs, self.subject.batch)
        return count, 3 * count // 4, max(count // 100, 1)

    def code(self, samples):
        """The lines that do the same, for so many training samples."""
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
        """The network as the dice made it."""
        return made(self.subject.net.format(seed=self.seed))

    def learn(self, net, data):
        """Train a network with all its weights, in place; yields the fraction done."""
        count = steps_for(data.train, self.subject.epochs, self.subject.batch)
        for step in steps(net, data.train, count=count, batch=self.subject.batch, rng=self.seed):
            yield (step.index + 1) / count

    def cook(self, net, data):
        """Prune and retrain a network, in place; yields the fraction done."""
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
    """What a line of the menu makes, typed as a learner types it."""
    typed = {}
    exec("import minnet as mn", typed)
    return eval(code, typed)


class Playground:
    """Everything that has been trained and pruned so far.

    Attributes
    ----------
    tried : dict of {Recipe: Layer}
        The networks that came out, in the order of trying.  A background job adds to them while the explorer looks
        at them, so this dict is never changed, but replaced by another.
    """

    def __init__(self):
        self.tried = {}
        self._trained, self._untrained = {}, {}  # whole networks by (subject, seed)
        self._data, self._rankings, self._outcomes = {}, {}, {}

    def take_over(self, other):
        """Have what another kitchen has trained and pruned."""
        self._trained, self.tried = dict(other._trained), other.tried

    def data(self, recipe):
        """The data of a recipe; loaded once."""
        code = recipe.subject.data
        if code not in self._data:
            self._data[code] = made(code)
        return self._data[code]

    def trained(self, recipe):
        """Whether the whole network of a recipe has learned yet."""
        return (recipe.subject, recipe.seed) in self._trained

    def dense(self, recipe):
        """The whole network of a recipe, trained if it has been trained."""
        key = recipe.subject, recipe.seed
        if key not in self._trained and key not in self._untrained:
            self._untrained[key] = recipe.untrained()
        return self._trained.get(key) or self._untrained[key]

    # ---- what a recipe is worth ---------------------------------------------------------------------

    def whole(self, recipe):
        """The `Outcome` of the whole network."""
        return self._outcome(recipe, self.dense(recipe))

    def result(self, recipe):
        """The `Outcome` of a recipe that was tried."""
        return self._outcome(recipe, self.tried[recipe])

    def preview(self, recipe):
        """The `Outcome` of a recipe before any retraining; where it cannot be followed, a text that says why."""
        dense = self.dense(recipe)
        key = *recipe._replace(percent=0, rounds=0, epochs=0, schedule=""), dense
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
        """What a network is worth; measured once."""
        key = id(net) if key is None else key
        if key not in self._outcomes:
            self._outcomes[key] = net, appraise(net, self.dense(recipe), self.data(recipe).val)
        return self._outcomes[key][1]

    # ---- work that takes a while --------------------------------------------------------------------

    def learn(self, recipe):
        """Train the whole network; yields the fraction done."""
        net = recipe.untrained()
        yield from recipe.learn(net, self.data(recipe))
        self._trained[recipe.subject, recipe.seed] = net

    def cook(self, recipe):
        """Prune and retrain a copy of the whole network, which has learned before; yields the fraction done."""
        net = self.dense(recipe).copy()
        yield from recipe.cook(net, self.data(recipe))
        self.tried = {each: cooked for each, cooked in self.tried.items() if each != recipe} | {recipe: net}

    def forget_last(self):
        """As if the recipe that was tried last had not been tried."""
        self.tried = dict(list(self.tried.items())[:-1])
