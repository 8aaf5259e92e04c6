"""The three calls of a learner: is my answer right, give me a hint, show me a solution.

Exercises are found by their id: "03.kept" is the exercise of that id in `lesson03.py`.
"""

from __future__ import annotations

from minnet.exercises import solved
from minnet.exercises.catalog import exercises
from minnet.exercises.feedback import Note
from minnet.messages import closest

_given = {}  # how many hints of each exercise the learner has seen


def check(id, answer=..., *given) -> Note:
    """Say whether an answer is right, or in one sentence what is off.  It never raises.

    Parameters
    ----------
    id : str
        The exercise, for example "03.kept".
    answer : anything
        Yours; ``...`` means not filled in yet.
    *given : anything
        What you worked with, for example your network, where the exercise asks for it.

    Returns
    -------
    Note
        Shows itself at the end of a cell; ``.right`` is True or False.
    """
    def judge(exercise):
        said = exercise.judge(answer, *given)
        if said.right:
            solved.note(id)
        return said
    return _find(id, judge)


def hint(id) -> Note:
    """The next hint for an exercise, a little more with each call."""
    def give(exercise):
        number = _given[id] = min(_given.get(id, 0) + 1, len(exercise.hints))
        text = exercise.hints[number - 1]
        if number == len(exercise.hints):
            text += f' This was the last one; `mn.solution("{id}")` shows a solution.'
        return Note("hint", text, f"Hint {number} of {len(exercise.hints)}.")
    return _find(id, give)


def solution(id) -> Note:
    """One right answer to an exercise; others may be right too."""
    return _find(id, lambda exercise: Note("solution", "Others may be right too.", "One solution.", exercise.solution))


def _find(id, then):
    known = exercises()
    if id in known:
        return then(known[id])
    return Note("off", f"There is no exercise {id!r}.{closest(id, known)}")
