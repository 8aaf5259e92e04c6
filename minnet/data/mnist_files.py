"""MNIST: 70,000 handwritten digits of 28 × 28 pixels, the data on which most pruning papers start.

Source: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits, made from NIST's
Special Databases 1 and 3; CC BY-SA 3.0.  It is not part of minnet: it is read from a folder of yours or
downloaded once (11 MB).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from minnet.data import idx, mirrors
from minnet.data.dataset import Dataset, Split

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
)
FILES = {
    "train_x": mirrors.Checked("train-images-idx3-ubyte.gz",
                               "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", 47_040_016),
    "train_y": mirrors.Checked("train-labels-idx1-ubyte.gz",
                               "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", 60_008),
    "test_x": mirrors.Checked("t10k-images-idx3-ubyte.gz",
                              "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", 7_840_016),
    "test_y": mirrors.Checked("t10k-labels-idx1-ubyte.gz",
                              "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", 10_008),
}
VALIDATION = 5_000  # the last of the 60,000 training images


def mnist():
    """The MNIST digits 0–9 (LeCun, Cortes, Burges; CC BY-SA 3.0), always split the same way.

    The four files are looked for in the folder that the environment variable ``MINNET_DATA`` names (in it, or in
    its subfolder ``mnist``), then in the user's cache folder, and are else downloaded into the latter.  Each
    is checked by its SHA-256.

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
    raw = {name: idx.parse(_content(file)) for name, file in FILES.items()}
    x, y = _ready(raw["train_x"], raw["train_y"])
    train, val = map(Split, np.split(x, [-VALIDATION]), np.split(y, [-VALIDATION]))
    return Dataset("mnist", train, val, Split(*_ready(raw["test_x"], raw["test_y"])), (28, 28), tuple("0123456789"))


def at_hand():
    """Whether `mnist` would find its files on this computer, without a download."""
    own = os.environ.get("MINNET_DATA")
    folders = ([Path(own) / "mnist", Path(own)] if own else []) + [_cache()]
    return all(any((folder / name).is_file() for folder in folders for name in (file.name, file.name[:-len(".gz")]))
               for file in FILES.values())


def _ready(images, labels):
    return (images.reshape(len(images), -1) / np.float32(255)), labels.astype(np.int64)


def _content(file):
    """The decompressed bytes of one of the four files, from wherever it is."""
    if own := os.environ.get("MINNET_DATA"):
        for folder in (Path(own) / "mnist", Path(own)):
            if (content := mirrors.find(file, folder)) is not None:
                return content
    cache = _cache()
    try:
        content = mirrors.find(file, cache)
    except ValueError:
        content = None  # our own copy went bad: fetch a new one
    if content is not None:
        return content
    try:
        return mirrors.fetch(file, MIRRORS, cache)
    except OSError as problem:
        names = "\n".join(f"  {MIRRORS[0]}/{f.name}" for f in FILES.values())
        raise OSError(f"{problem}\nMNIST is not on this computer and could not be downloaded. By hand: get\n{names}\n"
                      f"put them into {cache}, or into any other folder that the environment variable "
                      "MINNET_DATA names, and call mn.data.mnist() again.") from problem


def _cache():
    import pooch

    return Path(pooch.os_cache("minnet")) / "mnist"
