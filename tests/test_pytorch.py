"""To PyTorch and back: the converted network predicts the same, with the same masks."""

import sys

import numpy as np
import pytest

import minnet as mn
from minnet import pytorch
from tests.closeness import assert_close


def test_without_pytorch_it_says_what_to_type(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    for cross in (mn.to_torch, mn.from_torch):
        with pytest.raises(ImportError, match="pip install torch"):
            cross(mn.models.mlp(4, 3))


torch = pytest.importorskip("torch", reason="PyTorch is not installed: `pip install -e .[compare]` brings it")
nn = torch.nn
prune = pytest.importorskip("torch.nn.utils.prune")

NETS = {
    "mlp": lambda rng: mn.models.mlp(6, 8, 5, 3, rng=rng),
    "lenet5": lambda rng: mn.models.lenet5(rng=rng),
    "everything": lambda rng: mn.Sequential(
        mn.Conv2d(2, 4, (3, 2), stride=(1, 2), padding=(1, 0), bias=False, rng=rng), mn.GELU(), mn.AvgPool2d((2, 1), 1),
        mn.Conv2d(4, 3, 2, rng=rng), mn.Tanh(), mn.MaxPool2d(2), mn.Flatten(), mn.Dropout(0.3),
        mn.Sequential(mn.Dense(6, 5, bias=False, rng=rng), mn.LayerNorm(5), mn.Sigmoid(), mn.Dense(5, 3, rng=rng)),
        input_shape=(2, 6, 9)),
}


def batch(net, rng, n=7):
    shape = net.input_shape or (net.layers[0].n_in,)
    return rng.normal(size=(n, *shape)).astype(np.float32)


def shaken(name, rng, sparsity):
    """A network with a live bias everywhere, and weights and whole units removed."""
    net = NETS[name](rng)
    for param in net.params():
        param.data = param.data + 0.1 * rng.normal(size=param.shape)
    if sparsity:
        mn.prune(net, sparsity / 2, mn.random, mn.along("out"), rng=rng)
        mn.prune(net, sparsity, mn.random, rng=rng)
    return net


def same(ours, theirs, x):
    with torch.no_grad():
        assert_close(ours(x), theirs(torch.tensor(x)).numpy())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sparsity", [0, 0.6])
@pytest.mark.parametrize("name", NETS)
def test_there_and_back(name, sparsity, dtype, rng):
    net = shaken(name, rng, sparsity).astype(dtype)
    x = batch(net, rng).astype(dtype)
    theirs = mn.to_torch(net)
    same(net, theirs, x)
    again = mn.from_torch(theirs, input_shape=net.input_shape)
    np.testing.assert_array_equal(again(x), net(x))
    for here, there in zip(net.params(), again.params(), strict=True):
        assert (here.path, here.dtype) == (there.path, there.dtype)
        np.testing.assert_array_equal(here.data, there.data)  # what is masked crosses too, and can be restored
        assert (here.mask is None) == (there.mask is None)
        assert here.mask is None or np.array_equal(here.mask, there.mask)


def test_nothing_is_shared_between_the_two_sides(rng):
    net = shaken("mlp", rng, 0.5)
    theirs, before = mn.to_torch(net), [param.data.copy() for param in net.params()]
    with torch.no_grad():
        for each in theirs.parameters():
            each += 1
    assert all(np.array_equal(param.data, old) for param, old in zip(net.params(), before, strict=True))
    back = mn.from_torch(theirs)
    mn.prune(back, 0.9)
    assert mn.sparsity(net) == pytest.approx(0.5, abs=0.02)


def test_pruned_there_is_pruned_here(rng):
    theirs = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 4))
    ours = mn.from_torch(theirs)
    prune.global_unstructured([(theirs[0], "weight"), (theirs[2], "weight")], prune.L1Unstructured, amount=0.7)
    mn.prune(ours, 0.7)
    crossed = mn.from_torch(theirs)
    for here, there in zip(ours.params(), crossed.params(), strict=True):
        assert (here.mask is None and there.mask is None) or np.array_equal(here.mask, there.mask)
    same(crossed, theirs, rng.normal(size=(5, 20)).astype(np.float32))
    mn.restore(crossed)
    assert mn.sparsity(crossed) == 0
    prune.remove(theirs[0], "weight")  # for good: their zeros are numbers now, and no mask
    assert mn.from_torch(theirs).params()[0].mask is None


def test_masked_weights_stay_masked_when_trained_there(rng):
    net = shaken("mlp", rng, 0.5)
    theirs = mn.to_torch(net)
    optimiser = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9)
    x, y = torch.tensor(batch(net, rng, 30)), torch.tensor(rng.integers(0, 3, 30))
    for _ in range(20):
        optimiser.zero_grad()
        nn.functional.cross_entropy(theirs(x), y).backward()
        optimiser.step()
    back = mn.from_torch(theirs)
    assert mn.sparsity(back) == mn.sparsity(net)
    same(back, theirs, x.numpy())


def test_a_layer_in_two_places_stays_one(rng):
    shared = mn.Dense(4, 4, rng=rng)
    theirs = mn.to_torch(mn.Sequential(shared, mn.ReLU(), shared))
    assert theirs[0] is theirs[2]
    assert len(mn.from_torch(theirs).params()) == 2


@pytest.mark.parametrize("net", [mn.models.tiny_transformer(rng=0), mn.models.residual_mlp(rng=0),
                                 mn.Sequential(mn.Dense(3, 2, drop=0.2))], ids=["attention", "residual", "drop"])
def test_what_has_no_counterpart_there_is_named(net):
    with pytest.raises(TypeError, match=r"has no counterpart in torch.nn; to_torch knows Sequential, Dense"):
        mn.to_torch(net)


@pytest.mark.parametrize("module", [nn.Conv2d(2, 2, 3, groups=2), nn.Conv2d(2, 2, 3, dilation=2), nn.GELU(),
                                    nn.MaxPool2d(2, padding=1), nn.Flatten(2)], ids=str)
def test_a_setting_that_only_they_have_is_named(module):
    with pytest.raises(ValueError, match="computes the same"):
        mn.from_torch(nn.Sequential(module))


def test_what_has_no_counterpart_here_is_named():
    with pytest.raises(TypeError, match="LSTM has no counterpart here; from_torch knows Sequential, Linear"):
        mn.from_torch(nn.Sequential(nn.LSTM(3, 4)))
    with pytest.raises(TypeError, match=r"takes a torch\.nn\.Module, got Sequential"):
        mn.from_torch(mn.models.mlp(3, 2))
    with pytest.raises(TypeError, match="a network is wanted"):
        mn.to_torch(nn.Linear(3, 2))


def test_every_pair_is_tried_above():
    tried = {type(layer) for make in NETS.values() for _, layer in make(np.random.default_rng(0)).walk()}
    assert {pair.kind for pair in pytorch.PAIRS} <= tried
