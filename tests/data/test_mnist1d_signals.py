"""MNIST-1D: the author's samples number for number, and what a data set owes its readers."""

import numpy as np
import pytest

from minnet.data import mnist1d
from minnet.data.mnist1d_signals import SEED


@pytest.fixture(scope="module", params=[False, True], ids=["ordered", "shuffled"])
def made(request):
    return request.param, mnist1d(shuffled=request.param)


def test_equals_the_package_of_the_author():
    """The shuffled form holds all there is to compare; the next tests tie the ordered form to it."""
    package = pytest.importorskip("mnist1d.data", reason="the package mnist1d is not installed (extra: compare)")
    ours = mnist1d(shuffled=True)
    settings = package.get_dataset_args()
    settings.shuffle_seq = True
    before = np.random.get_state()  # noqa: NPY002 — the package seeds NumPy's global generator; restore it
    theirs = package.make_dataset(settings)
    np.random.set_state(before)  # noqa: NPY002

    np.testing.assert_allclose(ours.train.x, theirs["x"], rtol=0, atol=5e-7)
    np.testing.assert_array_equal(ours.train.y, theirs["y"])
    np.testing.assert_allclose(ours.test.x, theirs["x_test"], rtol=0, atol=5e-7)
    np.testing.assert_array_equal(ours.test.y, theirs["y_test"])


def test_has_the_form_of_a_data_set(made):
    _, data = made
    for part, n in ((data.train, 4000), (data.val, 1000), (data.test, 1000)):
        assert part.x.shape == (n, 40) and part.x.dtype == np.float32
        assert part.y.shape == (n,) and part.y.dtype == np.int64
        assert not part.x.flags.writeable and not part.y.flags.writeable
        assert set(part.y) == set(range(10))
    assert data.image_shape == (1, 40) and len(data.class_names) == 10
    everything = np.concatenate([data.train.x, data.test.x])
    assert abs(everything.mean()) < 1e-6 and abs(everything.std() - 1) < 1e-6


def test_validation_samples_are_new_and_alike(made):
    _, data = made
    assert np.bincount(data.val.y).tolist() == [100] * 10
    known = {x.tobytes() for x in (*data.train.x, *data.test.x)}
    assert not any(x.tobytes() in known for x in data.val.x)
    # At each position, mean and standard deviation are those of the training samples, up to sampling noise.
    np.testing.assert_allclose(data.val.x.mean(axis=0), data.train.x.mean(axis=0), atol=0.15)
    np.testing.assert_allclose(data.val.x.std(axis=0), data.train.x.std(axis=0), atol=0.12)


def test_samples_known_without_the_package():
    # Printed once by the author's package, version 0.0.2.post1; they hold where it is not installed.
    data = mnist1d()
    np.testing.assert_allclose(data.train.x[0, :4], [-0.3320057, -0.4719104, -0.7786971, -1.0097408], atol=5e-7)
    np.testing.assert_allclose(data.test.x[-1, -4:], [0.4472329, 0.6598756, 0.8777343, 1.1931518], atol=5e-7)
    assert data.train.y[:8].tolist() == [2, 6, 4, 5, 6, 6, 6, 0]


def test_shuffling_moves_points_and_nothing_else():
    straight, mixed = mnist1d(), mnist1d(shuffled=True)
    assert not np.array_equal(straight.test.x, mixed.test.x)
    np.testing.assert_array_equal(np.sort(straight.test.x), np.sort(mixed.test.x))
    order = [np.flatnonzero((mixed.test.x == column[:, None]).all(axis=0)) for column in straight.test.x.T]
    assert sorted(int(place[0]) for place in order) == list(range(40))  # one order, the same for all samples


def test_another_seed_draws_other_signals_by_the_same_recipe():
    names = "train", "val", "test"
    usual, other = ([getattr(mnist1d(seed=seed), name).x for name in names] for seed in (SEED, 7))
    assert len({part[0].tobytes() for part in (*usual, *other)}) == 6  # no signal of one part begins another
    for one, new in zip(usual, other, strict=True):
        assert one.shape == new.shape
        assert abs(one.mean() - new.mean()) < 0.1 and abs(one.std() - new.std()) < 0.1


def test_twice_the_same_and_the_global_generator_is_unchanged():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = mnist1d(), mnist1d()
    np.testing.assert_array_equal(first.train.x, second.train.x)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_a_linear_model_finds_it_hard_and_neighbours_easy():
    """The point of the data set: nearest class means fail, as in the paper's table (logistic regression: 32 %)."""
    data = mnist1d()
    means = np.stack([data.train.x[data.train.y == c].mean(axis=0) for c in range(10)])
    said = ((data.test.x[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    assert 0.15 < np.mean(said == data.test.y) < 0.45
