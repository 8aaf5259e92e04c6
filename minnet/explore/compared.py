"""Two twins compared in diagrams: what they recognise while they learn, and what they answer to one question.

The twins are told apart by colour and by their markers: round for dropout, square for pruning.
"""

from __future__ import annotations

import numpy as np
from matplotlib.patches import Rectangle

from minnet.draw import ink

DROPOUT, PRUNING = ink.PURPLE, ink.AFTER


class Curves:
    """What both recognise of training and of new samples, over the training steps.

    Parameters
    ----------
    ax : Axes
    last : int
        The last training step.
    per_epoch : int
        Steps.
    before : float
        What the network that both come from recognises of new samples (0 to 1).

    Attributes
    ----------
    lines : list of Line2D
        Dropout: training, new; pruning: training, new.
    artists : list of Artist
    """

    def __init__(self, ax, last, per_epoch, before):
        self._per_epoch = per_epoch
        ink.plain(ax, "Recognised (%): ‒ ‒ training, — new signals")
        ax.set(xlim=(-0.03 * last, 1.03 * last), ylim=(0, 108), yticks=range(0, 101, 25))
        ax.set_xlabel("training step", fontsize=ink.SMALL)
        ax.grid(color=ink.GRID, linewidth=0.8)
        given = ax.axhline(100 * before, color=ink.INK, linewidth=1.2, linestyle=":", label="new, as given")
        self.lines = [ax.plot([], [], color=colour, marker=marker, markersize=4, linewidth=1.6, linestyle=style)[0]
                      for colour, marker in ((DROPOUT, "o"), (PRUNING, "s")) for style in ("--", "-")]
        for line, name in zip(self.lines[1::2], ("dropout", "pruned"), strict=True):
            line.set_label(name)
        self._here = ax.axvline(1, 0.02, 0.97, color=ink.INK, linewidth=1)
        ax.legend(handles=[*self.lines[1::2], given], loc="lower center", fontsize=ink.SMALL, frameon=False, ncols=3)
        self.artists = [*self.lines, self._here]

    def update(self, frame):
        """Show what a `Frame` holds."""
        for at, side in enumerate((frame.dropout, frame.pruning)):
            x = np.arange(len(side.record)) * self._per_epoch
            self.lines[2 * at].set_data(x, [100 * moment.train for moment in side.record])
            self.lines[2 * at + 1].set_data(x, [100 * moment.new for moment in side.record])
        self._here.set_xdata([frame.step, frame.step])


class Answers:
    """How often each class is the answer to the same question; while they learn, nobody is asked.

    Parameters
    ----------
    ax : Axes
    names : sequence of str
        Of the classes.
    asked : int
        How often the question is asked.

    Attributes
    ----------
    bars : list of list of Rectangle
        Of dropout and of pruning, one a class.
    artists : list of Artist
    """

    def __init__(self, ax, names, asked):
        self._names, self._asked = names, asked
        ink.plain(ax, f"Answers to one signal, asked {asked} times (▼ right)")
        ax.set(xlim=(-0.6, len(names) - 0.4), ylim=(0, asked * 1.2), xticks=range(len(names)), xticklabels=names)
        self.bars = [[ax.add_patch(Rectangle((x + shift, 0), 0.4, 0, color=colour, linewidth=0))
                      for x in range(len(names))]
                     for shift, colour in ((-0.4, DROPOUT), (0, PRUNING))]
        (self._truth,) = ax.plot([], [], "v", color=ink.INK, markersize=7)
        self._silence = ax.text(0.5, 0.5, "While they learn, nobody is asked:\nchoose “predict”", ha="center",
                                va="center", fontsize=ink.TEXT, color=ink.FAINT, transform=ax.transAxes)
        self.artists = [*[bar for side in self.bars for bar in side], self._truth, self._silence]

    def update(self, frame):
        """Show what a `Frame` holds."""
        for bars, side in zip(self.bars, (frame.dropout, frame.pruning), strict=True):
            for bar, count in zip(bars, side.answers, strict=True):
                if bar.get_height() != count:
                    bar.set_height(count)
        asked = bool(frame.dropout.answers.any())
        for artist, seen in ((self._truth, asked), (self._silence, not asked)):
            if artist.get_visible() != seen:
                artist.set_visible(seen)
        if asked:
            self._truth.set_data([self._names.index(frame.truth)], [self._asked * 1.1])
