"""Accuracy at every sparsity: one network pruned percent by percent, and copies of it retrained at some of them."""

from __future__ import annotations

from contextlib import contextmanager
from math import ceil
from typing import NamedTuple

import numpy as np

from minnet.experiments import SCOPES, parts
from minnet.experiments.prediction_cost import PredictionCost
from minnet.messages import choice, instance, percentage, whole
from minnet.nn.evaluation import accuracy
from minnet.nn.train import steps, steps_for
from minnet.pruning.ranking import masks_of, rank, set_masks, sparsity

RETRAINED_AT = (0, 10, 20, 30, 40, 50, 60, 70, 80, 85, 90, 93, 95, 97, 98, 99, 100)  # percent
CRITERIA = ("magnitude", "random")


class Method(NamedTuple):
    """What a ranking depends on."""

    criterion: str = "magnitude"
    scope: str = "network"
    seed: int = 0


class SparsitySweep:
    """Prunes a network in place, and measures copies of it at every sparsity.

    The network may be trained further outside: `update` notices that.  `prune` and `retrain` begin with it, and so does
    `curve` where it has to measure.

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
    dense : Layer
        The network without masks: a copy, taken again when its weights have changed.
    split : Split
        What accuracy is measured on.
    train : Split or None
    found, least : int
        Sparsity of the network as it came, and of the weights that were cut, in percent.
    retrained : dict of {Method: {percent: accuracy}}
        Grows while `retrain` runs, and stays.
    """

    def __init__(self, net, data, epochs=10):
        self.net, self.data, self.epochs = net, data, whole(epochs, "epochs")
        self.train, self.split = parts(data, net)
        self.retrained, self._cost = {}, PredictionCost(self.split.x)
        self.found = round(100 * sparsity(net))
        self._found_masks = masks_of(net)
        self._as_found = True
        self._read()

    # ---- the network itself -------------------------------------------------------------------------

    def prune(self, method, percent):
        """Give the network the masks of this sparsity.  Before the first change its own masks stay, as it came."""
        self._known(method)
        percentage(percent)
        self.update()
        if not (self._as_found and percent == self.found):
            self._as_found = False
            set_masks(self.net, self._ranking(method).masks(percent / 100))

    def reset(self):
        """Give the network back the masks that it came with."""
        set_masks(self.net, self._found_masks)
        self._as_found = True

    @contextmanager
    def undisturbed(self):
        """``with sweep.undisturbed():``: afterwards the network has the masks that it had before."""
        masks, as_found = masks_of(self.net), self._as_found
        try:
            yield
        finally:
            set_masks(self.net, masks)
            self._as_found = as_found

    def update(self):
        """If the weights were trained further meanwhile, forget what was ranked and measured before."""
        pairs = zip(self.net.params(), self.dense.params(), strict=True)
        if any(not np.array_equal(now.data, then.data) for now, then in pairs):
            self._read()

    def _read(self):
        self.dense = self.net.copy()
        set_masks(self.dense, dict.fromkeys(param.path for param in self.dense.params()))  # what was cut stays so
        self.least = ceil(100 * sparsity(self.dense) - 1e-9)
        self._rankings, self._curves = {}, {}  # these belong to the weights
        self._cost.forget()

    def cost(self):
        """The `Time` and the bytes of the network as it is now."""
        return self._cost.read(self.net)

    # ---- measured at every sparsity -----------------------------------------------------------------

    def curve(self, method):
        """Accuracy at 0, 1, … 100 %, not retrained, (101,); measured once for the weights of the last `update`."""
        self._known(method)
        if method not in self._curves:
            self.update()
            copy, ranking, curve = self.dense.copy(), self._ranking(method), []
            for percent in range(101):
                set_masks(copy, ranking.masks(percent / 100))
                curve.append(accuracy(copy, self.split))
            self._curves[method] = np.array(curve)
        return self._curves[method]

    def retrain(self, method):
        """Retrain a copy at each of `RETRAINED_AT`; yields (fraction done, what is being done) at each step."""
        self._known(method)
        self.update()
        dense, count, ranking = self.dense.copy(), steps_for(self.train, self.epochs), self._ranking(method)
        masks = {percent: ranking.masks(percent / 100) for percent in RETRAINED_AT}
        points = self.retrained[method] = {}
        return self._retrain(dense, masks, points, count, method.seed)

    def _known(self, method):
        """Look at what a method of this class was given."""
        instance(method, Method, "method", 'Method("random")')
        choice(method.criterion, "criterion", CRITERIA)
        choice(method.scope, "scope", SCOPES)
        whole(method.seed, "seed")

    def _ranking(self, method):
        """All weights of `dense`, ranked once."""
        if method not in self._rankings:
            self._rankings[method] = rank(self.dense, method.criterion, scope=SCOPES[method.scope],
                                          rng=method.seed)
        return self._rankings[method]

    def _retrain(self, dense, masks, points, count, seed):
        for done, (percent, chosen) in enumerate(masks.items()):
            copy, what = set_masks(dense.copy(), chosen), f"{done} of {len(masks)} points"
            for step in steps(copy, self.train, count=count, rng=seed):
                yield (done + step.index / count) / len(masks), what
            points[percent] = accuracy(copy, self.split)
        yield 1.0, "done"
