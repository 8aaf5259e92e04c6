"""The exercises of lesson 05, Pruning is not dropout."""

from __future__ import annotations

import numpy as np

from minnet.exercises.exercise import exercise
from minnet.nn.layer import Layer
from minnet.pruning.compaction import compact
from minnet.pruning.ranking import cut, prune, sparsity
from minnet.pruning.scope import layer as each_layer
from minnet.pruning.structure import along


@exercise(
    "05.in_use",
    hints=[
        "When a neuron is dropped, all its connections are out of use, incoming and outgoing.",
        "So only connections between two active neurons are in use. All 40 inputs are active, and all 10 outputs.",
        "Between the inputs and the first hidden layer that makes `40 * first`; there are two more places.",
    ],
    solution="""
        def in_use(first, second):
            return 40 * first + first * second + second * 10

        mn.check("05.in_use", in_use)
    """,
)
def in_use(in_use):
    """How many connections of a 40-200-200-10 network are in use with this many active neurons in each hidden layer?"""
    if not callable(in_use):
        return "The answer to this exercise is a function; pass it without brackets: `in_use`."
    for first, second in [(157, 164), (200, 200), (160, 160), (200, 0), (0, 0)]:
        found, right = in_use(first, second), 40 * first + first * second + second * 10
        asked = f"With {first} and {second} active neurons"
        if isinstance(found, bool) or not isinstance(found, (int, float, np.number)):
            return "One number is wanted: how many connections are in use."
        if found == right:
            continue
        if round(found) in [round(50_000 * n / 200) for n in (first, second, (first + second) / 2)]:
            return (f"{asked} it says {found:,.0f}: the share of the neurons. But a connection needs both its ends, so "
                    "between the two hidden layers more of them are out of use.")
        if round(found) == round(50_000 * first * second / 200**2):
            return (f"{asked} it says {found:,.0f}: share times share. That is right between the two hidden layers; at "
                    "the inputs and at the outputs only one end is dropped.")
        if found == 50_000 - right:
            return f"{asked} it says {found:,}: these are out of use; asked for is what is left."
        if found == 40 * first + first * second:
            return f"{asked} it says {found:,}: the connections to the 10 outputs are missing."
        return f"{asked} it says {found:,}; it should be {right:,}."
    return None


@exercise(
    "05.dropout",
    hints=[
        "`rng.random(x.shape)` draws a number between 0 and 1 for every value of `x`.",
        "A neuron is kept where that number is at least `p`: `kept = rng.random(x.shape) >= p`.",
        "Multiply: `x * kept` drops the others; then divide by `1 - p`, so that the average stays the same.",
    ],
    solution="""
        def dropout(x, p, rng):
            kept = rng.random(x.shape) >= p
            return x * kept / (1 - p)

        mn.check("05.dropout", dropout)
    """,
)
def dropout(dropout):
    """Write dropout yourself: drop each value of x (set it to 0) with probability p, and scale the others."""
    if not callable(dropout):
        return "The answer to this exercise is a function; pass it without brackets: `dropout`."
    rng = np.random.default_rng(5)
    x = rng.uniform(1, 2, size=(200, 50))
    for p in (0.2, 0.6):
        before = x.copy()
        y = np.asarray(dropout(x, p, rng))
        asked = f"With p = {p:g}"
        if not np.array_equal(x, before):
            return "It changes the values that it is given; work on a copy, for example by multiplying."
        if y.shape != x.shape:
            return f"For values of the shape {x.shape} it returns the shape {y.shape}; it should be the same."
        dropped = float(np.mean(y == 0))
        off = _wrong_share(dropped, p, asked)
        if off:
            return off
        factor = y[y != 0] / x[y != 0]
        if np.allclose(factor, 1):
            return f"{asked} it drops the right share, but the others stay as they are: divide them by 1 − p."
        if np.allclose(factor, 1 / p):
            return f"{asked} the kept values are divided by p; divide by 1 − p, the share that is kept."
        if not np.allclose(factor, 1 / (1 - p)):
            return f"{asked} every kept value should become {1 / (1 - p):g} times as large."
        if np.array_equal(np.asarray(dropout(x, p, rng)) == 0, y == 0):
            return "Called a second time, it drops the same values again: draw new random numbers from `rng` each time."
        once, again = (np.asarray(dropout(x, p, np.random.default_rng(1))) for _ in range(2))
        if not np.array_equal(once, again):
            return ("Called twice with the same seed, it drops different values: use the generator that is passed, "
                    "`rng.random(x.shape)`, and no other such as `np.random`.")
        if (np.all(y == 0, axis=0) | np.all(y != 0, axis=0)).all():
            return "The same columns are dropped in every row: draw a number for every value, `rng.random(x.shape)`."
    if not np.array_equal(dropout(x, 0.0, rng), x):
        return "With p = 0 nothing is dropped, so the values should come back as they are."
    return None


def _wrong_share(dropped, p, asked):
    """What is wrong with the share of dropped values, or None."""
    if abs(dropped - p) < 0.03:
        return None
    if dropped == 0:
        return f"{asked} no value is dropped."
    if abs(dropped - (1 - p)) < 0.03:
        return f"{asked} it drops {dropped:.0%} of the values; p is the share that is dropped, not that is kept."
    return f"{asked} it drops {dropped:.0%} of the values; it should be about {p:.0%}."


@exercise(
    "05.smaller",
    hints=[
        "Start from a copy, `mine = plain.copy()`. A neuron is everything along its \"out\" axis: "
        "`structure=mn.along(\"out\")`.",
        "`mn.prune(mine, 0.6, structure=mn.along(\"out\"), scope=mn.layer)` takes 60 % of the neurons of each layer.",
        "`mn.cut(mine)` erases them, and `tiny = mn.compact(mine)` builds the network that is left.",
    ],
    solution="""
        mine = plain.copy()
        mn.prune(mine, 0.6, structure=mn.along("out"), scope=mn.layer)
        mn.cut(mine)
        tiny = mn.compact(mine)
        mn.check("05.smaller", tiny, mine, plain)
    """,
    setting="plain = mn.models.mlp(40, 200, 200, 10, rng=0)",
)
def smaller(tiny, mine, plain):
    """Take 60 % of the neurons out of each hidden layer of a copy of ``plain``, for good, and pass what is left."""
    if not isinstance(tiny, Layer):
        return "The smaller network itself is wanted: what `mn.compact` returns."
    if not isinstance(mine, Layer):
        return "`mine` is no longer a network: begin with `mine = plain.copy()` and don't assign to it again."
    if any(p.cut_off for p in plain.params()):
        return ("`plain` itself was cut, and the task is about a copy. Run the cell that trains `plain` again, and "
                "begin with `mine = plain.copy()`.")
    if sparsity(plain):
        return ("`plain` itself was pruned, and the task is about a copy: `mn.restore(plain)` brings everything back; "
                "then begin with `mine = plain.copy()`.")
    right = plain.copy()
    prune(right, 0.6, structure=along("out"), scope=each_layer)
    cut(right)
    sizes, wanted = ([p.shape for p in net.params() if p.prunable] for net in (tiny, compact(right)))
    before = [p.shape for p in plain.params() if p.prunable]
    if sizes == before:
        if any(p.cut_off for p in tiny.params()):
            return ("It is cut, but not yet compacted: its arrays are as large as before. `mn.compact` builds the "
                    "smaller network.")
        if any(p.mask is not None for p in tiny.params()):
            return ("Its arrays are as large as before: so far there is only a mask. "
                    "`mn.compact` builds the smaller network.")
        return "This network is whole: prune a copy of it first."
    if sizes != wanted:
        return (f"Its arrays are {_shapes(sizes)}, and should be {_shapes(wanted)}: 60 % of the neurons of each hidden "
                "layer go, with `scope=mn.layer`.")
    x = np.random.default_rng(0).normal(size=(50, sizes[0][0])).astype(np.float32)
    if not np.allclose(tiny(x), right(x), rtol=1e-4, atol=1e-4):
        return "The size is right, but other neurons than the weakest are gone, or it has been trained since."
    if [p.shape for p in mine.params() if p.prunable] == before and not any(p.cut_off for p in mine.params()):
        return ("This network is right, but `mine` is not cut: `mn.restore(mine)` would bring everything back. For "
                "good means `mn.cut(mine)` before `mn.compact(mine)`.")
    return None


def _shapes(sizes):
    return ", ".join("×".join(map(str, size)) for size in sizes)
