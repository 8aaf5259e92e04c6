"""Exercises that check the learner's own answer: `check`, `hint` and `solution`, all called by an exercise's id.

The exercises of a lesson are in one file, for example `lesson03.py`; to add one, write a decorated function there.
"""

from minnet.exercises.commands import check, hint, solution
from minnet.exercises.solved import progress

__all__ = ["check", "hint", "progress", "solution"]
