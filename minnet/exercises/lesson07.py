"""The exercises of lesson 07, How to choose."""

from __future__ import annotations

import numpy as np

from minnet.exercises.exercise import exercise

WANTED = "The answer to this exercise is a function; pass it without brackets: `{}`."


@exercise(
    "07.slope",
    hints=[
        "When a weight is set to 0 it moves by its own size.  How much does the loss of one batch change on that way, "
        "if the slope stays the same?",
        "Slope times way: `weight * grads` does it for all batches at once.  Square that, and then average over the "
        "batches, which are along axis 0.",
    ],
    solution="""
        def slope_times_way(weight, grads):
            return ((weight * grads) ** 2).mean(axis=0)

        mn.check("07.slope", slope_times_way)
    """,
)
def slope(slope_times_way):
    """Write the Taylor criterion: the mean over batches of the squared change of the loss when a weight is set to 0."""
    if not callable(slope_times_way):
        return WANTED.format("slope_times_way")
    weight, grads = _normal((6, 4), (5, 6, 4))
    found, off = _score(slope_times_way, weight, grads)
    product = weight * grads
    if off or np.allclose(found, (product**2).mean(axis=0)):
        return off
    if np.allclose(found, (product**2).sum(axis=0)):
        return "This is the sum over the batches; the order is right, but asked for is the mean."
    if np.allclose(found, product.mean(axis=0) ** 2):
        return "The mean was taken before the square, so the batches cancel each other. Square first, then average."
    if np.allclose(found, product.mean(axis=0)) or np.allclose(found, np.abs(product.mean(axis=0))):
        return "Here the batches cancel each other, as with SNIP. Square each product first, then average."
    if np.allclose(found, np.abs(product).mean(axis=0)):
        return "This is the mean of the absolute changes; the Taylor criterion squares them."
    if np.allclose(found, (grads**2).mean(axis=0)) or np.allclose(found, np.abs(grads).mean(axis=0)):
        return "This is the slope alone; the weight moves all the way from its value to 0, so count slope times way."
    if np.allclose(found, weight * (grads**2).mean(axis=0)) or np.allclose(found, weight**2 * grads.mean(axis=0)):
        return "Only one of the two is squared: put brackets around the product, `(… * …) ** 2`."
    return "For each weight it should be the mean over the batches of (weight · slope)²."


@exercise(
    "07.flow",
    hints=[
        "How strong is each input over all samples?  ‖x‖ is the root of the sum of squares along the samples, axis 0.",
        "`np.sqrt((x**2).sum(axis=0))` is one number for each input, that is for each row of `weight`.",
        "To multiply each *row*, stand the numbers up as a column: `strength[:, None]`.  And take the weights without "
        "their sign.",
    ],
    solution="""
        def flow(weight, x):
            strength = np.sqrt((x**2).sum(axis=0))
            return np.abs(weight) * strength[:, None]

        mn.check("07.flow", flow)
    """,
)
def flow(flow):
    """Write Wanda's score from a matrix of weights and an array of samples."""
    if not callable(flow):
        return WANTED.format("flow")
    for inputs, outputs, samples in ((5, 5, 5), (6, 4, 9)):  # where all is square, a wrong axis raises nothing
        weight, x = _normal((inputs, outputs), (samples, inputs))
        size, norm = np.abs(weight), np.sqrt((x**2).sum(axis=0))
        found, off = _score(flow, weight, x)
        if off:
            return off
        if np.allclose(found, size * norm[:, None]):
            continue
        if np.allclose(found, weight * norm[:, None]):
            return "A weight of −3 counts as much as one of 3: take `np.abs(weight)`."
        if inputs == outputs and np.allclose(found, size * norm):
            return "The strength of an input belongs to its row; this multiplies columns. Write `strength[:, None]`."
        if samples == inputs and np.allclose(found, size * np.sqrt((x**2).sum(axis=1))[:, None]):
            return "This adds up along the inputs of each sample; add along the samples, `axis=0`."
        for slip, said in ((norm**2, "The root is missing: ‖x‖ is the root of the sum of squares."),
                           (np.abs(x).sum(axis=0), "Square the inputs before you add them, then take the root."),
                           (x.sum(axis=0), "Here inputs of opposite sign cancel; square them before you add."),
                           (np.abs(x.sum(axis=0)), "Here inputs of opposite sign cancel; square them before you add."),
                           (norm / np.sqrt(samples), "This is the root of the *mean* square; asked for is the sum.")):
            if np.allclose(found, size * slip[:, None]) or np.allclose(found, weight * slip[:, None]):
                return said
        return "For the weight from input i to output j it should be |weight[i, j]| · ‖x[:, i]‖."
    return None


@exercise(
    "07.weakest",
    hints=[
        "The slip is the sum: twice as many inputs give about twice the score.  What does not grow with the number of "
        "inputs?",
        "The mean: `np.abs(first).mean(axis=0)`.  The rest may stay as it is.",
    ],
    solution="""
        def weakest(first, second, count):
            score = np.concatenate([np.abs(first).mean(axis=0), np.abs(second).mean(axis=0)])
            return np.argsort(score)[:count]

        mn.check("07.weakest", weakest)
    """,
)
def weakest(weakest):
    """Fix the function that finds the weakest neurons of two layers, so that the number of inputs doesn't count."""
    if not callable(weakest):
        return WANTED.format("weakest")
    first, second = _normal((40, 9), (10, 7))
    second[:, :2] *= 0.3  # two that are weak, and
    first[:, 3:6] *= 0.5  # three more where the sum is large all the same
    for count in (5, 1, 8):
        found = np.asarray(weakest(first.copy(), second.copy(), count))
        if found.shape != (count,) or found.dtype.kind not in "iu":
            return f"Return the places of {count} neurons, whole numbers, as `np.argsort(score)[:count]` does."
        if set(found) == set(_lowest(first, second, count, "mean")):
            continue
        if set(found) == set(_lowest(first, second, count, "sum")):
            return "It still adds up: where weights are as large as elsewhere, fewer inputs make a neuron weaker."
        if set(found) == set(_lowest(first, second, count, "mean", lambda weight: -np.abs(weight))):
            return "These are the strongest neurons."
        if set(found) == set(_lowest(first, second, count, "mean", lambda weight: weight)):
            return "A weight of −3 counts as much as one of 3: take the sizes, `np.abs`, before the mean."
        return f"Of the {count} weakest neurons by the mean size of their weights, some are missing in your answer."
    return None


def _lowest(first, second, count, how, size=np.abs):
    score = np.concatenate([getattr(size(layer), how)(axis=0) for layer in (first, second)])
    return np.argsort(score)[:count]


def _normal(*shapes):
    """Arrays of random numbers, the same ones every time."""
    rng = np.random.default_rng(7)
    return [rng.normal(size=shape) for shape in shapes]


def _score(answer, weight, given):
    """The scores that an answer returns, and what is wrong with their form, or None."""
    before = weight.copy(), given.copy()
    found = np.asarray(answer(weight, given))
    if not (np.array_equal(weight, before[0]) and np.array_equal(given, before[1])):
        return found, "It changes the tables that it is given; a criterion only returns scores."
    if found.shape != weight.shape or found.dtype.kind not in "fiu":
        return found, (f"For weights of the shape {weight.shape} the scores should be numbers in the same shape; yours "
                       f"have the shape {found.shape}.")
    return found, None
