"""1797 real handwritten digits, 8 × 8 pixels, as they come with scikit-learn.

Source: E. Alpaydin, C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI repository, CC BY 4.0.
"""

from __future__ import annotations

import numpy as np

from minnet.data.dataset import Dataset, Split

SPLIT_SEED = 0  # every lesson, test and benchmark uses the same split


def digits():
    """The handwritten digits 0–9, always with the same split.

    Returns
    -------
    Dataset
        ``x`` float32 (n, 64) between 0 and 1, ``y`` int64 (n,).  Of each class, 60% are for training, 20%
        for validation and 20% for the test.
    """
    from sklearn.datasets import load_digits  # scikit-learn loads slowly, so only when needed

    raw = load_digits()
    x = (raw.data / 16).astype(np.float32)
    y = raw.target.astype(np.int64)
    rng = np.random.default_rng(SPLIT_SEED)
    parts = [], [], []
    for label in range(10):
        rows = rng.permutation(np.flatnonzero(y == label))
        ends = np.round(np.array([0.6, 0.8]) * len(rows)).astype(int)
        for part, some in zip(parts, np.split(rows, ends), strict=True):
            part.append(some)
    train, val, test = (Split(x[rows], y[rows]) for rows in (np.sort(np.concatenate(p)) for p in parts))
    return Dataset("digits", train, val, test, (8, 8), tuple("0123456789"))
