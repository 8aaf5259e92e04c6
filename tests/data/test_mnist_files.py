"""MNIST: where it is looked for, downloads from a server of our own, and the real thing where it is at hand."""

import gzip
import hashlib
import http.server
import math
import os
import shutil
import struct
import threading
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minnet.data import mnist, mnist_files


def known(name, content, packed=b""):
    """The entry of FILES of a file with this content."""
    return mnist_files.File(name, hashlib.sha256(packed).hexdigest(), hashlib.sha256(content).hexdigest())


@pytest.fixture
def small(monkeypatch):
    """A stand-in with the same four file names: 6000 + 20 images of 2 × 2 pixels."""
    rng = np.random.default_rng(0)
    contents = {}
    for part, n in (("train", 6000), ("test", 20)):
        contents[f"{part}_x"] = struct.pack(">4I", 0x803, n, 2, 2) + rng.bytes(4 * n)
        contents[f"{part}_y"] = struct.pack(">2I", 0x801, n) + rng.integers(10, size=n, dtype=np.uint8).tobytes()
    files = {name: known(mnist_files.FILES[name].name, content) for name, content in contents.items()}
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
    assert files_in(cache) == []


def test_a_wrong_file_of_ones_own_is_named_and_kept(small, cache, tmp_path, monkeypatch):
    small(tmp_path / "own")
    monkeypatch.setenv("MINNET_DATA", str(tmp_path / "own"))
    wrong = tmp_path / "own" / "t10k-labels-idx1-ubyte.gz"
    wrong.write_bytes(gzip.compress(b"something else"))
    with pytest.raises(ValueError, match=r"t10k-labels-idx1-ubyte\.gz is not the file of MNIST.*delete it"):
        mnist()
    assert gzip.decompress(wrong.read_bytes()) == b"something else"


@given(st.lists(st.integers(0, 5), max_size=4))
def test_idx_arrays_are_read(shape):
    array = np.arange(math.prod(shape), dtype=np.uint8).reshape(shape)
    written = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *shape) + array.tobytes()
    read = mnist_files._array(written)
    assert read.shape == array.shape and read.dtype == np.uint8
    np.testing.assert_array_equal(read, array)


# ---- downloads --------------------------------------------------------------------------------------------

CONTENT = bytes(range(256)) * 40
PACKED = gzip.compress(CONTENT)
FILE = known("thing.gz", CONTENT, PACKED)


def files_in(folder):
    return [path.name for path in folder.rglob("*") if path.is_file()]


@contextmanager
def mirror(answer):
    """A server on this computer; ``answer(handler, stop)`` sends whatever it likes."""
    stop, asked = threading.Event(), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            answer(self, stop)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/files", asked
    finally:
        stop.set()
        server.shutdown()
        thread.join()
        server.server_close()


def sends(body, length=None):
    def answer(handler, _):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def missing(handler, _):
    handler.send_error(404)


def stalls(handler, stop):
    sends(PACKED[:100], len(PACKED))(handler, stop)
    handler.wfile.flush()
    stop.wait(20)  # ends as soon as the test does


def never_ends(handler, stop):
    handler.send_response(200)
    handler.end_headers()
    try:
        while not stop.is_set():
            handler.wfile.write(bytes(100_000))
    except OSError:
        pass  # the other side hung up


BAD = {
    "404": missing,
    "cut, and says so": sends(PACKED[:-50], len(PACKED)),
    "cut, and doesn't say so": sends(PACKED[:-50]),
    "another file": sends(gzip.compress(CONTENT[::-1])),
    "not compressed at all": sends(b"<html>Please log in</html>"),
    "one byte flipped": sends(PACKED[:200] + bytes([PACKED[200] ^ 1]) + PACKED[201:]),
    "a bomb": sends(gzip.compress(bytes(50_000_000))),
    "empty": sends(b""),
    "stalls": stalls,
    "never ends": never_ends,
}


@pytest.fixture
def download(cache, monkeypatch):
    """Download thing.gz from mirrors."""
    monkeypatch.setattr(mnist_files, "TIMEOUT", 0.4)
    monkeypatch.setattr(mnist_files, "MOST_BYTES", 1_000_000)

    def download(*mirrors):
        monkeypatch.setattr(mnist_files, "MIRRORS", mirrors)
        return mnist_files._download(FILE)

    return download


@pytest.mark.parametrize("answer", BAD.values(), ids=BAD.keys())
def test_a_bad_mirror_leaves_nothing_and_the_next_one_is_asked(answer, download, cache, tmp_path):
    with mirror(answer) as (bad, asked), mirror(sends(PACKED)) as (good, _):
        with pytest.raises(OSError, match=r"(?s)no mirror gave thing\.gz.*/files/thing\.gz"):
            download(bad)
        assert asked == ["/files/thing.gz"]
        assert files_in(tmp_path) == []

        assert download(bad, good) == CONTENT
    assert files_in(tmp_path) == ["thing.gz"]
    assert mnist_files._find(FILE, cache) == CONTENT


def test_the_first_good_mirror_is_enough(download):
    with mirror(sends(PACKED)) as (good, _), mirror(sends(PACKED)) as (other, asked):
        assert download(good, other) == CONTENT
    assert asked == []


def test_the_progress_is_shown(download, capsys):
    with mirror(sends(PACKED)) as (good, _):
        download(good)
    assert "100%" in capsys.readouterr().err


def test_a_failed_download_keeps_what_was_there(download, cache):
    cache.mkdir(parents=True)
    (cache / "thing.gz").write_bytes(gzip.compress(CONTENT, 1))
    with mirror(missing) as (bad, _), pytest.raises(OSError):
        download(bad)
    assert gzip.decompress((cache / "thing.gz").read_bytes()) == CONTENT


def test_interrupted_while_it_is_put_into_place(download, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "move", interrupted)
    with mirror(sends(PACKED)) as (good, _), pytest.raises(KeyboardInterrupt):
        download(good)
    assert files_in(tmp_path) == []


def test_a_cache_that_takes_no_files_is_named(download, cache):
    cache.parent.mkdir()
    cache.write_text("a file where the folder should be")
    with mirror(sends(PACKED)) as (good, _), pytest.raises(OSError, match=r"(?s)cache/mnist.*MINNET_DATA"):
        download(good)


def test_a_cached_copy_that_went_bad_is_downloaded_anew(download, cache, monkeypatch):
    cache.mkdir(parents=True)
    (cache / "thing.gz").write_bytes(PACKED[:100])
    with mirror(sends(PACKED)) as (good, asked):
        monkeypatch.setattr(mnist_files, "MIRRORS", (good,))
        assert mnist_files._content(FILE) == CONTENT
        assert (cache / "thing.gz").read_bytes() == PACKED
        assert mnist_files._content(FILE) == CONTENT
    assert len(asked) == 1  # the second time it was there


def test_find_takes_packed_and_plain_files_and_names_wrong_ones(tmp_path):
    assert mnist_files._find(FILE, tmp_path) is None
    (tmp_path / "thing").write_bytes(CONTENT)
    assert mnist_files._find(FILE, tmp_path) == CONTENT
    (tmp_path / "thing.gz").write_bytes(gzip.compress(CONTENT, 1))  # packed otherwise than on the mirrors
    assert mnist_files._find(FILE, tmp_path) == CONTENT
    other, bomb = gzip.compress(bytes(99)), gzip.compress(bytes(50_000_000))
    for wrong, said in ((PACKED[:-9], "damaged or cut short"), (other, "not the file of MNIST"),
                        (bomb, "not the file of MNIST")):
        (tmp_path / "thing.gz").write_bytes(wrong)
        with pytest.raises(ValueError, match=rf"thing\.gz is {said}.*delete it"):
            mnist_files._find(FILE, tmp_path)


# ---- the real thing ---------------------------------------------------------------------------------------


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
