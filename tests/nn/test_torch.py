"""Forward and backward of every layer against PyTorch's, on 200 random shapes each (run with -s to see figures)."""

import numpy as np
import pytest

import minnet as mn
from tests.nn.trials import KINDS, MODELS, batch_for, gap, remove_some, shake

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `pip install -e .[compare]` brings it")
F = torch.nn.functional


def attention(layer, x, p):
    q, k, v = (torch.einsum("ntd,dhk->nhtk", x, p[name]) + p[f"{name}_bias"][:, None] for name in "qkv")
    mixed = F.scaled_dot_product_attention(q, k, v)
    return torch.einsum("nhtk,hko->nto", mixed, p["out"]) + p["out_bias"]


# How PyTorch computes what a layer computes, from the layer's settings and its parameters by path.
THEIRS = {
    "Dense": lambda layer, x, p: F.linear(x, p["weight"].T, p["bias"]),
    "Conv2d": lambda layer, x, p: F.conv2d(x, p["weight"], p["bias"], layer.stride, layer.padding),
    "MaxPool2d": lambda layer, x, p: F.max_pool2d(x, layer.size, layer.stride),
    "AvgPool2d": lambda layer, x, p: F.avg_pool2d(x, layer.size, layer.stride),
    "Flatten": lambda layer, x, p: x.flatten(1),
    "ReLU": lambda layer, x, p: F.relu(x),
    "Tanh": lambda layer, x, p: torch.tanh(x),
    "Sigmoid": lambda layer, x, p: torch.sigmoid(x),
    "GELU": lambda layer, x, p: F.gelu(x, approximate="tanh"),
    "Dropout": lambda layer, x, p: F.dropout(x, layer.p, training=False),
    "LayerNorm": lambda layer, x, p: F.layer_norm(x, (layer.n,), p["gain"], p["bias"], layer.eps),
    "Attention": attention,
    "PatchEmbedding": lambda layer, x, p: x @ p["weight"] + p["bias"] + p["positions"],
    "MeanPool": lambda layer, x, p: x.mean(1),
    "Residual": lambda layer, x, p: x + F.linear(x, p["branch.weight"].T, p["branch.bias"]),
    "Sequential": lambda layer, x, p: F.linear(F.linear(x, p["dense1.weight"].T, p["dense1.bias"]),
                                               p["dense2.weight"].T, p["dense2.bias"]),
}


@pytest.fixture(autouse=True, scope="module")
def one_torch_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tensors(net):
    return {p.path: torch.tensor(p.value, requires_grad=True) for p in net.params()}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_layer(kind):
    if kind.__name__ not in THEIRS:
        pytest.skip(f"there is no PyTorch counterpart of {kind.__name__} in this test yet")
    rng, worst = np.random.default_rng(0), 0.0
    for trial in range(200):
        layer, x = kind.example(rng)
        shake(layer, rng)
        if trial % 2:
            remove_some(layer, rng)
        theirs, x_theirs = tensors(layer), torch.tensor(x, requires_grad=True)
        y_theirs = THEIRS[kind.__name__](layer, x_theirs, theirs)
        y, back = layer.forward(x)
        dy = rng.normal(size=y.shape).astype(np.float32)
        dx = back(dy)
        y_theirs.backward(torch.tensor(dy))
        worst = max(worst, gap(y, y_theirs.detach()), gap(dx, x_theirs.grad),
                    *(gap(p.grad, theirs[p.path].grad) for p in layer.params()))
    print(f"\n{kind.__name__:16s} worst gap {worst:.3f} of the tolerance")
    assert worst <= 1


@pytest.mark.parametrize("loss, theirs", [(mn.cross_entropy, F.cross_entropy), (mn.mean_squared_error, F.mse_loss)],
                         ids=["cross_entropy", "mean_squared_error"])  # fmt: skip
def test_loss(loss, theirs):
    rng, worst = np.random.default_rng(0), 0.0
    for _ in range(200):
        n, classes = rng.integers(1, 20, size=2)
        y = rng.normal(0, 4, (n, classes)).astype(np.float32)
        target = rng.integers(0, classes, n) if loss is mn.cross_entropy else rng.normal(size=y.shape).astype("f4")
        value, gradient = loss(y, target)
        y_theirs = torch.tensor(y, requires_grad=True)
        value_theirs = theirs(y_theirs, torch.tensor(target))
        value_theirs.backward()
        worst = max(worst, gap(value, value_theirs.detach()), gap(gradient, y_theirs.grad))
    print(f"\n{loss.__name__:18s} worst gap {worst:.3f} of the tolerance")
    assert worst <= 1


def lenet5_of_torch(p, x):
    x = F.max_pool2d(F.relu(F.conv2d(x, p["conv2d1.weight"], p["conv2d1.bias"])), 2)
    x = F.max_pool2d(F.relu(F.conv2d(x, p["conv2d2.weight"], p["conv2d2.bias"])), 2).flatten(1)
    x = F.relu(F.linear(x, p["dense1.weight"].T, p["dense1.bias"]))
    return F.linear(x, p["dense2.weight"].T, p["dense2.bias"])


def test_lenet5():
    """A whole network, forward and backward: the layers fit together as PyTorch's do, flattening included."""
    rng, net = np.random.default_rng(0), MODELS["lenet5"]()
    shake(net, rng)
    x, labels = batch_for(net, 8, rng), rng.integers(0, 10, 8)
    theirs = tensors(net)
    y_theirs = lenet5_of_torch(theirs, torch.tensor(x))
    F.cross_entropy(y_theirs, torch.tensor(labels)).backward()
    y, back = net.forward(x)
    back(mn.cross_entropy(y, labels)[1], False)
    worst = max(gap(y, y_theirs.detach()), *(gap(p.grad, theirs[p.path].grad) for p in net.params()))
    print(f"\nlenet5 worst gap {worst:.3f} of the tolerance")
    assert worst <= 1
