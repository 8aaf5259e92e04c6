"""Lecture mode: larger pictures, with larger text, lines and points.

Call ``mn.lecture()`` before making the pictures, and they can be read from the last row.  A picture keeps the size at
which it was made.
"""

from __future__ import annotations

from typing import NamedTuple


class Room(NamedTuple):
    """How much larger than at a desk a figure is, and how much larger its text, lines and points are."""

    sheet: float
    ink: float


DESK, LECTURE = Room(1, 1), Room(1.25, 1.4)
_now = DESK


def lecture(on=True):
    """Make the text, lines and controls of all later pictures and explorers large enough for a lecture.

    Parameters
    ----------
    on : bool
        ``mn.lecture(False)`` goes back to the size for a desk.
    """
    global _now
    if not isinstance(on, bool):
        raise TypeError(f"lecture takes True or False, got {on!r}; write mn.lecture() or mn.lecture(False)")
    _now = LECTURE if on else DESK


def room():
    """The `Room` for which pictures are made at present."""
    return _now
