"""What can be ordered in the playground: networks with their data, and every argument of pruning, as lines of code.

The code of a recipe is not a translation of what the playground does: it is what the playground runs, step by step.
So a learner who copies the lines gets the same numbers.
"""

from __future__ import annotations

from typing import NamedTuple

from minnet.data import handwriting
from minnet.nn.layer import Layer
from minnet.nn.train import steps
from minnet.pruning.ranking import prune
from minnet.pruning.rounds import step_by_step
from minnet.pruning.schedule import cubic


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
    return SUBJECTS | (LARGE if handwriting.at_hand() else {})


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
        count = self.epochs * -(-samples // self.subject.batch)
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
        return evaluate(self.subject.net.format(seed=self.seed))

    def learn(self, net, data):
        """Train a network with all its weights, in place; yields the fraction done."""
        count = self.subject.epochs * -(-len(data.train) // self.subject.batch)
        for step in steps(net, data.train, count=count, batch=self.subject.batch, rng=self.seed):
            yield (step.index + 1) / count

    def cook(self, net, data):
        """Prune and retrain a network, in place; yields the fraction done."""
        count, stop, every = self.pace(len(data.train))
        how = {word: evaluate(code) for word, code in self.how.items()}
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


def evaluate(code):
    """What a line of the menu makes, typed as a learner types it."""
    typed = {}
    exec("import minnet as mn", typed)
    return eval(code, typed)
