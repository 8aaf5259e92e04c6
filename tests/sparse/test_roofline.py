"""The loops that measure the computer: they really multiply and load what they say."""

import numpy as np
import pytest

from minnet.nn.flat_params import aligned
from minnet.sparse import roofline


def test_the_loop_that_only_multiplies():
    numbers = aligned(96)
    numbers[:] = np.linspace(0.5, 1, 96)
    expected, factor = numbers.astype(np.float64).reshape(6, 16), numbers[:16].astype(np.float64)
    roofline.multiply_only.call(numbers, 7)
    np.testing.assert_allclose(numbers.reshape(6, 16), expected * (1 + factor) ** 7, rtol=1e-5)


@pytest.mark.parametrize("rounds", [0, 1, 3])
def test_the_loop_that_only_loads(rounds):
    array, numbers = aligned(256), np.zeros(96, np.float32)
    array[:] = np.arange(256)
    numbers[:16] = 1
    roofline.load_only.call(array, numbers, rounds)
    wanted = rounds * array.reshape(4, 4, 16).sum(axis=0)
    wanted[0] += 1
    assert np.array_equal(numbers[:64].reshape(4, 16), wanted)


def test_limits_are_rates():
    found = roofline.limits()
    assert all(np.isfinite(rate) and rate > 0 for rate in (found.multiply, found.cache, found.memory))


def test_the_fastest_trial_counts(monkeypatch):
    clock = iter([0, 5, 10, 12, 20, 21, 30, 38, 40, 44])
    monkeypatch.setattr(roofline, "perf_counter", lambda: next(clock))
    calls = []
    assert roofline._best(lambda: calls.append(1), 300) == 300
    assert len(calls) == 1 + roofline.TRIALS
