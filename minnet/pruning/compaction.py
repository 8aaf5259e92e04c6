"""From masks to a smaller network: what no longer matters is taken out of the arrays.

Pruning writes masks; the arrays stay as large as they were.  `compact` builds the network that is left: units
that nobody reads or that never vary are gone, constants live on in the next bias, and predictions stay the same.
"""

from __future__ import annotations

import numpy as np

from minnet.nn.layer import the_network
from minnet.nn.layers import Sequential
from minnet.nn.survey import Known, survey


def compact(net, sample=None):
    """Build the physically smaller network.

    Parameters
    ----------
    net : Layer
        Left as it is.
    sample : ndarray, optional
        One sample or a batch, for networks that don't know their ``input_shape``.

    Returns
    -------
    Layer
        A network that predicts the same with fewer numbers; its ``report``, a text, tells what went.  Inputs,
        outputs, and the width of residual sums and of LayerNorm stay.  A layer that stands in two places becomes
        two, each with what its place needs.

    Raises
    ------
    ValueError
        If the shape of a sample can't be known.
    """
    the_network(net).params()  # sets the paths
    sample = _one_sample(net, sample)
    features = sample.shape[1] if sample.ndim == 4 else sample.shape[-1]
    known = Known(sample, np.full(features, np.nan), pinned=True)
    after, narrow = survey(net, known)
    small, _ = narrow(np.ones(len(after.constant), bool))
    if small is None:
        small = Sequential(input_shape=sample.shape[1:])
    small.report = _report(net, known.log)
    return small


def explain_compact(net, sample=None):
    """What `compact` would take out and why, as text."""
    return compact(net, sample).report


def _one_sample(net, sample):
    if sample is None:
        shape = getattr(net, "input_shape", None)
        first = next((p for p in net.params() if p.prunable), None)
        if shape is None and first is not None and first.axes == ("in", "out"):
            shape = first.shape[:1]
        if shape is None:
            raise ValueError("compact has to know the shape of one sample; write mn.compact(net, sample=x[:1])")
        return np.zeros((1, *shape), net.dtype)
    return np.zeros_like(np.asarray(sample)[:1], dtype=net.dtype)


def _report(net, log):
    """A sentence for each layer that lost numbers."""
    paths = {}
    for path, layer in net.walk():
        paths.setdefault(id(layer), path)
    said = []
    for layer, small in reversed(log):
        before = layer.own_params()
        if small is None:
            count = sum(p.size for p in layer.params())
            said.append(f"{paths[id(layer)]}: gone, its {count:,} numbers never change the answer")
        elif before and not isinstance(small, Sequential):
            after = small.own_params()
            sizes = [f"{name} {_sizes(p)} → {_sizes(after[name])}" for name, p in before.items()
                     if name in after and p.shape != after[name].shape]
            if sizes:
                said.append(f"{paths[id(layer)]}: {', '.join(sizes)}")
    total, left = (sum(p.size for p in n.params()) for n in (net, log[-1][1] or Sequential()))
    return "\n".join([*said, f"{total:,} numbers → {left:,}"])


def _sizes(param):
    return "×".join(map(str, param.shape))


def stored(net):
    """Which weights are still there after `compact`, as {path: ndarray of bool}.

    Every weight of a copy is replaced by a number of its own; then one looks which numbers are left.
    """
    twin, start = net.astype("float64"), 1
    numbers = {}
    for param in twin.params():
        if param.prunable:
            alive = param.value != 0  # a trained weight may be exactly 0, and compact would see that
            param.data = numbers[param.path] = np.arange(start, start + param.size).reshape(param.shape)
            param.mask = alive
            start += param.size
    there = np.zeros(start, bool)
    for param in compact(twin).params():
        if param.prunable:
            there[param.data.astype(int)] = True
    return {path: there[each] for path, each in numbers.items()}
