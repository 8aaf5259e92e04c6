"""The playground: every question of pruning has its control, and every recipe that was tried stays.

The slider previews what a recipe removes, before any retraining.  Prune really does it, in the background: in rounds
or gradually, with retraining; what came out stays in the table, can be brought back, compared with another, undone, and
copied as the few lines of code that do the same.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from time import monotonic

import ipywidgets as widgets
import numpy as np

from minnet.data.dataset import class_names
from minnet.draw import palette
from minnet.draw.weight_sheet import WeightSheet
from minnet.experiments import BATCH, playground
from minnet.experiments.playground import Outcome, Playground, Recipe, describe, table_row
from minnet.messages import file
from minnet.widgets.controls import ResultsTable, TrainControls, dropdown, integer, row, slider, toggles
from minnet.widgets.explorer_base import Explorer

WHOLE = 0  # to compare with: the network before pruning


@dataclass(frozen=True)
class Frame:
    """Everything that is shown.

    Attributes
    ----------
    recipe : Recipe
    trained : bool
        Whether the whole network has been trained.
    number : int
        Of the recipe in the table; 0 for a preview.
    here, beside, whole : Outcome
        Of the recipe, of what it is compared with, and of the whole network.
    beside_number : int
    points : dict of {number: (weights kept in %, accuracy in %)}
        Of all recipes tried on this network.
    names : tuple of str
        Of the classes.
    code, note : str
        The lines that do the same, and what cannot be done or may surprise.
    """

    recipe: Recipe
    trained: bool
    number: int
    here: Outcome
    beside: Outcome
    whole: Outcome
    beside_number: int
    points: dict
    names: tuple
    code: str
    note: str


class PlaygroundExplorer(Explorer):
    """Every question of pruning in one place: ``mn.explore.playground()``.

    Parameters
    ----------
    folder : str or path, optional
        Where *Save as a page* writes; without it the button is disabled.
    subjects : dict of {name: Subject}, optional
        Other networks and data than those of `minnet.experiments.playground`.

    Attributes
    ----------
    experiment : Playground
        Its ``tried`` holds the networks that came out, in the order of trying.
    """

    size = (10, 4.4)
    measured = ("seconds",)
    recorded = {"percent": (0, 20, 40, 60, 80, 90, 95), "criterion": ("magnitude", "random", "taylor"),
                "structure": ("weights", "blocks of 4 × 4", "neurons / filters")}

    @staticmethod
    def example():
        small = playground.Subject("mn.data.digits()", "mn.models.mlp(64, 12, 8, 10, rng={seed})", 1)
        layers = small._replace(net="mn.models.residual_mlp(width=8, blocks=2, rng={seed})")
        return PlaygroundExplorer(subjects={"small": small, "layers": layers})

    def __init__(self, folder=None, *, subjects=None):
        self.folder = None if folder is None else file(folder, "folder", "results")
        super().__init__(Playground(subjects))

    # ---- controls -----------------------------------------------------------------------------------

    def controls(self):
        self.subjects = self.experiment.subjects
        return {
            "subject": dropdown("Network", list(self.subjects), width="290px"),
            "structure": dropdown("What", list(playground.STRUCTURES), width="250px"),
            "criterion": dropdown("How", list(playground.CRITERIA), width="170px"),
            "seed": integer("Seed", 0),
            "percent": slider("Sparsity (% of units)", 0, 0, 99, width="auto", flex="1 1 370px"),
            "rounds": slider("Rounds", 1, 1, 20, width="auto", flex="0 0 215px"),
            "epochs": slider("Retraining (epochs)", 10, 0, 40, width="auto", flex="0 0 310px"),
            "scope": toggles("Scope", playground.SCOPES, tooltips=[
                "all units compete", "each layer loses the same fraction", "N of each 4 neighbours (N:M)"]),
            "schedule": toggles("Schedule", playground.SCHEDULES, tooltips=[
                "prune, retrain, prune, retrain …", "a little after every few steps of retraining"]),
            "beside": dropdown("Beside it", [("the whole network", WHOLE)], width="250px"),
        }

    def rows(self):
        self._code = widgets.HTML()
        self._training = TrainControls(self, "Train", "Train the whole network", doing="", done="ready",
                                       width="225px")
        prune = self.button("Prune", self.prune, "Prune and retrain as the recipe says")
        undo = self.button("Undo", self.undo, "Take back the recipe that was tried last")
        save = self.button("Save as a page", self.save, "One file that opens without Jupyter")
        save.disabled = self.folder is None
        self._results = ResultsTable(self, None)
        self._list_beside()
        control, gap, (start, cancel) = self.control, "2px 14px", self._training.buttons
        return [
            row(*(control[name] for name in ("subject", "structure", "criterion", "seed")), gap=gap),
            row(*(control[name] for name in ("percent", "rounds", "epochs")), gap=gap),
            row(*(control[name] for name in ("scope", "schedule", "beside")), gap=gap),
            row(start, prune, undo, cancel, self._reset, save, *self._training.status, gap=gap),
            self._message, self._picture, self._sentence, self._results.head, self._results.table, self._code,
        ]  # fmt: skip

    def bring_back(self, recipe, **others):
        """Move the controls to a recipe that was tried."""
        names = {subject: name for name, subject in self.subjects.items()}
        self.set(**{**recipe._asdict(), "subject": names[recipe.subject], **others})

    # ---- from the state to the numbers --------------------------------------------------------------

    def _recipe(self, state):
        return Recipe(**{name: state[name] for name in Recipe._fields if name != "subject"},
                      subject=self.subjects[state["subject"]])

    def subject(self, state):
        recipe = self._recipe(state)
        return recipe.subject, recipe.seed, self.experiment.dense(recipe)

    def frame(self, state):
        recipe, experiment = self._recipe(state), self.experiment
        data, whole, tried = experiment.data(recipe), experiment.whole(recipe), experiment.tried
        numbers = {each: number for number, each in enumerate(tried, 1)}
        other = {number: each for each, number in numbers.items()}.get(state["beside"])
        here, note = experiment.result(recipe) if recipe in numbers else experiment.preview(recipe), recipe.remark
        if isinstance(here, str):
            here, note = whole, here
        return Frame(
            recipe=recipe, trained=experiment.trained(recipe), number=numbers.get(recipe, 0),
            here=here, whole=whole, beside=whole if other is None else experiment.result(other),
            beside_number=state["beside"], names=class_names(data, len(whole.classes)),
            points={numbers[each]: (100 - 100 * result.sparsity, 100 * result.accuracy)
                    for each in tried if each.subject == recipe.subject for result in [experiment.result(each)]},
            code=recipe.code(len(data.train)), note=note,
        )

    # ---- the picture --------------------------------------------------------------------------------

    def draw(self, figure):
        grid = figure.add_gridspec(2, 2, width_ratios=(5, 5), height_ratios=(1.25, 1))
        sheet = figure.add_subplot(grid[:, 0])
        self._points = Points(figure.add_subplot(grid[0, 1]))
        recipe = self._recipe(self.state)
        names = class_names(self.experiment.data(recipe), len(self.experiment.whole(recipe).classes))
        self._classes = Classes(figure.add_subplot(grid[1, 1]), names)
        figure.canvas.draw()  # settles the layout, which the sheet fits itself into
        self._sheet = WeightSheet(self.experiment.dense(recipe), sheet,
                                  "Weights: grey masked, white deleted")
        return [*self._sheet.artists, *self._points.artists, *self._classes.artists]

    def paint(self, frame):
        self.say(frame.note)
        self._sheet.update(frame.here.masks, frame.here.there)
        self._points.update(frame.here, frame.beside, frame.whole, frame.points)
        self._classes.update(frame.here, frame.beside)
        self._code.value = ("<p style='font-size: 15px'>The same in code:</p><pre style='font-size: 14px; "
                            f"line-height: 1.35'>import minnet as mn\n\n{html.escape(frame.code)}</pre>")
        self._results.show({recipe: table_row(number, recipe, self.experiment.result(recipe))
                            for number, recipe in enumerate(self.experiment.tried, 1)},
                           frame.recipe if frame.number else None)

    def sentence(self, frame):
        what = f"<b>Recipe #{frame.number}</b>" if frame.number else "<b>Preview</b>, not retrained"
        other = "the whole network" if frame.beside_number == WHOLE else f"recipe #{frame.beside_number}"
        said = (f"{what}: {describe(frame.here)}. Beside it, {other}: {describe(frame.beside)}. "
                "(Recognised: of the validation data. Bytes and time: as compiled by <code>mn.sparse.compile</code>, "
                f"for {BATCH} samples.)")
        return said if frame.trained else said + " The network has not been trained yet: press <b>Train</b>."

    # ---- what the buttons do ------------------------------------------------------------------------

    def train(self):
        """Train the whole network, in the background."""
        recipe = self._recipe(self.state)
        if self.experiment.trained(recipe):
            self.say("This network has been trained. Choose a recipe and press Prune, or choose another seed.")
            return
        self._training.run(self._train(recipe))

    def prune(self):
        """Carry out the recipe, in the background; the whole network is trained first if need be."""
        recipe = self._recipe(self.state)
        preview = self.experiment.preview(recipe)
        if isinstance(preview, str) or not preview.kept:
            self.refresh()  # says why not
            return
        self._training.run(self._prune(recipe))

    def rehearse(self):
        for criterion in ("random", "magnitude"):
            self.set(criterion=criterion, percent=90)
            self.prune()
            self.wait()

    def undo(self):
        """Forget the recipe that was tried last, and go back to the one before."""
        if not self.experiment.tried:
            self.say("Nothing has been tried yet: press Prune first.")
            return
        self.experiment.forget_last()
        self._list_beside()
        if tried := list(self.experiment.tried):
            beside = self.state["beside"]
            self.bring_back(tried[-1], beside=WHOLE if beside == len(tried) else beside)
        else:
            self.refresh()

    def save(self):
        """Write the playground as a page of its own into the folder that was named."""
        path = self.folder / "playground.html"
        self.save_html(path)
        self.say(f"Saved as {path.name}, next to this notebook. It opens in any browser, without Jupyter.")

    def _train(self, recipe):
        yield from _timed(self.experiment.train(recipe), "training the whole network")

    def _prune(self, recipe):
        if not self.experiment.trained(recipe):
            yield from self._train(recipe)
        yield from _timed(self.experiment.prune(recipe), "pruning and retraining")
        yield 1.0, "done"

    def progress(self, what):
        self._training.progress(what)
        if what is None:
            self._list_beside()
            self.refresh()

    def _list_beside(self):
        """Offer every recipe that was tried for comparison."""
        control, count = self.control["beside"], len(self.experiment.tried)
        options = [("the whole network", WHOLE), *((f"recipe #{n}", n) for n in range(1, count + 1))]
        if tuple(options) != tuple(control.options):
            with self._silently():
                value = control.value
                control.options = options
                control.value = value if value <= count else WHOLE


def _timed(work, what):
    """Add to each fraction done what is being done, and for how much longer."""
    begun = monotonic()
    for part in work:
        left = (monotonic() - begun) * (1 / max(part, 1e-3) - 1)
        yield part, what + (f", about {left:.0f} s left" if left > 2 else "")


# ---- Plots -------------------------------------------------------------------------------------------


BESIDE = palette.AMBER
KEPT = 100, 50, 20, 10, 5, 2, 1  # per cent, marked on the axis
MOST = 12  # recipes that are shown, the latest


class Points:
    """Accuracy against the weights that are kept; each recipe is a point.

    Parameters
    ----------
    ax : Axes

    Attributes
    ----------
    artists : list of Artist
    """

    def __init__(self, ax):
        palette.plain(ax, "Accuracy (%)")
        ax.set(xscale="log", xlim=(125, 0.8), ylim=(0, 108), xticks=KEPT, yticks=range(0, 101, 25))
        ax.set_xticklabels(map(str, KEPT))
        ax.minorticks_off()
        ax.set_xlabel("weights kept (%)", fontsize=palette.TEXT)
        ax.grid(color=palette.GRID, linewidth=0.8)
        self._whole = ax.axhline(-9, color=palette.FAINT, linewidth=1, linestyle=":")
        self._name = ax.text(KEPT[-1], 0, "whole network", fontsize=palette.SMALL, color=palette.FAINT, ha="right",
                             va="top")
        (self._tried,) = ax.plot([], [], "o", color=palette.AFTER, markersize=7)
        (self._other,) = ax.plot([], [], "s", color=BESIDE, markersize=10, markerfacecolor="none", markeredgewidth=2)
        (self._point,) = ax.plot([], [], "o", color=palette.INK, markersize=10, markerfacecolor=palette.YELLOW)
        self._numbers = [ax.text(0, 0, "", fontsize=palette.SMALL, color=palette.INK, va="top", ha="center",
                                 clip_on=True)
                         for _ in range(MOST)]
        _legend(ax, [self._point, self._tried, self._other], ["this recipe", "tried", "beside it"], handletextpad=0.1)
        self.artists = [self._whole, self._name, self._tried, self._other, *self._numbers, self._point]

    def update(self, here, beside, whole, points):
        """Show outcomes, and the points of all tried recipes, {number: (weights kept in %, accuracy in %)}."""
        level = 100 * whole.accuracy
        self._whole.set_ydata([level] * 2)
        self._name.set_y(level - 2 if level > 50 else level + 12)  # its upper edge: below the line, where there is room
        latest = list(points.items())[-MOST:]
        self._tried.set_data([x for _, (x, _) in latest], [y for _, (_, y) in latest])
        for text, (number, place) in zip(self._numbers, latest + [("", (0, 0))] * MOST, strict=False):
            text.set_text(f"#{number}" if number else "")
            text.set_position((place[0], place[1] - 6))
        for point, outcome in ((self._point, here), (self._other, beside)):
            point.set_data([100 - 100 * outcome.sparsity], [100 * outcome.accuracy])


class Classes:
    """What is recognised of each class.

    Parameters
    ----------
    ax : Axes
    names : sequence of str
        Of the classes.

    Attributes
    ----------
    bars : list of list of Rectangle
        Of this outcome and of the other, one a class.
    artists : list of Artist
    """

    def __init__(self, ax, names):
        at = np.arange(len(names))
        palette.plain(ax, "Of each class (%)")
        ax.set(xlim=(-0.6, len(names) - 0.4), ylim=(0, 104), xticks=at, yticks=range(0, 101, 50))
        ax.set_xticklabels(names)
        ax.grid(color=palette.GRID, linewidth=0.8, axis="y")
        ax.set_axisbelow(True)
        self.bars = [ax.bar(at + shift, 0 * at, 0.38, color=colour)
                     for shift, colour in ((-0.2, palette.POSITIVE), (0.2, BESIDE))]
        _legend(ax, self.bars, ["this recipe", "beside it"], handlelength=1)
        self.artists = [bar for bars in self.bars for bar in bars]

    def update(self, here, beside):
        """Show two outcomes."""
        for bars, outcome in zip(self.bars, (here, beside), strict=True):
            for bar, part in zip(bars, outcome.classes, strict=True):
                bar.set_height(0 if np.isnan(part) else 100 * part)


def _legend(ax, handles, labels, **look):
    """Above the picture, so that it is not taken for a part of it; the title stands to its left."""
    ax.legend(handles=handles, labels=labels, ncols=len(labels), loc="lower right", bbox_to_anchor=(1.01, 1.0),
              borderpad=0, borderaxespad=0.3, fontsize=palette.SMALL, frameon=False, columnspacing=1, **look)
