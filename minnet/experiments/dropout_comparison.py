"""Which neurons are silent?  Those that dropout's dice silence in one training step, and those that pruning left dead.

Dropout's dice are thrown again exactly as a training run of the same seed throws them, for any step and without
training.  So a learner can go through the steps in any order and sees what really happens in each.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from minnet import measure
from minnet.files.network_file import save
from minnet.nn.checkpoint import snapshot
from minnet.nn.evaluation import accuracy, predict
from minnet.nn.layer import Pointwise
from minnet.nn.layers import Dense, Dropout, Sequential
from minnet.pruning.ranking import set_masks
from minnet.threads import at_most

# ---- Dense layers ------------------------------------------------------------------------------------


def dense(net):
    """The layers."""
    return [layer for layer in net.layers if isinstance(layer, Dense)]


def stored(net):
    """Shapes of the weights in memory, and how many numbers there are in all."""
    return [layer.weight.shape for layer in dense(net)], sum(param.size for param in net.params())


def on_disk(net, path):
    """Save a network; how many bytes its file has."""
    save(net, path)
    return path.stat().st_size


def write(net, masks):
    """These masks, and none where none is named."""
    set_masks(net, {param.path: masks.get(param.path) for param in net.params()})


def between(widths, active):
    """The connections among neurons that speak; every input and output does."""
    every = [np.ones(widths[0], bool), *active, np.ones(widths[-1], bool)]
    return [np.outer(a, b) for a, b in pairwise(every)]


def spread(array, rows, columns):
    """A table of a smaller network, at the places where its neurons (True) stood in the whole one."""
    table = np.zeros((len(rows), len(columns)), array.dtype)
    table[np.ix_(rows, columns)] = array
    return table


# ---- Dropped and inactive neurons --------------------------------------------------------------------


def with_dropout(net, p):
    """A network with the very same layers, and dropout before every dense layer but the first.

    Parameters
    ----------
    net : Sequential
    p : float
        Probability of silencing a hidden neuron.

    Returns
    -------
    Sequential
        It shares its numbers with ``net``.
    """
    layers = []
    for layer in plain_layers(net):
        if isinstance(layer, Dense) and layers:
            layers.append(Dropout(p))
        layers.append(layer)
    return Sequential(*layers, input_shape=net.input_shape)


def set_dropout(net, p):
    """From now on a network drops each hidden neuron with this probability."""
    for layer in net.layers:
        if isinstance(layer, Dropout):
            layer.p = p


def plain_layers(net):
    """The layers of a fully connected network, without dropout."""
    layers = [layer for layer in getattr(net, "layers", ()) if not isinstance(layer, Dropout)]
    plain = bool(layers) and all(isinstance(layer, (Dense, Pointwise)) for layer in layers)
    if not plain or sum(isinstance(layer, Dense) for layer in layers) < 2 or not isinstance(layers[0], Dense):
        raise TypeError("this explorer takes a fully connected network with a hidden layer, got "
                        f"{net!r:.80}; write for example mn.models.mlp(40, 200, 200, 10, rng=0)")
    return layers


def spared(widths, p, step, *, samples, batch, seed):
    """The hidden neurons that the dice spare in one training step, for the first sample of the batch.

    Parameters
    ----------
    widths : sequence of int
        Neurons of each hidden layer.
    p : float
    step : int
        0 for the first step of ``mn.steps(net, data, batch=batch, rng=seed)``.
    samples : int
        How many there are to train on.
    batch, seed : int

    Returns
    -------
    list of ndarray of bool, (width,)
    """
    epoch, place = divmod(step, -(-samples // batch))
    rows = min(batch, samples - place * batch)
    before = (epoch * samples + place * batch) * sum(widths)  # numbers of 32 bits that have fallen so far
    _, dice = np.random.default_rng(seed).spawn(2)  # the first is for the batches
    dice.bit_generator.advance(before // 2)  # the generator makes 64 bits at a time
    if before % 2:
        dice.random(dtype=np.float32)
    return thrown(widths, p, rows, dice)


def thrown(widths, p, rows, dice):
    """The hidden neurons that dropout spares in the first row of a batch, as a network of such layers throws."""
    return [Dropout(p).forward(np.ones((rows, width), np.float32), dice)[0][0] > 0 for width in widths]


def alive(masks):
    """The hidden neurons that still hear something and are still heard: those that `mn.compact` leaves.

    Parameters
    ----------
    masks : list of ndarray of bool, (inputs, outputs)
        Which connections of each dense layer are left (and not exactly 0).

    Returns
    -------
    list of ndarray of bool, (width,)
    """
    hears, heard = [np.ones(len(masks[0]), bool)], [np.ones(masks[-1].shape[1], bool)]
    for mask in masks[:-1]:
        hears.append(mask[hears[-1]].any(axis=0))
    for mask in reversed(masks[1:]):
        heard.append(mask[:, heard[-1]].any(axis=1))
    return [ear & mouth for ear, mouth in zip(hears[1:], reversed(heard[1:]), strict=True)]


# ---- Measurements ------------------------------------------------------------------------------------


ASKED = 100  # so many times the same question
THROWS = 10  # accuracies with the dice left on
TRIED = 200  # of so many known signals one is chosen to open with
DOUBT = 10, 50  # so many answers of a hundred to it are wrong while the dice are left on


class Measurements:
    """Questions to networks.

    Parameters
    ----------
    data : Dataset
        ``.train`` is what they learn from, ``.val`` is new to them.
    seed : int
        Of the dice that are left on.
    """

    def __init__(self, data, seed):
        self._data, self._new, self._seed = data, data.val, seed
        self._seconds, self._noise = {}, {}

    def moment(self, net):
        """A network's numbers as they are now, and what it recognises with them."""
        return TrainingPoint(snapshot(net), accuracy(net, self._data.train), accuracy(net, self._new))

    def telling(self, twin, pruned, dice):
        """A new signal that shows what dropout does to an answer, as a number.

        It is the first one that both networks recognise every time, and that the one with dropout mostly recognises,
        but clearly not always, while neurons are dropped. If there is none, it is the first one that both recognise,
        and without any, 0. Which number that is depends on the networks, so it can't be written down once and for all.

        Parameters
        ----------
        twin, pruned : Sequential
            With dropout, and without.
        dice : callable
            From the number of a signal to the generator that is used to ask about it.
        """
        right = [predict(net, self._new.x).argmax(axis=1) == self._new.y for net in (twin, pruned)]
        known = np.flatnonzero(np.all(right, axis=0))
        for signal in known[:TRIED]:
            truth = self._new.y[signal]
            sure = all(self.answers(net, signal)[truth] == ASKED for net in (twin, pruned))
            if sure and DOUBT[0] <= ASKED - self.answers(twin, signal, dice(signal))[truth] <= DOUBT[1]:
                return int(signal)
        return int(known[0]) if len(known) else 0

    def answers(self, net, signal, dice=None):
        """How often each class is the answer to the same new signal, (classes,); to no signal (None), never."""
        x = self._new.x[:0] if signal is None else np.repeat(self._new.x[signal][None], ASKED, axis=0)
        with at_most(1):
            y = net.forward(x, dice)[0]
        return np.bincount(y.argmax(axis=1), minlength=y.shape[1])

    def noisy(self, net, name):
        """Accuracies on new signals with the dice left on, (throws,)."""
        if name not in self._noise:
            dice = np.random.default_rng(self._seed)
            with at_most(1):
                throws = [net.forward(self._new.x, dice)[0].argmax(axis=1) for _ in range(THROWS)]
            self._noise[name] = np.mean(np.array(throws) == self._new.y, axis=1)
        return self._noise[name]

    def seconds(self, nets, name):
        """Seconds that each of ``nets`` takes to predict all new signals on one core, timed in turn."""
        if name not in self._seconds:
            with at_most(1):
                taken = measure.latency(dict(enumerate(nets)), self._new.x, rounds=9)
            self._seconds[name] = [each.median for each in taken.values()]
        return self._seconds[name]


@dataclass(frozen=True)
class TrainingPoint:
    """A twin after so many epochs: its numbers, and what it recognises of the training and of new samples."""

    numbers: dict
    train: float
    new: float

    @property
    def gap(self):
        return self.train - self.new


@dataclass(frozen=True)
class Side:
    """What is shown of one twin.

    Attributes
    ----------
    weights, masks : list of ndarray
        Of each dense layer, (inputs, outputs); the masks say which connections are in use just now.
    active : list of ndarray of bool, (width,)
        Hidden neurons that are in use just now.
    moment : Moment
    record : list of Moment
        From the start, one an epoch, as far as it has been trained.
    shapes : list of (int, int)
        Of the arrays in memory ...
    parameters : int
        ... and how many numbers they hold, biases included.
    bytes : int
        Of its file.
    seconds : float
        To predict all new samples.
    answers : ndarray of int, (classes,)
        How often each class is the answer to the same question; none in training, where nobody is asked.
    """

    weights: list
    masks: list
    active: list
    moment: TrainingPoint
    record: list
    shapes: list
    parameters: int
    bytes: int
    seconds: float
    answers: np.ndarray

    @property
    def used(self):
        """Connections in use just now."""
        return sum(int(mask.sum()) for mask in self.masks)
