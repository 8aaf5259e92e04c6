"""What is known about features without any data, and which of them a smaller network needs.

`mn.compact` goes through a network forward and backward, as training does.  In the forward pass,
``layer.survey(known)`` returns ``(known, narrow)``: what is known about its outputs, above all which of them are
constant.  In the backward pass, ``narrow(wanted)`` gets the outputs that a later layer reads and returns
``(small, wanted)``: the smaller layer, and the inputs that it reads.  A constant is folded into the next bias, so no
layer has to read it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from minnet.nn.layer import Layer
from minnet.nn.param import Param


@dataclass(frozen=True)
class Known:
    """What is known about the features between two layers.

    Attributes
    ----------
    sample : ndarray
        The activation of one sample, for its shape; features are axis 1 of images, else the last axis.
    constant : ndarray of float64, (features,)
        The value of a feature that is the same for every input, NaN for one that varies.
    pinned : bool
        No feature can be left out (network input, residual sum, LayerNorm).
    tied : int
        Features come in runs of this length: all of a run or none (a flattened channel).
    log : list of (layer, small layer or None)
    """

    sample: np.ndarray
    constant: np.ndarray
    pinned: bool = False
    tied: int = 1
    log: list = field(default_factory=list)

    def settle(self, wanted):
        """The features that arrive when these are wanted."""
        if self.pinned:
            return np.ones_like(wanted)
        return wanted.reshape(-1, self.tied).any(axis=1).repeat(self.tied)

    def then(self, sample, constant=None, pinned=False, tied=1):
        """What is known after the next layer; without ``constant``, every feature varies."""
        features = sample.shape[features_axis(sample)]
        constant = np.full(features, np.nan) if constant is None else constant
        return replace(self, sample=sample, constant=constant, pinned=pinned, tied=tied)


def features_axis(sample):
    """Which axis of a batch counts features: the channels of images, else the last one."""
    return 1 if sample.ndim == 4 else sample.ndim - 1


def survey(layer, known):
    """Survey a layer, and log the smaller layer that replaces it."""
    after, narrow = _method(layer)(known)

    def logged(wanted):
        small, reads = narrow(wanted)
        known.log.append((layer, small))
        return small, reads

    return after, logged


def _method(layer):
    """A layer's own `survey`, or that of `Layer`, where a subclass computes something else than it was written for."""
    asked, computed = (next(cls for cls in type(layer).__mro__ if name in vars(cls)) for name in ("survey", "forward"))
    fits = issubclass(asked, computed) or asked.forward is Layer.forward  # that of Pointwise is for any forward
    return layer.survey if fits else partial(Layer.survey, layer)


class Linear:
    """A weighted sum: constants add up, and an input whose weights are all zero is not read.

    Parameters
    ----------
    known : Known
        About the inputs.
    gain : ndarray, (inputs, outputs)
        What an input that is constantly 1 adds to an output.
    linked : ndarray of bool, (inputs, outputs)
        Whether the input contributes to the output.
    bias : Param or None
    foldable : ndarray of bool, (inputs,), optional
        Constants that may be moved into the bias; by default all.
    """

    def __init__(self, known, gain, linked, bias, foldable=None):
        self.known, self.linked, self.gain = known, linked, gain.astype(np.float64)
        self.fixed = ~np.isnan(known.constant)
        if foldable is not None:
            self.fixed &= foldable
        self.level = np.where(self.fixed, known.constant, 0.0)
        varies = linked[~self.fixed].any(axis=0)
        base = 0 if bias is None else bias.value.ravel()
        self.constant = np.where(varies, np.nan, base + self.level @ self.gain)

    def reads(self, wanted):
        """The inputs that arrive when these outputs are wanted."""
        return self.known.settle(self.linked[:, wanted].any(axis=1) & ~self.fixed)

    def folded(self, reads, wanted):
        """What the constants that are left out used to add to these outputs."""
        gone = ~reads
        return self.level[gone] @ self.gain[np.ix_(gone, wanted)]

    def narrowed(self, wanted, weight, bias):
        """The inputs that are read, and the smaller weight and bias that compute the wanted outputs from them."""
        reads = self.reads(wanted)
        small = weight.part(**{"in": reads, "out": wanted})
        return reads, small, fold(bias, small, wanted, self.folded(reads, wanted))


def fold(bias, weight, wanted, folded):
    """The bias of a narrowed layer: what it was, plus what the folded constants used to add.

    Parameters
    ----------
    bias : Param or None
        The old one.
    weight : Param
        The narrowed weight; its outputs are those of the bias.
    wanted : ndarray of bool, (old outputs,)
    folded : ndarray, (outputs,)

    Returns
    -------
    Param or None
    """
    if bias is None and not folded.any():
        return None
    outputs = [(a, n) for a, n in zip(weight.axes, weight.shape, strict=True) if a not in weight.contracted]
    axes, shape = zip(*outputs, strict=True)
    old = 0 if bias is None else bias.value.ravel()[wanted]
    new = Param((old + folded).astype(weight.dtype).reshape(shape), axes, contracted=(), prunable=False)
    if bias is not None and bias.mask is not None:
        mask = bias.mask.ravel()[wanted] | (folded != 0)
        new.mask = None if mask.all() else mask.reshape(shape)
    return new
