"""The steps of a predictor: a run of dense layers, a run of image layers, or one layer's own forward.

Every step is called with a batch and returns one. `formats` (a dict), `nbytes` and `explain()` (a list of sentences)
say what it does, and a predictor only has to collect them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from minnet.nn.activations import ReLU
from minnet.nn.conv import Conv2d
from minnet.nn.layers import Dense, Dropout, Flatten, Sequential
from minnet.nn.pool import MaxPool2d
from minnet.sparse.choice import choose, leaner, reason
from minnet.sparse.images import ImagePacker, predict_few_images, predict_many_images
from minnet.sparse.kernels import predict_few, predict_many, predict_one
from minnet.sparse.naive import NaiveLayer
from minnet.sparse.packing import pack_network

FLOAT32 = np.dtype(np.float32)
ENOUGH_LEFT = 0.4       # density beyond which a single image goes through the layers' own forward
# Multiplications in one call of a kernel: about 0.05 s, so that an interrupt or another thread need not wait for long.
LONGEST = {"kernels": 1e9, "csr": 5e7, "dense": 1e9}


def chunk_for(work, way):
    """How many samples to predict in one call, when each takes so many multiplications."""
    return max(64, int(LONGEST[way] / max(work, 1)) // 64 * 64)


class Reshape:
    """Gives each sample the shape that a Sequential asks for, with its own words if that is impossible."""

    formats, nbytes = {}, 0

    def __init__(self, sequential):
        self.shape = sequential.input_shape
        self.fit = Sequential(input_shape=self.shape)._fit

    def __call__(self, x):
        return x if x.shape[1:] == self.shape else self.fit(x)

    def explain(self):
        return []


class FlattenStep:
    """Every sample as one row of numbers."""

    formats, nbytes = {}, 0

    def __call__(self, x):
        return Flatten().forward(x)[0]

    def explain(self):
        return []


class Shortcut:
    """A residual layer: what its branch computes, in steps of its own, is added to what goes past."""

    def __init__(self, path, steps):
        self.path, self.steps = path, steps
        self.formats = {inner: name for step in steps for inner, name in step.formats.items()}
        self.nbytes = sum(step.nbytes for step in steps)

    def __call__(self, x):
        extra = x
        for step in self.steps:
            extra = step(extra)
        if extra.shape != x.shape:
            raise ValueError(f"the branch of {self.path or 'a Residual'} must answer in the shape of its input, "
                             f"{x.shape}, got {extra.shape}")
        return x + extra

    def explain(self):
        return [sentence for step in self.steps for sentence in step.explain()]


class OwnForward:
    """A layer that isn't compiled: its own forward, on a copy of its numbers."""

    def __init__(self, path, layer):
        self.path, self.layer = path, layer
        self.formats = {path or type(layer).__name__.lower(): "own"}
        self.nbytes = sum(param.data.nbytes for param in layer.params())

    def __call__(self, x):
        return np.ascontiguousarray(self.layer(x), np.float32)

    def explain(self):
        return [f"{self.path or 'The network'} ({type(self.layer).__name__}) is computed by its own forward, "
                "which minnet.sparse doesn't compile."]


@dataclass
class Linear:
    """What a `DenseRun` needs to know about one dense layer: its numbers as they are now."""

    path: str
    weight: np.ndarray          # (inputs, outputs) float32, removed weights are 0
    bias: np.ndarray            # (outputs,)
    relu: bool = False


class DenseRun:
    """Dense layers that follow each other: one call for all of them.

    For each kind of batch (a single sample, a few, many) the run goes either through the kernels, with the weights that
    are left, or through NumPy's dense product with all of them, whichever should be faster.
    """

    def __init__(self, linears, format, fit=None):
        self.fit = fit
        self.linears = [(linear.path, linear.weight.shape) for linear in linears]
        self.inputs, self.outputs = linears[0].weight.shape[0], linears[-1].weight.shape[1]
        self.plan = plan = choose([linear.weight for linear in linears], format)
        self.formats = {linear.path: name for linear, name in zip(linears, plan.formats, strict=True)}
        stored = []
        if "dense" in plan.ways:
            self._dense = [(linear.weight, linear.bias, linear.relu) for linear in linears]
            stored += [array for linear in linears for array in (linear.weight, linear.bias)]
        if "csr" in plan.ways:
            self._csr = [NaiveLayer(linear.weight, linear.bias, linear.relu) for linear in linears]
            stored += self._csr
        if "kernels" in plan.ways:
            packed = pack_network([(linear.weight, linear.bias, linear.relu, name)
                                   for linear, name in zip(linears, plan.formats, strict=True)])
            self._arrays = packed.arrays
            stored.append(packed)
        self.nbytes = sum(part.nbytes for part in stored)
        kernels = (self._sparse_one, self._sparse_few, self._sparse_many)
        self._one, self._few, self._many = (
            {"kernels": kernel, "dense": self._product, "csr": self._naive}[way]
            for kernel, way in zip(kernels, plan.ways, strict=True))
        multiplied = sum(linear.weight.size if plan.ways[2] == "dense" else np.count_nonzero(linear.weight)
                         for linear in linears)
        self._chunk = chunk_for(multiplied, plan.ways[2])

    def __call__(self, x):
        if x.ndim != 2 or x.shape[1] != self.inputs:
            return self._other_shape(x)
        n = len(x)
        if n <= self._chunk:
            return self._one(x) if n == 1 else self._few(x) if n <= 8 else self._many(x)
        return np.concatenate([self(x[first:first + self._chunk]) for first in range(0, n, self._chunk)])

    def _other_shape(self, x):
        """Images are flattened if the network says so. Otherwise all axes but the last one stay, as in `Dense`."""
        if self.fit is not None:
            x = self.fit(x)
        if x.ndim < 2 or x.shape[-1] != self.inputs:
            advice = "pass a batch, for example x[None] for one sample" if x.ndim < 2 else (
                f"give it {self.inputs} features")
            raise ValueError(f"{self.linears[0][0] or 'this layer'} expects an input of shape (..., {self.inputs}), "
                             f"got {x.shape}; {advice}.")
        return self(x.reshape(math.prod(x.shape[:-1]), self.inputs)).reshape(*x.shape[:-1], self.outputs)

    def _sparse_one(self, x):
        y = np.empty((1, self.outputs), FLOAT32)
        predict_one.call(x, y, *self._arrays)
        return y

    def _sparse_few(self, x):
        y = np.empty((len(x), self.outputs), FLOAT32)
        predict_few.call(x, y, *self._arrays)
        return y

    def _sparse_many(self, x):
        y = np.empty((len(x), self.outputs), FLOAT32)
        predict_many.call(x, y, *self._arrays)
        return y

    def _product(self, x):
        for weight, bias, relu in self._dense:
            x = x @ weight
            x += bias
            if relu:
                np.maximum(x, 0, out=x)
        return x

    def _naive(self, x):
        for layer in self._csr:
            x = layer(x)
        return x

    def explain(self):
        return [f"{path or 'The layer'} ({rows} → {columns}) {reason}"
                for (path, (rows, columns)), reason in zip(self.linears, self.plan.reasons, strict=True)]


class ImageRun:
    """Convolutions, pooling, and the dense layers behind them: one call for all of them.

    Build it with `ImageRun.of`, which takes as many layers as it can compute.
    """

    def __init__(self, packer, layers, fit, own=None):
        packed = packer.packed()
        self._arrays, self.nbytes = packed.arrays, packed.nbytes
        # With a single sample the kernel leaves 7 of 8 lanes empty: unless much was removed, unfolding is faster.
        self.own = own if own and packer.work > ENOUGH_LEFT * packer.dense_work else None
        if self.own:
            self.nbytes += sum(param.data.nbytes for param in self.own.params())
        self.features, self.shape = math.prod(fit.shape), packer.shape
        self.layers, self.fit = layers, fit
        self.formats = {path: name for path, name, _ in layers}
        self._chunk = chunk_for(packer.work, "kernels")

    @classmethod
    def of(cls, layers, fit, format):
        """The run for the first few of `layers`, a list of (path, layer), and the number of those that it covers.

        `fit` is the Reshape in front of them, which knows the shape of a sample. Returns (None, 0) if a dense run
        would do as well.
        """
        packer, done, covered, images = ImagePacker(fit.shape), [], 0, False
        for path, layer in layers:
            kind, shape = type(layer), packer.shape
            if kind is Conv2d and len(shape) == 3 and shape[0] == layer.n_in and _fits(layer, shape):
                weight = layer.weight.value.astype(np.float32)
                flat = weight.reshape(len(weight), math.prod(weight.shape[1:]))
                name = leaner(flat.T) if format == "auto" else format
                packer.conv(weight, None if layer.bias is None else layer.bias.value, layer.stride, layer.padding, name)
                done.append((path, name, weight))
            elif kind is Dense and shape == (layer.n_in,):
                weight = layer.weight.value.astype(np.float32)
                name = leaner(weight) if format == "auto" else format
                packer.dense(weight, None if layer.bias is None else layer.bias.value, name)
                done.append((path, name, weight))
            elif kind is MaxPool2d and len(shape) == 3 and _fits(layer, shape):
                packer.pool(layer.size, layer.stride)
            elif kind is ReLU and packer.table:
                packer.relu()
            elif kind is Flatten:
                packer.flatten()
            elif kind is not Dropout:
                break
            images |= kind in (Conv2d, MaxPool2d)
            covered += 1
        if not images or not done:
            return None, 0
        own = Sequential(*[layer.copy() for _, layer in layers[:covered]]) if format == "auto" else None
        return cls(packer, done, fit, own), covered

    def __call__(self, x):
        if x.ndim < 2 or math.prod(x.shape[1:]) != self.features:
            self.fit(x)                                     # says what is wrong
        n = len(x)
        if n > self._chunk:
            return np.concatenate([self(x[first:first + self._chunk]) for first in range(0, n, self._chunk)])
        if n == 1 and self.own:
            return self.own(x.reshape(1, *self.fit.shape))
        y = np.empty((n, math.prod(self.shape)), FLOAT32)
        kernel = predict_few_images if n <= 8 else predict_many_images
        kernel.call(x.reshape(n, self.features), y, *self._arrays)
        return y.reshape(n, *self.shape)

    def explain(self):
        ways = ("dense" if self.own else "kernels", "kernels", "kernels")
        return [f"{path or 'The layer'} {_size(weight)} {reason(weight, name, ways, False)}"
                for path, name, weight in self.layers]


def _size(weight):
    if weight.ndim == 2:
        return f"({weight.shape[0]} → {weight.shape[1]})"
    outputs, inputs, height, width = weight.shape
    return f"({inputs} → {outputs} channels, window {height} × {width})"


def _fits(layer, shape):
    """Does the layer's window fit into an image of this shape (with its padding)?"""
    padding = getattr(layer, "padding", (0, 0))
    return all(length + 2 * extra >= reach
               for length, extra, reach in zip(shape[1:], padding, layer.size, strict=True))
