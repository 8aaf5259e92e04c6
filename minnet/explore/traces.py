"""Two curves of a training that goes on: the loss and what is right, now and in the run before.

The run before stays in grey, so that two settings can be compared.
"""

from __future__ import annotations

import numpy as np

from minnet.draw import ink

LOSSES = (0.001, 100)  # from the bottom to the top of the picture


class Traces:
    """The curves of loss and accuracy.

    Parameters
    ----------
    top, bottom : Axes
        For the loss and for what is right.
    count : int
        Steps of a whole run.
    classes : int
        What mere guessing gives is marked.

    Attributes
    ----------
    loss, right : tuple of Line2D
        The run before, this run, and the point where it stands.
    artists : list of Artist
    """

    def __init__(self, top, bottom, count, classes):
        self.loss = _trace(top, "Loss", count, np.log(classes), yscale="log", ylim=LOSSES)
        self.right = _trace(bottom, "Right (%)", count, 100 / classes, ylim=(0, 104), xlabel="steps")
        self.artists = [*self.loss, *self.right]

    def update(self, frame):
        """Show what a frame holds of both runs."""
        for (before, now, point), column, scale in ((self.loss, 1, 1), (self.right, 2, 100)):
            latest = frame.loss if column == 1 else frame.accuracy
            before.set_data(frame.before[:, 0], _inside(scale * frame.before[:, column]))
            now.set_data(frame.curve[:, 0], _inside(scale * frame.curve[:, column]))
            point.set_data([frame.step], _inside(np.array([scale * latest])))


def _trace(ax, title, count, guess, **settings):
    ink.plain(ax, title)
    ax.set(xlim=(-0.05 * count, 1.05 * count), **settings)
    ax.grid(color=ink.GRID, linewidth=0.8)
    ax.axhline(guess, color=ink.FAINT, linewidth=1, linestyle="--")
    ax.text(count, guess, "mere guessing", ha="right", va="bottom", fontsize=ink.SMALL, color=ink.FAINT)
    (before,) = ax.plot([], [], color=ink.REMOVED, linewidth=2)
    (now,) = ax.plot([], [], color=ink.INK, linewidth=2)
    (point,) = ax.plot([], [], "o", color=ink.INK, markersize=8, markerfacecolor=ink.YELLOW)
    return before, now, point


def _inside(values):
    """Infinite losses are drawn at the top."""
    return np.clip(np.nan_to_num(values, nan=LOSSES[1], posinf=LOSSES[1]), *LOSSES)
