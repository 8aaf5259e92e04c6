"""Ready-made networks, small enough to train while you wait."""

from __future__ import annotations

import numpy as np

from minnet.nn.layers import Dense, Dropout, ReLU, Sequential


def mlp(*sizes, dropout=0.0, rng=None):
    """A multilayer perceptron: dense layers with ReLU between them.

    Parameters
    ----------
    *sizes : int
        Inputs, hidden layers, outputs: ``mlp(64, 300, 100, 10)`` has 64·300 + 300·100 + 100·10 weights.
    dropout : float
        Probability of silencing a hidden neuron while training.
    rng : numpy.random.Generator, seed or None

    Returns
    -------
    Sequential
    """
    if len(sizes) < 2 or any(not isinstance(n, (int, np.integer)) or n < 1 for n in sizes):
        raise ValueError(f"mlp takes the layer sizes, at least inputs and outputs, got {sizes}; "
                         "write for example mlp(64, 32, 10)")
    rng = np.random.default_rng(rng)
    layers = []
    for n_in, n_out in zip(sizes, sizes[1:], strict=False):
        if layers:
            layers.append(ReLU())
            if dropout:
                layers.append(Dropout(dropout))
        layers.append(Dense(n_in, n_out, rng=rng))
    return Sequential(*layers, input_shape=(sizes[0],))
