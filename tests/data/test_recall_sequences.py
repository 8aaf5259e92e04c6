"""Associative recall: every question has one right answer, and only looking it up finds it."""

import doctest

import numpy as np
import pytest

from minnet.data import mnist1d, recall, recall_sequences, spelled


def look_up(x, keys):
    """Answer by the rule of the task, from the one-hot rows alone."""
    pairs, question = x[:, :-1], x[:, -1, :keys]
    place = np.einsum("npk,nk->np", pairs[:, :, :keys], question).argmax(axis=1)
    return pairs[np.arange(len(x)), place, keys:].argmax(axis=1)


@pytest.mark.parametrize(("pairs", "keys", "values"), [(4, 8, 8), (1, 1, 1), (3, 3, 5), (6, 20, 2)])
def test_the_answer_is_the_value_of_the_key(pairs, keys, values):
    data = recall(pairs, keys, values, samples=(300, 20, 50), rng=1)
    assert data.image_shape == (pairs + 1, keys + values) and len(data.class_names) == values
    for part, n in ((data.train, 300), (data.val, 20), (data.test, 50)):
        x = part.x.reshape(n, *data.image_shape)
        assert x.dtype == np.float32 and part.y.dtype == np.int64 and not part.x.flags.writeable
        np.testing.assert_array_equal(x[:, :-1, :keys].sum(axis=2), 1)  # one key a token
        np.testing.assert_array_equal(x[:, :-1, keys:].sum(axis=2), 1)  # and one value
        assert x[:, :-1, :keys].sum(axis=1).max() == 1  # no key twice
        np.testing.assert_array_equal(x[:, -1].sum(axis=1), 1)  # the question names a key and no value
        np.testing.assert_array_equal(look_up(x, keys), part.y)


def test_the_most_frequent_value_is_mostly_wrong():
    data = recall(samples=(1, 1, 20_000))
    seen = data.test.x.reshape(-1, *data.image_shape)[:, :-1, 8:].sum(axis=1)
    assert np.mean(seen.argmax(axis=1) == data.test.y) < 0.43
    counts = np.bincount(data.test.y, minlength=8) / len(data.test)
    np.testing.assert_allclose(counts, 1 / 8, atol=0.02)  # and no answer is commoner than another


def test_the_seed_decides():
    np.testing.assert_array_equal(recall(rng=3).train.x, recall(rng=3).train.x)
    assert not np.array_equal(recall(rng=3).train.x, recall(rng=4).train.x)
    assert not np.array_equal(recall().train.x[:500], recall().val.x)


@pytest.mark.parametrize("wrong", [{"pairs": 9}, {"pairs": 0}, {"values": 0}, {"keys": 2.5}])
def test_impossible_sizes_say_what_to_write(wrong):
    with pytest.raises(ValueError, match=r"write for example recall\("):
        recall(**wrong)


@pytest.mark.parametrize("keys, names", [(8, "abcdefgh"), (30, None)])
def test_a_sequence_in_words_holds_its_own_answer(keys, names):
    data = recall(pairs=5, keys=keys, values=12, samples=(50, 1, 1), rng=2)
    for x, y in zip(data.train.x, data.train.y, strict=True):
        *pairs, question = spelled(data, x)
        values_of = dict(pair.split("→") for pair in pairs)
        assert len(values_of) == 5 and int(values_of[question.removesuffix("?")]) == y
        assert names is None or set(values_of) <= set(names)


def test_what_is_no_sequence_is_not_spelled():
    data = recall(samples=(9, 1, 1))
    with pytest.raises(ValueError, match=r"of 80 numbers, got an array of shape \(9, 80\)"):
        spelled(data, data.train.x)
    with pytest.raises(ValueError, match="mnist1d"):
        spelled(mnist1d(), data.train.x[0])


def test_the_example_in_the_text_is_true():
    assert doctest.testmod(recall_sequences).failed == 0
    assert doctest.testmod(recall_sequences).attempted > 0
