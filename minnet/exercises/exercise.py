"""An exercise: a question, a check of the learner's answer, hints in steps, and a solution.

It is written as one decorated function in the file of its lesson.  The function is the check: it returns None
for a right answer and otherwise one sentence that says what is off.  Its docstring is the question.
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
    """See `exercise`, which makes one."""

    id: str
    check: Callable
    hints: tuple[str, ...]
    solution: str
    setting: str

    @property
    def question(self) -> str:
        return inspect.getdoc(self.check)

    def judge(self, answer, *given) -> Note:
        """Check an answer; whatever the answer does, a `Note` comes back and nothing is raised."""
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
            own = callable(answer) and not isinstance(answer, Layer)  # a network is called too, but nobody wrote it
            off = self.check(_careful(answer) if own else answer, *given)
        except _Unfinished as unfinished:
            return Note(*unfinished.args)
        except Exception as error:  # an answer of a kind that nobody thought of
            return Note("off", f"An answer like {_short(answer)} can't be checked here "
                               f"({type(error).__name__}: {error}).")
        return Note("off", off) if off else Note("right")

    @property
    def call(self) -> str:
        """How the exercise is checked, for example ``mn.check("03.kept", kept, net)``."""
        return f'mn.check("{self.id}", {", ".join(self._names)})'

    @property
    def _names(self):
        """Of the learner's things, the answer first."""
        return list(inspect.signature(self.check).parameters)


def exercise(id, *, hints, solution, setting=""):
    """Turn the check below it into an exercise.

    Parameters
    ----------
    id : str
        Number of the lesson and a name, "03.kept".
    hints : sequence of str
        From a nudge to nearly everything; at least two.
    solution : str
        The learner's whole cell, filled in.  It assigns the answer to the name of the check's first argument.
    setting : str
        Lines that make what the solution finds ready in its lesson; the tests run them before it.

    The check gets the learner's answer and then whatever else `mn.check` is called with, for example the
    learner's network, so it can compute what is right and need not know it beforehand.
    """
    def make(check):
        return Exercise(id, check, tuple(hints), dedent(solution).strip(), dedent(setting).strip())
    return make


class _Unfinished(Exception):
    """Carries the kind and the text of a note out of a check that called the learner's function."""


def _careful(function):
    """The learner's function; where it raises or returns nothing, the check ends with a note that says so."""
    name = getattr(function, "__name__", "your function")

    def call(*args):
        try:
            result = function(*args)
        except Exception as error:
            raise _Unfinished("off", f"`{name}` stopped with {type(error).__name__}: {error}.") from None
        if result is None or result is ...:
            raise _Unfinished("unfilled", f"`{name}` returns nothing so far: end it with `return` and what it found.")
        return result
    return call


def _short(answer):
    return f"`{text[:40]}…`" if len(text := repr(answer)) > 40 else f"`{text}`"
