"""The exercises of lesson 04, What is left to compute."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from numbers import Real

import numpy as np

from minnet.exercises.exercise import exercise
from minnet.formats import CSR

WANTED = "The answer to this exercise is a function; pass it without brackets: `{}`."


@exercise(
    "04.crossover",
    hints=[
        "From 80 % to 95 % the density decreases by 0.15, and the time by `at_80 - at_95`.  So how much time does one "
        "unit of density cost?",
        "`slope = (at_80 - at_95) / 0.15`.  Now start at 95 % and go back until the time has grown to `dense`.",
        "It has to grow by `dense - at_95`, so the density by `(dense - at_95) / slope`; and what the density gains, "
        "the sparsity loses.",
    ],
    solution="""
        def crossover(dense, at_80, at_95):
            slope = (at_80 - at_95) / 0.15
            return 0.95 - (dense - at_95) / slope

        mn.check("04.crossover", crossover)
    """,
)
def crossover(crossover):
    """Predict from two measurements at which sparsity a sparse kernel takes as long as the dense product."""
    if not callable(crossover):
        return WANTED.format("crossover")
    for fixed, each, right in ((5.0, 200.0, 0.4), (0.0, 100.0, 0.75), (12.0, 80.0, 0.1), (1.0, 300.0, 0.55)):
        dense, at_80, at_95 = (fixed + each * (1 - sparsity) for sparsity in (right, 0.8, 0.95))
        found = crossover(dense, at_80, at_95)
        asked = f"For dense = {dense:g}, at_80 = {at_80:g} and at_95 = {at_95:g}"
        if not isinstance(found, Real):
            return f"{asked} the answer should be one number."
        if np.isclose(found, right, atol=1e-3):
            continue
        if np.isclose(found, 100 * right, atol=0.1):
            return "This is in per cent; give a fraction between 0 and 1."
        if np.isclose(found, 1 - right, atol=1e-3):
            return "This is the density, the fraction that is left; asked for is the sparsity."
        if fixed and np.isclose(found, 1 - 0.2 * dense / at_80, atol=1e-3):
            return ("That takes the time to be proportional to the weights that are left; but some of it is there even "
                    "without any.  Draw the line through both measurements.")
        return f"{asked} the line through both measurements reaches the dense time at {right:g}, not at {found:.4g}."
    return None


@exercise(
    "04.break_even",
    hints=[
        "Dense takes `rows * columns * value` bytes.  CSR takes `value + index` bytes for each number that is kept, "
        "and one `index` more for each row and one at the end.",
        "Set both equal and solve for the number that is kept: "
        "`kept * (value + index) + (rows + 1) * index == rows * columns * value`.",
        "The sparsity is then `1 - kept / (rows * columns)`.",
    ],
    solution="""
        def break_even(rows, columns, value, index):
            dense = rows * columns * value
            kept = (dense - (rows + 1) * index) / (value + index)
            return 1 - kept / (rows * columns)

        mn.check("04.break_even", break_even)
    """,
)
def break_even(break_even):
    """Find the sparsity from which on CSR is smaller than the dense matrix."""
    if not callable(break_even):
        return WANTED.format("break_even")
    for rows, columns, value, index in ((10, 20, 4, 4), (4, 8, 4, 1), (512, 64, 4, 2), (30, 30, 8, 4)):
        right = 1 - (rows * columns * value - (rows + 1) * index) / ((value + index) * rows * columns)
        found = break_even(rows, columns, value, index)
        asked = f"For a {rows} × {columns} matrix with {value} bytes a value and {index} an index"
        if not isinstance(found, Real):
            return f"{asked} the answer should be one number."
        if np.isclose(found, right, atol=5e-4):
            continue
        slips = {
            100 * right: "This is in per cent; give a fraction between 0 and 1.",
            1 - right: "This is the density, the fraction that is left; asked for is the sparsity.",
            index / (value + index): "The starts are missing: one index for each row, and one at the end.",
            right - index / ((value + index) * rows * columns): "CSR has one start more than there are rows: the last "
                                                                "one says where everything ends.",
            1 - (rows * columns * value - (rows + 1) * index) / ((value + 2 * index) * rows * columns):
                "Two indices for each number are COO; CSR stores only the column.",
        }
        for slip, message in slips.items():
            if np.isclose(found, slip, atol=5e-4):
                return message
        return f"{asked} both are equally large at {right:.4f}; you have {found:.4g}."
    return None


# ---- the naive loop, faster in two steps ------------------------------------------------------------------


@exercise(
    "04.turned",
    hints=[
        "`for row in range(len(y)):` comes first now; inside it, set `y[row]` to 0 and go through its weights, "
        "`for p in range(starts[row], starts[row + 1]):`.",
        "Take the weight and everything that it meets: `weight, seen = values[p], x[columns[p]]`.  `seen` is one "
        "number for each sample.",
        "The innermost loop is `for sample in range(len(out)): out[sample] += weight * seen[sample]`, with "
        "`out = y[row]`.  At the end, `return y`.",
    ],
    solution="""
        def turned(values, columns, starts, x, y):
            for row in range(len(y)):
                out = y[row]
                out[:] = 0
                for p in range(starts[row], starts[row + 1]):
                    weight, seen = values[p], x[columns[p]]
                    for sample in range(len(out)):
                        out[sample] += weight * seen[sample]
            return y

        mn.check("04.turned", turned)
    """,
)
def turned(turned):
    """Turn the loops of the naive product around, so that each weight is read once for all samples."""
    if not callable(turned):
        return WANTED.format("turned")
    for seed, (rows, inputs, samples) in enumerate(((5, 7, 6), (3, 9, 1), (8, 4, 10))):
        off = _compare(turned, seed, rows, inputs, samples, passes=1)
        if off:
            return off
    return None


@exercise(
    "04.tiled",
    hints=[
        "One more loop around everything: `for first in range(0, x.shape[1], size):`, and inside it only the samples "
        "`first` to `first + size`.",
        "`tile = x[:, first:first + size].copy()` puts the inputs of these samples side by side.  `sums = "
        "np.zeros(tile.shape[1], np.float32)` collects one row.",
        "For each row: set `sums[:] = 0`, go through its weights as in `turned` but with `tile` instead of `x` and "
        "`sums` instead of `out`, and then `y[row, first:first + size] = sums`.",
    ],
    solution="""
        def tiled(values, columns, starts, x, y, size):
            for first in range(0, x.shape[1], size):
                tile = x[:, first:first + size].copy()
                sums = np.zeros(tile.shape[1], np.float32)
                for row in range(len(y)):
                    sums[:] = 0
                    for p in range(starts[row], starts[row + 1]):
                        weight, seen = values[p], tile[columns[p]]
                        for sample in range(len(sums)):
                            sums[sample] += weight * seen[sample]
                    y[row, first:first + size] = sums
            return y

        mn.check("04.tiled", tiled)
    """,
)
def tiled(tiled):
    """Let only a tile of samples go through all weights before the next tile comes."""
    if not callable(tiled):
        return WANTED.format("tiled")
    for seed, (rows, inputs, samples, size) in enumerate(((5, 7, 6, 3), (4, 9, 10, 4), (6, 5, 3, 8))):
        off = _compare(tiled, seed, rows, inputs, samples, size, passes=-(-samples // size))
        if off:
            return off
    return None


def _compare(product, seed, rows, inputs, samples, *size, passes):
    """Run a learner's loops on a small sparse matrix; None, or what is off with the result or with the order."""
    rng = np.random.default_rng(seed)
    dense = np.where(rng.random((rows, inputs)) < 0.4, rng.normal(size=(rows, inputs)), 0).astype(np.float32)
    dense[1] = 0  # a row may be empty
    stored = CSR.from_dense(dense)
    x = rng.normal(size=(inputs, samples)).astype(np.float32)
    values, read = _watched(stored.values)
    y = np.full((rows, samples), np.nan, np.float32)
    given = stored.columns.astype(np.int64), stored.starts.astype(np.int64), x.copy(), y
    found = np.asarray(product(values, *given, *size))
    tile = f" and size = {size[0]}" if size else ""
    asked = f"With {rows} rows, {inputs} inputs and {samples} sample{'s' * (samples > 1)}{tile}"
    if found.shape != y.shape:
        return f"{asked} it returns an array of shape {found.shape}; asked for is y, of shape {y.shape}."
    if np.isnan(found.astype(float)).any():
        return f"{asked} some numbers of y are never written; set each row to 0 before you add to it."
    if not np.allclose(found, dense @ x, atol=1e-4):
        wrong = int(np.argmax(~np.isclose(found, dense @ x, atol=1e-4).all(axis=1)))
        return f"{asked} the result is not the product W x; row {wrong} is the first that differs."
    return _order(read, samples, passes, asked)


def _order(read, samples, passes, asked):
    """None if each weight was fetched as often as there are passes, else a message; immediate repeats don't count."""
    if not read:
        return ("The product is right, but this check could not see how you go through `values`; pass your own "
                "loops, without @njit and without a function of NumPy.")
    fetched = [after for before, after in pairwise([None, *read]) if after != before]
    times = max(Counter(fetched).values())
    if times == passes:
        return None
    count = f"{asked} the product is right, but each weight is fetched {times} time{'s' * (times > 1)}"
    if times == samples:
        return (f"{count}, once for each sample: the loop over the samples still stands outside.  "
                f"It should be {passes}.")
    return f"{count}; it should be {passes}."


def _watched(values):
    """A copy of some numbers, all different, and the list of those that are read from it, in order."""
    read = []

    class Watched(np.ndarray):
        def __getitem__(self, key):
            found = super().__getitem__(key)
            read.extend(np.ravel(np.asarray(found)).tolist())
            return np.asarray(found)[()]

    return values.copy().view(Watched), read
