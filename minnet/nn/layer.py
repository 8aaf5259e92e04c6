"""What every layer is: a forward that returns its answer and the way back.

``forward(x, rng)`` gives ``(y, back)``; ``back(dy)`` gives ``dx`` and adds into the gradients of the
layer's own parameters.  Nothing is remembered on the layer, so one layer can stand in two places and two
threads can predict with one network.  Handing in dice (``rng``) is what training means; without, it predicts.
"""

from __future__ import annotations

import copy
import inspect
from dataclasses import replace

import numpy as np

from minnet.nn.param import Param


class Layer:
    """Base of all layers.

    A layer keeps its constructor's arguments as attributes of the same name, its parameters as `Param`
    attributes, and its inner layers as `Layer` attributes or a list of them.  The tree, the paths of the
    parameters, copies, printing and saving follow from that.

    A layer with parameters takes a second argument on the way back, ``back(dy, need_dx=True)``: the first
    layer of a network is asked to leave out the gradient towards the data, which nobody reads.
    """

    registry: dict[str, type[Layer]] = {}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        Layer.registry[cls.__name__] = cls

    def forward(self, x, rng=None):
        """Compute ``y`` from a batch ``x``, and ``back``, which turns ``dL/dy`` into ``dL/dx``."""
        raise NotImplementedError(f"{type(self).__name__} needs forward(x, rng=None) -> (y, back)")

    @staticmethod
    def example(rng):
        """A small layer of this kind and a batch for it, both drawn with ``rng``.

        The tests draw as many as they like and put each through the same trials, so a new layer is tested as
        soon as it has an example.
        """
        raise NotImplementedError("write example(rng) -> (layer, x), x of float32, so that the tests can try it")

    def __call__(self, x):
        """Predict: forward without dice."""
        return self.forward(np.asarray(x))[0]

    # ---- the tree ---------------------------------------------------------------------------------

    def children(self):
        """The layers directly inside this one, as {name: layer}."""
        inside, count = {}, {}
        for name, attribute in vars(self).items():
            if isinstance(attribute, Layer):
                inside[name] = attribute
            elif isinstance(attribute, list):
                for layer in attribute:
                    kind = type(layer).__name__.lower()
                    count[kind] = count.get(kind, 0) + 1
                    inside[f"{kind}{count[kind]}"] = layer
        return inside

    def own_params(self):
        """The parameters directly on this layer, as {name: Param}."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Param)}

    def walk(self, path=""):
        """Every layer of the tree with its path, this one first (path ``""``)."""
        yield path, self
        for name, child in self.children().items():
            yield from child.walk(f"{path}.{name}" if path else name)

    def params(self):
        """Every `Param` of the tree, once each, in order, with ``path`` set as seen from this layer."""
        found = {}
        for path, layer in self.walk():
            for name, param in layer.own_params().items():
                if id(param) not in found:
                    param.path = f"{path}.{name}" if path else name
                    found[id(param)] = param
        return list(found.values())

    def survey(self, known):
        """What `mn.compact` may know of this layer, see `minnet.nn.survey`.

        A layer that does not say is left whole: it reads every input, and each of its outputs may vary.
        """
        after = known.then(self.forward(known.sample)[0], pinned=True)
        return after, lambda wanted: (self.copy(), np.ones(len(known.constant), bool))

    # ---- copies and printing ----------------------------------------------------------------------

    @property
    def dtype(self):
        """The number type of the parameters (float32 where there are none)."""
        return next((p.dtype for p in self.params()), np.dtype(np.float32))

    def copy(self):
        """A network of its own with the same numbers and masks."""
        return copy.deepcopy(self)

    def astype(self, dtype):
        """A copy whose parameters are of another number type, for example ``"float64"``."""
        new = self.copy()
        for param in new.params():
            param.cast(dtype)
        return new

    def config(self):
        """The constructor's arguments, without dice: enough to build a layer of the same shape."""
        names = inspect.signature(type(self).__init__).parameters
        kept = {n: getattr(self, n) for n in names if n not in ("self", "rng") and hasattr(self, n)}
        return {n: True if isinstance(v, Param) else v for n, v in kept.items()}  # bias=True became a Param

    def __repr__(self):
        said = ", ".join(f"{value!r}" for value in self.config().values())
        return f"{type(self).__name__}({said})"


def the_network(net):
    """The network itself; where something else was handed in, a TypeError says what to type instead."""
    if isinstance(net, Layer):
        return net
    if net is None:
        raise TypeError("a network is wanted, got None. mn.prune, mn.cut and mn.restore change the network and return "
                        "nothing: write mn.prune(net, 0.5), not net = mn.prune(net, 0.5)")
    raise TypeError(f"a network is wanted, got {type(net).__name__}; the network comes first, for example "
                    "net = mn.models.mlp(64, 32, 16, 10, rng=0), then mn.prune(net, 0.5) or mn.fit(net, data.train)")


class Featurewise(Layer):
    """A layer that mixes places but not features, such as pooling: a constant feature stays as it is."""

    def survey(self, known):
        return replace(known, sample=self.forward(known.sample)[0]), lambda wanted: (self.copy(), wanted)


class Pointwise(Layer):
    """A layer that treats every number by itself, such as ReLU: constants stay constants, nothing is mixed."""

    def survey(self, known):
        constant = self.forward(known.constant[None])[0][0]
        return replace(known, constant=constant), lambda wanted: (self.copy(), wanted)
