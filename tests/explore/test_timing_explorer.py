"""The timing explorer without a browser: what it trains is what the loop of the lesson would have trained."""

import re
import threading

import numpy as np
import pytest

import minnet as mn
from minnet.experiments.pruning_schedules import AT_ONCE, CRITERIA, FINALS, ROUNDS, SHAPES, SHARED, Plan
from minnet.explore.timing_explorer import PRESETS
from minnet.widgets.controls import few

COUNT, EVERY = 100, 2


def make(seed):
    return mn.models.mlp(64, 16, 12, 10, rng=seed)


@pytest.fixture(scope="module")
def digits():
    return few(mn.data.digits(), 320, 200)


@pytest.fixture
def explorer(digits):
    explorer = mn.explore.timing(make, digits, seeds=(0, 1), count=COUNT)
    yield explorer
    explorer.close()
    assert explorer.errors == []


def said(explorer):
    return re.sub("<[^>]+>", "", explorer._sentence.value)


def train(explorer, **state):
    explorer.set(**state)
    explorer._training.start.click()
    assert explorer.wait(120)
    return explorer.experiment.tried[explorer.shown.plan]


def press(explorer, label):
    box = explorer.widget.children[1].children[0]
    next(button for button in box.children if button.description == label).click()


# ---- plans ----------------------------------------------------------------------------------------------


def by_hand(shape, final, start, stop):
    """The schedule's formula, written down once more."""
    levels = {"linear": lambda t: t, "cubic": lambda t: 1 - (1 - t) ** 3,
              "geometric": lambda t: (1 - (1 - final) ** (int(1 + (ROUNDS - 1) * t + 1e-9) / ROUNDS)) / final}

    def schedule(step):
        if step < start:
            return 0
        return final * (1 if shape == AT_ONCE else levels[shape](min((step - start) / (stop - start), 1)))
    return schedule


@pytest.mark.parametrize("start, stop", [(0, 100), (10, 70), (40, 41), (99, 100)])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_schedule_of_a_plan(shape, start, stop):
    state = {"shape": shape, "start": start, "stop": stop, "final": "98%", "criterion": "random", "scope": SHARED}
    level, formula = Plan.of(state).schedule(1000), by_hand(shape, 0.98, 10 * start, 10 * stop)
    for step in range(1001):
        if shape != "geometric" or abs((step - 10 * start) * (ROUNDS - 1) / (10 * (stop - start)) % 1) > 1e-6:
            assert level(step) == pytest.approx(formula(step), abs=1e-12), step
    assert level(1000) == pytest.approx(0.98)
    curve = Plan.of(state).curve(1000)
    assert curve[0, 0] == 0 and curve[-1].tolist() == [1000, pytest.approx(0.98)]
    assert np.all(np.diff(curve[:, 1]) >= 0)


def test_without_time_between_start_and_end_everything_goes_at_once(explorer):
    explorer.set(shape="cubic", start=60, stop=60)
    assert explorer.shown.plan == Plan(AT_ONCE, 60, 60, "98%", "magnitude", "all compete")
    assert "everything goes at once" in explorer._message.value and "After 60 steps" in said(explorer)
    explorer.set(stop=61)
    assert explorer.shown.plan.shape == "cubic" and explorer._message.value == ""


def test_the_end_sleeps_while_there_is_none(explorer):
    assert not explorer.control["stop"].disabled
    explorer.set(shape=AT_ONCE)
    assert explorer.control["stop"].disabled
    explorer.reset()
    assert not explorer.control["stop"].disabled


def test_a_plan_without_time_to_recover_gives_a_message(explorer):
    explorer.set(stop=100)
    assert "no step of training is left" in explorer._message.value
    explorer.set(shape=AT_ONCE)
    assert explorer._message.value == ""
    explorer.set(start=100)
    assert "no step of training is left" in explorer._message.value


@pytest.mark.parametrize("label, words", [
    ("Before", "Before training, 98% of the weights, chosen by SNIP, go at once; then 100 steps of training"),
    ("During", "During training, from step 10 to step 70, 98% of the weights, chosen by magnitude, go little by little "
               "(cubic); then 30 steps"),
    ("After", "After 50 steps of training, 98% of the weights, chosen by magnitude, go at once; then 50 steps of "
              "retraining"),
])
def test_the_three_moments_are_one_button_each(explorer, label, words):
    explorer.set(scope=SHARED, start=33, stop=44, shape="geometric", criterion="random")
    press(explorer, label)
    assert words in said(explorer) and "Not tried yet" in said(explorer)
    assert explorer.state | PRESETS[label] == explorer.state and explorer.state["scope"] == SHARED
    assert explorer.shown.plan.when == label.lower()


# ---- training -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [
    PRESETS["Before"], PRESETS["During"], PRESETS["After"], {"shape": "linear", "stop": 100},
    {"shape": "geometric", "scope": SHARED}, {"criterion": "random"}, {"criterion": "random", "scope": SHARED},
    {"criterion": "SNIP", "scope": SHARED}, {"shape": AT_ONCE, "start": 100, "final": "90%"},
], ids=str)
def test_it_trains_what_the_loop_would_train(explorer, digits, state):
    trial = train(explorer, **state)
    plan = explorer.shown.plan
    level = by_hand(plan.shape, FINALS[plan.final], plan.start * COUNT / 100, plan.stop * COUNT / 100)
    for seed, track in zip((0, 1), trial.tracks, strict=True):
        net, rng = make(seed), np.random.default_rng(seed)
        reached = [look(net, 0, plan, level, digits, rng)]
        for step in mn.steps(net, digits.train, count=COUNT, rng=seed):
            if (step.index + 1) % EVERY == 0:
                reached.append(look(net, step.index + 1, plan, level, digits, rng))
        assert [tuple(moment) for moment in track] == reached
        assert track[-1].sparsity == pytest.approx(FINALS[plan.final], abs=0.002)


def look(net, step, plan, level, digits, rng):
    """Prune by hand, and tell how the network stands."""
    if level(step) > 0:
        how = {"data": digits.train, "rng": rng}
        if plan.scope == SHARED:
            mn.prune(net, mn.erdos_renyi(net, level(step)), CRITERIA[plan.criterion], scope=mn.layer, **how)
        else:
            mn.prune(net, level(step), CRITERIA[plan.criterion], **how)
    found = mn.evaluate(net, digits.val)
    return step, mn.sparsity(net), found.accuracy, found.loss, tuple(p.kept for p in net.params() if p.prunable)


def test_the_whole_network_is_trained_once_and_for_as_long(explorer, digits):
    train(explorer)
    whole = explorer.shown.whole
    for seed, right in enumerate(whole.finals()):
        net = make(seed)
        for _ in mn.steps(net, digits.train, count=COUNT, rng=seed):
            pass
        assert right == mn.accuracy(net, digits.val)
    train(explorer, shape="linear")
    assert explorer.shown.whole is whole
    trials = whole, *explorer.experiment.tried.values()
    assert {len(track) for trial in trials for track in trial.tracks} == {COUNT // EVERY + 1}


def test_words_picture_and_table_agree_with_the_numbers(explorer):
    trial = train(explorer)
    finals, kept = trial.finals(), trial.tracks[0][-1].kept
    mean = f"{np.mean(finals):.1%} ({100 * min(finals):.1f}–{100 * max(finals):.1f})"
    assert f"Accuracy at the end {mean}" in said(explorer)
    assert mean.replace(" ", "\N{NO-BREAK SPACE}") in explorer._results.table.options[0][0]
    assert ", ".join(f"dense{n} {count:,}" for n, count in enumerate(kept, 1)) in said(explorer)
    assert [text.get_text() for text in explorer._counts] == [f"{count:,}" for count in kept]
    for artists, name, scale in ((explorer._accuracy, "accuracy", 100), (explorer._loss, "loss", 1)):
        runs = scale * np.array([[getattr(moment, name) for moment in track] for track in trial.tracks])
        assert artists[-1].get_ydata() == pytest.approx(runs.mean(axis=0))
        edge = artists[-2].get_paths()[0].vertices[:, 1]
        assert edge[:51] == pytest.approx(runs.max(axis=0)) and edge[51:102][::-1] == pytest.approx(runs.min(axis=0))
        assert artists[0].get_ydata() == pytest.approx(scale * np.mean(
            [[getattr(moment, name) for moment in track] for track in explorer.shown.whole.tracks], axis=0))
    assert explorer._done.get_paths()[0].vertices[50, 1] == pytest.approx(98, abs=0.2)


def test_curves_grow_while_it_trains(explorer):
    lengths = set()
    for _ in explorer.experiment.attempt(explorer.shown.plan):
        explorer.refresh()
        lengths.add(len(explorer._accuracy[-1].get_xdata()))
        tracks = explorer.shown.trial.tracks if explorer.shown.trial else ((), ())
        assert abs(len(tracks[0]) - len(tracks[1])) <= 1  # the seeds go side by side
        assert explorer.shown.trial is None or explorer.shown.trial.finals() or "Not finished" in said(explorer)
    assert lengths == set(range(COUNT // EVERY + 2))


def test_every_plan_stays_and_is_called_back(explorer):
    press(explorer, "Before")
    first = train(explorer)
    state, before = explorer.state, explorer.shown.plan
    press(explorer, "During")
    second = train(explorer, scope=SHARED, stop=90)
    assert [trial.number for trial in explorer.experiment.tried.values()] == [1, 2]
    explorer._results.table.value = before
    assert explorer.shown.trial == first and explorer.state == state | {"stop": 90}  # the end waits
    faint = [line.get_ydata() for line in explorer._accuracy[1:-2] if len(line.get_ydata())]
    assert [line[-1] for line in faint] == [pytest.approx(100 * np.mean(second.finals()))]
    assert {text.get_text() for text in explorer._names} == {"", "all", "#1", "#2"}
    explorer.reset()
    assert explorer.shown.trial is None and len(explorer._results.table.options) == 2


def test_names_at_the_ends_of_curves_keep_a_distance_and_stay_in_the_picture(explorer):
    for shape in ("cubic", "geometric"):
        for final in ("90%", "95%", "98%", "99%"):
            train(explorer, shape=shape, final=final)
    explorer.png()
    box = explorer._accuracy[0].axes.bbox
    places = [text.get_window_extent() for text in explorer._names if text.get_text()]
    assert len(places) == 8 and min(np.diff(sorted(place.y0 for place in places))) > 0.08 * box.height
    for place in places:
        assert box.y0 - 2 <= place.y0 and place.y1 <= box.y1 + 2 and place.x1 <= box.x1 + 2


def test_a_plan_that_was_tried_gives_the_same_again(explorer):
    assert train(explorer) == train(explorer)
    assert len(explorer.experiment.tried) == 1


def test_cancel_keeps_what_is_finished_and_controls_stay_alive(digits):
    explorer = mn.explore.timing(make, digits, count=20_000)
    explorer._training.start.click()
    explorer.set(start=20)
    assert explorer.job.running and explorer.shown.plan.start == 20
    explorer._training.cancel.click()
    assert explorer.wait(10)
    assert "stopped" in explorer._training.text.value and explorer._training.cancel.disabled
    assert "minnet job" not in [thread.name for thread in threading.enumerate()]
    explorer.close()
    assert explorer.errors == []


def test_a_second_train_takes_over_and_the_whole_network_is_trained_after_all(digits):
    explorer = mn.explore.timing(make, digits, seeds=(0, 1), count=2_000)
    explorer._training.start.click()
    trial = train(explorer, shape="linear")
    assert len(trial.finals()) == 2 and len(explorer.shown.whole.finals()) == 2
    explorer.close()


# ---- what it takes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [3, make(0), lambda seed: seed])
def test_something_else_than_a_function_that_makes_networks_gives_a_message(wrong, digits):
    with pytest.raises(TypeError, match="lambda seed"):
        mn.explore.timing(wrong, digits)


def test_a_part_of_the_data_is_not_enough(digits):
    with pytest.raises(TypeError, match="whole data set"):
        mn.explore.timing(make, digits.train)
