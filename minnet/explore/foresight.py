"""The pictures one step further, drawn while the hand rests: then the next move only has to show one.

A slider is mostly moved step by step.  What would be shown on either side of it is computed a moment after each move,
when the browser has painted; where it came from is remembered.  Whatever is shown from here is computed anew when the
hand rests again, so everything behind the picture (networks, tables) follows, and nothing out of date can stay.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import NamedTuple

from minnet.explore.dial import places, slides, to_record

PAUSE = 0.06  # seconds after a move: until then the browser paints
FRESH = 1  # seconds for which views hold while a background job goes on changing what is shown
RESTS = 3  # times as long as a picture takes: if it takes long, a hand that moves just then would have to wait
STAYS = 10  # seconds after which a hand that has not moved has left the slider


class View(NamedTuple):
    """What an explorer shows: the frame, the bytes of its picture, and its words from top to bottom."""

    frame: object
    png: bytes
    told: list


class Hand(NamedTuple):
    """Which control was moved last, when, and the event loop that told of it."""

    name: str
    moved: float
    loop: asyncio.AbstractEventLoop


class Foresight:
    """Answers a move of the hand, with a view that is known or with one that is computed now.

    Parameters
    ----------
    explorer : Explorer

    Attributes
    ----------
    present : View
        What is shown.
    known : list of (state, View)
        The views beside it: where the slider came from, and one step to either side.
    """

    def __init__(self, explorer):
        self._explorer, self.present, self.known = explorer, None, []
        self._hand = self._timer = None
        self._since, self._owes, self._looking = 0, False, False

    def learn(self, view):
        """This has been computed and is shown; if it is something else than before, who knows what else is."""
        before, self.present, self._owes = self.present, view, False
        if before is not None and (view.png, view.told) != (before.png, before.told):
            self._doubt()

    def answer(self, change):
        """A hand has moved a control: show what is there now, and look ahead when the hand rests."""
        self.stop()
        explorer, left = self._explorer, self.present
        name = next(name for name, control in explorer.control.items() if control is change.owner)
        found = next((view for state, view in self.known if state == explorer.state), None)
        if found is None:
            explorer.refresh()
        else:
            explorer.show(found)
            self.present, self._owes = found, True
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # outside of a notebook: nobody would catch up
            return
        self.known, self._since = [({**explorer.state, name: change.old}, left)], monotonic()
        self._hand = Hand(name, monotonic(), loop)
        self._look_soon()

    def stop(self):
        """Look no further."""
        if self._timer is not None:
            self._timer.cancel()
        self._hand = self._timer = None

    def catch_up(self):
        """Compute what has only been shown."""
        if self._owes:
            self._explorer.refresh()

    def _doubt(self):
        if self._explorer.job.running and monotonic() - self._since < FRESH:
            return
        self.known, hand = [], self._hand
        if hand is not None and not hand.loop.is_closed():
            hand.loop.call_soon_threadsafe(self._look_soon)

    def _look_soon(self):
        if self._timer is None and self._hand is not None and monotonic() - self._hand.moved < STAYS:
            pause = max(PAUSE, RESTS * self._explorer.took)
            self._timer = self._hand.loop.call_later(pause, self._explorer._careful, self._look)

    def _look(self):
        """Draw one of the pictures that are missing; between two, the hand may move."""
        explorer, name, self._timer = self._explorer, self._hand.name, None
        missing = self._missing(name) if name in to_record(explorer) else []
        if not missing:
            self.catch_up()
            return
        if not self.known:
            self._since = monotonic()
        with explorer.undisturbed() as pose:
            pose(**{name: missing[0]})
            seen = explorer.state, explorer.view
        self.known = [*self.known, seen]
        self._look_soon()

    def _missing(self, name):
        """The values beside the present one of which nothing is known; on the side it came from, something is."""
        known = [state for state, _ in self.known]
        beside = {value: {**self._explorer.state, name: value} for value in _beside(self._explorer.control[name])}
        return [value for value, state in beside.items() if state not in known]


def _beside(slider):
    """Where a slider would stand one step to either side."""
    if not slides(slider):
        return []
    values = places(slider)
    now = values.index(slider.value)
    return values[now + 1 : now + 2] + values[max(now - 1, 0) : now]
