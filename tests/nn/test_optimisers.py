"""The optimisers: 100 steps against PyTorch's, what they do to removed weights, and the learning-rate schedules."""

import math

import numpy as np
import pytest

import minnet as mn
from minnet.nn.flat_params import Flat
from tests.closeness import tolerance
from tests.nn.trials import MODELS, remove_some

COMPARED = {
    "sgd": (mn.SGD(0.05), "SGD", {"lr": 0.05}),
    "momentum": (mn.SGD(0.05, momentum=0.9), "SGD", {"lr": 0.05, "momentum": 0.9}),
    "nesterov": (mn.SGD(0.05, momentum=0.9, nesterov=True), "SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    "decay": (mn.SGD(0.05, weight_decay=0.01), "SGD", {"lr": 0.05, "weight_decay": 0.01}),
    "all of sgd": (mn.SGD(0.05, momentum=0.8, nesterov=True, weight_decay=0.01), "SGD",
                   {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01}),
    "adam": (mn.Adam(0.01), "Adam", {"lr": 0.01}),
    "adam, decay": (mn.Adam(0.01, beta1=0.8, beta2=0.99, eps=1e-6, weight_decay=0.01), "Adam",
                    {"lr": 0.01, "betas": (0.8, 0.99), "eps": 1e-6, "weight_decay": 0.01}),
    "adamw": (mn.AdamW(0.01, weight_decay=0.1), "AdamW", {"lr": 0.01, "weight_decay": 0.1}),
}  # fmt: skip
OTHERS = {"l1": mn.SGD(0.05, l1=0.01), "l1, momentum": mn.SGD(0.05, momentum=0.9, l1=0.01)}
ALL = {name: optimiser for name, (optimiser, *_) in COMPARED.items()} | OTHERS
every_optimiser = pytest.mark.parametrize("name", ALL)


class Trial:
    """A network whose gradients we set ourselves."""

    def __init__(self, optimiser, net=None):
        self.net = net or mn.models.mlp(7, 6, 5, rng=0)
        self.run = Flat(self.net.params())
        self.update, self.index = optimiser.begin(self.run), 0

    def step(self, gradients):
        self.run.forget_gradients()
        for param, gradient in zip(self.net.params(), gradients, strict=True):
            param.grad = gradient
        self.run.collect()
        self.update(self.index)
        self.index += 1


def random_gradients(net, rng):
    return [rng.normal(size=p.shape).astype(p.dtype) for p in net.params()]


@pytest.mark.parametrize("masked", [False, True], ids=["dense", "masked"])
@pytest.mark.parametrize("name", COMPARED)
def test_hundred_steps_as_torch(name, masked):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: `pip install -e .[compare]` brings it")
    optimiser, kind, settings = COMPARED[name]
    rng, trial = np.random.default_rng(0), Trial(optimiser)
    if masked:
        remove_some(trial.net, rng)
    theirs = [torch.tensor(p.data.copy(), requires_grad=True) for p in trial.net.params()]
    optimiser_of_torch = getattr(torch.optim, kind)(theirs, **settings)
    for _ in range(100):
        gradients = random_gradients(trial.net, rng)
        for tensor, gradient in zip(theirs, gradients, strict=True):
            tensor.grad = torch.tensor(gradient)
        optimiser_of_torch.step()
        trial.step(gradients)
    worst = 0.0
    for param, tensor in zip(trial.net.params(), theirs, strict=True):
        kept = param.kept_mask
        expected = tensor.detach().numpy()[kept]
        allowed = tolerance(param.data, expected)
        worst = max(worst, float(np.abs(param.data[kept] - expected).max() / allowed))
    print(f"\n{name:12s} {'masked' if masked else 'dense ':6s} worst gap {worst:.3f} of the tolerance")
    assert worst <= 1


class Textbook:
    """The optimisers as they stand in their papers: moments and a count of steps for each weight of one parameter."""

    def __init__(self, optimiser, shape):
        self.optimiser, self.kept = optimiser, np.ones(shape, bool)
        self.moment, self.square, self.count = (np.zeros(shape) for _ in range(3))

    def step(self, weight, gradient, kept):
        it = self.optimiser
        for notes in (self.moment, self.square, self.count):
            notes[kept & ~self.kept] = 0  # a weight that has come back starts again
        self.kept = kept
        self.count += 1
        decoupled = isinstance(it, mn.AdamW)
        if not decoupled:
            gradient = gradient + it.weight_decay * weight
        if isinstance(it, mn.Adam):
            self.moment = it.beta1 * self.moment + (1 - it.beta1) * gradient
            self.square = it.beta2 * self.square + (1 - it.beta2) * gradient**2
            mean, spread = self.moment / (1 - it.beta1**self.count), self.square / (1 - it.beta2**self.count)
            change = mean / (np.sqrt(spread) + it.eps) + decoupled * it.weight_decay * weight
        else:
            self.moment = it.momentum * self.moment + gradient
            change = gradient + it.momentum * self.moment if it.nesterov else self.moment
        return np.where(kept, weight - it.lr * change, weight)


@pytest.mark.parametrize("optimiser", [
    mn.SGD(0.05), mn.SGD(0.05, momentum=0.9, weight_decay=0.01), mn.SGD(0.05, momentum=0.8, nesterov=True),
    mn.Adam(0.01, beta1=0.8, beta2=0.9, eps=0.05), mn.Adam(0.01, weight_decay=0.1), mn.AdamW(0.01, weight_decay=0.1),
], ids=repr)  # fmt: skip
def test_steps_are_those_of_the_papers_and_a_weight_that_comes_back_starts_again(optimiser):
    rng, net = np.random.default_rng(0), mn.models.mlp(7, 6, 5, rng=0).astype("float64")
    trial, there = Trial(optimiser, net), [(p.data.copy(), Textbook(optimiser, p.shape)) for p in net.params()]
    for number in range(9):
        if number in (2, 4, 7):  # some go and some come back, at 4 for the first time
            for param in net.params():
                if param.prunable:
                    param.mask = rng.random(param.shape) < 0.6
        gradients = [gradient.astype(float) for gradient in random_gradients(net, rng)]
        trial.step(gradients)
        there = [(book.step(weight, gradient, param.kept_mask), book)
                 for (weight, book), gradient, param in zip(there, gradients, net.params(), strict=True)]
        for param, (expected, _) in zip(net.params(), there, strict=True):
            np.testing.assert_allclose(param.data, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", [mn.SGD, mn.Adam, mn.AdamW])
@pytest.mark.parametrize("name, wrong, says", [
    ("lr", -1, "^lr is a number, at least 0, got -1"), ("weight_decay", np.nan, "^weight_decay is a number"),
    ("momentum", 1, "^momentum is a number, at least 0 and below 1, got 1"), ("l1", np.inf, "^l1 is a number"),
    ("beta1", 1, "^beta1 is a number, at least 0 and below 1"), ("beta2", 1.5, "^beta2 is .* below 1"),
])
def test_numbers_of_an_optimiser_are_looked_at_when_it_is_made(kind, name, wrong, says):
    if name in kind.__dataclass_fields__:
        with pytest.raises(ValueError, match=says):
            kind(**{name: wrong})
        assert kind(**{name: 0.99})


def test_a_schedule_is_looked_at_in_its_step():
    trial = Trial(mn.SGD(lambda index: 0.1 - 0.1 * index))
    for _ in range(2):
        trial.step(random_gradients(trial.net, np.random.default_rng(0)))
    with pytest.raises(ValueError, match=r"^the learning rate of step 2 is a number, at least 0, got -0\.1$"):
        trial.step(random_gradients(trial.net, np.random.default_rng(0)))


def test_training_as_torch_does():
    """100 real steps in float64, forward and backward included, end at the same weights to 1e-5."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: `pip install -e .[compare]` brings it")
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(40, 7)), rng.integers(0, 5, 40)
    for name, (optimiser, kind, settings) in COMPARED.items():
        net = mn.models.mlp(7, 6, 5, rng=0).astype("float64")
        theirs = [torch.tensor(p.data.copy(), requires_grad=True) for p in net.params()]
        w1, b1, w2, b2 = theirs
        optimiser_of_torch = getattr(torch.optim, kind)(theirs, **settings)
        for _ in range(100):
            optimiser_of_torch.zero_grad()
            y = torch.relu(torch.tensor(x) @ w1 + b1) @ w2 + b2
            torch.nn.functional.cross_entropy(y, torch.tensor(labels)).backward()
            optimiser_of_torch.step()
        for _ in mn.steps(net, (x, labels), optimiser, count=100, batch=40, rng=0):
            pass
        for param, tensor in zip(net.params(), theirs, strict=True):
            np.testing.assert_allclose(param.data, tensor.detach().numpy(), rtol=1e-5, atol=1e-9, err_msg=name)


def test_l1_is_a_proximal_step():
    """After the plain update every weight moves by lr · l1 towards zero and stops there; biases do not."""
    trial = Trial(mn.SGD(0.1, l1=3.0))
    before = [p.data.copy() for p in trial.net.params()]
    gradients = random_gradients(trial.net, np.random.default_rng(0))
    trial.step(gradients)
    for param, old, gradient in zip(trial.net.params(), before, gradients, strict=True):
        expected = old - 0.1 * gradient
        if param.prunable:
            expected = np.sign(expected) * np.maximum(np.abs(expected) - 0.3, 0)
            assert (param.data == 0).any()  # zeros become exact
        np.testing.assert_allclose(param.data, expected, rtol=1e-5, atol=1e-7)


@every_optimiser
def test_removed_weights_do_not_move(name):
    rng, trial = np.random.default_rng(1), Trial(ALL[name])
    for _ in range(5):
        trial.step(random_gradients(trial.net, rng))  # gather momentum first
    remove_some(trial.net, rng)
    before = [p.data.copy() for p in trial.net.params()]
    for _ in range(20):
        trial.step(random_gradients(trial.net, rng))
    for param, old in zip(trial.net.params(), before, strict=True):
        np.testing.assert_array_equal(param.data[~param.mask], old[~param.mask])
        assert (param.data[param.mask] != old[param.mask]).any()


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov", "adam"])  # the others move without a gradient
def test_momentum_of_removed_weights_is_dead(name):
    """A restored weight does not change until a gradient moves it: no momentum survived the pruning."""
    rng, trial = np.random.default_rng(2), Trial(ALL[name])
    for _ in range(5):
        trial.step(random_gradients(trial.net, rng))
    remove_some(trial.net, rng)
    masks = [p.mask for p in trial.net.params()]
    for _ in range(2):
        trial.step(random_gradients(trial.net, rng))
    before = [p.data.copy() for p in trial.net.params()]
    for param in trial.net.params():
        param.mask = None
    trial.step([np.zeros(p.shape, p.dtype) for p in trial.net.params()])
    for param, mask, old in zip(trial.net.params(), masks, before, strict=True):
        np.testing.assert_array_equal(param.data[~mask], old[~mask])


@every_optimiser
def test_every_model_trains_on_a_few_samples(name, claim):
    """Each optimiser reduces the loss on 20 samples, for the two most different networks."""
    for model in ("residual_mlp", "tiny_transformer"):
        rng, net = np.random.default_rng(3), MODELS[model]()
        data = rng.normal(0, 0.3, (20, 64)).astype(np.float32), rng.integers(0, 10, 20)
        losses = [step.loss for step in mn.steps(net, data, ALL[name], count=30, batch=20, rng=0)]
        claim.every(losses[0] - losses[-1], above=0.1)


def test_schedules():
    lr = mn.lr
    assert [lr.constant(0.3)(i) for i in (0, 9)] == [0.3, 0.3]
    assert [round(lr.step(1.0, every=10)(i), 9) for i in (0, 9, 10, 25)] == [1.0, 1.0, 0.1, 0.01]
    cosine = lr.cosine(1.0, steps=100, final=0.2)
    np.testing.assert_allclose([cosine(i) for i in (0, 50, 100, 500)], [1.0, 0.6, 0.2, 0.2])
    warm = lr.warm_up(lr.cosine(1.0, steps=100), steps=10)
    assert math.isclose(warm(0), 0.1 * lr.cosine(1.0, steps=100)(0))
    assert warm(50) == lr.cosine(1.0, steps=100)(50)
    assert lr.warm_up(0.5, steps=5)(100) == 0.5


@pytest.mark.parametrize("kind", [mn.SGD, mn.Adam, mn.AdamW])
def test_optimisers_follow_a_schedule(kind):
    trial = Trial(kind(mn.lr.step(0.1, every=1)))
    gradient = [np.ones(p.shape, p.dtype) for p in trial.net.params()]
    moved = []
    for _ in range(3):
        before = trial.net.params()[0].data.copy()
        trial.step(gradient)
        moved.append(float((before - trial.net.params()[0].data).mean()))
    np.testing.assert_allclose(moved, [0.1, 0.01, 0.001], rtol=1e-3)  # a constant gradient moves Adam by lr, too
