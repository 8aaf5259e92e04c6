"""Inference backends: one pruned network, ready to be computed in every way.

All have lost the same fraction of their weights (2:4 always half) and predict the same samples. What is not installed,
SciPy or PyTorch, is left out.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from time import perf_counter

import numpy as np

from minnet import sparse
from minnet.formats import COO, CSR, NM, Bitmap, Blocks
from minnet.messages import choice, flag, percentage, sequence, short, whole
from minnet.nn.layer import the_network
from minnet.nn.layers import Dense
from minnet.pruning import structure
from minnet.pruning.compaction import compact
from minnet.pruning.ranking import rank, restore, set_masks, sparsity
from minnet.pruning.scope import layer, network, window
from minnet.pytorch import to_torch

# ---- Bytes -------------------------------------------------------------------------------------------


FORMATS = {
    "COO": COO.from_dense,
    "CSR": CSR.from_dense,
    "bitmap": Bitmap.from_dense,
    "blocks of 4": partial(Blocks.from_dense, block=(4, 1)),  # four outputs, one input
}


class StorageSizes:
    """Bytes of a network in every format, at given sparsities.

    Parameters
    ----------
    backends : Backends
        Whose networks are stored.
    places : sequence of int
        Sparsities in percent.

    Attributes
    ----------
    dense : int
        Bytes of all weights as plain arrays.
    half : int
        Bytes of the 2:4 network, whose sparsity is always one half.
    bytes : dict of {format: ndarray of int, (places,)}
    """

    def __init__(self, backends, places):
        if not isinstance(backends, Backends):
            raise TypeError(f"StorageSizes takes Backends, got {short(backends)}; write Backends(net)")
        self.places = sequence(places, "places", whole, "range(0, 100, 5)")
        percentage(max(self.places, default=0), "each of places")
        self.dense = sum(param.data.nbytes for param in backends.whole.params() if param.prunable)
        self.half = stored_bytes(backends.half, NM.from_dense)
        self.bytes = {name: np.zeros(len(self.places), np.int64) for name in FORMATS}
        for place, percent in enumerate(self.places):
            single, fours = (backends.pruned(percent / 100, blocks) for blocks in (False, True))
            for name, convert in FORMATS.items():
                self.bytes[name][place] = stored_bytes(fours if name == "blocks of 4" else single, convert)

    def at(self, percent):
        """{format: bytes} at one of the places."""
        if percentage(percent) not in self.places:
            raise ValueError(f"percent is one of the places, {', '.join(map(str, self.places))}, got {short(percent)}")
        return {name: int(many[self.places.index(percent)]) for name, many in self.bytes.items()}

    def break_even(self, name):
        """The percentage from which on a format is smaller than dense; None if it never is."""
        gap = self.bytes[choice(name, "format", self.bytes)] - self.dense
        if gap[-1] > 0:
            return None
        above = np.flatnonzero(gap > 0)
        if not len(above):
            return float(self.places[0])
        left, right = above[-1], above[-1] + 1
        share = gap[left] / (gap[left] - gap[right])
        return self.places[left] + share * (self.places[right] - self.places[left])


def stored_bytes(net, convert):
    """Bytes of all weights of a network in a format."""
    return sum(convert(param.value.T).nbytes for param in net.params() if param.prunable)


# ---- Backends ----------------------------------------------------------------------------------------


DENSE, MASKED, NAIVE, SPARSE, BLOCKS = "dense", "dense, masked", "naive CSR", "minnet sparse", "blocks of 4"
TWO_FOUR, SMALLER, SCIPY, TORCH = "2:4 (half)", "smaller dense", "SciPy CSR", "PyTorch dense"
LIBRARIES = {SCIPY: "scipy.sparse", TORCH: "torch"}
FOUR_OUTPUTS = structure.blocks(1, 4)


@dataclass(frozen=True)
class Backend:
    """One way to compute.

    Attributes
    ----------
    predict : function
        ``predict(x)`` for a batch (n, features) of float32.
    density : float
        Fraction of the weights that its network has left.
    building : float
        Seconds that it took to make it ready, once the weights were chosen.
    """

    predict: Callable
    density: float
    building: float


class Backends:
    """Builds the backends of a network.

    Parameters
    ----------
    net : Sequential
        Dense layers with activations between them; copies of it are pruned.
    libraries : sequence of str
        Which of `LIBRARIES` are used, if they are installed.
    """

    def __init__(self, net, libraries=tuple(LIBRARIES)):
        self.whole = the_network(net).copy()
        libraries = sequence(libraries, "libraries", lambda name, _: choice(name, "library", LIBRARIES), "()")
        restore(self.whole)
        self.libraries = tuple(name for name in LIBRARIES if name in libraries and importlib.util.find_spec(
            LIBRARIES[name].partition(".")[0]))
        self.names = (DENSE, MASKED, NAIVE, SPARSE, BLOCKS, TWO_FOUR, SMALLER, *self.libraries)
        self.weights = sum(param.size for param in self.whole.params() if param.prunable)
        self._by_weight, self._by_block, self._by_neuron = (
            rank(self.whole, structure=each, scope=who) for each, who in (
                (structure.weights, network), (FOUR_OUTPUTS, network), (structure.along("out"), layer)))
        self.half = self._masked(rank(self.whole, scope=window(4)).masks(0.5))

    def pruned(self, part, blocks=False):
        """A copy of the network without this fraction of its weights: single ones, or four outputs at a time."""
        return self._masked((self._by_block if flag(blocks, "blocks") else self._by_weight).masks(part))

    def ready(self, part, names=None):
        """The backends for a sparsity (all, or those named), one after the other since it takes a while.

        Yields
        ------
        (name, Backend)
        """
        few, names = self.pruned(part), self.names if names is None else names
        names = sequence(names, "names", lambda name, _: choice(name, "backend", self.names), '("minnet sparse",)')
        networks = {DENSE: self.whole, BLOCKS: self.pruned(part, blocks=True), TWO_FOUR: self.half,
                    SMALLER: self._smaller(few), TORCH: self.whole}
        for name in names:
            net = networks.get(name, few)
            left = sum(param.kept for param in net.params() if param.prunable)
            start = perf_counter()
            yield name, Backend(BUILD[name](net), left / self.weights, perf_counter() - start)

    def _masked(self, masks):
        return set_masks(self.whole.copy(), masks)

    def _smaller(self, few):
        """A dense network with fewer neurons in each layer, and about as many weights as are left in `few`."""
        wanted = (1 - sparsity(few)) * self.weights
        part = min(np.linspace(0, 1, 201), key=lambda part: abs(self._between(part) - wanted))
        return compact(self._masked(self._by_neuron.masks(part)))

    def _between(self, part):
        """Weights between the neurons that stay when each hidden layer loses this fraction of them."""
        first, *others, last = [param for param in self.whole.params() if param.prunable]
        hidden = [max(1, width - round(part * width)) for width in (each.shape[1] for each in (first, *others))]
        return sum(a * b for a, b in pairwise((first.shape[0], *hidden, last.shape[1])))


def _scipy(net):
    """A chain of products with SciPy's CSR matrices, which want one column for each sample."""
    csr = importlib.import_module(LIBRARIES[SCIPY]).csr_array  # only here: minnet itself does not need SciPy
    steps = [(step, csr(step.weight.value.T) if isinstance(step, Dense) else None) for step in net.layers]

    def predict(x):
        y = np.ascontiguousarray(x.T)
        for step, matrix in steps:
            if matrix is None:
                y = step(y)
            else:
                y = matrix @ y
                if step.bias is not None:
                    y += step.bias.value[:, None]
        return np.ascontiguousarray(y.T)
    return predict


def _torch(net):
    """The same network in PyTorch, dense."""
    torch = importlib.import_module(LIBRARIES[TORCH])  # only here: minnet itself does not need PyTorch
    model = to_torch(net)

    def predict(x):
        with torch.inference_mode():
            return model(torch.from_numpy(x)).numpy()
    return predict


BUILD = {
    DENSE: partial(sparse.compile, format="dense"),
    MASKED: lambda net: net,
    NAIVE: partial(sparse.compile, format="csr"),
    SPARSE: partial(sparse.compile, format="rows"),
    BLOCKS: partial(sparse.compile, format="blocks"),
    TWO_FOUR: partial(sparse.compile, format="2:4"),
    SMALLER: partial(sparse.compile, format="dense"),
    SCIPY: _scipy,
    TORCH: _torch,
}
