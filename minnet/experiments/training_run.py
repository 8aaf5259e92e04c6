"""One training that is watched: a network with one hidden layer, plain gradient descent, and the two curves."""

from __future__ import annotations

import numpy as np

from minnet.experiments import parts
from minnet.messages import number, whole, wholes
from minnet.nn.arguments import class_count, samples
from minnet.nn.evaluation import predict
from minnet.nn.losses import cross_entropy
from minnet.nn.models import mlp
from minnet.nn.optim import SGD
from minnet.nn.train import steps

EVERY = 10  # steps between two points of the curves
MEASURED = 1000  # samples that are measured on, at most


class TrainingRun:
    """A network as it learns, step by step.

    Parameters
    ----------
    data : Dataset, Split or pair (x, y)
        A whole data set is trained on ``.train`` and measured on ``.val``; anything else on itself.
    hidden : int
        Neurons in the hidden layer.
    rate : float
        Learning rate.
    count, batch : int
        Steps of a whole run, and samples in a step.
    seed : int
        Of the initial weights and of the batches.

    Attributes
    ----------
    net : Sequential
        The network as it is now.
    rate : float
        May be changed at any time.
    hidden, seed : int
        Of the present run.
    step : int
        Completed steps.
    x, y : ndarray
        The samples that are measured on.
    classes : int
    curve, before : list of (step, loss, accuracy)
        Of this run, and of the run before.
    """

    def __init__(self, data, *, hidden=16, rate=0.1, count=2000, batch=32, seed=0):
        self.data, self.rate = data, number(rate, "rate")
        self.count, self.batch = wholes(1, count=count, batch=batch)
        train, split = parts(data)
        x, y = samples(split)
        self._train = (x, y) if train is None else samples(train, "train on")
        self.x, self.y = x[:MEASURED], y[:MEASURED]
        self.classes = class_count(self._train[1], y)
        self._first = {"hidden": hidden, "rate": self.rate, "seed": seed}
        self.reset()

    def start_over(self, hidden, seed):
        """Begin again with an untrained network; the run so far becomes the one before."""
        hidden, seed = whole(hidden, "hidden", least=1), whole(seed, "seed")
        if len(self.curve) > 1:
            self.before = self.curve
        features = int(np.prod(self._train[0].shape[1:]))
        self.hidden, self.seed, self.step, self.curve = hidden, seed, 0, []
        self.net = mlp(features, hidden, self.classes, rng=seed)
        self._steps = steps(self.net, self._train, SGD(lambda index: self.rate), count=self.count, batch=self.batch,
                            rng=seed)
        self._measure()

    def reset(self):
        """Begin as at first, without a run before."""
        self.curve, self.before = [], []
        self.rate = self._first["rate"]
        self.start_over(self._first["hidden"], self._first["seed"])

    def advance(self):
        """Make one step."""
        with np.errstate(all="ignore"):  # a rate that is too large may lead to infinity
            self.step = next(self._steps).index + 1
            if self.step % EVERY == 0:
                self._measure()

    def look(self):
        """What the hidden neurons pass on for the measured samples, and the scores of the classes.

        Returns
        -------
        hidden : ndarray, (samples, neurons)
        scores : ndarray, (samples, classes)
        """
        first, activation, last = self.net.layers
        hidden = activation(first(self.x.reshape(len(self.x), -1)))
        return hidden, last(hidden)

    def _measure(self):
        with np.errstate(all="ignore"):
            scores = predict(self.net, self.x)
            loss, _ = cross_entropy(scores, self.y)
        self.curve.append((self.step, loss, np.mean(scores.argmax(axis=1) == self.y)))
