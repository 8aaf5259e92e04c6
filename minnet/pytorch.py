"""Convert networks to PyTorch and back, with their masks.

A mask becomes what ``torch.nn.utils.prune`` leaves on a layer, ``weight_orig`` and ``weight_mask``, so a network that
was pruned in minnet can be trained, pruned further or saved in PyTorch.  PyTorch is imported on first use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minnet.messages import numbers
from minnet.nn.activations import GELU, ReLU, Sigmoid, Tanh
from minnet.nn.conv import Conv2d
from minnet.nn.layer import the_network
from minnet.nn.layers import Dense, Dropout, Flatten, Sequential
from minnet.nn.norm import LayerNorm
from minnet.nn.pool import AvgPool2d, MaxPool2d


@dataclass(frozen=True)
class Pair:
    """A layer and its counterpart in ``torch.nn``.

    Attributes
    ----------
    kind : type
        The layer in minnet.
    torch_name : str
        Its name in ``torch.nn``.
    settings : function
        ``settings(layer)`` → the arguments of PyTorch's constructor, by name.
    build : function
        ``build(module)`` → the layer with the module's settings; by default a layer without arguments.
    names : dict of {parameter in minnet: in PyTorch}
    transposed : bool
        Whether PyTorch's weight is the transpose.
    """

    kind: type
    torch_name: str
    settings: Callable = lambda layer: {}
    build: Callable | None = None
    names: dict | None = None
    transposed: bool = False

    def make(self, module):
        return self.kind() if self.build is None else self.build(module)


NAMES = {"weight": "weight", "bias": "bias"}
PAIRS = (
    Pair(Dense, "Linear",
         lambda a: {"in_features": a.n_in, "out_features": a.n_out, "bias": a.bias is not None},
         lambda b: Dense(b.in_features, b.out_features, b.bias is not None), NAMES, transposed=True),
    Pair(Conv2d, "Conv2d",
         lambda a: {"in_channels": a.n_in, "out_channels": a.n_out, "kernel_size": a.size, "stride": a.stride,
                    "padding": a.padding, "bias": a.bias is not None},
         lambda b: Conv2d(b.in_channels, b.out_channels, b.kernel_size, b.stride, _padding(b), b.bias is not None),
         NAMES),
    Pair(LayerNorm, "LayerNorm",
         lambda a: {"normalized_shape": a.n, "eps": a.eps},
         lambda b: _layer_norm(b), {"gain": "weight", "bias": "bias"}),
    Pair(MaxPool2d, "MaxPool2d",
         lambda a: {"kernel_size": a.size, "stride": a.stride}, lambda b: MaxPool2d(b.kernel_size, b.stride)),
    Pair(AvgPool2d, "AvgPool2d",
         lambda a: {"kernel_size": a.size, "stride": a.stride}, lambda b: AvgPool2d(b.kernel_size, b.stride)),
    Pair(Dropout, "Dropout", lambda a: {"p": a.p}, lambda b: Dropout(b.p)),
    Pair(GELU, "GELU", lambda a: {"approximate": "tanh"}),
    Pair(Flatten, "Flatten"), Pair(ReLU, "ReLU"), Pair(Tanh, "Tanh"), Pair(Sigmoid, "Sigmoid"),
)  # fmt: skip
# Settings that only PyTorch has: the value with which both compute the same.
ONLY = {
    "Conv2d": {"dilation": (1, 1), "groups": 1, "padding_mode": "zeros"},
    "MaxPool2d": {"padding": 0, "dilation": 1, "ceil_mode": False},
    "AvgPool2d": {"padding": 0, "ceil_mode": False, "divisor_override": None},
    "GELU": {"approximate": "tanh"},
    "Flatten": {"start_dim": 1, "end_dim": -1},
    "LayerNorm": {"elementwise_affine": True},
}


def to_torch(net):
    """Build the same network in PyTorch: its numbers, its masks, its predictions.

    Parameters
    ----------
    net : Layer
        Of layers that both libraries have, as in all of `minnet.models` but the transformer and the residual networks.

    Returns
    -------
    torch.nn.Module
        In evaluation mode.  It takes samples in the network's own shape (images, where the network takes images).
        Masks are stored as by ``torch.nn.utils.prune``, and as with that, ``copy.deepcopy`` refuses the module: call
        ``to_torch`` a second time, or ``torch.nn.utils.prune.remove(module, "weight")`` before copying.

    Raises
    ------
    ImportError
        Where PyTorch is not installed.
    TypeError
        For a layer without a counterpart.
    """
    return _to_module(the_network(net), _torch(), {}).eval()


def from_torch(model, input_shape=None):
    """Build the same network in minnet, from a PyTorch model.

    Parameters
    ----------
    model : torch.nn.Module
        A layer that both libraries have, or an ``nn.Sequential`` of such.  Masks of ``torch.nn.utils.prune`` become
        masks of the parameters.
    input_shape : tuple of int, optional
        Shape of one sample, as in `Sequential`.

    Returns
    -------
    Layer

    Raises
    ------
    ImportError, TypeError, ValueError
        Without PyTorch; for a module without a counterpart; for a setting that only PyTorch has.
    """
    nn = _torch().nn
    if not isinstance(model, nn.Module):
        raise TypeError(f"from_torch takes a torch.nn.Module, got {type(model).__name__}; "
                        "write for example mn.from_torch(torch.nn.Sequential(torch.nn.Linear(64, 10)))")
    net = _to_layer(model, nn, {})
    layers = net.layers if isinstance(net, Sequential) else [net]
    return Sequential(*layers, input_shape=input_shape)


# ---- to PyTorch -------------------------------------------------------------------------------------


def _to_module(layer, torch, converted):
    """The PyTorch module of a layer; a layer that is used twice stays one module."""
    if id(layer) not in converted:
        if type(layer) is Sequential:
            module = torch.nn.Sequential(*(_to_module(inner, torch, converted) for inner in layer.layers))
        else:
            module = _to_torch_layer(layer, torch, converted)
        converted[id(layer)] = module
    return converted[id(layer)]


def _to_torch_layer(layer, torch, converted):
    pair = next((pair for pair in PAIRS if pair.kind is type(layer)), None)
    if pair is None or getattr(layer, "drop", 0):
        what = type(layer).__name__ if pair is None else "Dense with drop= (DropConnect)"
        raise TypeError(f"{what} has no counterpart in torch.nn; to_torch knows Sequential, "
                        + ", ".join(pair.kind.__name__ for pair in PAIRS))
    module = getattr(torch.nn, pair.torch_name)(**pair.settings(layer))
    for name, torch_name in (pair.names or {}).items():
        param = getattr(layer, name)
        if param is None:
            continue
        if id(param) in converted:
            setattr(module, torch_name, converted[id(param)])
            continue
        transpose = pair.transposed and param.data.ndim == 2
        data, mask = (None if a is None else torch.tensor(a.T.copy() if transpose else a)
                      for a in (param.data, param.mask))
        getattr(module, torch_name).data = data
        converted[id(param)] = getattr(module, torch_name)
        if mask is not None:
            torch.nn.utils.prune.custom_from_mask(module, torch_name, mask)
    return module


# ---- from PyTorch -----------------------------------------------------------------------------------


def _to_layer(module, nn, converted):
    """The layer of a PyTorch module; a module that is used twice stays one layer."""
    if id(module) not in converted:
        if type(module) is nn.Sequential:
            layer = Sequential(*(_to_layer(inner, nn, converted) for inner in module))
        else:
            layer = _from_torch_layer(module, nn, converted)
        converted[id(module)] = layer
    return converted[id(module)]


def _from_torch_layer(module, nn, converted):
    pair = next((pair for pair in PAIRS if getattr(nn, pair.torch_name) is type(module)), None)
    if pair is None:
        raise TypeError(f"{type(module).__name__} has no counterpart here; from_torch knows Sequential, "
                        + ", ".join(pair.torch_name for pair in PAIRS))
    for name, wanted in ONLY.get(pair.torch_name, {}).items():
        if (found := getattr(module, name)) != wanted:
            raise ValueError(f"{pair.torch_name} with {name}={found!r} has no counterpart here; "
                             f"only {name}={wanted!r} computes the same")
    layer = pair.make(module)
    for name, torch_name in (pair.names or {}).items():
        if (param := getattr(layer, name)) is None:
            continue
        stored = getattr(module, f"{torch_name}_orig", None)  # exists once it has been pruned
        stored = getattr(module, torch_name) if stored is None else stored
        if stored is None:  # LayerNorm(bias=False): its bias is 0
            continue
        if id(stored) in converted:  # one parameter in two modules stays one
            setattr(layer, name, converted[id(stored)])
            continue
        converted[id(stored)] = param
        mask = getattr(module, f"{torch_name}_mask", None)
        transpose = pair.transposed and param.data.ndim == 2
        data, mask = (None if a is None else numbers(a, torch_name) for a in (stored, mask))
        data, mask = (a.T if transpose and a is not None else a for a in (data, mask))
        if mask is not None and not np.isin(mask, (0, 1)).all():
            raise ValueError(f"the mask of {torch_name} has values between 0 and 1; a mask of minnet keeps or removes: "
                             "call torch.nn.utils.prune.remove(module, name) first, which multiplies it in")
        param._data = np.array(data, order="C")  # keeps PyTorch's number type
        param.mask = None if mask is None else mask.astype(bool)
    return layer


def _padding(module):
    if module.padding == "same":
        raise ValueError('Conv2d with padding="same" has no counterpart here; write the number of zeros, padding=1')
    return 0 if module.padding == "valid" else module.padding


def _layer_norm(module):
    if len(module.normalized_shape) != 1:
        raise ValueError(f"LayerNorm over {module.normalized_shape} has no counterpart here; only over one axis")
    return LayerNorm(*module.normalized_shape, module.eps)


def _torch():
    try:
        import torch
        import torch.nn.utils.prune
    except ImportError as missing:
        raise ImportError("this needs PyTorch, which is not installed; type `pip install torch` "
                          "and restart the kernel") from missing
    return torch
