"""The limits of this computer: multiplications and loads per second of one core, measured.

A kernel has to load numbers and to multiply them, and the slower of the two limits its speed: it is memory-bound or
compute-bound. Two small loops measure the limits: one only multiplies numbers that are already in registers, the other
loads an array repeatedly and does almost nothing with it. (Williams, Waterman and Patterson 2009 plot both as a
*roofline*.)
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

from numba import types

from minnet.nn.flat_params import aligned
from minnet.sparse.jit import entry
from minnet.sparse.simd import fma, load, store

CACHE, MEMORY = 16 << 10, 48 << 20      # bytes of an array that fits the fastest cache, and of one that fits none
TRIALS = 5


@dataclass(frozen=True)
class Limits:
    """The highest rates of one core.

    Attributes
    ----------
    multiply : float
        Floating-point operations per second (a multiply-add counts as two, as usual).
    cache, memory : float
        Bytes per second that are loaded from the fastest cache, and from main memory.
    """

    multiply: float
    cache: float
    memory: float


def limits() -> Limits:
    """Measure this computer; takes about a tenth of a second."""
    numbers, rounds = aligned(96), 20_000
    multiply = _best(lambda: multiply_only.call(numbers, rounds), 6 * 16 * 2 * rounds)
    small, large = aligned(CACHE // 4), aligned(MEMORY // 4)
    large[:] = 1  # the operating system provides memory only once it is written to
    cache = _best(lambda: load_only.call(small, numbers, 100), 100 * CACHE)
    memory = _best(lambda: load_only.call(large, numbers, 1), MEMORY)
    return Limits(multiply, cache, memory)


def _best(run, work):
    """Work per second in the fastest of several trials, because other programs can only slow it down."""
    run()
    seconds = []
    for _ in range(TRIALS):
        start = perf_counter()
        run()
        seconds.append(perf_counter() - start)
    return work / min(seconds)


@entry(types.float32[::1], types.int64)
def multiply_only(numbers, rounds):
    """Six sums of sixteen numbers each, which stay in registers: enough of them that no addition waits for another."""
    a = load(16, numbers, 0)
    b = load(16, numbers, 16)
    c = load(16, numbers, 32)
    d = load(16, numbers, 48)
    e = load(16, numbers, 64)
    f = load(16, numbers, 80)
    factor = load(16, numbers, 0)
    for _ in range(rounds):
        a = fma(a, factor, a)
        b = fma(b, factor, b)
        c = fma(c, factor, c)
        d = fma(d, factor, d)
        e = fma(e, factor, e)
        f = fma(f, factor, f)
    store(numbers, 0, a)
    store(numbers, 16, b)
    store(numbers, 32, c)
    store(numbers, 48, d)
    store(numbers, 64, e)
    store(numbers, 80, f)


@entry(types.float32[::1], types.float32[::1], types.int64)
def load_only(array, numbers, rounds):
    """The sum of an array whose length is a multiple of 64, again and again."""
    one = load(16, numbers, 0)
    a = load(16, numbers, 0)
    b = load(16, numbers, 16)
    c = load(16, numbers, 32)
    d = load(16, numbers, 48)
    for _ in range(rounds):
        for i in range(0, len(array), 64):
            a = fma(load(16, array, i), one, a)
            b = fma(load(16, array, i + 16), one, b)
            c = fma(load(16, array, i + 32), one, c)
            d = fma(load(16, array, i + 48), one, d)
    store(numbers, 0, a)
    store(numbers, 16, b)
    store(numbers, 32, c)
    store(numbers, 48, d)
