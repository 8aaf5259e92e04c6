"""Exercises of lessons 03, 06 and 09: each typical mistake is named."""

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


def part_of_data(net, data, levels):
    for level in levels:
        mn.prune(net, level)
        mn.fit(net, data.train, epochs=1, rng=0, progress=False)
    return net


def other_data(net, data, levels):
    for level in levels:
        mn.prune(net, level)
        mn.fit(net, mn.data.digits().train, epochs=1, rng=0, progress=False)
    return net


def in_place(w, speed, gradient, mask):
    speed = (0.9 * speed - 0.1 * gradient) * mask
    w += speed
    return w, speed


def no_training(net, data, levels):
    mn.prune(net, levels[-1])
    return net


@pytest.mark.parametrize("id, slip, message", [
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
    ("09.each_round", lambda final, rounds: 1 - final ** (1 / rounds), "the root of what is gone"),
    ("09.each_round", lambda final, rounds: 100 * (1 - (1 - final) ** (1 / rounds)), "per cent"),
    ("09.each_round", lambda final, rounds: 0.5, "removing 0.5 of what is left in each round removes 0.969 together"),
    ("09.loop", all_at_once, "before the first training"),
    ("09.loop", train_first, "before each pruning"),
    ("09.loop", no_training, "have not been trained"),
    ("09.loop", lambda net, data, levels: net, "the sparsity should be 0.9"),
    ("09.loop", prune_returns, "`mn.prune` changes the network itself and returns nothing"),
    ("09.loop", fit_returns, "`mn.fit` changes the network itself and returns the history"),
    ("09.loop", part_of_data, "`data` is a training set already"),
    ("09.loop", other_data, "trains on `digits.train`, whatever it is given"),
    ("09.step", momentum, "its speed carried it on"),
    ("09.step", lambda w, speed, gradient, mask: (w * 0, speed * 0), "should move as before"),
    ("09.step", in_place, "It changes the `w` that it is given"),
])
def test_slips_are_named(id, slip, message):
    note = mn.check(id, slip)
    assert not note.right and message in note.text


def test_the_speed_of_a_removed_weight_may_be_anything():
    def masked_where_it_is_used(w, speed, gradient, mask):
        speed = 0.9 * speed - 0.1 * gradient
        return w + speed * mask, speed

    assert mn.check("09.step", masked_where_it_is_used).right


def test_a_tenth_of_each_layer_and_pruning_twice_are_named():
    net = mn.models.mlp(64, 32, 16, 10, rng=0)
    assert "add up" not in mn.check("03.kept", [1, 1, 1], net).text
    mn.prune(net, 0.9)
    assert "not a tenth of each layer" in mn.check("03.kept", [0.1, 0.1, 0.1], net).text
    mn.prune(net, 0.9, scope=mn.layer)
    assert mn.sparsity(net) > 0.91
    assert "add up" in mn.check("03.kept", [0.1, 0.1, 0.1], net).text
