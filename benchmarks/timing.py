"""Measure how long things take, side by side and fairly.

Every benchmark of the project asks `compare` for its figures: that is `minnet.measure.latency`, which runs the
candidates in turn (A B A B …), so that a computer that slows down for a moment slows all of them down alike, and
reports medians with their spread. `threads(n)` holds the thread pools of BLAS and OpenMP to n meanwhile, and `computer`
says in words what it was measured on.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minnet.measure import Timing
from minnet.measure import latency as compare

__all__ = ["Timing", "compare", "computer", "threads"]


@contextmanager
def threads(n: int | None) -> Iterator[None]:
    """Hold BLAS and OpenMP to `n` threads inside the `with` block (None: leave them alone)."""
    if n is None:
        yield
        return
    from threadpoolctl import threadpool_limits
    with threadpool_limits(limits=n):
        yield


def computer() -> str:
    """Number of cores, and the processor as the system names it."""
    return f"{os.cpu_count()} cores, {_processor()}"


def _processor():
    try:
        lines = [line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()]
    except OSError:
        return platform.processor() or platform.machine()
    said = {line[0].strip(): line[1].strip() for line in lines if len(line) == 2}
    name = said.get("model name", platform.machine())
    wide = " with AVX-512" if "avx512f" in said.get("flags", "").split() else ""
    return f"{name} (family {said['cpu family']}, model {said['model']}){wide}" if "cpu family" in said else name
