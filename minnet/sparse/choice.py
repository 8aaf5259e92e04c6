"""Which way of computing should be the fastest? A small model of what each of them costs.

Sparse multiplication pays a price for each weight that is left: a column number has to be read, and inputs gathered
from where it points. Dense multiplication pays less for each weight, but for all of them. So which one is faster is a
question of density, and of the batch: for a single sample each costs something else than for hundreds.
The constants below were measured on one core (AMD Zen 3, 2.45 GHz, OpenBLAS) with `benchmarks/forward.py`. On another
computer all of them change, but mostly together, so the choice stays about right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minnet.sparse.packing import GROUP

# Nanoseconds for one stored weight and one sample, when 1, 8 or 256 samples are predicted at a time.
BATCHES = (1, 8, 256)
ROWS = (0.30, 0.045, 0.032)
BLOCKS = (0.18, 0.040, 0.0265)
DENSE = (0.10, 0.050, 0.0265)
# Nanoseconds for one number that is copied into a tile or out of it, for each sample.
COPY = (0.3, 0.2, 0.2)
# Nanoseconds for one call: NumPy needs three for each layer, the kernels one for all layers.
DENSE_LAYER, KERNEL_CALL = 2500, 1500
# Beyond this density there is nothing to skip, and no reason to store column numbers.
DENSE_ENOUGH = 0.95


@dataclass(frozen=True)
class Plan:
    """What was chosen: one format per layer, and for each kind of batch (one, few, many) the way to compute it."""

    formats: tuple[str, ...]            # "rows", "blocks", "dense" or "csr"
    ways: tuple[str, str, str]          # "kernels", "dense" or "csr"
    reasons: tuple[str, ...]            # one sentence per layer, without its subject


def choose(weights, format) -> Plan:
    """Plan a run of dense layers with these weights (in, out), for a `format` that `compile` accepts."""
    layers = len(weights)
    left = [np.count_nonzero(weight) for weight in weights]
    if format in ("dense", "csr"):
        formats, ways = (format,) * layers, (format,) * 3
    elif format in ("rows", "blocks"):
        formats, ways = (format,) * layers, ("kernels",) * 3
    else:
        formats = tuple(leaner(weight) for weight in weights)
        stored = [stored_in_blocks(weight) if name == "blocks" else n
                  for weight, n, name in zip(weights, left, formats, strict=True)]
        ways = tuple(_faster(i, weights, stored, formats) for i in range(3))
        full = all(n > DENSE_ENOUGH * weight.size for n, weight in zip(left, weights, strict=True))
        if full or set(ways) == {"dense"}:
            formats, ways = ("dense",) * layers, ("dense",) * 3
    return Plan(formats, ways, tuple(reason(weight, name, ways, asked_for=format != "auto")
                                     for weight, name in zip(weights, formats, strict=True)))


def leaner(weight) -> str:
    """The faster of the two formats of the kernels for a weight (in, out), in large batches."""
    return "blocks" if stored_in_blocks(weight) * BLOCKS[2] < np.count_nonzero(weight) * ROWS[2] else "rows"


def stored_in_blocks(weight) -> int:
    """How many numbers the format "blocks" stores: four for each input that any of four outputs uses."""
    inputs, outputs = weight.shape
    blocks = -(-outputs // GROUP)
    padded = np.zeros((inputs, blocks * GROUP), bool)
    padded[:, :outputs] = weight != 0
    return GROUP * int(np.count_nonzero(padded.reshape(inputs, blocks, GROUP).any(axis=2)))


def _faster(i, weights, stored, formats):
    """The faster way for the i-th kind of batch, by the model of costs above."""
    multiply = sum(n * (BLOCKS[i] if name == "blocks" else ROWS[i]) for n, name in zip(stored, formats, strict=True))
    copy = COPY[i] * (weights[0].shape[0] + weights[-1].shape[1])
    kernels = KERNEL_CALL + BATCHES[i] * (multiply + copy)
    dense = DENSE_LAYER * len(weights) + BATCHES[i] * DENSE[i] * sum(weight.size for weight in weights)
    return "kernels" if kernels < dense else "dense"


def reason(weight, name, ways, asked_for) -> str:
    """A sentence without its subject: what was done with a weight, and why."""
    kept = np.count_nonzero(weight) / max(weight.size, 1)
    how = {
        "rows": "each with its column number, and only they are multiplied",
        "blocks": "four outputs to each column number, and only these blocks are multiplied",
        "dense": "as a full matrix, and NumPy multiplies all of it",
        "csr": "in CSR form, and the naive loop multiplies them one by one",
    }[name]
    why = ", as asked for" if asked_for else ": there are too few zeros to gain from" if name == "dense" else ""
    slow = [batch for batch, way in zip(("single samples", "up to 8 samples", "more samples"), ways, strict=True)
            if way == "dense" and name != "dense"]
    also = f" (for {' and '.join(slow)} NumPy's dense product is faster and does the work)" if slow else ""
    return f"keeps {kept:.1%} of its {weight.size} weights; they are stored {how}{why}{also}."
