"""The exercises of lesson 12, Growing back."""

from __future__ import annotations

import math
from numbers import Real

import numpy as np

from minnet.exercises.exercise import exercise

WANTED = "The answer to this exercise is a function; pass it without brackets: `{}`."


@exercise(
    "12.fraction",
    hints=[
        "At the start the cosine is 1 and the fraction `start`; at `stop` the cosine of π is −1 and the fraction is 0: "
        "`start / 2 * (1 + np.cos(np.pi * step / stop))`.",
        "What does the cosine do *after* π?  It rises again, and so would the fraction.",
        "So begin with `if step >= stop: return 0`.",
    ],
    solution="""
        def fraction(step, start, stop):
            if step >= stop:
                return 0
            return start / 2 * (1 + np.cos(np.pi * step / stop))

        mn.check("12.fraction", fraction)
    """,
    setting="import numpy as np",
)
def fraction(fraction):
    """Write RigL's fraction: from ``start`` along half a cosine to 0 at ``stop``, and 0 ever after."""
    if not callable(fraction):
        return WANTED.format("fraction")
    for step, start, stop in ((0, 0.3, 750), (375, 0.3, 750), (250, 0.5, 1000), (750, 0.3, 750), (900, 0.3, 750)):
        part = fraction(step, start, stop)
        if not isinstance(part, Real):
            return f"For step = {step}, start = {start} and stop = {stop} the answer should be one number."
        angle = math.pi * step / stop
        right = start / 2 * (1 + math.cos(angle)) if step < stop else 0
        if abs(part - right) < 1e-3 * start:
            continue
        if step > stop and abs(part - start / 2 * (1 + math.cos(angle))) < 1e-3 * start:
            return (f"After `stop` the cosine rises again: at step {step} your fraction is {part:.3g}, and connections "
                    "would move until the end. From `stop` on it should be 0.")
        if abs(part - start / 2 * (1 + math.cos(math.degrees(angle)))) < 1e-3 * start:
            return "`np.cos` takes radians: half a turn is `np.pi`, not 180."
        if abs(part - start * (1 - step / stop)) < 1e-3 * start:
            return "This decreases in a straight line; asked for is half a cosine."
        return f"For step = {step}, start = {start} and stop = {stop} it should be {right:.3g}, not {part:.3g}."
    return None


@exercise(
    "12.move",
    hints=[
        "Two lists of places: `used = np.flatnonzero(mask)` and `free = np.flatnonzero(~mask)`, made before anything "
        "is changed.",
        "Of those in use, the nearest to zero are dropped: `dropped = used[np.argsort(np.abs(w[used]))[:count]]`.",
        "Of the free ones, those with the largest slope grow, whatever its sign: "
        "`grown = free[np.argsort(-np.abs(gradient[free]))[:count]]`.",
        "Then copy, and change the copies: `w[grown] = 0`, `mask[dropped] = False`, `mask[grown] = True`.",
    ],
    solution="""
        def move(w, gradient, mask, count):
            used, free = np.flatnonzero(mask), np.flatnonzero(~mask)
            dropped = used[np.argsort(np.abs(w[used]))[:count]]
            grown = free[np.argsort(-np.abs(gradient[free]))[:count]]
            w, mask = w.copy(), mask.copy()
            w[grown] = 0
            mask[dropped], mask[grown] = False, True
            return w, mask

        mn.check("12.move", move)
    """,
    setting="import numpy as np",
)
def move(move):
    """Write one update of RigL: drop the ``count`` smallest weights in use, grow as many where the slope is largest."""
    if not callable(move):
        return WANTED.format("move")
    rng = np.random.default_rng(0)
    for n, kept, count in ((12, 5, 2), (40, 10, 4), (30, 20, 3), (20, 8, 0)):
        w, gradient = rng.normal(size=n), rng.normal(size=n)
        mask = rng.permutation(n) < kept
        off = _off(move(w.copy(), gradient.copy(), mask.copy(), count), w, gradient, mask, count)
        if off:
            return off
    return None


def _off(found, w, gradient, mask, count):
    """What is wrong with a mask update, or None."""
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        return "Return two arrays, the weights and the mask: `return w, mask`."
    weights, new = np.asarray(found[0]), np.asarray(found[1])
    if weights.shape != w.shape or new.shape != mask.shape:
        return "The weights and the mask have the shape of those that came in."
    if new.dtype != bool:
        return f"The mask should be of type bool, True or False; it is {new.dtype}."
    used, free = np.flatnonzero(mask), np.flatnonzero(~mask)
    dropped, grown = np.flatnonzero(mask & ~new), np.flatnonzero(new & ~mask)
    smallest = used[np.argsort(np.abs(w[used]))[:count]]
    if new.sum() != mask.sum():
        if len(dropped) < count == len(grown):
            return ("Some of the weights that you drop were not in use: among *all* weights there are some that were "
                    "dropped long ago. Only those in use can be dropped.")
        return f"Before the move {mask.sum()} weights are in use, after it {new.sum()}; the number should stay."
    if len(grown) < count:
        return (f"Only {len(grown)} of {count} places are new: something grows where a weight was just dropped, or was "
                "in use. Find the free places before you change the mask.")
    if set(dropped) != set(smallest):
        if set(dropped) == set(used[np.argsort(w[used])[:count]]):
            return "These are the most negative weights; near to zero means small without the sign: `np.abs(w)`."
        return "The dropped weights should be those in use that are nearest to zero."
    if set(grown) != set(free[np.argsort(-np.abs(gradient[free]))[:count]]):
        if set(grown) == set(free[np.argsort(-gradient[free])[:count]]):
            return "A steep slope counts whatever its sign: `np.abs(gradient)`."
        return "New weights should grow at the free places where the slope is largest, without its sign."
    if weights[grown].any():
        return "What grows starts from 0, not from the number that stood there long ago."
    stay = np.flatnonzero(mask & new)
    return None if np.array_equal(weights[stay], w[stay]) else "The weights that stay should keep their numbers."


@exercise(
    "12.cost",
    hints=[
        "A normal step multiplies three times with what is in use: `3 * density`.",
        "A step in which RigL moves needs the slopes of *all* weights: `density + density + 1`.",
        "Of `every` steps, `every - 1` are normal.  Take the mean, and divide by 3, the cost of a dense step.",
    ],
    solution="""
        def cost(density, every):
            normal, looking = 3 * density, 2 * density + 1
            return ((every - 1) * normal + looking) / every / 3

        mn.check("12.cost", cost)
    """,
)
def cost(cost):
    """Find what a step of RigL costs on average, as a fraction of a step that trains the whole network."""
    if not callable(cost):
        return WANTED.format("cost")
    for density, every in ((0.02, 25), (0.1, 1), (0.5, 100), (1.0, 10)):
        part = cost(density, every)
        if not isinstance(part, Real):
            return f"For density = {density} and every = {every} the answer should be one number."
        mean = ((every - 1) * 3 * density + 2 * density + 1) / every
        if np.isclose(part, mean / 3, rtol=1e-3):
            continue
        slips = {
            density: "This is a network that never looks elsewhere; the slopes of *all* weights, once every few "
                     "steps, are missing.",
            mean: "This is in multiplications of the whole table; divide by 3, which a step of the whole network "
                  "takes.",
            ((every - 1) * 3 * density + 3) / every / 3: "Only the slopes have to be dense in such a step; the way "
                                                         "forward and the way back to the layer before stay sparse.",
            density + 1 / 3 / every: "In such a step the dense slopes come *instead* of the sparse ones, not on top.",
        }
        for slip, message in slips.items():
            if np.isclose(part, slip, rtol=1e-3):
                return message
        return f"For density = {density} and every = {every} it should be {mean / 3:.4f}, not {part:.4f}."
    return None
