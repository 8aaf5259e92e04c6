"""When?  Before the training, while it goes on, or after it: the same number of steps for each.

The controls make a plan, whose curve is seen at once along the training.  Train tries it in the background, and every
plan that was tried stays: as a faint curve, and in a table from which it can be brought back.
"""

from __future__ import annotations

from dataclasses import dataclass

import ipywidgets as widgets
import numpy as np

from minnet import data as datasets
from minnet.draw import palette
from minnet.draw.lines import apart, fill, move
from minnet.experiments.pruning_schedules import (
    ALL,
    AT_ONCE,
    CRITERIA,
    ROUNDS,
    SHAPES,
    SHARED,
    Plan,
    PruningSchedules,
    Trial,
)
from minnet.nn.models import mlp
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

PRESETS = {
    "Before": {"shape": AT_ONCE, "start": 0, "criterion": "SNIP"},
    "During": {"shape": "cubic", "start": 10, "stop": 70, "criterion": "magnitude"},
    "After": {"shape": AT_ONCE, "start": 50, "criterion": "magnitude"},
}
FINALS = ("90%", "95%", "98%", "99%")
TICKS = (0, 50, 80, 90, 95, 98, 100)  # of the accuracy
LOSSES = 0.05, 10  # from the bottom to the top of the picture
NOTHING = [np.zeros(0)] * 4


@dataclass(frozen=True)
class Frame:
    """Everything that is shown.

    Attributes
    ----------
    plan : Plan
    curve : ndarray, (points, 2)
        Steps, and the fraction that the plan has removed by then.
    trial : Trial or None
        What came of it.
    tried : dict of {Plan: Trial}
    whole : Trial or None
        The same training without any pruning.
    note : str
    """

    plan: Plan
    curve: np.ndarray
    trial: Trial | None
    tried: dict
    whole: Trial | None
    note: str


class TimingExplorer(Explorer):
    """Prune before, during or after the training: ``mn.explore.timing(make, digits)``.

    Parameters
    ----------
    make : function
        ``make(seed)`` → an untrained network.
    data : Dataset
        Trained on ``.train``, measured on ``.val``.
    seeds : sequence of int
        Each plan is tried with each of them.
    count : int
        Steps of every training, whatever the plan.

    Attributes
    ----------
    experiment : PruningSchedules
        Its ``tried`` grows while `train` runs, and stays.
    """

    size = (10, 4.2)
    recorded = {"criterion": None, "shape": None, "start": (0, 10, 50), "scope": None}

    @staticmethod
    def example():
        return TimingExplorer(lambda seed: mlp(64, 8, 6, 10, rng=seed), few(datasets.digits()), seeds=(0, 1), count=50)

    def __init__(self, make, data, *, seeds=(0, 1, 2), count=1000):
        super().__init__(PruningSchedules(make, data, seeds, count))

    # ---- controls -----------------------------------------------------------------------------------

    def controls(self):
        self._drawn_moments = 0  # of all trainings
        self._layers = [path.removesuffix(".weight") for path, _ in self.experiment.layers]
        self._sizes = np.array([size for _, size in self.experiment.layers])
        return {
            "start": slider("Start (% of training)", 10, 0, 100, width="400px"),
            "stop": slider("End (%)", 70, 0, 100, width="295px"),
            "shape": toggles("Schedule", SHAPES, "cubic", [
                "everything at the start", "equal portions", "fast at first, slowing down",
                f"{ROUNDS} rounds that each remove the same fraction of what is left"]),
            "final": toggles("Final sparsity", FINALS, "98%"),
            "criterion": toggles("Chosen by", CRITERIA, tooltips=[
                "the weights nearest to zero go", "those without which the loss would change least go",
                "any weights go"]),
            "scope": toggles("Scope", (ALL, SHARED), tooltips=["all weights of the network",
                                                               "each layer keeps its share, see mn.erdos_renyi"]),
        }

    def rows(self):
        control = self.control
        presets = [self.button(name, lambda values=values: self.set(**values), f"{name} the training")
                   for name, values in PRESETS.items()]
        self._training = TrainControls(self, "Train this plan", "Try it with every seed, in the background")
        self._results = ResultsTable(self, _row("", "plan", "at the end"))
        return [
            row(widgets.HBox(presets), control["start"], control["stop"]),
            row(control["shape"], control["final"]),
            row(control["criterion"], control["scope"]),
            row(*self._training.buttons, self._reset, *self._training.status),
            self._message,
            self._picture,
            self._sentence,
            self._results.head,
            self._results.table,
        ]

    def bring_back(self, plan):
        """Move the controls to a plan that was tried."""
        values = plan._asdict()
        if plan.shape == AT_ONCE:
            del values["stop"]  # the end waits where it is for a plan that has one
        self.set(**values)

    # ---- from the state to the numbers --------------------------------------------------------------

    def frame(self, state):
        plan, experiment = Plan.of(state), self.experiment
        tried = experiment.tried
        return Frame(plan, plan.curve(experiment.count), tried.get(plan), tried, experiment.whole, _note(state))

    # ---- the picture --------------------------------------------------------------------------------

    def draw(self, figure):
        grid = figure.add_gridspec(2, 2, width_ratios=(6.2, 3.8), height_ratios=(1, 1.5))
        self._draw_schedule(figure.add_subplot(grid[0, 0]))
        ax = figure.add_subplot(grid[1, 0])
        palette.plain(ax, f"Accuracy on the validation data (%), seeds {', '.join(map(str, self.experiment.seeds))}")
        ax.set_yscale("function", functions=(_stretched, _unstretched))
        ax.set(ylim=(0, 100), yticks=TICKS)
        ax.set_yticklabels(map(str, TICKS))
        self._accuracy = self._curves(ax)
        self._names = [ax.text(0, 0, "", fontsize=palette.SMALL, color=colour, va="center", ha="left")
                       for colour in (palette.FAINT, *COLOURS, palette.INK)]
        ax = figure.add_subplot(grid[1, 1])
        palette.plain(ax, "Loss on the validation data")
        ax.set(yscale="log", ylim=LOSSES, yticks=[0.1, 1, 10], yticklabels=["0.1", "1", "10"])
        ax.minorticks_off()
        self._loss = self._curves(ax)
        self._draw_layers(figure.add_subplot(grid[0, 1]))
        return [*self._others_planned, self._done, self._planned, *self._accuracy, *self._names, *self._loss,
                *self._bars, *self._counts]

    def _time_line(self, ax):
        ax.set(xlim=(-0.01 * self.experiment.count, 1.06 * self.experiment.count))
        ax.grid(color=palette.GRID, linewidth=0.8)

    def _draw_schedule(self, ax):
        palette.plain(ax, "Weights removed (%): the plan, and what is done")
        ax.set(ylim=(0, 106), yticks=(0, 50, 100))
        self._time_line(ax)
        self._others_planned = [ax.plot([], [], color=colour, linewidth=1.2, alpha=0.6)[0] for colour in COLOURS]
        self._done = ax.fill_between([], [], [], color=palette.POSITIVE, alpha=0.35, linewidth=0)
        (self._planned,) = ax.plot([], [], color=palette.INK, linewidth=2)

    def _draw_layers(self, ax):
        palette.plain(ax, f"Weights kept in each layer (%), seed {self.experiment.seeds[0]}")
        at = np.arange(len(self._layers))
        ax.set(xlim=(-0.6, len(at) - 0.4), ylim=(0.05, 900), yscale="log", xticks=at, yticks=[0.1, 1, 10, 100],
               yticklabels=["0.1", "1", "10", "100"])
        ax.set_xticklabels(self._layers)
        ax.minorticks_off()
        self._bars = ax.bar(at, 0 * at + 1e-3, 0.6, color=palette.POSITIVE)
        self._counts = [ax.text(x, 1, "", ha="center", va="bottom", fontsize=palette.SMALL,
                                color=palette.INK) for x in at]

    def _curves(self, ax):
        """The whole network, other plans, and the range and the mean of this one."""
        self._time_line(ax)
        ax.set_xlabel("steps of training", fontsize=palette.TEXT)
        whole = ax.plot([], [], color=palette.FAINT, linewidth=1.5, linestyle=":")
        others = [ax.plot([], [], color=colour, linewidth=1.5, alpha=0.6)[0] for colour in COLOURS]
        band = ax.fill_between([], [], [], color=palette.INK, alpha=0.2, linewidth=0)
        return [*whole, *others, band, *ax.plot([], [], color=palette.INK, linewidth=2.4)]

    def paint(self, frame):
        self.say(frame.note)
        self.control["stop"].disabled = self.state["shape"] == AT_ONCE
        # A plan keeps its colour; of those that share one, the latest is shown.
        others = {(trial.number - 1) % len(COLOURS): (plan, trial) for plan, trial in frame.tried.items()
                  if plan != frame.plan}
        self._paint_plans(frame, others)
        trials = [frame.whole, *[others.get(slot, (None, None))[1] for slot in range(len(COLOURS))]]
        for name, scale, artists in (("accuracy", 100, self._accuracy), ("loss", 1, self._loss)):
            *lines, band, line = artists
            for each, trial in zip(lines, trials, strict=True):
                _paint_course(each, None, trial, name, scale)
            _paint_course(line, band, frame.trial, name, scale)
        self._paint_names([*trials, frame.trial])
        self._paint_layers(frame.trial)
        self._results.show({plan: _row(f"#{trial.number}", plan, mean_and_range(trial.finals()))
                            for plan, trial in frame.tried.items()}, frame.plan if frame.trial else None)

    def _paint_plans(self, frame, others):
        for slot, line in enumerate(self._others_planned):
            curve = others[slot][0].curve(self.experiment.count) if slot in others else np.empty((0, 2))
            move(line, curve[:, 0], 100 * curve[:, 1])
        steps, done, _, _ = frame.trial.course("sparsity") if frame.trial else NOTHING
        fill(self._done, steps, 0 * done, 100 * done)
        move(self._planned, frame.curve[:, 0], 100 * frame.curve[:, 1])

    def _paint_names(self, trials):
        """``#3`` at the end of each curve, ``all`` at that of the whole network; they keep a distance."""
        ends = {place: _stretched(100 * np.mean(trial.finals())) for place, trial in enumerate(trials)
                if trial is not None and trial.finals()}
        height = dict(zip(ends, apart([*ends.values()], *SPACING), strict=True))
        for place, text in enumerate(self._names):
            text.set_text("" if place not in ends else f"#{trials[place].number}" if place else "all")
            if place in ends:
                text.set_position((1.01 * self.experiment.count, _unstretched(height[place])))

    def _paint_layers(self, trial):
        track = trial.tracks[0] if trial else ()
        for place, (bar, text) in enumerate(zip(self._bars, self._counts, strict=True)):
            part = 100 * track[-1].kept[place] / self._sizes[place] if track else 0
            bar.set_height(max(part, 1e-3))
            text.set_position((place, max(part, 0.06) * 1.1))
            text.set_text(f"{track[-1].kept[place]:,}" if track else "")

    def sentence(self, frame):
        plan, count = frame.plan, self.experiment.count
        begin, end = (round(each * count / 100) for each in (plan.start, plan.stop))
        how = f"<b>{plan.final}</b> of the weights, chosen by {plan.criterion}"
        if plan.when == "before":
            said = f"<b>Before training</b>, {how}, go at once; then {count:,} steps of training. "
        elif plan.when == "after":
            said = (f"<b>After</b> {begin:,} steps of training, {how}, go at once; then {count - end:,} steps of "
                    "retraining. ")
        else:
            said = (f"<b>During training</b>, from step {begin:,} to step {end:,}, {how}, go little by little "
                    f"({plan.shape}); then {count - end:,} steps. ")
        if frame.trial is None or not frame.trial.finals():
            return said + ("Not tried yet: press <b>Train this plan</b>." if frame.trial is None else "Not finished.")
        layers = ", ".join(f"{name} {kept:,}" for name, kept in
                           zip(self._layers, frame.trial.tracks[0][-1].kept, strict=True))
        return said + (f"Accuracy at the end <b>{mean_and_range(frame.trial.finals())}</b>, with all weights "
                       f"{mean_and_range(frame.whole.finals())}. "
                       f"Weights left (seed {self.experiment.seeds[0]}): {layers}.")

    # ---- training in the background -----------------------------------------------------------------

    def train(self):
        """Try the present plan with every seed, in the background; the newest request wins."""
        self._training.run(self.experiment.attempt(Plan.of(self.state)))

    def rehearse(self):
        linear = {**PRESETS["During"], "shape": "linear"}
        for scope in (ALL, SHARED):
            for values in (*PRESETS.values(), linear):
                self.set(scope=scope, **values)
                self.train()
                self.wait()
        self.reset()

    def progress(self, what):
        self._training.progress(what)
        if what is None or self.experiment.reached != self._drawn_moments:
            self._drawn_moments = self.experiment.reached
            self.refresh()


def _note(state):
    """What will go otherwise than it may seem."""
    if state["shape"] != AT_ONCE and state["stop"] <= state["start"]:
        return "The end is not after the start, so everything goes at once; move the end to the right."
    if (state["start"] if state["shape"] == AT_ONCE else state["stop"]) == 100:
        return "After the last pruning no step of training is left to recover in."
    return ""


def _paint_course(line, band, trial, name, scale):
    """The mean of all seeds, and their range, as far as all of them have got."""
    steps, mean, low, high = trial.course(name) if trial else NOTHING
    move(line, steps, scale * mean)
    if band is not None:
        fill(band, steps, scale * low, scale * high)


def _stretched(percent):
    """Accuracies drawn so that 98 and 95 lie about as far apart as 90 and 80."""
    return -np.log10(102 - np.minimum(percent, 101.9))


def _unstretched(height):
    return 102 - 10.0 ** -np.asarray(height, float)


# Of the names at the ends of the curves, in stretched heights: the least distance, the lowest and the highest.
SPACING = 0.09 * (_stretched(100) - _stretched(0)), _stretched(16), _stretched(99.5)


def _row(number, plan, result):
    """One line of the table."""
    return f"{number:4}{plan!s:66}{result}"
