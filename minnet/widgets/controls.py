"""What explorers are made of: sliders, buttons and rows that look alike, controls of a training, a table of results."""

from __future__ import annotations

from dataclasses import replace
from html import escape

import ipywidgets as widgets
import numpy as np

from minnet.data import Split
from minnet.draw import lecture_mode, palette

# Of the results in a picture.
COLOURS = (palette.POSITIVE, palette.NEGATIVE, palette.ROSE, palette.SKY, palette.AMBER, palette.WINE)

_STYLE = {"description_width": "initial"}


def slider(label, value, least, most, step=1, *, width="400px", **layout):
    """A slider over whole numbers."""
    return widgets.IntSlider(value, least, most, step, description=label, style=_STYLE, layout=_wide(width, layout))


def choice_slider(label, options, value, *, width="400px", **layout):
    """A slider over given values, or (label, value) pairs."""
    return widgets.SelectionSlider(options=options, value=value, description=label, style=_STYLE,
                                   layout=_wide(width, layout))


def toggles(label, options, value=None, tooltips=()):
    """Buttons of which one is pressed; the first, unless ``value`` says another."""
    options = list(options)
    first = options[0][1] if isinstance(options[0], tuple) else options[0]
    return widgets.ToggleButtons(options=options, value=first if value is None else value, description=label,
                                 tooltips=list(tooltips), style={**_STYLE, "button_width": "auto"},
                                 layout={"width": "auto"})


def dropdown(label, options, value=None, *, width="205px"):
    """A list that opens."""
    return widgets.Dropdown(options=options, description=label, style=_STYLE, layout={"width": width},
                            **({} if value is None else {"value": value}))


def integer(label, value, most=9999, *, width="120px"):
    """A number from 0 to be typed, such as a seed."""
    return widgets.BoundedIntText(value, 0, most, description=label, style=_STYLE, layout={"width": width})


def row(*parts, gap="4px 18px"):
    """Widgets beside each other; where there is no room, on the next line."""
    return widgets.HBox(parts, layout={"flex_flow": "row wrap", "align_items": "center", "grid_gap": gap})


def _wide(width, layout):
    return {"width": width, "max_width": "100%", **layout}


class TrainControls:
    """The buttons that start and stop a job, and a bar that shows how far it is.

    Parameters
    ----------
    explorer : Explorer
        Its ``train`` starts the job, whose work yields (fraction done, what is being done).
    label, tooltip : str
        Of the button that starts it.
    doing, done : str
        What to call the work while it goes on, and once it is complete.
    ready : str
        What to show before.
    act : function, optional
        What the button does, if not ``explorer.train``.

    Attributes
    ----------
    start, cancel : Button
    bar : FloatProgress
    text : HTML
    buttons, status : list
        The two buttons; bar and text.
    widgets : list
        All four, for a row.
    """

    def __init__(self, explorer, label, tooltip, *, doing="training",
                 done="trained", ready="", act=None, width="255px"):
        self._explorer, self._doing, self._done = explorer, doing, done
        self.start = explorer.button(label, act or explorer.train, tooltip)
        self.cancel = explorer.button("Cancel", explorer.job.cancel, "Stop; what is finished stays")
        self.cancel.disabled = True
        self.bar = widgets.FloatProgress(value=0, min=0, max=1, layout={"width": "100px"})
        self.text = widgets.HTML(ready, layout={"width": width, "height": "32px", "overflow": "hidden"})
        self.buttons, self.status = [self.start, self.cancel], [self.bar, self.text]
        self.widgets = [*self.buttons, *self.status]

    def disable(self, reason):
        """Show why there is nothing to start."""
        self.start.disabled = True
        self.text.layout.width, self.text.value = "auto", reason

    def run(self, work):
        """Start a job from the beginning; it takes the place of one that is running."""
        self.bar.value, self.cancel.disabled = 0, False
        self._explorer.job.start(work)

    def progress(self, what):
        """Show how far the job is; None: it has ended."""
        self.cancel.disabled = what is None
        if what is not None:
            self.bar.value, now = what
            self.text.value = escape(f"{self._doing}: {now}" if self._doing else now, quote=False)
        else:
            self.text.value = self._done if self.bar.value == 1 else "stopped; what is finished stays"
            if self._explorer.job.error is not None:
                self._explorer.say(f"Something went wrong: {self._explorer.job.error}")


class ResultsTable:
    """A table of everything that was tried; a line that is chosen is brought back.

    Parameters
    ----------
    explorer : Explorer
        Its ``bring_back(recipe)`` is called with the recipe whose line a user chooses.
    head : str or None
        The table's head line, if there is one.
    numbers : str
        What the numbers in it are.

    Attributes
    ----------
    head : HTML
    table : Select
    """

    def __init__(self, explorer, head, numbers="mean accuracy and range over the seeds"):
        self._explorer, self._listing = explorer, False
        self.table = widgets.Select(options=[], rows=4, description="Tried recipes",
                                    layout={"width": "960px", "max_width": "100%"})
        self.table.add_class("minnet-table")
        self.table.observe(self._chosen, "value")
        self.head = widgets.HTML(
            "<style>.minnet-table select, .minnet-table-head { font: 13px monospace; }"
            ".minnet-table .widget-label { position: absolute; clip-path: inset(50%); }</style>"  # for screen readers
            + ("" if head is None else
               f"<p>Tried recipes: {numbers}. Choose one to bring it back.</p>"
               f"<div class='minnet-table-head' style='padding-left: 8px'>{hard(head)}</div>"))

    def show(self, rows, chosen):
        """List recipes, {recipe: line of text}, and mark the one that is shown (or None)."""
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
        self._slider, self._place = slider, "index" if chosen else "value"
        self.observe(self._lead, "value")
        slider.observe(self._follow, self._place)

    def _lead(self, change):
        setattr(self._slider, self._place, self.value)

    def _follow(self, change):
        place = getattr(self._slider, self._place)  # `widgets.link` would fail where another thread has moved it again
        if place is not None:
            self.value = place

    def close(self):
        if self.comm is not None:  # it is open
            self._slider.unobserve(self._follow, self._place)
            self.unobserve(self._lead, "value")
        super().close()


# ---- Arguments ---------------------------------------------------------------------------------------


def few(data, train=160, val=80):
    """A data set with only the first samples of each part: ``train`` for training, ``val`` for the other two."""
    parts = {part: getattr(data, part) for part in ("train", "val", "test")}
    counts = {"train": train, "val": val, "test": val}
    return replace(data, **{part: Split(split.x[: counts[part]], split.y[: counts[part]])
                            for part, split in parts.items()})
