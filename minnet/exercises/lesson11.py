"""The exercises of lesson 11, Heads and layers."""

from __future__ import annotations

from numbers import Real

import numpy as np

from minnet.data.dataset import Split
from minnet.exercises.exercise import exercise
from minnet.experiments.head_ablation import without
from minnet.nn.attention import attention_layers
from minnet.nn.evaluation import accuracy
from minnet.nn.models import tiny_transformer

WANTED = "The answer to this exercise is a function; pass it without brackets: `{}`."


@exercise(
    "11.head",
    hints=[
        "First the three lists of every token: `q = x @ wq`, and k and v in the same way.",
        "How well query i fits key j is `(q @ k.T)[i, j]`; divide it by the root of the number of columns of q.",
        "Softmax of each row: `share = np.exp(fit)`, then divide by `share.sum(axis=1, keepdims=True)`.  "
        "The answer is `share @ v`.",
    ],
    solution="""
        def head(x, wq, wk, wv):
            q, k, v = x @ wq, x @ wk, x @ wv
            share = np.exp(q @ k.T / np.sqrt(q.shape[1]))
            share = share / share.sum(axis=1, keepdims=True)
            return share @ v

        mn.check("11.head", head)
    """,
)
def head(head):
    """Write one attention head: the output for each token."""
    if not callable(head):
        return WANTED.format("head")
    rng = np.random.default_rng(0)
    for tokens, features, dim in ((5, 7, 3), (4, 4, 4), (1, 3, 2)):
        x, *weights = (rng.normal(size=shape) for shape in ((tokens, features), *[(features, dim)] * 3))
        found = np.asarray(head(x.copy(), *(each.copy() for each in weights)))
        if found.dtype.kind not in "fiu":
            return f"The answer should be a table of numbers, {tokens} × {dim} for {tokens} tokens."
        right = _head(x, *weights)
        if found.shape == right.shape and np.allclose(found, right, atol=1e-6):
            continue
        for slip, message in _slips(x, *weights):
            if found.shape == slip.shape and np.allclose(found, slip, atol=1e-6):
                return message
        if found.shape != right.shape:
            return f"For {tokens} tokens and {dim} columns the answer is {tokens} × {dim}; yours is {_shape(found)}."
        return ("The shape is right, the numbers are not: queries with keys, divided by the root of their length, "
                "softmax over each row, then mix the values.")
    return None


def _softmax(fit, axis=1):
    share = np.exp(fit - fit.max())
    return share / share.sum(axis=axis, keepdims=axis is not None)


def _head(x, wq, wk, wv):
    q, k, v = x @ wq, x @ wk, x @ wv
    return _softmax(q @ k.T / np.sqrt(q.shape[1])) @ v


def _slips(x, wq, wk, wv):
    """The results of typical mistakes, and a message for each."""
    q, k, v = x @ wq, x @ wk, x @ wv
    fit = q @ k.T / np.sqrt(q.shape[1])
    share = _softmax(fit)
    return (
        (_softmax(q @ k.T) @ v, "Divide the fits by the root of the number of columns of q before the softmax."),
        (_softmax(q @ k.T / q.shape[1]) @ v, "Divide by the root, `np.sqrt(q.shape[1])`, not by the number itself."),
        (_softmax(q @ k.T / np.sqrt(x.shape[1])) @ v,
         "The root is that of the columns of q, not that of the features of x."),
        (_softmax(fit, axis=0) @ v, "Each row of the shares adds up to 1, since each row is one query: sum over "
                                    "`axis=1`."),
        (_softmax(fit, axis=None) @ v, "All shares together add up to 1; each row should, `axis=1`."),
        (_softmax(fit.T) @ v, "Rows and columns are exchanged: the query (q) is the row, the key (k) the column."),
        (share.T @ v, "The shares are mixed along the wrong side: `share @ v`."),
        (fit @ v, "The fits are not shares yet: softmax is missing."),
        (np.exp(fit) @ v, "The shares don't add up to 1: divide each row by its sum."),
        (share @ x, "Mixed are the values, `x @ wv`, not the features x."),
        (share, "These are the shares (the map of the head); asked for is what is mixed with them: `share @ v`."),
    )


@exercise(
    "11.greedy",
    hints=[
        "Keep a list `gone`, empty at first.  As long as it is too short: try every head that is not in it, and add "
        "the one without which the accuracy is highest.",
        "`mn.accuracy(without(net, *gone, (layer, head)), data)` is the accuracy if this head goes too.  The layers "
        "and heads: `for layer in (1, 2)` and `for head in (1, 2, 3, 4)`.",
        "`max(rest, key=left)` finds the head of the list `rest` for which the function `left` gives the highest "
        "accuracy.",
    ],
    setting="from minnet.experiments.head_ablation import without",
    solution="""
        def greedy(net, data, count):
            gone = []
            while len(gone) < count:
                rest = [(layer, head) for layer in (1, 2) for head in (1, 2, 3, 4)
                        if (layer, head) not in gone]
                gone.append(max(rest, key=lambda one: mn.accuracy(without(net, *gone, one), data)))
            return gone

        mn.check("11.greedy", greedy)
    """,
)
def greedy(greedy):
    """Remove heads one at a time, each time the one that costs least now."""
    if not callable(greedy):
        return WANTED.format("greedy")
    net, data = _asked()
    found = greedy(net.copy(), data, 3)
    try:
        found = [(int(layer), int(number)) for layer, number in found]
    except (TypeError, ValueError):
        return "Return a list of pairs (layer, head), such as `[(2, 3), (1, 1)]`, in the order in which they go."
    names = [(layer, number) for layer in (1, 2) for number in (1, 2, 3, 4)]
    if any(one not in names for one in found):
        return "Layers are 1 and 2 here, and heads 1 to 4; there are other numbers in your list."
    if len(set(found)) < len(found):
        return "A head goes only once; try only those that are not gone yet."
    if len(found) != 3:
        return f"With count = 3 the list should hold 3 heads; yours holds {len(found)}."
    alone = {one: accuracy(without(net, one), data) for one in names}
    for step, one in enumerate(found):
        rest = {other: accuracy(without(net, *found[:step], other), data) for other in names
                if other not in found[:step]}
        if rest[one] >= max(rest.values()) - 1e-9:
            continue
        if step == 0 and rest[one] <= min(rest.values()) + 1e-9:
            return "It removes the head that costs most; the one that costs least goes first."
        if sorted(names, key=lambda one: -alone[one])[:3] == found:
            return ("It measures every head once, with all the others still there.  Measure again after each removal: "
                    "what a head costs depends on which others are removed.")
        return (f"Number {step + 1} of your list leaves {rest[one]:.1%}, while another head would leave "
                f"{max(rest.values()):.1%}.")
    return None


def _asked():
    """A network, and data with its own predictions as labels, so that nothing has to be trained."""
    net = tiny_transformer(tokens=5, n_in=6, width=16, n_out=6, rng=5)
    for layer in attention_layers(net):
        for param in layer.params():
            param.data = param.data * 2.5  # so that each head matters
    x = np.random.default_rng(0).normal(size=(300, 30)).astype(np.float32)
    return net, Split(x, net(x).argmax(axis=1))


@exercise(
    "11.per_head",
    hints=[
        "A head has four tables.  `q`, `k` and `v` lead from `width` features to `dim` numbers each; `out` leads from "
        "`dim` back to `width`.",
        "That is 4 · width · dim weights.  And each number of q, k and v has a bias; the biases of `out` belong to no "
        "head and stay.",
    ],
    solution="""
        def per_head(width, dim):
            return 4 * width * dim + 3 * dim

        mn.check("11.per_head", per_head)
    """,
)
def per_head(per_head):
    """Predict how many numbers `mn.compact` deletes for each head that is removed."""
    if not callable(per_head):
        return WANTED.format("per_head")
    for width, dim in ((32, 8), (16, 4), (12, 6)):
        found = per_head(width, dim)
        right = 4 * width * dim + 3 * dim
        if not isinstance(found, Real):
            return f"For width = {width} and dim = {dim} the answer should be one number."
        if found == right:
            continue
        mistakes = {
            4 * width * dim: "The weights are right; the biases of q, k and v go too.",
            4 * (width * dim + dim): "The biases of `out` belong to no head: only q, k and v have some for each head.",
            4 * width * dim + 3 * dim + width: "The biases of `out` belong to no head, they stay: only q, k and v have "
                                               "some for each head.",
            3 * (width * dim + dim): "`out` has a part for each head too: it leads from the head back to the features.",
            3 * width * dim: "`out` has a part for each head too, and q, k and v have biases.",
            width * dim + dim: "This is one of the tables; a head has q, k, v and its part of `out`.",
            width * dim: "This is one of the tables; a head has q, k, v and its part of `out`.",
        }
        return mistakes.get(found, f"For width = {width} and dim = {dim} it is {right:,}; you have {found:,}.")
    return None


def _shape(array):
    return " × ".join(map(str, array.shape)) or "a single number"
