"""The bench on which recipes are tried: Train, Cancel, a bar that fills, and the table of everything that was tried.

An explorer that has one defines ``train()``, which starts the job, and ``bring_back(recipe)``, for the row that a
learner chooses in the table.  One that has nothing to choose again takes the `Launcher` alone.
"""

from __future__ import annotations

import ipywidgets as widgets
import numpy as np

from minnet.draw import ink

COLOURS = (ink.POSITIVE, ink.NEGATIVE, ink.ROSE, ink.SKY, ink.AMBER, ink.WINE)  # of the recipes in a picture


class Launcher:
    """The buttons that start and stop a job, and a bar that tells how far it is.

    Parameters
    ----------
    explorer : Explorer
    """

    def __init__(self, explorer):
        self._explorer = explorer
        self.bar = widgets.FloatProgress(value=0, min=0, max=1, layout={"width": "100px"})
        self.told = widgets.HTML(layout={"width": "255px", "height": "32px", "overflow": "hidden"})

    def buttons(self, label, tooltip="Try it with every seed, in the background"):
        """Train and Cancel."""
        explorer = self._explorer
        self.train = explorer.button(label, explorer.train, tooltip)
        self.cancel = explorer.button("Cancel", explorer.job.cancel, "Stop; what is finished stays")
        self.cancel.disabled = True
        return self.train, self.cancel

    def progress(self, what):
        """Show how far the job is."""
        self.cancel.disabled = what is None
        if what is not None:
            self.bar.value, now = what
            self.told.value = f"training: {now}"
        else:
            self.told.value = "trained" if self.bar.value == 1 else "stopped; what is finished stays"
            if self._explorer.job.error is not None:
                self._explorer.say(f"Something went wrong: {self._explorer.job.error}")


class Bench(Launcher):
    """The widgets of a bench.

    Parameters
    ----------
    explorer : Explorer
    head : str
        The table's head line.
    numbers : str
        What the numbers in it are.
    """

    def __init__(self, explorer, head, numbers="mean accuracy and range over the seeds"):
        super().__init__(explorer)
        self._listing = False
        self.table = widgets.Select(options=[], rows=4, description="Tried recipes",
                                    layout={"width": "960px", "max_width": "100%"})
        self.table.add_class("minnet-table")
        self.table.observe(self._chosen, "value")
        self.head = widgets.HTML(
            "<style>.minnet-table select, .minnet-table-head { font: 13px monospace; }"
            ".minnet-table .widget-label { position: absolute; clip-path: inset(50%); }</style>"  # for those who listen
            f"<p>Tried recipes: {numbers}. Choose one to bring it back.</p>"
            f"<div class='minnet-table-head' style='padding-left: 8px'>{hard(head)}</div>")

    def show(self, rows, chosen):
        """List recipes, {recipe: line of text}, and mark the one that is on show (or None)."""
        options = tuple((hard(line), recipe) for recipe, line in rows.items())
        self._listing = True
        try:
            if options != tuple(self.table.options):
                self.table.options = options
            self.table.value = chosen
        finally:
            self._listing = False

    def _chosen(self, change):
        if change.new is not None and not self._listing:
            self._explorer._careful(self._explorer.bring_back, change.new)


def hard(line):
    """A line whose blanks are not folded."""
    return line.rstrip().replace(" ", "\N{NO-BREAK SPACE}")


def mean_and_range(values):
    """``93.1% (91.9–93.9)``, or a dash where there are none yet."""
    return f"{np.mean(values):.1%} ({100 * min(values):.1f}–{100 * max(values):.1f})" if values else "–"
