"""Whatever network: compact, compile, save and load, pickle and copies predict what it predicts.

At full strength each test tries 2,500 networks or more (`tests/strength.py`).
"""

import copy
import pickle

import numpy as np
import pytest

import minnet as mn
from tests.closeness import tolerance
from tests.properties.random_networks import batch, draw
from tests.strength import every_case

pytestmark = pytest.mark.walks


def numbers(net):
    """Everything that has to be the same to the bit."""
    return [(p.path, p.axes, p.value.dtype, p.value.tobytes(), None if p.mask is None else p.mask.tobytes())
            for p in net.params()]


def close(found, net, x):
    """Assert that predictions are those of the network up to rounding.

    Some networks magnify rounding (LayerNorm divides by a small spread), as the network itself shows.
    """
    wanted = net(x)
    exact = net.astype("float64")(x)
    assert found.shape == wanted.shape, f"shape {found.shape}, wanted {wanted.shape}"
    if not wanted.size:
        return
    rounding = np.abs(net.astype("float32")(x) - exact).max()
    if net.dtype == np.float64 and found.dtype == np.float64:
        rounding *= np.finfo(np.float64).eps / np.finfo(np.float32).eps
    allowed = max(tolerance(found, wanted, terms=1), 10 * rounding)
    away = np.abs(found - wanted).max()
    assert away <= allowed, f"{away:.3g} away, allowed are {allowed:.3g}: {net!r:.200}"


def test_compact_predicts_the_same():
    def compacted(rng):
        net, shape, _ = draw(rng)
        x = batch(rng, shape)
        before = numbers(net)
        small = mn.compact(net, np.zeros((1, *shape)))
        close(small(x), net, x)
        assert numbers(net) == before
        again = mn.compact(small, np.zeros((1, *shape)))
        close(again(x), net, x)
        assert [p.shape for p in again.params()] == [p.shape for p in small.params()]  # nothing is left to take out

    every_case(compacted, everyday=200, full=10_000)


def test_compiled_it_predicts_the_same():
    def compiled(rng):
        net, shape, _ = draw(rng)
        format = str(rng.choice(["auto", "auto", "rows", "blocks", "2:4", "dense", "csr"]))
        predict = mn.sparse.compile(net, format)
        for _ in range(2):
            x = batch(rng, shape)
            found = predict(x)
            assert found.dtype == np.float32
            close(found, net, x)
        small = mn.compact(net, np.zeros((1, *shape)))
        close(mn.sparse.compile(small, format)(x), net, x)

    every_case(compiled, everyday=20, full=2500)


def test_saved_and_loaded_it_is_the_same_to_the_bit(tmp_path):
    path = tmp_path / "net.safetensors"

    def saved(rng):
        net, shape, tied = draw(rng)
        x = batch(rng, shape)
        small = mn.compact(net, np.zeros((1, *shape)))  # whose arrays may lie in memory in another order
        if tied and len(net.params()) < sum(len(layer.own_params()) for layer in set(layers(net))):
            with pytest.raises(ValueError, match="own its parameters alone"):
                mn.save(net, path)
            assert not path.exists()
            return
        for each in (net, small):
            mn.save(each, path)
            loaded = mn.load(path)
            assert numbers(loaded) == numbers(each)
            assert repr(loaded) == repr(each)
            assert loaded(x).tobytes() == each(x).tobytes()
            path.unlink()

    every_case(saved, everyday=60, full=2500)


def layers(net):
    return [layer for _, layer in net.walk()]


def pickled(it):
    return pickle.loads(pickle.dumps(it))


@pytest.mark.parametrize("again", [pickled, copy.deepcopy])
def test_a_copy_is_the_same_to_the_bit_and_independent(again):
    def copied(rng):
        net, shape, _ = draw(rng)
        x = batch(rng, shape)
        other, predict = again(net), mn.sparse.compile(net)
        assert numbers(other) == numbers(net)
        assert [p.cut_off for p in other.params()] == [p.cut_off for p in net.params()]
        assert all(p.mask is None or not p.mask.flags.writeable for p in other.params())
        wanted = net(x)
        assert other(x).tobytes() == wanted.tobytes()
        assert len(set(layers(other))) == len(set(layers(net)))  # a layer in two places is still one
        assert again(predict)(x).tobytes() == predict(x).tobytes()
        for param in other.params():
            param.data = np.ones(param.shape)
            param.mask = np.zeros(param.shape, bool)
        assert net(x).tobytes() == wanted.tobytes()

    every_case(copied, everyday=30, full=1000)
