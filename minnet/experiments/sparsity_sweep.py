"""Accuracy at every sparsity: one network pruned percent by percent, and copies of it retrained at some of them."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

import numpy as np

from minnet.experiments import parts
from minnet.experiments.prediction_cost import PredictionCost
from minnet.messages import whole
from minnet.nn.arguments import the_network
from minnet.nn.evaluation import accuracy
from minnet.nn.train import steps, steps_for
from minnet.pruning import criteria
from minnet.pruning import scope as scopes
from minnet.pruning.ranking import rank, set_masks, sparsity

RETRAINED_AT = (0, 10, 20, 30, 40, 50, 60, 70, 80, 85, 90, 93, 95, 97, 98, 99, 100)  # percent
CRITERIA = {"magnitude": criteria.magnitude, "random": criteria.random}
SCOPES = {"network": scopes.network, "layer": scopes.layer}


class Method(NamedTuple):
    """What a ranking depends on."""

    criterion: str = "magnitude"
    scope: str = "network"
    seed: int = 0


class SparsitySweep:
    """Prunes a network in place, and measures copies of it at every sparsity.

    Parameters
    ----------
    net : Layer
    data : Dataset or Split
        Of a whole data set, accuracy is measured on ``.val`` and copies are retrained on ``.train``.  A single part
        is only measured on.
    epochs : int
        How long each copy is retrained.

    Attributes
    ----------
    net : Layer
    split : Split
        What accuracy is measured on.
    train : Split or None
    found, least : int
        Sparsity of the network as it came, and of the weights that were cut, in percent.
    retrained : dict of {Method: {percent: accuracy}}
        Grows while `retrain` runs, and stays.
    """

    def __init__(self, net, data, epochs=10):
        self.net, self.data, self.epochs = the_network(net), data, whole(epochs, "epochs")
        self.train, self.split = parts(data)
        self.retrained, self._cost = {}, PredictionCost(self.split.x)
        self.found = round(100 * sparsity(net))
        self._found_masks = {param.path: param.mask for param in net.params()}
        self._as_found = True
        self._read()

    # ---- the network itself -------------------------------------------------------------------------

    def prune(self, method, percent):
        """Give the network the masks of this sparsity.  Before the first change its own masks stay, as it came."""
        if not (self._as_found and percent == self.found):
            self._as_found = False
            set_masks(self.net, self.masks(method, percent / 100))

    def reset(self):
        """Give the network back the masks that it came with."""
        set_masks(self.net, self._found_masks)
        self._as_found = True

    def position(self):
        """The network's present masks, for `return_to`."""
        return {param.path: param.mask for param in self.net.params()}, self._as_found

    def return_to(self, position):
        """Give the network back its masks of an earlier moment."""
        masks, self._as_found = position
        set_masks(self.net, masks)

    def dense(self):
        """The network without masks: a copy, taken again when its weights were trained further meanwhile."""
        pairs = zip(self.net.params(), self._dense.params(), strict=True)
        if any(not np.array_equal(now.data, then.data) for now, then in pairs):
            self._read()
        return self._dense

    def _read(self):
        self._dense = self.net.copy()
        set_masks(self._dense, dict.fromkeys(param.path for param in self._dense.params()))  # what was cut stays so
        self.least = ceil(100 * sparsity(self._dense) - 1e-9)
        self._rankings, self._curves = {}, {}  # these belong to the weights
        self._cost.forget()

    def cost(self):
        """The `Time` and the bytes of the network as it is now."""
        return self._cost.read(self.net)

    # ---- measured at every sparsity -----------------------------------------------------------------

    def masks(self, method, fraction):
        """{path: mask} at this sparsity."""
        dense = self.dense()
        if method not in self._rankings:
            self._rankings[method] = rank(dense.copy(), CRITERIA[method.criterion], scope=SCOPES[method.scope],
                                          rng=method.seed)
        return self._rankings[method].masks(fraction)

    def curve(self, method):
        """Accuracy at 0, 1, … 100 %, not retrained, (101,); measured once."""
        dense = self.dense()
        if method not in self._curves:
            copy, curve = dense.copy(), []
            for percent in range(101):
                set_masks(copy, self.masks(method, percent / 100))
                curve.append(accuracy(copy, self.split))
            self._curves[method] = np.array(curve)
        return self._curves[method]

    def retrain(self, method):
        """Retrain a copy at each of `RETRAINED_AT`; yields (fraction done, what is being done) at each step."""
        dense, count = self.dense().copy(), steps_for(self.train, self.epochs)
        masks = {percent: self.masks(method, percent / 100) for percent in RETRAINED_AT}
        points = self.retrained[method] = {}
        return self._retrain(dense, masks, points, count, method.seed)

    def _retrain(self, dense, masks, points, count, seed):
        for done, (percent, chosen) in enumerate(masks.items()):
            copy, what = set_masks(dense.copy(), chosen), f"{done} of {len(masks)} points"
            for step in steps(copy, self.train, count=count, rng=seed):
                yield (done + step.index / count) / len(masks), what
            points[percent] = accuracy(copy, self.split)
        yield 1.0, "done"
