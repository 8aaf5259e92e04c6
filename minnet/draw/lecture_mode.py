"""At a desk or in a lecture hall: how large pictures are, and everything in them.

``mn.lecture()`` before the pictures are made, and they can be read from the last row.  Each picture keeps what held
when it was made.
"""

from __future__ import annotations

from typing import NamedTuple


class Room(NamedTuple):
    """How much larger than at a desk the sheet is, and how much larger letters, lines and points are."""

    sheet: float
    ink: float


DESK, HALL = Room(1, 1), Room(1.25, 1.4)
_now = DESK


def lecture(on=True):
    """Make text, lines and controls of everything that is drawn or opened from now on fit a lecture hall.

    Parameters
    ----------
    on : bool
        ``mn.lecture(False)`` goes back to the size for a desk.
    """
    global _now
    if not isinstance(on, bool):
        raise TypeError(f"lecture takes True or False, got {on!r}; write mn.lecture() or mn.lecture(False)")
    _now = HALL if on else DESK


def room():
    """The `Room` that pictures are made for just now."""
    return _now
