"""How to choose?  Two criteria for the same weights: where they disagree, and which of them is right.

All criteria are tried at once, on several networks, so that none wins by luck.  Retraining shows what is left of their
differences.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from minnet import data as datasets
from minnet.draw import palette
from minnet.draw.lines import move
from minnet.draw.weight_sheet import WeightSheet
from minnet.experiments import SCOPES
from minnet.experiments.criteria_comparison import COMBINE, CRITERIA, PERCENT, RETRAINED_AT, CriteriaComparison, Way
from minnet.nn.models import mlp
from minnet.nn.train import fit
from minnet.widgets.controls import TrainControls, dropdown, few, row, slider, toggles
from minnet.widgets.explorer_base import Explorer

BOTH, NEITHER = "#4D4D4D", "#E4E4E4"  # of weights; A and B have their own colours
TOGETHER, ALONE = "all layers together", "each layer alone"
NO_TRAINING = "Retraining needs training data: pass the whole data set, mn.explore.criteria(nets, digits)."


@dataclass(frozen=True)
class Frame:
    """Everything that is shown.

    Attributes
    ----------
    a, b : str
        The two criteria.
    percent : int
        Of the units.
    kept : dict of {path: (ndarray of bool, ndarray of bool)}
        What each of them keeps of the first network.
    whole : list of float
        Accuracy of each network with all its weights.
    curves : dict of {criterion: ndarray}
        Accuracy over `PERCENT`, a mean over the networks.
    here : dict of {criterion: list of float}
        Accuracy of each network at this sparsity.
    retrained : dict of {criterion: {percent: list of float}}
    alone : dict of {layer: (ndarray, ndarray)} or None
        Accuracy over `PERCENT` where only this layer is pruned, by each of the two.
    code, note : str
    """

    a: str
    b: str
    percent: int
    kept: dict
    whole: list
    curves: dict
    here: dict
    retrained: dict
    alone: dict | None
    code: str
    note: str

    def count(self, by_a, by_b):
        """How many weights A keeps or not, and B keeps or not."""
        return sum(int(((a == by_a) & (b == by_b)).sum()) for a, b in self.kept.values())


class CriteriaExplorer(Explorer):
    """Which weights matter?  Compare criteria: ``mn.explore.criteria([net], digits)``.

    Parameters
    ----------
    nets : Layer or list of Layer
        Trained; they stay as they are.  Several of the same shape, from different seeds, show what is luck.
    data : Dataset or Split
        Of a whole data set, evidence is gathered and copies are retrained on ``.train``, accuracy is measured on
        ``.val``.  A single part serves for evidence and accuracy, without retraining.
    epochs : int
        How long each copy is retrained.
    seed : int
        Of the random criterion and of retraining; one more for each further network.

    Attributes
    ----------
    experiment : CriteriaComparison
    """

    size = (10, 4.4)
    recorded = {"b": None, "percent": range(0, 100, 10), "structure": None}

    @staticmethod
    def example():
        digits, nets = few(datasets.digits()), [mlp(64, 8, 6, 10, rng=seed) for seed in range(2)]
        for seed, net in enumerate(nets):
            fit(net, digits.train, epochs=2, rng=seed, progress=False)
        return CriteriaExplorer(nets, digits, epochs=1)

    def __init__(self, nets, data, *, epochs=10, seed=0):
        super().__init__(CriteriaComparison(nets, data, epochs=epochs, seed=seed))

    # ---- controls -----------------------------------------------------------------------------------

    def controls(self):
        return {
            "a": dropdown("A (blue)", CRITERIA, "magnitude"),
            "b": dropdown("B (orange)", CRITERIA, "wanda"),
            "percent": slider("Sparsity (% of units)", 60, PERCENT[0], PERCENT[-1], PERCENT.step, width="480px"),
            "structure": toggles("Units", self.experiment.structures()),
            "scope": toggles("Scope", SCOPES, tooltips=["all units of the network compete",
                                                        "each layer loses the same fraction"]),
            "combine": toggles("Score of a unit", COMBINE, tooltips=[
                "the mean of its weights' scores", "their sum", "the root of the sum of their squares"]),
            "curves": toggles("Curves", (TOGETHER, ALONE), tooltips=["the whole network is pruned",
                                                                     "one layer is pruned, the others stay whole"]),
        }

    def rows(self):
        control = self.control
        self._training = TrainControls(
            self, "Retrain all criteria", "Train pruned copies further, in the background: at this sparsity, then at "
            f"{', '.join(map(str, RETRAINED_AT))}%", width="175px",
            ready=f"{self.experiment.epochs} epochs, seed {self.experiment.seed}")
        self._training.bar.layout.width = "70px"
        if self.experiment.train is None:
            self._training.disable(NO_TRAINING)
        return [
            row(control["a"], control["b"], control["percent"]),
            row(control["structure"], control["scope"], control["combine"], self._reset),
            row(control["curves"], *self._training.widgets),
            self._message,
            self._picture,
            self._sentence,
        ]

    # ---- from the state to the numbers --------------------------------------------------------------

    def frame(self, state):
        experiment, way, a, b, percent = self.experiment, _way(state), state["a"], state["b"], state["percent"]
        by_a, by_b = (experiment.masks(way, each, percent) for each in (a, b))
        alone = None
        if state["curves"] == ALONE:
            scan_a, scan_b = (experiment.scanned(way, each) for each in (a, b))
            alone = {name: (scan_a[name], scan_b[name]) for name in scan_a}
        train = "data" if experiment.train is None else f"{getattr(experiment.data, 'name', 'data')}.train"
        return Frame(
            a=a, b=b, percent=percent, kept={path: (by_a[path], by_b[path]) for path in by_a}, whole=experiment.whole,
            curves={each: experiment.curve(way, each) for each in CRITERIA},
            here={each: experiment.accuracies(way, each, percent) for each in CRITERIA},
            retrained=self._retrained(way), alone=alone, code=way.code(a, percent, train), note=_note(state))

    def _retrained(self, way):
        """What has been retrained in this way, {criterion: {percent: accuracies}}."""
        found = self.experiment.retrained
        return {each: {p: found[way, each, p] for p in PERCENT if (way, each, p) in found} for each in CRITERIA}

    # ---- the picture --------------------------------------------------------------------------------

    def draw(self, figure):
        grid = figure.add_gridspec(2, 2, width_ratios=(3.8, 6.2))
        experiment, sheet = self.experiment, figure.add_subplot(grid[:, 0])
        of_first = " of the first network" if len(experiment.nets) > 1 else ""
        colours = {"both": BOTH, "only A": A, "only B": B, "neither": NEITHER}
        sheet.legend(handles=[Patch(color=colour, label=name) for name, colour in colours.items()], loc="lower left",
                     bbox_to_anchor=(0, 1), ncols=4, fontsize=palette.TEXT, frameon=False, borderpad=0, handlelength=1,
                     handletextpad=0.4, columnspacing=1.2, title=f"Weights{of_first} kept by",
                     title_fontsize=palette.TITLE, alignment="left")
        self._curves = Curves(figure.add_subplot(grid[0, 1]), experiment.layers)
        self._points = Points(figure.add_subplot(grid[1, 1]), len(experiment.nets), experiment.seed)
        figure.canvas.draw()  # settles the layout, which the sheet fits itself into
        self._sheet = WeightSheet(experiment.nets[0], sheet, None, getattr(experiment.data, "image_shape", None))
        return [*self._sheet.artists, *self._curves.artists, *self._points.artists]

    def paint(self, frame):
        self.say(frame.note)
        colours = np.array([to_rgb(colour) for colour in (NEITHER, A, B, BOTH)])
        self._sheet.colour({path: colours[by_a + 2 * by_b] for path, (by_a, by_b) in frame.kept.items()})
        self._curves.update(frame)
        self._points.update(frame)

    def sentence(self, frame):
        both, only_a, only_b = frame.count(True, True), frame.count(True, False), frame.count(False, True)
        total = both + only_a + only_b + frame.count(False, False)
        said = (f"At <b>{frame.percent}%</b>, both keep {both:,} weights, only A ({frame.a}) {only_a:,}, only B "
                f"({frame.b}) {only_b:,}: they disagree about <b>{(only_a + only_b) / total:.0%}</b> of all. ")
        if frame.alone is not None:
            place = list(PERCENT).index(frame.percent)
            return said + "With one layer pruned alone: " + "; ".join(
                f"{name} A <b>{a[place]:.1%}</b>, B <b>{b[place]:.1%}</b>" for name, (a, b) in frame.alone.items()
            ) + f" (whole {np.mean(frame.whole):.1%})."
        said += "Accuracy: "
        for letter, name in (("A", frame.a), ("B", frame.b)):
            again = frame.retrained[name].get(frame.percent)
            said += (f"{letter} <b>{np.mean(frame.here[name]):.1%}</b>"
                     f"{'' if again is None else f' (retrained <b>{np.mean(again):.1%}</b>)'}, ")
        said += f"random {np.mean(frame.here['random']):.1%}, whole {np.mean(frame.whole):.1%}. "
        left = ", ".join(f"{path.removesuffix('.weight')} {a.mean():.0%} | {b.mean():.0%}"
                         for path, (a, b) in frame.kept.items())
        return said + f"Kept in each layer, A | B: {left}. <code>{escape(frame.code)}</code>"

    # ---- retraining in the background ---------------------------------------------------------------

    def train(self):
        """Retrain copies for every criterion, in the background; the newest request wins."""
        if self.experiment.train is None:
            self.say(NO_TRAINING)
            return
        self._training.run(self.experiment.retrain(_way(self.state), self.state["percent"]))

    def rehearse(self):
        for structure in self.control["structure"].options:
            self.set(structure=structure)
            self.train()
            self.wait()
        self.reset()

    def progress(self, what):
        self._training.progress(what)
        if what is None or self._retrained(_way(self.state)) != self.shown.retrained:
            self.refresh()


def _way(state):
    """A single weight is a unit by itself, however its score is combined."""
    return Way(state["structure"], state["scope"], "mean" if state["structure"] == "weights" else state["combine"])


def _note(state):
    """What makes no difference, or no sense."""
    if state["a"] == state["b"]:
        return f"A and B are both {state['a']}; choose two different criteria to see where they disagree."
    if state["structure"] == "weights":
        if "apoz" in (state["a"], state["b"]):
            return "apoz has one score for all weights of a neuron; choose the units neurons."
        if state["combine"] != "mean":
            return "A single weight is a unit by itself: mean, sum and l2 are the same. Choose the units neurons."
    return ""


# ---- Plots -------------------------------------------------------------------------------------------


A, B, OTHER = palette.POSITIVE, palette.AMBER, "#BBBBBB"  # A and B also differ in how dark they are
STYLES = ("-", "--", ":", "-.")
ASIDE = 0.8  # per cent of sparsity: so the diamonds of A and B don't hide each other


class Curves:
    """Accuracy over the sparsity: of the whole network pruned, or of each layer pruned alone.

    Parameters
    ----------
    ax : Axes
    layers : list of str

    Attributes
    ----------
    lines, retrained : list
        Of A and of B.
    alone : dict of {layer: list of Line2D}
    artists : list of Artist
    """

    def __init__(self, ax, layers):
        palette.plain(ax, "Accuracy (%)")
        ax.set(xlim=(-2, 97), ylim=(0, 104), xticks=range(0, 101, 20), yticks=range(0, 101, 25))
        ax.set_xlabel("sparsity (% of units)", fontsize=palette.SMALL)
        ax.grid(color=palette.GRID, linewidth=0.8)
        self._here = ax.axvline(0, color=palette.FAINT, linewidth=1)
        self.others = {name: ax.plot([], [], color=OTHER, linewidth=1)[0] for name in CRITERIA}
        (self.random,) = ax.plot([], [], color=palette.FAINT, linewidth=1.5, linestyle="--")
        self.lines = [ax.plot([], [], color=colour, linewidth=2.4)[0] for colour in (A, B)]
        self.retrained = [ax.plot([], [], "D", color=colour, markersize=7, markeredgecolor="white")[0]
                          for colour in (A, B)]
        self.alone = {name: [ax.plot([], [], color=colour, linestyle=STYLES[i % len(STYLES)], linewidth=2)[0]
                             for colour in (A, B)] for i, name in enumerate(layers)}
        self._together = [*self.others.values(), self.random, *self.lines, *self.retrained]
        self._styles = _legends(ax, layers)
        # What a slider moves lies on top, so that nothing else is drawn again.
        self.artists = [self._styles, *self._together, *(line for pair in self.alone.values() for line in pair),
                        self._here]

    def update(self, frame):
        """Show what a `Frame` holds."""
        self._here.set_xdata([frame.percent] * 2)
        for name, line in (*self.others.items(), ("random", self.random)):
            move(line, PERCENT, 100 * frame.curves[name])
        for place, name in enumerate((frame.a, frame.b)):
            found, aside = frame.retrained[name], ASIDE * (2 * place - 1)
            move(self.lines[place], PERCENT, 100 * frame.curves[name])
            move(self.retrained[place], [p + aside for p in found], [100 * np.mean(each) for each in found.values()])
        for name, pair in self.alone.items():
            for place, line in enumerate(pair):
                if name in (frame.alone or {}):  # a structure may leave out a layer
                    move(line, PERCENT, 100 * frame.alone[name][place])
                else:
                    move(line, [], [])
        for artist in (*self._together, self._styles):
            shown = (frame.alone is None) == (artist is not self._styles)
            if artist.get_visible() != shown:
                artist.set_visible(shown)


class Points:
    """Accuracy of all criteria at one sparsity: a mark for the mean of the networks, a line for their range.

    Parameters
    ----------
    ax : Axes
    many : int
        Networks.
    seed : int
        Of the random criterion, of the first network.

    Attributes
    ----------
    pruned, retrained : (Line2D, LineCollection)
    artists : list of Artist
    """

    def __init__(self, ax, many, seed):
        palette.plain(ax, f"All criteria at this sparsity: accuracy (%), seed {seed}")
        at = np.arange(len(CRITERIA))
        ax.set(xlim=(-0.6, len(at) - 0.4), ylim=(0, 104), yticks=range(0, 101, 25), xticks=at)
        ax.set_xticklabels(CRITERIA)
        ax.tick_params(axis="x", length=0, labelsize=palette.SMALL - 1)  # so that the longest name has room
        ax.grid(color=palette.GRID, linewidth=0.8, axis="y")
        self._bands = [ax.bar([0], [103], 0.92, color=colour, alpha=0.22)[0] for colour in (A, B)]
        self.pruned, self.retrained = (
            (ax.plot([], [], marker, color=colour, markerfacecolor=face, markersize=7, label=name, linestyle="")[0],
             ax.add_collection(LineCollection([], colors=colour, linewidths=2), autolim=False))
            for marker, colour, face, name in (("o", palette.INK, "white", "pruned"),
                                               ("D", palette.AFTER, palette.AFTER, "and retrained")))
        ax.legend(handles=[self.pruned[0], self.retrained[0]], loc="upper center", bbox_to_anchor=(0.5, -0.13),
                  title=f"mean and range of {many} networks:" if many > 1 else None, ncols=2, fontsize=palette.SMALL,
                  title_fontsize=palette.SMALL, frameon=False, handletextpad=0.2, columnspacing=1.2, borderpad=0)
        self.artists = [*self._bands, *reversed(self.pruned), *reversed(self.retrained)]

    def update(self, frame):
        """Show what a `Frame` holds."""
        for band, name in zip(self._bands, (frame.a, frame.b), strict=True):
            if band.get_x() != (x := CRITERIA.index(name) - 0.46):
                band.set_x(x)
        again = {name: found[frame.percent] for name, found in frame.retrained.items() if frame.percent in found}
        self._mark(*self.pruned, frame.here, aside=-0.14)
        self._mark(*self.retrained, again, aside=0.14)

    @staticmethod
    def _mark(marks, ranges, found, aside):
        """A mark at the mean and a line along the range of each criterion's accuracies, ``found``."""
        at = {CRITERIA.index(name) + aside: 100 * np.array(each) for name, each in found.items()}
        marks.set_data(list(at), [each.mean() for each in at.values()])
        ranges.set_segments([[(x, each.min()), (x, each.max())] for x, each in at.items()])


def _legends(ax, layers):
    """What colours mean, above the Axes; returned is what line styles mean, where each layer is pruned alone."""
    keys = [("A", A, "-", ""), ("B", B, "-", ""), ("random", palette.FAINT, "--", ""), ("others", OTHER, "-", ""),
            ("retrained", palette.INK, "", "D")]  # fmt: skip
    keys = [Line2D([], [], color=colour, linestyle=style, marker=mark, label=name, markersize=5)
            for name, colour, style, mark in keys]
    names = [Line2D([], [], color=palette.INK, linestyle=STYLES[i % len(STYLES)], label=f"only {name} pruned")
             for i, name in enumerate(layers)]
    how = {"fontsize": palette.SMALL, "frameon": False, "borderpad": 0, "handlelength": 1.6}
    ax.add_artist(ax.legend(handles=keys, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(keys), columnspacing=1,
                            handletextpad=0.4, **how))
    return ax.legend(handles=names, loc="lower left", labelspacing=0.25, **how)
