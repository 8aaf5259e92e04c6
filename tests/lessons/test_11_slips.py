"""Lesson 11's exercises: each typical mistake is named."""

import numpy as np
import pytest

import minnet as mn
from minnet.experiments.head_ablation import without

HEADS = [(layer, head) for layer in (1, 2) for head in (1, 2, 3, 4)]

def softmax(fit, axis=1):
    return np.exp(fit) / np.exp(fit).sum(axis=axis, keepdims=True)


def parts(x, wq, wk, wv):
    q, k, v = x @ wq, x @ wk, x @ wv
    return q, k, v, q @ k.T / np.sqrt(q.shape[1])


@pytest.mark.parametrize("slip, message", [
    (lambda q, k, v, fit: softmax(q @ k.T) @ v, "before the softmax"),
    (lambda q, k, v, fit: softmax(q @ k.T / q.shape[1]) @ v, "by the root"),
    (lambda q, k, v, fit: softmax(fit, axis=0) @ v, "Each row of the shares"),
    (lambda q, k, v, fit: softmax(fit.T) @ v, "Rows and columns are exchanged"),
    (lambda q, k, v, fit: softmax(fit).T @ v, "along the wrong side"),
    (lambda q, k, v, fit: fit @ v, "softmax is missing"),
    (lambda q, k, v, fit: np.exp(fit) @ v, "don't add up to 1"),
    (lambda q, k, v, fit: softmax(fit), "the map of the head"),
    (lambda q, k, v, fit: np.exp(fit) / np.exp(fit).sum() @ np.ones((9, 9)), "stopped with"),
    (lambda q, k, v, fit: (np.exp(fit) / np.exp(fit).sum()) @ v, "All shares together"),
    (lambda q, k, v, fit: v, "the numbers are not"),
    (lambda q, k, v, fit: v.sum(axis=0), "yours is 3"),
])
def test_slips_with_head(slip, message):
    note = mn.check("11.head", lambda *tables: slip(*parts(*tables)))
    assert not note.right and message in note.text


def by_cost(net, data, sign=1):
    """All heads, from the cheapest to the most expensive (or the reverse), measured once."""
    return sorted(HEADS, key=lambda one: -sign * mn.accuracy(without(net, one), data))


@pytest.mark.parametrize("slip, message", [
    (lambda net, data, count: by_cost(net, data)[:count], "measures every head once"),
    (lambda net, data, count: by_cost(net, data, -1)[:count], "costs most"),
    (lambda net, data, count: [(layer - 1, head - 1) for layer, head in by_cost(net, data)[:count]], "heads 1 to 4"),
    (lambda net, data, count: by_cost(net, data)[:1] * count, "only once"),
    (lambda net, data, count: by_cost(net, data)[:1], "yours holds 1"),
    (lambda net, data, count: [by_cost(net, data)[0], (1, 1), (1, 2)], "Number 2 of your list"),
    (lambda net, data, count: 3, "list of pairs"),
])
def test_slips_with_greedy(slip, message):
    note = mn.check("11.greedy", slip)
    assert not note.right and message in note.text


@pytest.mark.parametrize("slip, message", [
    (lambda width, dim: 4 * width * dim, "biases of q, k and v go too"),
    (lambda width, dim: 4 * (width * dim + dim), "belong to no head"),
    (lambda width, dim: 3 * (width * dim + dim), "`out` has a part"),
    (lambda width, dim: width * dim, "one of the tables"),
    (lambda width, dim: 7, "you have 7"),
    (lambda width, dim: "many", "one number"),
])
def test_slips_with_per_head(slip, message):
    note = mn.check("11.per_head", slip)
    assert not note.right and message in note.text
