"""Exercises of lessons 06 and 09: each typical slip is told by its name."""

import numpy as np
import pytest

import minnet as mn


def places(weights):
    return np.abs(weights).reshape(-1, 4, weights.shape[1]).argsort(axis=1)


def fours(weights):
    return places(weights).argsort(axis=1)


def momentum(w, speed, gradient, mask):
    speed = 0.9 * speed - 0.1 * gradient * mask
    return w + speed, speed


def all_at_once(net, data, levels):
    mn.prune(net, levels[-1])
    for _ in levels:
        mn.fit(net, data, epochs=1, rng=0, progress=False)
    return net


def train_first(net, data, levels):
    for level in levels:
        mn.fit(net, data, epochs=1, rng=0, progress=False)
        mn.prune(net, level)
    return net


def prune_returns(net, data, levels):
    for level in levels:
        net = mn.prune(net, level)
        mn.fit(net, data, epochs=1, rng=0, progress=False)
    return net


def fit_returns(net, data, levels):
    for level in levels:
        mn.prune(net, level)
        net = mn.fit(net, data, epochs=1, rng=0, progress=False)
    return net


def no_training(net, data, levels):
    mn.prune(net, levels[-1])
    return net


@pytest.mark.parametrize("id, slip, told", [
    ("06.by_hand", lambda w1, b1, w2, keep: (w1 * keep, b1 * keep, w2), "as large as before"),
    ("06.by_hand", lambda w1, b1, w2, keep: (w1[:, keep], b1, w2[keep]), "`b1` is as large as before"),
    ("06.by_hand", lambda w1, b1, w2, keep: (w1[:, ~keep], b1[~keep], w2[~keep]), "where `keep` is True"),
    ("06.by_hand", lambda w1, b1, w2, keep: w1[:, keep], "three arrays"),
    ("06.fair", lambda deleted: 1 - (1 - deleted) ** 2, "the way back"),
    ("06.fair", lambda deleted: (1 - deleted) ** 0.5, "that stay"),
    ("06.fair", lambda deleted: deleted / 2, "it should be 0.91"),
    ("06.fair", lambda deleted: deleted ** 0.5, "it should be 0.91"),
    ("06.two_of_four", lambda w: (fours(w) < 2).reshape(w.shape), "nearest to zero"),
    ("06.two_of_four", lambda w: (fours(w) >= 1).reshape(w.shape), "somewhere you keep 3"),
    ("06.two_of_four", lambda w: (fours(w) >= 2), "shape"),
    ("06.two_of_four", lambda w: (w.reshape(-1, 4, w.shape[1]).argsort(axis=1).argsort(axis=1) >= 2).reshape(w.shape),
     "without their sign"),
    ("06.two_of_four", lambda w: (places(w) >= 2).reshape(w.shape), "argsort it once more"),
    ("06.two_of_four", lambda w: (fours(w.T) >= 2).reshape(w.T.shape).T, "along the outputs"),
    ("09.each_round", lambda final, rounds: final / rounds, "Equal portions"),
    ("09.each_round", lambda final, rounds: (1 - final) ** (1 / rounds), "leaves"),
    ("09.loop", all_at_once, "before the first training"),
    ("09.loop", train_first, "before each pruning"),
    ("09.loop", no_training, "have not been trained"),
    ("09.loop", lambda net, data, levels: net, "the sparsity should be 0.9"),
    ("09.loop", prune_returns, "`mn.prune` changes the network itself and returns nothing"),
    ("09.loop", fit_returns, "`mn.fit` changes the network itself and returns the history"),
    ("09.step", momentum, "its speed carried it on"),
    ("09.step", lambda w, speed, gradient, mask: (w * 0, speed * 0), "should move as before"),
])
def test_slips_are_told(id, slip, told):
    note = mn.check(id, slip)
    assert not note.right and told in note.text
