"""The scoreboard of a race: four pictures that tell who is ahead, from which sparsity on, at what size, and why.

Each draws itself once into its Axes and then only moves its artists: `Bars` of this moment, `Curves` of speed over
sparsity with the crossover, `Sizes` of the formats with their break-even points, and the `Roof` of this computer.
"""

from __future__ import annotations

import numpy as np
from matplotlib.patches import Rectangle

from minnet.draw import ink
from minnet.explore.runners import BLOCKS, DENSE, NAIVE, SMALLER, SPARSE
from minnet.explore.stopwatch import spoken_time

SLOWEST, FASTEST = 1 / 64, 64  # ratios beyond these are drawn at the edge
COLOURS = {SPARSE: ink.POSITIVE, BLOCKS: ink.AFTER, SMALLER: ink.ROSE, NAIVE: ink.NEGATIVE}
MARKS = {SPARSE: "o", BLOCKS: "s", SMALLER: "^", NAIVE: "x"}
SHADES = {"COO": ink.NEGATIVE, "CSR": ink.POSITIVE, "bitmap": ink.ROSE, "blocks of 4": ink.AFTER}
HERE = ink.YELLOW
GRID = {"color": ink.GRID, "linewidth": 0.8}


class Bars:
    """One bar for each runner: how many times as fast as dense it is, with the range of the middle half of all rounds.

    Behind it stand the seconds, and which part of the ideal that is.
    """

    def __init__(self, ax, names):
        self.names = names
        ink.plain(ax, "Speed (dense is 1)")
        ax.set(xscale="log", xlim=(SLOWEST, FASTEST * 4000), ylim=(len(names) - 0.4, -0.6), yticks=range(len(names)))
        ticks = {1 / 64: "1/64", 1 / 16: "1/16", 1 / 4: "1/4", 1: "1", 4: "4", 16: "16", 64: "64 ×"}
        ax.set_xticks(list(ticks), ticks.values())
        ax.set_yticklabels(names)
        ax.tick_params(axis="y", length=0)
        ax.minorticks_off()
        ax.axvline(1, color=ink.INK, linewidth=1)
        for column, head in ((110, "time"), (9000, "of ideal")):
            ax.text(column, -0.62, head, fontsize=ink.SMALL, color=ink.FAINT, va="bottom")
        self.bars = [ax.add_patch(Rectangle((1, y - 0.33), 0, 0.66, linewidth=0)) for y in range(len(names))]
        self.ranges = [ax.plot([], [], color=ink.INK, linewidth=1.6, solid_capstyle="butt")[0] for _ in names]
        self.times, self.parts = ([ax.text(x, y, "", fontsize=ink.SMALL, color=ink.INK, va="center")
                                   for y in range(len(names))] for x in (110, 9000))
        self.artists = [*self.bars, *self.ranges, *self.times, *self.parts]

    def paint(self, frame):
        for y, name in enumerate(self.names):
            ratio, seconds = frame.heat.ratios.get(name), frame.heat.times.get(name)
            middle, low, high = np.clip(ratio or (1, 1, 1), SLOWEST, FASTEST)
            self.bars[y].set_x(min(1, middle))
            self.bars[y].set_width(abs(middle - 1))
            self.bars[y].set_facecolor(ink.POSITIVE if middle >= 1 else ink.NEGATIVE)
            self.bars[y].set_alpha(1 if frame.heat.exact else 0.35)
            self.ranges[y].set_data([low, high] if ratio else [], [y, y] if ratio else [])
            self.times[y].set_text(spoken_time(seconds.median) if seconds else "…")
            part = frame.heat.parts.get(name)
            self.parts[y].set_text("" if part is None else f"{part:.2f}" if part >= 0.005 else "< 0.01")


class Curves:
    """Speed over sparsity for this batch: where a curve crosses 1, pruning begins to pay."""

    def __init__(self, ax):
        ink.plain(ax, "Speed over sparsity")
        ax.set(xlim=(-2, 102), ylim=(1 / 130, 110), yscale="log")
        ticks = {1 / 64: "1/64", 1 / 16: "1/16", 1 / 4: "1/4", 1: "1", 4: "4", 16: "16", 64: "64"}
        ax.set_yticks(list(ticks), ticks.values())
        ax.minorticks_off()
        ax.set_ylabel("times as fast as dense", fontsize=ink.TEXT)
        ax.grid(**GRID)
        ax.axhline(1, color=ink.INK, linewidth=1)
        percent = np.linspace(0, 99.1, 200)
        ax.plot(percent, 1 / (1 - percent / 100), color=ink.FAINT, linewidth=1.2, linestyle="--", label="ideal")
        self.lines = {name: ax.plot([], [], color=colour, linewidth=1.8, marker=MARKS[name], markersize=4,
                                    label=name)[0] for name, colour in COLOURS.items()}
        (self._cross,) = ax.plot([], [], "o", color=ink.INK, markersize=9, markerfacecolor=HERE)
        self._here = ax.axvline(0, color=ink.INK, linewidth=1, linestyle=":")
        self._said = ax.text(0, 1 / 5, "", fontsize=ink.TEXT, color=ink.INK, va="center")
        ax.legend(loc="upper left", fontsize=ink.SMALL, frameon=False, ncols=2, labelspacing=0.2, columnspacing=1,
                  borderaxespad=0.1)
        self.artists = [self._here, *self.lines.values(), self._cross, self._said]

    def paint(self, frame):
        for name, line in self.lines.items():
            line.set_data(np.transpose(frame.heat.curves[name]) if frame.heat.curves[name] else ([], []))
        self._here.set_xdata([frame.percent] * 2)
        there = frame.heat.crossover is not None
        self._cross.set_data([frame.heat.crossover] if there else [], [1] if there else [])
        said = f"crossover at {frame.heat.crossover:.0f} %" if there else "no crossover"
        self._said.set_text(f"batch {frame.batch:,}: {said if there or frame.heat.swept else '…'}")


class Sizes:
    """Bytes of each format over sparsity; the marked points are their break-even points."""

    def __init__(self, ax, scales):
        self._scales = scales
        ink.plain(ax, "Bytes over sparsity")
        ax.set(xlim=(-2, 102), ylim=(0, 208), xticks=range(0, 101, 20), yticks=(0, 50, 100, 150, 200))
        ax.set_xlabel("sparsity (%)", fontsize=ink.TEXT)
        ax.set_ylabel("bytes, % of dense", fontsize=ink.TEXT)
        ax.grid(**GRID)
        ax.axhline(100, color=ink.INK, linewidth=1)
        for name, colour in SHADES.items():
            ax.plot(scales.places, 100 * scales.bytes[name] / scales.dense, color=colour, linewidth=1.8, label=name)
            even = scales.break_even(name)
            if even is not None:
                ax.plot([even], [100], "D", color=colour, markersize=5)
        ax.plot([50], [100 * scales.half / scales.dense], "*", color=ink.INK, markersize=9, label="2:4", linestyle="")
        ax.legend(loc="upper right", fontsize=ink.SMALL, frameon=False, labelspacing=0.2, borderaxespad=0.1)
        self._here = ax.axvline(0, color=ink.INK, linewidth=1, linestyle=":")
        (self._points,) = ax.plot([], [], "o", color=ink.INK, markersize=6, markerfacecolor=HERE)
        self.artists = [self._here, self._points]

    def paint(self, frame):
        self._here.set_xdata([frame.percent] * 2)
        self._points.set_data([frame.percent] * len(frame.bytes),
                              [100 * many / self._scales.dense for many in frame.bytes.values()])


class Roof:
    """How fast this computer can be at best for a loop that loads so many bytes, and who gets how near.

    To the left of the bend the loads are the limit, to its right the multiplications.
    """

    def __init__(self, ax):
        self._ax = ax
        ink.plain(ax, "Why: loads or multiplications?")
        ax.set(xscale="log", yscale="log", xlim=(0.1, 8), ylim=(0.1, 600), xticks=(0.125, 0.25, 0.5, 1, 2, 4))
        ax.set_xticklabels(["1/8", "1/4", "1/2", "1", "2", "4"])
        ax.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
        ax.minorticks_off()
        ax.set_xlabel("operations for each byte loaded", fontsize=ink.TEXT)
        ax.set_ylabel("billion operations/s", fontsize=ink.TEXT)
        ax.grid(**GRID)
        self._x = np.geomspace(0.1, 8, 60)
        (self._cache,) = ax.plot([], [], color=ink.INK, linewidth=2)
        (self._memory,) = ax.plot([], [], color=ink.FAINT, linewidth=1.2, linestyle="--")
        (self._dense,) = ax.plot([], [], color=ink.INK, linewidth=1.2, linestyle=":")
        self._names = [ax.text(0, 1, "", fontsize=ink.SMALL, color=ink.FAINT, clip_on=True) for _ in range(4)]
        self._points = {name: ax.plot([], [], MARKS[name], color=COLOURS[name], markersize=8, markeredgewidth=2)[0]
                        for name in (NAIVE, SPARSE, BLOCKS)}
        ax.legend(handles=list(self._points.values()), labels=list(self._points), loc="lower right", fontsize=ink.SMALL,
                  frameon=False, labelspacing=0.3, borderaxespad=0.1)
        self.artists = [self._cache, self._memory, self._dense, *self._names, *self._points.values()]

    def paint(self, frame):
        limits, unit = frame.heat.limits, 1e-9
        if limits is not None:
            self._cache.set_data(self._x, unit * np.minimum(limits.multiply, limits.cache * self._x))
            self._memory.set_data(self._x, unit * np.minimum(limits.multiply, limits.memory * self._x))
        dense = frame.heat.rates.get(DENSE)
        self._dense.set_data([0.1, 8] if dense else [], [unit * dense[1]] * 2 if dense else [])
        slope = self._slope()
        self._name(0, 7.6, dense and unit * dense[1] * 0.9, "dense, measured", ha="right", va="top")
        self._name(1, 7.6, limits and unit * limits.multiply * 1.1, "multiplications", ha="right", va="bottom")
        self._name(2, 0.105, limits and unit * limits.cache * 0.135, "loads from the fastest cache", rotation=slope)
        self._name(3, 0.105, limits and unit * limits.memory * 0.135, "loads from main memory", rotation=slope)
        for name, point in self._points.items():
            rate = frame.heat.rates.get(name)
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
