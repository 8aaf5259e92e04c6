"""Associative recall: a list of pairs, then a question about one of them.

To answer, a network has to find the position of the question's key, which an attention head can do and an MLP
can't do well.  So the task shows which heads matter: without the head that does this look-up, accuracy drops to chance
level; without another one, nothing happens.  After J. Ba et al. (2016), Using fast weights to attend to the recent
past, arXiv:1610.06258, section 4.1, with key and value as one token.
"""

from __future__ import annotations

import math
from string import ascii_lowercase

import numpy as np

from minnet.data.dataset import Dataset, Split
from minnet.messages import generator, numbers, sequence, short, whole


def recall(pairs=4, keys=8, values=8, samples=(4000, 500, 1000), rng=0):
    """Generate sequences such as ``c→2  a→7  h→2  b→0  a?``, whose answer is 7.

    Each of the first ``pairs`` tokens is a key with its value; the last token, the question, is one of these keys
    alone.  A token is a row of ``keys + values`` numbers: a 1 for the key, a 1 for the value (none in the question),
    else 0.  All keys of a sequence differ; values may repeat.  The most frequent value of a sequence, whatever the
    question, is correct in 41% of the default sequences.

    Parameters
    ----------
    pairs : int
        Pairs before the question.
    keys, values : int
        Number of different keys and values; at least as many keys as pairs.
    samples : (int, int, int)
        Sequences for training, validation and test.
    rng : numpy.random.Generator, seed or None
        The same seed gives the same sequences.

    Returns
    -------
    Dataset
        ``x`` float32 (n, tokens · width), which ``image_shape`` (tokens, width) = (pairs + 1, keys + values)
        turns back into rows; ``y`` int64 (n,), the value asked for.

    Examples
    --------
    >>> data = recall(pairs=2, keys=3, values=2, samples=(100, 10, 10))
    >>> data.train.x[0].reshape(data.image_shape)  # c→0  a→1  c?
    array([[0., 0., 1., 1., 0.],
           [1., 0., 0., 0., 1.],
           [0., 0., 1., 0., 0.]], dtype=float32)
    >>> int(data.train.y[0])
    0
    """
    for name, count, least in (("pairs", pairs, 1), ("keys", keys, pairs), ("values", values, 1)):
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < least:
            raise ValueError(f"{name} is a whole number, at least {least}, got {count!r}; each pair needs a key of "
                             "its own: write for example recall(pairs=4, keys=8, values=8)")
    samples = sequence(samples, "samples", whole, "(4000, 500, 1000)")
    if len(samples) != 3:
        raise ValueError(f"samples are three numbers, for training, validation and test, got {samples}")
    rng = generator(rng)
    train, val, test = (Split(*_sequences(n, pairs, keys, values, rng)) for n in samples)
    return Dataset("recall", train, val, test, (pairs + 1, keys + values), tuple(map(str, range(values))))


def spelled(data, x):
    """A sequence in readable form, a string for each token.

    Parameters
    ----------
    data : Dataset
        Made by `recall`.
    x : ndarray, (tokens · width,)
        One of its samples.

    Returns
    -------
    list of str

    Examples
    --------
    >>> data = recall(pairs=2, keys=3, values=2, samples=(100, 10, 10))
    >>> spelled(data, data.train.x[0])
    ['c→0', 'a→1', 'c?']
    """
    x = numbers(x, "x")
    if getattr(data, "name", None) != "recall":
        raise ValueError(f"spelled writes down sequences of mn.data.recall(), got one of {short(data)}")
    if np.size(x) != math.prod(data.image_shape):
        raise ValueError(f"spelled takes one sample of {math.prod(data.image_shape)} numbers, got an array of shape "
                         f"{np.shape(x)}; write for example mn.data.spelled(data, data.val.x[0])")
    rows, keys = np.reshape(x, data.image_shape), data.image_shape[1] - len(data.class_names)
    names = [ascii_lowercase[key] if keys <= len(ascii_lowercase) else f"k{key}"
             for key in rows[:, :keys].argmax(axis=1)]
    *pairs, question = zip(names, rows[:, keys:].argmax(axis=1), strict=True)
    return [*(f"{key}→{value}" for key, value in pairs), f"{question[0]}?"]


def _sequences(n, pairs, keys, values, rng):
    row, position = np.arange(n), np.arange(pairs)
    key = rng.permuted(np.tile(np.arange(keys), (n, 1)), axis=1)[:, :pairs]
    value = rng.integers(values, size=(n, pairs))
    asked = rng.integers(pairs, size=n)
    x = np.zeros((n, pairs + 1, keys + values), np.float32)
    x[row[:, None], position, key] = 1
    x[row[:, None], position, keys + value] = 1
    x[row, -1, key[row, asked]] = 1
    return x.reshape(n, -1), value[row, asked].astype(np.int64)
