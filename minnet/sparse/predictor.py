"""`compile(net)`: from a pruned network to a predictor that multiplies only what is left.

A predictor is a list of steps. Dense layers that follow each other, with their ReLUs, make one step: a single call that
takes a batch all the way through (`DenseRun`). Whatever can't be compiled is a step that calls the layer's own forward.
The predictor keeps a copy of the numbers, so training or pruning the network further doesn't change it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from minnet.nn.activations import ReLU
from minnet.nn.layer import Layer
from minnet.nn.layers import Dense, Dropout, Sequential
from minnet.sparse.choice import choose
from minnet.sparse.kernels import predict_few, predict_many, predict_one
from minnet.sparse.naive import NaiveLayer
from minnet.sparse.packing import pack_network
from minnet.words import closest

FORMATS = ("auto", "rows", "blocks", "dense", "csr")
FLOAT32 = np.dtype(np.float32)
LONGEST = 2e8           # multiplications in one call of a kernel: some 0.05 s, so that other threads get their turn


def compile(net, format="auto"):
    """Build a predictor that computes what `net` computes now, but skips the removed weights.

    Parameters
    ----------
    net : Layer
        Any network. Dense layers (with ReLU, Dropout and Flatten between them) are compiled; other layers are
        called as they are.
    format : str
        How the weights of dense layers are stored and multiplied:

        - ``"auto"``: whatever should be fastest, by density and batch (see `minnet.sparse.choice`)
        - ``"rows"``: weight by weight, four rows at a time
        - ``"blocks"``: four rows share their columns; good after pruning with ``mn.blocks(1, 4)`` or wider
        - ``"dense"``: all weights, zeros included, with NumPy's matrix product
        - ``"csr"``: the naive loop over CSR rows, to compare with

    Returns
    -------
    Predictor
        Call it with a batch; `nbytes`, `formats` and `explain()` say what was built.
    """
    if not isinstance(net, Layer):
        raise TypeError(f"compile takes a network, got {type(net).__name__}; "
                        "write for example mn.sparse.compile(mn.models.mlp(64, 32, 10)).")
    if format not in FORMATS:
        raise ValueError(f"unknown format {format!r}.{closest(format, FORMATS)}")
    return Predictor(_steps(net, format))


class Predictor:
    """Predicts as the network did when it was compiled. Any number of threads may call it at once.

    Attributes
    ----------
    formats : dict of layer path to the format of its weights ("rows", "blocks", "dense", "csr", or "own")
    nbytes : int
        Bytes of all numbers that are stored, indices and gaps included.
    """

    def __init__(self, steps):
        self.steps = tuple(steps)

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
        for step in self.steps:
            x = step(x)
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
    x = np.asarray(x)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"a predictor takes real numbers, got an array of {x.dtype}; "
                        "pass for example x.astype('float32').")
    return np.ascontiguousarray(x, np.float32) if x.ndim else x.astype(np.float32)


# ---- from a network to steps ------------------------------------------------------------------------


@dataclass
class Linear:
    """What a `DenseRun` needs to know about one dense layer: its numbers as they are now."""

    path: str
    weight: np.ndarray          # (inputs, outputs) float32, removed weights are 0
    bias: np.ndarray            # (outputs,)
    relu: bool = False


def _steps(net, format):
    steps, run = [], []

    def finish():
        if run:
            fit = steps.pop() if steps and type(steps[-1]) is Reshape else None     # the run calls it if need be
            steps.append(DenseRun(list(run), format, fit))
            run.clear()

    for path, layer in _flat(net):
        kind = type(layer)                                  # exactly these: a subclass may compute something else
        if kind is Dense:
            weight = np.array(layer.weight.value, np.float32, order="C")    # a copy: the network may go on training
            bias = np.zeros(weight.shape[1]) if layer.bias is None else layer.bias.value
            run.append(Linear(path, weight, np.array(bias, np.float32)))
        elif kind is ReLU and run:
            run[-1].relu = True
        elif kind is not Dropout:                           # dropout does nothing when predicting
            finish()
            steps.append(layer if kind is Reshape else OwnForward(path, layer.copy()))
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
        self._chunk = max(64, int(LONGEST / max(1, sum(linear.weight.size for linear in linears))) // 64 * 64)

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
