"""The exercises of lesson 08, When."""

from __future__ import annotations

from numbers import Real

import numpy as np

from minnet.data import digits
from minnet.exercises.exercise import exercise
from minnet.nn.models import mlp
from minnet.nn.train import steps
from minnet.pruning import ranking, schedule

WANTED = "The answer to this exercise is a function; pass it without brackets: `{}`."
COUNT, FINAL = 200, 0.9  # of the loop in exercise 2


@exercise(
    "08.cubic",
    hints=[
        "How far between start and stop is this step?  `t = (step - start) / (stop - start)`.",
        "Before the start t would be negative, after the stop greater than 1: `t = min(max(t, 0), 1)`.",
        "Then `return final * (1 - (1 - t) ** 3)`.",
    ],
    solution="""
        def cubic(step, final, start, stop):
            t = min(max((step - start) / (stop - start), 0), 1)
            return final * (1 - (1 - t) ** 3)

        mn.check("08.cubic", cubic)
    """,
)
def cubic(cubic):
    """Write the cubic schedule: the sparsity after a number of steps, fast at first and slowing down."""
    if not callable(cubic):
        return WANTED.format("cubic")
    for final, start, stop in ((0.9, 100, 700), (0.5, 0, 40), (0.98, 20, 220)):
        right = schedule.cubic(final, start=start, stop=stop)
        for step in (start + (stop - start) // 4, stop, 2 * stop, start - 10, start):
            found = cubic(step, final, start, stop)
            if not isinstance(found, Real):
                return f"For step {step} the answer should be one number."
            if not np.isclose(found, right(max(step, 0)), atol=1e-3):
                return _slip(found, step, final, start, stop)
    return None


def _slip(found, step, final, start, stop):
    t, wanted = (step - start) / (stop - start), schedule.cubic(final, start=start, stop=stop)(step)
    result = f"For final = {final}, start = {start}, stop = {stop} and step = {step} it gives {found:.3g}, "
    if step > stop:
        return result + "but after the stop it stays at `final`; t must not grow beyond 1."
    if step < start:
        return result + "but before the start it is 0; t must not fall below 0."
    if np.isclose(found, final * (1 - t) ** 3, atol=1e-3):
        return result + f"which is the part of `final` that is still to come; asked for is what is gone, {wanted:.3g}."
    if np.isclose(found, final * t, atol=1e-3):
        return result + f"which are equal portions; the cubic schedule is further by then, at {wanted:.3g}."
    if np.isclose(found, final * t**3, atol=1e-3):
        return result + f"which starts slowly; the cubic schedule starts fast and is at {wanted:.3g}."
    if np.isclose(found, final * (1 - (1 - step / stop) ** 3), atol=1e-3):
        return result + f"as if it had begun at step 0; t is 0 at `start`, so it should be {wanted:.3g}."
    return result + f"but it should be {wanted:.3g}."


@exercise(
    "08.gradual",
    hints=[
        "The line stands in the loop, in place of the dots, so that it is done after every step.",
        "`step.index` is the number of the step, and `schedule(step.index)` the sparsity to go to.",
        "`mn.prune(net, schedule(step.index))`.  Behind the loop, not in it, stands `return net`.",
    ],
    solution="""
        def gradual(net, data, schedule):
            for step in mn.steps(net, data, count=200, rng=0):
                mn.prune(net, schedule(step.index))
            return net

        mn.check("08.gradual", gradual)
    """,
)
def gradual(gradual):
    """Put the pruning line into the loop, so that the network follows the schedule between any two steps."""
    if not callable(gradual):
        return WANTED.format("gradual")
    data, plan = digits().train, schedule.cubic(FINAL, start=20, stop=150)
    try:
        found = gradual(_fresh(), data, plan)
    except Exception as stopped:
        said = str(stopped)
        if "'Step'" in said:
            return "The schedule wants the number of the step, and a step is more than that: `schedule(step.index)`."
        if "got a function" in said:
            return "A schedule is a function: ask it for the sparsity of this step, `schedule(step.index)`."
        if "None" in said:  # `net = mn.prune(net, level)`
            return "`mn.prune` changes the network itself and returns nothing: write it without `net =` before it."
        raise
    if not hasattr(found, "params"):
        return "Return the network, behind the loop."
    if _same(found, _loop(data, plan)):
        return None
    if _same(found, _loop(data, lambda step: 0)):
        return "The network is trained but not pruned: the line with `mn.prune` is missing, or it has another network."
    if _same(found, _loop(data, plan, count=1)):
        return "It stops after the first step: `return net` stands in the loop; move it to the left, behind the loop."
    if _same(found, _loop(data, lambda step: FINAL, before=True)):
        return "It prunes everything before the first step; put the line into the loop."
    if _same(found, _loop(data, lambda step: FINAL)):
        return "It prunes everything in the first turn of the loop; how much is gone by when is what `schedule` says."
    late = _loop(data, lambda step: 0)
    ranking.prune(late, FINAL)
    if _same(found, late):
        return "It prunes after the whole training; put the line into the loop, further to the right."
    reached = ranking.sparsity(found)
    if not np.isclose(reached, FINAL, atol=0.005):
        return f"At the end a sparsity of {FINAL} should be reached; it is {reached:.3g}."
    return ("The sparsity is right at the end, but not on the way: after every step the network should be at "
            "`schedule(step.index)`, and nothing else should change it.")


@exercise(
    "08.snip",
    hints=[
        "SNIP's score is `np.abs(weights * slopes)`: how much the loss would change without this weight.",
        "`order = score.argsort(axis=None)` lists the places from the lowest score to the highest, in a row; "
        "`order[-count:]` are the places to keep.",
        "Begin with `mask = np.zeros(weights.size, bool)`, set `mask[order[-count:]] = True`, and "
        "`return mask.reshape(weights.shape)`.",
    ],
    solution="""
        def snip(weights, slopes, count):
            order = np.abs(weights * slopes).argsort(axis=None)
            mask = np.zeros(weights.size, bool)
            mask[order[-count:]] = True
            return mask.reshape(weights.shape)

        mn.check("08.snip", snip)
    """,
)
def snip(snip):
    """Write SNIP's mask: keep the weights without which the loss would change most."""
    if not callable(snip):
        return WANTED.format("snip")
    rng = np.random.default_rng(0)
    for shape, count in (((8, 6), 12), ((5, 3), 5), ((4, 1), 1)):
        weights, slopes = rng.normal(size=(2, *shape))
        before = weights.copy(), slopes.copy()
        mask = np.asarray(snip(weights, slopes, count))
        if not (np.array_equal(weights, before[0]) and np.array_equal(slopes, before[1])):
            return "It changes the tables that it is given; pruning only writes a mask, so work on a copy."
        if mask.shape != shape or mask.dtype != bool:
            return (f"For weights of the shape {shape} the mask should hold True and False in the same shape; yours "
                    f"has the shape {mask.shape} and holds {mask.dtype}.")
        if np.array_equal(mask, _highest(np.abs(weights * slopes), count)):
            continue
        for score, message in (
                (weights * slopes, "A change of the loss counts whether it goes up or down: take it without its sign."),
                (np.abs(weights), "It keeps the largest weights; SNIP looks at the slopes too."),
                (np.abs(slopes), "It keeps the steepest slopes; SNIP multiplies them by the weights."),
                (-np.abs(weights * slopes), "It keeps the weights that would be missed least; keep the others.")):
            if np.array_equal(mask, _highest(score, count)):
                return message
        if np.array_equal(mask, ~_highest(np.abs(weights * slopes), count)):
            return "It removes those that SNIP keeps; True means keep."
        if mask.sum() != count:
            return f"With count = {count} it should keep {count} weights; it keeps {mask.sum()}."
        return f"It keeps {count} weights, but not those with the highest |weight · slope|."
    return None


def _fresh():
    return mlp(64, 16, 10, rng=0)


def _loop(data, plan, count=COUNT, before=False):
    """The loop of exercise 2; ``before`` prunes once before its first step instead."""
    net = _fresh()
    if before:
        ranking.prune(net, plan(0))
    for step in steps(net, data, count=COUNT, rng=0):
        if not before:
            ranking.prune(net, plan(step.index))
        if step.index + 1 == count:
            break
    return net


def _same(one, two):
    return all(np.allclose(p.value, q.value, atol=1e-5) for p, q in zip(one.params(), two.params(), strict=True))


def _highest(score, count):
    mask = np.zeros(score.size, bool)
    mask[np.argsort(score, axis=None)[-count:]] = True
    return mask.reshape(score.shape)
