"""The exercises of lesson 01, Synapses."""

from __future__ import annotations

from numbers import Real

import numpy as np

from minnet.exercises.exercise import exercise

WANTED = "The answer to this exercise is a function; pass it without brackets: `{}`."


@exercise(
    "01.lost",
    hints=[
        "Call the density of an adult 1.  Then the density at the peak is `times`.",
        "From the peak to the adult it decreases by `times - 1`.  Asked for is which fraction *of the peak* that is.",
        "So divide by the peak: `(times - 1) / times`.",
    ],
    solution="""
        def lost(times):
            return (times - 1) / times

        mn.check("01.lost", lost)
    """,
)
def lost(lost):
    """At the peak synapses stand ``times`` as close as in adults.  Find the fraction of the peak that goes."""
    if not callable(lost):
        return WANTED.format("lost")
    for times in (2, 1.5, 5 / 3, 1.0, 20):
        part = lost(times)
        if not isinstance(part, Real):
            return f"For times = {times:.3g} the answer should be one number."
        if np.isclose(part, 1 - 1 / times, atol=1e-3):
            continue
        if np.isclose(part, times - 1, atol=1e-3):
            return (f"For times = {times:.3g} this is by how much the peak lies above an *adult*; asked for is the "
                    "fraction of the *peak* that goes.")
        if np.isclose(part, 1 / times, atol=1e-3):
            return "This is the fraction of the peak that stays; asked for is the fraction that goes."
        if np.isclose(part, 100 * (1 - 1 / times), atol=0.1):
            return "This is in per cent; asked for is a fraction between 0 and 1."
        return f"For times = {times:.3g}, {part:.3g} of {times:.3g} would leave {times * (1 - part):.3g} instead of 1."
    return None


@exercise(
    "01.left_after",
    hints=[
        "After the first round a fraction `1 - part` of the links is left: `links * (1 - part)`.",
        "The second round removes the same fraction of *those*, so multiply by `1 - part` once more.",
        "`rounds` times the same factor is a power: `(1 - part) ** rounds`.",
    ],
    solution="""
        def left_after(links, part, rounds):
            return links * (1 - part) ** rounds

        mn.check("01.left_after", left_after)
    """,
)
def left_after(left_after):
    """Find how many links are left when each round removes the fraction ``part`` of those that are there."""
    if not callable(left_after):
        return WANTED.format("left_after")
    for links, part, rounds in ((1000, 0.2, 3), (1000, 0.2, 1), (1560, 0.2, 10), (400, 0.5, 2), (70, 0.0, 5)):
        found, right = left_after(links, part, rounds), links * (1 - part) ** rounds
        if not isinstance(found, Real):
            return f"For links = {links}, part = {part} and rounds = {rounds} the answer should be one number."
        if abs(found - right) <= 0.51:  # a whole number of links is right too
            continue
        if np.isclose(found, links * (1 - part * rounds)) or np.isclose(found, max(links * (1 - part * rounds), 0)):
            return ("This removes the same *number* in each round; asked for is the same fraction of what is left, so "
                    "later rounds remove fewer.")
        if np.isclose(found, links - right, atol=0.51):
            return "This is how many have gone; asked for is how many are left."
        if np.isclose(found, links * part**rounds, atol=0.51):
            return "`part` is what goes in each round; what stays is `1 - part`."
        if abs(found - links * (1 - part)) <= 0.51:
            return "This is what one round leaves; there are `rounds` of them."
        return (f"Of {links} links, {part:.0%} of what is left goes {rounds} times; {right:,.4g} should be left, "
                f"not {found:,.4g}.")
    return None


@exercise(
    "01.keep",
    hints=[
        "`order = np.argsort(used)` gives the places of the links, the least used first.",
        "The last `left` places of `order` are those of the most used links: `order[len(used) - left:]`.",
        "Begin with `mask = np.zeros(len(used), bool)`, all False, and set these places to True.",
    ],
    solution="""
        def keep(used, left):
            order = np.argsort(used)
            mask = np.zeros(len(used), bool)
            mask[order[len(used) - left:]] = True
            return mask

        mn.check("01.keep", keep)
    """,
)
def keep(keep):
    """Write use it or lose it: a mask that is True for the ``left`` most used links."""
    if not callable(keep):
        return WANTED.format("keep")
    rng = np.random.default_rng(0)
    for used, left in ((np.array([5, 0, 3, 9, 1]), 2), (rng.permutation(30), 12), (np.array([4, 0, 0, 0, 7]), 3),
                       (rng.integers(0, 3, 40), 0), (rng.integers(0, 3, 40), 40)):
        given = used.copy()
        off = _off(keep(given, left), used, left)
        if not np.array_equal(given, used):
            return "Your function changes `used` itself; leave it as it is, and return a mask."
        if off:
            return off
    return None


def _off(mask, used, left):
    """What is wrong with a mask, or None."""
    try:
        mask = np.asarray(mask)
    except ValueError:
        mask = np.zeros(())
    if mask.shape == (left,) != used.shape and mask.dtype.kind in "iu":
        return "These are the places of the links; return a mask, one True or False for each link."
    if mask.shape != used.shape:
        return f"The mask should have one True or False for each of the {len(used)} links."
    if mask.dtype != bool:
        return f"The mask should be of type bool, True or False; it is {mask.dtype}."
    if mask.sum() != left:
        if mask.sum() == len(used) - left and left * 2 != len(used):
            return f"It keeps {mask.sum()} and lets {left} go; True means keep, and {left} should be kept."
        if len(set(used)) < len(used):
            return (f"It keeps {mask.sum()} links instead of {left}: some links are used equally often, so a threshold "
                    "cannot tell them apart. Sort them and count.")
        return f"It should keep {left} links; it keeps {mask.sum()}."
    if 0 < left < len(used) and used[mask].min() < used[~mask].max():
        if used[mask].max() <= used[~mask].min():
            return "It keeps the links that are used least; the most used ones should stay."
        return "A link that is kept is used less than one that is not."
    return None
