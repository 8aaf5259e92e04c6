"""The commands of the exercises: check an answer, give a hint, show a solution.

Exercises are found by their id: "03.kept" is the exercise of that id in `lesson03.py`.
"""

from __future__ import annotations

from minnet.exercises import solved
from minnet.exercises.catalog import exercises
from minnet.exercises.feedback import Note
from minnet.messages import closest

_hints_shown = {}  # the number of hints shown so far, for each exercise


def check(id, answer=..., *given) -> Note:
    """Say whether an answer is right, or in one sentence what is wrong.  It never raises.

    Parameters
    ----------
    id : str
        The exercise, for example "03.kept".
    answer : anything
        Your answer; ``...`` means not filled in yet.
    *given : anything
        What the answer is about, for example your network, where the exercise asks for it.

    Returns
    -------
    Note
        Displays itself at the end of a cell; ``.right`` is True or False.
    """
    def judge(exercise):
        note = exercise.judge(answer, *given)
        if note.right:
            solved.note(id)
        return note
    return _find(id, judge)


def hint(id) -> Note:
    """The next hint for an exercise; each one reveals a little more."""
    def give(exercise):
        number = _hints_shown[id] = min(_hints_shown.get(id, 0) + 1, len(exercise.hints))
        text = exercise.hints[number - 1]
        if number == len(exercise.hints):
            text += f' This was the last one; `mn.solution("{id}")` shows a solution.'
        return Note("hint", text, f"Hint {number} of {len(exercise.hints)}.")
    return _find(id, give)


def solution(id) -> Note:
    """One correct answer to an exercise; others may be correct, too."""
    return _find(id, lambda exercise: Note("solution", "Others may be right too.", "One solution.", exercise.solution))


def _find(id, then):
    known = exercises()
    if isinstance(id, str) and id in known:
        return then(known[id])
    return Note("off", f"There is no exercise {id!r}.{closest(id, known)}")
