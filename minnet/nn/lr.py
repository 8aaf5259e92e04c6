"""Learning-rate schedules: functions from the index of the step to the rate.

Give one to an optimiser in place of a number: ``mn.SGD(mn.lr.cosine(0.1, steps=1000))``.
"""

from __future__ import annotations

import math
from functools import partial

from minnet.messages import function, number


def constant(lr):
    """The same rate at every step."""
    return partial(_constant, number(lr, "lr"))


def step(lr, every, factor=0.1):
    """Multiply the rate by ``factor`` after each ``every`` steps."""
    return partial(_step, number(lr, "lr"), number(every, "every", above=0), number(factor, "factor"))


def cosine(lr, steps, final=0.0):
    """Decrease from ``lr`` to ``final`` along half a cosine (Loshchilov & Hutter 2017)."""
    return partial(_cosine, number(lr, "lr"), number(steps, "steps", above=0), number(final, "final"))


def warm_up(schedule, steps):
    """Increase linearly over the first ``steps`` steps, then follow ``schedule`` (a rate or a schedule)."""
    after = function(schedule, "schedule", "of the step") if callable(schedule) else constant(schedule)
    number(after(0), "the rate of the schedule")
    return partial(_warm_up, after, number(steps, "steps", above=0))


# A function of a module, with some arguments given, can be pickled; one that is defined inside another cannot.


def _constant(lr, index):
    return lr


def _step(lr, every, factor, index):
    return lr * factor ** (index // every)


def _cosine(lr, steps, final, index):
    return final + (lr - final) * (1 + math.cos(math.pi * min(index / steps, 1))) / 2


def _warm_up(after, steps, index):
    return after(index) * min((index + 1) / steps, 1)
