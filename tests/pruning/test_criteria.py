"""Each criterion against a slow, direct computation of its definition."""

import inspect

import numpy as np
import pytest

import minnet as mn
from minnet.pruning import criteria, evidence
from minnet.words import functions_of

SAMPLES = 6


@pytest.fixture
def net():
    net = mn.Sequential(mn.Dense(4, 5, rng=0), mn.ReLU(), mn.Dense(5, 3, rng=1)).astype("float64")
    rng = np.random.default_rng(2)
    for param in net.params():
        param.data = rng.normal(size=param.shape)
    return net


@pytest.fixture
def data():
    rng = np.random.default_rng(3)
    return rng.normal(size=(SAMPLES, 4)), rng.integers(0, 3, SAMPLES)


def loss(net, x, y):
    return mn.cross_entropy(net(x), y)[0]


def slope(net, param, index, x, y, h=1e-5):
    """Central difference of the loss along one weight."""
    old, values = param.data[index], []
    for moved in (old + h, old - h):
        param.data[index] = moved
        values.append(loss(net, x, y))
    param.data[index] = old
    return (values[0] - values[1]) / (2 * h)


def inputs_of(net, number, x):
    """What flows into dense layer 0 or 1, by hand."""
    w1, b1, _, _ = (p.data for p in net.params())
    return x if number == 0 else np.maximum(x @ w1 + b1, 0)


def by_definition(name, net, number, index, x, y):
    param = net.params()[2 * number]
    w, (i, j) = param.data[index], index
    if name in ("gradient", "taylor", "snip"):
        g = slope(net, param, index, x, y)
        return {"gradient": abs(g), "taylor": (w * g) ** 2, "snip": abs(w * g)}[name]
    if name == "obd":
        return w**2 / 2 * np.mean([slope(net, param, index, x[n : n + 1], y[n : n + 1]) ** 2 for n in range(SAMPLES)])
    if name == "wanda":
        return abs(w) * np.sqrt(sum(row[i] ** 2 for row in inputs_of(net, number, x)))
    if name == "apoz":
        bias = net.params()[2 * number + 1].data
        return np.mean([float(row @ param.data[:, j] + bias[j] > 0) for row in inputs_of(net, number, x)])
    if name == "magnitude":
        return abs(w)
    return None


@pytest.mark.parametrize("name", sorted(functions_of(criteria)))
def test_criterion_equals_its_definition(name, net, data):
    scores = evidence.scores(net, name, data, rng=0)
    assert sorted(scores) == ["dense1.weight", "dense2.weight"]
    for number, (path, score) in enumerate(scores.items()):
        assert score.shape == {"dense1.weight": (4, 5), "dense2.weight": (5, 3)}[path]
        for index in np.ndindex(score.shape):
            wanted = by_definition(name, net, number, index, *data)
            if wanted is None:  # a criterion that is not defined above has to be a known exception
                assert name == "random" and 0 <= score[index] < 1
            else:
                assert score[index] == pytest.approx(wanted, rel=1e-5, abs=1e-9), (name, path, index)


@pytest.mark.parametrize("name", sorted(functions_of(criteria)))
def test_gathering_leaves_the_network_alone(name, net, data):
    mn.prune(net, 0.3)
    answers, back = net.forward(data[0])
    back(np.ones_like(answers))
    before = [(p.data.copy(), p.mask, p.grad.copy()) for p in net.params()]
    evidence.scores(net, name, data, rng=0)
    for param, (numbers, mask, grad) in zip(net.params(), before, strict=True):
        assert np.array_equal(param.data, numbers) and param.mask is mask and np.array_equal(param.grad, grad)


@pytest.mark.parametrize("name", sorted(functions_of(criteria)))
def test_a_missing_argument_is_named_with_the_call_that_works(name, net):
    wants = {word for asked in inspect.signature(functions_of(criteria)[name]).parameters
             for word in inspect.signature(evidence.GATHER[asked]).parameters}
    if "data" in wants:
        with pytest.raises(TypeError, match=rf"{name} looks at data .* data= is missing.*criterion=mn\.{name}, data="):
            mn.prune(net, 0.5, criterion=name)
        assert all(p.mask is None for p in net.params())
    else:
        mn.prune(net, 0.5, criterion=name)
        assert mn.sparsity(net) == pytest.approx(18 / 35)  # round(17.5) to the even number


@pytest.mark.parametrize("name", sorted(functions_of(criteria)))
def test_every_criterion_says_where_it_comes_from(name):
    said = inspect.getdoc(functions_of(criteria)[name])
    assert said and (name == "random" or any(str(year) in said for year in range(1989, 2027)) or name == "gradient")
    assert getattr(mn, name) is functions_of(criteria)[name]


def test_masked_weights_do_not_count_towards_the_score_of_their_unit(net):
    mn.prune(net, {"dense1": 0.5})
    weight = net.params()[0]
    expected = np.where(weight.mask, np.abs(weight.data), 0).mean(axis=0)
    ranking = mn.rank(net, structure=mn.along("out"))
    alive = weight.mask.any(axis=0)
    assert ranking.score[alive] == pytest.approx(expected[alive])
    assert np.all(np.isneginf(ranking.score[~alive]))
