"""After `compact` a network has as many numbers as Torch-Pruning leaves of the same network.

Torch-Pruning (Fang et al. 2023, "DepGraph") removes channels from a traced PyTorch network; we mask neurons,
filters and heads and then compact.  Ten architectures at three ratios; where the two differ, the table
`DIFFERENT` says why, and the test holds that it is the only reason.
"""

import math
import warnings

import pytest

import minnet as mn

ADVICE = "is not here: pip install minnet[compare]"
torch = pytest.importorskip("torch", reason=f"compares with PyTorch, which {ADVICE}")
tp = pytest.importorskip("torch_pruning", reason=f"compares with Torch-Pruning, which {ADVICE}")
nn = torch.nn

RATIOS = (0.25, 0.5, 0.75)


# ---- the same network in PyTorch ------------------------------------------------------------------


class Shortcut(nn.Module):
    def __init__(self, branch):
        super().__init__()
        self.branch = branch

    def forward(self, x):
        return x + self.branch(x)


class Heads(nn.Module):
    """Self-attention; the number of heads follows from the width that is left."""

    def __init__(self, n_in, heads, dim, n_out):
        super().__init__()
        self.dim, self.heads = dim, heads
        self.q, self.k, self.v = (nn.Linear(n_in, heads * dim) for _ in range(3))
        self.out = nn.Linear(heads * dim, n_out)

    def forward(self, x):
        n, tokens = x.shape[:2]
        q, k, v = (way(x).view(n, tokens, -1, self.dim).transpose(1, 2) for way in (self.q, self.k, self.v))
        mixed = torch.softmax(q @ k.transpose(2, 3) / self.dim**0.5, -1) @ v
        return self.out(mixed.transpose(1, 2).reshape(n, tokens, -1))


class Patches(nn.Module):
    def __init__(self, tokens, n_in, n_out):
        super().__init__()
        self.weight, self.positions = nn.Linear(n_in, n_out), nn.Parameter(torch.zeros(tokens, n_out))

    def forward(self, x):
        return self.weight(x) + self.positions


class Mean(nn.Module):
    def forward(self, x):
        return x.mean(1)


def in_torch(layer, modules):
    """Build the same network in PyTorch; ``modules`` collects {our layer's id: PyTorch layer}."""
    kind = type(layer).__name__
    made = {
        "Dense": lambda: nn.Linear(layer.n_in, layer.n_out, layer.bias is not None),
        "Conv2d": lambda: nn.Conv2d(layer.n_in, layer.n_out, layer.size, layer.stride, layer.padding,
                                    bias=layer.bias is not None),
        "ReLU": nn.ReLU, "GELU": nn.GELU, "Flatten": nn.Flatten, "MeanPool": Mean,
        "MaxPool2d": lambda: nn.MaxPool2d(layer.size, layer.stride),
        "AvgPool2d": lambda: nn.AvgPool2d(layer.size, layer.stride),
        "LayerNorm": lambda: nn.LayerNorm(layer.n),
        "Attention": lambda: Heads(layer.n_in, layer.heads, layer.dim, layer.n_out),
        "PatchEmbedding": lambda: Patches(layer.tokens, layer.n_in, layer.n_out),
        "Residual": lambda: Shortcut(in_torch(layer.branch, modules)),
        "Sequential": lambda: nn.Sequential(*(in_torch(inner, modules) for inner in layer.layers)),
    }[kind]()
    modules[id(layer)] = made
    return made


# ---- ten architectures ----------------------------------------------------------------------------


def _conv_residual():
    branches = [mn.Residual(mn.Sequential(mn.Conv2d(8, 12, 3, padding=1), mn.ReLU(), mn.Conv2d(12, 8, 3, padding=1)))
                for _ in range(2)]
    return mn.Sequential(mn.Conv2d(1, 8, 3, padding=1), *branches, mn.ReLU(), mn.MaxPool2d(4), mn.Flatten(),
                         mn.Dense(8 * 4, 10), input_shape=(1, 8, 8))


NETS = {
    "mlp 64-32-10": lambda: mn.models.mlp(64, 32, 10),
    "mlp 64-48-32-16-10": lambda: mn.models.mlp(64, 48, 32, 16, 10),
    "lenet-300-100": mn.models.lenet_300_100,
    "lenet5": mn.models.lenet5,
    "signal_conv": mn.models.signal_conv,
    "strided convolutions without biases, mean pooling": lambda: mn.Sequential(
        mn.Conv2d(3, 16, 3, stride=2, bias=False), mn.ReLU(), mn.AvgPool2d(2),
        mn.Conv2d(16, 8, 2, padding=1, bias=False), mn.ReLU(), mn.Flatten(),
        mn.Dense(8 * 4 * 4, 20), mn.ReLU(), mn.Dense(20, 10), input_shape=(3, 13, 13)),
    "convolutions of 1 × 1, GELU": lambda: mn.Sequential(
        mn.Conv2d(2, 12, 1), mn.GELU(), mn.Conv2d(12, 24, 1), mn.GELU(), mn.MaxPool2d(2), mn.Flatten(),
        mn.Dense(24 * 9, 10), input_shape=(2, 6, 6)),
    "residual_mlp": mn.models.residual_mlp,
    "residual convolutions": _conv_residual,
    "tiny_transformer": mn.models.tiny_transformer,
}

# Where the two leave different numbers, and why: they keep int(n · (1 − ratio)) units of a layer, we remove
# round(n · ratio), where a half goes to the even number.  {(architecture, ratio): {layer: (units, ours, theirs)}}
DIFFERENT = {
    ("lenet5", 0.25): {"conv2d2": (50, 12, 13)},  # 12.5
    ("signal_conv", 0.25): {f"conv2d{i}": (25, 6, 7) for i in (1, 2, 3)},  # 6.25
    ("signal_conv", 0.5): {f"conv2d{i}": (25, 12, 13) for i in (1, 2, 3)},  # 12.5
}


def may_shrink(net):
    """{path: layer} but for the last one and for those that write into a residual sum."""
    branches = [layer.branch for _, layer in net.walk() if isinstance(layer, mn.Residual)]
    found = {path: layer for path, layer in net.walk() if any(p.prunable for p in layer.own_params().values())}
    inside = [[layer for layer in found.values() if any(layer is part for _, part in branch.walk())]
              for branch in branches]
    fixed = [list(found.values())[-1], *(part[-1] for part in inside)]
    if branches:
        fixed += [layer for layer in found.values() if not any(layer is other for part in inside for other in part)]
    return {path: layer for path, layer in found.items() if not any(layer is other for other in fixed)}


def theirs(net, ratio, stream=False):
    """How many numbers Torch-Pruning leaves; with ``stream``, it may narrow residual sums too."""
    modules = {}
    model = in_torch(net, modules)
    shrinking = [id(layer) for layer in may_shrink(net).values()]
    attentions = [layer for layer in modules.values() if isinstance(layer, Heads)]
    ignored = [module for layer, module in modules.items()
               if layer not in shrinking and isinstance(module, (nn.Linear, nn.Conv2d))]
    ignored += [layer.out for layer in attentions] + [layer for layer in modules.values() if isinstance(layer, Patches)]
    if stream:
        ignored = [list(model)[-1]]
    heads = {way: layer.heads for layer in attentions for way in (layer.q, layer.k, layer.v)}
    sample = torch.zeros(1, *net.input_shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says how it will treat the positions, which stay
        pruner = tp.pruner.BasePruner(
            model, sample, tp.importance.MagnitudeImportance(p=1), pruning_ratio=ratio, ignored_layers=ignored,
            num_heads=heads, prune_num_heads=bool(heads), prune_head_dims=False, head_pruning_ratio=ratio)
    pruner.step()
    model(sample)
    return sum(p.numel() for p in model.parameters())


def ours(net, ratio, units=round):
    """How many numbers `compact` leaves when each layer loses ``units(ratio · n)`` of its n units."""
    for path, layer in may_shrink(net).items():
        n = layer.n_out
        mn.prune(net, {path: units(ratio * n) / n}, structure=mn.along("out"))
    if any(isinstance(layer, mn.Attention) for _, layer in net.walk()):
        mn.prune(net, ratio, structure=mn.along("head"), scope=mn.layer)
    return sum(p.size for p in mn.compact(net).params())


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("name", NETS)
def test_as_many_numbers_are_left_as_by_torch_pruning(name, ratio):
    net = NETS[name]()
    assert sum(p.numel() for p in in_torch(net, {}).parameters()) == sum(p.size for p in net.params())
    left = theirs(net, ratio)
    assert left == ours(net.copy(), ratio, math.ceil)  # with their rounding: equal everywhere
    assert (left == ours(net.copy(), ratio)) == ((name, ratio) not in DIFFERENT)
    rounded = {path: (layer.n_out, round(ratio * layer.n_out), layer.n_out - int(layer.n_out * (1 - ratio)))
               for path, layer in may_shrink(net).items()}
    assert {p: n for p, n in rounded.items() if n[1] != n[2]} == DIFFERENT.get((name, ratio), {})


@pytest.mark.parametrize("name", ["residual_mlp", "residual convolutions"])
def test_where_they_narrow_the_residual_stream_and_we_do_not(name):
    """Their other disagreement: left to itself, Torch-Pruning removes a channel of a residual sum in all layers
    that write it, by one common score.  For us each layer ranks its own neurons, so the sum keeps its width."""
    net = NETS[name]()
    left = theirs(net, 0.5, stream=True)
    mn.prune(net, 0.5, structure=mn.along("out"), scope=mn.layer)
    small = mn.compact(net)
    assert sum(p.size for p in small.params()) > left
    writers = [layer for _, layer in small.walk() if isinstance(layer, mn.Residual)]
    assert len({layer.branch.layers[-1].n_out for layer in writers} | {writers[0].branch.layers[0].n_in}) == 1
