"""Measure how long things take, side by side and fairly.

Every benchmark of the project asks `compare` for its figures: it runs the candidates in turn (A B A B …), so that a
computer that slows down for a moment slows all of them down alike, and it reports medians with their spread.
`threads(n)` holds the thread pools of BLAS and OpenMP to n while something is measured.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import NamedTuple


class Timing(NamedTuple):
    """Seconds for one call: the median of all rounds, and the range that the middle half of them covers."""

    median: float
    low: float
    high: float

    def __str__(self):
        scale, unit = next((s, u) for s, u in ((1, "s"), (1e3, "ms"), (1e6, "µs"))
                           if self.median * s >= 1 or u == "µs")
        return f"{self.median * scale:.3g} {unit} ({self.low * scale:.3g}–{self.high * scale:.3g})"


def compare(candidates: dict[str, Callable[[], object]], rounds: int = 15, sample: float = 1e-3,
            budget: float | None = None) -> dict[str, Timing]:
    """Time each candidate in turn, `rounds` times over, and return {name: Timing} in seconds per call.

    Parameters
    ----------
    candidates : dict of name to function without arguments
    rounds : how many samples each candidate gives. The first call of each (compilation, cold caches) is never counted.
    sample : seconds that one sample lasts at least: a fast function is called several times between two looks at
        the clock, because the clock itself takes some 50 ns.
    budget : if given, stop adding rounds once this many seconds have gone by (but never before 3 rounds).
    """
    if not candidates:
        raise ValueError("compare got no candidates; pass a dict such as {'numpy': lambda: x @ w}.")
    repeats = {name: _repeats(run, sample) for name, run in candidates.items()}
    seconds = {name: [] for name in candidates}
    collecting = gc.isenabled()
    gc.disable()                                    # a collection in the middle of a sample is nobody's fault
    try:
        stop = perf_counter() + (budget if budget is not None else float("inf"))
        for done in range(rounds):
            if done >= 3 and perf_counter() > stop:
                break
            for name, run in candidates.items():
                run()                               # bring this candidate's own data back into the CPU's caches
                start = perf_counter()
                for _ in range(repeats[name]):
                    run()
                seconds[name].append((perf_counter() - start) / repeats[name])
    finally:
        if collecting:
            gc.enable()
    return {name: _summary(samples) for name, samples in seconds.items()}


def _repeats(run, sample):
    """How many calls of `run` fill one sample. Its first call is a warm-up."""
    run()
    start = perf_counter()
    run()
    once = perf_counter() - start
    return max(1, int(sample / max(once, 1e-7)))


def _summary(samples):
    if len(samples) < 2:
        return Timing(samples[0], samples[0], samples[0])
    low, median, high = statistics.quantiles(samples, n=4, method="inclusive")
    return Timing(median, low, high)


@contextmanager
def threads(n: int | None) -> Iterator[None]:
    """Hold BLAS and OpenMP to `n` threads inside the `with` block (None: leave them alone)."""
    if n is None:
        yield
        return
    from threadpoolctl import threadpool_limits  # it comes with scikit-learn
    with threadpool_limits(limits=n):
        yield
