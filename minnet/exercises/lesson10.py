"""The exercises of lesson 10, Lottery tickets."""

from __future__ import annotations

import math
from numbers import Real

import numpy as np

from minnet.data import digits
from minnet.exercises.exercise import exercise
from minnet.nn.checkpoint import snapshot
from minnet.nn.models import mlp
from minnet.nn.train import fit
from minnet.pruning.ranking import masks_of, prune

WANTED = "The answer to this exercise is a function; pass it without brackets: `{}`."


@exercise(
    "10.rewind",
    hints=[
        "Go through all parameters: `for param in net.params():`.",
        "`start` is a dictionary: `start[param.path]` are this parameter's initial values, weights and biases alike.",
        "Assign them to `param.data`.  The mask is in `param.mask`; leave it alone.  At the end, `return net`.",
    ],
    solution="""
        def rewind(net, start):
            for param in net.params():
                param.data = start[param.path]
            return net

        mn.check("10.rewind", rewind)
    """,
)
def rewind(rewind):
    """Rewind every parameter of a pruned network to its initial values; what is removed stays removed."""
    if not callable(rewind):
        return WANTED.format("rewind")
    net = mlp(64, 12, 10, rng=0)
    for param in net.params():
        param.data = param.data + np.float32(0.01)  # so that the biases do not start at zero, either
    start = snapshot(net)
    first = {path: data.copy() for path, data in start.items()}
    fit(net, digits().train, epochs=1, rng=0, progress=False)
    prune(net, 0.5)
    trained, masks = snapshot(net), masks_of(net)
    found = rewind(net, start)
    if not hasattr(found, "params"):
        return "Return the network at the end."
    after = {p.path: p for p in found.params()}
    if set(after) != set(first) or any(after[path].shape != data.shape for path, data in first.items()):
        return "Return the network that was given, with all its parameters."
    if any(not np.array_equal(start[path], data) for path, data in first.items()):
        return "It changes the numbers in `start`; the next round will need them."
    lost = [path for path, mask in masks.items() if mask is not None and not _same_mask(after[path].mask, mask)]
    if lost:
        return (f"The mask of `{lost[0]}` has changed: what was removed has to stay removed. "
                f"Change `param.data` only.")
    wrong = [path for path, data in first.items() if not _same(after[path], data)]
    if not wrong:
        return None
    if all(np.array_equal(after[path].data, data) for path, data in trained.items()):
        return ("All numbers are still the trained ones. Assign to `param.data`; a name of your own only gets another "
                "meaning.")
    if all(path.endswith("bias") for path in wrong):
        return "The weights are back, the biases are not: `net.params()` has both."
    return f"`{wrong[0]}` does not have its initial values, `start[{wrong[0]!r}]`."


@exercise(
    "10.random_mask",
    hints=[
        "Take the numbers of the mask out of their rows: `mask.ravel()` is one long row of True and False.",
        "`rng.permutation(row)` returns them in a random order, so as many stay True as before.",
        "Then give it the shape back: `.reshape(mask.shape)`.",
    ],
    solution="""
        def random_mask(mask, rng):
            return rng.permutation(mask.ravel()).reshape(mask.shape)

        mn.check("10.random_mask", random_mask)
    """,
)
def random_mask(random_mask):
    """Make the control of one layer: a mask that keeps exactly as many weights, on random places."""
    if not callable(random_mask):
        return WANTED.format("random_mask")
    rng, masks = np.random.default_rng(0), []
    given = np.zeros((40, 30), bool)
    given[:, :3] = rng.random((40, 3)) < 0.8  # three neurons keep nearly everything, the others nothing
    before = given.copy()
    for seed in range(5):
        found = random_mask(given, np.random.default_rng(seed))
        if not isinstance(found, np.ndarray) or found.shape != given.shape:
            return f"The answer should be an array of the shape of the mask, {given.shape}."
        if found.dtype != bool:
            return f"A mask is bool, True where a weight is kept; yours is {found.dtype}."
        if not np.array_equal(given, before):
            return "It changes the mask that it was given; the ticket still needs it."
        masks.append(found)
    counts = [int(mask.sum()) for mask in masks]
    if len(set(counts)) > 1:
        return (f"The control has to keep exactly {before.sum()} weights, or it is not a fair one; yours keeps "
                f"{counts[0]}, then {counts[1]}: a random draw for each weight keeps another number each time.")
    if counts[0] != before.sum():
        return f"The control has to keep exactly {before.sum()} weights; yours keeps {counts[0]}."
    if all(np.array_equal(mask, before) for mask in masks):
        return "This is the mask of the ticket itself."
    if all(np.array_equal(mask.sum(axis=0), before.sum(axis=0)) for mask in masks):
        return ("Each neuron keeps as many inputs as it had in the ticket, so it is not random enough: "
                "`rng.permutation` and `rng.shuffle` of a table only move whole rows. Make it one long row first.")
    if all(np.array_equal(np.sort(mask.sum(axis=1)), np.sort(before.sum(axis=1))) for mask in masks):
        return "Whole columns have moved; every single weight has to find a random place."
    if all(np.array_equal(mask, masks[0]) for mask in masks):
        return "It gives the same positions for every seed: use `rng`."
    return None


@exercise(
    "10.cost",
    hints=[
        "A round leaves `1 - part` of what is there, so n rounds leave `(1 - part) ** n`.  How many until at most "
        "`1 - final` is left?",
        "`np.log(1 - final) / np.log(1 - part)` rounds, and a round is whole: `np.ceil` rounds up.",
        "Every round trains once.  And before the first pruning the whole network was trained, too.",
    ],
    solution="""
        def cost(final, part, steps):
            rounds = np.ceil(np.log(1 - final) / np.log(1 - part))
            return (1 + rounds) * steps

        mn.check("10.cost", cost)
    """,
)
def cost(cost):
    """Count all steps of training that it takes to find a ticket."""
    if not callable(cost):
        return WANTED.format("cost")
    # In the first case, two rounds are exactly enough, so an error there is not a missing rounding.
    for final, part, steps in ((0.75, 0.5, 10), (0.92, 0.19, 400), (0.92, 0.1, 1000), (0.5, 0.2, 100)):
        found = cost(final, part, steps)
        if not isinstance(found, Real):
            return f"For final = {final}, part = {part} and steps = {steps} the answer should be one number."
        exact = math.log(1 - final) / math.log(1 - part)
        rounds = math.ceil(exact)
        asked = f"For final = {final}, part = {part} and steps = {steps}"
        if math.isclose(found, (1 + rounds) * steps):
            continue
        if math.isclose(found, rounds * steps) and rounds == exact:
            return f"{asked} these are the {rounds} rounds; the whole network was trained before the first of them."
        if math.isclose(found, (1 + math.floor(exact)) * steps) or math.isclose(found, math.floor(exact) * steps):
            return f"{asked} it counts {math.floor(exact)} rounds, which do not get so far: round up."
        if math.isclose(found, (1 + exact) * steps) or math.isclose(found, exact * steps):
            return f"{asked} it counts {exact:.2f} rounds; a round is whole, so round up."
        if any(math.isclose(found, (more + count) * steps) for more in (0, 1)
               for count in (final / part, math.ceil(final / part - 1e-9))):
            return "Each round removes a part of what is *left*, not of the whole network, so there are more rounds."
        if math.isclose(found, 1 + rounds) or math.isclose(found, rounds):
            return f"{asked} this is a number of trainings; each of them has {steps} steps."
        return f"{asked} there are {rounds} rounds, and the answer is not the number of all training steps, {found:g}."
    return None


def _same(param, data):
    """Where a weight is in use, it has this number."""
    used = param.kept_mask
    return np.array_equal(param.value[used], data[used])


def _same_mask(one, two):
    return one is not None and np.array_equal(one, two)
