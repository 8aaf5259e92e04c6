"""How good is a network, and which samples has pruning changed?

One number hides much: a pruned network can keep its accuracy and lose a whole class.  So `evaluate` also
reports the accuracy of each class, and `changed` the samples on which two networks disagree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minnet.messages import numbers, short, whole
from minnet.nn.arguments import labels, samples
from minnet.nn.contract import products
from minnet.nn.layer import the_network
from minnet.nn.losses import cross_entropy
from minnet.threads import for_products


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found.

    Attributes
    ----------
    loss, accuracy : float
    per_class : ndarray, (classes,)
        Accuracy on the samples of each class (NaN where there are none).
    predicted : ndarray of int, (n,)
        The class with the highest score, for each sample.
    right : ndarray of bool, (n,)
    """

    loss: float
    accuracy: float
    per_class: np.ndarray
    predicted: np.ndarray
    right: np.ndarray

    def __repr__(self):
        worst = int(np.nanargmin(self.per_class))
        return (f"Evaluation(accuracy {self.accuracy:.1%}, loss {self.loss:.3f}; "
                f"weakest class {worst} with {self.per_class[worst]:.1%})")


def predict(net, x, batch=1024):
    """The network's answers for any number of samples, computed in pieces to bound the memory."""
    net = net if callable(net) and not isinstance(net, type) else the_network(net)
    x, batch = numbers(x, "x"), whole(batch, "batch", least=1)
    if not x.ndim:
        raise ValueError("x has one row for each sample, got a single number; for one sample write x[None]")
    with for_products(products(net, x, batch)):
        return np.concatenate([_answers(net, x[i : i + batch]) for i in range(0, max(len(x), 1), batch)])


def _answers(net, x):
    y = net(x)
    if np.shape(y)[:1] != (len(x),):
        raise TypeError(f"a network answers with a row for each sample; for {len(x)} samples there came {short(y)}")
    return y


def _scores(net, x, batch):
    """Of classes: (n, classes)."""
    scores = predict(net, x, batch)
    if scores.ndim != 2:
        raise ValueError(f"a classifier answers with scores (n, classes), got {scores.shape}")
    return scores


def accuracy(net, data, batch=1024):
    """Fraction of samples (0 to 1) whose highest score is the true class.

    ``net`` is anything that maps a batch to scores: a network or a compiled predictor.
    """
    x, y = samples(data)
    scores = _scores(net, x, batch)
    return float(np.mean(scores.argmax(axis=1) == labels(y, scores.shape)))


def evaluate(net, data, batch=1024):
    """Loss, accuracy, and accuracy of each class.

    Returns
    -------
    Evaluation
    """
    x, y = samples(data)
    scores = _scores(net, x, batch)
    y = labels(y, scores.shape)
    predicted = scores.argmax(axis=1)
    right = predicted == y
    of_class = np.bincount(y, minlength=scores.shape[1])
    with np.errstate(invalid="ignore"):
        per_class = np.bincount(y[right], minlength=scores.shape[1]) / of_class
    return Evaluation(cross_entropy(scores, y)[0], float(right.mean()), per_class, predicted, right)


def changed(before, after, data, batch=1024):
    """Indices of the samples for which two networks predict different classes."""
    x, _ = samples(data)
    one, two = (_scores(net, x, batch).argmax(axis=1) for net in (before, after))
    return np.flatnonzero(one != two)
