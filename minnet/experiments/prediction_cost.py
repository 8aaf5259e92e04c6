"""How long does a prediction take, dense and sparse?  A quick, fair measurement for a live sentence.

Both are run in turn, so that a slow moment of the computer is shared, on one core each, and the medians are
compared.  For figures to quote, use the benchmarks; this one takes a few milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minnet import measure, sparse
from minnet.messages import format_bytes, format_seconds, numbers, whole
from minnet.nn.layer import the_network
from minnet.pruning.ranking import sparsity

ROUNDS, BUDGET = 9, 0.02  # rounds at most, and seconds after which no new one begins


@dataclass(frozen=True)
class Time:
    """One batch, both ways: seconds and bytes."""

    batch: int
    dense: float
    sparse: float
    dense_bytes: int
    sparse_bytes: int
    whole: bool = False  # no weight is removed

    def __str__(self):
        ratio = self.dense / self.sparse
        if ratio >= 1:
            verdict = f"sparse is {ratio:.1f}× faster"
            if self.whole:
                verdict += ", though nothing is removed yet: it is one call for the whole network, not several a layer"
        else:
            verdict = ("sparse is slower here, because each weight that is left also brings its place, "
                       "and too few are gone to pay for that")
        return (f"Stored: {format_bytes(self.sparse_bytes)} sparse, {format_bytes(self.dense_bytes)} dense. "
                f"Predicting {self.batch} samples on one core: {format_seconds(self.sparse)} sparse, "
                f"{format_seconds(self.dense)} dense: {verdict}.")


class PredictionCost:
    """Measures a network's prediction of one batch, once for each set of masks."""

    def __init__(self, x, batch=256):
        x = numbers(x, "x")
        if x.ndim < 2:
            raise ValueError(f"x is a batch, got shape {x.shape}; for one sample write x[None]")
        self._x = np.ascontiguousarray(x[: whole(batch, "batch", least=1)], np.float32)
        self._seen = {}

    def forget(self):
        """The network's numbers have changed."""
        self._seen.clear()

    def read(self, net):
        """The `Time` of a network as it is masked now."""
        key = tuple(None if p.mask is None else p.mask.tobytes() for p in the_network(net).params())
        if key not in self._seen:
            if len(self._seen) > 500:
                self._seen.clear()
            self._seen[key] = self._measure(net)
        return self._seen[key]

    def _measure(self, net):
        dense, few = sparse.compile(net, "dense"), sparse.compile(net, "rows")
        taken = measure.latency({"dense": dense, "sparse": few}, self._x, rounds=ROUNDS, sample=0, budget=BUDGET)
        return Time(len(self._x), taken["dense"].median, taken["sparse"].median, dense.nbytes, few.nbytes,
                    whole=sparsity(net) == 0)
