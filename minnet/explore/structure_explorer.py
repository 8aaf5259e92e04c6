"""What to remove?  Every granularity from the single weight to the whole layer, on several networks.

The same fraction of units is removed at each granularity.  What that costs in accuracy, what it really deletes from
memory, and how long a prediction then takes, is seen side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import ipywidgets as widgets
import numpy as np

from minnet import data as datasets
from minnet.draw import palette
from minnet.draw.weight_sheet import WeightSheet
from minnet.experiments import BATCH, SCOPES
from minnet.experiments.pruning_granularity import BY_NAME, GRANULARITIES, Granularity, PruningGranularity, Tried, size
from minnet.nn.models import mlp, residual_mlp
from minnet.nn.train import fit
from minnet.pruning.compaction import compact, stored
from minnet.widgets.controls import TrainControls, choice_slider, few, row, slider, toggles
from minnet.widgets.explorer_base import Explorer

PERCENT = range(0, 100, 5)
NO_TRAINING = "Retraining needs training data: pass the whole data set, not one part of it."


@dataclass(frozen=True)
class Frame:
    """Everything that is shown.

    Attributes
    ----------
    structure : Granularity
    percent : int
        Of the units.
    masks, there : dict of {path: ndarray of bool}
        Kept weights, and those that `compact` still stores.
    here : Tried
    numbers, left : int
        Of the whole network, and of the compact one.
    middle : tuple or None
        A layer that lost inputs and outputs: (name, fraction of inputs, of outputs, of weights).
    report : str
        What `compact` says.
    dense : float
        Accuracy of the whole network.
    curve : dict of {percent: accuracy}
        Of this structure, without retraining.
    beside : list of Tried or None
        All granularities at this sparsity, None where there is no such unit.
    retrained : list of float or None
    bytes : dict
    seconds : dict of {way: Timing}
    code, note : str
    """

    structure: Granularity
    percent: int
    masks: dict
    there: dict
    here: Tried
    numbers: int
    left: int
    middle: tuple | None
    report: str
    dense: float
    curve: dict
    beside: list
    retrained: list
    bytes: dict
    seconds: dict
    code: str
    note: str


class StructureExplorer(Explorer):
    """Remove weights, blocks, neurons or whole layers: ``mn.explore.structure({"dense": net}, digits)``.

    Parameters
    ----------
    nets : Layer, list of Layer, or dict of {name: Layer}
        Trained; they stay as they are.
    data, epochs, seed
        As for `minnet.experiments.pruning_granularity.PruningGranularity`.

    Attributes
    ----------
    experiment : PruningGranularity
    net, small : Layer
        The pruned copy that is shown, and what `compact` makes of it.
    """

    size = (10, 4.8)
    measured = ("seconds",)
    recorded = {"structure": None, "percent": range(0, 100, 10), "network": None}

    @staticmethod
    def example():
        digits = few(datasets.digits())
        nets = {"dense": mlp(64, 12, 8, 10, rng=0), "residual": residual_mlp(width=8, blocks=2, rng=0)}
        for net in nets.values():
            fit(net, digits.train, epochs=2, rng=0, progress=False)
        return StructureExplorer(nets, digits, epochs=1)

    def __init__(self, nets, data, *, epochs=10, seed=0):
        super().__init__(PruningGranularity(nets, data, epochs=epochs, seed=seed))

    # ---- controls -----------------------------------------------------------------------------------

    def controls(self):
        structure = choice_slider("Remove", list(BY_NAME), GRANULARITIES[0].name, width="520px")
        structure.add_class("minnet-wide")
        return {
            "structure": structure,
            "percent": slider("Sparsity (% of units)", 50, PERCENT[0], PERCENT[-1], PERCENT.step, width="520px"),
            "network": toggles("Network", self.experiment.nets),
            "scope": toggles("Scope", SCOPES, tooltips=["all units of the network compete",
                                                        "each layer loses the same fraction"]),
        }

    def texts(self):
        return [*super().texts(), self._report]

    def rows(self):
        control, epochs = self.control, self.experiment.epochs
        self._report = widgets.HTML(layout={"min_height": "110px", "flex": "0 0 330px"})
        self._training = TrainControls(
            self, "Retrain every structure here", doing="retraining",
            tooltip="Train copies further at this sparsity, one for each structure",
            done=f"retrained for {epochs} epoch{'s' * (epochs != 1)}, seed {self.experiment.seed}")
        if self.experiment.train is None:
            self._training.disable(NO_TRAINING)
        return [
            row(control["structure"], control["network"]),
            row(control["percent"], control["scope"], self._reset),
            self._message,
            self._picture,
            row(*self._training.widgets),
            widgets.HBox([self._sentence, self._report], layout={"grid_gap": "24px"}),
        ]

    # ---- from the state to the numbers --------------------------------------------------------------

    def subject(self, state):
        return state["network"]

    def frame(self, state):
        structure, percent, where = BY_NAME[state["structure"]], state["percent"], (state["network"], state["scope"])
        experiment, whole = self.experiment, self.experiment.nets[state["network"]]
        self.net = experiment.pruned(*where, structure, percent)
        self.small, there = compact(self.net), stored(self.net)
        bytes, seconds = experiment.cost(*where, structure, percent, self.small)
        curve = {each: experiment.tried(*where, structure, each) for each in PERCENT}
        dense = experiment.tried(*where, GRANULARITIES[0], 0)
        return Frame(
            structure=structure, percent=percent,
            masks={p.path: p.kept_mask for p in self.net.params()},
            there=there, here=experiment.tried(*where, structure, percent) or dense, dense=dense.accuracy,
            numbers=size(whole), left=size(self.small), middle=_middle(self.net, there), report=self.small.report,
            curve={each: tried.accuracy for each, tried in curve.items() if tried is not None},
            beside=[experiment.tried(*where, each, percent) for each in GRANULARITIES],
            retrained=self._retrained(state),
            bytes=bytes, seconds=seconds, code=structure.call(percent, state["scope"]), note=self._note(state),
        )

    def _retrained(self, state):
        """Accuracy of each granularity after retraining, None where there is none yet."""
        return [self.experiment.retrained.get((state["network"], state["scope"], each.name, state["percent"]))
                for each in GRANULARITIES]

    def _note(self, state):
        """What cannot be done, or the empty string."""
        structure = BY_NAME[state["structure"]]
        if not self.experiment.has(state["network"], state["scope"], structure):
            return f"Nothing is removed: {structure.missing}."
        if structure.short == "layers" and state["scope"] == "layer":
            return "Here each branch competes only with itself: all stay, or all go. Choose the scope network."
        if structure.scope is None:
            return ""
        removed = round(4 * state["percent"] / 100)
        if 25 * removed != state["percent"]:
            return (f"Of 4 neighbours only whole ones can go: {state['percent']}% becomes {removed} of 4, "
                    f"{25 * removed}%.")
        return ("Here the 4 neighbours compete with each other, so Scope makes no difference."
                if state["scope"] == "layer" else "")

    # ---- the picture --------------------------------------------------------------------------------

    def draw(self, figure):
        grid = figure.add_gridspec(2, 2, width_ratios=(5.4, 4.6), height_ratios=(1, 1.1))
        sheet = figure.add_subplot(grid[:, 0])
        figure.canvas.draw()  # settles the layout, which the sheet fits itself into
        self._sheet = WeightSheet(self.experiment.nets[self.state["network"]], sheet,
                                  "Weights: coloured kept, grey masked, white deleted")
        ax = figure.add_subplot(grid[0, 1])
        palette.plain(ax, "Accuracy (%)")
        ax.set(xlim=(-2, 97), ylim=(0, 104), xticks=range(0, 101, 20), yticks=range(0, 101, 25))
        ax.set_xlabel("sparsity (% of units)", fontsize=palette.TEXT)
        ax.grid(color=palette.GRID, linewidth=0.8)
        (self._line,) = ax.plot([], [], color=palette.INK, linewidth=2)
        (self._point,) = ax.plot([], [], "o", color=palette.INK, markersize=10, markerfacecolor=palette.YELLOW)
        ax = figure.add_subplot(grid[1, 1])
        palette.plain(ax, "All structures at this sparsity (%)")
        at = np.arange(len(GRANULARITIES))
        ax.set(xlim=(-0.6, len(GRANULARITIES) - 0.4), ylim=(0, 104), yticks=range(0, 101, 25), xticks=at)
        ax.set_xticklabels([each.short for each in GRANULARITIES])
        ax.tick_params(axis="x", labelsize=palette.SMALL, length=0)
        ax.grid(color=palette.GRID, linewidth=0.8, axis="y")
        ax.set_axisbelow(True)
        self._here = ax.bar([0], [103], 0.95, color=palette.YELLOW, alpha=0.35)[0]
        self._bars = ax.bar(at, 0 * at, 0.62, color=palette.SKY, label="numbers left in memory")
        (self._before,) = ax.plot([], [], "o", color=palette.INK, markerfacecolor="white", markersize=7,
                                  label="accuracy, pruned")
        (self._after,) = ax.plot([], [], "D", color=palette.AFTER, markersize=7, label="and retrained")
        self._none = [ax.text(x, 3, "none", ha="center", va="bottom", fontsize=palette.SMALL, color=palette.FAINT,
                              rotation=90) for x in at]
        ax.legend(handles=[self._bars, self._before, self._after], loc="upper center", bbox_to_anchor=(0.5, -0.14),
                  ncols=3, fontsize=palette.SMALL, frameon=False, handletextpad=0.3, columnspacing=1.0,
                  handlelength=1.0)
        return [*self._sheet.artists, self._line, self._point, self._here, *self._bars, *self._none, self._before,
                self._after]

    def paint(self, frame):
        self.say(frame.note)
        self._sheet.update(frame.masks, frame.there)
        self._line.set_data(list(frame.curve), [100 * right for right in frame.curve.values()])
        self._point.set_data([frame.percent], [100 * frame.here.accuracy])
        self._here.set_x(GRANULARITIES.index(frame.structure) - 0.475)
        for bar, word, tried in zip(self._bars, self._none, frame.beside, strict=True):
            bar.set_height(0 if tried is None else 100 * tried.left)
            word.set_visible(tried is None)
        there = [(i, tried.accuracy) for i, tried in enumerate(frame.beside) if tried is not None]
        self._before.set_data([i for i, _ in there], [100 * a for _, a in there])
        done = [(i, a) for i, a in enumerate(frame.retrained) if a is not None]
        self._after.set_data([i for i, _ in done], [100 * a for _, a in done])
        self._report.value = ("<p style='font-size: 15px'><code>mn.compact</code> says:</p>"
                              f"<pre style='font-size: 13px; line-height: 1.3'>{escape(frame.report)}</pre>")

    def sentence(self, frame):
        tried, seconds, bytes = frame.here, frame.seconds, frame.bytes
        again = frame.retrained[GRANULARITIES.index(frame.structure)]
        after = "" if again is None else f", retrained <b>{again:.1%}</b>"
        said = (f"<code>{frame.code}</code> masks <b>{tried.masked:.0%}</b> of the weights; <code>mn.compact</code> "
                f"deletes <b>{1 - tried.left:.0%}</b> of the numbers ({frame.numbers:,} → {frame.left:,}). ")
        if frame.middle is not None:
            name, rows, columns, part = frame.middle
            said += (f"In {name}, {rows:.0%} of the inputs and {columns:.0%} of the outputs are gone: "
                     f"1 − {1 - rows:.2f} · {1 - columns:.2f} = {part:.0%} of its weights. ")
        return said + (
            f"Accuracy: <b>{tried.accuracy:.1%}</b>, whole {frame.dense:.1%}{after}. "
            f"Bytes: whole {bytes['whole']:,}, compact {bytes['compact']:,}, compiled {bytes['sparse']:,}; "
            f"for {BATCH} samples whole {_time(seconds['whole'])}, compact {_time(seconds['compact'])}, "
            f"compiled {_time(seconds['sparse'])}.")

    # ---- retraining in the background ---------------------------------------------------------------

    def train(self):
        """Retrain copies at this sparsity, one for each granularity, in the background; the newest request wins."""
        if self.experiment.train is None:
            self.say(NO_TRAINING)
            return
        state = self.state
        self._training.run(self.experiment.retrain(state["network"], state["scope"], state["percent"]))

    def rehearse(self):
        self.train()
        self.wait()

    def progress(self, what):
        self._training.progress(what)
        if what is None or self._retrained(self.state) != self.shown.retrained:
            self.refresh()


def _middle(net, there):
    """A weight that lost inputs and outputs: what of each, and of their product."""
    for param in net.params():
        if param.prunable and "in" in param.axes and "out" in param.axes:
            still = there[param.path]
            lost = [1 - still.any(axis=tuple(i for i, a in enumerate(param.axes) if a != axis)).mean()
                    for axis in ("in", "out")]
            if min(lost) > 0 and max(lost) < 1:
                return param.path.removesuffix(".weight"), *lost, 1 - still.mean()
    return None


def _time(timing):
    seconds = timing.median
    return f"{1e3 * seconds:.2f} ms" if seconds >= 1e-3 else f"{1e6 * seconds:.0f} µs"
