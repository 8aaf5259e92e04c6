"""`compile(net)`: from a pruned network to a predictor that multiplies only the remaining weights.

A predictor is a list of steps. Consecutive dense layers, with their ReLUs, are one step: a single call for all of them
(`DenseRun`); so are convolutions, pooling and the dense layers after them (`ImageRun`). A layer that can't be compiled
is a step that calls the layer's own forward.
The predictor has a copy of the weights, so training or pruning the network further doesn't change it.
"""

from __future__ import annotations

import numpy as np

from minnet.messages import choice, numbers, short
from minnet.nn.activations import ReLU
from minnet.nn.layer import Layer
from minnet.nn.layers import Dense, Dropout, Flatten, Sequential
from minnet.nn.residual import Residual
from minnet.sparse.conv_step import ImageRun
from minnet.sparse.idle_neurons import Linear
from minnet.sparse.predictor_steps import FLOAT32, DenseRun, FlattenStep, OwnForward, Reshape, Shortcut

FORMATS = ("auto", "rows", "blocks", "2:4", "dense", "csr")
KERNELS = ("auto", "rows", "blocks", "2:4")     # those that skip zeros


def compile(net, format="auto"):
    """Build a predictor that computes what `net` computes now, but skips the removed weights.

    Parameters
    ----------
    net : Layer
        Any network. Dense layers are compiled, also inside the branch of a Residual, and convolutions if the network
        begins with them and has an `input_shape`, each with ReLU, MaxPool2d, Dropout and Flatten between them. Other
        layers are called as they are.
    format : str
        How the weights of dense layers are stored and multiplied:

        - ``"auto"``: what should be fastest, by density and batch size (see `minnet.sparse.cost_model`)
        - ``"rows"``: weight by weight, four rows at a time
        - ``"blocks"``: four rows share their columns; good after pruning with ``mn.blocks(1, 4)`` or wider
        - ``"2:4"``: two weights in each window of four inputs; good after pruning with ``scope=mn.window(4)``, and for
          single samples above all (a layer with more weights in a window is stored as ``"rows"``)
        - ``"dense"``: all weights, zeros included, with NumPy's matrix product
        - ``"csr"``: the naive loop over CSR rows, to compare with

    Returns
    -------
    Predictor
        Call it with a batch; `nbytes`, `formats` and `explain()` describe what was built.

    Notes
    -----
    For inputs that are NaN or infinite it may answer numbers where the network answers NaN: the network multiplies them
    by the zeros of removed weights, and 0 · ∞ is NaN, while a predictor does not read what is multiplied by a removed
    weight. For finite inputs the two differ by rounding only, as long as no sum exceeds the number type.
    """
    if not isinstance(net, Layer):
        raise TypeError(f"compile takes a network, got {type(net).__name__}; "
                        "write for example mn.sparse.compile(mn.models.mlp(64, 32, 10)).")
    return Predictor(_steps(list(_flat(net)), choice(format, "format", FORMATS)))


class Predictor:
    """Predicts like the network at the time of compilation. Any number of threads may call it at once.

    Attributes
    ----------
    formats : dict of layer path to the format of its weights
        One of those above, or "shrunken" (a smaller dense layer, without idle neurons or heads), or "own" (not
        compiled).
    nbytes : int
        Bytes of all numbers that are stored, indices and gaps included.
    """

    def __init__(self, steps):
        if not isinstance(steps, (list, tuple)) or not all(hasattr(step, "run") for step in steps):
            raise TypeError(f"a Predictor takes steps, got {short(steps)}; write mn.sparse.compile(net)")
        self.steps = tuple(steps)
        self._runs = tuple(step.run for step in self.steps)

    def __reduce__(self):
        return Predictor, (self.steps,)     # for pickle and copies

    def __call__(self, x):
        """Predict a batch.

        Parameters
        ----------
        x : array (n, features…), of any real number type; it is converted to float32

        Returns
        -------
        y : array (n, outputs…) of float32
        """
        if type(x) is not np.ndarray or x.dtype is not FLOAT32 or not x.flags.c_contiguous:
            x = _float32(x)
        for run in self._runs:
            x = run(x)
        return x

    @property
    def formats(self):
        return {path: format for step in self.steps for path, format in step.formats.items()}

    @property
    def nbytes(self):
        return sum(step.nbytes for step in self.steps)

    def explain(self):
        """One plain sentence for each layer: what was chosen, and why."""
        return "\n".join(sentence for step in self.steps for sentence in step.explain())

    def __repr__(self):
        return f"Predictor({self.formats}, {self.nbytes} bytes)"


def _float32(x):
    x = numbers(x, "x")
    return np.ascontiguousarray(x, np.float32) if x.ndim else x.astype(np.float32)


# ---- from a network to steps ------------------------------------------------------------------------


def _steps(layers, format):
    """The steps for consecutive layers, given as (path, layer)."""
    steps, run = [], []
    if len(layers) > 1 and type(layers[0][1]) is Reshape and len(layers[0][1].shape) == 3 and format in KERNELS:
        images, covered = ImageRun.of(layers[1:], layers[0][1], format)
        if images:
            steps, layers = [images], layers[1 + covered:]

    def finish():
        if run:
            fit = steps.pop() if steps and type(steps[-1]) is Reshape else None     # the run calls it if needed
            steps.append(DenseRun(list(run), format, fit))
            run.clear()

    for path, layer in layers:
        kind = type(layer)                                  # exactly these: a subclass may compute something else
        if kind is Dense:
            weight = np.array(layer.weight.value, np.float32, order="C")    # a copy: the network may be trained further
            bias = np.zeros(weight.shape[1]) if layer.bias is None else layer.bias.value
            run.append(Linear(path, weight, np.array(bias, np.float32)))
        elif kind is ReLU and run:
            run[-1].relu = True
        elif kind is Residual:
            finish()
            branch = f"{path}.branch" if path else "branch"
            steps.append(Shortcut(path, _steps(list(_flat(layer.branch, branch)), format)))
        elif kind is not Dropout:                           # dropout does nothing at inference
            finish()
            steps.append(layer if kind is Reshape else FlattenStep() if kind is Flatten
                         else OwnForward(path, layer.copy()))
    finish()
    return steps


def _flat(layer, path=""):
    """All layers of nested Sequentials, in the order in which they are computed."""
    if type(layer) is not Sequential:
        yield path, layer
        return
    if layer.input_shape is not None:
        yield path, Reshape(layer)
    for name, child in layer.children().items():
        yield from _flat(child, f"{path}.{name}" if path else name)
