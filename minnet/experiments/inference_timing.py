"""Inference timing: all backends are timed in turn, again and again, and every time is kept.

One measurement is a few calls between two looks at the clock, on one core. The backends take turns (A B A B …), so a
computer that slows down for a moment slows all of them alike, and only their ratios within a round are compared. The
work is a generator that stops after each measurement, so that a move of a slider is answered first.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import log2
from time import perf_counter, thread_time

import numpy as np

from minnet.experiments.inference_backends import BLOCKS, DENSE, NAIVE, SCIPY, SMALLER, SPARSE, TWO_FOUR
from minnet.measure import sample_of, summary
from minnet.messages import numbers, percentage, sequence, whole
from minnet.sparse.roofline import limits
from minnet.sparse.tile_kernel import MANY
from minnet.threads import at_most

SHORTEST = 3e-4  # seconds that a measurement lasts at least
LONGEST = 3e6  # multiplications in one measurement of the naive loop: about 0.015 s, for a move waits meanwhile
CURVES = (NAIVE, SPARSE, BLOCKS, SMALLER)  # of them there is a curve over all sparsities
SKETCH = 3  # rounds for a point of a curve


class InferenceTiming:
    """Times backends, and keeps every time.

    Parameters
    ----------
    backends : Backends
    x : ndarray, (n, features)
        Samples; for a larger batch they are repeated.
    rounds : int
        How often all backends are timed at the place that is looked at.

    Attributes
    ----------
    rounds_at : dict of {(percent, batch): tuple of {name: seconds}}
        One entry a round.
    density, building : dict of {percent: {name: float}}
        Fraction of the weights that are left; seconds to build a backend.
    first : dict of {batch: float}
        Seconds of the very first call of minnet's kernels for such a batch: compilation included.
    limits : Limits or None
        Of this computer.
    """

    def __init__(self, backends, x, rounds=15):
        self.backends, self.rounds, x = backends, whole(rounds, "rounds", least=1), numbers(x, "x")
        if x.ndim < 2 or not len(x):
            raise ValueError(f"x is a batch of at least one sample, got shape {x.shape}")
        self._x = np.ascontiguousarray(x, np.float32).reshape(len(x), -1)
        self._last = None, {}
        self.rounds_at, self.density, self.building, self.first = {}, {}, {}, {}
        self.limits = None

    def done(self, percent, batch, rounds=None):
        """Whether there is nothing more to measure at a place."""
        known = self.rounds_at.get(_place(percent, batch), ())
        rounds = self.rounds if rounds is None else whole(rounds, "rounds", least=1)
        return sum(set(self.backends.names) <= set(each) for each in known) >= rounds

    def swept(self, batch, places):
        """Whether something is known about every place."""
        batch = whole(batch, "batch", least=1)
        return all(self.rounds_at.get((percent, batch)) for percent in _all_of(places))

    def result(self, percent, batch, places):
        """The `TimingResult` of a place: everything that is known about it.

        Parameters
        ----------
        percent, batch : int
        places : sequence of int
            Sparsities of a complete curve, in percent.
        """
        percent, batch = _place(percent, batch)
        near = nearest(list(self.rounds_at), percent, batch)
        where, samples = near or (None, None)
        rounds = self.rounds_at.get(near, ())
        columns = {name: [each[name] for each in rounds if name in each] for name in self.backends.names}
        times = {name: summary(seconds, thread_time) for name, seconds in columns.items() if seconds}
        ratios = {name: summary([each[DENSE] / each[name] for each in rounds if name in each], thread_time)
                  for name in times}
        density = self.density.get(where, {})
        parts = {name: ratios[name].median * density[name] for name in times if name in SKIPPING}
        rates = {}
        for name in (each for each in times if each in (DENSE, NAIVE, SPARSE, BLOCKS)):
            operations = 2 * self.backends.weights * density[name] * samples
            intensity = None if name == DENSE else 2 / loaded(name, samples)
            rates[name] = intensity, operations / times[name].median
        curves = {name: curve(self, name, batch) for name in CURVES}
        return TimingResult(near, near == (percent, batch), times, ratios, parts, curves, crossover(curves[SPARSE]),
                            self.swept(batch, places), rates, self.limits, self.building.get(where, {}).get(SPARSE),
                            self.first.get(samples))

    def run(self, here, batch, places):
        """Measure at one place, then sketch the curve over all places.

        Yields
        ------
        (float, str)
            Fraction done, and what is being done.
        """
        here, batch = _place(here, batch)
        missing = [each for each in sorted(_all_of(places), key=lambda place: abs(place - here))
                   if each != here and not self.rounds_at.get((each, batch))]
        return self._all([(here, batch, self.backends.names, self.rounds),
                          *((each, batch, (DENSE, *CURVES), SKETCH) for each in missing)])

    def everywhere(self, places, batches):
        """Measure all backends at all of these places; yields as `run` does."""
        places, batches = _all_of(places), sequence(batches, "batches", partial(whole, least=1), "(1, 64)")
        return self._all([(percent, batch, self.backends.names, SKETCH) for percent in places for batch in batches
                          if not self.done(percent, batch, SKETCH)])

    def _all(self, wanted):
        if self.limits is None:
            yield 0.0, "looking at what this computer can do"
            self.limits = limits()
        for done, each in enumerate(wanted):
            for what in self._measure(*each):
                yield done / len(wanted), what
        yield 1.0, "done"

    def forget(self, percent, batch):
        """Measure this place again."""
        self.rounds_at.pop(_place(percent, batch), None)

    def _measure(self, percent, batch, names, rounds):
        place, ready = self._last
        if place != percent:
            ready = {}
            for name, backend in self.backends.ready(percent / 100, names):
                ready[name] = backend
                yield f"building the networks, {percent} %"
            if names == self.backends.names:
                self._last = percent, ready  # another batch may be wanted next
        self.density[percent] = {**self.density.get(percent, {}), **{n: r.density for n, r in ready.items()}}
        self.building[percent] = {**self.building.get(percent, {}), **{n: r.building for n, r in ready.items()}}
        x = self._x[np.arange(batch) % len(self._x)]
        repeats = {}
        for name, backend in ready.items():
            yield f"warming up, {percent} %"
            repeats[name] = self._warm(name, backend, self._share(name, backend, x))
        for number in range(rounds):
            seconds = {}
            for name, backend in ready.items():
                share = self._share(name, backend, x)
                seconds[name] = self._time(backend.predict, share, repeats[name]) * len(x) / len(share)
                yield f"{percent} %, batch {batch}: round {number + 1} of {rounds}"
            place = percent, batch
            self.rounds_at[place] = (*self.rounds_at.get(place, ()), seconds)

    def _share(self, name, backend, x):
        """The samples of one measurement; of the naive loop, which goes from sample to sample, a part of the batch."""
        if name != NAIVE:
            return x
        return x[: max(1, int(LONGEST / max(backend.density * self.backends.weights, 1)))]

    def _warm(self, name, backend, x):
        """First calls, which are never counted; returns how many calls fill a measurement."""
        with self._one_core():
            start = perf_counter()
            backend.predict(x)
            if name == SPARSE:
                self.first.setdefault(len(x), perf_counter() - start)
            start = perf_counter()
            backend.predict(x)
            return max(1, int(SHORTEST / max(perf_counter() - start, 1e-7)))

    def _time(self, predict, x, repeats):
        """Seconds of one call, without those that other programs had the core."""
        with self._one_core():
            return sample_of(partial(predict, x), repeats, thread_time)

    @contextmanager
    def _one_core(self):
        """For NumPy's BLAS, and for PyTorch, which counts its threads itself."""
        torch = sys.modules.get("torch")
        before = torch.get_num_threads() if hasattr(torch, "get_num_threads") else 1
        with at_most(1):
            if before > 1:
                torch.set_num_threads(1)
            try:
                yield
            finally:
                if before > 1:
                    torch.set_num_threads(before)


def _place(percent, batch):
    return percentage(percent), whole(batch, "batch", least=1)


def _all_of(places):
    return sequence(places, "places", percentage, "range(0, 100, 5)")


# ---- What the timings show ---------------------------------------------------------------------------


SKIPPING = (NAIVE, SPARSE, BLOCKS, TWO_FOUR, SMALLER, SCIPY)  # those that could be as fast as fewer weights allow


@dataclass(frozen=True)
class TimingResult:
    """What is known about a place, a sparsity in percent and a batch.

    Attributes
    ----------
    near : (percent, batch) or None
        The place whose times these are; None before the first round.
    exact : bool
        Whether that is the place asked for.
    times, ratios : dict of {name: Timing}
        Seconds of one call; how many times as fast as dense that is, within a round.
    parts : dict of {name: float}
        Fraction of ideal: ratio × density.
    curves : dict of {name: list of (percent, ratio)}
        At the batch asked for.
    crossover : float or None
        Percent from which on minnet's sparse kernels are faster than dense.
    swept : bool
        Whether the curves are complete.
    rates : dict of {name: (operations for each byte loaded or None, operations per second)}
    limits : Limits or None
        Of this computer.
    building, first : float or None
        Seconds to make the sparse network ready, and of the first call of its kernels.
    """

    near: tuple | None
    exact: bool
    times: dict
    ratios: dict
    parts: dict
    curves: dict
    crossover: float | None
    swept: bool
    rates: dict
    limits: object
    building: float | None
    first: float | None


def nearest(places, percent, batch):
    """The measured place that is most like the one asked for: first the batch counts, then the sparsity."""
    return min(places, default=None,
               key=lambda place: (abs(log2(place[1]) - log2(batch)), abs(place[0] - percent), place))


def loaded(name, batch):
    """Bytes that a loop loads for each multiplication: weights, their columns, and the inputs that they meet.

    The naive loop loads all three again for each sample, 4 bytes each. minnet's kernels load a weight (4) and its
    column (2) once for all samples of a tile, and the inputs (4 each) once for each weight; with blocks, four weights
    share a column and their inputs.
    """
    tile = 1 if batch == 1 else 8 if batch <= 8 else MANY
    return {NAIVE: 12, SPARSE: 4 + 6 / tile, BLOCKS: (4 * 4 + 2 + 4 * tile) / (4 * tile)}[name]


def curve(timing, name, batch):
    """How many times as fast as dense, at every place that has been measured: [(percent, ratio)].

    There are few rounds for each point, so the fastest of them counts: other programs can only make it slower.
    """
    points = []
    for percent in sorted(percent for percent, many in list(timing.rounds_at) if many == batch):
        rounds = timing.rounds_at[percent, batch]
        points.append((percent, min(each[DENSE] for each in rounds) / min(each[name] for each in rounds)))
    return points


def crossover(points):
    """The percentage from which on a curve of (percent, ratio) stays above 1; None if it ends below.

    Between two places it is a straight line for the logarithm of the ratio.
    """
    if not points or points[-1][1] < 1:
        return None
    below = [place for place, (_, ratio) in enumerate(points) if ratio < 1]
    if not below:
        return float(points[0][0])
    (left, slow), (right, fast) = points[below[-1] : below[-1] + 2]
    return float(left + (right - left) * np.log(slow) / (np.log(slow) - np.log(fast)))
