"""From masks to a smaller network: what no longer affects the output is deleted from the arrays.

Pruning writes masks; the arrays keep their size.  `compact` builds the smaller network: units that no layer reads or
that never vary are deleted, constants are folded into the next bias, and predictions stay the same.
"""

from __future__ import annotations

import numpy as np

from minnet.messages import numbers
from minnet.nn.layer import the_network
from minnet.nn.layers import Sequential
from minnet.nn.survey import Known, features_axis, survey


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
        A network that predicts the same with fewer parameters; its ``report``, a text, lists what was deleted.
        Inputs, outputs, and the width of residual sums and of LayerNorm stay.  A layer that is used twice becomes
        two layers, each with what is needed there.

    Raises
    ------
    ValueError
        If the shape of a sample is unknown.
    """
    the_network(net).set_paths()
    sample = _one_sample(net, sample)
    known = Known(sample, np.full(sample.shape[features_axis(sample)], np.nan), pinned=True)
    after, narrow = survey(net, known)
    small, _ = narrow(np.ones(len(after.constant), bool))
    if small is None:
        small = Sequential(input_shape=sample.shape[1:])
    small.report = _report(net, known.log)
    return small


def explain_compact(net, sample=None):
    """What `compact` would delete, as text."""
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
    sample = numbers(sample, "sample")
    if sample.ndim < 2 or not len(sample):
        raise ValueError(f"sample is a batch of at least one sample, got shape {sample.shape}; write sample=x[:1]")
    return np.zeros_like(sample[:1], dtype=net.dtype)


def _report(net, log):
    """A line for each layer that became smaller."""
    paths = {}
    for path, layer in net.walk():
        paths.setdefault(id(layer), path)
    lines = []
    for layer, small in reversed(log):
        before = layer.own_params()
        if small is None:
            count = sum(p.size for p in layer.params())
            lines.append(f"{paths[id(layer)]}: gone, its {count:,} numbers never change the answer")
        elif before and not isinstance(small, Sequential):
            after = small.own_params()
            sizes = [f"{name} {_sizes(p)} → {_sizes(after[name])}" for name, p in before.items()
                     if name in after and p.shape != after[name].shape]
            if sizes:
                lines.append(f"{paths[id(layer)]}: {', '.join(sizes)}")
    total, left = (sum(p.size for p in n.params()) for n in (net, log[-1][1] or Sequential()))
    return "\n".join([*lines, f"{total:,} numbers → {left:,}"])


def _sizes(param):
    return "×".join(map(str, param.shape))


def stored(net):
    """Which weights are still stored after `compact`, as {path: ndarray of bool}.

    In a copy, every weight is replaced by a number that identifies it; the numbers that are left after `compact`
    belong to the stored weights.
    """
    numbered, start = net.astype("float64"), 1
    numbers = {}
    for param in numbered.params():
        if param.prunable:
            nonzero = param.value != 0  # a trained weight may be exactly 0, and `compact` takes that into account
            param.data = numbers[param.path] = np.arange(start, start + param.size).reshape(param.shape)
            param.mask = nonzero
            start += param.size
    left = np.zeros(start, bool)
    for param in compact(numbered).params():
        if param.prunable:
            left[param.data.astype(int)] = True
    return {path: left[each] for path, each in numbers.items()}
