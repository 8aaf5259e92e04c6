"""Learning-rate schedules: functions from the index of the step to the rate.

Give one to an optimiser in place of a number: ``mn.SGD(mn.lr.cosine(0.1, steps=1000))``.
"""

from __future__ import annotations

import math

from minnet.messages import function, number, whole


def constant(lr):
    """The same rate at every step."""
    lr = number(lr, "lr")
    return lambda index: lr


def step(lr, every, factor=0.1):
    """Multiply the rate by ``factor`` after each ``every`` steps."""
    lr, every, factor = number(lr, "lr"), whole(every, "every", least=1), number(factor, "factor")
    return lambda index: lr * factor ** (index // every)


def cosine(lr, steps, final=0.0):
    """Decrease from ``lr`` to ``final`` along half a cosine (Loshchilov & Hutter 2017)."""
    lr, steps, final = number(lr, "lr"), _span(steps), number(final, "final")
    return lambda index: final + (lr - final) * (1 + math.cos(math.pi * min(index / steps, 1))) / 2


def warm_up(schedule, steps):
    """Increase linearly over the first ``steps`` steps, then follow ``schedule`` (a rate or a schedule)."""
    after = function(schedule, "schedule", "of the step") if callable(schedule) else constant(schedule)
    steps = _span(steps)
    number(after(0), "the rate of the schedule")
    return lambda index: after(index) * min((index + 1) / steps, 1)


def _span(steps):
    if number(steps, "steps") <= 0:
        raise ValueError(f"steps is more than 0, got {steps:g}")
    return steps
