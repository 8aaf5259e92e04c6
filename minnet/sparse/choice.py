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

# Nanoseconds for one stored weight and one sample, when predicting 1, 8 or 256 samples at a time.
BATCHES = (1, 8, 256)
ROWS = (0.30, 0.055, 0.038)
BLOCKS = (0.20, 0.036, 0.030)
DENSE = (0.10, 0.043, 0.027)
# Beyond this density there is nothing to skip, and no reason to store column numbers.
DENSE_ENOUGH = 0.95
# Nanoseconds for one call: NumPy needs three per layer, the kernels one for all layers.
DENSE_LAYER, KERNEL_CALL = 2500, 1000
# Nanoseconds for one number that the kernels copy into or out of a tile.
COPY = (0.3, 0.15, 0.10)


@dataclass(frozen=True)
class Plan:
    """What was chosen: one format per layer, and for each kind of batch (one, few, many) the way to compute it."""

    formats: tuple[str, ...]
    ways: tuple[str, str, str]          # "kernels", "dense" or "csr"
    reasons: tuple[str, ...]


def choose(layers, format) -> Plan:
    """Plan a run of dense layers, given as (weight (in, out), relu), for a `format` that `compile` accepts."""
    left = [np.count_nonzero(weight) for weight, _ in layers]
    blocks = [_stored_in_blocks(weight) for weight, _ in layers]
    if format in ("dense", "csr"):
        how = {"dense": "with all of them, by NumPy's dense product, as asked for.",
               "csr": "with the naive loop over CSR rows, as asked for."}[format]
        return Plan((format,) * len(layers), (format,) * 3, tuple(
            f"{_kept(n, weight)} and is computed {how}" for n, (weight, _) in zip(left, layers, strict=True)))
    if format == "auto":
        formats = tuple("blocks" if b * BLOCKS[2] < n * ROWS[2] else "rows" for n, b in zip(left, blocks, strict=True))
        ways = tuple(_way(i, layers, left, blocks, formats) for i in range(3))
        full = all(n > DENSE_ENOUGH * weight.size for n, (weight, _) in zip(left, layers, strict=True))
        if full or set(ways) == {"dense"}:
            formats, ways = ("dense",) * len(layers), ("dense",) * 3
    else:
        formats, ways = (format,) * len(layers), ("kernels",) * 3
    return Plan(formats, ways, tuple(
        _reason(weight, n, name, ways) for (weight, _), n, name in zip(layers, left, formats, strict=True)))


def _stored_in_blocks(weight):
    """How many numbers the format "blocks" stores: four for each column that any of four rows uses."""
    inputs, outputs = weight.shape
    blocks = -(-outputs // GROUP)
    padded = np.zeros((inputs, blocks * GROUP), bool)
    padded[:, :outputs] = weight != 0
    return GROUP * int(padded.reshape(inputs, blocks, GROUP).any(axis=2).sum())


def _way(i, layers, left, blocks, formats):
    n = BATCHES[i]
    multiply = sum(b * BLOCKS[i] if name == "blocks" else count * ROWS[i]
                   for count, b, name in zip(left, blocks, formats, strict=True))
    copy = COPY[i] * (layers[0][0].shape[0] + layers[-1][0].shape[1])
    kernels = KERNEL_CALL + n * (multiply + copy)
    dense = DENSE_LAYER * len(layers) + n * DENSE[i] * sum(weight.size for weight, _ in layers)
    return "kernels" if kernels < dense else "dense"


def _kept(left, weight):
    return f"keeps {left / max(weight.size, 1):.1%} of its {weight.size} weights"


def _reason(weight, left, name, ways):
    kept = _kept(left, weight)
    if name == "dense":
        return (f"{kept}, too many to skip the rest with profit, so it is computed with all of them, "
                "by NumPy's dense product.")
    stored = {"rows": "they are stored one by one, with a column number each",
              "blocks": "four outputs share their inputs, so one column number serves four weights"}[name]
    slow = [batch for batch, way in zip(("single samples", "batches up to 8", "larger batches"), ways, strict=True)
            if way == "dense"]
    also = f", except for {' and '.join(slow)}, where NumPy's dense product is faster" if slow else ""
    return f"{kept}: {stored}, and only they are multiplied{also}."
