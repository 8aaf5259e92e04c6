"""Laps of a race: all runners are timed in turn, again and again, and every time is remembered.

A lap is a few calls between two looks at the clock, on one core. The runners take turns (A B A B …), so a computer that
slows down for a moment slows all of them alike, and only their ratios within a round are compared. Nothing here waits
for its end: it is a generator that stops at each lap, so that whoever moves a slider is served first.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import log2
from time import perf_counter

import numpy as np

from minnet.experiments.inference_backends import BLOCKS, DENSE, NAIVE, SCIPY, SMALLER, SPARSE, TWO_FOUR
from minnet.measure import Timing, sample_of
from minnet.sparse.roofline import limits
from minnet.sparse.tile_kernel import MANY
from minnet.threads import at_most

LAP = 3e-4  # seconds that a lap lasts at least
LONGEST = 3e6  # multiplications in one lap of the naive loop: about 0.015 s, for a hand that moves meanwhile waits
CURVES = (NAIVE, SPARSE, BLOCKS, SMALLER)  # of them there is a curve over all sparsities
SKETCH = 3  # rounds for a point of a curve


class InferenceTiming:
    """Times runners, and remembers.

    Parameters
    ----------
    runners : Runners
    x : ndarray, (n, features)
        Samples; for a larger batch they are repeated.
    rounds : int
        How often all runners are timed at the place where the learner looks.

    Attributes
    ----------
    rounds_at : dict of {(percent, batch): tuple of {name: seconds}}
        One entry a round.
    density, building : dict of {percent: {name: float}}
        Fraction of the weights that are left; seconds to make a runner ready.
    first : dict of {batch: float}
        Seconds of the very first call of minnet's kernels for such a batch: with the machine code still to come.
    limits : Limits or None
        Of this computer.
    """

    def __init__(self, runners, x, rounds=15):
        self.runners, self.rounds = runners, rounds
        self._x = np.ascontiguousarray(x, np.float32).reshape(len(x), -1)
        self._last = None, {}
        self.rounds_at, self.density, self.building, self.first = {}, {}, {}, {}
        self.limits = None

    def done(self, percent, batch, rounds=None):
        """Whether there is nothing more to measure at a place."""
        known = self.rounds_at.get((percent, batch), ())
        return sum(set(self.runners.names) <= set(each) for each in known) >= (rounds or self.rounds)

    def swept(self, batch, places):
        """Whether something is known about every place."""
        return all(self.rounds_at.get((percent, batch)) for percent in places)

    def recall(self, other):
        """Remember what another one has measured."""
        for memory in ("rounds_at", "density", "building", "first"):
            setattr(self, memory, dict(getattr(other, memory)))
        self.limits = other.limits

    def run(self, here, batch, places):
        """Measure at one place, then sketch the curve over all places.

        Yields
        ------
        str
            What is being done.
        """
        yield from self._look()
        yield from self._measure(here, batch, self.runners.names, self.rounds)
        for percent in sorted(places, key=lambda place: abs(place - here)):
            if not self.rounds_at.get((percent, batch)):
                yield from self._measure(percent, batch, (DENSE, *CURVES), SKETCH)

    def everywhere(self, places, batches):
        """Measure all runners at all of these places; yields as `run` does."""
        yield from self._look()
        for percent in places:
            for batch in batches:
                if not self.done(percent, batch, SKETCH):
                    yield from self._measure(percent, batch, self.runners.names, SKETCH)

    def _look(self):
        if self.limits is None:
            yield "looking at what this computer can do"
            self.limits = limits()

    def forget(self, percent, batch):
        """Measure this place anew."""
        self.rounds_at.pop((percent, batch), None)

    def _measure(self, percent, batch, names, rounds):
        place, ready = self._last
        if place != percent:
            ready = {}
            for name, runner in self.runners.ready(percent / 100, names):
                ready[name] = runner
                yield f"making the networks ready, {percent} %"
            if names == self.runners.names:
                self._last = percent, ready  # another batch may be wanted next
        self.density[percent] = {**self.density.get(percent, {}), **{n: r.density for n, r in ready.items()}}
        self.building[percent] = {**self.building.get(percent, {}), **{n: r.building for n, r in ready.items()}}
        x = self._x[np.arange(batch) % len(self._x)]
        repeats = {}
        for name, runner in ready.items():
            yield f"warming up, {percent} %"
            repeats[name] = self._warm(name, runner, self._share(name, runner, x))
        for number in range(rounds):
            seconds = {}
            for name, runner in ready.items():
                share = self._share(name, runner, x)
                seconds[name] = self._lap(runner.predict, share, repeats[name]) * len(x) / len(share)
                yield f"measuring {percent} %, batch {batch}: round {number + 1} of {rounds}"
            place = percent, batch
            self.rounds_at[place] = (*self.rounds_at.get(place, ()), seconds)

    def _share(self, name, runner, x):
        """The samples of one lap.  The naive loop goes from sample to sample, so a part of the batch tells for all."""
        if name != NAIVE:
            return x
        return x[: max(1, int(LONGEST / max(runner.density * self.runners.weights, 1)))]

    def _warm(self, name, runner, x):
        """First calls, which are never counted; returns how many calls fill a lap."""
        with self._one_core():
            start = perf_counter()
            runner.predict(x)
            if name == SPARSE:
                self.first.setdefault(len(x), perf_counter() - start)
            start = perf_counter()
            runner.predict(x)
            return max(1, int(LAP / max(perf_counter() - start, 1e-7)))

    def _lap(self, predict, x, repeats):
        """Seconds of one call."""
        with self._one_core():
            return sample_of(partial(predict, x), repeats, perf_counter)

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


def heat(laps, percent, batch, places) -> TimingResult:
    """Everything that is known about a place.

    Parameters
    ----------
    laps : Laps
    percent, batch : int
    places : sequence of int
        Sparsities of a complete curve, in percent.
    """
    near = nearest(list(laps.rounds_at), percent, batch)
    rounds = laps.rounds_at.get(near, ())
    columns = {name: [each[name] for each in rounds if name in each] for name in laps.runners.names}
    times = {name: spread(seconds) for name, seconds in columns.items() if seconds}
    ratios = {name: spread([each[DENSE] / each[name] for each in rounds if name in each]) for name in times}
    density = laps.density.get(near and near[0], {})
    parts = {name: ratios[name].median * density[name] for name in times if name in SKIPPING}
    rates = {name: (None if name == DENSE else 2 / loaded(name, near[1]),
                    2 * laps.runners.weights * density[name] * near[1] / times[name].median)
             for name in times if name in (DENSE, NAIVE, SPARSE, BLOCKS)}
    curves = {name: curve(laps, name, batch) for name in CURVES}
    return TimingResult(near, near == (percent, batch), times, ratios, parts, curves, crossover(curves[SPARSE]),
                laps.swept(batch, places), rates, laps.limits, laps.building.get(near and near[0], {}).get(SPARSE),
                laps.first.get(near and near[1]))


def nearest(places, percent, batch):
    """The measured place that is most like the one asked for: first the batch counts, then the sparsity."""
    return min(places, default=None,
               key=lambda place: (abs(log2(place[1]) - log2(batch)), abs(place[0] - percent), place))


def loaded(name, batch):
    """Bytes that a loop loads for each multiplication: weights, their columns, and the inputs that they meet.

    The naive loop loads all three anew for each sample, 4 bytes each. minnet's kernels load a weight (4) and its column
    (2) once for all samples of a tile, and the inputs (4 each) once for each weight; with blocks, four weights share a
    column and their inputs.
    """
    tile = 1 if batch == 1 else 8 if batch <= 8 else MANY
    return {NAIVE: 12, SPARSE: 4 + 6 / tile, BLOCKS: (4 * 4 + 2 + 4 * tile) / (4 * tile)}[name]


def curve(laps, name, batch):
    """How many times as fast as dense, at every place that has been measured: [(percent, ratio)].

    There are few rounds for each point, so the fastest of them counts: other programs can only make a lap slower.
    """
    points = []
    for percent in sorted(percent for percent, many in list(laps.rounds_at) if many == batch):
        rounds = laps.rounds_at[percent, batch]
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


def spread(values):
    """The middle of some measurements, and the range that the middle half of them covers."""
    low, middle, high = np.percentile(values, (25, 50, 75))
    return Timing(float(middle), float(low), float(high))
