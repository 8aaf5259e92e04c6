"""How the criteria did, in diagrams: accuracy over the sparsity, and all criteria at one sparsity.

The two that are held against each other are A, blue, and B, orange; round marks are networks as pruned, diamonds are
networks retrained.
"""

from __future__ import annotations

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from minnet.draw import ink
from minnet.explore.jury import CRITERIA, PERCENT

A, B, OTHER = ink.POSITIVE, ink.AMBER, "#BBBBBB"  # A and B are also told apart by how dark they are
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
        ink.plain(ax, "Accuracy (%)")
        ax.set(xlim=(-2, 97), ylim=(0, 104), xticks=range(0, 101, 20), yticks=range(0, 101, 25))
        ax.set_xlabel("sparsity (% of units)", fontsize=ink.SMALL)
        ax.grid(color=ink.GRID, linewidth=0.8)
        self._here = ax.axvline(0, color=ink.FAINT, linewidth=1)
        self.others = {name: ax.plot([], [], color=OTHER, linewidth=1)[0] for name in CRITERIA}
        (self.dice,) = ax.plot([], [], color=ink.FAINT, linewidth=1.5, linestyle="--")
        self.lines = [ax.plot([], [], color=colour, linewidth=2.4)[0] for colour in (A, B)]
        self.retrained = [ax.plot([], [], "D", color=colour, markersize=7, markeredgecolor="white")[0]
                          for colour in (A, B)]
        self.alone = {name: [ax.plot([], [], color=colour, linestyle=STYLES[i % len(STYLES)], linewidth=2)[0]
                             for colour in (A, B)] for i, name in enumerate(layers)}
        self._together = [*self.others.values(), self.dice, *self.lines, *self.retrained]
        self._styles = _legends(ax, layers)
        # What a slider moves lies on top, so that nothing else is drawn again.
        self.artists = [self._styles, *self._together, *(line for pair in self.alone.values() for line in pair),
                        self._here]

    def update(self, frame):
        """Show what a `Frame` holds."""
        self._here.set_xdata([frame.percent] * 2)
        for name, line in self.others.items():
            _put(line, PERCENT, 100 * frame.curves[name])
        _put(self.dice, PERCENT, 100 * frame.curves["random"])
        for name, line, points, aside in zip((frame.a, frame.b), self.lines, self.retrained, (-ASIDE, ASIDE),
                                             strict=True):
            found = frame.retrained[name]
            _put(line, PERCENT, 100 * frame.curves[name])
            _put(points, [p + aside for p in found], [100 * np.mean(each) for each in found.values()])
        for name, pair in self.alone.items():
            found = (frame.alone or {}).get(name)
            for i, line in enumerate(pair):
                _put(line, *([PERCENT, 100 * found[i]] if found else [[], []]))
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
        Of the dice, of the first.

    Attributes
    ----------
    pruned, retrained : (Line2D, LineCollection)
    artists : list of Artist
    """

    def __init__(self, ax, many, seed):
        ink.plain(ax, f"All criteria at this sparsity: accuracy (%), seed {seed}")
        at = np.arange(len(CRITERIA))
        ax.set(xlim=(-0.6, len(at) - 0.4), ylim=(0, 104), yticks=range(0, 101, 25), xticks=at)
        ax.set_xticklabels(CRITERIA)
        ax.tick_params(axis="x", length=0, labelsize=ink.SMALL - 1)  # so that the longest name has room
        ax.grid(color=ink.GRID, linewidth=0.8, axis="y")
        self._bands = [ax.bar([0], [103], 0.92, color=colour, alpha=0.22)[0] for colour in (A, B)]
        self.pruned, self.retrained = (
            (ax.plot([], [], marker, color=colour, markerfacecolor=face, markersize=7, label=name, linestyle="")[0],
             ax.add_collection(LineCollection([], colors=colour, linewidths=2), autolim=False))
            for marker, colour, face, name in (("o", ink.INK, "white", "pruned"),
                                               ("D", ink.AFTER, ink.AFTER, "and retrained")))
        ax.legend(handles=[self.pruned[0], self.retrained[0]], loc="upper center", bbox_to_anchor=(0.5, -0.13),
                  title=f"mean and range of {many} networks:" if many > 1 else None, ncols=2, fontsize=ink.SMALL,
                  title_fontsize=ink.SMALL, frameon=False, handletextpad=0.2, columnspacing=1.2, borderpad=0)
        self.artists = [*self._bands, *reversed(self.pruned), *reversed(self.retrained)]

    def update(self, frame):
        """Show what a `Frame` holds."""
        for band, name in zip(self._bands, (frame.a, frame.b), strict=True):
            if band.get_x() != (x := CRITERIA.index(name) - 0.46):
                band.set_x(x)
        again = {name: found[frame.percent] for name, found in frame.retrained.items() if frame.percent in found}
        for (marks, ranges), found, aside in ((self.pruned, frame.here, -0.14), (self.retrained, again, 0.14)):
            at = [CRITERIA.index(name) + aside for name in found]
            marks.set_data(at, [100 * np.mean(each) for each in found.values()])
            ranges.set_segments([[(x, 100 * min(each)), (x, 100 * max(each))]
                                 for x, each in zip(at, found.values(), strict=True)])


def _put(line, x, y):
    """New points for a line; one that has them already need not be drawn again."""
    if not (np.array_equal(line.get_xdata(), x) and np.array_equal(line.get_ydata(), y)):
        line.set_data(x, y)


def _legends(ax, layers):
    """What colours mean, above the Axes; returned is what line styles mean, where each layer is pruned alone."""
    keys = [("A", A, "-", ""), ("B", B, "-", ""), ("dice", ink.FAINT, "--", ""), ("others", OTHER, "-", ""),
            ("retrained", ink.INK, "", "D")]  # fmt: skip
    keys = [Line2D([], [], color=colour, linestyle=style, marker=mark, label=name, markersize=5)
            for name, colour, style, mark in keys]
    names = [Line2D([], [], color=ink.INK, linestyle=STYLES[i % len(STYLES)], label=f"only {name} pruned")
             for i, name in enumerate(layers)]
    how = {"fontsize": ink.SMALL, "frameon": False, "borderpad": 0, "handlelength": 1.6}
    ax.add_artist(ax.legend(handles=keys, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(keys), columnspacing=1,
                            handletextpad=0.4, **how))
    return ax.legend(handles=names, loc="lower left", labelspacing=0.25, **how)
