"""*When and how often*: the sparsity as a function of the training step.

Call one inside the loop: ``mn.prune(net, mn.cubic(0.9, start=200, stop=1500)(step.index))``.
"""

from __future__ import annotations

from minnet.messages import fraction, number, whole


def one_shot(final, at=0):
    """Nothing before step ``at``, everything from then on."""
    final, at = fraction(final, "final sparsity"), number(at, "at")
    return lambda step: final if step >= at else 0.0


def linear(final, *, start=0, stop, initial=0.0):
    """Equal increments from ``start`` to ``stop``."""
    return _rising(final, start, stop, initial, lambda t: t)


def cubic(final, *, start=0, stop, initial=0.0):
    """Fast at first, slowing down: ``s_f + (s_i − s_f)(1 − t)³`` (Zhu & Gupta 2017, eq. 1)."""
    return _rising(final, start, stop, initial, lambda t: 1 - (1 - t) ** 3)


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


def _rising(final, start, stop, initial, shape):
    final, initial = fraction(final, "final sparsity"), fraction(initial, "initial sparsity")
    start, stop = number(start, "start"), number(stop, "stop")
    if not start < stop:
        raise ValueError(f"the schedule must start before it stops, got start={start}, stop={stop}")

    def schedule(step):
        if step < start:
            return 0.0 if initial == 0 else initial * (step >= start)
        return initial + (final - initial) * shape(min((step - start) / (stop - start), 1.0))

    return schedule
