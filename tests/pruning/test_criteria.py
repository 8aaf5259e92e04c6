"""Each criterion against a slow, direct computation of its definition: dense, convolution and attention."""

import inspect

import numpy as np
import pytest

import minnet as mn
from minnet.messages import functions_of
from minnet.pruning import criteria, evidence

SAMPLES = 6


def dense():
    return mn.Sequential(mn.Dense(4, 5, rng=0), mn.ReLU(), mn.Dense(5, 3, rng=1), input_shape=(4,))


def convolution():
    return mn.Sequential(mn.Conv2d(2, 3, (2, 1), stride=(1, 2), padding=(0, 1), rng=0), mn.ReLU(), mn.Flatten(),
                         mn.Dense(3 * 6, 3, rng=1), input_shape=(2, 3, 4))


def attention():
    return mn.Sequential(mn.PatchEmbedding(3, 2, 4, rng=0), mn.Attention(4, 2, dim=2, n_out=3, rng=1), mn.MeanPool(),
                         mn.Dense(3, 3, rng=2), input_shape=(3, 2))


NETS = [dense, convolution, attention]


def live(made):
    """The network in float64 with random numbers everywhere, biases too."""
    net = made().astype("float64")
    rng = np.random.default_rng(2)
    for param in net.params():
        param.data = rng.normal(size=param.shape)
    return net


def data_for(net):
    rng = np.random.default_rng(3)
    return rng.normal(size=(SAMPLES, *net.input_shape)), rng.integers(0, 3, SAMPLES)


@pytest.fixture
def net():
    return live(dense)


@pytest.fixture
def data(net):
    return data_for(net)


def loss(net, x, y):
    return mn.cross_entropy(net(x), y)[0]


def derivative(net, param, index, x, y, h=1e-5):
    """Central difference of the loss along one weight."""
    old, values = param.data[index], []
    for moved in (old + h, old - h):
        param.data[index] = moved
        values.append(loss(net, x, y))
    param.data[index] = old
    return (values[0] - values[1]) / (2 * h)


def what_flows_into(net, path, x):
    """What each sample (and position, and token) feeds into the weight, by hand: {name of the input: number}."""
    layer, values = next(layer for name, layer in net.walk() if path.rpartition(".")[0] == name), x
    for other in net.layers:
        if other is layer:
            break
        values = other(values)
    if isinstance(layer, mn.Dense):
        return [{(i,): row[i] for i in range(len(row))} for row in values]
    if isinstance(layer, mn.PatchEmbedding):
        return [{(i,): piece[i] for i in range(2)} for sample in values.reshape(len(x), 3, 2) for piece in sample]
    if isinstance(layer, mn.Conv2d):
        padded = np.pad(values, ((0, 0), (0, 0), (0, 0), (1, 1)))
        return [{(i, a, 0): image[i, r + a, 2 * c] for i in range(2) for a in range(2)}
                for image in padded for r in range(2) for c in range(3)]
    if path.endswith(".out"):
        return [{(h, d): mixed[h, d] for h in range(2) for d in range(2)}
                for sample in values for mixed in by_hand_attention(layer, sample)]
    return [{(i,): token[i] for i in range(4)} for sample in values for token in sample]


def by_hand_attention(layer, tokens):
    """What the heads answer to each token, (token, head, dim), with loops."""
    q, k, v = (np.einsum("ti,ihd->thd", tokens, weight.data) + bias.data for weight, bias in (
        (layer.q, layer.q_bias), (layer.k, layer.k_bias), (layer.v, layer.v_bias)))
    answers = np.zeros_like(q)
    for asking in range(len(tokens)):
        for head in range(2):
            strength = np.array([np.exp(q[asking, head] @ k[other, head] / np.sqrt(2)) for other in range(len(tokens))])
            answers[asking, head] = sum(s * v[other, head] for other, s in enumerate(strength / strength.sum()))
    return answers


def ends(param, index):
    """Which input and which output a weight connects."""
    named = list(zip(param.axes, index, strict=True))
    return tuple(tuple(i for a, i in named if (a in param.contracted) == inputs) for inputs in (True, False))


def bias_of(net, path):
    name = f"{path}_bias" if ".attention" in f".{path}" else path.replace("weight", "bias")
    return {p.path: p for p in net.params()}[name].data


def by_definition(name, net, param, index, x, y):
    w = param.data[index]
    source, target = ends(param, index)
    if name in ("gradient", "snip"):
        g = derivative(net, param, index, x, y)
        return {"gradient": abs(g), "snip": abs(w * g)}[name]
    if name == "taylor":  # one batch; of several, the test below
        return (w * derivative(net, param, index, x, y)) ** 2
    if name == "obd":
        gradients = [derivative(net, param, index, x[n : n + 1], y[n : n + 1]) for n in range(SAMPLES)]
        return w**2 / 2 * np.mean(np.square(gradients))
    if name == "wanda":
        return abs(w) * np.sqrt(sum(row[source] ** 2 for row in what_flows_into(net, param.path, x)))
    if name == "apoz":
        into = {ends(param, i)[0]: param.data[i] for i in np.ndindex(param.shape) if ends(param, i)[1] == target}
        answers = [sum(row[i] * weight for i, weight in into.items()) + bias_of(net, param.path)[target]
                   for row in what_flows_into(net, param.path, x)]
        return np.mean([float(answer > 0) for answer in answers])
    if name == "magnitude":
        return abs(w)
    return None


@pytest.mark.parametrize("made", NETS, ids=lambda made: made.__name__)
@pytest.mark.parametrize("name", sorted(functions_of(criteria)))
def test_criterion_equals_its_definition(name, made):
    net = live(made)
    data = data_for(net)
    scores = evidence.scores(net, name, data, rng=0)
    weights = {p.path: p for p in net.params() if p.prunable}
    assert sorted(scores) == sorted(weights)
    for path, score in scores.items():
        assert score.shape == weights[path].shape
        for index in np.ndindex(score.shape):
            wanted = by_definition(name, net, weights[path], index, *data)
            if wanted is None:
                assert name == "random", f"{name} has no definition here: add one to by_definition"
                assert 0 <= score[index] < 1
            else:
                assert score[index] == pytest.approx(wanted, rel=1e-5, abs=1e-9), (name, path, index)


def test_taylor_squares_each_batch_of_32_before_the_mean(net, rng):
    x, y = rng.normal(size=(70, *net.input_shape)).astype(np.float32), rng.integers(0, 3, 70)
    weight = net.params()[0]
    batches = [(x[part], y[part]) for part in (slice(32), slice(32, 64), slice(64, 70))]
    wanted = sum(len(batch[1]) / 70 * (weight.data * evidence.grad(net, batch)[weight.path]) ** 2 for batch in batches)
    np.testing.assert_allclose(evidence.scores(net, "taylor", (x, y))[weight.path], wanted, rtol=1e-5, atol=1e-12)
    whole = evidence.scores(net, lambda weight, grad: (weight * grad) ** 2, (x, y))[weight.path]
    np.testing.assert_allclose(whole, evidence.scores(net, "snip", (x, y))[weight.path] ** 2, rtol=1e-5, atol=1e-12)


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
    named = any(str(year) in said for year in range(1989, 2027))
    assert named or name in ("random", "gradient"), f"the docstring of {name} names no paper with its year"
    assert getattr(mn, name) is functions_of(criteria)[name]


def test_masked_weights_do_not_count_towards_the_score_of_their_unit(net):
    mn.prune(net, {"dense1": 0.5})
    weight = net.params()[0]
    expected = np.where(weight.mask, np.abs(weight.data), 0).mean(axis=0)
    ranking = mn.rank(net, structure=mn.along("out"))
    alive = weight.mask.any(axis=0)
    assert ranking.score[alive] == pytest.approx(expected[alive])
    assert np.all(np.isneginf(ranking.score[~alive]))
