"""The exercises of lesson 00, Start here."""

from __future__ import annotations

from numbers import Real

import numpy as np

from minnet.exercises.exercise import exercise
from minnet.nn.layer import Layer
from minnet.nn.models import mlp
from minnet.pruning import ranking

TOTAL, SPARSITY = 50_200, 0.98


@exercise(
    "00.left",
    hints=[
        "98 % go, so 2 % of the weights stay.",
        "2 % of 50,200 is 0.02 · 50,200.",
    ],
    solution="""
        left = round(0.02 * 50_200)

        mn.check("00.left", left)
    """,
)
def left(left):
    """Count the weights that are left when 98 % of 50,200 are removed."""
    if not isinstance(left, Real):
        return "The answer is one number."
    if np.isclose(left, TOTAL * (1 - SPARSITY)):
        return None
    if np.isclose(left, TOTAL * SPARSITY):
        return "This many are removed; asked for is how many are left."
    if np.isclose(left, TOTAL * (1 - SPARSITY), rtol=0.05):
        return "Nearly. Take exactly 2 % of 50,200."
    return f"Of 50,200 weights, {left:,.4g} would be {left / TOTAL:.1%}; 2 % should be left."


@exercise(
    "00.three_quarters",
    hints=[
        "First make the network: `mine = mn.models.mlp(64, 32, 16, 10, rng=0)`.",
        "Then remove: `mn.prune(mine, 0.75)`.  It changes the network itself and returns nothing, so no `mine =` "
        "stands before it.",
    ],
    solution="""
        mine = mn.models.mlp(64, 32, 16, 10, rng=0)
        mn.prune(mine, 0.75)

        mn.check("00.three_quarters", mine)
    """,
)
def three_quarters(mine):
    """Make the network of the lesson and remove three quarters of its weights."""
    if not isinstance(mine, Layer):
        return "`mine` should be a network; make it with `mn.models.mlp(64, 32, 16, 10, rng=0)`."
    wanted = mlp(64, 32, 16, 10, rng=0)
    if [p.shape for p in mine.params()] != [p.shape for p in wanted.params()]:
        return "This is a network of another shape; the one of the lesson is `mn.models.mlp(64, 32, 16, 10, rng=0)`."
    found = ranking.sparsity(mine)
    if found == 0:
        return "Nothing has been removed yet: `mn.prune(mine, 0.75)`."
    if np.isclose(found, 0.25):
        return "One quarter is removed and three quarters are left; it should be the other way round."
    if not np.isclose(found, 0.75, atol=1e-3):
        return f"{found:.0%} of its weights are removed; asked for is 75 %."
    if not all(np.array_equal(p.data, q.data) for p, q in zip(mine.params(), wanted.params(), strict=True)):
        return "It has another seed, or it has been trained: make it again, with `rng=0`."
    return None
