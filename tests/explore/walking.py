"""What a learner can do with any explorer, and how two explorers are compared.

Every control and button that is visible is found, whatever the explorer calls it, and moved anywhere it can go,
extremes included.
"""

import os
from dataclasses import fields, is_dataclass

import ipywidgets as widgets
import numpy as np
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from minnet.explore import Explorer
from minnet.nn.layer import Layer
from minnet.widgets.explorer_base import all_inside as inside

KINDS = [kind for kind in Explorer.registry.values() if kind.__module__.startswith("minnet.")]

# MINNET_THOROUGH=1 makes 2,000 moves with every explorer, and opens and closes 50 of them (an hour instead of minutes).
THOROUGH = os.environ.get("MINNET_THOROUGH") == "1"
MOVES, WALK = (2000, 50) if THOROUGH else (60, 30)
SHORT = 12  # moves of the walk that `make test` takes
EVERY = 10  # comparisons until another one is opened to compare with
OPENED = 50 if THOROUGH else 2

ONLY_SHOWN = (widgets.HTML, widgets.HTMLMath, widgets.Label, widgets.Image, widgets.IntProgress, widgets.FloatProgress)


def controls_of(explorer):
    """{label: widget} of everything that can be moved or pressed."""
    named = {id(control): name for name, control in explorer.control.items()}
    found = [widget for widget in inside(explorer.widget)
             if isinstance(widget, (widgets.ValueWidget, widgets.Button)) and not isinstance(widget, ONLY_SHOWN)]
    return {named.get(id(widget)) or f"{number}: {widget.description}": widget for number, widget in enumerate(found)}


def places(widget):
    """A strategy for where it can be moved (of options, the place: there may be more of them at any moment)."""
    if hasattr(widget, "options"):
        place = st.integers(-2, 1000)
        return st.lists(place, max_size=4) if isinstance(widget, widgets.SelectMultiple) else place
    if isinstance(widget.value, bool):
        return st.booleans()
    if isinstance(widget.value, str):
        return st.text(max_size=20) | st.sampled_from(["", "0", "1, 2, 3", "<b>", widget.value])
    number = _numbers(widget)
    return st.tuples(number, number).map(sorted).map(tuple) if isinstance(widget.value, tuple) else number


def _numbers(widget):
    if isinstance(widget, widgets.FloatLogSlider):
        return st.floats(widget.min, widget.max).map(lambda power: widget.base**power)
    whole = isinstance(np.ravel(widget.value)[0].item(), int)
    between = st.integers(0, round((widget.max - widget.min) / (widget.step or 1)))
    step = between.map(lambda n: min(widget.min + n * (widget.step or 1), widget.max))
    return st.sampled_from([widget.min, widget.max]) | (step.map(int) if whole else step.map(float))


def move(widget, place):
    """Move a control to a place, or press a button; False if it cannot be moved."""
    if getattr(widget, "disabled", False) or not getattr(widget, "options", True):
        return False
    if isinstance(widget, widgets.Button):
        widget.click()
    elif isinstance(widget, widgets.SelectMultiple):
        widget.index = tuple({each % len(widget.options) for each in place})
    elif hasattr(widget, "options"):
        widget.index = place % len(widget.options)
    else:
        widget.value = place
    return True


def same(one, other, measured=(), where="shown"):
    """Assert that two frames tell the same; what a clock measured need only be there."""
    if is_dataclass(one) and not isinstance(one, type):
        assert type(one) is type(other), where
        for field in fields(one):
            if field.name not in measured:
                same(getattr(one, field.name), getattr(other, field.name), measured, f"{where}.{field.name}")
    elif isinstance(one, dict):
        assert list(one) == list(other), where
        for key in one:
            if key not in measured:
                same(one[key], other[key], measured, f"{where}[{key!r}]")
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), where
        for number, pair in enumerate(zip(one, other, strict=True)):
            same(*pair, measured, f"{where}[{number}]")
    elif isinstance(one, (np.ndarray, float)):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9, err_msg=where)
    elif isinstance(one, Layer):
        same([(p.path, p.value) for p in one.params()], [(p.path, p.value) for p in other.params()], measured, where)
    elif type(one).__eq__ is object.__eq__ and hasattr(one, "__dict__"):
        same(vars(one), vars(other), measured, where)
    else:
        assert one == other, where


class Walk(RuleBasedStateMachine):
    """Move and press whatever is there, and compare what is shown with another explorer over the same experiment."""

    kind = None
    walked = 0

    def __init__(self):
        super().__init__()
        self.explorer, self.other = self.kind.example(), None
        self.resting, self.compared, self.acts = True, 0, 0

    @rule(data=st.data())
    def act(self, data):
        """Move a control or press a button, and see what comes of it."""
        explorer, found = self.explorer, controls_of(self.explorer)
        number = self.acts + data.draw(st.integers(0, len(found) - 1), label="how far from the next in turn")
        (label, widget), place = list(found.items())[number % len(found)], None
        self.acts += 1  # so even the simplest walk, where hypothesis begins, goes round all of them
        note(f"{label}:")
        if not isinstance(widget, widgets.Button):
            place = data.draw(places(widget), label="to")
        patience = data.draw(st.sampled_from([None, 0, 0.05, 1]), label="patience")
        type(self).walked += move(widget, place)
        self.resting = patience is not None or not explorer.job.running
        if self.resting and not explorer.wait(patience or 0):  # else a job goes on while the next move is made
            explorer.job.cancel()
            assert explorer.wait(30)

    @invariant()
    def nothing_went_wrong(self):
        assert self.explorer.errors == []

    @invariant()
    def what_is_shown_is_what_is_so(self):
        explorer = self.explorer
        if not self.resting:
            return
        if self.compared % EVERY == 0:
            self._compare_with_another_sheet()
            self._forget()
            self.other = explorer.another()
        self.compared += 1
        self.other.place(**explorer.state)
        same(explorer.shown, self.other.shown, self.kind.measured)
        assert explorer.sentence(explorer.shown) in explorer._sentence.value

    def _compare_with_another_sheet(self):
        """Painted move after move, the picture is the same as on a clean sheet, and all of it is on the sheet."""
        picture = self.explorer.png()
        self.explorer.redraw()
        assert self.explorer.png() == picture
        left, bottom, right, top = self.explorer._screen.figure.get_tightbbox().extents
        width, height = self.kind.size
        assert min(left, bottom) >= -0.02 and right <= width + 0.02 and top <= height + 0.02

    def _forget(self):
        if self.other is not None:
            self.other.close()
            assert self.other.errors == []

    def teardown(self):
        self._forget()
        self.explorer.close()
        assert self.explorer.errors == []
