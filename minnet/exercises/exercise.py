"""An exercise: a question, a check of the learner's answer, hints in steps, and a solution.

It is a decorated function in the file of its lesson.  The function is the check: it returns None for a correct
answer, else one sentence that says what is wrong.  Its docstring is the question.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from textwrap import dedent

from minnet.exercises.feedback import Note
from minnet.nn.layer import Layer


@dataclass(frozen=True)
class Exercise:
    """An exercise, as the decorator `exercise` makes it."""

    id: str
    check: Callable
    hints: tuple[str, ...]
    solution: str
    setting: str

    @property
    def question(self) -> str:
        return inspect.getdoc(self.check)

    def judge(self, answer, *given) -> Note:
        """Check an answer; returns a `Note` and never raises, whatever the answer does."""
        if answer is ...:
            return Note("unfilled", f'Replace the `...` above by your answer and run this cell again. '
                                    f'`mn.hint("{self.id}")` helps.')
        if answer is None:
            name = self._names[0]
            return Note("off", f"`{name}` is `None`: what you assigned to it returned nothing. `mn.prune` and `mn.cut` "
                               "change the network itself and return nothing: write them on a line of their own, "
                               f"without `{name} =`.")
        try:
            inspect.signature(self.check).bind(answer, *given)
        except TypeError:
            return Note("off", f"This exercise is checked with `{self.call}`.")
        try:
            own = callable(answer) and not isinstance(answer, Layer)  # a network is callable, too
            off = self.check(_careful(answer) if own else answer, *given)
        except _Unfinished as unfinished:
            return Note(*unfinished.args)
        except Exception as error:  # an answer that the check did not expect
            return Note("off", f"An answer like {_short(answer)} can't be checked here "
                               f"({type(error).__name__}: {_said(str, error)}).")
        return Note("off", off) if off else Note("right")

    @property
    def call(self) -> str:
        """How the exercise is checked, for example ``mn.check("03.kept", kept, net)``."""
        return f'mn.check("{self.id}", {", ".join(self._names)})'

    @property
    def _names(self):
        """The names of the arguments, the answer first."""
        return list(inspect.signature(self.check).parameters)


def exercise(id, *, hints, solution, setting=""):
    """Decorator that turns a check into an exercise.

    Parameters
    ----------
    id : str
        Number of the lesson and a name, "03.kept".
    hints : sequence of str
        From a small hint to nearly the whole answer; at least two.
    solution : str
        The learner's whole cell, filled in.  It assigns the answer to the name of the check's first argument.
    setting : str
        Lines that create what the lesson has defined before the exercise; the tests run them before the solution.

    The check gets the learner's answer and the other arguments of `mn.check`, for example the learner's network, so
    it can compute the correct answer.
    """
    def make(check):
        return Exercise(id, check, tuple(hints), dedent(solution).strip(), dedent(setting).strip())
    return make


class _Unfinished(Exception):
    """Ends a check in which the learner's function failed; holds the kind and the text of the note."""


def _careful(function):
    """Wrap the learner's function: if it raises or returns nothing, the check ends with a note that says so."""
    name = getattr(function, "__name__", "your function")

    def call(*args):
        try:
            result = function(*args)
        except Exception as error:
            raise _Unfinished("off", f"`{name}` stopped with {type(error).__name__}: {_said(str, error)}.") from None
        if result is None or result is ...:
            raise _Unfinished("unfilled", f"`{name}` returns nothing so far: end it with `return` and what it found.")
        return result
    return call


def _short(answer):
    return f"`{text[:40]}…`" if len(text := _said(repr, answer)) > 40 else f"`{text}`"


def _said(how, value):
    """A value in words; a class of the learner's may fail to say what it is."""
    try:
        return how(value)
    except Exception:
        return f"a {type(value).__name__}"
