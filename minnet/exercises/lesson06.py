"""The exercises of lesson 06, What to remove."""

from __future__ import annotations

from numbers import Real

import numpy as np

from minnet.exercises.exercise import exercise

WANTED = "The answer to this exercise is a function; pass it without brackets: `{}`."


@exercise(
    "06.by_hand",
    hints=[
        "`w1` has one column for each neuron: `w1[:, keep]` takes those that are kept.",
        "`w2` has one row for each neuron: `w2[keep]` takes those that are kept.",
        "The biases belong to the neurons too: `b1[keep]`.  Return all three, in the order w1, b1, w2.",
    ],
    solution="""
        def by_hand(w1, b1, w2, keep):
            return w1[:, keep], b1[keep], w2[keep]

        mn.check("06.by_hand", by_hand)
    """,
)
def by_hand(by_hand):
    """Delete neurons from two weight matrices: return the smaller w1, b1 and w2."""
    if not callable(by_hand):
        return WANTED.format("by_hand")
    rng = np.random.default_rng(0)
    for inputs, neurons, outputs in ((4, 6, 3), (5, 8, 8)):
        w1, b1, w2 = (rng.normal(size=size) for size in ((inputs, neurons), neurons, (neurons, outputs)))
        keep = rng.permutation(neurons) < neurons // 2
        found = by_hand(w1.copy(), b1.copy(), w2.copy(), keep.copy())
        if not isinstance(found, (tuple, list)) or len(found) != 3:
            return "Return three arrays, w1, b1 and w2, separated by commas."
        found = [np.asarray(each) for each in found]
        for name, array, right in zip(("w1", "b1", "w2"), found, (w1[:, keep], b1[keep], w2[keep]), strict=True):
            if array.shape == right.shape:
                continue
            if array.shape == np.shape({"w1": w1, "b1": b1, "w2": w2}[name]):
                return f"`{name}` is as large as before; with {neurons // 2} of {neurons} neurons kept it gets smaller."
            return f"Your `{name}` has the shape {array.shape}; with these neurons kept it should be {right.shape}."
        x = rng.normal(size=(7, inputs))
        masked = (np.maximum(x @ w1 + b1, 0) * keep) @ w2
        if not np.allclose(np.maximum(x @ found[0] + found[1], 0) @ found[2], masked):
            return "The shapes are right, but the answers have changed; keep the neurons where `keep` is True."
    return None


@exercise(
    "06.fair",
    hints=[
        "Solve deleted = 1 − (1 − p)² for p.  First bring (1 − p)² to one side.",
        "(1 − p)² = 1 − deleted, so 1 − p is the square root of that.",
    ],
    solution="""
        def fraction_of_neurons(deleted):
            return 1 - (1 - deleted) ** 0.5

        mn.check("06.fair", fraction_of_neurons)
    """,
)
def fair(fraction_of_neurons):
    """Find the fraction of neurons that has to go so that a given fraction of the weights between is deleted."""
    if not callable(fraction_of_neurons):
        return WANTED.format("fraction_of_neurons")
    for deleted in (0.91, 0.5, 0.75, 0.0, 1.0):  # at 0.5 some wrong formulas are right by accident
        p = fraction_of_neurons(deleted)
        if not isinstance(p, Real):
            return f"For deleted = {deleted} the answer should be one number."
        if np.isclose(p, 1 - (1 - deleted) ** 0.5, atol=1e-3):
            continue
        if np.isclose(p, 1 - (1 - deleted) ** 2, atol=1e-3):
            return "This is how much is deleted for a given p; asked for is the way back: p for a given `deleted`."
        if np.isclose(p, (1 - deleted) ** 0.5, atol=1e-3):
            return "This is the fraction of neurons that stay; asked for is the fraction that goes."
        return (f"For deleted = {deleted} your p is {p:.3g}, and 1 − (1 − p)² is then {1 - (1 - p) ** 2:.3g}; "
                f"it should be {deleted:g}.")
    return None


@exercise(
    "06.two_of_four",
    hints=[
        "Bring the fours together: `fours = np.abs(weights).reshape(-1, 4, weights.shape[1])`; axis 1 then counts "
        "the four neighbours.",
        "`order = fours.argsort(axis=1)` lists, for each four, the places from the smallest to the largest.",
        "A place has a rank: `rank = order.argsort(axis=1)`, 0 for the smallest.  Keep those of rank 2 and 3, and "
        "`reshape` back to the shape of the weights.",
    ],
    solution="""
        def two_of_four(weights):
            fours = np.abs(weights).reshape(-1, 4, weights.shape[1])
            rank = fours.argsort(axis=1).argsort(axis=1)
            return (rank >= 2).reshape(weights.shape)

        mn.check("06.two_of_four", two_of_four)
    """,
)
def two_of_four(two_of_four):
    """Write the 2:4 mask: of every four inputs that follow each other, the two nearest to zero go."""
    if not callable(two_of_four):
        return WANTED.format("two_of_four")
    rng = np.random.default_rng(0)
    for shape in ((16, 12), (8, 3), (4, 1)):  # the largest first: it distinguishes the mistakes
        weights = rng.normal(size=shape)
        before = weights.copy()
        mask = np.asarray(two_of_four(weights))
        if not np.array_equal(weights, before):
            return "It changes the weights that it is given; pruning only writes a mask, so work on a copy."
        if mask.shape != shape or mask.dtype != bool:
            return (f"For weights of the shape {shape} the mask should hold True and False in the same shape; yours "
                    f"has the shape {mask.shape} and holds {mask.dtype}.")
        right = _mask(weights)
        if np.array_equal(mask, right):
            continue
        if np.array_equal(mask, ~right):
            return "It keeps the two nearest to zero; True means keep."
        if np.array_equal(mask, (_fours(weights).argsort(axis=1) >= 2).reshape(shape)):
            return "`argsort` lists places, not ranks: argsort it once more, `order.argsort(axis=1)`."
        if shape[1] % 4 == 0 and np.array_equal(mask, _mask(weights.T).T):
            return "Your fours lie along the outputs; the neighbours are four inputs of one output."
        if np.array_equal(mask, _mask(weights, sign=True)):
            return "A weight of −3 counts as much as one of 3: compare the sizes without their sign, `np.abs(weights)`."
        kept = mask.reshape(-1, 4, shape[1]).sum(axis=1)
        if (kept != 2).any():
            return f"Of each four inputs of an output two are kept; somewhere you keep {int(kept[kept != 2][0])}."
        return "Of each four two are kept, but somewhere not the two that are furthest from zero."
    return None


def _mask(weights, sign=False):
    fours = weights.reshape(-1, 4, weights.shape[1]) if sign else _fours(weights)
    return (fours.argsort(axis=1).argsort(axis=1) >= 2).reshape(weights.shape)


def _fours(weights):
    return np.abs(weights).reshape(-1, 4, weights.shape[1])
