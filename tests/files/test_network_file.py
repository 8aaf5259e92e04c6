"""Saving and loading: the same network comes back, or nothing has happened."""

import itertools
import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import minnet as mn

NETS = {
    "mlp": lambda: mn.models.mlp(64, 32, 10, dropout=0.2, rng=0),
    "lenet_300_100": lambda: mn.models.lenet_300_100(rng=0),
    "lenet5": lambda: mn.models.lenet5(rng=0),
    "signal_conv": lambda: mn.models.signal_conv(rng=0),
    "residual_mlp": lambda: mn.models.residual_mlp(rng=0),
    "tiny_transformer": lambda: mn.models.tiny_transformer(rng=0),
    "one layer": lambda: mn.Dense(5, 3, bias=False, rng=0),
    "no parameters": lambda: mn.Sequential(mn.ReLU(), input_shape=(4,)),
    "zero width": lambda: mn.Sequential(mn.Dense(4, 0, rng=0), mn.Dense(0, 2, rng=0)),
}


def sample(net, n=7):
    shape = getattr(net, "input_shape", None) or (net.params()[0].shape[0],)
    return np.random.default_rng(1).normal(size=(n, *shape)).astype(net.dtype)


def same(one, other):
    """Layers, numbers, masks and predictions are equal, bit for bit."""
    assert repr(one) == repr(other)
    for a, b in itertools.zip_longest(one.params(), other.params()):
        assert (a.path, a.axes, a.contracted, a.prunable) == (b.path, b.axes, b.contracted, b.prunable)
        assert a.dtype == b.dtype
        assert (a.mask is None) == (b.mask is None)
        assert a.mask is None or np.array_equal(a.mask, b.mask)
        np.testing.assert_array_equal(a.value, b.value)
        assert b.data.flags.writeable
    np.testing.assert_array_equal(one(sample(one)), other(sample(one)))


@pytest.fixture
def saved(tmp_path):
    """A pruned residual network in a file."""
    net = mn.models.residual_mlp(8, 6, 1, 3, rng=0)
    mn.prune(net, 0.5)
    mn.save(net, tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors"


# ---- there and back ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make", NETS.values(), ids=NETS.keys())
def test_comes_back_the_same(make, dtype, tmp_path):
    net = make().astype(dtype)
    mn.save(net, tmp_path / "net")
    same(net, mn.load(tmp_path / "net"))


@pytest.mark.parametrize("make", list(NETS.values())[:6], ids=list(NETS)[:6])
def test_pruned_and_compacted_networks_come_back(make, tmp_path):
    net = make()
    mn.prune(net, 0.6)
    mn.prune(net, 0.5, structure=mn.along("out"))
    mn.save(net, str(tmp_path / "net"))
    back = mn.load(str(tmp_path / "net"))
    same(net, back)
    assert mn.sparsity(back) == mn.sparsity(net) > 0.6
    assert all(not p.data[~p.mask].any() for p in back.params() if p.mask is not None)  # not written, so zero
    small = mn.compact(net)
    mn.save(small, tmp_path / "small")
    same(small, mn.load(tmp_path / "small"))


def test_a_loaded_network_trains_on(tmp_path):
    net = mn.models.mlp(4, 8, 2, rng=0)
    mn.prune(net, 0.5)
    mn.save(net, tmp_path / "net")
    back = mn.load(tmp_path / "net")
    x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int)
    mn.fit(net, (x, y), epochs=2, rng=0, progress=False)
    mn.fit(back, (x, y), epochs=2, rng=0, progress=False)
    same(net, back)
    mn.save(net, tmp_path / "net")  # parameters are now views into one long vector
    same(net, mn.load(tmp_path / "net"))


def test_a_shared_layer_stays_shared(tmp_path):
    shared = mn.Dense(4, 4, rng=0)
    net = mn.Sequential(shared, mn.ReLU(), shared, mn.Residual(mn.Sequential(shared, mn.Tanh())))
    mn.save(net, tmp_path / "net")
    back = mn.load(tmp_path / "net")
    same(net, back)
    assert back.layers[0] is back.layers[2] is back.layers[3].branch.layers[0]
    assert len(back.params()) == 2


@pytest.fixture
def own_layer():
    class Weighing(mn.Layer):
        """A layer of a student's own: an argument before the star, a list, a tuple and a text."""

        def __init__(self, factor, *layers, names=("a",), more=None, word="x"):
            self.factor, self.layers, self.names, self.more, self.word = factor, list(layers), names, more or [], word

        def forward(self, x, rng=None):
            for layer in self.layers + self.more:
                x, _ = layer.forward(x)
            return self.factor * x, None

    yield Weighing
    mn.Layer.registry.pop("Weighing", None)


def test_a_layer_of_ones_own_comes_back_once_it_is_defined(own_layer, tmp_path):
    net = own_layer(np.float32(0.5), mn.Dense(3, 3, rng=0), names=("a", ("b", None)), more=[mn.Dense(3, 2, rng=1)])
    mn.save(net, tmp_path / "net")
    back = mn.load(tmp_path / "net")
    assert back.names == ("a", ("b", None)) and isinstance(back.more, list) and back.factor == 0.5
    np.testing.assert_array_equal(net(np.eye(3, dtype=np.float32)), back(np.eye(3, dtype=np.float32)))
    del mn.Layer.registry["Weighing"]
    with pytest.raises(mn.FormatError, match="'Weighing' is not known; define it before"):
        mn.load(tmp_path / "net")


def test_the_same_network_gives_the_same_bytes(tmp_path):
    net, files = mn.models.mlp(5, 4, 3, rng=0), [tmp_path / f"{number}.safetensors" for number in range(8)]
    for file in files:
        mn.save(net, file)
    assert len({file.read_bytes() for file in files}) == 1


def test_size(tmp_path):
    net = mn.models.lenet_300_100(rng=0)
    mn.save(net, tmp_path / "dense")
    mn.prune(net, 0.9)
    mn.save(net, tmp_path / "pruned")
    dense, pruned = (os.path.getsize(tmp_path / name) for name in ("dense", "pruned"))
    assert dense < 4 * 266_610 + 2000
    assert pruned <= 0.2 * dense
    same(net, mn.load(tmp_path / "pruned"))


# ---- the safetensors format -------------------------------------------------------------------------------


def raw(path):
    """The arrays of a safetensors file, read without the library."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    types = {"F32": "<f4", "U8": "u1"}
    return {name: np.frombuffer(content[end:][slice(*entry["data_offsets"])], types[entry["dtype"]])
            .reshape(entry["shape"]) for name, entry in header.items() if name != "__metadata__"}


def holds(arrays, net):
    """The arrays are those of the network: all numbers of a parameter, or the kept ones and a bit for each."""
    for param in net.params():
        if param.mask is None:
            np.testing.assert_array_equal(arrays.pop(param.path), param.data)
        else:
            np.testing.assert_array_equal(arrays.pop(f"{param.path}/kept"), param.data[param.mask])
            np.testing.assert_array_equal(arrays.pop(f"{param.path}/mask"), np.packbits(param.mask))
    assert not arrays


def test_a_file_is_safetensors(saved):
    holds(raw(saved), mn.load(saved))
    holds(load_file(saved), mn.load(saved))


def test_a_file_that_our_own_writer_wrote_is_read():
    """Before minnet used the safetensors library, it wrote the format itself; this file is from then."""
    path = Path(__file__).with_name("written_without_the_library.safetensors")
    net = mn.load(path)
    holds(raw(path), net)
    assert [type(layer).__name__ for layer in net.layers] == [
        "PatchEmbedding", "Residual", "MeanPool", "Dense", "ReLU", "Dense", "Dropout", "Dense"]
    assert net.layers[3] is net.layers[5] and net.input_shape == (6,) and net.layers[6].p == 0.1
    assert mn.sparsity(net) == pytest.approx(0.4, abs=0.01)
    assert np.isfinite(net(sample(net))).all() and np.ptp(net(sample(net)), axis=0).min() > 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_others_write_is_read(dtype, tmp_path):
    net = mn.models.tiny_transformer(rng=0).astype(dtype)
    mn.prune(net, 0.7)
    mn.save(net, tmp_path / "ours")
    with safe_open(tmp_path / "ours", "numpy") as file:
        save_file({name: file.get_tensor(name) for name in reversed(file.keys())}, tmp_path / "other", file.metadata())
    same(net, mn.load(tmp_path / "other"))


def test_arrays_in_any_memory_order_are_saved(tmp_path):
    net = mn.Sequential(mn.Dense(3, 4, rng=0), mn.Dense(4, 2, rng=0))
    for layer in net.layers:  # the library writes memory as it lies
        layer.weight._data = np.asfortranarray(layer.weight.data)
    net.layers[1].weight.mask = net.layers[1].weight.data > 0
    mn.save(net, tmp_path / "net")
    same(net, mn.load(tmp_path / "net"))


# ---- all or nothing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("function", "problem"), [("fsync", OSError("disk full")), ("replace", KeyboardInterrupt())])
def test_a_save_that_fails_leaves_the_old_file(function, problem, saved, monkeypatch):
    def fails(*_):
        raise problem

    before = saved.read_bytes()
    monkeypatch.setattr(os, function, fails)
    with pytest.raises(type(problem)):
        mn.save(mn.models.mlp(3, 2), saved)
    assert saved.read_bytes() == before
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]


def test_where_nothing_can_be_saved(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        mn.save(mn.models.mlp(3, 2), tmp_path / "nowhere" / "net")
    with pytest.raises(OSError):
        mn.save(mn.models.mlp(3, 2), tmp_path)
    with pytest.raises(FileNotFoundError):
        mn.load(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_loaded_is_not_saved(own_layer, tmp_path):
    tied = mn.models.mlp(4, 4, 4, rng=0)
    tied.layers[2].weight = tied.layers[0].weight
    mixed = mn.Sequential(mn.Dense(2, 2, rng=0), mn.Dense(2, 2, rng=0).astype("float64"))
    deep = mn.ReLU()
    for _ in range(70):
        deep = mn.Sequential(deep)
    for net, error in ((tied, ValueError), (mixed, TypeError), (deep, ValueError),
                       (own_layer(print), TypeError), (own_layer(float("nan")), TypeError),
                       (np.zeros(3), TypeError)):
        with pytest.raises(error):
            mn.save(net, tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


class Forgetful(mn.Layer):
    def __init__(self, n):
        self.weight = mn.Param(np.ones(n, np.float32), ("feature",))

    def forward(self, x, rng=None):
        return x * self.weight.value, None


def test_why_a_network_cannot_be_built_again_is_said(tmp_path):
    tied = mn.Sequential(mn.Dense(4, 4, rng=0), mn.Dense(4, 4, rng=1))
    tied.layers[1].weight = tied.layers[0].weight
    for net in (tied, Forgetful(3)):
        with pytest.raises(ValueError, match="must keep each argument as an attribute of the same name, and own its"):
            mn.save(net, tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


def test_what_was_pruned_before_saving_cannot_be_restored_after_loading(tmp_path):
    net = mn.models.mlp(6, 5, 3, rng=0)
    mn.prune(net, 0.5)
    mn.save(net, tmp_path / "net.safetensors")
    loaded = mn.load(tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match="cut"):
        mn.restore(loaded)
    assert mn.sparsity(loaded) == mn.sparsity(net)
    mn.restore(net)  # the original still has its numbers
    assert mn.sparsity(net) == 0
