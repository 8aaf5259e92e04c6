"""Measure how long things take, side by side and fairly.

Every benchmark of the project asks `compare` for its figures: that is `minnet.measure.latency`, which runs the
candidates in turn (A B A B …), so that a computer that slows down for a moment slows all of them down alike, and
reports medians with their spread. `threads(n)` holds the thread pools of BLAS and OpenMP to n meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from minnet.measure import Timing
from minnet.measure import latency as compare

__all__ = ["Timing", "compare", "threads"]


@contextmanager
def threads(n: int | None) -> Iterator[None]:
    """Hold BLAS and OpenMP to `n` threads inside the `with` block (None: leave them alone)."""
    if n is None:
        yield
        return
    from threadpoolctl import threadpool_limits  # it comes with scikit-learn
    with threadpool_limits(limits=n):
        yield
