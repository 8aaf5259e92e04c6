"""The base of all layers: a forward pass that returns the output together with its backward pass.

``forward(x, rng)`` returns ``(y, back)``; ``back(dy)`` returns ``dx`` and adds to the gradients of the layer's
own parameters.  Nothing is stored on the layer, so a network may use one layer twice, and two threads can
predict with the same network.  Passing a generator ``rng`` selects training mode; without it, this is inference.
"""

from __future__ import annotations

import copy
import inspect
from dataclasses import replace

import numpy as np

from minnet.messages import numbers
from minnet.nn.param import Param


class Layer:
    """Base of all layers.

    A layer keeps its constructor's arguments as attributes of the same name, its parameters as `Param`
    attributes, and its inner layers as `Layer` attributes, or both in lists, tuples and dicts.  The tree,
    the paths of the parameters, copies, printing and saving follow from that.

    The backward pass of a layer with parameters takes a second argument, ``back(dy, need_dx=True)``: the first
    layer of a network need not compute the gradient with respect to the data, which is not used.
    """

    registry: dict[str, type[Layer]] = {}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        known = Layer.registry.get(cls.__name__)
        if known is None or not known.__module__.startswith("minnet.") or cls.__module__.startswith("minnet."):
            Layer.registry[cls.__name__] = cls  # a class of your own never takes the place of one of minnet's

    def forward(self, x, rng=None):
        """Compute ``y`` from a batch ``x``, and ``back``, which turns ``dL/dy`` into ``dL/dx``."""
        raise NotImplementedError(f"{type(self).__name__} needs forward(x, rng=None) -> (y, back)")

    @staticmethod
    def example(rng):
        """A small layer of this kind and a batch for it, both drawn with ``rng``.

        The tests draw many of them and run the same checks on each, so a new layer is tested as soon as it has an
        example.
        """
        raise NotImplementedError("write example(rng) -> (layer, x), x of float32, so that the tests can try it")

    def __call__(self, x):
        """Predict: the forward pass in inference mode, without ``rng``."""
        return self.forward(self.numbers(x))[0]

    def numbers(self, x):
        """An input as an array; what is no float, or float16, is converted to the network's number type."""
        x = numbers(x, "x")
        return x.astype(self.dtype) if x.dtype.kind in "biu" or x.dtype == np.float16 else x

    # ---- the tree ---------------------------------------------------------------------------------

    def children(self):
        """The layers directly inside this one, as {name: layer}."""
        inside, count = {}, {}
        for name, attribute in vars(self).items():
            if isinstance(attribute, Layer):
                inside[name] = attribute
            elif isinstance(attribute, CONTAINERS):
                for layer in _contained(attribute, Layer):
                    kind = type(layer).__name__.lower()
                    count[kind] = count.get(kind, 0) + 1
                    inside[f"{kind}{count[kind]}"] = layer
        return inside

    def own_params(self):
        """The parameters directly on this layer, as {name: Param}."""
        own = {}
        for name, value in vars(self).items():
            if isinstance(value, Param):
                own[name] = value
            elif isinstance(value, CONTAINERS):
                own.update({f"{name}{number}": each for number, each in enumerate(_contained(value, Param), 1)})
        return own

    def walk(self, path=""):
        """Every layer of the tree with its path, starting with this one (path ``""``)."""
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

    def set_paths(self):
        """Give every parameter of the tree its ``path``, as seen from this layer (`params` does so, too)."""
        self.params()

    def survey(self, known):
        """What `mn.compact` may assume about this layer, see `minnet.nn.survey`.

        A layer that does not override this is left whole: it reads every input, and each of its outputs may vary.
        """
        after = known.then(self.forward(known.sample)[0], pinned=True)
        return after, lambda wanted: (self.copy(), np.ones(len(known.constant), bool))

    # ---- copies and printing ----------------------------------------------------------------------

    @property
    def dtype(self):
        """The number type of the parameters (float32 where there are none)."""
        return next((p.dtype for p in self.params()), np.dtype(np.float32))

    def copy(self):
        """An independent network with the same numbers and masks."""
        return copy.deepcopy(self)

    def __copy__(self):
        return self.copy()  # a network never shares its numbers with a copy

    def astype(self, dtype):
        """A copy with another number type, for example ``"float64"``."""
        new = self.copy()
        for param in new.params():
            param.cast(dtype)
        return new

    def config(self):
        """The constructor's arguments without ``rng``: enough to build a layer of the same shape."""
        names = inspect.signature(type(self).__init__).parameters
        kept = {n: getattr(self, n) for n in names if n not in ("self", "rng") and hasattr(self, n)}
        return {n: True if isinstance(v, Param) else v for n, v in kept.items()}  # bias=True became a Param

    def __repr__(self):
        said = ", ".join(f"{value!r}" for value in self.config().values())
        return f"{type(self).__name__}({said})"


CONTAINERS = list, tuple, dict, set, frozenset  # in which layers and parameters are looked for


def the_network(net):
    """Return the network; if something else was passed, raise a TypeError that says what to type instead."""
    if isinstance(net, Layer):
        return net
    if isinstance(net, type):
        raise TypeError(f"a network is wanted, got the class {net.__name__}; write {net.__name__}(…) with arguments")
    if net is None:
        raise TypeError("a network is wanted, got None. mn.prune, mn.cut and mn.restore change the network and return "
                        "nothing: write mn.prune(net, 0.5), not net = mn.prune(net, 0.5)")
    raise TypeError(f"a network is wanted, got {type(net).__name__}; the network comes first, for example "
                    "net = mn.models.mlp(64, 32, 16, 10, rng=0), then mn.prune(net, 0.5) or mn.fit(net, data.train)")


def _contained(value, kind):
    """What is of a kind in a list, a tuple, a dict, or in such inside of them, in order."""
    if isinstance(value, (set, frozenset)) and any(isinstance(each, kind) for each in value):
        raise TypeError(f"a set has no order, so the {kind.__name__}s in it have no names; keep them in a list")
    if not isinstance(value, (list, tuple, dict)):
        return
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, kind):
            yield each
        else:
            yield from _contained(each, kind)


class Featurewise(Layer):
    """A layer that mixes positions but not features, such as pooling: a constant feature stays as it is."""

    def survey(self, known):
        return replace(known, sample=self.forward(known.sample)[0]), lambda wanted: (self.copy(), wanted)


class Pointwise(Layer):
    """A layer that acts on each number separately, such as ReLU: constants stay constant, nothing is mixed."""

    def survey(self, known):
        constant, fixed = known.constant.copy(), ~np.isnan(known.constant)
        constant[fixed] = self.forward(constant[None, fixed])[0][0]  # what varies is not asked about, and stays so
        return replace(known, constant=constant), lambda wanted: (self.copy(), wanted)
