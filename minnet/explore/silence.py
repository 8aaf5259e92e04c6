"""Which neurons are silent?  Those that dropout's dice silence in one training step, and those that pruning left dead.

Dropout's dice are thrown again exactly as a training run of the same seed throws them, for any step and without
training.  So a learner can go through the steps in any order and sees what really happens in each.
"""

from __future__ import annotations

import numpy as np

from minnet.nn.layer import Pointwise
from minnet.nn.layers import Dense, Dropout, Sequential


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
