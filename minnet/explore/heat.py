"""What a race has shown so far, in numbers: pure arithmetic on the times that `laps` remembers.

Who is how fast compared with dense, from which sparsity on, how near that is to the ideal, and how many operations a
loop does for each byte that it loads. Where nothing has been measured yet, the nearest place answers for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

import numpy as np

from minnet.explore.laps import CURVES
from minnet.explore.runners import BLOCKS, DENSE, NAIVE, SCIPY, SMALLER, SPARSE, TWO_FOUR
from minnet.measure import Timing
from minnet.sparse.kernels import MANY

SKIPPING = (NAIVE, SPARSE, BLOCKS, TWO_FOUR, SMALLER, SCIPY)  # those that could be as fast as fewer weights allow


@dataclass(frozen=True)
class Heat:
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


def heat(laps, percent, batch, places) -> Heat:
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
    return Heat(near, near == (percent, batch), times, ratios, parts, curves, crossover(curves[SPARSE]),
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
