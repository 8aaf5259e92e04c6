"""Which signal an explorer opens with: both networks recognise it, and dropout doubts it while neurons are dropped."""

import numpy as np
import pytest

from minnet.data.dataset import Dataset, Split
from minnet.experiments.dropout_comparison import _Measurements

SIGNALS = np.arange(5.0, dtype=np.float32)[:, None]  # each signal is its own number
CLASSES = np.array([0, 1, 0, 1, 1])


class Net:
    """Recognises some signals; while neurons are dropped, it is wrong about each of them this often."""

    def __init__(self, known, wrong=(0, 0, 0, 0, 0)):
        self.known, self.wrong = np.array(known, bool), np.array(wrong)

    def __call__(self, x):
        return self.forward(x)[0]

    def forward(self, x, rng=None):
        signal = x[:, 0].astype(int)
        right = self.known[signal]
        if rng is not None:
            right = right & (rng.random(len(x)) >= self.wrong[signal])
        return np.eye(2)[np.where(right, CLASSES[signal], 1 - CLASSES[signal])], None


@pytest.mark.parametrize("net, pruned, opened", [
    (Net([0, 1, 1, 1, 1], [0.3, 0, 0.3, 0.9, 0.3]), Net([1, 1, 0, 1, 1]), 4),  # the first that shows all of it
    (Net([0, 1, 1, 1, 1], [0.3, 0.01, 0, 0.9, 0]), Net([1, 1, 1, 1, 1]), 1),   # hardly a doubt, or nothing but doubt
    (Net([0, 1, 1, 0, 0], [0.3, 0.3, 0.3, 0, 0]), Net([1, 0, 0, 1, 1]), 0),    # none that both recognise
])
def test_the_signal_to_open_with_is_chosen_from_the_networks(net, pruned, opened):
    exam = _Measurements(Dataset("five", *[Split(SIGNALS, CLASSES)] * 3, image_shape=(1,), class_names=("0", "1")),
                         seed=0)
    assert exam.telling(net, pruned, np.random.default_rng) == opened
