"""Every derivative against a numerical one, in float64: layers, losses, models (run with -s to see figures)."""

import numpy as np
import pytest

import minnet as mn
from tests.closeness import assert_close
from tests.nn.trials import KINDS, MODELS, THOROUGH, batch_for, remove_some, shake, worst_error

BOUND = 1e-7


def check(net, x, rng, masked, **entries):
    """Worst error over the input and all parameters of a network, for the loss Σ y · c with random c."""
    net, x = net.astype("float64"), x.astype("float64")
    shake(net, rng)
    if masked:
        remove_some(net, rng)
    y, back = net.forward(x, np.random.default_rng(7))
    c = rng.normal(size=y.shape) / np.sqrt(max(y.size, 1))
    dx = back(c)

    def loss():
        return float((net.forward(x, np.random.default_rng(7))[0] * c).sum())  # the same seed each time

    errors = [worst_error(loss, x, dx, rng, **entries)]
    for param in net.params():
        kept = param.grad if param.mask is None else param.grad * param.mask
        errors.append(worst_error(loss, param.data, kept, rng, **entries))
    return max(errors)


@pytest.mark.parametrize("masked", [False, True], ids=["dense", "masked"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_layer(kind, masked):
    if masked and not kind.example(np.random.default_rng(0))[0].params():
        return  # nothing to mask
    rng = np.random.default_rng(1)
    worst = max(check(*kind.example(rng), rng, masked) for _ in range(10))
    print(f"\n{kind.__name__:16s} {'masked' if masked else 'dense ':6s} worst error {worst:.1e}")
    assert worst <= BOUND


@pytest.mark.parametrize("masked", [False, True], ids=["dense", "masked"])
@pytest.mark.parametrize("name", MODELS)
def test_model(name, masked):
    rng = np.random.default_rng(2)
    net = MODELS[name]()
    entries = {} if THOROUGH else {"all_up_to": 20, "beyond": 20}
    worst = check(net, batch_for(net, 2, rng), rng, masked, **entries)
    print(f"\n{name:16s} {'masked' if masked else 'dense ':6s} worst error {worst:.1e}")
    assert worst <= BOUND


@pytest.mark.parametrize("loss", [mn.cross_entropy, mn.mean_squared_error], ids=lambda loss: loss.__name__)
def test_loss(loss):
    rng, worst = np.random.default_rng(3), 0.0
    for _ in range(50):
        n, classes = rng.integers(1, 9, size=2)
        y = rng.normal(0, 3, (n, classes))
        target = rng.integers(0, classes, n) if loss is mn.cross_entropy else rng.normal(size=y.shape)
        worst = max(worst, worst_error(lambda y=y, t=target: loss(y, t)[0], y, loss(y, target)[1], rng))
    print(f"\n{loss.__name__:18s} worst error {worst:.1e}")
    assert worst <= BOUND


def test_gradient_towards_the_data_can_be_left_out():
    """`back(dy, False)` gives the parameters the same gradients as `back(dy)`."""
    for make in MODELS.values():
        rng, net = np.random.default_rng(4), make()
        x = batch_for(net, 3, rng)
        y, back = net.forward(x)
        back(y)
        whole = [p.grad.copy() for p in net.params()]
        for p in net.params():
            p.grad = None
        y, back = net.forward(x)
        assert back(y, False) is None
        for param, before in zip(net.params(), whole, strict=True):
            np.testing.assert_array_equal(param.grad, before)


def test_layer_in_two_places():
    """A layer that is used twice gathers the gradients of both uses."""
    rng = np.random.default_rng(5)
    shared = mn.Dense(4, 4, rng=rng)
    net = mn.Sequential(shared, mn.Tanh(), shared, mn.Residual(shared))
    assert len(net.params()) == 2
    worst = max(check(net, rng.normal(size=(3, 4)), rng, masked) for masked in (False, True))
    assert worst <= BOUND


def test_two_backwards_add_up():
    net = mn.models.tiny_transformer(rng=0)
    y, back = net.forward(batch_for(net, 2, np.random.default_rng(6)))
    back(y)
    once = [p.grad.copy() for p in net.params()]
    back(y)
    for param, before in zip(net.params(), once, strict=True):
        assert_close(param.grad, 2 * before)
