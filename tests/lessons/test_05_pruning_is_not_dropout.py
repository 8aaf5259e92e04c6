"""What lesson 05 says is what lesson 05 shows: every claim of its text, held against the lesson's own variables.

What it says of several seeds is held against the results of `benchmarks/dropout.py`.
"""

import json
import re
from statistics import median

import numpy as np
import pytest

import minnet as mn
from minnet.explore.silence import with_dropout
from tests.lessons.running import printed, text
from tests.notebooks import ROOT

LESSON = "05_pruning_is_not_dropout.ipynb"
RESULTS = json.loads((ROOT / "benchmarks" / "results" / "dropout.json").read_text())


def accuracies(lesson, net):
    """Learnt and new."""
    return lesson.value(f"[mn.accuracy({net}, signals.train), mn.accuracy({net}, signals.val)]")


# ---- the notebook as a file -----------------------------------------------------------------------------


def test_runs_clean(lesson):
    assert lesson.problems() == []


def test_everything_that_is_cited_has_a_source_and_the_other_way_round(lesson):
    cells = [cell for cell in lesson.notebook.cells if cell.cell_type == "markdown"]
    cited = {int(n) for cell in cells if cell.id != "sources" for n in re.findall(r"\[(\d)\]", cell.source)}
    listed = {int(n) for n in re.findall(r"^(\d)\. ", text(lesson, "sources"), re.MULTILINE)}
    assert cited == listed == {1, 2, 3, 4, 5}


# ---- learning by heart ----------------------------------------------------------------------------------


def test_the_signals(lesson):
    assert lesson.value("[len(signals.train), len(signals.val), len(signals.test)]") == [4000, 1000, 1000]
    assert lesson.value("signals.train.x.shape[1]") == 40
    assert lesson.value("sum(p.size for p in plain.params() if p.prunable)") == 50_000


def test_the_clean_digits_are_those_of_the_recipe_and_all_signals_share_one_scale(lesson):
    lesson.run("from minnet.data import signals as recipe; strokes = recipe.STROKES")
    assert lesson.value("strokes.tolist() == STROKES.tolist()") and lesson.value("list(STROKES.shape)") == [10, 12]
    assert lesson.value("float(abs(signals.train.x[:4]).max())") < 4
    assert lesson.value("[list(ax.get_ylim()) for ax in sheet.axes[4:]]") == [[-4, 4]] * 4


def test_plain_learns_by_heart(lesson):
    learned, new = accuracies(lesson, "plain")
    assert learned > 0.99 and new == pytest.approx(0.7, abs=0.04)  # "fails on three in ten"
    assert f"{learned:6.1%}   new {new:6.1%}" in printed(lesson, "plain")


def test_dropout_rests_others_each_time_and_nobody_when_predicting(lesson):
    *learning, predicting = re.findall(r"\[(.*)\]", printed(lesson, "dropout-layer"))
    rows = [np.array(row.split(), float) for row in learning]
    assert len({row.tobytes() for row in rows}) == len(rows) == 3
    assert set(np.concatenate(rows)) == {0.0, 1.25}
    assert set(predicting.split()) == {"1."}


def test_a_fifth_at_rest_narrows_the_gap_and_half_is_too_much(lesson):
    none, fifth, half = (accuracies(lesson, f"nets['{name}']") for name in ("none", "0.2", "0.5"))
    assert fifth[1] > none[1] > half[1]
    assert none[0] - none[1] > fifth[0] - fifth[1] > half[0] - half[1]
    assert half[0] < 0.85  # "fails on many signals that it has learned from"
    assert printed(lesson, "reveal").strip().endswith("Best on new signals: 0.2.")


def test_without_a_guess_run_all_goes_on(lesson):
    assert lesson.value("guess.value") is None
    assert "You made no guess." in printed(lesson, "reveal")
    lesson.run("guess.value = '0.5'")
    *_, told, _ = text(lesson, "reveal").splitlines()
    assert "Your guess was 0.5." in lesson.run(told)
    lesson.run("guess.value = None")


@pytest.mark.parametrize("answer", ["reveal-text", "size-after", "explorer-after"])
def test_answers_stay_closed_until_they_are_asked_for(lesson, answer):
    said = text(lesson, answer)
    assert said.startswith("<details><summary><b>After you have run the cells above</b></summary>\n\n")
    assert said.endswith("\n\n</details>") and said.count("<details>") == 1


# ---- several seeds --------------------------------------------------------------------------------------


def over_seeds(name, figure, seeds=None):
    return median(figure(run[name]) for run in RESULTS["runs"][:seeds])


@pytest.mark.parametrize("seeds", [3, 5])
def test_dropout_gains_three_points_and_narrows_the_gap(seeds):
    test = {name: over_seeds(name, lambda run: run["test"], seeds) for name in RESULTS["runs"][0]}
    gap = {name: over_seeds(name, lambda run: run["train"] - run["test"], seeds) for name in RESULTS["runs"][0]}
    learned = {name: over_seeds(name, lambda run: run["train"], seeds) for name in RESULTS["runs"][0]}
    assert test["dropout 0.2"] >= test["dropout 0"] + 0.03
    assert gap["dropout 0.2"] < gap["dropout 0"] - 0.03
    assert test["dropout 0.5"] < test["dropout 0"] and learned["dropout 0.5"] < 0.85


def test_dropout_leaves_every_number_and_cutting_does_not():
    for run in RESULTS["runs"]:
        assert run["dropout 0.2"]["shapes"] == run["dropout 0"]["shapes"] == [[40, 200], [200, 200], [200, 10]]
        assert run["dropout 0.2"]["parameters"] == run["dropout 0"]["parameters"] == 50_410
        assert run["half of the neurons cut"]["shapes"] == [[40, 100], [100, 100], [100, 10]]
        assert run["half of the neurons cut"]["parameters"] == 15_210
        assert run["half of the weights cut"]["kept"] < 0.51 * 50_410
        for name in ("weights", "neurons"):
            assert run[f"half of the {name} cut"]["bytes"] < 0.6 * run["dropout 0"]["bytes"]


def test_the_lesson_quotes_the_results(lesson):
    said = text(lesson, "reveal-text")
    assert RESULTS["seeds"] == [0, 1, 2, 3, 4] and "five seeds" in said
    assert f"{RESULTS['epochs']} epochs" in said
    for name, label in (("dropout 0", "none"), ("dropout 0.2", "0.2"), ("dropout 0.5", "0.5")):
        learned, new, gap = (100 * over_seeds(name, figure) for figure in (
            lambda run: run["train"], lambda run: run["test"], lambda run: run["train"] - run["test"]))
        assert f"| {label} | {learned:.1f} % | {new:.1f} % | {gap:.1f} points |" in said


# ---- size -----------------------------------------------------------------------------------------------


def test_dropout_makes_nothing_smaller(lesson):
    plain, dropout = printed(lesson, "size").splitlines()
    shapes = "[(40, 200), (200, 200), (200, 10)]"
    assert "50,410 numbers" in plain and "50,410 numbers" in dropout and shapes in plain and shapes in dropout
    one, two = (int(re.search(r"([\d,]+) bytes", line)[1].replace(",", "")) for line in (plain, dropout))
    assert 0 < two - one < 200  # "the few bytes more are the name of the layer"


def test_pruning_does_once_it_is_cut(lesson):
    _, small = printed(lesson, "prune").splitlines()
    assert "[(40, 160), (160, 160), (160, 10)]" in small
    assert lesson.value("sum(p.size for p in small.params())") == 33_930 and "33,930 numbers" in small
    assert 33_930 < 0.8 * 50_410  # "more than 20 % of the numbers"
    assert "gone for good" in printed(lesson, "gone")
    assert "9,680 numbers were cut" in printed(lesson, "gone") and "9,680 numbers" in text(lesson, "gone-after")
    assert 50_410 - 33_930 == 16_480 and "16,480 numbers fewer" in text(lesson, "gone-after")
    into, bias, out_of = 40 * 40 + 200 * 40, 40 + 40, 40 * 160 + 40 * 10
    assert into + bias == 9_680 and into + bias + out_of == 16_480
    said = text(lesson, "gone-after")
    assert "40 · 40 + 200 · 40 weights, and their 80 biases" in said and "40 · 160 + 40 · 10 = 6,800" in said
    bytes_ = [int(n.replace(",", "")) for n in re.findall(r"([\d,]+) bytes", printed(lesson, "prune"))]
    assert bytes_[1] < 0.7 * bytes_[0]


# ---- the explorer ---------------------------------------------------------------------------------------


def test_both_twins_start_with_neurons_at_rest_or_gone(lesson):
    assert lesson.value("[int(each.sum()) for each in twins.shown.pruning.active]") == [160, 160]
    assert lesson.value("twins.shown.pruning.used") == 40 * 160 + 160 * 160 + 160 * 10


def test_the_twins_start_from_young_and_leave_it_whole(lesson):
    assert accuracies(lesson, "young")[0] < 0.9 and accuracies(lesson, "plain")[0] > 0.99
    assert lesson.value("twins.shown.start.new == mn.accuracy(young, signals.val)")
    assert lesson.value("mn.sparsity(young)") == 0
    lesson.run("twins.set(fraction=50, structure='neurons', mode='predict')")
    assert lesson.value("[twins.shown.dropout.used, twins.shown.pruning.used]") == [50_000, 15_000]
    lesson.run("twins.reset()")


def test_the_first_task_is_about_what_the_picture_does(lesson):
    lesson.run("one = twins.shown; twins.control['step'].value = 2; two = twins.shown; twins.reset()")
    assert lesson.value("[one.step, two.step]") == [1, 2]
    assert lesson.value("any((a != b).any() for a, b in zip(one.dropout.active, two.dropout.active))")
    assert lesson.value("all((a == b).all() for a, b in zip(one.pruning.masks, two.pruning.masks))")


def test_every_control_that_the_text_names_exists(lesson):
    labels = [state.get("description") for state in lesson.widgets.values()]
    labels += [option for state in lesson.widgets.values() for option in state.get("_options_labels") or ()]
    named = re.findall(r"\*\*(.+?)\*\*", text(lesson, "explorer-text"))
    assert len(named) >= 9
    for name in named:
        assert any(label and label.startswith(name) for label in labels), name


def test_the_opening_signal_is_known_to_both_and_the_dice_make_it_doubtful(lesson):
    lesson.run("twins.set(mode='predict')")
    truth = lesson.value("twins.shown.names.index(twins.shown.truth)")
    assert lesson.value(f"[int(s.answers[{truth}]) for s in (twins.shown.dropout, twins.shown.pruning)]") == [100, 100]
    lesson.run("twins.set(mode='predict, dice left on')")
    assert lesson.value("[int((s.answers > 0).sum()) for s in (twins.shown.dropout, twins.shown.pruning)]") > [1, 1]
    assert lesson.value("int((twins.shown.pruning.answers > 0).sum())") == 1
    lesson.run("twins.reset()")


def test_dice_that_choose_once_cost_more(lesson):
    """Task 4: as they are, before training on, the criterion's choice costs less than that of dice."""
    for structure in ("weights", "neurons"):
        new = {}
        for criterion in ("magnitude", "random"):
            lesson.run(f"twins.set(structure='{structure}', criterion='{criterion}')")
            new[criterion] = lesson.value("twins.shown.pruning.moment.new")
            assert lesson.value("twins.shown.dropout.moment.new == twins.shown.start.new")
        assert new["magnitude"] > new["random"]
    lesson.run("twins.reset()")


def young(signals, seed):
    net = mn.models.mlp(40, 200, 200, 10, rng=seed)
    mn.fit(net, signals.train, epochs=5, rng=seed, progress=False)
    return net


def learned_on(net, signals):
    """Task 5: what a network has learned after 15 more epochs, and what it recognises of new signals."""
    mn.fit(net, signals.train, epochs=15, rng=0, progress=False)
    return mn.accuracy(net, signals.train), mn.accuracy(net, signals.val)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_dropout_narrows_the_gap_of_a_young_network_and_pruning_does_not(seed):
    signals = mn.data.mnist1d()
    net = young(signals, seed)
    given = mn.accuracy(net, signals.train) - mn.accuracy(net, signals.val)
    pruned = net.copy()
    mn.prune(pruned, 0.2, structure=mn.along("out"), scope=mn.layer)
    fifth, half, pruned = (learned_on(each, signals) for each in (
        with_dropout(net.copy(), 0.2), with_dropout(net.copy(), 0.5), pruned))
    assert given < fifth[0] - fifth[1] < pruned[0] - pruned[1] - 0.04  # "both have gone on to learn by heart"
    assert fifth[1] > pruned[1] + 0.01 and pruned[0] > 0.99
    assert half[0] - half[1] < fifth[0] - fifth[1] - 0.04  # "with 50 % narrower still"
    assert half[1] < fifth[1] - 0.01 and half[0] < 0.85  # "fewer new signals", "not even learned the others"


def test_train_both_shows_it(lesson):
    lesson.run("twins.train(); twins.wait(120)")
    assert lesson.value("twins.state['step'] == twins.control['step'].max")
    one, two = lesson.value("[[s.moment.gap, s.moment.new] for s in (twins.shown.dropout, twins.shown.pruning)]")
    assert one[0] < two[0] - 0.04 and one[1] > two[1] + 0.01
    assert lesson.value("len(twins.shown.dropout.record)") == 16  # "15 epochs"
    lesson.run("twins.reset()")


# ---- dice left on, dice for good ------------------------------------------------------------------------


def test_dice_left_on_are_worse_and_differ(lesson):
    right = lesson.value("right")
    assert len(set(right)) > 1
    assert max(right) < lesson.value("mn.accuracy(dropped, new)") - 0.02
    assert lesson.value("several") > 0.2


def test_random_pruning_costs_much_more(lesson):
    magnitude, dice = (float(n) for n in re.findall(r"new +([\d.]+)%", printed(lesson, "random")))
    assert magnitude > dice + 10
    assert magnitude == pytest.approx(100 * accuracies(lesson, "plain")[1], abs=2)


def test_who_learned_with_neurons_missing_minds_less(lesson):
    (a0, a1), (b0, b1) = [[float(n) for n in re.findall(r"([\d.]+)%", line)]
                          for line in printed(lesson, "related").splitlines()]
    assert b0 - b1 < a0 - a1


def learns_again(plain, signals):
    """Exercise 3: without 60 % of its neurons it fails on most new signals, and ten epochs later it does not."""
    tiny = plain.copy()
    mn.prune(tiny, 0.6, structure=mn.along("out"), scope=mn.layer)
    mn.cut(tiny)
    tiny = mn.compact(tiny)
    before = mn.accuracy(tiny, signals.val)
    mn.fit(tiny, signals.train, epochs=10, rng=0, progress=False)
    return before < 0.5 and mn.accuracy(tiny, signals.val) > 0.6


def test_what_exercise_3_leaves_learns_again(lesson, tmp_path):
    lesson.run(f"mn.save(plain, {str(tmp_path / 'plain.safetensors')!r})")
    assert learns_again(mn.load(tmp_path / "plain.safetensors"), mn.data.mnist1d())


@pytest.mark.parametrize("seed", [1, 2])
def test_and_so_it_is_with_other_dice(seed):
    signals, lost, noisy = mn.data.mnist1d(), [], None
    for p in (0.0, 0.2):
        net = mn.models.mlp(40, 200, 200, 10, dropout=p, rng=seed)
        mn.fit(net, signals.train, epochs=20, rng=seed, progress=False)
        trial = net.copy()
        mn.prune(trial, 0.2, criterion=mn.random, structure=mn.along("out"), scope=mn.layer, rng=seed)
        lost.append(mn.accuracy(net, signals.val) - mn.accuracy(trial, signals.val))
        if not p:
            assert learns_again(net, signals)
            weak, dice = (net.copy() for _ in range(2))
            mn.prune(weak, 0.2, scope=mn.layer)
            mn.prune(dice, 0.2, scope=mn.layer, criterion=mn.random, rng=seed)
            assert mn.accuracy(weak, signals.val) > mn.accuracy(dice, signals.val) + 0.1
        else:
            noisy = net.forward(signals.val.x, np.random.default_rng(seed))[0].argmax(axis=1) == signals.val.y
            assert noisy.mean() < mn.accuracy(net, signals.val) - 0.02
    assert lost[1] < lost[0]
