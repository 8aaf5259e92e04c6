"""How a test says that a sentence of a lesson holds: for several seeds, on every computer, and with how much room.

A sentence is about an effect, such as the points by which one way is better than another, or the part of the networks
in which it is. The effect has another size with each seed, and with each way of rounding (see `tests.rounding`). So a
test passes one number for each seed, and says which of three things the sentence means:

    claim.every(during - before, above=0)           # "in every network": each of the numbers
    claim.median(ticket - random, above=0.1)        # "typically": their median
    claim.most(magnitude - random, above=0)         # "in at least nine of ten": that part of the numbers

With ``MINNET_CLAIMS=folder`` each claim also writes down what it found there; ``python -m tests.computers`` collects it
from several computers and lists the margin of each claim.
"""

import json
import math
import os
from pathlib import Path

import numpy as np

FOLDER = "MINNET_CLAIMS"


class Claim:
    """The claims of one test; the fixture `claim`.

    Each method takes one number for each seed (or a single one), and the bounds between which the sentence puts it. A
    number on a bound is inside, but for a bound of 0: where nothing differs there is no effect.
    """

    def __init__(self, test):
        self.test, self.count = test, 0

    def every(self, values, above=-math.inf, below=math.inf):
        """Each of the numbers lies between the bounds."""
        self._check("every", values, above, below, lambda inside: inside.all())

    def median(self, values, above=-math.inf, below=math.inf):
        """The median of the numbers lies between the bounds."""
        middle = np.median(np.asarray(values, float))
        self._check("median", values, above, below, lambda inside: _inside(middle, above, below))

    def most(self, values, above=-math.inf, below=math.inf, share=0.9):
        """At least this share of the numbers lies between the bounds."""
        self._check("most", values, above, below, lambda inside: inside.mean() >= share, share=share)

    def _check(self, form, values, above, below, holds, **more):
        values = np.atleast_1d(np.asarray(values, float))
        self.count += 1
        found = {"test": self.test, "number": self.count, "form": form, "values": values.tolist(),
                 "above": above, "below": below, **more}
        _write(found)
        assert values.size and np.isfinite(values).all(), f"a claim about {values}"
        assert holds(_inside(values, above, below)), (
            f"claim {self.count} ({form}) does not hold: {_numbers(values)}, and the sentence says "
            + bounds(above, below, "at least", "at most"))


def _inside(values, above, below):
    low = values > above if above == 0 else values >= above
    high = values < below if below == 0 else values <= below
    return low & high


def bounds(above, below, least="≥", most="≤"):
    """The bounds of a claim in words or signs."""
    sides = (least, above), (most, below)
    return " and ".join(f"{word} {bound:.4g}" for word, bound in sides if math.isfinite(bound))


def _numbers(values):
    return ", ".join(f"{value:.4g}" for value in values)


def _write(found):
    folder = os.environ.get(FOLDER)
    if folder:
        with (Path(folder) / f"{os.getpid()}.jsonl").open("a") as file:
            file.write(json.dumps(found) + "\n")


def margin(form, values, above, below, share=0.9):
    """How far a claim is from its nearer bound, in units of its own spread.

    Parameters
    ----------
    values : ndarray, (computers, seeds)
        What the claim found on several computers.

    Returns
    -------
    value : float
        What the claim is about: the mean of the numbers, their median, or the number that the share reaches.
    spread : float
        Standard deviation of a single number for *every*, over seeds and computers; for the others, that of the
        statistic over as many seeds (by resampling them 1,000 times).
    margin : float
        Infinite where nothing differs.
    """
    values = np.asarray(values, float)
    seeds = values.shape[1]
    upwards = math.isfinite(above) and not (math.isfinite(below) and values.mean() > (above + below) / 2)
    if form == "every":
        value, spread = values.mean(), values.std()
    else:
        place = 0.5 if form == "median" else 1 - share if upwards else share
        value = np.median(np.quantile(values, place, axis=1))
        drawn = np.random.default_rng(0).choice(values.ravel(), (1000, seeds))
        spread = np.quantile(drawn, place, axis=1).std() if seeds > 1 else values.std()
    room = value - above if upwards else below - value
    return value, spread, (room / spread if spread > 1e-12 else math.copysign(math.inf, room))
