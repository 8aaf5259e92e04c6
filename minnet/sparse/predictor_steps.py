"""The steps of a predictor: a run of dense layers, a layer's own forward, and what is between them.

(A run of image layers is in `conv_step.py`.) The `run` of every step maps a batch to a batch. `formats` (a dict),
`nbytes` and `explain()` (a list of sentences) describe the step; a predictor collects them.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from minnet.nn.layers import Flatten, Sequential
from minnet.sparse.cost_model import choose
from minnet.sparse.idle_neurons import frozen, shrink
from minnet.sparse.naive_csr import NaiveLayer
from minnet.sparse.packing import pack_network
from minnet.sparse.single_sample_kernel import predict_one
from minnet.sparse.tile_kernel import MANY, predict_few, predict_many

FLOAT32 = np.dtype(np.float32)
FEW = 16                # up to this many samples use the kernel for eight at a time
# Multiplications in one call of a kernel: about 0.05 s, so that an interrupt or another thread does not wait for long.
LONGEST = {"kernels": 2e9, "csr": 5e7, "dense": 2e9}


def chunk_for(work, way):
    """How many samples to predict in one call if each takes ``work`` multiplications."""
    return max(64, int(LONGEST[way] / max(work, 1)) // 64 * 64)


class Reshape:
    """Reshapes each sample to the input shape of a Sequential; raises the same error if that is impossible."""

    formats, nbytes = {}, 0

    def __init__(self, sequential):
        self.shape = sequential.input_shape
        self.fit = Sequential(input_shape=self.shape)._fit

    def run(self, x):
        return x if x.shape[1:] == self.shape else self.fit(x)

    def explain(self):
        return []


class FlattenStep:
    """Every sample as one row of numbers."""

    formats, nbytes = {}, 0

    def run(self, x):
        return Flatten().forward(x)[0]

    def explain(self):
        return []


class Shortcut:
    """A residual layer: the output of its branch, which has its own steps, is added to the input."""

    def __init__(self, path, steps):
        self.path, self.steps = path, steps
        self.formats = {inner: name for step in steps for inner, name in step.formats.items()}
        self.nbytes = sum(step.nbytes for step in steps)

    def run(self, x):
        extra = x
        for step in self.steps:
            extra = step.run(extra)
        if extra.shape != x.shape:
            raise ValueError(f"the branch of {self.path or 'a Residual'} must answer in the shape of its input, "
                             f"{x.shape}, got {extra.shape}")
        return x + extra

    def explain(self):
        return [sentence for step in self.steps for sentence in step.explain()]


class OwnForward:
    """A layer that isn't compiled: its own forward, on a copy of its remaining weights."""

    def __init__(self, path, layer):
        self.path, self.layer = path, frozen(layer)
        self.heads = [attention.heads for attention in (layer, self.layer) if hasattr(attention, "heads")]
        self.formats = {path or type(layer).__name__.lower(): "shrunken" if len(set(self.heads)) > 1 else "own"}
        self.nbytes = sum(param.data.nbytes for param in self.layer.params())

    def run(self, x):
        return np.ascontiguousarray(self.layer(x), np.float32)

    def explain(self):
        name = f"{self.path or 'The network'} ({type(self.layer).__name__})"
        if "shrunken" in self.formats.values():
            return [f"{name} keeps {self.heads[1]} of its {self.heads[0]} heads; the others are left out, and its own "
                    "forward computes what is left."]
        return [f"{name} is computed by its own forward, which minnet.sparse doesn't compile."]


class DenseRun:
    """Consecutive dense layers: one call for all of them.

    For each batch size (a single sample, a few, many) either a kernel multiplies the remaining weights, or NumPy's
    dense product all of them, whichever should be faster.

    Attributes
    ----------
    run : function
        Predicts a batch. A function with its variables in a closure, because that finds them faster than a method finds
        attributes. For a single sample this matters: the kernel itself takes about three microseconds.
    """

    def __init__(self, linears, format, fit=None):
        self.fit = fit
        self.inputs, self.outputs = linears[0].weight.shape[0], linears[-1].weight.shape[1]
        self.linears = linears = shrink(linears) if format == "auto" else linears
        self.plan = plan = choose(linears, format)
        self.formats = {linear.path: name for linear, name in zip(linears, plan.formats, strict=True)}
        self._dense = [(linear.weight, linear.bias, linear.relu) for linear in linears if "dense" in plan.ways]
        self._naive = [NaiveLayer(linear.weight, linear.bias, linear.relu) for linear in linears if "csr" in plan.ways]
        self._arrays = ()
        if "kernels" in plan.ways:
            self._arrays = pack_network([(linear.weight, linear.bias, linear.relu, name)
                                         for linear, name in zip(linears, plan.formats, strict=True)]).arrays
        stored = [array for weight, bias, _ in self._dense for array in (weight, bias)]
        self.nbytes = sum(part.nbytes for part in [*stored, *self._naive, *self._arrays])
        multiplied = sum(linear.weight.size if plan.ways[2] == "dense" else np.count_nonzero(linear.weight)
                         for linear in linears)
        self._chunk = chunk_for(multiplied, plan.ways[2])
        self.run = self._fastest()

    def __getstate__(self):
        """For pickle and copies, which can't take a closure: it is made again."""
        return {name: value for name, value in vars(self).items() if name != "run"}

    def __setstate__(self, state):
        vars(self).update(state)
        self.run = self._fastest()

    def _fastest(self):
        """The function that predicts a batch, in the way of the plan for each batch size."""
        ways = {"dense": (partial(_product, self._dense),) * 3, "csr": (partial(_in_turn, self._naive),) * 3}
        if self._arrays:
            ways["kernels"] = _single_sample(self.outputs, *self._arrays), self._kernel_few, self._kernel_many
        return self._by_batch_size(*(ways[way][i] for i, way in enumerate(self.plan.ways)))

    def _by_batch_size(self, one, few, many):
        """The function that predicts a batch, with one of three functions for different batch sizes."""
        inputs, chunk, other = self.inputs, self._chunk, self._other_shape

        def run(x):
            shape = x.shape
            if len(shape) != 2 or shape[1] != inputs:
                return other(x)
            n = shape[0]
            if n <= FEW:
                return one(x) if n == 1 else few(x)
            if n <= chunk:
                return many(x)
            return np.concatenate([run(x[first:first + chunk]) for first in range(0, n, chunk)])
        return run

    def _other_shape(self, x):
        """Flatten images if the network has an input shape; else keep all axes but the last one, as `Dense` does."""
        if self.fit is not None:
            x = self.fit.run(x)
        if x.ndim < 2 or x.shape[-1] != self.inputs:
            advice = "pass a batch, for example x[None] for one sample" if x.ndim < 2 else (
                f"give it {self.inputs} features")
            raise ValueError(f"{self.linears[0].path or 'this layer'} expects an input of shape (..., {self.inputs}), "
                             f"got {x.shape}; {advice}.")
        return self.run(x.reshape(math.prod(x.shape[:-1]), self.inputs)).reshape(*x.shape[:-1], self.outputs)

    def _kernel_few(self, x):
        y = np.empty((len(x), self.outputs), FLOAT32)
        predict_few.call(x, y, *self._arrays)
        return y

    def _kernel_many(self, x):
        y = np.empty((len(x), self.outputs), FLOAT32)
        rest = len(x) % MANY
        if 0 < rest <= MANY // 2 and predict_few.compiled:      # a last tile that would be half empty
            predict_few.call(x[-rest:], y[-rest:], *self._arrays)
            x, y = x[:-rest], y[:-rest]
            predict_many.call(x, y, *self._arrays)
            return y.base
        predict_many.call(x, y, *self._arrays)
        return y

    def explain(self):
        return [f"{linear.path or 'The layer'} ({linear.before.shape[0]} → {linear.before.shape[1]}) {reason}"
                for linear, reason in zip(self.linears, self.plan.reasons, strict=True)]


def _single_sample(outputs, values, columns, groups, biases, layers):
    """The function that predicts a single sample with the kernel (a closure, as `DenseRun.run`)."""
    shape = 1, outputs

    def predict(x):
        y = np.empty(shape, FLOAT32)
        predict_one.call(x, y, values, columns, groups, biases, layers)
        return y
    return predict


def _product(layers, x):
    """NumPy's dense products, for layers given as (weight, bias, relu)."""
    for weight, bias, relu in layers:
        x = x @ weight
        x += bias
        if relu:
            np.maximum(x, 0, out=x)
    return x


def _in_turn(layers, x):
    for layer in layers:
        x = layer(x)
    return x
