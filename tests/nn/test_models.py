"""The ready-made networks: how many weights, which input, and that they learn."""

import numpy as np
import pytest

import minnet as mn
from tests.nn.trials import MODELS, batch_for

COUNTS = {  # weights, all parameters; computed by hand in the docstrings
    "mlp": (64 * 32 + 32 * 16 + 16 * 10, 2720 + 58),
    "lenet_300_100": (266_200, 266_610),
    "lenet5": (430_500, 431_080),
    "signal_conv": (125 + 1875 + 1875 + 1250, 5125 + 85),
    "residual_mlp": (64 * 32 + 4 * 2 * 32 * 32 + 32 * 10, 10_560 + 9 * 32 + 10),
    "tiny_transformer": (8 * 32 + 2 * 8 * 32 * 32 + 32 * 10, 16_960 + 1_066),
}


@pytest.mark.parametrize("name", MODELS)
def test_weights_are_counted(name):
    net = MODELS[name]()
    weights = sum(p.size for p in net.params() if p.prunable)
    assert (weights, sum(p.size for p in net.params())) == COUNTS[name]
    said = getattr(mn.models, name).__doc__
    assert name == "mlp" or f"{weights:,}" in said  # the docstring says so too


@pytest.mark.parametrize("name", MODELS)
def test_flat_and_shaped_input(name):
    net, rng = MODELS[name](), np.random.default_rng(0)
    x = batch_for(net, 5, rng)
    y = net(x)
    assert y.shape == (5, 10)
    np.testing.assert_array_equal(net(x.reshape(5, -1)), y)
    if name == "lenet5":
        np.testing.assert_array_equal(net(x[:, 0]), y)  # 28 × 28 without the channel axis
    with pytest.raises(ValueError, match="takes batches of shape"):
        net(x.reshape(5, -1)[:, 1:])


@pytest.mark.parametrize("name", MODELS)
def test_same_seed_same_network(name):
    a, b = MODELS[name](), MODELS[name]()
    assert all(np.array_equal(p.data, q.data) for p, q in zip(a.params(), b.params(), strict=True))
    assert len({p.path for p in a.params()}) == len(a.params())


def test_first_answers_are_modest():
    """Activations of untrained networks neither explode nor vanish: logits of random input are of order one."""
    for name in MODELS:
        net = MODELS[name]()
        spread = net(batch_for(net, 200, np.random.default_rng(0))).std()
        assert 0.1 < spread < 8, (name, spread)


@pytest.mark.parametrize("name", ["mlp", "residual_mlp", "tiny_transformer"])
def test_learns_the_digits(name, claim):
    """A smoke test; benchmarks/accuracy.py has the figures."""
    digits, net = mn.data.digits(), MODELS[name]()
    history = mn.fit(net, digits.train, epochs=4, rng=0, progress=False)
    claim.every(history.loss[0] - history.loss[-1], above=0)
    claim.every(mn.accuracy(net, digits.val), above=0.8)


@pytest.mark.parametrize("name", ["lenet5", "signal_conv"])
def test_convolutions_learn(name, claim):
    """Two kinds of samples that differ in a local pattern, not in any single pixel's place."""
    net, rng = MODELS[name](), np.random.default_rng(0)
    x, labels = 0.3 * batch_for(net, 96, rng), np.arange(96) % 2
    for sample, label in zip(x, labels, strict=True):
        row, column = (rng.integers(0, length - size + 1) for length, size in zip(x.shape[2:], (1, 6), strict=True))
        sample[0, row, column : column + 6] += 3 if label else [3, -3, 3, -3, 3, -3]
    for _ in mn.steps(net, (x, labels), mn.Adam(2e-3), count=60, batch=32, rng=0):
        pass
    claim.every(mn.accuracy(net, (x, labels)), above=0.9)
