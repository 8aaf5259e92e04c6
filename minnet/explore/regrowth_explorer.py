"""Dynamic sparse training: a sparse network looks for its connections while it learns, and one can watch them move.

Four ways to the same number of weights are trained side by side; a slider then goes through the training and shows how
many connections each pixel has, what the first neurons look at, and how well the digits are recognised.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

import numpy as np
from matplotlib.collections import LineCollection

from minnet import data as datasets
from minnet.draw import palette
from minnet.draw.weight_images import tile_shape
from minnet.experiments import untrained
from minnet.experiments.dynamic_sparse_training import METHODS, RIGL, SET, DynamicSparseTraining, Recipe, TrainingPoint
from minnet.nn.models import mlp
from minnet.widgets.controls import (
    Player,
    ResultsTable,
    TrainControls,
    choice_slider,
    few,
    integer,
    row,
    slider,
    toggles,
)
from minnet.widgets.explorer_base import Explorer

LINES = {"static": (palette.FAINT, ":"), "SET": (palette.AMBER, "--"), "RigL": (palette.POSITIVE, "-"),
         "gradual": (palette.AFTER, "-.")}
FINALS = (90, 95, 98, 99)  # per cent
EVERY = (1, 5, 10, 25, 50, 100, 200)  # steps
DRAWN, ACROSS = 36, 6  # neurons whose weights are shown
RARELY = 0.05  # a dot that is inked in fewer of the training images is called empty
PATIENCE = 0.4  # seconds between two pictures of a training that goes on


@dataclass(frozen=True)
class Frame:
    """Everything that is shown.

    Attributes
    ----------
    method : str
    recipe : Recipe
    moment : TrainingPoint
        The last that is known at the chosen step.
    links : ndarray of int, (inputs,)
        How many connections each dot has.
    weights : ndarray, (inputs, neurons)
        Of the neurons that have most connections in the end; NaN where there is no connection.
    empty : ndarray of bool, (inputs,)
        Dots of the image that are white in nearly all training images.
    courses : dict of {method: list of TrainingPoint}
        Of this recipe, as far as they have got.
    tried : dict of {Recipe: {method: accuracy in the end, or None}}
    note : str
    """

    method: str
    recipe: Recipe
    moment: TrainingPoint
    links: np.ndarray
    weights: np.ndarray
    empty: np.ndarray
    courses: dict
    tried: dict
    note: str


class RegrowthExplorer(Explorer):
    """Let connections move while a network learns: ``mn.explore.regrowth(make, digits)``.

    Parameters
    ----------
    make : function
        ``make(seed)`` → an untrained network whose first layer is dense.
    data : Dataset
        Images; trained on ``.train``, measured on ``.val``.
    count : int
        Steps of every training.

    Attributes
    ----------
    experiment : DynamicSparseTraining
    """

    size = (10, 4.1)
    recorded = {"method": None, "step": 10}

    @staticmethod
    def example():
        return RegrowthExplorer(lambda seed: mlp(64, 12, 10, rng=seed), few(datasets.digits()), count=30)

    def __init__(self, make, data, *, count=1000):
        untrained(make, dense=True)
        super().__init__(DynamicSparseTraining(make, data, count))

    # ---- controls -----------------------------------------------------------------------------------

    def controls(self):
        data, self.count, self._painted = self.experiment.data, self.experiment.count, 0.0
        self._empty = np.mean(data.train.x.reshape(len(data.train), -1) > 0, axis=0) < RARELY
        self._shape = tile_shape(len(self._empty), getattr(data, "image_shape", None))
        return {
            "method": toggles("Look at", METHODS, RIGL, [
                "a random mask that stays", "the smallest weights are dropped, others grow at random",
                "the smallest weights are dropped, others grow where the slope is largest",
                "all weights at first, pruned little by little"]),
            "final": toggles("Sparsity", [(f"{percent}%", percent) for percent in FINALS], 98),
            "fraction": slider("Moves at first (%)", 30, 10, 100, 10, width="300px"),
            "every": choice_slider("Every … steps", EVERY, 25, width="300px"),
            "until": slider("Until (% of training)", 75, 25, 100, 25, width="300px"),
            "seed": integer("Seed", 0, width="110px"),
            "step": choice_slider("Step", self.experiment.moments, self.count, width="370px"),
        }

    def rows(self):
        control, gap = self.control, "2px 16px"
        self._training = TrainControls(self, "Train all four", "The four ways with these settings, in the background",
                                       width="150px")
        self._training.bar.layout.width = "80px"
        self._results = ResultsTable(self, _row("sparsity, moved", dict.fromkeys(METHODS, None), names=True),
                                     "validation accuracy after all steps")
        return [
            row(control["fraction"], control["every"], control["until"], gap=gap),
            row(control["final"], control["seed"], *self._training.widgets, gap=gap),
            row(control["method"], control["step"], Player(control["step"], 200), self._reset, gap=gap),
            self._message,
            self._picture,
            self._sentence,
            self._results.head,
            self._results.table,
        ]

    def train(self):
        """Train the present recipe in all four ways, in the background; the newest request wins."""
        self._training.run(self.experiment.train(_recipe(self.state)))

    def rehearse(self):
        self.train()
        self.wait()

    def bring_back(self, recipe):
        """Move the controls to a recipe that was tried."""
        self.set(**recipe._asdict())

    def progress(self, what):
        self._training.progress(what)
        if what is None or monotonic() - self._painted > PATIENCE:
            self.refresh()
            self._painted = monotonic()

    # ---- from the state to the numbers --------------------------------------------------------------

    def frame(self, state):
        recipe, experiment = _recipe(state), self.experiment
        courses = {method: list(experiment.course(method, recipe)) for method in METHODS}
        course = courses[state["method"]]
        moment = [each for each in course if each.step <= state["step"]][-1]
        tried = {each: {method: experiment.final(method, each) for method in METHODS}
                 for each in list(experiment.tried)}
        return Frame(state["method"], recipe, moment, moment.links, moment.weights(course[-1].busiest(DRAWN)),
                     self._empty, courses, tried, _note(state))

    # ---- the picture --------------------------------------------------------------------------------

    def draw(self, figure):
        grid = figure.add_gridspec(2, 3, width_ratios=(3.4, 3.2, 3.4))
        rows, columns = self._shape
        ax = figure.add_subplot(grid[:, 0])
        ax.set_title("Connections of each dot", fontsize=palette.TITLE, color=palette.INK, loc="left")
        self._dots = ax.imshow(np.zeros((rows, columns)), cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
        corners = np.array([(-0.46, -0.46), (0.46, -0.46), (0.46, 0.46), (-0.46, 0.46), (-0.46, -0.46)])
        frames = [corners + (place % columns, place // columns) for place in np.flatnonzero(self._empty)]
        self._frames = ax.add_collection(LineCollection(frames, colors=palette.NEGATIVE, linewidths=1.8))
        ax.set(xticks=[], yticks=[])
        ax.set_xlabel("orange: white in nearly every image", fontsize=palette.SMALL, color=palette.INK)
        ax = figure.add_subplot(grid[:, 1])
        ax.set_title("What the busiest neurons look at", fontsize=palette.TITLE, color=palette.INK, loc="left")
        self._tiles = ax.imshow(self._sheet(np.zeros((rows * columns, 0))), interpolation="nearest")
        ax.set(xticks=[], yticks=[])
        for side in (*self._dots.axes.spines.values(), *ax.spines.values()):
            side.set_visible(False)
        ax.set_xlabel("blue +, orange −, grey: no connection", fontsize=palette.SMALL, color=palette.INK)
        self._right = self._curves(figure.add_subplot(grid[0, 2]), "Recognised (%)", (0, 104))
        ax = figure.add_subplot(grid[1, 2])
        self._wasted = self._curves(ax, "Connections at white dots (%)", (0, max(10, 140 * self._empty.mean())))
        ax.set_xlabel("steps", fontsize=palette.TEXT)
        self._right["RigL"].axes.legend(loc="lower right", fontsize=palette.SMALL, frameon=False, ncols=2,
                                        columnspacing=1,
                                        handlelength=1.6)
        self._here = [each["RigL"].axes.axvline(0, color=palette.INK, linewidth=1, linestyle=":")
                      for each in (self._right, self._wasted)]
        return [self._dots, self._frames, self._tiles, *self._right.values(), *self._wasted.values(), *self._here]

    def _curves(self, ax, title, limits):
        palette.plain(ax, title)
        ax.set(xlim=(-0.02 * self.count, 1.02 * self.count), ylim=limits)
        ax.grid(color=palette.GRID, linewidth=0.8)
        return {method: ax.plot([], [], color=colour, linestyle=style, label=method)[0]
                for method, (colour, style) in LINES.items()}

    def _sheet(self, weights):
        """The weights of some neurons as small images side by side, in colours."""
        rows, columns = self._shape
        sheet = np.ones((DRAWN // ACROSS * (rows + 1) - 1, ACROSS * (columns + 1) - 1, 3))
        colours = palette.shades(np.nan_to_num(weights / (np.nanmax(np.abs(weights), initial=0) or 1.0)))
        colours[np.isnan(weights)] = 0.9
        for place, tile in enumerate(np.moveaxis(colours, 1, 0)):
            top, left = place // ACROSS * (rows + 1), place % ACROSS * (columns + 1)
            sheet[top : top + rows, left : left + columns] = tile.reshape(rows, columns, 3)
        return sheet

    def paint(self, frame):
        self.say(frame.note)
        self._dots.set_data(frame.links.reshape(self._shape))
        self._dots.set_clim(0, max(frame.links.max(), 1))
        self._tiles.set_data(self._sheet(frame.weights))
        for method, course in frame.courses.items():
            at = [each.step for each in course]
            for line, values in ((self._right[method], [100 * each.accuracy for each in course]),
                                 (self._wasted[method], [100 * _wasted(each, frame.empty) for each in course])):
                line.set_data(at if len(at) > 1 else [], values if len(at) > 1 else [])
                line.set_linewidth(2.8 if method == frame.method else 1.4)
        for line in self._here:
            line.set_xdata([frame.moment.step] * 2)
        self._results.show({recipe: _row(recipe, found) for recipe, found in frame.tried.items()},
                           frame.recipe if frame.recipe in frame.tried else None)

    def sentence(self, frame):
        moment = frame.moment
        said = (f"<b>{frame.method}, step {moment.step:,} of {self.count:,}</b>: {moment.kept:,} weights in use, "
                f"<b>{moment.accuracy:.1%} of the validation images recognised</b>. "
                f"{_wasted(moment, frame.empty):.0%} of the first layer's connections look at dots that are white "
                f"in nearly every image ({frame.empty.mean():.0%} of all dots), and the darkest dot has "
                f"{frame.links.max()}. ")
        if frame.method in (SET, RIGL) and moment.step:
            said += f"Weights have moved {moment.moved:,} times. "
        done = [f"{method} {course[-1].accuracy:.1%}" for method, course in frame.courses.items()
                if course[-1].step == self.count]
        if done:
            return said + f"After all steps: {', '.join(done)}."
        return said + "Not trained yet: press <b>Train all four</b>."


def _recipe(state):
    return Recipe(*(state[name] for name in Recipe._fields))


def _wasted(moment, empty):
    """Which part of the first layer's connections looks at empty dots."""
    return moment.links[empty].sum() / max(moment.links.sum(), 1)


def _note(state):
    """What will go otherwise than it may seem."""
    if state["every"] <= 5:
        return ("What has just grown starts at zero; after so few steps it is still among the smallest, and is "
                "dropped at the next move.")
    return ""


def _row(recipe, found, names=False):
    """A line of the table of what was tried."""
    texts = [method if names else "–" if part is None else f"{part:.1%}" for method, part in found.items()]
    return f"{recipe!s:42}" + "".join(f"{each:10}" for each in texts)
