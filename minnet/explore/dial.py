"""A control of a saved page, and the grid of places at which an explorer is recorded.

An explorer says in ``recorded`` which of its controls the page has, and how finely: {name: how many places, or which
values, or None for all}.  If it says nothing, these are its first slider, and choices while there are not too many
frames.
"""

from __future__ import annotations

import html
import json
from dataclasses import dataclass

import numpy as np

MOST = 200  # frames, where an explorer does not say
PLACES = 21  # of its first slider
FEW = 5  # so many options are buttons beside each other


@dataclass(frozen=True)
class Dial:
    """A control of the page.

    Attributes
    ----------
    name, label : str
    values : tuple
        Where it can stand.
    said : tuple of str
        The same in words.
    start : int
        Where it stands at first.
    slides : bool
        Along a line; otherwise it is a choice.
    """

    name: str
    label: str
    values: tuple
    said: tuple
    start: int
    slides: bool

    def html(self, number):
        """The control in HTML."""
        name, label = f"dial{number}", html.escape(self.label)
        if self.slides:
            said = html.escape(json.dumps(self.said), quote=True)
            return (f'<div><label for="{name}">{label}</label><input type="range" id="{name}" name="{name}" min="0" '
                    f'max="{len(self.values) - 1}" value="{self.start}" data-said="{said}">'
                    f'<output for="{name}"></output></div>')
        if self.values == (False, True):
            checked = " checked" if self.start else ""
            return f'<div><label><input type="checkbox" name="{name}"{checked}> {label}</label></div>'
        if len(self.values) > FEW:
            options = "".join(f'<option value="{i}"{" selected" if i == self.start else ""}>{html.escape(said)}'
                              "</option>" for i, said in enumerate(self.said))
            return f'<div><label for="{name}">{label}</label><select id="{name}" name="{name}">{options}</select></div>'
        buttons = "".join(f'<label><input type="radio" name="{name}" value="{i}"'
                          f'{" checked" if i == self.start else ""}> {html.escape(said)}</label>'
                          for i, said in enumerate(self.said))
        return f"<fieldset><legend>{label}</legend>{buttons}</fieldset>"

    def coarser(self):
        """The same with every second place, the present one and both ends among them."""
        kept = sorted({*range(self.start % 2, len(self.values), 2), self.start, 0, len(self.values) - 1})
        return Dial(self.name, self.label, tuple(self.values[i] for i in kept), tuple(self.said[i] for i in kept),
                    kept.index(self.start), self.slides)


def dials_of(explorer):
    """The controls that are recorded, each with its places."""
    dials = [_dial(name, explorer.control[name], which) for name, which in to_record(explorer).items()
             if not explorer.control[name].disabled]
    if not dials:
        raise ValueError(f"{type(explorer).__name__} has no control that can be recorded; let its `recorded` name one")
    return dials


def to_record(explorer):
    """Which controls may be moved to see what is shown there: {name: how many places, or which, or None for all}."""
    return explorer.recorded if explorer.recorded is not None else _sensible(explorer.control)


def _sensible(controls):
    chosen = {name: PLACES for name, each in controls.items() if slides(each)}
    chosen = dict(list(chosen.items())[:1])
    frames = PLACES if chosen else 1
    for name, control in controls.items():
        count = len(control.options) if hasattr(control, "options") else 2 * isinstance(control.value, bool)
        if name not in chosen and count > 1 and frames * count <= MOST:
            chosen[name] = None
            frames *= count
    return chosen


def slides(control):
    """Whether a control is a slider."""
    return type(control).__name__ in ("SelectionSlider", "IntSlider", "FloatSlider", "FloatLogSlider")


def places(control):
    """Where a control can stand, in order; the present value is among them."""
    if hasattr(control, "options"):
        return list(control._options_values)
    if isinstance(control.value, bool):
        return [False, True]
    count = round((control.max - control.min) / control.step) + 1
    steps = [control.min + i * control.step for i in range(count)]
    if hasattr(control, "base"):  # of a logarithmic slider these are exponents
        steps = [control.base**step for step in steps]
    return sorted({type(control.value)(step) for step in steps} | {control.value})


def _dial(name, control, which):
    words = _words(control)
    values = list(words)
    if isinstance(which, int):
        at = np.linspace(0, len(values) - 1, min(which, len(values))).round().astype(int)
        values = [values[i] for i in np.unique(at)]
    elif which is not None:
        values = [value for value in values if value in which]
    values = [value for value in words if value in values or value == control.value]  # in their order
    return Dial(name, control.description or name, tuple(values), tuple(words[value] for value in values),
                values.index(control.value), hasattr(control, "max") or slides(control))


def _words(control):
    """Where a control can stand, and how that is written: {value: words}."""
    values = places(control)
    if hasattr(control, "options"):
        return dict(zip(values, control._options_labels, strict=True))
    if isinstance(control.value, bool):
        return {False: "off", True: "on"}
    return {value: f"{value:,g}" if isinstance(value, float) else f"{value:,}" for value in values}
