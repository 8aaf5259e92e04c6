"""The picture one step further, drawn while the hand rests: then the next move only has to show it.

A slider is mostly moved step by step.  Where it will stand next is computed a moment after each move, when the
browser has painted; where it came from is remembered.  Whatever is shown from here is computed anew when the hand
rests again, so everything behind the picture (networks, tables) follows, and nothing out of date can stay.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import NamedTuple

from minnet.explore.dial import places, slides, to_record

PAUSE = 0.06  # seconds after a move: until then the browser paints
FRESH = 1  # seconds for which a view holds while a background job goes on changing what is shown
QUICK = 0.05  # seconds that a picture may take to be drawn ahead, for a hand that moves just then waits


class View(NamedTuple):
    """What an explorer shows: the frame, the bytes of its picture, and its words from top to bottom."""

    frame: object
    png: bytes
    told: list


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
        The views beside it: where the slider came from, and one step further.
    """

    def __init__(self, explorer):
        self._explorer, self.present, self.known = explorer, None, []
        self._since, self._owes, self._timer = 0, False, None

    def learn(self, view):
        """This has been computed; if it is another picture than before, who knows what else has changed."""
        going_on = self._explorer.job.running and monotonic() - self._since < FRESH
        if self.present is None or (view.png != self.present.png and not going_on):
            self.known = []
        self.present, self._owes = view, False

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
        self._timer = loop.call_later(PAUSE, explorer._careful, self._look_ahead, name, change.old)

    def stop(self):
        """Look no further."""
        if self._timer is not None:
            self._timer.cancel()

    def catch_up(self):
        """Compute what has only been shown."""
        if self._owes:
            self._explorer.refresh()

    def _look_ahead(self, name, old):
        explorer = self._explorer
        ahead = _further(explorer.control[name], old) if name in to_record(explorer) else None
        if ahead is None or explorer.took > QUICK:
            self.catch_up()
            return
        known = self.known
        with explorer.undisturbed() as pose:
            pose(**{name: ahead})
            known = [*known, (explorer.state, self.present)]
        self.known, self._since = known, monotonic()


def _further(control, old):
    """Where a slider would stand after one more step in the same direction; None behind its end."""
    values = places(control)
    if not slides(control) or old not in values:
        return None
    now = values.index(control.value)
    ahead = now + (1 if now > values.index(old) else -1)
    return values[ahead] if 0 <= ahead < len(values) else None
