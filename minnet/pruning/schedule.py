"""*When and how often*: the sparsity as a function of the training step.

Call one inside the loop: ``mn.prune(net, mn.cubic(0.9, start=200, stop=1500)(step.index))``.
"""

from __future__ import annotations

from functools import partial

from minnet.messages import fraction, number, whole


def one_shot(final, at=0):
    """Nothing before step ``at``, everything from then on."""
    return partial(_one_shot, fraction(final, "final sparsity"), number(at, "at"))


def linear(final, *, start=0, stop, initial=0.0):
    """Equal increments from ``start`` to ``stop``."""
    return _rising(final, start, stop, initial, power=1)


def cubic(final, *, start=0, stop, initial=0.0):
    """Fast at first, slowing down: ``s_f + (s_i − s_f)(1 − t)³`` (Zhu & Gupta 2017, eq. 1)."""
    return _rising(final, start, stop, initial, power=3)


def geometric(final, rounds):
    """The same fraction of the remaining weights in each round, as for lottery tickets (Frankle & Carbin 2019).

    Returns
    -------
    list of float
        The absolute sparsity after round 1, 2, …, ``rounds``; the last is ``final``.
    """
    final = fraction(final, "final sparsity")
    rounds = whole(rounds, "rounds", least=1)
    return [1 - (1 - final) ** ((i + 1) / rounds) for i in range(rounds)]


def _one_shot(final, at, step):
    return final if step >= at else 0.0


def _rising(final, start, stop, initial, power):
    final, initial = fraction(final, "final sparsity"), fraction(initial, "initial sparsity")
    start, stop = number(start, "start"), number(stop, "stop")
    if not start < stop:
        raise ValueError(f"the schedule must start before it stops, got start={start:g}, stop={stop:g}")
    return partial(_risen, final, start, stop, initial, power)


def _risen(final, start, stop, initial, power, step):
    if step < start:
        return 0.0
    t = min((step - start) / (stop - start), 1.0)
    return initial + (final - initial) * (t if power == 1 else 1 - (1 - t) ** power)
