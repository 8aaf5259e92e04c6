"""The regrowth explorer without a browser: what it trains is what the loop by hand would have trained."""

import re
import threading

import numpy as np
import pytest

import minnet as mn
from minnet.experiments.dynamic_sparse_training import METHODS, Recipe
from minnet.widgets.controls import few

COUNT = 60


def make(seed):
    return mn.models.mlp(64, 16, 12, 10, rng=seed)


@pytest.fixture(scope="module")
def digits():
    return few(mn.data.digits())


@pytest.fixture
def explorer(digits):
    explorer = mn.explore.regrowth(make, digits, count=COUNT)
    explorer.set(final=90, every=10)
    yield explorer
    explorer.close()
    assert explorer.errors == []


@pytest.fixture
def trained(explorer):
    train(explorer)
    return explorer


def said(explorer):
    return re.sub("<[^>]+>", "", explorer._sentence.value)


def train(explorer, **state):
    explorer.set(**state)
    explorer._training.start.click()
    assert explorer.wait(120)
    return Recipe(*(explorer.state[name] for name in Recipe._fields))


def by_hand(method, recipe, digits):
    """The same training as a learner would write it; the network, and how many weights have moved."""
    net, moved, rng = make(recipe.seed), 0, np.random.default_rng(recipe.seed)
    if method != "gradual":
        mn.prune(net, mn.erdos_renyi(net, recipe.final / 100), "random", scope=mn.layer, rng=rng)
    fraction = mn.drop_fraction(recipe.fraction / 100, stop=recipe.until / 100 * COUNT)
    cubic = mn.cubic(recipe.final / 100, start=0.1 * COUNT, stop=0.75 * COUNT)
    for step in mn.steps(net, digits.train, count=COUNT, rng=recipe.seed):
        done = step.index + 1
        if method == "gradual" and done % 20 == 0:
            mn.prune(net, mn.erdos_renyi(net, cubic(done)), scope=mn.layer)
        if method == "SET" and done % recipe.every == 0:
            moved += mn.set_step(net, fraction(done), rng=rng)
        if method == "RigL" and done % recipe.every == 0:
            moved += mn.rigl_step(net, fraction(done))
    return net, moved


@pytest.mark.parametrize("state", [{}, {"fraction": 80, "every": 5, "until": 100}, {"final": 95, "seed": 3}], ids=str)
def test_it_trains_what_the_loop_by_hand_would_train(explorer, digits, state):
    recipe = train(explorer, **state)
    kept = set()
    for method in METHODS:
        net, moved = by_hand(method, recipe, digits)
        last = explorer.experiment.course(method, recipe)[-1]
        assert (last.step, last.accuracy, last.moved) == (COUNT, mn.accuracy(net, digits.val), moved)
        first = net.params()[0]
        assert np.array_equal(np.sort(last.places), np.flatnonzero(first.mask))
        assert np.array_equal(last.values, first.data.flat[last.places])
        kept.add(last.kept)
    assert max(kept) - min(kept) <= 2  # all four have as many weights in the end, up to rounding in each layer


def test_before_the_training_the_beginning_is_shown(explorer):
    assert "Not trained yet" in said(explorer) and explorer.shown.moment.step == 0
    assert all(not len(line.get_xdata()) for line in explorer._right.values())
    for method in METHODS:
        explorer.set(method=method)
        wanted = 64 * 16 + 16 * 12 + 120 if method == "gradual" else round(0.1 * (64 * 16 + 16 * 12 + 120))
        assert explorer.shown.moment.kept == pytest.approx(wanted, abs=2)


@pytest.mark.parametrize("method", METHODS)
def test_picture_sentence_and_table_agree_at_every_step(trained, method):
    for step in (0, 10, 35, COUNT):
        trained.set(method=method, step=step)
        frame = trained.shown
        assert frame.moment.step == step
        assert frame.links.sum() == len(frame.moment.places)
        assert np.array_equal(trained._dots.get_array(), frame.links.reshape(8, 8))
        assert f"{method}, step {step} of {COUNT}" in said(trained)
        assert f"{frame.moment.accuracy:.1%} of the validation images" in said(trained)
        wasted = frame.links[frame.empty].sum() / frame.links.sum()
        assert f"{wasted:.0%} of the first layer's connections" in said(trained)
        place = list(trained._right[method].get_xdata()).index(step)
        assert trained._right[method].get_ydata()[place] == pytest.approx(100 * frame.moment.accuracy)
        assert trained._wasted[method].get_ydata()[place] == pytest.approx(100 * wasted)
    line = trained._results.table.options[0][0]
    assert all(f"{course[-1].accuracy:.1%}" in line for course in trained.shown.courses.values())


def test_the_empty_dots_are_those_hardly_ever_inked(explorer, digits):
    inked = (digits.train.x > 0).mean(axis=0)
    assert np.array_equal(explorer.shown.empty, inked < 0.05) and 5 < explorer.shown.empty.sum() < 32
    assert len(explorer._frames.get_segments()) == explorer.shown.empty.sum()


def test_the_tiles_are_the_busiest_neurons_in_the_end(trained):
    for step in (0, COUNT):
        trained.set(method="SET", step=step)
        last = trained.shown.courses["SET"][-1]
        neurons = np.bincount(last.places % 16, minlength=16)
        order = np.argsort(-neurons, kind="stable")
        connections = np.isfinite(trained.shown.weights).sum(axis=0)
        now = np.bincount(trained.shown.moment.places % 16, minlength=16)
        assert np.array_equal(connections, now[order])


def test_a_static_mask_stays_and_the_others_move(trained):
    moved = {method: [moment.moved for moment in course] for method, course in trained.shown.courses.items()}
    assert set(moved["static"]) == set(moved["gradual"]) == {0}
    assert moved["SET"][-1] > 0 and moved["RigL"][-1] > 0
    course = trained.shown.courses["static"]
    assert all(np.array_equal(moment.places, course[0].places) for moment in course)


def test_what_does_not_depend_on_the_moving_is_not_trained_again(trained):
    static = trained.experiment.courses["static", Recipe(90, 0, 0, 0, 0)]
    train(trained, fraction=80)
    assert trained.experiment.courses["static", Recipe(90, 0, 0, 0, 0)] is static
    assert len(trained._results.table.options) == 2


def test_a_tried_recipe_is_called_back(trained):
    state = {name: trained.state[name] for name in Recipe._fields}
    train(trained, every=25, seed=1)
    trained._results.table.value = Recipe(**state)
    assert {name: trained.state[name] for name in Recipe._fields} == state


def test_too_short_intervals_gives_a_message(explorer):
    explorer.set(every=1)
    assert "dropped at the next move" in explorer._message.value
    explorer.set(every=50)
    assert explorer._message.value == ""


def test_cancel_keeps_what_is_known_and_controls_stay_alive(digits):
    explorer = mn.explore.regrowth(make, digits, count=5000)
    explorer._training.start.click()
    explorer.set(method="static")
    assert explorer.job.running
    explorer._training.cancel.click()
    assert explorer.wait(10)
    assert "stopped" in explorer._training.text.value
    assert "minnet job" not in [thread.name for thread in threading.enumerate()]
    assert "Not trained yet" in said(explorer) and explorer.errors == []
    explorer.close()


@pytest.mark.parametrize("wrong", [3, make(0), lambda seed: seed])
def test_something_else_than_a_function_that_makes_networks_gives_a_message(wrong, digits):
    with pytest.raises(TypeError, match="lambda seed"):
        mn.explore.regrowth(wrong, digits)


def test_a_part_of_the_data_is_not_enough(digits):
    with pytest.raises(TypeError, match="whole data set"):
        mn.explore.regrowth(make, digits.train)
