"""Self-attention: every token compares its query with the keys of all tokens and averages their values.

Vaswani et al. 2017, "Attention is all you need".  Several heads do this in parallel; each is a slice of the
four weights along their ``head`` axis, and so a unit that can be pruned.
"""

from __future__ import annotations

import math

import numpy as np

from minnet.messages import flag, generator, numbers, whole, wholes
from minnet.nn.contract import contract, observing, show
from minnet.nn.layer import Layer, the_network
from minnet.nn.param import Param, normal
from minnet.nn.survey import Linear, fold


class Attention(Layer):
    """``y = out · concat(softmax(q kᵀ / √dim) v)`` with q, k, v linear in x, for each head.

    Parameters
    ----------
    n_in : int
        Features of a token.
    heads : int
    dim : int, optional
        Features of a query, a key and a value in each head; by default ``n_in // heads``.
    n_out : int, optional
        By default ``n_in``.
    bias : bool
    rng : numpy.random.Generator, seed or None
        Draws the initial weights: normal with variance 1 / inputs.
    """

    def __init__(self, n_in, heads=4, dim=None, n_out=None, bias=True, rng=None):
        self.n_in, self.heads = n_in, heads = wholes(n_in=n_in, heads=heads)
        if dim is None and n_in < heads:
            raise ValueError(f"{n_in} features of a token don't suffice for {heads} heads; write fewer heads, or say "
                             "how many features each has: dim=1")
        self.dim = n_in // max(heads, 1) if dim is None else whole(dim, "dim")
        self.n_out = n_in if n_out is None else whole(n_out, "n_out")
        self.bias = bias = flag(bias, "bias")
        rng = generator(rng)
        self.q, self.k, self.v = (_weight(rng, (n_in, heads, self.dim), ("in", "head", "dim"), ("in",))
                                  for _ in range(3))
        self.out = _weight(rng, (heads, self.dim, self.n_out), ("head", "dim", "out"), ("head", "dim"))
        self.q_bias, self.k_bias, self.v_bias = (_bias((heads, self.dim), ("head", "dim"), bias) for _ in range(3))
        self.out_bias = _bias((self.n_out,), ("out",), bias)

    def forward(self, x, rng=None):
        x = np.asarray(x, dtype=self.q.dtype)
        if x.ndim != 3 or x.shape[2] != self.n_in:
            raise ValueError(f"{self.q.path or 'Attention'} expects tokens of shape (n, tokens, {self.n_in}), "
                             f"got {x.shape}")
        q, back_q = self._heads(*contract(x, self.q, self.q_bias))  # (n, head, token, dim)
        k, back_k = self._heads(*contract(x, self.k, self.k_bias))
        v, back_v = self._heads(*contract(x, self.v, self.v_bias))
        scale = 1 / math.sqrt(max(self.dim, 1))
        pattern = _softmax(q @ k.swapaxes(2, 3) * scale)  # attention weights, (n, head, query token, key token)
        show(self, x, pattern)
        mixed = (pattern @ v).swapaxes(1, 2).reshape(*x.shape[:2], self.heads * self.dim)
        y, back_out = contract(mixed, self.out, self.out_bias)

        def back(dy, need_dx=True):
            dmixed = back_out(dy).reshape(*x.shape[:2], self.heads, self.dim).swapaxes(1, 2)
            dpattern = dmixed @ v.swapaxes(2, 3)  # mixed = pattern · v
            dv = pattern.swapaxes(2, 3) @ dmixed
            # p = softmax(s)  =>  ds = p · (dp − Σ p dp), since a row of p always sums to 1
            dscores = pattern * (dpattern - (pattern * dpattern).sum(axis=3, keepdims=True)) * scale
            dq = dscores @ k  # s = q · kᵀ
            dk = dscores.swapaxes(2, 3) @ q
            dx = [back_q(dq, need_dx), back_k(dk, need_dx), back_v(dv, need_dx)]
            return sum(dx) if need_dx else None  # x takes three paths

        return y, back

    def survey(self, known):
        # Without biases there is nowhere to fold a constant into, unless it is 0.
        foldable = None if self.bias else known.constant == 0
        q, k, v = (Linear(known, *_linked(weight), bias, foldable)
                   for weight, bias in ((self.q, self.q_bias), (self.k, self.k_bias), (self.v, self.v_bias)))
        # Averaged are values v over tokens: where v is constant, so is its average.  A head is left out as a whole.
        mixed = known.then(np.zeros((1, 1, self.heads * self.dim)), v.constant, tied=max(self.dim, 1))
        here = Linear(mixed, *_linked(self.out), self.out_bias)

        def narrow(wanted):
            dims = here.reads(wanted)
            heads = dims.reshape(self.heads, self.dim).any(axis=1)
            reads = q.reads(dims) | k.reads(dims) | v.reads(dims)
            small = Attention(int(reads.sum()), int(heads.sum()), self.dim, int(wanted.sum()), bool(self.bias))
            for name, linear in (("q", q), ("k", k), ("v", v)):
                weight = getattr(self, name).part(**{"in": reads, "head": heads})
                setattr(small, name, weight)
                bias = fold(getattr(self, f"{name}_bias"), weight, dims, linear.folded(reads, dims))
                setattr(small, f"{name}_bias", bias)
            small.out = self.out.part(head=heads, out=wanted)
            small.out_bias = fold(self.out_bias, small.out, wanted, here.folded(dims, wanted))
            return small, reads

        return known.then(self.forward(known.sample)[0], here.constant), narrow

    def _heads(self, y, back):
        """(n, token, head · dim) → (n, head, token, dim), and its backward pass."""
        n, tokens, _ = y.shape
        split = y.reshape(n, tokens, self.heads, self.dim).swapaxes(1, 2)
        return split, lambda dy, need_dx: back(dy.swapaxes(1, 2).reshape(y.shape), need_dx)

    @staticmethod
    def example(rng):
        n, tokens, n_in, heads, dim = map(int, rng.integers(1, 5, size=5))
        return Attention(n_in, heads, dim, rng=rng), normal(rng, (n, tokens, n_in))


def _linked(weight):
    matrix = weight.matrix(weight.value)
    return matrix, matrix != 0


def _softmax(scores):
    p = np.exp(scores - scores.max(axis=-1, keepdims=True))  # the largest becomes 0, so exp cannot overflow
    return p / p.sum(axis=-1, keepdims=True)


def _weight(rng, shape, axes, contracted):
    inputs = math.prod(shape[: len(contracted)])
    return Param(normal(rng, shape, 1 / math.sqrt(max(inputs, 1))), axes, contracted=contracted)


def _bias(shape, axes, wanted):
    return Param(np.zeros(shape, np.float32), axes, contracted=(), prunable=False) if wanted else None


def patterns(net, x):
    """The attention weights of one sample: a list of arrays (heads, tokens, tokens), one for each layer."""
    the_network(net)
    x = numbers(x, "x")
    shape = getattr(net, "input_shape", None) or x.shape
    if x.size != math.prod(shape):
        raise ValueError(f"maps are drawn for one sample of {math.prod(shape)} numbers, got an array of shape "
                         f"{x.shape}; write for example mn.draw.attention(net, digits.val.x[0])")
    with observing() as seen:
        net(x.reshape(1, *shape))
    found = [shown[0] for source, _, shown in seen if isinstance(source, Attention)]
    if not found:
        raise ValueError("this network has no attention to draw; build one with it, for example "
                         "mn.models.tiny_transformer(rng=0)")
    return found


def attention_layers(net):
    """All attention of a network, in the order of its layers."""
    return [layer for _, layer in net.walk() if isinstance(layer, Attention)]


def removed_heads(net):
    """Which heads are removed, (heads,) for each layer: those of which all of v or all of out is masked."""
    return [~(layer.v.kept_mask.any(axis=(0, 2)) & layer.out.kept_mask.any(axis=(1, 2)))
            for layer in attention_layers(net)]
