"""What the tests of the network share: layers to try, random parameters for them, and numerical derivatives."""

import math
import os

import numpy as np

import minnet as mn

KINDS = [kind for kind in mn.Layer.registry.values()
         if kind.__module__.startswith("minnet.") and kind.forward is not mn.Layer.forward]

# MINNET_THOROUGH=1 checks every entry up to 2,000 of each parameter of the models too (minutes instead of seconds).
THOROUGH = os.environ.get("MINNET_THOROUGH") == "1"

MODELS = {
    "mlp": lambda: mn.models.mlp(64, 32, 16, 10, rng=0),
    "lenet_300_100": lambda: mn.models.lenet_300_100(rng=0),
    "lenet5": lambda: mn.models.lenet5(rng=0),
    "signal_conv": lambda: mn.models.signal_conv(rng=0),
    "residual_mlp": lambda: mn.models.residual_mlp(rng=0),
    "tiny_transformer": lambda: mn.models.tiny_transformer(rng=0),
}


def batch_for(net, n, rng):
    return rng.normal(size=(n, *net.input_shape)).astype(net.dtype)


def shake(net, rng):
    """Move every parameter off its initial value: biases of zero would sit on ReLU's kink and hide mistakes."""
    for param in net.params():
        param.data = param.data + rng.normal(0, 0.3, param.shape).astype(param.dtype)


def remove_some(net, rng):
    """A random mask for every parameter, biases too, that keeps about half."""
    for param in net.params():
        param.mask = rng.random(param.shape) < 0.5


def numerical(function, array, entries, step):
    """Central differences of a scalar function with respect to some entries (flat indices) of an array."""
    gradient = np.empty(len(entries))
    for place, entry in enumerate(entries):
        here = np.unravel_index(entry, array.shape)
        before = array[here]
        array[here] = before + step
        above = function()
        array[here] = before - step
        below = function()
        array[here] = before
        gradient[place] = (above - below) / (2 * step)
    return gradient


def worst_error(function, array, gradient, rng, all_up_to=2000, beyond=200):
    """Worst |analytic − numerical| / max(1, ‖numerical‖∞), over all entries or, in a big array, some.

    Where a step of 1e-5 disagrees a step of 1e-7 is tried: the larger may have stepped over a kink, the smaller
    suffers from rounding, but a wrong derivative is wrong for both.
    """
    entries = np.arange(array.size) if array.size <= all_up_to else rng.choice(array.size, beyond, replace=False)
    if not len(entries):
        return 0.0
    analytic = gradient.reshape(-1)[entries]
    measured = numerical(function, array, entries, 1e-5)
    scale = max(1.0, np.abs(measured).max())
    error = np.abs(analytic - measured) / scale
    doubtful = np.flatnonzero(error > 1e-8)
    if len(doubtful):
        finer = numerical(function, array, entries[doubtful], 1e-7)
        error[doubtful] = np.minimum(error[doubtful], np.abs(analytic[doubtful] - finer) / scale)
    return float(error.max())


def gap(ours, theirs, rtol=1.3e-6, atol=1e-5):
    """How far two arrays are apart, in units of the tolerance rtol · |theirs| + atol · max(1, ‖theirs‖∞)."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape
    allowed = rtol * np.abs(theirs) + atol * max(1.0, float(np.abs(theirs).max(initial=0)))
    return float((np.abs(ours - theirs) / allowed).max(initial=0)) if math.prod(ours.shape) else 0.0
