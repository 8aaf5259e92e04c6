"""Our masks are those of ``torch.nn.utils.prune``, bit by bit.

PyTorch keeps a dense weight as (out, in) and counts "a fraction of what is left"; we keep (in, out) and count
absolutely.  Axes are matched by their names, and amounts are converted: after each of its rounds, what PyTorch
has removed in all is the fraction that is asked of us.
"""

import numpy as np
import pytest

import minnet as mn

from .trials import masks_of

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not here: pip install minnet[compare]")
from torch.nn.utils import prune  # noqa: E402  (only where torch is there)

SEEDS = range(100)  # of each of five kinds: 500 cases, each of three rounds
THEIR_AXES = {2: ("out", "in"), 4: ("out", "in", "row", "col")}


def both_networks(rng):
    """The same random network twice, dense or with convolutions: ours, and PyTorch's layers by our path."""
    a, b, c, d = (int(n) for n in rng.integers(2, 7, size=4))
    if rng.random() < 0.5:
        ours = mn.Sequential(mn.Dense(a, b), mn.ReLU(), mn.Dense(b, c), mn.ReLU(), mn.Dense(c, d))
        theirs = [torch.nn.Linear(a, b), torch.nn.Linear(b, c), torch.nn.Linear(c, d)]
    else:
        rows, columns = (int(n) for n in rng.integers(1, 4, size=2))
        ours = mn.Sequential(mn.Conv2d(a, b, (rows, columns)), mn.ReLU(), mn.Conv2d(b, c, 2), mn.Flatten(),
                             mn.Dense(c * 4, d), mn.ReLU(), mn.Dense(d, 3))
        theirs = [torch.nn.Conv2d(a, b, (rows, columns)), torch.nn.Conv2d(b, c, 2), torch.nn.Linear(c * 4, d),
                  torch.nn.Linear(d, 3)]
    weights = [p for p in ours.params() if p.prunable]
    for param, layer in zip(weights, theirs, strict=True):
        param.data = rng.normal(size=param.shape)
        layer.weight.data = torch.tensor(turned(param, param.data).copy())
    assert len(np.unique(np.abs(np.concatenate([p.data.ravel() for p in weights])))) == sum(p.size for p in weights)
    return ours, dict(zip([p.path for p in weights], theirs, strict=True))


def turned(param, array):
    """An array of our parameter in PyTorch's order of axes."""
    return array.transpose([param.axes.index(axis) for axis in THEIR_AXES[array.ndim]])


def same(ours, theirs):
    masks = masks_of(ours)
    for param in ours.params():
        if param.prunable:
            layer = theirs[param.path]
            mask = layer.weight_mask.numpy() if hasattr(layer, "weight_mask") else np.ones(layer.weight.shape)
            assert np.array_equal(turned(param, masks[param.path]), mask.astype(bool)), param.path


def layers_but_last(theirs):
    return list(theirs.items())[:-1]


def removed(layer):
    return int((layer.weight_mask == 0).sum()) if hasattr(layer, "weight_mask") else 0


def removed_slices(layer, dim):
    if not hasattr(layer, "weight_mask"):
        return 0
    others = [d for d in range(layer.weight_mask.ndim) if d != dim]
    return int((layer.weight_mask.sum(dim=others) == 0).sum())


@pytest.mark.parametrize("seed", SEEDS)
def test_l1_unstructured(seed):
    rng = np.random.default_rng(seed)
    ours, theirs = both_networks(rng)
    for _ in range(3):
        for layer in theirs.values():
            prune.l1_unstructured(layer, "weight", amount=float(rng.random()))
        mn.prune(ours, {path.removesuffix(".weight"): removed(layer) / layer.weight.numel()
                        for path, layer in theirs.items()})
        same(ours, theirs)


@pytest.mark.parametrize("seed", SEEDS)
def test_global_unstructured(seed):
    rng = np.random.default_rng(seed)
    ours, theirs = both_networks(rng)
    total = sum(layer.weight.numel() for layer in theirs.values())
    for _ in range(3):
        prune.global_unstructured([(layer, "weight") for layer in theirs.values()], prune.L1Unstructured,
                                  amount=float(rng.random()))
        mn.prune(ours, sum(map(removed, theirs.values())) / total)
        same(ours, theirs)


@pytest.mark.parametrize("norm", [1, 2])
@pytest.mark.parametrize("seed", SEEDS)
def test_ln_structured(seed, norm):
    rng = np.random.default_rng(seed)
    ours, theirs = both_networks(rng)
    dim, axis = [(0, "out"), (1, "in")][rng.integers(2)]
    for _ in range(3):
        wanted = {}
        for path, layer in layers_but_last(theirs):
            count = layer.weight.shape[dim]
            # PyTorch may remove every slice of a layer, we keep one: ask for no more than that.
            spare = count - removed_slices(layer, dim) - 1
            prune.ln_structured(layer, "weight", amount=min(int(rng.integers(0, 3)), spare), n=norm, dim=dim)
            wanted[path.removesuffix(".weight")] = removed_slices(layer, dim) / count
        mn.prune(ours, wanted, structure=mn.along(axis), combine={1: "mean", 2: "l2"}[norm])
        same(ours, theirs)


@pytest.mark.parametrize("seed", SEEDS)
def test_weights_first_then_neurons_then_weights(seed):
    """PyTorch scores what is left of a neuron that has lost weights, and so do we."""
    rng = np.random.default_rng(seed)
    ours, theirs = both_networks(rng)
    for round_ in range(3):
        wanted = {}
        for path, layer in layers_but_last(theirs):
            if round_ == 1:
                count = layer.weight.shape[0]
                left = count - removed_slices(layer, 0)
                share = float(rng.random()) * (left - 1) / left  # of the neurons that are left
                prune.ln_structured(layer, "weight", amount=share, n=1, dim=0)
                wanted[path.removesuffix(".weight")] = removed_slices(layer, 0) / count
            else:
                prune.l1_unstructured(layer, "weight", amount=float(rng.random()) / 2)
                wanted[path.removesuffix(".weight")] = removed(layer) / layer.weight.numel()
        mn.prune(ours, wanted, structure=mn.along("out") if round_ == 1 else mn.weights)
        same(ours, theirs)
