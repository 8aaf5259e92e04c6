"""Downloads against a server of our own: what arrives damaged is refused, and nothing half-written stays."""

import gzip
import hashlib
import http.server
import os
import threading
from contextlib import contextmanager

import pytest

from minnet.data import mirrors

CONTENT = bytes(range(256)) * 40
PACKED = gzip.compress(CONTENT)
FILE = mirrors.Checked("thing.gz", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


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


@pytest.mark.parametrize("answer", BAD.values(), ids=BAD.keys())
def test_a_bad_mirror_leaves_nothing_and_the_next_one_is_asked(answer, tmp_path):
    with mirror(answer) as (bad, asked), mirror(sends(PACKED)) as (good, _):
        with pytest.raises(OSError, match=r"(?s)no mirror gave thing\.gz.*/files/thing\.gz"):
            mirrors.fetch(FILE, [bad], tmp_path / "cache", timeout=0.4)
        assert asked == ["/files/thing.gz"]
        assert list(tmp_path.rglob("*")) == []

        assert mirrors.fetch(FILE, [bad, good], tmp_path / "cache", timeout=0.4) == CONTENT
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["thing.gz"]
    assert mirrors.find(FILE, tmp_path / "cache") == CONTENT


def test_the_first_good_mirror_is_enough(tmp_path):
    with mirror(sends(PACKED)) as (good, _), mirror(sends(PACKED)) as (other, asked):
        assert mirrors.fetch(FILE, [good + "/", other], tmp_path) == CONTENT
    assert asked == []


def test_nobody_there(tmp_path):
    with mirror(missing) as (gone, _):
        pass
    with pytest.raises(OSError, match="no mirror gave"):
        mirrors.fetch(FILE, [gone], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_download_keeps_what_was_there(tmp_path):
    (tmp_path / "thing.gz").write_bytes(PACKED)
    with mirror(missing) as (bad, _), pytest.raises(OSError):
        mirrors.fetch(FILE, [bad], tmp_path)
    assert (tmp_path / "thing.gz").read_bytes() == PACKED


def test_interrupted_while_it_is_put_into_place(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with mirror(sends(PACKED)) as (good, _), pytest.raises(KeyboardInterrupt):
        mirrors.fetch(FILE, [good], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_takes_no_files_is_only_a_pity(tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with mirror(sends(PACKED)) as (good, _), pytest.warns(UserWarning, match=r"thing\.gz can't be kept"):
        assert mirrors.fetch(FILE, [good], tmp_path / "cache") == CONTENT


def test_find_takes_packed_and_plain_files_and_names_wrong_ones(tmp_path):
    assert mirrors.find(FILE, tmp_path) is None
    (tmp_path / "thing").write_bytes(CONTENT)
    assert mirrors.find(FILE, tmp_path) == CONTENT
    (tmp_path / "thing.gz").write_bytes(PACKED)
    assert mirrors.find(FILE, tmp_path) == CONTENT
    (tmp_path / "thing.gz").write_bytes(PACKED[:-9])
    with pytest.raises(ValueError, match=r"thing\.gz is damaged or cut short.*delete it"):
        mirrors.find(FILE, tmp_path)
