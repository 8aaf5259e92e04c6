"""Image networks in a predictor: convolutions, pooling, and the dense layers after them, in one call."""

from __future__ import annotations

import math

import numpy as np

from minnet.nn.activations import ReLU
from minnet.nn.conv import Conv2d
from minnet.nn.layers import Dense, Dropout, Flatten, Sequential
from minnet.nn.pool import MaxPool2d
from minnet.sparse.conv_kernel import ImagePacker, predict_few_images, predict_many_images
from minnet.sparse.cost_model import leanest, reason
from minnet.sparse.idle_neurons import Linear, frozen
from minnet.sparse.predictor_steps import FLOAT32, chunk_for

# Nanoseconds, measured as in `cost_model.py`: one multiplication for eight images in the kernel, one for one image in
# the layers' own forward, and the overhead of each of those layers.
KERNEL, OWN, OWN_LAYER = 0.3, 0.055, 15_000


class ImageRun:
    """Convolutions, pooling, and the dense layers after them: one call for all of them.

    Build it with `ImageRun.of`, which takes as many layers as it can compute.
    """

    def __init__(self, packer, layers, fit, own=None):
        packed = packer.packed()
        self._arrays, self.nbytes = packed.arrays, packed.nbytes
        # With a single image the kernel leaves 7 of 8 lanes empty: unless much was removed, unfolding is faster.
        self.own, self.own_up_to = None, 0
        if own:
            spare = KERNEL * packer.work - OWN_LAYER * len(own.layers)
            self.own_up_to = min(max(int(spare / (OWN * max(packer.dense_work, 1))), 0), 7)
        if self.own_up_to:
            self.own = own
            self.nbytes += sum(param.data.nbytes for param in self.own.params())
        self.features, self.shape = math.prod(fit.shape), packer.shape
        self.layers, self.fit = layers, fit
        self.formats = {path: name for path, name, _ in layers}
        self._chunk = chunk_for(packer.work, "kernels")

    @classmethod
    def of(cls, layers, fit, format):
        """The run for the first few of `layers`, a list of (path, layer), and the number of those that it covers.

        `fit` is the Reshape before them, which knows the shape of a sample. Returns (None, 0) if there is no
        convolution or pooling among them.
        """
        packer, done, covered, images = ImagePacker(fit.shape), [], 0, False
        for path, layer in layers:
            kind, shape = type(layer), packer.shape
            if kind is Conv2d and len(shape) == 3 and shape[0] == layer.n_in and _fits(layer, shape):
                weight = layer.weight.value.astype(np.float32)
                flat = weight.reshape(len(weight), math.prod(weight.shape[1:]))
                name = _packed_as(flat.T, format)
                packer.conv(weight, None if layer.bias is None else layer.bias.value, layer.stride, layer.padding, name)
                done.append((path, name, weight))
            elif kind is Dense and shape == (layer.n_in,):
                weight = layer.weight.value.astype(np.float32)
                name = _packed_as(weight, format)
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
        own = Sequential(*[frozen(layer) for _, layer in layers[:covered]]) if format == "auto" else None
        return cls(packer, done, fit, own), covered

    def run(self, x):
        if x.ndim < 2 or math.prod(x.shape[1:]) != self.features:
            self.fit.run(x)                                 # raises an error that explains it
        n = len(x)
        if n > self._chunk:
            return np.concatenate([self.run(x[first:first + self._chunk]) for first in range(0, n, self._chunk)])
        if 0 < n <= self.own_up_to:
            return self.own(x.reshape(n, *self.fit.shape))
        y = np.empty((n, math.prod(self.shape)), FLOAT32)
        kernel = predict_few_images if n <= 8 else predict_many_images
        kernel.call(x.reshape(n, self.features), y, *self._arrays)
        return y.reshape(n, *self.shape)

    def explain(self):
        ways = ("dense" if self.own else "kernels", "kernels", "kernels")
        return [f"{path or 'The layer'} {_size(weight)} {reason(Linear(path, weight, None), name, ways, False)}"
                for path, name, weight in self.layers]


def _packed_as(weight, format):
    """The format of a weight (in, out) in the kernels for images, which don't support 2:4."""
    name = leanest(weight) if format == "auto" else format
    return "rows" if name == "2:4" else name


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
