"""Dropout and pruning compared: two copies of one network, trained further side by side.

`DropoutComparison` is the experiment; before it come its parts.  What dropout drops in one training step is drawn again
exactly as a training run of the same seed draws it, so a learner can go through the steps in any order.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from minnet import measure
from minnet.experiments import parts
from minnet.files.network_file import save
from minnet.messages import choice, file, flag, instance, number, whole
from minnet.nn.checkpoint import rewind, snapshot
from minnet.nn.evaluation import accuracy, predict
from minnet.nn.layer import Pointwise
from minnet.nn.layers import Dense, Dropout, Sequential
from minnet.nn.train import steps, steps_for
from minnet.pruning import structure
from minnet.pruning.compaction import compact
from minnet.pruning.ranking import cut, rank, set_masks, sparsity
from minnet.pruning.scope import layer as each_layer
from minnet.threads import at_most

# ---- Dense layers ------------------------------------------------------------------------------------


def dense(net):
    """The dense layers of a network."""
    return [layer for layer in net.layers if isinstance(layer, Dense)]


def in_memory(net):
    """The shapes of the weights in memory, and the number of parameters."""
    return {"shapes": [layer.weight.shape for layer in dense(net)],
            "parameters": sum(param.size for param in net.params())}


def on_disk(net, path):
    """Save a network; how many bytes its file has."""
    save(net, path)
    return path.stat().st_size


def write(net, masks):
    """These masks, and none where none is named."""
    set_masks(net, {param.path: masks.get(param.path) for param in net.params()})


def with_ends(widths, active):
    """Which neurons of every layer are active, (width,) each: the hidden ones as given, all inputs and all outputs."""
    return [np.ones(widths[0], bool), *active, np.ones(widths[-1], bool)]


def between(widths, active):
    """The connections among active neurons; inputs and outputs always are."""
    return [np.outer(a, b) for a, b in pairwise(with_ends(widths, active))]


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
    """The hidden neurons that dropout keeps in one training step, for the first sample of the batch.

    Nothing is trained for it: the generator of the training is advanced to this step. That rests on how NumPy's PCG64
    makes float32 numbers, two from each 64 bits, the second half kept for the next call. NumPy does not promise
    this; the test compares every step with what a training really drops.

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
    before = (epoch * samples + place * batch) * sum(widths)  # float32 numbers drawn so far
    _, rng = np.random.default_rng(seed).spawn(2)  # the first is for the batches
    rng.bit_generator.advance(before // 2)  # two float32 numbers come from each draw of 64 bits
    if before % 2:
        rng.random(dtype=np.float32)  # the first half of a draw is used up
    return kept_in_first_row(widths, p, rows, rng)


def kept_in_first_row(widths, p, rows, rng):
    """The hidden neurons that dropout keeps in the first row of a batch, in a network of layers of these widths."""
    return [Dropout(p).forward(np.ones((rows, width), np.float32), rng)[0][0] > 0 for width in widths]


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


ASKED = 100  # predictions of the same signal
REPEATS = 10  # accuracies with dropout left on
TRIED = 200  # known signals of which one is chosen to open with
DOUBT = 10, 50  # least and most wrong answers of a hundred while dropout is left on


class _Measurements:
    """Questions to networks.

    Parameters
    ----------
    data : Dataset
        ``.train`` is what they learn from, ``.val`` is new to them.
    seed : int
        Of dropout where it is left on.
    """

    def __init__(self, data, seed):
        self._data, self._new, self._seed = data, data.val, seed
        self._seconds, self._noise = {}, {}

    def moment(self, net, epochs=0):
        """A network's numbers as they are now, after so many epochs, and what it recognises with them."""
        return TrainingPoint(epochs, snapshot(net), accuracy(net, self._data.train), accuracy(net, self._new))

    def telling(self, dropout, pruned, rng_of):
        """A new signal that shows what dropout does to an answer, as a number.

        It is the first one that both networks recognise every time, and that the one with dropout mostly recognises,
        but clearly not always, while neurons are dropped. If there is none, it is the first one that both recognise,
        and without any, 0. Which number that is depends on the networks, so it can't be written down once and for all.

        Parameters
        ----------
        dropout, pruned : Sequential
            With dropout, and without.
        rng_of : callable
            From the number of a signal to the generator with which dropout predicts it.
        """
        right = [predict(net, self._new.x).argmax(axis=1) == self._new.y for net in (dropout, pruned)]
        known = np.flatnonzero(np.all(right, axis=0))
        for signal in known[:TRIED]:
            truth = self._new.y[signal]
            sure = all(self.answers(net, signal)[truth] == ASKED for net in (dropout, pruned))
            if sure and DOUBT[0] <= ASKED - self.answers(dropout, signal, rng_of(signal))[truth] <= DOUBT[1]:
                return int(signal)
        return int(known[0]) if len(known) else 0

    def answers(self, net, signal, rng=None):
        """How often each class is the answer to the same new signal, (classes,); to no signal (None), never."""
        x = self._new.x[:0] if signal is None else np.repeat(self._new.x[signal][None], ASKED, axis=0)
        with at_most(1):
            y = net.forward(x, rng)[0]
        return np.bincount(y.argmax(axis=1), minlength=y.shape[1])

    def noisy(self, net, name):
        """Accuracies on new signals with dropout left on, (repeats,)."""
        if name not in self._noise:
            rng = np.random.default_rng(self._seed)
            with at_most(1):
                predicted = [net.forward(self._new.x, rng)[0].argmax(axis=1) for _ in range(REPEATS)]
            self._noise[name] = np.mean(np.array(predicted) == self._new.y, axis=1)
        return self._noise[name]

    def seconds(self, nets, name):
        """Seconds that each of ``nets`` takes to predict all new signals on one core, timed in turn."""
        if name not in self._seconds:
            taken = measure.latency(dict(enumerate(nets)), self._new.x, rounds=9)
            self._seconds[name] = [each.median for each in taken.values()]
        return self._seconds[name]


@dataclass(frozen=True)
class TrainingPoint:
    """A network after some epochs: its parameters, and its accuracy on the training and on new samples."""

    epochs: int
    numbers: dict
    train: float
    new: float

    @property
    def gap(self):
        return self.train - self.new


@dataclass(frozen=True)
class Side:
    """What is shown of one of the two networks.

    Attributes
    ----------
    weights, masks : list of ndarray
        Of each dense layer, (inputs, outputs); the masks say which connections are in use just now.
    active : list of ndarray of bool, (width,)
        Hidden neurons that are in use just now.
    moment : TrainingPoint
    record : list of TrainingPoint
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


# ---- The comparison ----------------------------------------------------------------------------------


BATCH = 32
KEPT_RECORDS = 12  # trainings whose records are kept
STRUCTURES = {"neurons": structure.along("out"), "weights": structure.weights}  # as dropout: neurons first
CRITERIA = ("magnitude", "random")
FILES = ("whole", "dropout", "pruned")


class Choice(NamedTuple):
    """What is dropped and pruned; ``fraction`` in percent."""

    fraction: int
    structure: str
    criterion: str


def known(chosen):
    """A `Choice` of known words."""
    instance(chosen, Choice, "choice", 'Choice(20, "neurons", "magnitude")')
    number(chosen.fraction, "fraction", below=100)
    choice(chosen.structure, "structure", STRUCTURES)
    choice(chosen.criterion, "criterion", CRITERIA)
    return chosen


class DropoutComparison:
    """Two copies of one network, trained further side by side: one with dropout, one pruned.

    Parameters
    ----------
    net : Sequential
        Dense layers with activations between them; left as it is.
    data : Dataset
        Both learn from ``.train``; the new samples are ``.val``.
    epochs : int
        How long `train` trains.
    seed : int
        Of the batches, of dropout and of random pruning.
    folder : str or path, optional
        Where the networks are saved; by default a temporary folder, which goes with this object.

    Attributes
    ----------
    net, dropout, pruned : Sequential
        The network as given, and the two copies, as they are at the present `select`.
    small : Sequential or None
        What `cut` has left of the pruned copy.
    widths : list of int
        Inputs, neurons of each layer.
    steps, per_epoch : int
        Steps of a training, and of one epoch.
    whole : TrainingPoint
        Of the network as given.
    records : dict of {recipe: list of TrainingPoint}
        What training has shown so far, one point an epoch.
    bytes : dict of {name: int}
        Of the files of the networks ``whole``, ``dropout`` and, once it is cut, ``pruned``.
    folder : Path

    Raises
    ------
    TypeError
        If ``data`` is no data set, or ``net`` not fully connected with a hidden layer.
    ValueError
        If ``net`` is pruned already.
    """

    def __init__(self, net, data, *, epochs=10, seed=0, folder=None):
        self.net = Sequential(*plain_layers(net), input_shape=net.input_shape).copy()
        parts(data, self.net, whole=True)
        if sparsity(self.net):
            raise ValueError("some weights of this network are removed, and this explorer starts with a whole one; "
                             "call mn.restore(net) first")
        self.data, self.epochs, self.seed = data, whole(epochs, "epochs", least=1), whole(seed, "seed")
        if folder is None:
            folder = tempfile.mkdtemp(prefix="minnet-")
            weakref.finalize(self, shutil.rmtree, folder, True)
        self.folder = file(folder, "folder", "results")
        self.widths = [dense(self.net)[0].n_in, *[layer.n_out for layer in dense(self.net)]]
        self.per_epoch = steps_for(data.train, 1, BATCH)
        self.steps = epochs * self.per_epoch
        self.small, self.records, self._kept_neurons = None, {}, None
        self._measurements, self._before_training, self._rankings = _Measurements(data, seed), {}, {}
        self._telling, self._selected = {}, (50, 0)  # in per cent, and epochs
        self.dropout, self.pruned = with_dropout(self.net.copy(), 0.5), self.net.copy()
        self.whole = self._measurements.moment(self.net)
        self.bytes = {name: on_disk(each, self.path(name)) for name, each in
                      (("whole", self.net), ("dropout", self.dropout))}

    def path(self, name):
        """Of the file of a network."""
        return self.folder / f"{choice(name, 'network', FILES)}.safetensors"

    # ---- the two networks ---------------------------------------------------------------------------

    def select(self, choice, epochs=0):
        """Bring both copies to a choice, as they are after this many epochs of training, or as far as they have got."""
        points = self.points(choice, epochs)
        if self.small is None:
            write(self.pruned, self._masks(choice))
        for net, point in zip((self.dropout, self.pruned), points, strict=True):
            rewind(net, point.numbers)
        set_dropout(self.dropout, choice.fraction / 100)
        self._selected = choice.fraction, points[0].epochs

    def points(self, choice, epochs):
        """The `TrainingPoint` of each copy after this many epochs of training, or as far as they have got."""
        left, right = self.record(choice)
        epochs = min(whole(epochs, "epochs"), len(left) - 1)
        return left[epochs], right[min(epochs, len(right) - 1)]

    def record(self, choice):
        """What training has shown of both copies, each a list of `TrainingPoint` that begins before training."""
        return [self.records.get(recipe) or [self._untrained(recipe)] for recipe in self._recipes(choice)]

    def trained(self, choice):
        """For how many epochs both have been trained; what was cut begins with what it had learned."""
        recipes = self._recipes(choice)[: 1 if self.small else 2]
        return min(len(self.records.get(recipe, ["untrained"])) for recipe in recipes) - 1

    def weights(self):
        """Of the pruned copy, at their places in the whole network: list of ndarray, (inputs, outputs)."""
        weights = [layer.weight.value for layer in dense(self.pruned)]
        if self.small is None:
            return weights
        return [spread(weight, rows, columns)
                for weight, (rows, columns) in zip(weights, pairwise(self._kept_neurons), strict=True)]

    def kept_in_step(self, choice, step):
        """The hidden neurons that dropout keeps in one training step (1 for the first), list of (width,)."""
        return spared(self.widths[1:-1], known(choice).fraction / 100, whole(step, "step", least=1) - 1,
                      samples=len(self.data.train), batch=BATCH, seed=self.seed)

    def kept_for(self, choice, signal):
        """The hidden neurons that dropout keeps where it is left on to predict a signal, list of (width,)."""
        return kept_in_first_row(self.widths[1:-1], known(choice).fraction / 100, ASKED, self._rng(signal))

    def telling(self, choice):
        """A new signal that shows what dropout does to an answer, before any training, as a number."""
        if known(choice) not in self._telling:
            self.select(choice)
            self._telling[choice] = self._measurements.telling(self.dropout, self.pruned, self._rng)
        return self._telling[choice]

    def answers(self, signal, dropping=False):
        """How often each class is the answer of each copy to the same new signal; to no signal (None), never.

        Parameters
        ----------
        signal : int or None
        dropping : bool
            Whether dropout is left on.

        Returns
        -------
        dropout, pruned : ndarray of int, (classes,)
        """
        rng = None if signal is None else self._rng(signal)
        return (self._measurements.answers(self.dropout, signal, rng if flag(dropping, "dropping") else None),
                self._measurements.answers(self.pruned, signal))

    def noisy(self):
        """Accuracies of the copy with dropout, as it is now, on new signals, with dropout left on, (repeats,)."""
        return self._measurements.noisy(self.dropout, self._selected)

    def seconds(self):
        """To predict all new signals: the network as given, with dropout, pruned.  A mask takes the same time wherever
        its zeros are, so it is measured once."""
        masked = any(param.mask is not None for param in self.pruned.params())
        return self._measurements.seconds([self.net, self.dropout, self.pruned],
                                          "cut" if self.small else "masked" if masked else "whole")

    def _rng(self, signal):
        """The generator of dropout where it is left on to predict a new signal."""
        if whole(signal, "signal") >= len(self.data.val):
            raise ValueError(f"the new signals have the numbers 0 … {len(self.data.val) - 1}, got {signal}")
        return np.random.default_rng((self.seed, signal))

    def _recipes(self, choice):
        """What the training of each copy depends on."""
        return ("dropout", known(choice).fraction), ("cut",) if self.small else choice

    def _untrained(self, recipe):
        """A copy before it is trained with dropout or with what pruning has left."""
        if recipe[0] == "dropout":
            return self.whole
        if recipe not in self._before_training:
            pruned = set_masks(self.net.copy(), self._masks(recipe))
            self._before_training[recipe] = self._measurements.moment(pruned)
        return self._before_training[recipe]

    def _masks(self, choice):
        how = choice.criterion, choice.structure
        if how not in self._rankings:
            self._rankings[how] = rank(self.net, choice.criterion, STRUCTURES[choice.structure], each_layer,
                                       rng=self.seed)
        return self._rankings[how].masks(choice.fraction / 100)

    # ---- training and cutting -----------------------------------------------------------------------

    def train(self, choice):
        """Train copies of both further, on the same batches; yields (fraction done, what is being done)."""
        nets = {}
        self.select(choice)
        for recipe in self._recipes(choice):
            if len(self.records.get(recipe, ())) <= self.epochs:
                self.records[recipe] = [self._untrained(recipe)]
                net = self.net.copy() if recipe[0] == "dropout" else self.pruned.copy()
                rewind(net, self._untrained(recipe).numbers)
                nets[recipe] = with_dropout(net, recipe[1] / 100) if recipe[0] == "dropout" else net
        while len(self.records) > KEPT_RECORDS:
            del self.records[next(iter(self.records))]  # the oldest
        return self._train(nets)

    def _train(self, nets):
        runs = [steps(net, self.data.train, count=self.steps, batch=BATCH, rng=self.seed) for net in nets.values()]
        records = [self.records[recipe] for recipe in nets]
        for done in range(1, self.steps + 1) if runs else ():
            for run in runs:
                next(run)
            if done % self.per_epoch == 0:
                for record, net in zip(records, nets.values(), strict=True):
                    record.append(self._measurements.moment(net, done // self.per_epoch))
            yield done / self.steps, f"step {done:,} of {self.steps:,}"
        yield 1.0, "done"

    def cut(self):
        """Erase what is pruned, build the smaller network and save it."""
        self._kept_neurons = with_ends(self.widths, alive([weight != 0 for weight in self.weights()]))
        cut(self.pruned)
        self.pruned = self.small = compact(self.pruned)
        self.bytes["pruned"] = on_disk(self.small, self.path("pruned"))
        self._before_training["cut",] = self._measurements.moment(self.small)
