"""The bench on which recipes are tried: Train, Cancel, a bar that fills, and the table of everything that was tried.

An explorer that has one defines ``train()``, which starts the job, and ``bring_back(recipe)``, for the row that a
learner chooses in the table.  One that has nothing to choose again takes the `TrainControls` alone.
"""

from __future__ import annotations

from dataclasses import replace

import ipywidgets as widgets
import numpy as np

from minnet.data import Split
from minnet.draw import lecture_mode, palette
from minnet.nn.layer import Layer

# Of the recipes in a picture.
COLOURS = (palette.POSITIVE, palette.NEGATIVE, palette.ROSE, palette.SKY, palette.AMBER, palette.WINE)


class TrainControls:
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


class ResultsTable(TrainControls):
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


# ---- Style -------------------------------------------------------------------------------------------


LIGHT = "--minnet-warning: #B34700; --minnet-focus: #0072B2;"
DARK = "--minnet-warning: #FFB000; --minnet-focus: #56B4E9;"

STYLE = f"""<style>
.minnet-explorer {{ max-width: 1000px; {LIGHT} }}
[data-jp-theme-light="false"] .minnet-explorer {{ {DARK} }}""" + """
.minnet-lecture { zoom: 1.25; }
.minnet-explorer .widget-image { margin-left: 0; margin-right: 0; }
.minnet-explorer .widget-label, .minnet-explorer .widget-readout, .minnet-explorer .widget-label-basic,
.minnet-explorer .widget-html-content, .minnet-explorer .jupyter-button, .minnet-explorer .widget-dropdown select,
.minnet-explorer input { font-size: 15px; }
.minnet-wide .widget-readout { min-width: 180px; }
.minnet-explorer .widget-label { overflow: visible; text-align: left; padding: 0 8px 0 3px; }
.minnet-explorer .widget-toggle-buttons { display: flex; align-items: center; gap: 6px; }
.minnet-explorer .widget-toggle-buttons .mod-active { background: #0072B2; color: white; }
.minnet-explorer :focus-visible { outline: 3px solid var(--minnet-focus); outline-offset: 1px; }
.minnet-explorer p { font-size: 17px; line-height: 1.45; margin: 0; }
.minnet-explorer .minnet-message p { font-size: 15px; color: var(--minnet-warning); }
</style>"""


def dress(widget, room=None):
    """Make a box of widgets look like an explorer, for the room that it is opened in."""
    widget.add_class("minnet-explorer")
    if (room or lecture_mode.room()) is lecture_mode.LECTURE:
        widget.add_class("minnet-lecture")
    widget.children = [widgets.HTML(STYLE, layout={"display": "none"}), *widget.children]
    return widget


# ---- Player ------------------------------------------------------------------------------------------


class Player(widgets.Play):
    """Play, hold and stop for a slider, from one end to the other.

    Parameters
    ----------
    slider : IntSlider or SelectionSlider
    interval : int
        Milliseconds between two steps.
    """

    def __init__(self, slider, interval=500):
        chosen = hasattr(slider, "options")  # then its places are counted
        first, last = (0, len(slider.options) - 1) if chosen else (slider.min, slider.max)
        now = slider.index if chosen else slider.value
        super().__init__(value=now, min=first, max=last, interval=interval, layout={"width": "auto"})
        self._link = widgets.link((self, "value"), (slider, "index" if chosen else "value"))

    def close(self):
        if getattr(self, "_link", None) is not None:
            self._link.unlink()
            self._link = None
        super().close()


# ---- Arguments ---------------------------------------------------------------------------------------


def few(data, train=160, val=80):
    """A data set with so many samples to learn from, to choose on, and (as many) to test."""
    parts = {part: getattr(data, part) for part in ("train", "val", "test")}
    counts = {"train": train, "val": val, "test": val}
    return replace(data, **{part: Split(split.x[: counts[part]], split.y[: counts[part]])
                            for part, split in parts.items()})


def untrained(name, make, seed, data):
    """The network that ``make(seed)`` gives to ``mn.explore.name``, which trains it on a whole data set.

    Raises
    ------
    TypeError
        If there is no network, or only a part of the data: it says what to type instead.
    """
    net = make(seed) if callable(make) and not isinstance(make, Layer) else None
    if not isinstance(net, Layer):
        raise TypeError(f"{name} takes a function that makes an untrained network from a seed, write for example "
                        f"mn.explore.{name}(lambda seed: mn.models.mlp(64, 300, 100, 10, rng=seed), digits)")
    if not hasattr(data, "train"):
        raise TypeError(f"{name} trains and measures: pass the whole data set, not one part of it")
    return net
