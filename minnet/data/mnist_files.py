"""MNIST: 70,000 handwritten digits of 28 × 28 pixels, the data on which most pruning papers start.

Source: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits, made from NIST's
Special Databases 1 and 3; CC BY-SA 3.0.  It is not part of minnet: it is read from a folder of yours or
downloaded once (11 MB).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minnet.data.dataset import Dataset, Split

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
)


class File(NamedTuple):
    """One of the four files: its name, and the SHA-256 of what the mirrors send and of what is inside."""

    name: str
    packed: str
    content: str


FILES = {
    "train_x": File("train-images-idx3-ubyte.gz", "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    "train_y": File("train-labels-idx1-ubyte.gz", "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    "test_x": File("t10k-images-idx3-ubyte.gz", "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                   "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    "test_y": File("t10k-labels-idx1-ubyte.gz", "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                   "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
}
MOST_BYTES = 47_040_016  # no file is longer, even unpacked: more is neither downloaded nor unpacked
TIMEOUT = 20  # seconds without a byte after which the next mirror is asked
VALIDATION = 5_000  # the last of the 60,000 training images


def mnist():
    """The MNIST digits 0–9 (LeCun, Cortes, Burges; CC BY-SA 3.0), always split the same way.

    The four files are looked for in the folder that the environment variable ``MINNET_DATA`` names (in it, or in
    its subfolder ``mnist``), then in your cache folder, and are else downloaded into the latter.  Each is checked
    by its SHA-256.

    Returns
    -------
    Dataset
        ``x`` float32 (n, 784) between 0 and 1, 28 rows of 28 pixels; ``y`` int64 (n,).  Of the 60,000 training
        images the first 55,000 are for training and the last 5,000 for validation (the split of Frankle &
        Carbin 2019); all 10,000 test images are for the test.

    Raises
    ------
    OSError
        If the files are nowhere and can't be downloaded; says how to do it by hand.
    ValueError
        If a file in ``MINNET_DATA`` is not MNIST's.
    """
    raw = {name: _array(_content(file)) for name, file in FILES.items()}
    x, y = _ready(raw["train_x"], raw["train_y"])
    train, val = map(Split, np.split(x, [-VALIDATION]), np.split(y, [-VALIDATION]))
    return Dataset("mnist", train, val, Split(*_ready(raw["test_x"], raw["test_y"])), (28, 28), tuple("0123456789"))


def at_hand():
    """Whether `mnist` would find its files on this computer, without a download."""
    own = os.environ.get("MINNET_DATA")
    folders = ([Path(own) / "mnist", Path(own)] if own else []) + [_cache()]
    return all(any((folder / name).is_file() for folder in folders for name in _names(file))
               for file in FILES.values())


def _ready(images, labels):
    return (images.reshape(len(images), -1) / np.float32(255)), labels.astype(np.int64)


def _array(content):
    """The array in an IDX file: two zero bytes, the number type, how many axes, the length of each, the numbers.

    All four files hold unsigned bytes, and what comes here has the right SHA-256.
    """
    axes = content[3]
    shape = np.frombuffer(content, ">u4", axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def _content(file):
    """The unpacked bytes of one of the four files, from wherever it is."""
    if own := os.environ.get("MINNET_DATA"):
        for folder in (Path(own) / "mnist", Path(own)):
            if (content := _find(file, folder)) is not None:
                return content
    try:
        content = _find(file, _cache())
    except ValueError:  # the copy in the cache went bad: download a new one
        content = None
    return _download(file) if content is None else content


def _find(file, folder):
    """The unpacked bytes of a file in a folder, where it may be gzipped or not; None if it isn't there."""
    path = next((path for name in _names(file) if (path := folder / name).is_file()), None)
    if path is None:
        return None
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":  # gzip
        try:
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(MOST_BYTES)
        except (EOFError, OSError, zlib.error) as problem:
            raise ValueError(f"{path} is damaged or cut short ({problem}); delete it, and put the right one there, or "
                             "let mn.data.mnist() download it") from problem
    if (found := hashlib.sha256(content).hexdigest()) != file.content:
        raise ValueError(f"{path} is not the file of MNIST: its content has SHA-256 {found[:12]}… and not "
                         f"{file.content[:12]}…; delete it, and put the right one there, or let mn.data.mnist() "
                         "download it")
    return content


def _download(file):
    """The unpacked bytes of a file from the first mirror that sends it whole; it stays in the cache."""
    import pooch

    failures = []
    for mirror in MIRRORS:
        url = f"{mirror}/{file.name}"
        try:
            pooch.retrieve(url, f"sha256:{file.packed}", file.name, _cache(), downloader=_receive)
            return _find(file, _cache())
        except (OSError, ValueError) as problem:  # OSError: also what requests raises; ValueError: another file
            failures.append(f"  {url}: {problem}")
    raise OSError("\n".join([
        f"MNIST is not on this computer, and no mirror gave {file.name}:", *failures, "By hand: get",
        *(f"  {MIRRORS[0]}/{each.name}" for each in FILES.values()),
        f"put them into {_cache()}, or into any other folder that the environment variable MINNET_DATA names, and call "
        "mn.data.mnist() again."]))


def _receive(url, path, _):
    """Write what a mirror sends into a file, and show the progress."""
    import pooch

    with _Limited(path, "w") as file:
        pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT)(url, file, None)


class _Limited(io.FileIO):
    """A file that a mirror that never stops can't fill the disk with."""

    def write(self, more):
        if self.tell() + len(more) > MOST_BYTES:
            raise OSError(f"sent more than {MOST_BYTES:,} bytes")
        return super().write(more)


def _names(file):
    return file.name, file.name.removesuffix(".gz")


def _cache():
    import pooch

    return Path(pooch.os_cache("minnet")) / "mnist"
