"""Which implementation is the fastest? A small cost model.

Sparse multiplication has an overhead for each weight that is left: its column index has to be read, and inputs
gathered from there. Dense multiplication costs less for each weight, but computes with all of them. So which one is
faster depends on the density, and on the batch size.
The constants below were measured on one core (AMD Zen 4, OpenBLAS, 3.5 GHz) with `benchmarks/forward.py`. On another
computer all of them change, but mostly by the same factor, so the choice stays about right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from minnet.sparse.packing import GROUP, is_two_of_four

# Nanoseconds for one stored weight and one sample, in batches of 1, 8 and 256 samples.
BATCHES = (1, 8, 256)
COSTS = {
    "rows": (0.20, 0.035, 0.023),
    "blocks": (0.125, 0.033, 0.0195),
    "2:4": (0.055, 0.041, 0.028),
    "dense": (0.045, 0.037, 0.0205),
}
# Nanoseconds for one number that is copied into or out of a tile, for each sample.
COPY = (0.5, 0.2, 0.15)
# Nanoseconds for one call: NumPy needs three for each layer, the kernels one for all layers.
DENSE_LAYER, KERNEL_CALL = 2500, 1200
# Above this density there is nothing to skip, and no reason to store column indices.
DENSE_ENOUGH = 0.95

PACKED = ("rows", "blocks", "2:4")              # what the kernels read


@dataclass(frozen=True)
class Plan:
    """What was chosen: a format for each layer, and an implementation for each batch size (one, few, many)."""

    formats: tuple[str, ...]            # one of PACKED, or "dense", "shrunken", "csr"
    ways: tuple[str, str, str]          # "kernels", "dense" or "csr"
    reasons: tuple[str, ...]            # one sentence per layer, without its subject


def choose(linears, format) -> Plan:
    """Plan a run of dense layers (a list of `Linear`), for a `format` that `compile` accepts."""
    weights, layers = [linear.weight for linear in linears], len(linears)
    if format in ("dense", "csr"):
        formats, ways = (format,) * layers, (format,) * 3
    elif format in PACKED:
        formats, ways = tuple(possible(weight, format) for weight in weights), ("kernels",) * 3
    else:
        formats = tuple(leanest(weight) for weight in weights)
        ways = tuple(_faster(i, weights, formats) for i in range(3))
        full = all(np.count_nonzero(weight) > DENSE_ENOUGH * weight.size for weight in weights)
        if full or set(ways) == {"dense"}:
            formats, ways = tuple("shrunken" if linear.shrunken else "dense" for linear in linears), ("dense",) * 3
    return Plan(formats, ways, tuple(reason(linear, name, ways, asked_for=format != "auto")
                                     for linear, name in zip(linears, formats, strict=True)))


def possible(weight, format) -> str:
    """The format that was asked for, or "rows" where a weight (in, out) is not 2:4 at all."""
    return "rows" if format == "2:4" and not is_two_of_four(weight.T) else format


def leanest(weight) -> str:
    """The kernel format with the lowest cost for a weight (in, out), on average over the batch sizes."""
    formats = ("rows", "blocks", "2:4") if is_two_of_four(weight.T) else ("rows", "blocks")
    return min(formats, key=lambda name: _cost(weight, name))


def _cost(weight, name):
    """Cost for one sample, multiplied over the batch sizes: half the cost at one size outweighs double at another.

    Where a dense product is cheaper, it is used instead, so no format counts as more expensive than that.
    """
    numbers = stored(weight, name)
    return math.prod(min(cost * numbers, dense * weight.size)
                     for cost, dense in zip(COSTS[name], COSTS["dense"], strict=True))


def stored(weight, format) -> int:
    """How many numbers a format of the kernels stores of a weight (in, out)."""
    if format == "blocks":
        return stored_in_blocks(weight)
    return weight.size // 2 if format == "2:4" else int(np.count_nonzero(weight))


def stored_in_blocks(weight) -> int:
    """How many numbers the format "blocks" stores: four for each input that at least one of four outputs uses."""
    inputs, outputs = weight.shape
    blocks = -(-outputs // GROUP)
    padded = np.zeros((inputs, blocks * GROUP), bool)
    padded[:, :outputs] = weight != 0
    return GROUP * int(np.count_nonzero(padded.reshape(inputs, blocks, GROUP).any(axis=2)))


def _faster(i, weights, formats):
    """The faster implementation for the i-th batch size, by the costs above."""
    multiply = sum(stored(weight, name) * COSTS[name][i] for weight, name in zip(weights, formats, strict=True))
    copy = COPY[i] * (weights[0].shape[0] + weights[-1].shape[1])
    kernels = KERNEL_CALL + BATCHES[i] * (multiply + copy)
    dense = DENSE_LAYER * len(weights) + BATCHES[i] * COSTS["dense"][i] * sum(weight.size for weight in weights)
    return "kernels" if kernels < dense else "dense"


def reason(linear, name, ways, asked_for) -> str:
    """A sentence without its subject: how a layer is stored and computed, and why."""
    weight = linear.before
    kept = np.count_nonzero(weight) / max(weight.size, 1)
    said = f"keeps {kept:.1%} of its {weight.size} weights"
    if linear.shrunken:
        idle = " and ".join(f"{gone} {what}" for gone, what in (
            (weight.shape[0] - linear.weight.shape[0], "of its inputs"),
            (weight.shape[1] - linear.weight.shape[1], "of its neurons")) if gone)
        said += f"; {idle} have no work and are left out"
    how = {
        "rows": "each with its column number, and only they are multiplied",
        "blocks": "four outputs to each column number, and only these blocks are multiplied",
        "2:4": "two of each four neighbours, with two bits for the place of each, and only they are multiplied",
        "dense": "as a full matrix, and NumPy multiplies all of it",
        "shrunken": "as a smaller full matrix, and NumPy multiplies all of it",
        "csr": "in CSR form, and the naive loop multiplies them one by one",
    }[name]
    why = ", as asked for" if asked_for else ": there are too few zeros to gain from" if name == "dense" else ""
    slow = [batch for batch, way in zip(("single samples", "up to 16 samples", "more samples"), ways, strict=True)
            if way == "dense" and name not in ("dense", "shrunken")]
    also = f" (for {' and '.join(slow)} NumPy's dense product is faster and does the work)" if slow else ""
    return f"{said}; they are stored {how}{why}{also}."
