"""The exercises of lesson 03, Removing weights."""

from __future__ import annotations

import numpy as np

from minnet.exercises.exercise import exercise
from minnet.pruning import ranking


@exercise(
    "03.kept",
    hints=[
        "Start from a copy, `mine = net.copy()`, and prune the copy: `mn.prune(mine, 0.9)`.",
        "`for p in mine.params()` goes through weights and biases; `if p.prunable` keeps the weights.",
        "For each of them `p.kept` counts the weights that are left and `p.size` counts all of them.",
    ],
    solution="""
        mine = net.copy()
        mn.prune(mine, 0.9)
        kept = [p.kept / p.size for p in mine.params() if p.prunable]
        mn.check("03.kept", kept, mine)
    """,
    setting="net = mn.models.mlp(64, 32, 16, 10, rng=0)",
)
def kept(kept, mine):
    """Prune a copy of the network to 90 % and find which fraction of its weights each layer keeps."""
    if abs(ranking.sparsity(mine) - 0.9) > 0.005:
        return (f"The network that you passed has {ranking.sparsity(mine):.0%} of its weights removed; "
                "prune a copy of the trained network to 90 % first." + _adds_up(mine))
    weights = [p for p in mine.params() if p.prunable]
    off = _other_weights_removed(weights)
    if off:
        return off
    right = np.array([p.kept / p.size for p in weights])
    if isinstance(kept, dict):
        kept = list(kept.values())
    if np.ndim(kept) != 1:
        return "One number for each layer is wanted, in a list."
    try:
        kept = np.array(kept, float)
    except (TypeError, ValueError):
        return "The fractions should be numbers between 0 and 1, such as 0.25, without quotation marks or a % sign."
    if len(kept) == len(mine.params()) > len(right):
        return (f"That is {len(kept)} numbers: the biases are among them, and they are never pruned; "
                "take `if p.prunable`.")
    if len(kept) != len(right):
        return f"The network has {len(right)} layers with weights, and your answer has {len(kept)} numbers."
    if np.allclose(kept, right, atol=0.006):
        return None
    if np.allclose(kept, 100 * right, atol=0.6):
        return "These are per cent; write fractions between 0 and 1."
    if np.allclose(kept, [p.kept for p in weights]):
        return "These are counts; divide each by the size of its layer."
    if np.allclose(kept, 1 - right, atol=0.006):
        return "This is the fraction that each layer lost; asked for is what it keeps."
    if np.allclose(kept, [p.kept / sum(q.kept for q in weights) for p in weights], atol=0.006):
        return "This is each layer's share of all that is left; divide by the layer's own size, `p.size`."
    if np.allclose(kept, np.round(right, 1)):
        return "Rounded to one decimal, that is right; give at least two decimals."
    if np.allclose(kept, 0.1):
        return ("A tenth of all weights stays, but not a tenth of each layer, because all of them compete: "
                "count what each layer keeps with `p.kept`.")
    worst = int(np.argmax(np.abs(kept - right)))
    return f"The number for layer {worst + 1} ({weights[worst].path}) does not agree with the network that you passed."


def _adds_up(mine):
    """A remark if the same copy may have been pruned twice."""
    if ranking.sparsity(mine) <= 0.9:
        return ""
    return (" Prunings of one network add up: what is gone stays gone, so begin with a fresh copy, "
            "`mine = net.copy()`.")


def _other_weights_removed(weights):
    """What is wrong with the choice of weights, or None: 03.kept is about the lesson's network as a whole."""
    if [p.shape for p in weights] != [(64, 32), (32, 16), (16, 10)]:
        return "That is another network; prune a copy of the first one of this lesson: `mine = net.copy()`."
    sizes = np.concatenate([np.abs(p.data).ravel() for p in weights])
    stays = np.concatenate([p.kept_mask.ravel() for p in weights])
    if sizes[stays].min() >= sizes[~stays].max():
        return None
    if np.allclose([p.kept / p.size for p in weights], 0.1, atol=0.006):
        return ("You pruned each layer on its own; asked for is what happens when all weights compete: "
                "`mn.prune(mine, 0.9)`.")
    return ("It is not the weights nearest to zero that were removed from this network; take a fresh copy, "
            "`mine = net.copy()`, and only `mn.prune(mine, 0.9)`.")


@exercise(
    "03.largest",
    hints=[
        "Near zero counts on both sides: compare `np.abs(weights)`.",
        "`np.argsort(sizes.ravel())` lists the positions from the smallest size to the largest.",
        "Start with all True, `mask = np.ones(weights.size, bool)`; then set the first "
        "`round(sparsity * weights.size)` positions of that list to False, and `reshape` the mask.",
    ],
    solution="""
        def largest(weights, sparsity):
            sizes = np.abs(weights).ravel()
            order = np.argsort(sizes)
            mask = np.ones(weights.size, bool)
            mask[order[:round(sparsity * weights.size)]] = False
            return mask.reshape(weights.shape)

        mn.check("03.largest", largest)
    """,
)
def largest(largest):
    """Write magnitude pruning yourself: a mask (True = keep) for one matrix of weights and a sparsity."""
    if not callable(largest):
        return "The answer to this exercise is a function; pass it without brackets: `largest`."
    rng = np.random.default_rng(0)
    for shape, sparsity in [((4, 5), 0.25), ((8, 8), 0.5), ((10, 6), 0.9), ((3, 5), 0.25),  # 3.75: round, don't cut
                            ((3, 4), 0.0), ((3, 4), 1.0)]:
        off = _compare(largest, rng.normal(size=shape), sparsity)
        if off:
            return off
    if np.count_nonzero(~largest(np.full((4, 4), 0.5), 0.5)) != 8:
        return ("With 16 equal weights and sparsity 0.5 it should still remove exactly 8: "
                "go by the order of the weights, not by a threshold.")
    return None


def _compare(largest, weights, sparsity):
    before = weights.copy()
    mask = np.asarray(largest(weights, sparsity))
    asked = f"For {weights.shape[0]} × {weights.shape[1]} weights and sparsity {sparsity:g}"
    if not np.array_equal(weights, before):
        return "It changes the weights that it is given; pruning only writes a mask, so work on a copy."
    if mask.shape != weights.shape:
        return f"{asked} the mask has the shape {mask.shape}; it should have the shape of the weights."
    if mask.dtype != bool:
        return f"The mask should hold True and False (bool); yours holds {mask.dtype}."
    removed, wanted = np.count_nonzero(~mask), round(sparsity * weights.size)
    if removed == weights.size - wanted != wanted:
        return f"{asked} it keeps {wanted} weights; it should remove this many (True means keep)."
    if removed != wanted:
        return f"{asked} it should remove {wanted} weights; it removes {removed}."
    if np.array_equal(mask, _without_lowest(np.abs(weights), wanted)):
        return None
    if np.array_equal(mask, _without_lowest(-np.abs(weights), wanted)):
        return f"{asked} it removes the largest weights instead of the smallest."
    if np.array_equal(mask, _without_lowest(weights, wanted)):
        return "A weight of −3 counts as much as one of 3: compare the sizes without their sign, `np.abs(weights)`."
    return f"{asked} the number is right, but it removes larger weights than it has to."


def _without_lowest(scores, removed):
    """True except at the `removed` lowest scores."""
    mask = np.ones(scores.size, bool)
    mask[np.argsort(scores, axis=None)[:removed]] = False
    return mask.reshape(scores.shape)
