"""What a network costs: numbers, operations, bytes and time, before and after pruning.

The four don't fall together.  A mask alone makes none of them smaller: parameters count what *would* be left,
operations what a perfect kernel would do, bytes what a file really takes, and latency what the clock says.
"""

from __future__ import annotations

import gc
import gzip
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple

import numpy as np

from minnet.formats import CSR, Bitmap
from minnet.nn.attention import Attention, gone
from minnet.nn.contract import observing
from minnet.nn.layer import Layer
from minnet.nn.param import Param

# ---- parameters -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parameters:
    """How many numbers a network has learned.

    Attributes
    ----------
    all, kept : int
        Of all parameters.
    weights, kept_weights : int
        Of those that can be pruned by themselves, as `mn.sparsity` counts.
    rows : tuple of (path, all, kept, is a weight)
        One for each parameter.
    """

    all: int
    kept: int
    weights: int
    kept_weights: int
    rows: tuple[tuple[str, int, int, bool], ...]

    @property
    def others(self):
        """Biases, gains, positions: what is no weight."""
        return self.all - self.weights

    @property
    def compression(self):
        """All / kept: 10.0 means that a tenth is left."""
        return self.all / self.kept if self.kept else float("inf")

    def __repr__(self):
        table = [(path, f"{kept:,}", f"of {total:,}", "" if weight else "(no weight)")
                 for path, total, kept, weight in self.rows]
        return _table(f"{self.kept:,} of {self.all:,} parameters kept ({self.compression:.1f}×); "
                      f"{self.kept_weights:,} of {self.weights:,} weights", table)


def parameters(net):
    """Count a network's parameters, all and kept, one by one and together.

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
    """Multiplications, each with its addition, for one sample; FLOPs are twice as many.

    Attributes
    ----------
    dense : int
        What multiplying with every weight takes, removed or not.
    effective : int
        What multiplying with the kept ones takes: the least that a sparse kernel could do.
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
    """Count what one forward pass multiplies.

    Counted are products with weights and, in attention, those between tokens (for heads of which something is
    left).  Not counted, as is the custom, are biases, activations, normalisation and pooling.

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
    x = np.asarray(x)
    with observing() as seen:
        net(x[None] if x.shape == shape else x[:1])
    names = {id(layer): path or type(layer).__name__.lower() for path, layer in net.walk()}
    rows = []
    for source, at, out in seen:
        if isinstance(source, Param):
            rows.append((source.path, len(at) * source.size, len(at) * source.kept))
        elif isinstance(source, Attention):  # every token asks every token: once for the pattern, once to mix
            each = 2 * out[0, 0].size * source.dim
            left = source.heads - np.count_nonzero(gone(source))
            rows.append((f"{names[id(source)]} between tokens", source.heads * each, left * each))
    return MultiplyAdds(sum(dense for _, dense, _ in rows), sum(left for _, _, left in rows), tuple(rows))


# ---- bytes ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Storage:
    """Bytes that a network's numbers take, in four ways of writing them down.

    Attributes
    ----------
    dense : int
        Every number, pruned ones as zeros.
    csr : int
        The kept numbers of each weight row by row with their columns (`minnet.formats.CSR`).
    bitmap : int
        One bit for each place, and the kept numbers (`minnet.formats.Bitmap`).
    gzip : int
        The dense bytes, compressed: a general method that knows nothing of networks.
    """

    dense: int
    csr: int
    bitmap: int
    gzip: int

    def __repr__(self):
        table = [(name, f"{size:,}", f"{size / max(self.dense, 1):.1%}") for name, size in vars(self).items()]
        return _table("bytes, and their share of dense", table)


def storage(net):
    """Write a network's numbers down in four ways, and count the bytes.

    What is not a weight (biases, gains, positions) is written densely each time.

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


class Timing(NamedTuple):
    """Seconds for one call: the median of all rounds, and the range that the middle half of them covers."""

    median: float
    low: float
    high: float

    def __repr__(self):
        scale, unit = next((s, u) for s, u in ((1, "s"), (1e3, "ms"), (1e6, "µs"))
                           if self.median * s >= 1 or u == "µs")
        median, low, high = (f"{seconds * scale:,.0f}" if seconds * scale >= 999.5 else f"{seconds * scale:.3g}"
                             for seconds in self)  # 8,620 and not 8.62e+03
        return f"{median} {unit} ({low}–{high})"

    __str__ = __repr__


def latency(candidates, x=None, *, rounds=15, sample=1e-3, budget=None, clock=perf_counter):
    """Time one call of something, or of several things side by side.

    The candidates run in turn (A B A B …), so that a computer that slows down for a moment slows all of them
    alike.  Compare medians by their ratio; the figures themselves belong to this computer and this moment.

    Parameters
    ----------
    candidates : function, network, or dict of {name: function or network}
    x : ndarray, optional
        What each is called with; without it, with nothing.
    rounds : int
        How many samples each candidate gives.  Its first call (compilation, cold caches) is never counted.
    sample : float
        Seconds that one sample lasts at least: a fast function is called several times between two looks
        at the clock, because the clock itself takes some 50 ns.
    budget : float, optional
        Stop adding rounds once so many seconds have gone by, but never before 3 rounds.
    clock : function
        Tells the seconds.  On a busy computer, `time.thread_time` leaves out the moments in which other programs had
        the core; it sees only what happens in this thread.

    Returns
    -------
    Timing, or dict of {name: Timing}
        Seconds for one call.
    """
    if not isinstance(candidates, Mapping):
        return latency({"": candidates}, x, rounds=rounds, sample=sample, budget=budget, clock=clock)[""]
    wrong = [name for name, run in candidates.items() if not isinstance(run, Callable)]
    if wrong or not candidates:
        raise TypeError(f"latency takes functions, {wrong[0]!r} is none; write for example lambda: x @ w" if wrong else
                        "latency got no candidates; write for example latency({'dense': net, 'sparse': fast}, x)")
    if rounds < 1:
        raise ValueError(f"rounds is a whole number, at least 1, got {rounds}")
    runs = dict(candidates) if x is None else {name: _calling(run, x) for name, run in candidates.items()}
    repeats = {name: _repeats(run, sample) for name, run in runs.items()}
    seconds = {name: [] for name in runs}
    collecting = gc.isenabled()
    gc.disable()  # a collection in the middle of a sample is nobody's fault
    try:
        stop = perf_counter() + (budget if budget is not None else float("inf"))
        for done in range(rounds):
            if done >= 3 and perf_counter() > stop:
                break
            for name, run in runs.items():
                seconds[name].append(sample_of(run, repeats[name], clock))
    finally:
        if collecting:
            gc.enable()
    return {name: _summary(samples) for name, samples in seconds.items()}


def sample_of(run, repeats=1, clock=perf_counter):
    """Seconds of one call, the mean of ``repeats`` calls; one before them, which is not counted, fills the caches."""
    run()
    start = clock()
    for _ in range(repeats):
        run()
    return (clock() - start) / repeats


def _calling(run, x):
    return lambda: run(x)


def _repeats(run, sample):
    """How many calls of ``run`` fill one sample.  Its first call is a warm-up."""
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
