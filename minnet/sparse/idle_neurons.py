"""Leave out what has no work: neurons that nobody reads, neurons that never change, heads that are gone.

When whole neurons were pruned, what is left of a layer is a smaller matrix, and the best way to multiply that is the
ordinary dense product: no column numbers, no gaps. `mn.compact` does this for networks; here it is done for the dense
layers of one run, and for a single attention layer, so that a predictor is as fast without `mn.compact` as with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from minnet.nn.attention import Attention
from minnet.pruning.compaction import compact


@dataclass
class Linear:
    """A dense layer with its numbers as they are now.

    Attributes
    ----------
    path : str
    weight : array (inputs, outputs) of float32, removed weights are 0
    bias : array (outputs,)
    relu : bool, whether a ReLU follows
    before : array, the weight before any neuron was left out
    """

    path: str
    weight: np.ndarray
    bias: np.ndarray
    relu: bool = False
    before: np.ndarray | None = None

    def __post_init__(self):
        if self.before is None:
            self.before = self.weight

    @property
    def shrunken(self) -> bool:
        """Were neurons left out, of this layer or of the one before?"""
        return self.weight.shape != self.before.shape


def shrink(linears):
    """Leave out neurons between dense layers that follow each other; all inputs and all answers stay.

    A neuron without outgoing weights is read by nobody. One without incoming weights says the same every time: what it
    says goes into the biases of its readers. Each may leave others without work, so this is repeated.
    """
    linears = list(linears)
    left = None
    while left != (left := [linear.weight.shape for linear in linears]):
        for i in range(len(linears) - 1):
            linears[i:i + 2] = _without_idle(*linears[i:i + 2])
    return linears


def _without_idle(first, second):
    """Two layers without the neurons between them that have no work."""
    silent, unread = ~first.weight.any(axis=0), ~second.weight.any(axis=1)
    busy = ~(silent | unread)
    if busy.all():
        return first, second
    said = np.maximum(first.bias, 0) if first.relu else first.bias
    bias = second.bias + said[silent] @ second.weight[silent]
    return (replace(first, weight=np.ascontiguousarray(first.weight[:, busy]), bias=first.bias[busy]),
            replace(second, weight=np.ascontiguousarray(second.weight[busy]), bias=bias))


def frozen(layer):
    """A copy of a layer to predict with: removed weights are 0, and attention is without the heads that are gone."""
    masked = any(param.mask is not None for param in layer.params())
    if type(layer) is Attention and masked:
        layer = compact(layer, sample=np.zeros((1, 1, layer.n_in), layer.dtype))
    layer = layer.copy()
    for param in layer.params():
        param.data, param.mask = param.value, None          # instead of masking them anew for each batch
    return layer
