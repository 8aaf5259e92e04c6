"""The exercises of lesson 09, How often."""

from __future__ import annotations

from numbers import Real

import numpy as np

from minnet.data import Split, digits
from minnet.exercises.exercise import exercise
from minnet.nn.models import mlp
from minnet.nn.train import fit
from minnet.pruning import ranking

SLIPS = {"prune": "nothing", "fit": "the history of the training"}
WANTED = "The answer to this exercise is a function; pass it without brackets: `{}`."


@exercise(
    "09.each_round",
    hints=[
        "If each round leaves a fraction q of what is there, then `rounds` rounds leave q · q · q …, that is q to the "
        "power of `rounds`.",
        "That has to be what is left in the end, `1 - final`; so q is `(1 - final) ** (1 / rounds)`.",
        "Asked for is what goes in each round: 1 − q.",
    ],
    solution="""
        def each_round(final, rounds):
            return 1 - (1 - final) ** (1 / rounds)

        mn.check("09.each_round", each_round)
    """,
)
def each_round(each_round):
    """Find the fraction of what is left that has to go in each round to arrive at the final sparsity."""
    if not callable(each_round):
        return WANTED.format("each_round")
    for final, rounds in ((0.98, 5), (0.9, 20), (0.75, 2), (0.9, 1), (0.0, 3)):  # with one round, slips look alike
        part = each_round(final, rounds)
        if not isinstance(part, Real):
            return f"For final = {final} and rounds = {rounds} the answer should be one number."
        if np.isclose(part, 1 - (1 - final) ** (1 / rounds), atol=1e-3):
            continue
        if np.isclose(part, (1 - final) ** (1 / rounds), atol=1e-3):
            return "This is the fraction that each round leaves; asked for is what it removes."
        if np.isclose(part, 1 - final ** (1 / rounds), atol=1e-3):
            return "You took the root of what is gone, `final`; take it of what is left, `1 - final`."
        if np.isclose(part, 100 * (1 - (1 - final) ** (1 / rounds)), atol=0.1):
            return "These are per cent; return a fraction between 0 and 1."
        if np.isclose(part, final / rounds, atol=1e-3):
            return (f"Equal portions of the whole are not equal portions of what is left: {rounds} rounds that each "
                    f"remove {part:.1%} of what is left remove {1 - (1 - part) ** rounds:.1%} together, "
                    f"not {final:.0%}.")
        return (f"For final = {final} and rounds = {rounds}, removing {part:.3g} of what is left in each round removes "
                f"{1 - (1 - part) ** rounds:.3g} together.")
    return None


@exercise(
    "09.loop",
    hints=[
        "It is one loop: `for level in levels:`, and inside it first prune, then train.",
        "`mn.prune(net, level)` goes to the sparsity `level`, counted from the whole network.",
        "`mn.fit(net, data, epochs=1, rng=0, progress=False)` trains for one epoch.  At the end, `return net`.",
    ],
    solution="""
        def loop(net, data, levels):
            for level in levels:
                mn.prune(net, level)
                mn.fit(net, data, epochs=1, rng=0, progress=False)
            return net

        mn.check("09.loop", loop)
    """,
)
def loop(loop):
    """Write the loop: prune the network to each sparsity in turn, and train for one epoch after each."""
    if not callable(loop):
        return WANTED.format("loop")
    train = digits().train
    data = Split(train.x[:400], train.y[:400])  # a part, so that it differs from `digits.train` of the lesson
    start, levels = mlp(64, 16, 10, rng=0), (0.5, 0.75, 0.9)
    fit(start, data, epochs=1, rng=0, progress=False)
    right = _rounds(start.copy(), data, levels)
    try:
        found = loop(start.copy(), data, levels)
    except Exception as stopped:
        if "no attribute 'train'" in str(stopped):
            return "`data` is a training set already, such as `digits.train`: write `mn.fit(net, data, …)`."
        for slip, name in (("None", "prune"), ("History", "fit")):  # `net = mn.prune(net, level)`
            if slip in str(stopped):
                return (f"`mn.{name}` changes the network itself and returns {SLIPS[name]}: "
                        f"write it without `net =` before it.")
        raise
    if not hasattr(found, "params"):
        return "Return the network at the end."
    reached = ranking.sparsity(found)
    if not np.isclose(reached, levels[-1], atol=0.005):
        return f"After the levels {levels} the sparsity should be {levels[-1]}; it is {reached:.3g}."
    if _same(found, right):
        return None
    if np.array_equal(found.params()[0].data, start.params()[0].data):
        return "The weights that are left have not been trained; train after each pruning."
    if _same(found, _rounds(start.copy(), train, levels)):
        return "It trains on `digits.train`, whatever it is given; train on `data`."
    once = start.copy()
    ranking.prune(once, levels[-1])
    if _same_masks(found, once):
        return "It removes everything before the first training; prune to one level, train, then go to the next."
    first = start.copy()
    for level in levels:
        fit(first, data, epochs=1, rng=0, progress=False)
        ranking.prune(first, level)
    if _same(found, first):
        return "It trains before each pruning; asked for is first to prune, then to train."
    return ("The sparsity is right, but the numbers are not those of one epoch after each pruning, "
            "with `mn.fit(net, data, epochs=1, rng=0, progress=False)`.")


@exercise(
    "09.step",
    hints=[
        "Removed weights may not move: whatever is added to `w` has to be 0 where `mask` is False.",
        "The gradient is not enough: `speed` remembers earlier gradients.  Multiply the speed itself by the mask.",
    ],
    solution="""
        def step(w, speed, gradient, mask):
            speed = (0.9 * speed - 0.1 * gradient) * mask
            return w + speed, speed

        mn.check("09.step", step)
    """,
)
def step(step):
    """Fix the step with momentum, so that removed weights stay at zero."""
    if not callable(step):
        return WANTED.format("step")
    rng = np.random.default_rng(0)
    mask = np.array([True, False, True, False, True, False])
    w, speed = rng.normal(size=6) * mask, rng.normal(size=6)
    mine, fast = w.copy(), speed.copy()
    for _ in range(3):
        gradient = rng.normal(size=6)
        given = [each.copy() for each in (mine, fast, gradient, mask)]
        found = step(*given)
        for name, before, after in zip(("w", "speed", "gradient", "mask"), (mine, fast, gradient, mask), given,
                                       strict=True):
            if not np.array_equal(before, after):
                return (f"It changes the `{name}` that it is given; make a new array: "
                        f"`{name} = {name} + …` instead of `{name} += …`.")
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            return "Return two arrays, the new weights and the new speed: `return w, speed`."
        mine, fast = (np.asarray(each, float) for each in found)
        if mine.shape != w.shape or fast.shape != w.shape:
            return "The new weights and the new speed have the shape of the old ones."
        speed = (0.9 * speed - 0.1 * gradient) * mask
        w = w + speed
        if not np.allclose(mine[~mask], 0):
            return "A removed weight has moved away from zero: its speed carried it on."
        if not np.allclose(mine[mask], w[mask]):
            return "The weights that are kept should move as before, by `0.9 * speed - 0.1 * gradient`."
    return None


def _rounds(net, data, levels):
    for level in levels:
        ranking.prune(net, level)
        fit(net, data, epochs=1, rng=0, progress=False)
    return net


def _same(one, two):
    return all(np.allclose(p.value, q.value, atol=1e-5) for p, q in zip(one.params(), two.params(), strict=True))


def _same_masks(one, two):
    return all(np.array_equal(p.value != 0, q.value != 0)
               for p, q in zip(one.params(), two.params(), strict=True) if p.prunable)
