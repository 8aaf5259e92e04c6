"""Everything else on this computer that can multiply: what minnet's sparse kernels are compared with.

Dense peers: NumPy in every orientation, torch, onnxruntime. Sparse peers: scipy, torch, MKL (sparse_dot_mkl). Those
that are not installed are left out, and `missing` names them. Each peer is a function without arguments that does
the multiplying and no more: no bias, no copying into another order, in the orientation that suits it best.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from functools import cache
from pathlib import Path

import numpy as np

THREADS = 1             # for onnxruntime, which asks once for each network
OPTIONAL = ("torch", "scipy.sparse", "sparse_dot_mkl", "onnxruntime", "onnx")


@cache
def library(name):
    """A module, or None if it isn't installed or its own libraries don't load."""
    if name == "sparse_dot_mkl":                    # pip puts MKL where this module doesn't look for it
        for path in sorted(Path(sys.prefix, "lib").glob("libmkl_rt.so*")):
            os.environ.setdefault("MKL_RT", str(path))
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def missing():
    """Load all libraries, and name those that are not there."""
    warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
    return [name for name in OPTIONAL if library(name) is None]


# ---- one layer --------------------------------------------------------------------------------------


def dense_peers(weight, x):
    """Dense products of x (n, in) and weight (in, out)."""
    turned, x_turned = np.ascontiguousarray(weight.T), np.ascontiguousarray(x.T)
    out, out_turned = np.empty((len(x), weight.shape[1]), np.float32), np.empty((weight.shape[1], len(x)), np.float32)
    peers = {
        "numpy x@W": lambda: np.dot(x, weight, out=out),
        "numpy x@W.T": lambda: np.dot(x, turned.T, out=out),
        "numpy W@x": lambda: np.dot(turned, x_turned, out=out_turned),
        "numpy W.T@x": lambda: np.dot(weight.T, x_turned, out=out_turned),
    }
    torch = library("torch")
    if torch:
        w, samples, columns = torch.from_numpy(turned), torch.from_numpy(x), torch.from_numpy(x_turned)
        peers["torch linear"] = lambda: torch.nn.functional.linear(samples, w)
        peers["torch W@x"] = lambda: torch.mm(w, columns)
    if library("onnxruntime") and library("onnx"):
        peers["onnxruntime"] = onnx_network([("Gemm", (weight, np.zeros(weight.shape[1], np.float32)))], x)
    return peers


def sparse_peers(weight, x):
    """Products of the same matrices by libraries for sparse ones."""
    peers = {}
    x_turned = np.ascontiguousarray(x.T)
    vector = x_turned[:, 0].copy() if len(x) == 1 else x_turned
    scipy, torch, mkl = library("scipy.sparse"), library("torch"), library("sparse_dot_mkl")
    if scipy:
        rows = scipy.csr_array(weight.T)
        peers["scipy csr"] = lambda: rows @ vector
    if torch:
        w, samples = torch.from_numpy(np.ascontiguousarray(weight.T)).to_sparse_csr(), torch.from_numpy(vector)
        peers["torch csr"] = lambda: w @ samples
    if scipy and mkl:
        matrix = scipy.csr_matrix(weight.T)
        peers["mkl csr"] = lambda: mkl.dot_product_mkl(matrix, vector)
    return peers


# ---- whole networks ---------------------------------------------------------------------------------


def numpy_network(net, x):
    """An mlp in bare NumPy, with nothing allocated anew: the fastest that one can write without much thought."""
    values = [param.value for param in net.params()]
    pairs = list(zip(values[::2], values[1::2], strict=True))
    outs = [np.empty((len(x), bias.size), np.float32) for _, bias in pairs]

    def predict():
        y = x
        for (weight, bias), out in zip(pairs, outs, strict=True):
            np.dot(y, weight, out=out)
            np.add(out, bias, out=out)
            if out is not outs[-1]:
                np.maximum(out, 0, out=out)
            y = out
        return y
    return predict


def network_peers(net, x):
    """A network of Dense, Conv2d, ReLU, MaxPool2d and Flatten in torch and in onnxruntime, where installed."""
    peers = {}
    if library("torch"):
        peers["torch eager"] = torch_network(net, x)
    if library("onnxruntime") and library("onnx"):
        peers["onnxruntime"] = onnx_network([_as_onnx(layer) for layer in net.layers], x)
    for name, predict in peers.items():
        assert np.allclose(np.asarray(predict()), net(x), rtol=1e-3, atol=1e-4), name
    return peers


def torch_network(net, x):
    torch = library("torch")
    kinds = {"ReLU": lambda layer: torch.nn.ReLU(), "Flatten": lambda layer: torch.nn.Flatten(),
             "MaxPool2d": lambda layer: torch.nn.MaxPool2d(layer.size, layer.stride),
             "Conv2d": lambda layer: torch.nn.Conv2d(layer.n_in, layer.n_out, layer.size),
             "Dense": lambda layer: torch.nn.Linear(layer.n_in, layer.n_out)}
    layers = [kinds[type(layer).__name__](layer) for layer in net.layers]
    for ours, theirs in zip(net.layers, layers, strict=True):
        if ours.own_params():
            value = ours.weight.value
            theirs.weight.data = torch.from_numpy(np.ascontiguousarray(value.T if value.ndim == 2 else value))
            theirs.bias.data = torch.from_numpy(ours.bias.value.copy())
    model, samples = torch.nn.Sequential(*layers), torch.from_numpy(x)

    def predict():
        with torch.inference_mode():
            return model(samples)
    return predict


def _as_onnx(layer):
    """(operator, its numbers, its attributes) of a layer."""
    kind = type(layer).__name__
    if kind in ("Dense", "Conv2d"):
        return {"Dense": "Gemm", "Conv2d": "Conv"}[kind], (layer.weight.value, layer.bias.value)
    if kind == "MaxPool2d":
        return "MaxPool", (), {"kernel_shape": layer.size, "strides": layer.stride}
    return {"ReLU": "Relu", "Flatten": "Flatten"}[kind], ()


def onnx_network(operators, x):
    """A chain of operators, each (name, its numbers) or (name, its numbers, its attributes), in onnxruntime."""
    onnx, runtime = library("onnx"), library("onnxruntime")
    nodes, numbers, name = [], [], "x"
    for i, (kind, values, *attributes) in enumerate(operators):
        inputs = [name] + [f"{kind}{i}_{k}" for k in range(len(values))]
        numbers += [onnx.numpy_helper.from_array(np.ascontiguousarray(value), label)
                    for value, label in zip(values, inputs[1:], strict=True)]
        name = f"y{i}"
        nodes.append(onnx.helper.make_node(kind, inputs, [name], **(attributes[0] if attributes else {})))
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(nodes, "net", [value("x", onnx.TensorProto.FLOAT, x.shape)],
                                   [value(name, onnx.TensorProto.FLOAT, None)], numbers)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    given = {"x": x}
    return lambda: session.run(None, given)[0]
