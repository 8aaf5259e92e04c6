"""Sparse convolutions: a whole image network in one call, with the same loops as for dense layers.

In a features-major tile (see `tiles.py`) an image is a run of features: channel after channel, row after row. A
filter is then a row of W with a weight at each pixel of its window, and moving the window by one pixel means to start
one feature later in the input tile. So a convolution is `add_rows` once for each position of the window, and a dense
layer is a convolution with a single position. Nothing is unfolded or copied, and a removed weight saves its
multiplication at every position.

Padding is a step of its own, which copies the image into a larger one full of zeros; so is max-pooling.
"""

from __future__ import annotations

import math

import numpy as np

from minnet.sparse.jit import entry, inner
from minnet.sparse.packing import KINDS, Packed, join, pack_layer
from minnet.sparse.simd import load, maximum, number, store, unaligned
from minnet.sparse.tile_kernel import (
    GROUP_WIDTH,
    GROUPS,
    IN_BLOCKS,
    KIND,
    OUTPUTS,
    RELU,
    SIGNATURE,
    STEPS,
    WIDEST,
    add_blocks,
    add_rows,
)
from minnet.sparse.tiles import fill, pack, rectify, unpack

# The columns of `layers` beyond those of tile_kernel.py, and two more kinds of layers.
DOWN, ACROSS, STEP_DOWN, STEP_ACROSS, HEIGHT, WIDTH, UP, LEFT = 5, 6, 7, 8, 9, 10, 11, 12
POOL, PAD = 3, 4


def image_kernel(lanes):
    """The kernel for image networks and tiles of `lanes` samples: y = network(x), all axes but the first flattened."""

    @entry(*SIGNATURE)
    def predict(x, y, values, columns, groups, biases, layers):
        size = layers[0, WIDEST] * lanes
        buffer = np.empty(2 * size + 16, np.float32)
        here = unaligned(buffer)
        there = here + size
        for first in range(0, x.shape[0], lanes):
            pack(lanes, x, first, buffer, here)
            p = q = g = bias = np.int64(0)
            for layer in range(layers.shape[0]):
                positions = layers[layer, DOWN] * layers[layer, ACROSS]
                if layers[layer, KIND] == POOL:
                    pool(lanes, layers, layer, buffer, here, there)
                elif layers[layer, KIND] == PAD:
                    pad(lanes, layers, layer, buffer, here, there)
                else:
                    for output in range(layers[layer, OUTPUTS]):
                        spread(lanes, buffer, there + output * positions * lanes, biases, bias + output, positions)
                    bias += layers[layer, OUTPUTS]
                    for _ in range(layers[layer, GROUPS]):
                        steps = number(groups, g * GROUP_WIDTH + STEPS)
                        slide(lanes, values, p, columns, q, groups, g, layers, layer, buffer, here, there)
                        q += steps if layers[layer, KIND] == IN_BLOCKS else 4 * steps
                        p += 4 * steps
                        g += 1
                if layers[layer, RELU]:
                    rectify(lanes, buffer, there, layers[layer, OUTPUTS] * positions)
                here, there = there, here
            unpack(lanes, buffer, here, y, first)

    return predict


@inner
def spread(lanes, buffer, y, biases, bias, positions):
    """Initialise every sum of one filter with its bias."""
    for position in range(positions):
        fill(lanes, buffer, y + position * lanes, biases, bias, 1)


@inner
def slide(lanes, values, p, columns, q, groups, g, layers, layer, buffer, x, y):
    """Four filters at every position of their window."""
    for down in range(layers[layer, DOWN]):
        for across in range(layers[layer, ACROSS]):
            begin = x + (down * layers[layer, STEP_DOWN] + across * layers[layer, STEP_ACROSS]) * lanes
            if layers[layer, KIND] == IN_BLOCKS:
                add_blocks(lanes, values, p, columns, q, groups, g, buffer, begin, y)
            else:
                add_rows(lanes, values, p, columns, q, groups, g, buffer, begin, y)
            y += lanes


@inner
def pool(lanes, layers, layer, buffer, x, y):
    """The largest number of each window."""
    height, width, row = layers[layer, UP], layers[layer, LEFT], layers[layer, WIDTH]
    for channel in range(layers[layer, OUTPUTS]):
        for down in range(layers[layer, DOWN]):
            for across in range(layers[layer, ACROSS]):
                begin = x + ((channel * layers[layer, HEIGHT] * row) + down * layers[layer, STEP_DOWN]
                             + across * layers[layer, STEP_ACROSS]) * lanes
                largest = load(lanes, buffer, begin)
                for a in range(height):
                    for b in range(width):
                        largest = maximum(largest, load(lanes, buffer, begin + (a * row + b) * lanes))
                store(buffer, y, largest)
                y += lanes


@inner
def pad(lanes, layers, layer, buffer, x, y):
    """Pad the image with zeros."""
    down, across = layers[layer, DOWN], layers[layer, ACROSS]
    up, left = layers[layer, UP], layers[layer, LEFT]
    for i in range(layers[layer, OUTPUTS] * down * across * lanes):
        buffer[y + i] = 0
    for channel in range(layers[layer, OUTPUTS]):
        for row in range(layers[layer, HEIGHT]):
            target = y + ((channel * down + up + row) * across + left) * lanes
            for i in range(layers[layer, WIDTH] * lanes):
                buffer[target + i] = buffer[x + i]
            x += layers[layer, WIDTH] * lanes


predict_many_images = image_kernel(16)
predict_few_images = image_kernel(8)


# ---- packing ----------------------------------------------------------------------------------------


class ImagePacker:
    """Collects the layers of an image network; `packed()` returns them in packed form.

    Attributes
    ----------
    shape : shape of a sample after the layers so far, (channels, rows, columns) or (features,)
    """

    def __init__(self, shape):
        self.shape = tuple(shape)
        self.widest = math.prod(shape)
        self.table, self.parts, self.biases = [], [], []
        self.work = self.dense_work = 0         # multiplications for one sample: sparse, dense

    def conv(self, weight, bias, stride, padding, format):
        """Convolution with weight (out, in, rows, columns)."""
        if any(padding):
            channels, rows, columns = self.shape
            up, left = padding
            self._layer(PAD, (channels, rows + 2 * up, columns + 2 * left), (0, 0), self.shape[1:], padding)
        outputs, _, height, width = weight.shape
        channels, rows, columns = self.shape
        positions = (rows - height) // stride[0] + 1, (columns - width) // stride[1] + 1
        image = np.zeros((outputs, channels, rows, columns), np.float32)
        image[:, :, :height, :width] = weight                   # the window at its first position
        self._weights(image.reshape(outputs, math.prod(self.shape)), bias, format, (outputs, *positions),
                      (stride[0] * columns, stride[1]))
        self.dense_work += weight.size * math.prod(positions)

    def dense(self, weight, bias, format):
        """Dense layer with weight (in, out) on flat samples."""
        self._weights(weight.T, bias, format, (weight.shape[1],), (0, 0))
        self.dense_work += weight.size

    def pool(self, size, stride):
        """Max-pooling."""
        channels, rows, columns = self.shape
        positions = (rows - size[0]) // stride[0] + 1, (columns - size[1]) // stride[1] + 1
        self._layer(POOL, (channels, *positions), (stride[0] * columns, stride[1]), self.shape[1:], size)

    def flatten(self):
        self.shape = (math.prod(self.shape),)

    def relu(self):
        """A ReLU after the last layer that was added."""
        self.table[-1][RELU] = 1

    def packed(self) -> Packed:
        table = np.array(self.table, np.int64)
        table[:, WIDEST] = self.widest
        return Packed(*join(self.parts), np.concatenate(self.biases, dtype=np.float32), table)

    def _weights(self, w, bias, format, shape, step):
        positions = math.prod(shape[1:])
        values, columns, groups = pack_layer(w, format, widest_band=w.shape[1] if positions > 1 else None)
        groups[:, 2:] *= positions                                 # the outputs of a filter are contiguous
        self.parts.append((values, columns, groups))
        self.biases.append(np.zeros(shape[0]) if bias is None else bias)
        self.work += len(values) * positions
        self._layer(KINDS[format], shape, step)
        self.table[-1][GROUPS] = len(groups)
        self.widest = max(self.widest, (shape[0] + 1) * positions)  # one spare filter, for gaps

    def _layer(self, kind, shape, step, before=(0, 0), window=(0, 0)):
        row = [0] * 13
        row[OUTPUTS], row[KIND] = shape[0], kind
        row[DOWN], row[ACROSS] = shape[1:] or (1, 1)
        row[STEP_DOWN], row[STEP_ACROSS] = step
        row[HEIGHT], row[WIDTH] = before
        row[UP], row[LEFT] = window
        self.table.append(row)
        self.shape = shape
        self.widest = max(self.widest, math.prod(shape))
