"""The sparsity sweep: it notices that its network was trained outside, and compares the weights once for a curve."""

import numpy as np
import pytest

import minnet as mn
from minnet.experiments.sparsity_sweep import RETRAINED_AT, Method, SparsitySweep
from minnet.widgets.controls import few


@pytest.fixture
def sweep():
    digits, net = few(mn.data.digits()), mn.models.mlp(64, 8, 10, rng=0)
    mn.fit(net, digits.train, epochs=2, rng=0, progress=False)
    return SparsitySweep(net, digits, epochs=1)


def train_outside(sweep):
    mn.restore(sweep.net)
    mn.fit(sweep.net, sweep.train, epochs=2, rng=1, progress=False)


def masks(net):
    return [param.mask for param in net.params() if param.prunable]


def test_what_was_trained_outside_is_ranked_and_measured_again(sweep):
    sweep.prune(Method(), 50)
    before = sweep.curve(Method())
    assert sweep.curve(Method()) is before
    train_outside(sweep)
    expected = sweep.net.copy()
    mn.prune(expected, 0.5)
    sweep.prune(Method(), 50)
    assert all(np.array_equal(a, b) for a, b in zip(masks(sweep.net), masks(expected), strict=True))
    after = sweep.curve(Method())
    assert after[50] == mn.accuracy(expected, sweep.split) and not np.array_equal(after, before)


def test_a_new_curve_and_retraining_begin_with_the_weights_of_now(sweep):
    train_outside(sweep)
    curve = sweep.curve(Method("random"))
    assert curve[0] == mn.accuracy(sweep.net, sweep.split)
    train_outside(sweep)
    *_, last = sweep.retrain(Method())
    assert last == (1.0, "done") and list(sweep.retrained[Method()]) == list(RETRAINED_AT)
    net = sweep.net.copy()
    mn.fit(net, sweep.train, epochs=1, rng=0, progress=False)
    assert sweep.retrained[Method()][0] == mn.accuracy(net, sweep.split)


def test_the_weights_are_compared_once_for_a_move_and_for_a_curve(sweep, monkeypatch):
    looked, update = [], SparsitySweep.update
    monkeypatch.setattr(SparsitySweep, "update", lambda sweep: (looked.append(1), update(sweep)))
    sweep.curve(Method())
    assert len(looked) == 1
    sweep.prune(Method(), 70)
    sweep.curve(Method())  # known
    assert len(looked) == 2
