"""Leave out what does not affect the output: neurons that no layer reads, constant neurons, removed heads.

When whole neurons were pruned, a layer is a smaller matrix, and the best way to multiply that is the ordinary dense
product: no column indices, no gaps. `mn.compact` does this for networks; here it is done for the dense layers of one
run, and for a single attention layer, so that a predictor is as fast without `mn.compact` as with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from minnet.nn.attention import Attention
from minnet.pruning.compaction import compact


@dataclass
class Linear:
    """A dense layer with its present weights.

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
    """Leave out idle neurons between consecutive dense layers; all inputs and all outputs stay.

    A neuron without outgoing weights has no effect. One without incoming weights has a constant output, which is folded
    into the biases of the next layer. Each of these may make other neurons idle, so this is repeated.
    """
    linears = list(linears)
    left = None
    while left != (left := [linear.weight.shape for linear in linears]):
        for i in range(len(linears) - 1):
            linears[i:i + 2] = _without_idle(*linears[i:i + 2])
    return linears


def _without_idle(first, second):
    """Two layers without the idle neurons between them."""
    constant, unread = ~first.weight.any(axis=0), ~second.weight.any(axis=1)
    busy = ~(constant | unread)
    if busy.all():
        return first, second
    output = np.maximum(first.bias, 0) if first.relu else first.bias
    bias = second.bias + output[constant] @ second.weight[constant]
    return (replace(first, weight=np.ascontiguousarray(first.weight[:, busy]), bias=first.bias[busy]),
            replace(second, weight=np.ascontiguousarray(second.weight[busy]), bias=bias))


def frozen(layer):
    """A copy of a layer for inference: removed weights are 0, and attention is without its removed heads."""
    masked = any(param.mask is not None for param in layer.params())
    if type(layer) is Attention and masked:
        layer = compact(layer, sample=np.zeros((1, 1, layer.n_in), layer.dtype))
    layer = layer.copy()
    for param in layer.params():
        param.data, param.mask = param.value, None          # instead of masking them again for each batch
    return layer
