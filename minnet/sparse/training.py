"""Sparse training: the steps of `mn.steps`, but only the remaining weights are multiplied and updated.

A masked network usually trains no faster than a dense one: all weights are multiplied, and then the optimiser keeps
the removed ones at zero. Here the remaining weights are in one short vector, which the kernels of
`training_kernel.py` go through. The optimisers are the same: they update a vector, whichever it is.
"""

from __future__ import annotations

import numpy as np

from minnet.messages import generator
from minnet.nn import arguments
from minnet.nn.activations import ReLU
from minnet.nn.flat_params import Flat, aligned
from minnet.nn.layers import Dense, Dropout, Flatten, Sequential
from minnet.nn.losses import cross_entropy
from minnet.nn.optim import Adam
from minnet.nn.train import checked, run_steps
from minnet.sparse.training_kernel import gather, narrow_back, narrow_forward, scatter, wide_back, wide_forward

NARROW, WIDE = 32, 64       # samples in a tile


def steps(net, data, optimiser=None, *, count, batch=32, rng=None, loss=cross_entropy):
    """Train the remaining weights of a multilayer perceptron, one update at a time: `mn.steps` for pruned networks.

    From about 50% sparsity upwards it is faster than `mn.steps`, and the more so the higher the sparsity. The losses
    and the trained weights are the same (up to rounding). Masks may change between two steps; that takes a few
    milliseconds, so don't prune at every step. There is no gradient for removed weights in a step; ``param.grad``
    computes it when it is asked for (as `mn.rigl_step` does), which takes as long as a step of dense training.

    Parameters
    ----------
    net : Sequential
        Of Dense layers with ReLU between them, float32, without dropout.
    data, optimiser, count, batch, rng, loss
        As in `mn.steps`.

    Yields
    ------
    Step
    """
    optimiser = arguments.optimiser(Adam(3e-3) if optimiser is None else optimiser)
    x, y = checked(net, data, count, batch, loss)
    layers = perceptron(net)
    if x[:1].size != layers[0][0].n_in:
        raise TypeError(f"this network reads {layers[0][0].n_in} numbers, and a sample here has shape {x.shape[1:]}; "
                        "write mn.steps(net, …), which trains every network")
    return run_steps(lambda: _Kept(layers, net.params(), optimiser, loss).step, x, y, count, batch, generator(rng))


def perceptron(net):
    """The layers of a multilayer perceptron as (Dense, whether a ReLU follows), or a TypeError."""
    layers = []
    for layer in _flat(net):
        kind = type(layer)
        if kind is Dense and not layer.drop:
            layers.append((layer, False))
        elif kind is ReLU and layers:
            layers[-1] = layers[-1][0], True
        elif not ((kind is Dropout and not layer.p) or (kind is Flatten and not layers)):
            raise TypeError(f"mn.sparse.steps trains Dense layers with ReLU between them, and here is {layer!r}; "
                            "write mn.steps(net, …), which trains every network")
    if net.dtype != np.float32:
        raise TypeError(f"mn.sparse.steps computes in float32, and this network is {net.dtype}; "
                        'write net.astype("float32") first')
    return layers


def _flat(net):
    """All layers of nested Sequentials, in the order in which they are computed."""
    if type(net) is not Sequential:
        return [net]
    return [layer for child in net.layers for layer in _flat(child)]


class _Kept:
    """A training run over the remaining numbers, with the same interface for optimisers as `Flat`.

    Attributes
    ----------
    data, grad : ndarray
        The remaining weights, layer after layer and output after output; then the remaining biases; then a 0 that
        stands for all other biases. What is shared by several layers is there once.
    weights : int
        How many of them are weights.
    mask : None
        Nothing in this vector is removed.
    """

    mask = None

    def __init__(self, layers, params, optimiser, loss):
        self.layers, self.optimiser, self.loss = layers, optimiser, loss
        self.dense = Flat(params)
        self.table = np.array([(layer.n_in, layer.n_out, relu) for layer, relu in layers], np.int64)
        self.features = int(layers[0][0].n_in + self.table[:, 1].sum())
        self._tiles, self._gradients = aligned(0), aligned(0)
        self._vectors, self._states = [], []
        self.dense.changed()
        self._pack()
        self.update = optimiser.begin(self)

    @property
    def restored(self):
        """The entries of the dense vector that have come back since the last step, or None."""
        return self.dense.restored

    def vector(self):
        """A vector for the optimiser's state, as long as ``data``: zeros, or what it held before the masks changed."""
        vector = aligned(len(self.data))
        if self._states:
            vector[:-1] = self._states.pop(0)[self.positions]
        self._vectors.append(vector)
        return vector

    def apply_mask(self, vector):
        """Nothing here is removed."""

    def reset_restored(self, vector):
        """Set to zero the entries of weights that have come back since the last step."""
        if self.restored is not None:
            vector[:-1][self.restored[self.positions]] = 0

    def step(self, index, x, y, rng=None):
        """Forward, loss, backward, update; returns the loss before the update. (Nothing here is random.)"""
        if self.dense.changed():
            self._pack_again()
        gather.call(self.data, self.dense.data, self.positions)
        if self._places is not None:
            np.take(self.data, self._places, out=self._read)
        x = np.ascontiguousarray(x, np.float32).reshape(len(x), -1)
        self._batch = x, y
        np.copyto(self._before, self.data)
        lanes = NARROW if len(x) <= NARROW else WIDE
        forward, back = (narrow_forward, narrow_back) if lanes == NARROW else (wide_forward, wide_back)
        self._reserve(-(-len(x) // lanes) * lanes)
        answers = np.empty((len(x), self.table[-1, 1]), np.float32)
        forward.call(x, answers, self._read, *self._where, self.table, self._tiles)
        now, gradient = self.loss(answers, y)
        gradient = np.ascontiguousarray(gradient, np.float32)
        back.call(gradient, self._written, self._read, *self._where, self.table, self._tiles, self._gradients)
        if self._places is not None:
            self.grad[...] = np.bincount(self._places, self._written, len(self.grad))
        self.update(index)
        scatter.call(self.data, self.dense.data, self.positions)
        for param in self.dense.params:
            param.grad_later(self.gradients)
        return now

    def gradients(self):
        """The gradients of the last step for all weights, removed ones included: what `mn.steps` leaves behind."""
        used = aligned(len(self.dense.data))
        used[self.positions] = self._before[:-1]
        used = {id(param): part for param, part in zip(self.dense.params, self.dense.split(used), strict=True)}
        inputs, outputs, (x, y) = [], [], self._batch
        for layer, relu in self.layers:
            inputs.append(x)
            x = x @ used[id(layer.weight)]
            if layer.bias is not None:
                x += used[id(layer.bias)]
            outputs.append(x)
            if relu:
                x = np.maximum(x, 0)
        self.dense.forget_gradients()
        dy = self.loss(x, y)[1]
        for (layer, relu), x, output in zip(self.layers[::-1], inputs[::-1], outputs[::-1], strict=True):
            if relu:
                dy = dy * (output > 0)
            layer.weight.add_product(x, dy)
            if layer.bias is not None:
                layer.bias.add(dy.sum(axis=0))
            dy = dy @ used[id(layer.weight)].T

    def _reserve(self, samples):
        if len(self._tiles) < samples * self.features:
            self._tiles = aligned(samples * self.features)
            self._gradients = aligned(min(samples, WIDE) * self.features)

    def _pack(self):
        """Set up the vectors: which weights remain, where they are in the dense vector, and which input each reads."""
        positions = {id(param): part for param, part in zip(
            self.dense.params, self.dense.split(np.arange(len(self.dense.data), dtype=np.int32)), strict=True)}
        weights, columns, lengths, biases, kept = [], [], [], [], []
        for layer, _ in self.layers:
            mask = layer.weight.kept_mask
            outputs, inputs = np.nonzero(mask.T)
            weights.append(positions[id(layer.weight)][inputs, outputs])
            columns.append(inputs.astype(np.int32))
            lengths.append(np.bincount(outputs, minlength=layer.n_out))
            here = np.zeros(layer.n_out, bool)
            if layer.bias is not None:
                here |= layer.bias.kept_mask
                kept.append(positions[id(layer.bias)][here])
            biases.append(here)
        self.positions = np.concatenate(weights + kept)
        self.weights = sum(map(len, weights))
        starts = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
        here = np.concatenate(biases)
        bias = np.where(here, self.weights + np.cumsum(here) - 1, len(self.positions))
        self._where = np.concatenate(columns), starts.astype(np.int32), bias.astype(np.int32)
        # The kernels read and write `_read` and `_written`.  Where layers share parameters, these hold a shared one
        # several times, and the vectors of the optimiser once.
        self._read, self._written = aligned(len(self.positions) + 1), aligned(len(self.positions) + 1)
        self.data, self.grad, self._places = self._read, self._written, None
        if len(self.dense.params) < sum(1 + (layer.bias is not None) for layer, _ in self.layers):
            self.positions, self._places = np.unique(self.positions, return_inverse=True)  # weights still come first
            self.weights = int(np.searchsorted(self.positions, self.dense.weights))
            self._places = np.append(self._places, len(self.positions))
            self.data, self.grad = aligned(len(self.positions) + 1), aligned(len(self.positions) + 1)
        self._before = aligned(len(self.data))

    def _pack_again(self):
        """After a change of masks: start the optimiser again with vectors of the new length, which keep its state."""
        for vector in self._vectors:
            state = aligned(len(self.dense.data))
            state[self.positions] = vector[:-1]
            self._states.append(state)
        self._vectors.clear()
        self._pack()
        self.update = self.optimiser.begin(self)
