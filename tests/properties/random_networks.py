"""Random networks: any layers in any containers, layers of one's own among them, with masks of every structure.

``draw(rng)`` gives a network, the shape of one sample, and what is special about it.  A layer is chosen by the shape
that arrives: (features,), (tokens, features) or (channels, rows, columns).
"""

import contextlib
import math

import numpy as np

import minnet as mn

SMALL = 9  # features of a layer, at most
INPUTS = "float32", "float64", "float16", "int64", "uint8", "bool", "int8"


# ---- layers of one's own --------------------------------------------------------------------------------


class OwnLeaky(mn.Pointwise):
    """NaN becomes a number here, as in many an activation that is written down quickly."""

    def __init__(self, slope=0.1):
        self.slope = slope

    def forward(self, x, rng=None):
        return np.where(x > 0, x, self.slope * x).astype(x.dtype), lambda dy: dy * np.where(x > 0, 1, self.slope)


class OwnRamp(mn.Pointwise):
    """0 does not stay 0."""

    def forward(self, x, rng=None):
        y = np.clip(x + 0.25, 0, 1)
        return y.astype(x.dtype), lambda dy: dy * ((y > 0) & (y < 1))


class OwnReversed(mn.Layer):
    """Mixes features without weights, and says nothing of it."""

    def forward(self, x, rng=None):
        return x[:, ::-1], lambda dy: dy[:, ::-1]


class OwnScale(mn.Layer):
    """Has a parameter that no built-in layer has; works on any shape."""

    def __init__(self, n, rng=None):
        self.n = n
        self.scale = mn.Param(np.ones(n, np.float32), ("feature",), prunable=False)

    def forward(self, x, rng=None):
        x = np.asarray(x, self.scale.dtype)
        shape = (self.n, 1, 1) if x.ndim == 4 else (self.n,)
        factor = self.scale.value.reshape(shape)
        return x * factor, lambda dy: dy * factor


class OwnPair(mn.Layer):
    """A container: the mean of two layers."""

    def __init__(self, one, other):
        self.one, self.other = one, other
        self.set_paths()

    def forward(self, x, rng=None):
        (a, back_a), (b, back_b) = self.one.forward(x, rng), self.other.forward(x, rng)
        return (a + b) / 2, lambda dy: back_a(dy / 2) + back_b(dy / 2)


class OwnDense(mn.Dense):
    """A built-in layer that computes something else."""

    def forward(self, x, rng=None):
        y, back = super().forward(x, rng)
        return -y, lambda dy, need_dx=True: back(-dy, need_dx)


BENDS = mn.ReLU, mn.ReLU, mn.GELU, mn.Sigmoid, mn.Tanh, OwnLeaky, OwnRamp


# ---- architectures --------------------------------------------------------------------------------------


class Architect:
    """Draws layers one after another; ``shape`` is that of a sample as it arrives at the next layer."""

    def __init__(self, rng, shape):
        self.rng, self.shape, self.drawn = rng, shape, []
        self.tied = False  # one Param in two layers: a file can't represent that
        self.depth = 0

    def number(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def chance(self, p=0.5):
        return bool(self.rng.random() < p)

    def width(self):
        """Mostly small, sometimes as wide as a kernel's tile, and seldom 0."""
        wide = self.chance(0.1) and self.depth == 0
        return self.number(16, 40) if wide else 0 if self.chance(0.01) else self.number(1, SMALL)

    def several(self, least, most):
        return [self.layer() for _ in range(self.number(least, most))]

    def layer(self):
        """One layer, or a container of some, for the shape that arrives."""
        choices = [self.bend] * 3 + [self.dropout, self.own]
        if self.depth < 3:
            choices += [self.sequential, self.residual, self.pair]
        match len(self.shape):
            case 1:
                choices += [self.dense] * 5 + [self.norm, self.again, self.tie]
            case 2:
                choices += [self.dense, self.attention, self.attention, self.norm, self.mean, self.flatten, self.again]
            case 3:
                choices += [self.conv] * 3 + [self.pool, self.pool, self.flatten, self.again]
        return choices[self.rng.integers(len(choices))]()

    def features(self):
        return self.shape[0] if len(self.shape) == 3 else self.shape[-1]

    # ---- any shape ----

    def bend(self):
        return BENDS[self.rng.integers(len(BENDS))]()

    def dropout(self):
        return mn.Dropout(0.3)

    def own(self):
        match self.number(0, 2):
            case 0:
                return OwnReversed()
            case 1:
                return OwnScale(self.features())
            case _ if len(self.shape) < 3:
                layer = OwnDense(self.shape[-1], self.width(), rng=self.rng)
                self.shape = (*self.shape[:-1], layer.n_out)
                return layer
        return OwnLeaky(0.5)

    def sequential(self):
        self.depth += 1
        shape = self.shape if self.chance() else None
        layer = mn.Sequential(*self.several(0, 3), input_shape=shape)
        self.depth -= 1
        return layer

    def residual(self):
        """A branch that leads back to the shape with which it began."""
        return mn.Residual(self._there_and_back())

    def pair(self):
        one = self._there_and_back()
        return OwnPair(one, self._there_and_back())

    def _there_and_back(self):
        self.depth += 1
        shape = self.shape
        inside = []
        for _ in range(self.number(0, 2)):
            inside.append(self.layer())
            fixed = np.s_[1:] if len(shape) == 3 else np.s_[:-1]  # rows and columns, or tokens
            if len(self.shape) != len(shape) or self.shape[fixed] != shape[fixed]:
                inside, self.shape = [], shape
        if len(shape) == 3:
            inside.append(mn.Conv2d(self.shape[0], shape[0], 1, bias=self.chance(), rng=self.rng))
        elif self.shape != shape or self.chance(0.7):
            inside.append(mn.Dense(self.shape[-1], shape[-1], bias=self.chance(), rng=self.rng))
        self.shape = shape
        self.depth -= 1
        return inside[0] if len(inside) == 1 and self.chance() else mn.Sequential(*inside)

    # ---- features and tokens ----

    def dense(self):
        layer = mn.Dense(self.shape[-1], self.width(), bias=self.chance(0.8), rng=self.rng)
        self.shape = (*self.shape[:-1], layer.n_out)
        self.drawn.append(layer)
        return layer

    def norm(self):
        return mn.LayerNorm(self.shape[-1])

    def again(self):
        """A layer that was drawn before, the same object: in a second place."""
        fitting = [layer for layer in self.drawn if self._fits(layer)]
        if not fitting:
            return self.bend()
        return fitting[self.rng.integers(len(fitting))]

    def _fits(self, layer):
        return layer.n_in == layer.n_out == self.features() and (len(self.shape) == 3) == isinstance(layer, mn.Conv2d)

    def tie(self):
        """Another dense layer with the weight of one that was drawn before."""
        fitting = [layer for layer in self.drawn if isinstance(layer, mn.Dense) and layer.n_in == self.shape[-1]]
        if not fitting or not self.chance(0.3):
            return self.dense()
        other = fitting[self.rng.integers(len(fitting))]
        layer = mn.Dense(other.n_in, other.n_out, bias=self.chance(), rng=self.rng)
        layer.weight, self.tied = other.weight, True
        self.shape = (layer.n_out,)
        return layer

    def attention(self):
        out = self.width() or 1
        layer = mn.Attention(self.shape[-1], self.number(1, 3), dim=self.number(1, 3), n_out=out, bias=self.chance(),
                             rng=self.rng)
        self.shape = (self.shape[0], out)
        return layer

    def mean(self):
        self.shape = self.shape[1:]
        return mn.MeanPool()

    # ---- images ----

    def flatten(self):
        self.shape = (math.prod(self.shape),)
        return mn.Flatten()

    def conv(self):
        rows, columns = self.shape[1:]
        padding = self.number(0, 1), self.number(0, 1)
        size = tuple(self.number(1, min(3, n + 2 * p)) for n, p in zip((rows, columns), padding, strict=True))
        stride = 1 if self.chance(0.7) else (self.number(1, 2), self.number(1, 2))
        layer = mn.Conv2d(self.shape[0], self.width(), size, stride, padding, bias=self.chance(0.8), rng=self.rng)
        self._seen_through(layer)
        if size == (1, 1) and padding == (0, 0) and stride == 1:
            self.drawn.append(layer)  # keeps the shape, so it may come again
        return layer

    def pool(self):
        size = tuple(self.number(1, min(3, n)) for n in self.shape[1:])
        stride = None if self.chance() else self.number(1, 2)
        layer = (mn.MaxPool2d if self.chance() else mn.AvgPool2d)(size, stride)
        self._seen_through(layer)
        return layer

    def _seen_through(self, layer):
        """The shape behind a window."""
        pad = getattr(layer, "padding", (0, 0))
        where = [(n + 2 * p - size) // step + 1
                 for n, p, size, step in zip(self.shape[1:], pad, layer.size, layer.stride, strict=True)]
        self.shape = (getattr(layer, "n_out", self.shape[0]), *where)


def draw(rng):
    """A random network with masks.

    Returns
    -------
    net : Layer
    shape : tuple of int, of one sample
    tied : bool
        Whether one Param stands in two layers.
    """
    first = [(int(rng.integers(1, SMALL + 1)),), tuple(map(int, rng.integers(1, 6, 2))),
             (int(rng.integers(1, 4)), *map(int, rng.integers(2, 8, 2)))][rng.choice(3, p=[0.4, 0.25, 0.35])]
    architect = Architect(rng, first)
    layers = []
    if len(first) == 2 and rng.random() < 0.6:
        out = int(rng.integers(1, SMALL))
        layers.append(mn.PatchEmbedding(*first, out, rng=rng))
        architect.shape = (first[0], out)
    layers += architect.several(1, 7)
    if rng.random() < 0.7:
        if len(architect.shape) == 2:
            layers.append(architect.mean())
        elif len(architect.shape) == 3:
            layers.append(architect.flatten())
        layers.append(mn.Dense(architect.shape[0], 3, rng=rng))
    net = layers[0] if len(layers) == 1 else mn.Sequential(*layers, input_shape=first if rng.random() < 0.7 else None)
    fill(net, rng)
    for _ in range(rng.integers(0, 5)):
        mask(net, rng)
    return net.astype("float64") if rng.random() < 0.2 else net, first, architect.tied


def fill(net, rng):
    """Random numbers in every parameter, so that no bias is 0; some weights are exactly 0 without a mask."""
    for param in net.params():
        inputs = param.matrix(param.data).shape[0] if param.prunable else 1
        param.data = rng.normal(size=param.shape) / math.sqrt(max(inputs, 1))
        if rng.random() < 0.1:
            param.data = param.data * (rng.random(param.shape) < 0.5)


STRUCTURES = (mn.weights, mn.weights, mn.blocks(1, 4), mn.blocks(4, 4), mn.blocks(2, 1), mn.along("out"),
              mn.along("out"), mn.along("in"), mn.along("in", "row", "col"), mn.along("head"), mn.branches)
SCOPES = mn.network, mn.layer, mn.window(4), mn.window(2)


def mask(net, rng):
    """One more kind of pruning, on top of what is removed already."""
    params = net.params()
    if not any(param.prunable for param in params):
        return
    kind = rng.integers(10)
    if kind == 0:  # a whole parameter
        param = params[rng.integers(len(params))]
        param.mask = np.zeros(param.shape, bool)
    elif kind == 1:  # all parameters of a layer
        layers = [layer for _, layer in net.walk() if layer.own_params()]
        for param in layers[rng.integers(len(layers))].own_params().values():
            param.mask = np.zeros(param.shape, bool)
    elif kind == 2:  # biases, too, one by one
        for param in params:
            param.mask = param.kept_mask & (rng.random(param.shape) < 0.6)
    elif kind == 3:  # 2:4
        mn.prune(net, 0.5, "random", scope=mn.window(4), rng=rng)
    elif kind == 4:
        mn.cut(net)
    else:
        with contextlib.suppress(ValueError):  # this network has no heads, or no branches
            mn.prune(net, 1 - rng.random() ** 2, "random", STRUCTURES[rng.integers(len(STRUCTURES))],
                     SCOPES[rng.integers(len(SCOPES))], rng=rng)


def batch(rng, shape):
    """0 to 65 samples of any number type, sometimes flat, sometimes in another order in memory."""
    n = int(rng.choice([0, 1, 2, 5, 9, 17, 64, 65, rng.integers(0, 66)]))
    kind = rng.choice(INPUTS)
    x = rng.normal(size=(n, *shape)) * (3 if kind in ("int64", "int8") else 1)
    x = np.abs(x) * 3 if kind == "uint8" else x > 0 if kind == "bool" else x
    x = x.astype(kind)
    match rng.integers(5):
        case 0:
            x = np.asfortranarray(x)
        case 1:
            x = x[::-1]
    return x
