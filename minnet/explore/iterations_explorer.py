"""How often?  One-shot or iterative pruning, with retraining between the rounds, at the same cost.

The controls make a recipe; the staircase shows at once what it would do.  Train tries it in the background, and every
recipe that was tried stays: as a curve, and in a table from which it can be brought back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minnet import data as datasets
from minnet.draw import palette
from minnet.draw.lines import apart
from minnet.experiments import SCOPES
from minnet.experiments.iterative_pruning import FINALS, RETRAINING, IterativePruning, Recipe, Result
from minnet.nn.models import mlp
from minnet.pruning.schedule import geometric
from minnet.widgets.controls import (
    COLOURS,
    ResultsTable,
    TrainControls,
    few,
    mean_and_range,
    row,
    slider,
    toggles,
)
from minnet.widgets.explorer_base import Explorer


@dataclass(frozen=True)
class Frame:
    """Everything that is shown.

    Attributes
    ----------
    recipe : Recipe
    stairs : list of (epoch, sparsity)
        Of this recipe.
    each : (float, int)
        What a round removes of what is left, and its steps of training.
    result : Result or None
    tried : dict of {Recipe: Result}
    whole : list of float
        Accuracies of the networks with all weights.
    note : str
    """

    recipe: Recipe
    stairs: list
    each: tuple
    result: Result | None
    tried: dict
    whole: list
    note: str


class IterationsExplorer(Explorer):
    """Prune in one to twenty rounds: ``mn.explore.iterations(make, digits)``.

    Parameters
    ----------
    make : function
        ``make(seed)`` → an untrained network.
    data : Dataset
        Trained on ``.train``, measured on ``.val``.
    seeds : sequence of int
        Each recipe is tried with each of them.
    epochs : int
        How long the networks are trained before the pruning.

    Attributes
    ----------
    experiment : IterativePruning
        Its ``tried`` grows while `train` runs, and stays.
    """

    size = (10, 4)
    recorded = {"rounds": None, "final": None, "retraining": None}

    @staticmethod
    def example():
        return IterationsExplorer(lambda seed: mlp(64, 8, 6, 10, rng=seed), few(datasets.digits()), seeds=(0, 1),
                                  epochs=1)

    def __init__(self, make, data, *, seeds=(0, 1, 2), epochs=20):
        super().__init__(IterativePruning(make, data, seeds, epochs))

    # ---- controls -----------------------------------------------------------------------------------

    def controls(self):
        self._layers = [path.removesuffix(".weight") for path in self.experiment.layers]
        return {
            "rounds": slider("Rounds", 1, 1, 20, width="430px"),
            "epochs": slider("Budget (epochs)", 20, 5, 60, 5, width="430px"),
            "final": toggles("Final sparsity", FINALS, "98%"),
            "retraining": toggles("Retraining", RETRAINING, tooltips=[
                "go on from the weights that are left", "put them back to their initial values, then train",
                "prune only"]),
            "scope": toggles("Scope", SCOPES, tooltips=["all weights compete", "each layer loses the same fraction"]),
        }

    def rows(self):
        control = self.control
        self._training = TrainControls(self, "Train this recipe", "Try it with every seed, in the background")
        self._results = ResultsTable(self, _row("", "recipe", "this recipe", "chosen at random", "mask from scratch"))
        return [
            row(control["rounds"], control["epochs"]),
            row(control["final"], control["retraining"]),
            row(control["scope"], *self._training.buttons, self._reset, *self._training.status),
            self._message,
            self._picture,
            self._sentence,
            self._results.head,
            self._results.table,
        ]

    def bring_back(self, recipe):
        """Move the controls to a recipe that was tried."""
        self.set(**recipe._asdict())

    # ---- from the state to the numbers --------------------------------------------------------------

    def frame(self, state):
        recipe, experiment = Recipe(**state), self.experiment
        levels, budget = geometric(FINALS[recipe.final], recipe.rounds), experiment.budget(recipe)
        stairs = [(0.0, 0.0)]
        for index, level in enumerate(levels):
            begin, end = (budget * i // recipe.rounds / experiment.per_epoch for i in (index, index + 1))
            stairs += [(begin, level), (end, level)]
        return Frame(recipe, stairs, (1 - (1 - levels[-1]) ** (1 / recipe.rounds), budget // recipe.rounds),
                     experiment.tried.get(recipe), dict(experiment.tried), experiment.whole, _note(recipe))

    # ---- the picture --------------------------------------------------------------------------------

    def draw(self, figure):
        grid = figure.add_gridspec(2, 2, width_ratios=(3.6, 6.4), height_ratios=(1.2, 1))
        ax = figure.add_subplot(grid[0, 0])
        palette.plain(ax, "The plan: weights kept (%)")
        ax.set(xlim=(-1, 61), ylim=(0.7, 130), yscale="log", yticks=[1, 10, 100], yticklabels=["1", "10", "100"])
        ax.set_xlabel("epochs of retraining", fontsize=palette.TEXT)
        ax.minorticks_off()
        (self._stairs,) = ax.plot([], [], color=palette.INK, linewidth=2)
        ax = figure.add_subplot(grid[1, 0])
        palette.plain(ax, "Weights kept in each layer (%)")
        at = np.arange(len(self._layers))
        ax.set(xlim=(-0.6, len(at) - 0.4), ylim=(0.05, 400), yscale="log", xticks=at, yticks=[0.1, 1, 10, 100],
               yticklabels=["0.1", "1", "10", "100"])
        ax.set_xticklabels(self._layers)
        ax.minorticks_off()
        self._bars = ax.bar(at, 0 * at + 1e-3, 0.6, color=palette.POSITIVE)
        self._counts = [ax.text(x, 1, "", ha="center", va="bottom", fontsize=palette.SMALL,
                                color=palette.INK) for x in at]
        ax = figure.add_subplot(grid[:, 1])
        palette.plain(ax, f"Accuracy on the validation data (%), seeds {', '.join(map(str, self.experiment.seeds))}")
        kept = (100, 50, 20, 10, 5, 2, 1)
        ax.set(xscale="log", xlim=(115, 0.8), ylim=(0, 104), xticks=kept, yticks=range(0, 101, 25))
        ax.set_xticklabels(map(str, kept))
        ax.minorticks_off()
        ax.set_xlabel("weights kept (%)", fontsize=palette.TEXT)
        ax.grid(color=palette.GRID, linewidth=0.8)
        self._whole = ax.axhline(-9, color=palette.FAINT, linewidth=1, linestyle=":")
        self._band = ax.fill_between([], [], [], color=palette.POSITIVE, alpha=0.25, linewidth=0)
        self._others = [ax.plot([], [], color=colour, linewidth=1.5, marker=".", alpha=0.8)[0] for colour in COLOURS]
        self._random_band = ax.fill_between([], [], [], color=palette.FAINT, alpha=0.2, linewidth=0)
        (self._random,) = ax.plot([], [], color=palette.FAINT, linewidth=2, linestyle="--", marker="x", markersize=5)
        (self._line,) = ax.plot([], [], color=palette.INK, linewidth=2.4, marker="o", markersize=5)
        (self._scratch,) = ax.plot([], [], color=palette.AFTER, linewidth=2.5, marker="D", markersize=8, markevery=[1])
        self._names = [ax.text(0, 0, "", fontsize=palette.SMALL, color=palette.INK, va="center", ha="left",
                               clip_on=True)
                       for _ in range(len(COLOURS) + 1)]
        ax.legend(handles=[self._line, self._random, self._scratch],
                  labels=["this recipe", "chosen at random", "same mask, from scratch"],
                  loc="lower left", fontsize=palette.SMALL, frameon=False)
        return [self._stairs, *self._bars, *self._counts, self._whole, self._band, *self._others, self._random_band,
                self._random, self._line, self._scratch, *self._names]

    def paint(self, frame):
        self.say(frame.note)
        self._stairs.set_data([x for x, _ in frame.stairs], [100 * (1 - s) for _, s in frame.stairs])
        result = frame.result or Result(0, 0)
        self._paint_layers(result)
        self._whole.set_ydata([100 * np.mean(frame.whole)] * 2 if frame.whole else [-9, -9])
        self._paint_curve(self._line, self._band, result, "pruned", frame.whole)
        self._paint_curve(self._random, self._random_band, result, "random", frame.whole)
        at, found = 100 * (1 - FINALS[frame.recipe.final]), 100 * np.array(result.scratch or [np.nan])
        self._scratch.set_data([at] * 3, [found.min(), found.mean(), found.max()])
        # A recipe keeps its colour; of those that share one, the latest is shown.
        others = {each.number % len(COLOURS): each for recipe, each in frame.tried.items() if recipe != frame.recipe}
        for slot, line in enumerate(self._others):
            self._paint_curve(line, None, others.get(slot, Result(0, 0)), "pruned", frame.whole)
        self._paint_names([*map(others.get, range(len(COLOURS))), frame.result])
        ranges = {recipe: map(mean_and_range, (each.finals(), each.finals("random"), each.scratch))
                  for recipe, each in frame.tried.items()}
        self._results.show({recipe: _row(f"#{frame.tried[recipe].number}", recipe, *found)
                            for recipe, found in ranges.items()}, frame.recipe if frame.result is not None else None)

    def _paint_names(self, results):
        """``#3`` at the end of each curve; where several end at one place, one above the other."""
        ends = {}
        for text, result in zip(self._names, results, strict=True):
            finals = result.finals() if result is not None else []
            text.set_text(f"  #{result.number}" if finals else "")
            if finals:
                end = 100 * (1 - result.pruned[0].points[-1].sparsity)
                ends.setdefault(end, []).append((100 * np.mean(finals), text))
        for end, names in ends.items():
            for height, (_, text) in zip(apart([height for height, _ in names], 4.5, 2.25, 102), names, strict=True):
                text.set_position((end, height))

    def _paint_layers(self, result):
        kept = result.pruned[0].kept if result.pruned else ()
        for i, (bar, text) in enumerate(zip(self._bars, self._counts, strict=True)):
            part = 100 * kept[i][1] / kept[i][2] if kept else 1e-3
            bar.set_height(max(part, 1e-3))
            text.set_position((i, max(part, 0.06) * 1.1))
            text.set_text(f"{kept[i][1]:,} ({part:.1f} %)" if kept else "")

    @staticmethod
    def _paint_curve(line, band, result, kind, whole):
        """The mean of all seeds, and their range, at each round that all of them have reached."""
        runs = getattr(result, kind)
        rounds = min((len(run.points) for run in runs), default=0)
        kept = [100.0] * bool(rounds) + [100 * (1 - runs[0].points[i].sparsity) for i in range(rounds)]
        right = 100 * np.array([[whole[seed], *(point.accuracy for point in run.points[:rounds])]
                                for seed, run in enumerate(runs)]) if rounds else np.empty((1, 0))
        line.set_data(kept, right.mean(axis=0))
        once = result.rounds == 1  # nothing is measured between the two ends
        line.set_linestyle(":" if once else "--" if kind == "random" else "-")
        if band is not None:
            if once and rounds:
                kept, right = [1.04 * kept[1], kept[1] / 1.04], right[:, [1, 1]]
            edge = np.column_stack([kept + kept[::-1], [*right.min(axis=0), *right.max(axis=0)[::-1]]])
            band.set_verts([edge] if rounds else [])

    def sentence(self, frame):
        recipe, (part, count) = frame.recipe, frame.each
        steps = f"{count} steps ({self.experiment.per_epoch} are one epoch)"
        said = (f"One cut removes <b>{recipe.final}</b>, then {steps} of training. " if recipe.rounds == 1 else
                f"{recipe.rounds} rounds to <b>{recipe.final}</b>: each removes {part:.0%} of what is left, "
                f"then trains for {steps}. ")
        result = frame.result
        if result is None or not result.finals():
            return said + ("Not tried yet: press <b>Train this recipe</b>." if result is None else "Not finished.")
        layers = ", ".join(f"{name} {kept:,}" for name, kept, _ in result.pruned[0].kept)
        said += (f"Accuracy <b>{mean_and_range(result.finals())}</b>, with all weights {mean_and_range(frame.whole)}. "
                 f"Weights left (seed {self.experiment.seeds[0]}): {layers}. ")
        if result.finals("random"):
            left = ", ".join(f"{name} {kept:,}" for name, kept, _ in result.random[0].kept)
            said += f"At random: {mean_and_range(result.finals('random'))}, weights left: {left}. "
        if result.scratch:
            said += f"Same mask from scratch: {mean_and_range(result.scratch)}."
        return said

    # ---- training in the background -----------------------------------------------------------------

    def train(self):
        """Try the present recipe with every seed, in the background; the newest request wins."""
        self._training.run(self.experiment.attempt(Recipe(**self.state)))

    def rehearse(self):
        for rounds in (1, 5):
            self.set(rounds=rounds)
            self.train()
            self.wait()

    def progress(self, what):
        self._training.progress(what)
        if self.experiment.tried != self.shown.tried or what is None:
            self.refresh()


def _note(recipe):
    """What cannot be done, or what will go wrong."""
    if recipe.retraining == "none":
        return "Without retraining the weights stay as they are, so the budget is not used."
    if recipe.retraining == "rewind" and recipe.epochs < 2 * recipe.rounds:
        return (f"Rewinding starts again in each round, and a round has only {recipe.epochs / recipe.rounds:.2g} "
                f"epoch{'' if recipe.epochs == recipe.rounds else 's'} here; give it a larger budget or fewer rounds.")
    return ""


def _row(number, recipe, *ranges):
    """One line of the table."""
    return f"{number:4}{recipe!s:44}{''.join(f'{each:22}' for each in ranges)}"
