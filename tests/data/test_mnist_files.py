"""MNIST: where it is looked for, what is said when it is nowhere, and the real thing where it is at hand."""

import gzip
import hashlib
import os
import struct

import numpy as np
import pytest

from minnet.data import mirrors, mnist, mnist_files


@pytest.fixture
def small(monkeypatch):
    """A stand-in with the same four file names: 6000 + 20 images of 2 × 2 pixels."""
    rng = np.random.default_rng(0)
    contents = {}
    for part, n in (("train", 6000), ("test", 20)):
        contents[f"{part}_x"] = struct.pack(">4I", 0x803, n, 2, 2) + rng.bytes(4 * n)
        contents[f"{part}_y"] = struct.pack(">2I", 0x801, n) + rng.integers(10, size=n, dtype=np.uint8).tobytes()
    files = {name: mirrors.Checked(mnist_files.FILES[name].name, hashlib.sha256(c).hexdigest(), len(c))
             for name, c in contents.items()}
    monkeypatch.setattr(mnist_files, "FILES", files)
    monkeypatch.setattr(mnist_files, "MIRRORS", ("http://127.0.0.1:9/a", "http://127.0.0.1:9/b"))  # nobody there

    def put(folder, packed=True):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            path = folder / files[name].name
            if packed:
                path.write_bytes(gzip.compress(content, 1))
            else:
                path.with_suffix("").write_bytes(content)

    return put


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist_files, "_cache", lambda: tmp_path / "cache" / "mnist")
    monkeypatch.delenv("MINNET_DATA", raising=False)
    return tmp_path / "cache" / "mnist"


@pytest.mark.parametrize("place", ["own", "own/mnist", "cache/mnist"])
@pytest.mark.parametrize("packed", [True, False])
def test_every_place_is_looked_at(small, cache, tmp_path, monkeypatch, place, packed):
    small(tmp_path / place, packed)
    monkeypatch.setenv("MINNET_DATA", str(tmp_path / "own"))
    data = mnist()
    assert [len(part) for part in (data.train, data.val, data.test)] == [1000, 5000, 20]
    assert data.train.x.dtype == np.float32 and data.train.y.dtype == np.int64
    assert not any(part.x.flags.writeable or part.y.flags.writeable for part in (data.train, data.val, data.test))
    assert data.train.x.min() >= 0 and data.train.x.max() == 1


def test_nowhere_and_offline_says_how_to_do_it_by_hand(small, cache):
    with pytest.raises(OSError) as caught:
        mnist()
    for said in ("127.0.0.1:9/a/train-images", "127.0.0.1:9/b/train-images", "By hand", "MINNET_DATA", str(cache),
                 *(file.name for file in mnist_files.FILES.values())):
        assert said in str(caught.value)
    assert not cache.exists()


def test_a_wrong_file_of_ones_own_is_named_and_kept(small, cache, tmp_path, monkeypatch):
    small(tmp_path / "own")
    monkeypatch.setenv("MINNET_DATA", str(tmp_path / "own"))
    wrong = tmp_path / "own" / "t10k-labels-idx1-ubyte.gz"
    wrong.write_bytes(gzip.compress(b"something else"))
    with pytest.raises(ValueError, match=r"t10k-labels-idx1-ubyte\.gz is not the expected file"):
        mnist()
    assert gzip.decompress(wrong.read_bytes()) == b"something else"


def test_a_cached_copy_that_went_bad_is_fetched_anew(small, cache, monkeypatch):
    small(cache)
    bad = cache / "train-labels-idx1-ubyte.gz"
    good = bad.read_bytes()
    bad.write_bytes(good[:100])

    def fetched(file, addresses, folder):
        (folder / file.name).write_bytes(good)
        return gzip.decompress(good)

    monkeypatch.setattr(mirrors, "fetch", fetched)
    assert len(mnist().train) == 1000
    assert bad.read_bytes() == good


@pytest.mark.skipif("MINNET_DATA" not in os.environ, reason="MINNET_DATA, the folder of larger data sets, is not set")
def test_the_real_thing():
    data = mnist()
    assert [len(part) for part in (data.train, data.val, data.test)] == [55_000, 5_000, 10_000]
    assert data.train.x.shape == (55_000, 784) and data.image_shape == (28, 28)
    # The figures by which the literature normalises MNIST (0.1307 and 0.3081, over all 60,000).
    everything = np.concatenate([data.train.x, data.val.x])
    assert abs(everything.mean(dtype=np.float64) - 0.1307) < 5e-5
    assert abs(everything.std(dtype=np.float64) - 0.3081) < 5e-5
    assert data.train.y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.test.y[:5].tolist() == [7, 2, 1, 0, 4]
    image = data.train.x[0].reshape(28, 28)
    assert image[:5].max() == 0 and image.max() == 1  # a five, in the middle of an empty border
