"""The iterations explorer without a browser: what it trains is what `mn.iterate` would have trained."""

import re
import threading

import numpy as np
import pytest

import minnet as mn
from minnet.draw.lines import apart
from minnet.experiments import SCOPES
from minnet.experiments.iterative_pruning import FINALS, Recipe

FEW = 320  # training samples, so that a recipe takes a moment


def make(seed):
    return mn.models.mlp(64, 16, 12, 10, rng=seed)


@pytest.fixture(scope="module")
def digits():
    data = mn.data.digits()
    few = mn.data.Split(data.train.x[:FEW].copy(), data.train.y[:FEW].copy())
    return mn.data.Dataset("digits", few, data.val, data.test, data.image_shape, data.class_names)


@pytest.fixture
def explorer(digits):
    explorer = mn.explore.iterations(make, digits, seeds=(0, 1), epochs=2)
    explorer.set(epochs=5, rounds=3, final="90%")
    yield explorer
    explorer.close()
    assert explorer.errors == []


def said(explorer):
    return re.sub("<[^>]+>", "", explorer._sentence.value)


def train(explorer, **state):
    explorer.set(**state)
    explorer._training.start.click()
    assert explorer.wait(120)
    return explorer.experiment.tried[Recipe(**explorer.state)]


def whole(digits, seed):
    net = make(seed)
    start = mn.snapshot(net)
    mn.fit(net, digits.train, epochs=2, rng=seed, progress=False)
    return net, start


@pytest.mark.parametrize("state", [
    {}, {"rounds": 1}, {"scope": "layer"}, {"retraining": "rewind"}, {"retraining": "none"},
    {"final": "98%", "rounds": 4},
], ids=str)
def test_it_trains_what_iterate_would_train(explorer, digits, state):
    result = train(explorer, **state)
    recipe = Recipe(**explorer.state)
    for place, seed in enumerate((0, 1)):
        for kind, criterion in (("pruned", mn.magnitude), ("random", mn.random)):
            net, start = whole(digits, seed)
            rounds = mn.iterate(net, digits.train, rounds=recipe.rounds, final=FINALS[recipe.final], rng=seed,
                                epochs=0 if recipe.retraining == "none" else recipe.epochs, criterion=criterion,
                                rewind_to=start if recipe.retraining == "rewind" else None,
                                scope=SCOPES[recipe.scope], validation=digits.val)
            run = getattr(result, kind)[place]
            assert [tuple(point) for point in run.points] == [(each.sparsity, each.accuracy) for each in rounds]
            assert [kept for _, kept, _ in run.kept] == [p.kept for p in net.params() if p.prunable]
            if kind == "pruned":
                fresh = make(seed + 1000)
                for param, masked in zip(fresh.params(), net.params(), strict=True):
                    param.mask = masked.mask
                epochs = 2 + (0 if recipe.retraining == "none" else recipe.epochs)
                mn.fit(fresh, digits.train, epochs=epochs, rng=seed, progress=False)
                assert result.scratch[place] == mn.accuracy(fresh, digits.val)


def test_the_plan_is_shown_before_anything_is_trained(explorer):
    assert "Not tried yet" in said(explorer) and not explorer.job.running
    for rounds in (1, 7, 20):
        explorer.set(rounds=rounds)
        stairs = explorer.shown.stairs
        levels = [level for _, level in stairs[1::2]]
        assert levels == pytest.approx(mn.geometric(0.9, rounds))
        assert stairs[-1] == pytest.approx((5, 0.9))  # the budget is the same
        assert explorer._stairs.get_xydata() == pytest.approx(np.array([(x, 100 - 100 * s) for x, s in stairs]))
        assert f"{explorer.shown.each[1]} steps (10 are one epoch)" in said(explorer)  # 320 samples, 32 a step


def test_numbers_words_picture_and_table_agree(explorer):
    result = train(explorer)
    finals = result.finals()
    mean = f"{np.mean(finals):.1%} ({100 * min(finals):.1f}–{100 * max(finals):.1f})"
    assert f"Accuracy {mean}" in said(explorer)
    assert mean.replace(" ", "\u00a0") in explorer._results.table.options[0][0]
    assert explorer._line.get_ydata()[-1] == pytest.approx(100 * np.mean(finals))
    assert explorer._line.get_ydata()[0] == pytest.approx(100 * np.mean(explorer.shown.whole))
    assert explorer._random.get_ydata()[-1] == pytest.approx(100 * np.mean(result.finals("random")))
    assert explorer._scratch.get_ydata()[1] == pytest.approx(100 * np.mean(result.scratch))
    assert [text.get_text() for text in explorer._counts] == [
        f"{kept:,} ({100 * kept / size:.1f} %)" for _, kept, size in result.pruned[0].kept]
    assert sum(kept for _, kept, _ in result.pruned[0].kept) == round(0.1 * (64 * 16 + 16 * 12 + 12 * 10))


def test_every_recipe_stays_and_is_called_back(explorer):
    first = train(explorer, rounds=1)
    state, picture = explorer.state, explorer.png()
    second = train(explorer, rounds=5, scope="layer")
    assert [each.number for each in explorer.experiment.tried.values()] == [1, 2]
    assert len(explorer._results.table.options) == 2 and explorer._results.table.value == Recipe(**explorer.state)
    explorer._results.table.value = Recipe(**state)
    assert explorer.state == state and explorer.shown.result == first
    assert explorer.png() != picture  # the other curve is there now too
    others = [line.get_ydata()[-1] for line in explorer._others if len(line.get_ydata())]
    assert others == [pytest.approx(100 * np.mean(second.finals()))]
    explorer.reset()
    assert explorer.shown.result is None and len(explorer._results.table.options) == 2
    assert explorer._results.table.value is None


def test_between_the_two_ends_of_one_cut_nothing_is_claimed(explorer):
    finals = train(explorer, rounds=1).finals()
    assert (explorer._line.get_linestyle(), explorer._random.get_linestyle()) == (":", ":")
    (band,) = explorer._band.get_paths()
    assert band.vertices[:, 0].max() < 1.1 * 10 and band.vertices[:, 0].min() > 10 / 1.1  # 10 % are kept
    assert [band.vertices[:, 1].min(), band.vertices[:, 1].max()] == pytest.approx(
        [100 * min(finals), 100 * max(finals)])
    explorer.set(rounds=3)
    assert [line.get_linestyle() for line in explorer._others].count(":") == 1
    assert (explorer._line.get_linestyle(), explorer._random.get_linestyle()) == ("-", "--")


@pytest.mark.parametrize("heights", [[93.0], [92.0, 93.0, 93.0], [10.0, 9.0, 11.0, 60.0], [1.0] * 7])
def test_names_of_curves_stand_apart_and_in_order(heights):
    places = apart(heights, 4.5, 2.25, 150)
    assert np.array_equal(np.argsort(places, kind="stable"), np.argsort(heights, kind="stable"))
    assert len(heights) == 1 or np.diff(np.sort(places)).min() >= 4.5 - 1e-9
    assert min(places) >= 2.25 and max(places) <= 150


def test_names_of_curves_that_end_at_one_place_do_not_overlap(explorer):
    train(explorer, rounds=1, retraining="none")
    train(explorer, rounds=2, retraining="none")  # ends where the other does
    (a, b), (c, d) = (text.get_position() for text in explorer._names if text.get_text())
    assert a == c and abs(b - d) >= 4.5 - 1e-9


def test_a_recipe_that_was_tried_gives_the_same_again(explorer):
    assert train(explorer) == train(explorer)
    assert len(explorer.experiment.tried) == 1


def test_without_retraining_rounds_change_nothing(explorer):
    one, many = (train(explorer, retraining="none", rounds=rounds) for rounds in (1, 20))
    assert [run.kept for run in one.pruned] == [run.kept for run in many.pruned]
    assert one.finals() == many.finals()
    assert "budget is not used" in explorer._message.value


def test_too_short_rewinding_gives_a_message(explorer):
    explorer.set(retraining="rewind", rounds=20, epochs=20)
    assert "only 1 epoch here" in explorer._message.value
    explorer.set(rounds=2)
    assert explorer._message.value == ""


def test_cancel_keeps_what_is_finished_and_controls_stay_alive(explorer):
    explorer.set(rounds=20, epochs=60)
    explorer._training.start.click()
    explorer.set(rounds=3)
    assert explorer.job.running and len(explorer.shown.stairs) == 7
    explorer._training.cancel.click()
    assert explorer.wait(10)
    assert "stopped" in explorer._training.text.value and explorer._training.cancel.disabled
    assert "minnet job" not in [thread.name for thread in threading.enumerate()]
    explorer.set(rounds=20)
    assert "Not finished" in said(explorer) or explorer.shown.result.finals()


def test_a_second_train_takes_over(explorer):
    explorer.set(epochs=60, rounds=20)
    explorer._training.start.click()
    result = train(explorer, epochs=5, rounds=2)
    assert len(result.finals()) == 2 and len(result.scratch) == 2


@pytest.mark.parametrize("wrong", [3, make(0), lambda seed: seed])
def test_something_else_than_a_function_that_makes_networks_gives_a_message(wrong, digits):
    with pytest.raises(TypeError, match="lambda seed"):
        mn.explore.iterations(wrong, digits)


def test_a_part_of_the_data_is_not_enough(digits):
    with pytest.raises(TypeError, match="whole data set"):
        mn.explore.iterations(make, digits.train)
