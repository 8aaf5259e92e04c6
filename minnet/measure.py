"""What a network costs: parameters, operations, bytes and time, before and after pruning.

The four don't decrease together, and a mask alone reduces none of them.  Parameters and operations count what an
ideal implementation would need, bytes what a file really takes, and latency is measured.
"""

from __future__ import annotations

import gc
import gzip
import statistics
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from time import perf_counter, thread_time
from typing import NamedTuple

import numpy as np

from minnet.formats import CSR, Bitmap
from minnet.messages import function, number, numbers, whole
from minnet.nn.attention import Attention, removed_heads
from minnet.nn.contract import observing
from minnet.nn.layer import Layer
from minnet.nn.param import Param
from minnet.threads import at_most

# ---- parameters -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parameters:
    """How many parameters a network has.

    Attributes
    ----------
    all, kept : int
        All numbers, and those that are not masked.
    weights, kept_weights : int
        The same for the weights, which can be pruned on their own, as `mn.sparsity` counts them.
    rows : tuple of (path, all, kept, is a weight)
        One for each `Param`.
    """

    all: int
    kept: int
    weights: int
    kept_weights: int
    rows: tuple[tuple[str, int, int, bool], ...]

    @property
    def others(self):
        """Biases, gains and positions: parameters that are not weights."""
        return self.all - self.weights

    @property
    def compression(self):
        """The compression ratio, all / kept: 10.0 means that a tenth is left."""
        return self.all / self.kept if self.kept else float("inf")

    def __repr__(self):
        table = [(path, f"{kept:,}", f"of {total:,}", "" if weight else "(no weight)")
                 for path, total, kept, weight in self.rows]
        return _table(f"{self.kept:,} of {self.all:,} parameters kept ({self.compression:.1f}×); "
                      f"{self.kept_weights:,} of {self.weights:,} weights", table)


def parameters(net):
    """Count a network's parameters, all and kept, for each `Param` and in total.

    Parameters
    ----------
    net : Layer

    Returns
    -------
    Parameters
    """
    params = _network(net).params()
    weights = [p for p in params if p.prunable]
    return Parameters(sum(p.size for p in params), sum(p.kept for p in params), sum(p.size for p in weights),
                      sum(p.kept for p in weights), tuple((p.path, p.size, p.kept, p.prunable) for p in params))


# ---- operations -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MultiplyAdds:
    """Multiply-adds for one sample; the number of FLOPs is twice as large.

    Attributes
    ----------
    dense : int
        With all weights, pruned or not.
    effective : int
        With the kept weights only: the least that a sparse kernel could do.
    rows : tuple of (path, dense, effective)
        In the order of computation.
    """

    dense: int
    effective: int
    rows: tuple[tuple[str, int, int], ...]

    def __repr__(self):
        table = [(path, f"{left:,}", f"of {total:,}") for path, total, left in self.rows]
        return _table(f"{self.effective:,} of {self.dense:,} multiply-adds for one sample", table)


def multiply_adds(net, x=None):
    """Count the multiply-adds of one forward pass.

    This counts products with weights and, in attention, those between tokens (for heads that are not removed).
    As usual, biases, activations, normalisation and pooling are not counted.

    Parameters
    ----------
    net : Layer
    x : ndarray, optional
        A sample or a batch, for its shape; not needed where the network knows its ``input_shape``.

    Returns
    -------
    MultiplyAdds
    """
    shape = getattr(_network(net), "input_shape", None)
    if x is None:
        if shape is None:
            raise ValueError("this network does not know the shape of its input; pass a sample, multiply_adds(net, x)")
        x = np.zeros((1, *shape), np.float32)
    x = numbers(x, "x")
    if x.shape != shape and (x.ndim < 2 or not len(x)):
        raise ValueError(f"x is a batch of at least one sample, got shape {x.shape}; write multiply_adds(net, x[:1])")
    with observing() as seen:
        net(x[None] if x.shape == shape else x[:1])
    names = {id(layer): path or type(layer).__name__.lower() for path, layer in net.walk()}
    rows = []
    for source, at, out in seen:
        if isinstance(source, Param):
            rows.append((source.path, len(at) * source.size, len(at) * source.kept))
        elif isinstance(source, Attention):  # all pairs of tokens: once for scores, once for mixing values
            each = 2 * out[0, 0].size * source.dim
            left = source.heads - np.count_nonzero(removed_heads(source))
            rows.append((f"{names[id(source)]} between tokens", source.heads * each, left * each))
    return MultiplyAdds(sum(dense for _, dense, _ in rows), sum(left for _, _, left in rows), tuple(rows))


# ---- bytes ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Storage:
    """Bytes that a network's parameters take, in four formats.

    Attributes
    ----------
    dense : int
        Every number, pruned ones as zeros.
    csr : int
        The kept weights row by row, with their column indices (`minnet.formats.CSR`).
    bitmap : int
        One bit for each position, and the kept weights (`minnet.formats.Bitmap`).
    gzip : int
        The dense bytes, compressed by a general-purpose method.
    """

    dense: int
    csr: int
    bitmap: int
    gzip: int

    def __repr__(self):
        table = [(name, f"{size:,}", f"{size / max(self.dense, 1):.1%}") for name, size in vars(self).items()]
        return _table("bytes, and their share of dense", table)


def storage(net):
    """Count the bytes of a network's parameters in four formats.

    Biases, gains and positions are always stored densely.

    Parameters
    ----------
    net : Layer

    Returns
    -------
    Storage
    """
    dense, sizes = [], {CSR: 0, Bitmap: 0}
    for param in _network(net).params():
        value = param.value
        dense.append(value.tobytes())
        for kind in sizes:
            # One row for each output, as y = W x has it.
            sizes[kind] += kind.from_dense(param.matrix(value).T).nbytes if param.prunable else value.nbytes
    dense = b"".join(dense)
    return Storage(len(dense), sizes[CSR], sizes[Bitmap], len(gzip.compress(dense, mtime=0)))


# ---- time -----------------------------------------------------------------------------------------------


class Seconds(NamedTuple):
    """The numbers of a `Timing`."""

    median: float
    low: float
    high: float


class Timing(Seconds):
    """Seconds for one call: the median of all rounds, and their interquartile range.

    Attributes
    ----------
    median, low, high : float
    clock : str
        What was measured: "thread time", "wall time", or the name of the clock that was passed.
    """

    clock = "wall time"

    def __str__(self):
        scale, unit = next((s, u) for s, u in ((1, "s"), (1e3, "ms"), (1e6, "µs"))
                           if self.median * s >= 1 or u == "µs")
        median, low, high = (f"{seconds * scale:,.0f}" if seconds * scale >= 999.5 else f"{seconds * scale:.3g}"
                             for seconds in self)  # 8,620 and not 8.62e+03
        return f"{median} {unit} ({low}–{high})"

    def __repr__(self):
        return f"{self}, {self.clock}"


NAMES = {thread_time: "thread time", perf_counter: "wall time"}


def latency(candidates, x=None, *, threads=1, rounds=15, sample=1e-3, budget=None, clock=None):
    """Time one call of a function, or of several functions in turn.

    The candidates alternate (A B A B …), so that a temporary slowdown of the computer affects all of them alike.
    Compare medians by their ratio; the absolute times depend on this computer and this moment.

    Parameters
    ----------
    candidates : function, network, or dict of {name: function or network}
    x : ndarray, optional
        The argument of each call; without it, the candidates are called without arguments.
    threads : int or None
        How many threads matrix products may use at most: one, so that one core is compared with one core, unless you
        say more; None leaves the number as it is.
    rounds : int
        How many time samples to take of each candidate.  Its first call (compilation, cold caches) never counts.
    sample : float
        Minimum duration of one time sample in seconds: a fast function is called several times in a sample, because
        reading the clock takes about 50 ns.
    budget : float, optional
        Stop after this many seconds, but never before 3 rounds.
    clock : function, optional
        Returns the time in seconds.  By default `time.thread_time` where networks and predictors are measured with one
        thread: it leaves out the time in which other programs had the core.  It also leaves out other threads, and
        waiting; so whatever else is measured by `time.perf_counter`, unless you say that your functions do neither.

    Returns
    -------
    Timing, or dict of {name: Timing}
        Seconds for one call; ``timing.clock`` says which clock it was.
    """
    if not isinstance(candidates, Mapping):
        return latency({"": candidates}, x, threads=threads, rounds=rounds, sample=sample, budget=budget,
                       clock=clock)[""]
    wrong = [name for name, run in candidates.items() if not callable(run) or isinstance(run, type)
             or (x is None and isinstance(run, Layer))]
    if wrong or not candidates:
        raise TypeError(f"latency takes functions, or networks and their x; {wrong[0]!r} is none; write for example "
                        "lambda: x @ w, or latency(net, x)" if wrong else
                        "latency got no candidates; write for example latency({'dense': net, 'sparse': fast}, x)")
    rounds, sample = whole(rounds, "rounds", least=1), number(sample, "sample")
    budget = None if budget is None else number(budget, "budget")
    limit = nullcontext() if threads is None else at_most(threads)
    if clock is None:
        clock = thread_time if threads == 1 and all(map(_in_one_thread, candidates.values())) else perf_counter
    _look_at(clock)
    with limit:
        seconds = _in_turn(candidates, x, rounds, sample, budget, clock)
    return {name: summary(samples, clock) for name, samples in seconds.items()}


def _in_one_thread(run):
    """Whether it is known to use no threads but those of matrix products."""
    return isinstance(run, Layer) or type(run).__module__.startswith("minnet.")


def _in_turn(candidates, x, rounds, sample, budget, clock):
    runs = dict(candidates) if x is None else {name: _calling(run, x) for name, run in candidates.items()}
    repeats = {name: _repeats(run, sample) for name, run in runs.items()}
    seconds = {name: [] for name in runs}
    collecting = gc.isenabled()
    gc.disable()  # a garbage collection would distort the sample in which it happens
    try:
        stop = perf_counter() + (budget if budget is not None else float("inf"))
        for done in range(rounds):
            if done >= 3 and perf_counter() > stop:
                break
            for name, run in runs.items():
                seconds[name].append(_sample(run, repeats[name], clock))
    finally:
        if collecting:
            gc.enable()
    return seconds


def sample_of(run, repeats=1, clock=perf_counter):
    """Seconds of one call, the mean of ``repeats`` calls; one before them, which is not counted, fills the caches."""
    function(run, "run", "without arguments")
    repeats = whole(repeats, "repeats", least=1)
    _look_at(clock)
    return _sample(run, repeats, clock)


def _sample(run, repeats, clock):
    run()
    start = clock()
    for _ in range(repeats):
        run()
    return (clock() - start) / repeats


def _look_at(clock):
    number(function(clock, "clock", "that returns the time in seconds")(), "the time that clock returns")


def _calling(run, x):
    return lambda: run(x)


def _repeats(run, sample):
    """How many calls of ``run`` fill one sample.  Its first call is a warm-up."""
    run()
    start = perf_counter()
    run()
    once = perf_counter() - start
    return max(1, int(sample / max(once, 1e-7)))


def summary(samples, clock):
    """The `Timing` of what a clock, such as `time.thread_time`, gave in several rounds."""
    function(clock, "clock", "such as time.perf_counter or time.thread_time")
    samples = numbers(samples, "samples").ravel().tolist()
    if not samples:
        raise ValueError("samples are the seconds of one round at least, got none")
    low, median, high = statistics.quantiles(samples, n=4, method="inclusive") if len(samples) > 1 else samples * 3
    timing = Timing(median, low, high)
    timing.clock = NAMES.get(clock) or getattr(clock, "__name__", repr(clock))
    return timing


# ---- shared ---------------------------------------------------------------------------------------------


def _network(net):
    if not isinstance(net, Layer):
        raise TypeError(f"expected a network, got {type(net).__name__}; a compiled predictor is measured by latency")
    return net


def _table(title, rows):
    """A title and aligned columns: names to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  " + "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w)
                              for i, (cell, w) in enumerate(zip(row, widths, strict=True))).rstrip() for row in rows]
    return "\n".join([title, *lines])
