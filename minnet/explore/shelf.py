"""Two outcomes side by side in diagrams: what is recognised for how many weights, and what of each class.

What is laid beside is orange and square, so that colour alone need not tell them apart.
"""

from __future__ import annotations

import numpy as np

from minnet.draw import ink

BESIDE = ink.AMBER
KEPT = 100, 50, 20, 10, 5, 2, 1  # per cent, marked on the axis
MOST = 12  # so many tried recipes are shown, the latest


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
        ink.plain(ax, "Accuracy (%)")
        ax.set(xscale="log", xlim=(125, 0.8), ylim=(0, 108), xticks=KEPT, yticks=range(0, 101, 25))
        ax.set_xticklabels(map(str, KEPT))
        ax.minorticks_off()
        ax.set_xlabel("weights kept (%)", fontsize=ink.TEXT)
        ax.grid(color=ink.GRID, linewidth=0.8)
        self._whole = ax.axhline(-9, color=ink.FAINT, linewidth=1, linestyle=":")
        self._name = ax.text(KEPT[-1], 0, "whole network", fontsize=ink.SMALL, color=ink.FAINT, ha="right", va="top")
        (self._tried,) = ax.plot([], [], "o", color=ink.AFTER, markersize=7)
        (self._other,) = ax.plot([], [], "s", color=BESIDE, markersize=10, markerfacecolor="none", markeredgewidth=2)
        (self._point,) = ax.plot([], [], "o", color=ink.INK, markersize=10, markerfacecolor=ink.YELLOW)
        self._numbers = [ax.text(0, 0, "", fontsize=ink.SMALL, color=ink.INK, va="top", ha="center", clip_on=True)
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
        ink.plain(ax, "Of each class (%)")
        ax.set(xlim=(-0.6, len(names) - 0.4), ylim=(0, 104), xticks=at, yticks=range(0, 101, 50))
        ax.set_xticklabels(names)
        ax.grid(color=ink.GRID, linewidth=0.8, axis="y")
        ax.set_axisbelow(True)
        self.bars = [ax.bar(at + shift, 0 * at, 0.38, color=colour)
                     for shift, colour in ((-0.2, ink.POSITIVE), (0.2, BESIDE))]
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
              borderpad=0, borderaxespad=0.3, fontsize=ink.SMALL, frameon=False, columnspacing=1, **look)
