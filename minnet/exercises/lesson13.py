"""The exercises of lesson 13, On to the big frameworks."""

from __future__ import annotations

from numbers import Real

import numpy as np

from minnet.exercises.exercise import exercise

WANTED = "The answer to this exercise is a function; pass it without brackets: `{}`."


@exercise(
    "13.absolute",
    hints=[
        "Follow what is *left*: at first all of it, 1.0.",
        "Each amount a leaves 1 − a of what was left before, so multiply.",
        "Asked for is what is gone: 1 minus what is left.",
    ],
    solution="""
        def absolute(amounts):
            left = 1.0
            for amount in amounts:
                left = left * (1 - amount)
            return 1 - left

        mn.check("13.absolute", absolute)
    """,
)
def absolute(absolute):
    """Find the sparsity, counted from the whole layer, after amounts that each count from what is left."""
    if not callable(absolute):
        return WANTED.format("absolute")
    for amounts in ([0.5, 0.5], [0.2], [0.3, 0.0, 0.9], [0.2] * 5, []):
        found = absolute(list(amounts))
        if not isinstance(found, Real):
            return f"For {amounts} the answer should be one number."
        gone = 1 - np.prod([1 - amount for amount in amounts])
        if np.isclose(found, gone):
            continue
        if np.isclose(found, 1 - gone):
            return "This is what is left; asked for is what is gone."
        if np.isclose(found, sum(amounts)):
            return f"The second amount counts from what the first one left, so they can't be added: {amounts}."
        return f"For {amounts} it should be {gone:.3g}, and it is {found:.3g}."
    return None


@exercise(
    "13.wanda",
    hints=[
        "The lengths of the input columns: `np.sqrt((x ** 2).sum(axis=0))`, one for each input.",
        "`np.abs(weight) * length` is the table of scores: the lengths stand along the last axis, as the inputs do.",
        "In each row, the median of the scores divides the upper half from the lower: "
        "`score > np.median(score, axis=1, keepdims=True)`.",
    ],
    solution="""
        def wanda(weight, x):
            score = np.abs(weight) * np.sqrt((x ** 2).sum(axis=0))
            return score > np.median(score, axis=1, keepdims=True)

        mn.check("13.wanda", wanda)
    """,
)
def wanda(wanda):
    """Write Wanda's mask for a weight of shape (outputs, inputs)."""
    if not callable(wanda):
        return WANTED.format("wanda")
    rng = np.random.default_rng(0)
    weight, x = rng.normal(size=(5, 8)), rng.normal(size=(20, 8)) * np.exp(rng.normal(size=8))
    found = np.asarray(wanda(weight.copy(), x.copy()))
    if found.shape != weight.shape:
        return f"The mask should have the shape of the weight, {weight.shape}; it has {found.shape}."
    if found.dtype != bool:
        return "A mask is made of True (kept) and False (removed)."
    score = np.abs(weight) * np.sqrt((x**2).sum(axis=0))
    right = _upper_half(score)
    if np.array_equal(found, right):
        return None
    if np.array_equal(found, ~right):
        return "It keeps what should be removed: a high score means keep."
    if np.array_equal(found, _upper_half(np.abs(weight))):
        return "This is plain magnitude; the score also has the length of the input in it."
    if np.array_equal(found, score > np.median(score)):
        return "All weights compete with each other; in Wanda those of one row do."
    if np.array_equal(found, score > np.median(score, axis=0)):
        return "The weights of one column compete; an output is a row here."
    return "Half of each row stays, but not always the half with the highest score." if (
        found.sum(axis=1) == 4).all() else "In each row exactly half of the weights should stay."


def _upper_half(score):
    return score > np.median(score, axis=1, keepdims=True)
