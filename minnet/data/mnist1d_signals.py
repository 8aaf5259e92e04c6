"""MNIST-1D: ten digits as short signals, generated in a tenth of a second, without a download.

Unlike MNIST, it separates models: the test accuracy of a linear model is 32%, of an MLP 68% and of a convolutional
network 94%.  Source: S. Greydanus (2020), Scaling down deep learning, arXiv:2011.14439; the procedure, its constants
and its seed are the author's (package mnist1d, Apache 2.0).
"""

from __future__ import annotations

import numpy as np

from minnet.data.dataset import Dataset, Split
from minnet.messages import flag, whole

SEED = 42  # the author's
SAMPLES, TRAIN = 5000, 4000  # the author's; the other 1000 are the test set
VALIDATION = 1000  # ours, generated with the next seed
LENGTH = 40

PADDING = 36, 60  # zeros after the digit, minimum and maximum
FULL = 12 + PADDING[1]  # points of the signal before the last step
SCALE = 0.4  # the height varies by half of this, up and down
MAX_SHIFT = 48
SMOOTH_NOISE, NOISE, SMOOTHNESS = 0.25, 0.02, 2
SHEAR = 0.75
NOT_ZERO = 1e-8  # marks the digit's own zeros, so that they differ from the padding

STROKES = np.array([  # the digits 0–9, drawn from bottom to top: the horizontal position of the pen
    [5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5],
    [5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5],
    [5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5],
    [5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5],
    [5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5],
    [5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5],
    [5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5],
    [5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5],
    [5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5],
    [5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5],
])


def mnist1d(shuffled=False, *, seed=SEED):
    """Signals of 40 points that show the digits 0–9, shifted, stretched, sheared and noisy.

    Parameters
    ----------
    shuffled : bool
        Permute the 40 points, the same way in all samples.  A model that relies on neighbouring points, such as a
        convolution, loses its advantage; an MLP is not affected.
    seed : int
        Another seed generates other signals in the same way, to repeat an experiment on fresh data.

    Returns
    -------
    Dataset
        ``x`` float32 (n, 40), ``y`` int64 (n,).  With the default seed, the 4000 training and 1000 test samples are
        exactly those of the paper; together they have mean 0 and standard deviation 1.  1000 more are generated for
        validation, so that the training set keeps its size.
    """
    shuffled, seed = flag(shuffled, "shuffled"), whole(seed, "seed")
    if seed + 1 >= 2**32:
        raise ValueError(f"seed is less than 2**32 - 1, got {seed}")
    rng = np.random.RandomState(seed)  # the legacy generator: the author's samples depend on its stream
    x, y = _samples(SAMPLES, rng)
    order = rng.permutation(LENGTH) if shuffled else np.arange(LENGTH)
    more_x, more_y = _samples(VALIDATION, np.random.RandomState(seed + 1))
    mean, std = x.mean(), x.std()
    x, more_x = (((a[:, order] - mean) / std).astype(np.float32) for a in (x, more_x))
    return Dataset("mnist1d_shuffled" if shuffled else "mnist1d", Split(x[:TRAIN], y[:TRAIN]), Split(more_x, more_y),
                   Split(x[TRAIN:], y[TRAIN:]), (1, LENGTH), tuple("0123456789"))


def _samples(n, rng):
    """Signals and labels, the same number of each digit, in random order."""
    y = np.repeat(np.arange(10), n // 10)
    x = _signals(y, rng)
    order = rng.permutation(n)
    return x[order], y[order]


def _signals(labels, rng):
    """One signal (LENGTH points) for each label; random numbers are drawn sample by sample, as in the original."""
    drawn = [(rng.rand(), rng.rand(), rng.randint(MAX_SHIFT), rng.randn(2, FULL), rng.rand()) for _ in labels]
    padding, height, shift, noise, slope = (np.array(column) for column in zip(*drawn, strict=True))

    padding = PADDING[0] + (padding * (PADDING[1] - PADDING[0] + 1)).astype(int)
    x = _padded(_templates()[labels], padding)
    x *= 1 + SCALE * (height[:, None] - 0.5)
    x = np.take_along_axis(x, (np.arange(FULL) - shift[:, None]) % FULL, axis=1)  # shift right, with wrap-around
    x = np.where(x == 0, _blurred(SMOOTH_NOISE * noise[:, 0]), x) + NOISE * noise[:, 1]
    x -= SHEAR * (slope[:, None] - 0.5) * np.linspace(-0.5, 0.5, FULL)
    return _resampled(x, LENGTH)


def _templates():
    """The ten strokes, (10, 12), each with standard deviation 1/6 and starting at 0."""
    x = (STROKES - STROKES.mean(axis=1, keepdims=True)) / STROKES.std(axis=1, keepdims=True)
    return (x - x[:, :1]) / 6


def _padded(x, padding):
    """Append ``padding`` zeros to each row, then resample all rows to the same length."""
    out = np.empty((len(x), FULL))
    for zeros in np.unique(padding):
        rows = padding == zeros
        out[rows] = _resampled(np.pad(x[rows] + NOT_ZERO, ((0, 0), (0, zeros))), FULL)
    return out


def _resampled(x, length):
    """Each row at ``length`` evenly spaced points, by linear interpolation."""
    old, new = np.linspace(0, 1, x.shape[1]), np.linspace(0, 1, length)
    left = np.searchsorted(old, new, side="right") - 1
    right = np.minimum(left + 1, len(old) - 1)
    part = (new - old[left]) / (old[1] - old[0])
    return x[:, left] + part * (x[:, right] - x[:, left])


def _blurred(x):
    """Each row smoothed by a Gaussian, truncated at four standard deviations; the ends are mirrored."""
    reach = 4 * SMOOTHNESS
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SMOOTHNESS) ** 2)
    mirrored = np.pad(x, ((0, 0), (reach, reach)), "symmetric")
    return sum(b * mirrored[:, i : i + x.shape[1]] for i, b in enumerate(bell / bell.sum()))
