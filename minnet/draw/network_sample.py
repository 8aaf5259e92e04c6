"""A part of a network that is too large to be drawn: some of its neurons, and all connections among them.

The same neurons are drawn all the time, with their own weights.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from matplotlib.collections import LineCollection

from minnet.draw import palette

MOST = 10, 14, 10  # inputs, neurons of a hidden layer and outputs that are drawn at most
THINNEST, WIDEST, LIMIT = 0.4, 2.2, 4.5  # points


class NetworkSample:
    """Neurons in columns and lines between them.

    Parameters
    ----------
    widths : sequence of int
        Inputs, neurons of each hidden layer, outputs.
    ax : Axes
    title : str

    Attributes
    ----------
    shown : list of ndarray of int
        Which neurons of each layer are drawn.
    artists : list of Artist
    """

    def __init__(self, widths, ax, title):
        most = [MOST[0], *[MOST[1]] * (len(widths) - 2), MOST[2]]
        self.shown = [np.linspace(0, n - 1, min(n, limit)).round().astype(int)
                      for n, limit in zip(widths, most, strict=True)]
        heights = [np.linspace(0.5, -0.5, len(each) + 2)[1:-1] for each in self.shown]
        traces = np.concatenate([_between(x, *pair) for x, pair in enumerate(pairwise(heights))])
        self.ghost = LineCollection(traces, colors=palette.REMOVED, linewidths=0.4, alpha=0.45, zorder=1)
        self.kept = LineCollection(traces, capstyle="round", zorder=2)  # lines of width 0 are invisible
        for lines in (self.ghost, self.kept):
            ax.add_collection(lines, autolim=False)
        places = [(x, y) for x, ys in enumerate(heights) for y in ys]
        self.neurons = ax.scatter(*np.array(places).T, s=34, linewidths=0.9, zorder=3)
        notes = [ax.text(x, -0.54, "", ha="center", va="top", fontsize=palette.SMALL, color=palette.INK)
                 for x in range(len(widths))]
        notes[0].set_text(f"{widths[0]} inputs")
        notes[-1].set_text(f"{widths[-1]} outputs")
        self._notes, self._drawn, self._active = notes[1:-1], None, None
        parts = [f"{len(each)} of {n}" for each, n in zip(self.shown, widths, strict=True)]
        ax.text((len(widths) - 1) / 2, -0.66, f"drawn: {', '.join(parts)}", ha="center", va="top",
                fontsize=palette.SMALL, color=palette.FAINT)
        ax.set(xlim=(-0.3, len(widths) - 0.7), ylim=(-0.78, 0.5))
        ax.axis("off")
        ax.set_title(title, fontsize=palette.TITLE, color=palette.INK, loc="left")
        # Ordered by how often they change: whatever lies above a change is drawn again.
        self.artists = [self.ghost, *self._notes, self.kept, self.neurons]

    def update(self, weights, masks, active, *, scale=1.0, gone=False):
        """Show the present state of the network; what has not changed is not redrawn.

        Parameters
        ----------
        weights : list of ndarray, (inputs, outputs)
        masks : list of ndarray of bool, (inputs, outputs)
            Connections in use.
        active : list of ndarray of bool, (width,)
            Which neurons of each hidden layer are active; the others are drawn empty.
        scale : float
            How much stronger the connections behind the first layer act.
        gone : bool
            Don't draw what is not in use: no empty neurons, no traces of connections.
        """
        used, strengths = [], []
        for layer, (weight, mask) in enumerate(zip(weights, masks, strict=True)):
            part = np.ix_(self.shown[layer], self.shown[layer + 1])
            largest = float(np.abs(weight).max(initial=0)) or 1.0
            used.append(mask[part].ravel())
            strengths.append(weight[part].ravel() / largest * (scale if layer else 1))
        used, strength = np.concatenate(used), np.concatenate(strengths)
        drawn = np.where(used, strength, np.nan)
        if self._drawn is None or not np.array_equal(drawn, self._drawn, equal_nan=True):
            self._drawn = drawn
            wide = np.minimum(THINNEST + (WIDEST - THINNEST) * np.abs(strength), LIMIT)
            self.kept.set_colors(palette.strokes(np.clip(strength, -1, 1)))
            self.kept.set_linewidths(np.where(used, wide, 0))
        if self.ghost.get_visible() == gone:
            self.ghost.set_visible(not gone)
        filled = np.concatenate([each[shown] for each, shown in zip(active, self.shown[1:-1], strict=True)])
        filled = np.concatenate([np.ones(len(self.shown[0]), bool), filled, np.ones(len(self.shown[-1]), bool)])
        if self._active is None or not np.array_equal(filled, self._active) or gone:
            self._active = filled
            self.neurons.set_facecolors(np.where(filled, palette.INK, "none" if gone else "white"))
            self.neurons.set_edgecolors(np.where(filled | (not gone), palette.INK, "none"))
        for text, each in zip(self._notes, active, strict=True):
            note = f"{np.count_nonzero(each)} of {len(each)} active"
            if text.get_text() != note:
                text.set_text(note)


def _between(x, left, right):
    """The lines from every neuron of one column to every one of the next, (n, 2, 2)."""
    y0, y1 = (each.ravel() for each in np.meshgrid(left, right, indexing="ij"))
    xs = np.broadcast_to((x, x + 1), (len(y0), 2))
    return np.stack([xs, np.column_stack([y0, y1])], axis=2)
