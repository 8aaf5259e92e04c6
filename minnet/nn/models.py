"""Ready-made networks, small enough to train while you wait.

Each docstring gives the number of weights.  Biases, gains and positions are not counted, because they are not pruned
on their own.  ``rng`` is a Generator, a seed or None, and draws the initial weights.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from minnet.messages import generator, number, wholes
from minnet.nn.activations import GELU, ReLU
from minnet.nn.attention import Attention
from minnet.nn.conv import Conv2d
from minnet.nn.embedding import MeanPool, PatchEmbedding
from minnet.nn.layers import Dense, Dropout, Flatten, Sequential
from minnet.nn.norm import LayerNorm
from minnet.nn.pool import MaxPool2d
from minnet.nn.residual import Residual


def mlp(*sizes, dropout=0.0, rng=None):
    """A multilayer perceptron: dense layers with ReLU between them.

    Parameters
    ----------
    *sizes : int
        Inputs, hidden layers, outputs: ``mlp(64, 300, 100, 10)`` has 64·300 + 300·100 + 100·10 weights.
    dropout : float
        Probability of dropping a hidden neuron while training.
    rng : numpy.random.Generator, seed or None

    Returns
    -------
    Sequential
    """
    dropout = number(dropout, "dropout", below=1)
    if len(sizes) < 2 or any(isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1 for n in sizes):
        raise ValueError(f"mlp takes the layer sizes, at least inputs and outputs, got {sizes}; "
                         "write for example mlp(64, 32, 10)")
    rng = generator(rng)
    layers = []
    for n_in, n_out in pairwise(sizes):
        if layers:
            layers.append(ReLU())
            if dropout:
                layers.append(Dropout(dropout))
        layers.append(Dense(n_in, n_out, rng=rng))
    return Sequential(*layers, input_shape=(sizes[0],))


def lenet_300_100(rng=None):
    """LeCun et al. 1998, section III.C.4: 784-300-100-10 with ReLU, for MNIST.  266,200 weights (and 410 biases)."""
    return mlp(784, 300, 100, 10, rng=rng)


def lenet5(rng=None):
    """The variant of LeNet-5 on which pruning methods are compared (Caffe's; Han et al. 2015), for 28 × 28 images.

    Two convolutions of 20 and 50 filters, 5 × 5 each with max-pooling, then 800-500-10: 430,500 weights; with the
    580 biases, the "431K" of the literature.
    """
    rng = generator(rng)
    return Sequential(
        Conv2d(1, 20, 5, rng=rng), ReLU(), MaxPool2d(2),  # 28 × 28 → 24 × 24 → 12 × 12
        Conv2d(20, 50, 5, rng=rng), ReLU(), MaxPool2d(2),  # 12 × 12 → 8 × 8 → 4 × 4
        Flatten(),
        Dense(50 * 4 * 4, 500, rng=rng), ReLU(),
        Dense(500, 10, rng=rng),
        input_shape=(1, 28, 28),
    )  # fmt: skip


def signal_conv(rng=None):
    """Three convolutions of 25 filters for signals of 40 points (Greydanus 2020, for MNIST-1D).  5,125 weights.

    A signal is an image of one row, so the windows are 1 × 5 and 1 × 3.
    """
    rng = generator(rng)
    return Sequential(
        Conv2d(1, 25, (1, 5), stride=(1, 2), padding=(0, 1), rng=rng), ReLU(),  # 40 → 19
        Conv2d(25, 25, (1, 3), stride=(1, 2), padding=(0, 1), rng=rng), ReLU(),  # 19 → 10
        Conv2d(25, 25, (1, 3), stride=(1, 2), padding=(0, 1), rng=rng), ReLU(),  # 10 → 5
        Flatten(),
        Dense(25 * 5, 10, rng=rng),
        input_shape=(1, 1, 40),
    )  # fmt: skip


def residual_mlp(n_in=64, width=32, blocks=4, n_out=10, rng=None):
    """Residual blocks of dense layers, which can be removed whole: ``x + dense(relu(dense(x)))``, ``blocks`` times.

    n_in · width + blocks · 2 · width² + width · n_out weights: 10,560 with the defaults, which suit the digits.
    """
    n_in, width, blocks, n_out = wholes(1, n_in=n_in, width=width, blocks=blocks, n_out=n_out)
    rng = generator(rng)
    branches = []
    for _ in range(blocks):
        last = Dense(width, width, rng=rng)
        last.weight.data /= np.sqrt(2 * blocks)  # else the sum of all branches would start larger than the shortcut
        branches.append(Residual(Sequential(Dense(width, width, rng=rng), ReLU(), last)))
    return Sequential(Dense(n_in, width, rng=rng), *branches, ReLU(), Dense(width, n_out, rng=rng), input_shape=(n_in,))


def tiny_transformer(tokens=8, n_in=8, width=32, heads=4, blocks=2, n_out=10, rng=None):
    """A small vision transformer: rows of an image, or pieces of a signal, attend to each other.

    Blocks of attention and a feed-forward network, each a residual branch that begins with a LayerNorm (Xiong et al.
    2020), then the mean of all tokens.  n_in · width + blocks · 8 · width² + width · n_out weights: 16,960 with the
    defaults, which suit the digits (8 rows of 8 pixels); for signals of 40 points write
    ``tiny_transformer(tokens=10, n_in=4)``.
    """
    tokens, n_in, width, heads, blocks, n_out = wholes(
        1, tokens=tokens, n_in=n_in, width=width, heads=heads, blocks=blocks, n_out=n_out)
    rng = generator(rng)
    layers = [PatchEmbedding(tokens, n_in, width, rng=rng)]
    for _ in range(blocks):
        layers += [
            Residual(Sequential(LayerNorm(width), Attention(width, heads, rng=rng))),
            Residual(Sequential(LayerNorm(width), Dense(width, 2 * width, rng=rng), GELU(),
                                Dense(2 * width, width, rng=rng))),
        ]
    layers += [LayerNorm(width), MeanPool(), Dense(width, n_out, rng=rng)]
    return Sequential(*layers, input_shape=(tokens, n_in))
