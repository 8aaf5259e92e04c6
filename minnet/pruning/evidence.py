"""The evidence that a criterion may ask for, and how it is gathered.

A criterion names its evidence by its arguments; here, each name has one function that gathers it for all
parameters.  Gathering works on a copy or only observes, so the gradients of a running training never change.
"""

from __future__ import annotations

import inspect

import numpy as np

from minnet.messages import choice, closest, functions_of
from minnet.messages import generator as one_generator
from minnet.nn.arguments import samples
from minnet.nn.contract import observing, products
from minnet.nn.losses import cross_entropy
from minnet.pruning import criteria
from minnet.threads import for_products

BATCH = 256


def weight(net):
    """What each layer computes with: the weights, 0 where masked."""
    return {p.path: p.value for p in net.params()}


def generator(net, rng):
    """One random generator, shared by all parameters."""
    rng = one_generator(rng)
    return {p.path: rng for p in net.params()}


def grad(net, data, loss=cross_entropy):
    """Gradient of the mean loss over the data."""
    return _sum_over_batches(net, data, BATCH, loss, lambda gradient, share: gradient * share)


def squared_grad(net, data, loss=cross_entropy):
    """The mean over mini-batches (of 32 samples, in the order of the data) of the squared gradient of their loss."""
    return _sum_over_batches(net, data, 32, loss, lambda gradient, share: np.square(gradient) * share)


def fisher(net, data, loss=cross_entropy):
    """The mean over samples of (∂Lᵢ/∂w)²: the diagonal of the empirical Fisher information.

    It serves as an estimate of the second derivative ∂²L/∂w². Both have nearly the same order of weights; but the
    better the network fits its labels, the more the estimate is too small, since the gradients of the samples then go
    to zero and the Hessian does not (Kunstner et al. 2019, "Limitations of the empirical Fisher approximation").
    """
    return _sum_over_batches(net, data, 1, loss, lambda gradient, share: np.square(gradient) * share)


def act(net, data):
    """‖x‖₂ of each input of a weight, over all samples (and positions, for a convolution)."""
    squares = _watch(net, data, lambda x, y: np.square(x).sum(axis=0))
    return {p.path: _facing(p, np.sqrt(squares[p.path][0]), True) for p in net.params() if p.path in squares}


def active(net, data):
    """How often each output of a weight is above zero, so that a ReLU after it is active: 0 to 1."""
    positive = _watch(net, data, lambda x, y: (y > 0).sum(axis=0))
    return {p.path: _facing(p, positive[p.path][0] / positive[p.path][1], False)
            for p in net.params() if p.path in positive}


GATHER = {"weight": weight, "rng": generator, "grad": grad, "squared_grad": squared_grad, "fisher": fisher, "act": act,
          "active": active}


def named(criterion):
    """The criterion of this name; a function is returned as it is."""
    if callable(criterion):
        return criterion
    known = functions_of(criteria)
    return known[choice(criterion, "criterion", known)]


def scores(net, criterion, data=None, rng=None, loss=cross_entropy):
    """Score every prunable parameter with a criterion.

    Returns
    -------
    dict of {path: ndarray}
        A score for each weight, of the weight's shape.
    """
    criterion = named(criterion)
    name = getattr(criterion, "__name__", "the criterion")
    passed, gathered = {"data": data, "rng": rng, "loss": loss}, {}
    for word, parameter in inspect.signature(criterion).parameters.items():
        if word not in GATHER and parameter.default is not parameter.empty:
            continue  # a setting of its own
        if word not in GATHER:
            raise TypeError(f"{name} asks for {word!r}, which is not gathered." + closest(word, GATHER))
        wants = inspect.signature(GATHER[word]).parameters
        if "data" in wants and data is None:
            raise TypeError(f"{name} looks at data to gather {word!r}, and data= is missing; "
                            f"write mn.prune(net, 0.5, criterion=mn.{name}, data=digits.train)")
        gathered[word] = GATHER[word](net, **{k: v for k, v in passed.items() if k in wants})
    found = {}
    for param in net.params():
        if param.prunable:
            evidence = {}
            for word, found_for in gathered.items():
                if param.path not in found_for:
                    raise ValueError(f"{name} looks at {word!r}, and {param.path} is not seen: its layer multiplies "
                                     "without mn.nn.contract")
                evidence[word] = _read_only(found_for[param.path])
            found[param.path] = _score(name, criterion(**evidence), param)
    return found


def _read_only(evidence):
    if isinstance(evidence, np.ndarray):
        evidence = evidence.view()
        evidence.flags.writeable = False
    return evidence


def _score(name, given, param):
    """A number for each weight, from what a criterion gave."""
    score = np.asarray(given)
    if score.dtype.kind not in "biuf":
        raise TypeError(f"{name} gave {type(given).__name__} for {param.path}; a score is a number for each weight, "
                        "high = keep")
    try:
        score = np.broadcast_to(score, param.shape)
    except ValueError:
        raise ValueError(f"{name} gave scores of shape {score.shape} for {param.path}, whose shape is {param.shape}; a "
                         "score is a number for each weight") from None
    if np.isnan(score).any():
        raise ValueError(f"{name} gave NaN for {param.path}; a score is a number for each weight, high = keep")
    return score


def _sum_over_batches(net, data, size, loss, take):
    x, y = samples(data, "gather evidence from")
    copy = net.copy()
    total = {p.path: np.zeros(p.shape, p.dtype) for p in copy.params()}
    with for_products(products(copy, x, size)):
        for start in range(0, len(x), size):
            part = slice(start, start + size)
            answers, back = copy.forward(x[part])
            for param in copy.params():
                param.grad = None
            back(loss(answers, y[part])[1], False)
            for param in copy.params():
                if param.grad is not None:
                    total[param.path] += take(param.grad, len(answers) / len(x))
    return total


def _watch(net, data, count):
    """Add up ``count(x, y)`` over all inputs and outputs of each weight; {path: (sum, rows)}."""
    x, _ = samples(data, "gather evidence from")
    net.set_paths()
    total = {}
    with for_products(products(net, x, BATCH)):
        for start in range(0, len(x), BATCH):
            with observing() as seen:
                net(x[start : start + BATCH])
            for source, into, out in seen:
                if hasattr(source, "prunable"):
                    before, rows = total.get(source.path, (0, 0))
                    total[source.path] = before + count(into, out), rows + len(into)
    return total


def _facing(param, vector, inputs):
    """Reshape a vector over the inputs (or outputs) of a weight so that it broadcasts to the weight."""
    return vector.reshape([n if (a in param.contracted) == inputs else 1
                           for n, a in zip(param.shape, param.axes, strict=True)])
