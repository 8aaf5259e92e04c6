"""Curves that change: new points for a line and a band, and labels that keep apart."""

from __future__ import annotations

import numpy as np


def move(line, x, y):
    """Give a `Line2D` its points; one that has them already need not be drawn again."""
    if not (np.array_equal(line.get_xdata(), x) and np.array_equal(line.get_ydata(), y)):
        line.set_data(x, y)


def fill(band, x, low, high):
    """Let a `PolyCollection`, as ``ax.fill_between`` makes it, fill the space between two curves."""
    edge = np.column_stack([[*x, *x[::-1]], [*high, *low[::-1]]])
    band.set_verts([edge] if len(x) else [])


def apart(heights, least, bottom, top):
    """Where labels can stand that belong at these heights.

    Parameters
    ----------
    heights : sequence of float
    least : float
        Between two neighbours.
    bottom, top : float
        None is lower or higher than these.

    Returns
    -------
    ndarray, (n,)
        In the order of ``heights``, and as high and low relative to each other.
    """
    order = np.argsort(heights, kind="stable")
    rising = np.array(heights, float)[order]
    for place in range(len(rising)):
        rising[place] = max(rising[place], rising[place - 1] + least if place else bottom)
    for place in reversed(range(len(rising))):
        rising[place] = min(rising[place], top - (len(rising) - 1 - place) * least)
    places = np.empty_like(rising)
    places[order] = rising
    return places
