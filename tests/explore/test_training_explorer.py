"""Training watched live: what is shown is what `mn.steps` would have done, at every step and however one got there."""

import re

import numpy as np
import pytest

import minnet as mn
from minnet.experiments.training_run import EVERY
from tests.closeness import assert_close


@pytest.fixture(scope="module")
def digits():
    return mn.data.digits()


@pytest.fixture
def explorer(digits):
    explorer = mn.explore.training(digits, hidden=8, count=120)
    explorer.set(pace="1,000")
    yield explorer
    explorer.close()
    assert explorer.errors == []


def rings():
    y = np.arange(100) % 2
    angle = np.linspace(0, 40, 100)
    return np.column_stack([np.cos(angle), np.sin(angle)]) * (1 + y)[:, None], y


def said(explorer):
    return re.sub("<[^>]+>", "", explorer._sentence.value)


def finish(explorer):
    explorer.play()
    assert explorer.wait(120)


def same(net, other):
    return all(np.array_equal(a.data, b.data) for a, b in zip(net.params(), other.params(), strict=True))


def by_hand(data, count, hidden=8, rate=0.1, seed=0):
    net = mn.models.mlp(64, hidden, 10, rng=seed)
    for _ in zip(range(count), mn.steps(net, data.train, mn.SGD(rate), count=10_000, rng=seed)):  # noqa: B905
        pass
    return net


def check(explorer, data):
    """Numbers, words and artists against the network."""
    shown, text, split = explorer.shown, said(explorer), data.val
    sample = explorer.state["sample"]
    found = mn.evaluate(explorer.experiment.net, split)
    hidden = explorer.experiment.net.layers[1](explorer.experiment.net.layers[0](split.x))
    assert shown.accuracy == found.accuracy and shown.loss == found.loss
    assert shown.inactive == np.sum((hidden == 0).all(axis=0))
    assert_close(shown.hidden, hidden[sample])
    assert shown.truth == split.y[sample] and shown.answer == found.predicted[sample]
    assert shown.chances.sum() == pytest.approx(1, abs=1e-5)
    assert f"Step {explorer.experiment.step:,} of {explorer.experiment.count:,}" in text
    assert f"{found.accuracy:.1%} of {len(split)} validation samples right" in text
    assert f"The chosen sample is a {split.y[sample]}; the network says {found.predicted[sample]}" in text
    assert explorer._chances.get_data()[0] == pytest.approx(shown.chances)
    np.testing.assert_array_equal(explorer._chosen.get_array().ravel(), split.x[sample])
    traces = explorer._traces
    assert [point.get_xdata()[0] for *_, point in (traces.loss, traces.right)] == [explorer.experiment.step] * 2
    assert traces.right[2].get_ydata()[0] == pytest.approx(max(100 * found.accuracy, 0.01))
    assert shown.curve[:, 0].tolist() == list(range(0, explorer.experiment.step + 1, EVERY))


def test_the_learner_starts_it_and_it_stops_by_itself(explorer, digits):
    assert explorer.experiment.step == 0 and not explorer.job.running
    check(explorer, digits)
    finish(explorer)
    assert explorer.experiment.step == 120 and explorer._play.description == "Play"
    check(explorer, digits)
    assert same(explorer.experiment.net, by_hand(digits, 120))
    explorer._play.click()
    assert "Press Start over" in explorer._message.value and not explorer.job.running


def test_step_by_step_is_the_same_as_in_one_go(explorer, digits):
    one = next(button for row in explorer.widget.children for button in getattr(row, "children", ())
               if getattr(button, "description", "") == "One step")
    for count in range(1, 13):
        one.click()
        check(explorer, digits)
        assert explorer.experiment.step == count
    assert same(explorer.experiment.net, by_hand(digits, 12))
    finish(explorer)
    assert same(explorer.experiment.net, by_hand(digits, 120))


def test_start_over_gives_the_same_run_again_and_keeps_the_last_one_in_grey(explorer, digits):
    finish(explorer)
    first = explorer.shown.curve
    explorer.set(rate=0.01)
    explorer.start_over()
    assert explorer.experiment.step == 0 and np.array_equal(explorer.shown.before, first)
    assert explorer._traces.loss[0].get_xydata()[:, 1] == pytest.approx(first[:, 1])
    finish(explorer)
    assert same(explorer.experiment.net, by_hand(digits, 120, rate=0.01))
    explorer.set(rate=0.1)
    explorer.start_over()
    finish(explorer)
    assert np.array_equal(explorer.shown.curve, first)


def test_another_width_or_seed_is_another_network(explorer, digits):
    explorer.set(hidden=5, seed=3)
    assert explorer.experiment.step == 0
    finish(explorer)
    assert same(explorer.experiment.net, by_hand(digits, 120, hidden=5, seed=3))
    assert explorer._subject.drawn == 5
    check(explorer, digits)


def test_the_rate_can_be_turned_while_it_runs(digits):
    explorer = mn.explore.training(digits, hidden=8, count=100_000)
    explorer.set(pace="1,000")
    explorer.play()
    while explorer.experiment.step < 50:
        explorer.set(sample=(explorer.state["sample"] + 1) % 360)
    explorer.set(rate=10)
    with explorer._lock:
        assert explorer.experiment.rate == 10 and explorer.job.running
    explorer.pause()
    assert explorer.wait(30)
    check(explorer, digits)
    explorer.close()
    assert explorer.errors == []


def test_reset_shows_the_first_picture_again(explorer):
    explorer.set(pace="100")
    first = explorer.png()
    explorer.one_step()
    assert explorer.png() != first
    explorer.set(sample=7, hidden=12)
    explorer.reset()
    assert explorer.png() == first


def test_points_are_shown_in_their_plane():
    x, y = rings()
    explorer = mn.explore.training((x, y), hidden=4, rate=0.3, count=400)
    explorer.set(pace="1,000", sample=3)
    before = explorer._subject.image.get_array().copy()
    assert np.array_equal(explorer._chosen.get_xydata(), x[3:4])
    finish(explorer)
    assert not np.array_equal(explorer._subject.image.get_array(), before)
    assert len(explorer._subject.folds.get_segments()) == 4
    assert "of 100 samples right" in said(explorer)
    explorer.set(hidden=2)
    assert len(explorer._subject.folds.get_segments()) == 2
    explorer.close()
    assert explorer.errors == []


@pytest.mark.filterwarnings("error")
def test_a_run_into_infinity_is_shown_and_not_warned_of(digits):
    explorer = mn.explore.training(digits, hidden=8, rate=1e30, count=40)
    explorer.set(pace="1,000")
    finish(explorer)
    assert not np.isfinite(explorer.shown.loss) or explorer.shown.loss > 1e6
    assert explorer.shown.accuracy < 0.3
    assert explorer._traces.loss[2].get_ydata()[0] == 100  # the top
    explorer.close()
    assert explorer.errors == []
