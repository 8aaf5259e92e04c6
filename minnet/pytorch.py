"""The bridge to PyTorch: the same network with the same masks on the other side, and back again.

A mask becomes what ``torch.nn.utils.prune`` leaves on a layer, ``weight_orig`` and ``weight_mask``, so a network that
was pruned here can be trained on, pruned further or saved there.  PyTorch is loaded when the bridge is crossed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

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
        Our layer.
    theirs : str
        Its name in ``torch.nn``.
    settings : function
        ``settings(layer)`` → the arguments of their constructor, by name.
    build : function
        ``build(module)`` → a layer of ours with the settings of theirs; raises where there is none.
    names : dict of {our parameter: theirs}
    turned : bool
        Whether their weight has its axes the other way round.
    """

    kind: type
    theirs: str
    settings: Callable = lambda layer: {}
    build: Callable | None = None
    names: dict | None = None
    turned: bool = False

    def make(self, module):
        return self.kind() if self.build is None else self.build(module)


LEARNT = {"weight": "weight", "bias": "bias"}
PAIRS = (
    Pair(Dense, "Linear",
         lambda a: {"in_features": a.n_in, "out_features": a.n_out, "bias": a.bias is not None},
         lambda b: Dense(b.in_features, b.out_features, b.bias is not None), LEARNT, turned=True),
    Pair(Conv2d, "Conv2d",
         lambda a: {"in_channels": a.n_in, "out_channels": a.n_out, "kernel_size": a.size, "stride": a.stride,
                    "padding": a.padding, "bias": a.bias is not None},
         lambda b: Conv2d(b.in_channels, b.out_channels, b.kernel_size, b.stride, b.padding, b.bias is not None),
         LEARNT),
    Pair(LayerNorm, "LayerNorm",
         lambda a: {"normalized_shape": a.n, "eps": a.eps},
         lambda b: LayerNorm(*b.normalized_shape, b.eps), {"gain": "weight", "bias": "bias"}),
    Pair(MaxPool2d, "MaxPool2d",
         lambda a: {"kernel_size": a.size, "stride": a.stride}, lambda b: MaxPool2d(b.kernel_size, b.stride)),
    Pair(AvgPool2d, "AvgPool2d",
         lambda a: {"kernel_size": a.size, "stride": a.stride}, lambda b: AvgPool2d(b.kernel_size, b.stride)),
    Pair(Dropout, "Dropout", lambda a: {"p": a.p}, lambda b: Dropout(b.p)),
    Pair(GELU, "GELU", lambda a: {"approximate": "tanh"}),
    Pair(Flatten, "Flatten"), Pair(ReLU, "ReLU"), Pair(Tanh, "Tanh"), Pair(Sigmoid, "Sigmoid"),
)  # fmt: skip
# Settings of theirs that ours don't have: the value with which both compute the same.
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
        Made of the layers that both know; those of `minnet.models` but the transformer and the residual networks are.

    Returns
    -------
    torch.nn.Module
        In evaluation mode.  It takes samples in the network's own shape (images, where the network takes images).
        Masks stand where ``torch.nn.utils.prune`` puts them.

    Raises
    ------
    ImportError
        Where PyTorch is not installed.
    TypeError
        For a layer without a counterpart.
    """
    return _theirs(the_network(net), _torch(), {}).eval()


def from_torch(model, input_shape=None):
    """Build the same network here, from a PyTorch model.

    Parameters
    ----------
    model : torch.nn.Module
        A layer that both know, or an ``nn.Sequential`` of such.  Where ``torch.nn.utils.prune`` has left masks, they
        become ours.
    input_shape : tuple of int, optional
        Of one sample, as in `Sequential`.

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
    net = _ours(model, nn, {})
    layers = net.layers if isinstance(net, Sequential) else [net]
    return Sequential(*layers, input_shape=input_shape)


# ---- there ------------------------------------------------------------------------------------------


def _theirs(layer, torch, made):
    """Their module for a layer of ours; a layer that stands in two places stays one."""
    if id(layer) not in made:
        if type(layer) is Sequential:
            module = torch.nn.Sequential(*(_theirs(inner, torch, made) for inner in layer.layers))
        else:
            module = _their_layer(layer, torch)
        made[id(layer)] = module
    return made[id(layer)]


def _their_layer(layer, torch):
    pair = next((pair for pair in PAIRS if pair.kind is type(layer)), None)
    if pair is None or getattr(layer, "drop", 0):
        what = type(layer).__name__ if pair is None else "Dense with drop= (DropConnect)"
        raise TypeError(f"{what} has no counterpart in torch.nn; to_torch knows Sequential, "
                        + ", ".join(pair.kind.__name__ for pair in PAIRS))
    module = getattr(torch.nn, pair.theirs)(**pair.settings(layer))
    for ours, theirs in (pair.names or {}).items():
        param = getattr(layer, ours)
        if param is None:
            continue
        turn = pair.turned and param.data.ndim == 2
        data, mask = (None if a is None else torch.tensor(a.T.copy() if turn else a) for a in (param.data, param.mask))
        getattr(module, theirs).data = data
        if mask is not None:
            torch.nn.utils.prune.custom_from_mask(module, theirs, mask)
    return module


# ---- and back ---------------------------------------------------------------------------------------


def _ours(module, nn, made):
    """Our layer for a module of theirs; a module that stands in two places stays one."""
    if id(module) not in made:
        if type(module) is nn.Sequential:
            layer = Sequential(*(_ours(inner, nn, made) for inner in module))
        else:
            layer = _our_layer(module, nn)
        made[id(module)] = layer
    return made[id(module)]


def _our_layer(module, nn):
    pair = next((pair for pair in PAIRS if getattr(nn, pair.theirs) is type(module)), None)
    if pair is None:
        raise TypeError(f"{type(module).__name__} has no counterpart here; from_torch knows Sequential, "
                        + ", ".join(pair.theirs for pair in PAIRS))
    for name, wanted in ONLY.get(pair.theirs, {}).items():
        if (found := getattr(module, name)) != wanted:
            raise ValueError(f"{pair.theirs} with {name}={found!r} has no counterpart here; "
                             f"only {name}={wanted!r} computes the same")
    layer = pair.make(module)
    for ours, theirs in (pair.names or {}).items():
        if (param := getattr(layer, ours)) is None:
            continue
        data = getattr(module, f"{theirs}_orig", None)  # there once it has been pruned
        data = getattr(module, theirs) if data is None else data
        mask = getattr(module, f"{theirs}_mask", None)
        turn = pair.turned and param.data.ndim == 2
        data, mask = (None if a is None else a.detach().cpu().numpy() for a in (data, mask))
        data, mask = (a.T if turn and a is not None else a for a in (data, mask))
        param._data = np.array(data, order="C")  # of their number type
        param.mask = None if mask is None else mask.astype(bool)
    return layer


def _torch():
    try:
        import torch
        import torch.nn.utils.prune
    except ImportError as missing:
        raise ImportError("the bridge needs PyTorch, which is not installed here; type `pip install torch` "
                          "and start the kernel anew") from missing
    return torch
