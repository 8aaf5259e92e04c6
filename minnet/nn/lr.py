"""Learning-rate schedules: functions from the index of the step to the rate.

Give one to an optimiser in place of a number: ``mn.SGD(mn.lr.cosine(0.1, steps=1000))``.
"""

from __future__ import annotations

import math


def constant(lr):
    """The same rate at every step."""
    return lambda index: lr


def step(lr, every, factor=0.1):
    """Multiply the rate by ``factor`` after each ``every`` steps."""
    return lambda index: lr * factor ** (index // every)


def cosine(lr, steps, final=0.0):
    """Decrease from ``lr`` to ``final`` along half a cosine (Loshchilov & Hutter 2017)."""
    return lambda index: final + (lr - final) * (1 + math.cos(math.pi * min(index / steps, 1))) / 2


def warm_up(schedule, steps):
    """Increase linearly over the first ``steps`` steps, then follow ``schedule`` (a rate or a schedule)."""
    after = schedule if callable(schedule) else constant(schedule)
    return lambda index: after(index) * min((index + 1) / steps, 1)
