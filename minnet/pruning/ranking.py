"""The one mechanism behind every kind of pruning: score the units, prune the lowest.

`rank` evaluates the criterion once and returns a `Ranking`; ``ranking.apply(s)`` then writes masks for any sparsity,
up and down, as often as a slider moves.  `prune` is the form for training loops: it only ever removes.
"""

from __future__ import annotations

import numpy as np

from minnet.messages import choice, closest, fraction
from minnet.nn.layer import the_network
from minnet.nn.losses import cross_entropy
from minnet.pruning import criteria, evidence
from minnet.pruning import scope as scopes
from minnet.pruning import structure as structures
from minnet.pruning.units import Units

FEW = 64  # up to this many groups are partitioned one by one; where there are more, all are sorted once


def prune(net, sparsity, criterion=criteria.magnitude, structure=structures.weights, scope=scopes.network,
          *, data=None, rng=None, combine="mean", loss=cross_entropy):
    """Prune the lowest-ranking units until a fraction ``sparsity`` of all units is pruned.

    Only masks are written; the weights stay in ``param.data``.  Pruned units stay pruned, and count: a second call
    with the same sparsity does nothing, and one with another structure adds to the first.

    Parameters
    ----------
    net : Layer
        Changed in place.
    sparsity : float, or dict of {layer: float}
        Fraction (0 to 1) of all units of the dense network, never "of what is left".
    criterion : function or str
        *How* to choose, see `minnet.pruning.criteria`.
    structure : function
        *What* is pruned together: `weights`, ``blocks(4, 4)``, ``along("out")``, `branches`.
    scope : function
        Which units compete with each other: `network`, `layer`, ``window(4)``.
    data : data, optional
        For criteria that look at data.
    rng : numpy.random.Generator, seed or None
        For criteria that choose at random.
    combine : {"mean", "sum", "l2"}
        How the scores of its weights are combined into a unit's score.
    loss : function
        For criteria that look at gradients, as in `mn.steps`: ``loss(y, target) -> (loss, gradient)``.

    Raises
    ------
    TypeError, ValueError
        The network is then unchanged.
    """
    units = Units(net, structure, scope)
    budget = Budget(units, sparsity)
    if budget.met_by(units.pruned()):
        evidence.named(criterion)
        return
    ranking = Ranking(units, evidence.scores(net, criterion, data, rng, loss), combine)
    for path, mask in ranking.masks(sparsity).items():
        param = units.params[path]
        if not mask.all():
            param.mask = mask if param.mask is None else mask & param.mask


def rank(net, criterion=criteria.magnitude, structure=structures.weights, scope=scopes.network,
         *, data=None, rng=None, combine="mean", loss=cross_entropy):
    """Rank all units once, for any number of sparsities.  The arguments are those of `prune`.

    Returns
    -------
    Ranking
    """
    return Ranking(Units(net, structure, scope), evidence.scores(net, criterion, data, rng, loss), combine)


def set_masks(net, masks):
    """Mask a network in place and return it.

    Parameters
    ----------
    masks : dict of {path: ndarray of bool, or None}
        As `Ranking.masks` gives them, True = kept. A parameter that is not named stays as it is.
    """
    for param in net.params():
        if param.path in masks:
            mask = masks[param.path]
            param.mask = None if mask is None or mask.all() else mask
    return net


def masks_of(net):
    """All masks of a network as they are now, ``{path: mask or None}``: what `set_masks` takes."""
    return {param.path: param.mask for param in net.params()}


def restore(net):
    """Bring back everything that was removed: all masks are cleared.

    Raises
    ------
    ValueError
        If some of it was `cut`: those weights are erased, and nothing is restored.
    """
    params = the_network(net).params()
    erased = sum(p.cut_off for p in params)
    if erased:
        raise ValueError(f"{erased:,} numbers were cut and are gone for good; "
                         "train again, or restore before mn.cut(net)")
    for param in params:
        param.mask = None


def cut(net):
    """Make the pruning permanent: masked weights are set to zero, and no call brings them back.

    Masks can be undone, this can't.  The arrays keep their size; `compact` builds a smaller network.
    """
    for param in the_network(net).params():
        param.cut()


def sparsity(net):
    """Fraction of the prunable weights that are removed; biases and gains are not counted."""
    weights = [p for p in the_network(net).params() if p.prunable]
    size = sum(p.size for p in weights)
    return 1 - sum(p.kept for p in weights) / size if size else 0.0


class Budget:
    """How many units to prune in each group: round(sparsity · n)."""

    def __init__(self, units, sparsity):
        self.group, self.groups = units.group, 1 + int(units.group.max(initial=-1))
        if isinstance(sparsity, dict):  # each group of the scope is then split by layer
            by_layer = self._by_layer(units, sparsity)
            self.group = np.where(units.group < 0, -1, units.group * len(by_layer) + units.layer)
            sparsity = np.tile(by_layer, self.groups)
            self.groups *= len(by_layer)
        else:
            sparsity = fraction(sparsity)
        size = np.bincount(self.group[self.group >= 0], minlength=self.groups)
        self.count = np.rint(sparsity * size).astype(int)

    def met_by(self, pruned):
        """Whether at least as many units are already pruned."""
        return bool(np.all(np.bincount(self.group[pruned], minlength=self.groups) >= self.count))

    @staticmethod
    def _by_layer(units, sparsities):
        each = np.zeros(1 + max(units.layer_names))
        numbers = {name: number for number, name in units.layer_names.items()}
        for name, part in sparsities.items():
            if name not in numbers:
                raise ValueError(f"no layer {name!r} with units of this structure." + closest(name, numbers))
            each[numbers[name]] = fraction(part, f"sparsity of {name}")
        return each


class Ranking:
    """Units in the order in which they are pruned.

    Attributes
    ----------
    units : Units
    score : ndarray, (units,)
        High = keep; −inf for units that were already pruned when the ranking was made.  A score of −∞ that a criterion
        gives is below all others and +∞ above them; a unit with both has none, and is refused.
    fixed : ndarray of bool, (units,)
        Never pruned: a structured ranking keeps the best unit of each layer.
    """

    def __init__(self, units, scores, combine="mean"):
        if not isinstance(units, Units) or not isinstance(scores, dict) or any(
                path not in scores for path, param in units.params.items() if param.prunable):
            raise TypeError("a Ranking takes Units and a score for each of their weights, {path: array}; write "
                            "mn.rank(net, criterion)")
        self.units = units
        self.score = _finite(_combine(units, scores, combine))
        self.score[units.pruned()] = -np.inf
        self.fixed = (units.size == 0) | (units.group < 0)
        if units.keeps_one:
            by_layer = np.lexsort((self.score, units.layer))  # layer after layer, the lowest score first
            last_of_layer = np.flatnonzero(np.diff(units.layer[by_layer], append=-2))  # the next is of another layer
            best = by_layer[last_of_layer]
            self.fixed[best[self.score[best] > -np.inf]] = True  # where all are pruned, there is none to keep
        self._sorted = None, None

    def masks(self, sparsity=None, *, weights=None):
        """Masks for a sparsity, without writing them.

        Parameters
        ----------
        sparsity : float, or dict of {layer: float}
            Fraction of the units.
        weights : float
            Instead: units are pruned until at least this fraction of the *weights* is, to compare structures at
            equal size.

        Returns
        -------
        dict of {path: ndarray of bool}
            True = kept.  The masks are nested: what a larger sparsity keeps, a smaller one keeps, too.
        """
        if (sparsity is None) == (weights is None):
            raise TypeError("say either a fraction of units, masks(0.5), or of weights, masks(weights=0.5)")
        pruned = self._lowest(Budget(self.units, sparsity)) if weights is None else self._lightest(fraction(weights))
        return self.units.masks(pruned)

    def apply(self, sparsity=None, *, weights=None):
        """Write the masks for a sparsity.  A smaller one than before restores units."""
        for path, mask in self.masks(sparsity, weights=weights).items():
            self.units.params[path].mask = None if mask.all() else mask

    def _lowest(self, budget):
        """The lowest of each group, as many as in the budget; among equals, the one with the lower index."""
        if budget.groups > FEW:
            return ~self.fixed & (self._position_in(budget.group) < budget.count[budget.group])
        pruned = np.zeros(self.units.count, bool)
        for group, count in enumerate(budget.count):
            members = np.flatnonzero((budget.group == group) & ~self.fixed)
            count = min(count, len(members))
            already = np.isneginf(self.score[members])  # pruned first; this many ties slow a partition 20-fold
            pruned[members[already][:count]] = True
            members, count = members[~already], count - np.count_nonzero(already)
            if count > 0:
                score = self.score[members]
                edge = np.partition(score, count - 1)[count - 1]
                below = members[score < edge]
                pruned[below] = True
                pruned[members[score == edge][: count - len(below)]] = True
        return pruned

    def _position_in(self, group):
        """0 for the lowest unit of each group, 1 for the next …; sorted once for the same groups."""
        if self._sorted[0] is not group:
            competing = np.where(self.fixed, -1, group)
            order = np.lexsort((self.score, competing))
            start = np.searchsorted(competing[order], competing[order])
            position = np.empty(len(order), int)
            position[order] = np.arange(len(order)) - start
            self._sorted = group, position
        return self._sorted[1]

    def _lightest(self, part):
        """The lowest units of the whole network that hold at least this fraction of all weights."""
        size = np.where(self.fixed, 0, self.units.size)
        order = np.argsort(np.where(self.fixed, np.inf, self.score), kind="stable")
        before = np.cumsum(size[order]) - size[order]
        pruned = np.zeros(self.units.count, bool)
        pruned[order] = before < part * self.units.weights - 1e-9
        return pruned & ~self.fixed


def _finite(score):
    """Scores with finite numbers, in the same order, in place of ±∞."""
    if np.isnan(score).any():
        raise ValueError("a unit has weights with scores of +∞ and of −∞, which have no mean; let the criterion give "
                         "finite numbers")
    largest = np.finfo(score.dtype).max
    return np.clip(score, -largest, largest)


def _combine(units, scores, how):
    """A score for each unit from the scores of its weights."""
    if choice(how, "combine", ("mean", "sum", "l2")) == "l2":
        return np.sqrt(units.total({path: np.square(score) for path, score in scores.items()}))
    total = units.total(scores)
    return total / np.maximum(units.size, 1) if how == "mean" else total
