"""*How* it is chosen: a score for each weight; high means keep.

A criterion is a plain function.  The names of its arguments say which evidence it needs (see `evidence`):
``weight``, ``rng``, ``grad``, ``act`` … each an array that broadcasts to the weight.  To add a criterion, write a function
here.
"""

from __future__ import annotations

import numpy as np


def magnitude(weight):
    """``|w|``: what is near zero matters least.  Han et al. 2015, "Learning both weights and connections"."""
    return np.abs(weight)


def random(weight, rng):
    """Dice: the control that every other criterion has to beat."""
    return rng.random(weight.shape)
