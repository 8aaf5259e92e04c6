"""What a network is worth, pruned or not: what it recognises, and of each class, what it takes to store, and its speed.

An `Outcome` is measured once; the playground tells it in a sentence and as a row of its table.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minnet.explore.blueprint import stored
from minnet.explore.rungs import BATCH, price
from minnet.explore.stopwatch import spoken_bytes, spoken_time
from minnet.nn.scoring import evaluate
from minnet.pruning.physical import compact


@dataclass(frozen=True)
class Outcome:
    """What a network is worth, pruned or not.

    Attributes
    ----------
    kept, weights : int
    accuracy : float
        On the validation part.
    classes : ndarray, (classes,)
        Accuracy of each class.
    bytes, seconds : dict of {"whole", "compact", "sparse"}
    masks, there : dict of {path: ndarray of bool}
        Weights that are kept, and those that `compact` still stores.
    """

    kept: int
    weights: int
    accuracy: float
    classes: np.ndarray
    bytes: dict
    seconds: dict
    masks: dict
    there: dict

    @property
    def sparsity(self):
        return 1 - self.kept / self.weights

    @property
    def used(self):
        """Weights that are kept and not in vain: what they lead to leads on, and something leads to them."""
        return sum(int((mask & self.there[path]).sum()) for path, mask in self.masks.items())


def appraise(net, whole, split):
    """The `Outcome` of a network, whose price is measured beside that of the whole one it comes from."""
    small = compact(net)
    found = evaluate(small, split, batch=BATCH)
    weights = [param for param in net.params() if param.prunable]
    return Outcome(
        sum(p.kept for p in weights), sum(p.size for p in weights), found.accuracy, found.per_class,
        *price(whole, small, split.x),
        {p.path: np.ones(p.shape, bool) if p.mask is None else p.mask for p in weights}, stored(net))


def told(outcome):
    """Its figures in a sentence (HTML)."""
    used = f" ({outcome.used:,} of them in use)" if outcome.used < outcome.kept else ""
    return (f"<b>{outcome.kept:,} of {outcome.weights:,} weights</b>{used}, <b>{outcome.accuracy:.1%}</b> recognised, "
            f"{spoken_bytes(outcome.bytes['sparse'])}, {spoken_time(outcome.seconds['sparse'].median)}")


def row(number, recipe, outcome):
    """Its figures and how it came about in one line of a table.  An option's blanks would be folded, so they are
    made hard."""
    when = "gradual" if recipe.gradual else f"{recipe.rounds} round{'s' * (recipe.rounds > 1)}"
    return (f"#{number:<3}{outcome.accuracy:6.1%} {outcome.used:7,} in use {spoken_bytes(outcome.bytes['sparse']):>8} "
            f"{spoken_time(outcome.seconds['sparse'].median):>7} │ {recipe.structure:17} {recipe.criterion:9} "
            f"{recipe.scope:12} {when:9} → {recipe.percent:2}% {recipe.epochs:2} epochs").replace(" ", "\u00a0")
