"""Why is it not faster?  All ways to compute a pruned network, timed on the learner's own computer.

Two sliders choose the sparsity and the batch. What was measured before is shown at once; what is missing is measured in
the background, and the bars settle as the rounds come in. Beside them: the crossover, the bytes, and the reason, which
is how many bytes a loop has to load for each multiplication.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

import numpy as np
from matplotlib.patches import Rectangle

from minnet.data import digits
from minnet.draw import palette
from minnet.experiments import parts, prunable
from minnet.experiments.dropout_comparison import plain_layers
from minnet.experiments.inference_backends import (
    BLOCKS,
    DENSE,
    LIBRARIES,
    NAIVE,
    SMALLER,
    SPARSE,
    Backends,
    StorageSizes,
)
from minnet.experiments.inference_timing import InferenceTiming, TimingResult
from minnet.messages import flag, format_bytes, format_seconds
from minnet.nn.arguments import samples
from minnet.nn.layers import Sequential
from minnet.nn.models import mlp
from minnet.widgets.controls import TrainControls, choice_slider, few, row
from minnet.widgets.explorer_base import Explorer

PLACES = (0, 10, 20, 30, 40, 50, 60, 70, 80, 85, 90, 93, 95, 97, 98, 99)  # percent
BATCHES = tuple(2**power for power in range(11))
REPAINT = 0.25  # seconds between two pictures while the rounds come in


@dataclass(frozen=True)
class Frame:
    """Everything that is shown.

    Attributes
    ----------
    percent, batch : int
    kept, weights : int
        Left at this sparsity, and all.
    bytes : dict of {format: int}
        Of the weights.
    timing : TimingResult
        What has been measured so far.
    """

    percent: int
    batch: int
    kept: int
    weights: int
    bytes: dict
    timing: TimingResult


class SpeedExplorer(Explorer):
    """Time all ways to compute a pruned network: ``mn.explore.speed(net, digits)``.

    Parameters
    ----------
    net : Sequential
        Dense layers with activations between them; copies of it are pruned.
    data : Dataset or Split
        Its samples are what is predicted; of a whole data set, those of ``.val``.
    libraries : sequence of str
        Which others are timed too, if they are installed: "SciPy CSR", "PyTorch dense".
    rounds : int
        How often all are timed at each place.
    start : bool
        Measure as soon as it opens; else when a control is moved for the first time.

    Attributes
    ----------
    experiment : InferenceTiming
        Every time that was measured.
    """

    size = (10, 4.8)
    measured = ("timing",)
    recorded = {"sparsity": None, "batch": (1, 8, 64, 1024)}

    def __init__(self, net, data, *, libraries=tuple(LIBRARIES), rounds=15, start=True):
        net = Sequential(*plain_layers(net), input_shape=net.input_shape)
        start, (x, _) = flag(start, "start"), samples(parts(data)[1])
        prunable(net)(x[:1])  # samples that don't fit are refused now, not while they are timed
        super().__init__(InferenceTiming(Backends(net, libraries), x, rounds))
        if start:
            self.measure()

    # ---- controls -----------------------------------------------------------------------------------

    def controls(self):
        self._painted, self._sizes = 0.0, StorageSizes(self.experiment.backends, PLACES)
        return {"sparsity": choice_slider("Sparsity", [(f"{percent} %", percent) for percent in PLACES], 90,
                                          width="430px"),
                "batch": choice_slider("Batch (samples)", [(f"{batch:,}", batch) for batch in BATCHES], 64,
                                       width="430px")}

    def rows(self):
        self._measuring = TrainControls(self, "Measure again", "Forget the times of this place, take new ones",
                                        doing="measuring", done="measured", act=self.measure_again, width="420px")
        return [
            row(*self.control.values()),
            row(*self._measuring.buttons, self._reset, *self._measuring.status),
            self._message, self._picture, self._sentence,
        ]

    # ---- from the state to the numbers --------------------------------------------------------------

    def frame(self, state):
        percent, batch = state["sparsity"], state["batch"]
        weights = self.experiment.backends.weights
        kept = weights - round(percent / 100 * weights)
        return Frame(percent, batch, kept, weights, self._sizes.at(percent),
                     self.experiment.result(percent, batch, PLACES))

    # ---- the picture --------------------------------------------------------------------------------

    def draw(self, figure):
        grid = figure.add_gridspec(2, 2, width_ratios=(5.2, 4.8), height_ratios=(1.15, 1))
        self._panels = (Bars(figure.add_subplot(grid[0, 0]), self.experiment.backends.names),
                        Roofline(figure.add_subplot(grid[1, 0])),
                        Curves(figure.add_subplot(grid[0, 1])),
                        Sizes(figure.add_subplot(grid[1, 1]), self._sizes))
        return [artist for panel in self._panels for artist in panel.artists]

    def paint(self, frame):
        for panel in self._panels:
            panel.paint(frame)

    def sentence(self, frame):
        timing = frame.timing
        said = f"<b>{frame.kept:,} of {frame.weights:,} weights</b>, {frame.batch} sample{'s' * (frame.batch > 1)}. "
        if timing.near is None:
            return said + "Nothing has been measured yet."
        if not timing.exact:
            said += f"Not measured yet; the bars are those of {timing.near[0]} % and batch {timing.near[1]}. "
        ratio, seconds, naive = (what[name].median for what, name in (
            (timing.ratios, SPARSE), (timing.times, SPARSE), (timing.ratios, NAIVE)))
        dense = timing.times[DENSE].median
        said += (f"minnet's sparse kernels take {format_seconds(seconds)}, dense {format_seconds(dense)}: "
                 f"<b>{_times(ratio)}</b>, {timing.parts[SPARSE]:.2f} of ideal. The naive loop is {_times(naive)}. ")
        if timing.crossover is not None:
            said += f"For this batch the kernels overtake dense at <b>{timing.crossover:.0f}\N{NO-BREAK SPACE}%</b>. "
        sizes = ", ".join(f"{name} {format_bytes(many)}" for name, many in frame.bytes.items())
        said += f"Stored: {sizes}, dense {format_bytes(self._sizes.dense)}. "
        if timing.building is not None:
            said += f"Not in the bars: packing the weights, {format_seconds(timing.building)}, once for each network"
            said += f"; first call of the kernels, {format_seconds(timing.first)}." if timing.first is not None else "."
        return said

    # ---- measuring in the background ----------------------------------------------------------------

    def measure(self):
        """Measure what is missing here, in the background; the newest request wins."""
        percent, batch = self.state["sparsity"], self.state["batch"]
        if not (self.experiment.done(percent, batch) and self.experiment.swept(batch, PLACES)):
            self._measuring.run(self.experiment.run(percent, batch, PLACES))

    def moved(self):
        self.measure()

    def measure_again(self):
        """Forget what was measured here, and measure again."""
        self.experiment.forget(self.state["sparsity"], self.state["batch"])
        self.refresh()
        self.measure()

    def rehearse(self):
        """Measure at every place that is recorded."""
        self.job.start(self.experiment.everywhere(PLACES, self.recorded["batch"]))
        self.wait()

    def progress(self, what):
        self._measuring.progress(what)
        if what is None or monotonic() - self._painted > REPAINT:
            self.refresh()
            self._painted = monotonic()

    @staticmethod
    def example():
        return SpeedExplorer(mlp(64, 12, 8, 10, rng=0), few(digits()), libraries=(), rounds=2, start=False)


def _times(ratio):
    return f"{ratio:.1f} times as fast as dense" if ratio >= 1 else f"{1 / ratio:.1f} times slower than dense"


# ---- Plots -------------------------------------------------------------------------------------------


SLOWEST, FASTEST = 1 / 64, 64  # ratios beyond these are drawn at the edge
COLOURS = {SPARSE: palette.POSITIVE, BLOCKS: palette.AFTER, SMALLER: palette.ROSE, NAIVE: palette.NEGATIVE}
MARKS = {SPARSE: "o", BLOCKS: "s", SMALLER: "^", NAIVE: "x"}
SHADES = {"COO": palette.NEGATIVE, "CSR": palette.POSITIVE, "bitmap": palette.ROSE, "blocks of 4": palette.AFTER}
HERE = palette.YELLOW
GRID = {"color": palette.GRID, "linewidth": 0.8}


class Bars:
    """One bar for each backend: how many times as fast as dense it is, with the range of the middle half of all rounds.

    Behind it stand the seconds, and which part of the ideal that is.
    """

    def __init__(self, ax, names):
        self.names = names
        palette.plain(ax, "Speed (dense is 1)")
        ax.set(xscale="log", xlim=(SLOWEST, FASTEST * 4000), ylim=(len(names) - 0.4, -0.6), yticks=range(len(names)))
        ticks = {1 / 64: "1/64", 1 / 16: "1/16", 1 / 4: "1/4", 1: "1", 4: "4", 16: "16", 64: "64 ×"}
        ax.set_xticks(list(ticks), ticks.values())
        ax.set_yticklabels(names)
        ax.tick_params(axis="y", length=0)
        ax.minorticks_off()
        ax.axvline(1, color=palette.INK, linewidth=1)
        for column, head in ((110, "time"), (9000, "of ideal")):
            ax.text(column, -0.62, head, fontsize=palette.SMALL, color=palette.FAINT, va="bottom")
        self.bars = [ax.add_patch(Rectangle((1, y - 0.33), 0, 0.66, linewidth=0)) for y in range(len(names))]
        self.ranges = [ax.plot([], [], color=palette.INK, linewidth=1.6, solid_capstyle="butt")[0] for _ in names]
        self.times, self.parts = ([ax.text(x, y, "", fontsize=palette.SMALL, color=palette.INK, va="center")
                                   for y in range(len(names))] for x in (110, 9000))
        self.artists = [*self.bars, *self.ranges, *self.times, *self.parts]

    def paint(self, frame):
        for y, name in enumerate(self.names):
            ratio, seconds = frame.timing.ratios.get(name), frame.timing.times.get(name)
            middle, low, high = np.clip(ratio or (1, 1, 1), SLOWEST, FASTEST)
            self.bars[y].set_x(min(1, middle))
            self.bars[y].set_width(abs(middle - 1))
            self.bars[y].set_facecolor(palette.POSITIVE if middle >= 1 else palette.NEGATIVE)
            self.bars[y].set_alpha(1 if frame.timing.exact else 0.35)
            self.ranges[y].set_data([low, high] if ratio else [], [y, y] if ratio else [])
            self.times[y].set_text(format_seconds(seconds.median) if seconds else "…")
            part = frame.timing.parts.get(name)
            self.parts[y].set_text("" if part is None else f"{part:.2f}" if part >= 0.005 else "< 0.01")


class Curves:
    """Speed over sparsity for this batch: where a curve crosses 1, pruning begins to pay."""

    def __init__(self, ax):
        palette.plain(ax, "Speed over sparsity")
        ax.set(xlim=(-2, 102), ylim=(1 / 130, 110), yscale="log")
        ticks = {1 / 64: "1/64", 1 / 16: "1/16", 1 / 4: "1/4", 1: "1", 4: "4", 16: "16", 64: "64"}
        ax.set_yticks(list(ticks), ticks.values())
        ax.minorticks_off()
        ax.set_ylabel("times as fast as dense", fontsize=palette.TEXT)
        ax.grid(**GRID)
        ax.axhline(1, color=palette.INK, linewidth=1)
        percent = np.linspace(0, 99.1, 200)
        ax.plot(percent, 1 / (1 - percent / 100), color=palette.FAINT, linewidth=1.2, linestyle="--", label="ideal")
        self.lines = {name: ax.plot([], [], color=colour, linewidth=1.8, marker=MARKS[name], markersize=4,
                                    label=name)[0] for name, colour in COLOURS.items()}
        (self._cross,) = ax.plot([], [], "o", color=palette.INK, markersize=9, markerfacecolor=HERE)
        self._here = ax.axvline(0, color=palette.INK, linewidth=1, linestyle=":")
        self._said = ax.text(0, 1 / 5, "", fontsize=palette.TEXT, color=palette.INK, va="center")
        ax.legend(loc="upper left", fontsize=palette.SMALL, frameon=False, ncols=2, labelspacing=0.2, columnspacing=1,
                  borderaxespad=0.1)
        self.artists = [self._here, *self.lines.values(), self._cross, self._said]

    def paint(self, frame):
        for name, line in self.lines.items():
            line.set_data(np.transpose(frame.timing.curves[name]) if frame.timing.curves[name] else ([], []))
        self._here.set_xdata([frame.percent] * 2)
        there = frame.timing.crossover is not None
        self._cross.set_data([frame.timing.crossover] if there else [], [1] if there else [])
        said = f"crossover at {frame.timing.crossover:.0f} %" if there else "no crossover"
        self._said.set_text(f"batch {frame.batch:,}: {said if there or frame.timing.swept else '…'}")


class Sizes:
    """Bytes of each format over sparsity; the marked points are their break-even points."""

    def __init__(self, ax, scales):
        self._scales = scales
        palette.plain(ax, "Bytes over sparsity")
        ax.set(xlim=(-2, 102), ylim=(0, 208), xticks=range(0, 101, 20), yticks=(0, 50, 100, 150, 200))
        ax.set_xlabel("sparsity (%)", fontsize=palette.TEXT)
        ax.set_ylabel("bytes, % of dense", fontsize=palette.TEXT)
        ax.grid(**GRID)
        ax.axhline(100, color=palette.INK, linewidth=1)
        for name, colour in SHADES.items():
            ax.plot(scales.places, 100 * scales.bytes[name] / scales.dense, color=colour, linewidth=1.8, label=name)
            even = scales.break_even(name)
            if even is not None:
                ax.plot([even], [100], "D", color=colour, markersize=5)
        ax.plot([50], [100 * scales.half / scales.dense], "*", color=palette.INK, markersize=9, label="2:4",
                linestyle="")
        ax.legend(loc="upper right", fontsize=palette.SMALL, frameon=False, labelspacing=0.2, borderaxespad=0.1)
        self._here = ax.axvline(0, color=palette.INK, linewidth=1, linestyle=":")
        (self._points,) = ax.plot([], [], "o", color=palette.INK, markersize=6, markerfacecolor=HERE)
        self.artists = [self._here, self._points]

    def paint(self, frame):
        self._here.set_xdata([frame.percent] * 2)
        self._points.set_data([frame.percent] * len(frame.bytes),
                              [100 * many / self._scales.dense for many in frame.bytes.values()])


class Roofline:
    """How fast this computer can be at best, by operations for each byte that a loop loads, and how near each comes.

    To the left of the bend the loads are the limit, to its right the multiplications.
    """

    def __init__(self, ax):
        self._ax = ax
        palette.plain(ax, "Why: loads or multiplications?")
        ax.set(xscale="log", yscale="log", xlim=(0.1, 8), ylim=(0.1, 600), xticks=(0.125, 0.25, 0.5, 1, 2, 4))
        ax.set_xticklabels(["1/8", "1/4", "1/2", "1", "2", "4"])
        ax.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
        ax.minorticks_off()
        ax.set_xlabel("operations for each byte loaded", fontsize=palette.TEXT)
        ax.set_ylabel("billion operations/s", fontsize=palette.TEXT)
        ax.grid(**GRID)
        self._x = np.geomspace(0.1, 8, 60)
        (self._cache,) = ax.plot([], [], color=palette.INK, linewidth=2)
        (self._memory,) = ax.plot([], [], color=palette.FAINT, linewidth=1.2, linestyle="--")
        (self._dense,) = ax.plot([], [], color=palette.INK, linewidth=1.2, linestyle=":")
        self._names = [ax.text(0, 1, "", fontsize=palette.SMALL, color=palette.FAINT, clip_on=True) for _ in range(4)]
        self._points = {name: ax.plot([], [], MARKS[name], color=COLOURS[name], markersize=8, markeredgewidth=2)[0]
                        for name in (NAIVE, SPARSE, BLOCKS)}
        ax.legend(handles=list(self._points.values()), labels=list(self._points), loc="lower right",
                  fontsize=palette.SMALL,
                  frameon=False, labelspacing=0.3, borderaxespad=0.1)
        self.artists = [self._cache, self._memory, self._dense, *self._names, *self._points.values()]

    def paint(self, frame):
        limits, unit = frame.timing.limits, 1e-9
        if limits is not None:
            self._cache.set_data(self._x, unit * np.minimum(limits.multiply, limits.cache * self._x))
            self._memory.set_data(self._x, unit * np.minimum(limits.multiply, limits.memory * self._x))
        dense = frame.timing.rates.get(DENSE)
        self._dense.set_data([0.1, 8] if dense else [], [unit * dense[1]] * 2 if dense else [])
        slope = self._slope()
        self._name(0, 7.6, dense and unit * dense[1] * 0.9, "dense, measured", ha="right", va="top")
        self._name(1, 7.6, limits and unit * limits.multiply * 1.1, "multiplications", ha="right", va="bottom")
        self._name(2, 0.105, limits and unit * limits.cache * 0.135, "loads from the fastest cache", rotation=slope)
        self._name(3, 0.105, limits and unit * limits.memory * 0.135, "loads from main memory", rotation=slope)
        for name, point in self._points.items():
            rate = frame.timing.rates.get(name)
            point.set_data([rate[0]] if rate else [], [unit * rate[1]] if rate else [])

    def _name(self, number, x, y, said, **how):
        text = self._names[number]
        text.set_text(said if y else "")
        text.set(rotation_mode="anchor", **how)
        if y:
            text.set_position((x, y))

    def _slope(self):
        """The angle of a line on which both axes grow alike."""
        (x, y), (right, top) = self._ax.transData.transform([(1, 1), (10, 10)])
        return float(np.degrees(np.arctan2(top - y, right - x)))
