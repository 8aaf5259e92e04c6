"""What lesson 05 says is what lesson 05 shows: every claim of its text, compared with the lesson's own variables.

What it says of several seeds is compared with the results of `benchmarks/dropout.py`.
"""

import json
import re
from statistics import median

import numpy as np
import pytest

import minnet as mn
from minnet.experiments.dropout_comparison import with_dropout
from tests.lessons.running import printed, text
from tests.notebooks import ROOT

LESSON = "05_pruning_is_not_dropout.ipynb"
RESULTS = json.loads((ROOT / "benchmarks" / "results" / "dropout.json").read_text())
SEEDS = 1, 2, 3, 4, 5  # the lesson itself has 0
LAST = 5  # epochs: now and then Adam takes a step too far, so one epoch's accuracy says little


def accuracies(lesson, net):
    """Learnt and new."""
    return lesson.value(f"[mn.accuracy({net}, signals.train), mn.accuracy({net}, signals.val)]")


def gap(marks):
    """Learnt minus new."""
    return marks[..., 0] - marks[..., 1] if isinstance(marks, np.ndarray) else marks[0] - marks[1]


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
    lesson.run("from minnet.data import mnist1d_signals as recipe; strokes = recipe.STROKES")
    assert lesson.value("strokes.tolist() == STROKES.tolist()") and lesson.value("list(STROKES.shape)") == [10, 12]
    assert lesson.value("float(abs(signals.train.x[:4]).max())") < 4
    assert lesson.value("[list(ax.get_ylim()) for ax in sheet.axes[4:]]") == [[-4, 4]] * 4


def test_plain_learns_by_heart(lesson, claim):
    learned, new = accuracies(lesson, "plain")
    claim.every(learned, above=0.99)  # "practically every signal"
    claim.every(new, above=0.65, below=0.75)  # "fails on three in ten"
    assert f"{learned:6.1%}   new {new:6.1%}" in printed(lesson, "plain")


def test_dropout_drops_others_each_time_and_none_at_inference(lesson):
    *learning, predicting = re.findall(r"\[(.*)\]", printed(lesson, "dropout-layer"))
    rows = [np.array(row.split(), float) for row in learning]
    assert len({row.tobytes() for row in rows}) == len(rows) == 3
    assert set(np.concatenate(rows)) == {0.0, 1.25}
    assert set(predicting.split()) == {"1."}


def test_a_fifth_at_rest_narrows_the_gap_and_half_is_too_much(lesson, claim):
    none, fifth, half = (accuracies(lesson, f"nets['{name}']") for name in ("none", "0.2", "0.5"))
    claim.every(fifth[1] - none[1], above=0)  # "a few more of the new signals"
    claim.every(none[1] - half[1], above=0)  # "no success"
    claim.every(gap(none) - gap(fifth), above=0)  # "narrower"
    claim.every(gap(fifth) - gap(half), above=0.02)  # "narrower still"
    claim.every(half[0], below=0.85)  # "fails on many signals that it has learned from"
    assert printed(lesson, "reveal").strip().endswith("Best on new signals: 0.2.")


def test_without_a_guess_run_all_goes_on(lesson):
    assert lesson.value("guess.value") is None
    assert "You made no guess." in printed(lesson, "reveal")
    lesson.run("guess.value = '0.5'")
    *_, line, _ = text(lesson, "reveal").splitlines()
    assert "Your guess was 0.5." in lesson.run(line)
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
    gaps = {name: over_seeds(name, lambda run: run["train"] - run["test"], seeds) for name in RESULTS["runs"][0]}
    learned = {name: over_seeds(name, lambda run: run["train"], seeds) for name in RESULTS["runs"][0]}
    assert test["dropout 0.2"] >= test["dropout 0"] + 0.03
    assert gaps["dropout 0.2"] < gaps["dropout 0"] - 0.03
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
    assert f"one computer ({RESULTS['machine']})" in said
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


def test_both_networks_start_with_neurons_dropped_or_pruned(lesson):
    assert lesson.value("[int(each.sum()) for each in twins.shown.pruning.active]") == [160, 160]
    assert lesson.value("twins.shown.pruning.used") == 40 * 160 + 160 * 160 + 160 * 10


def test_both_networks_start_from_young_and_leave_it_unchanged(lesson, claim):
    claim.every(accuracies(lesson, "plain")[0] - accuracies(lesson, "young")[0], above=0.1)
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


def test_the_opening_signal_is_known_to_both_and_dropout_makes_it_doubtful(lesson):
    """Task 3: `DropoutComparison.telling` looks for one, on whatever computer the two networks were trained."""
    lesson.run("twins.set(mode='predict')")
    truth = lesson.value("twins.shown.names.index(twins.shown.truth)")
    assert lesson.value(f"[int(s.answers[{truth}]) for s in (twins.shown.dropout, twins.shown.pruning)]") == [100, 100]
    lesson.run("twins.set(mode='predict with dropout left on')")
    dropout, pruning = lesson.value("[s.answers for s in (twins.shown.dropout, twins.shown.pruning)]")
    assert pruning[truth] == 100
    assert 50 <= dropout[truth] <= 90
    lesson.run("twins.reset()")


def test_random_pruning_costs_more(lesson, runs, claim):
    """Task 4: before training on, random pruning costs accuracy, and dropout, which brings everything back, does not.

    Random neurons don't always cost more than the weakest ones: in a young network that depends on the seed.
    """
    for structure in ("weights", "neurons"):
        lesson.run(f"twins.set(structure='{structure}', criterion='random')")
        assert lesson.value("twins.shown.dropout.moment.new == twins.shown.start.new")
        claim.every(lesson.value("twins.shown.start.new - twins.shown.pruning.moment.new"), above=0.01)
    lesson.run("twins.reset()")
    for structure in (mn.weights, mn.along("out")):
        claim.every(runs.lost(runs.young, structure=structure, criterion=mn.random), above=0.01)
    claim.every(runs.lost(runs.young, criterion=mn.random) - runs.lost(runs.young), above=0.05)


# ---- other seeds ----------------------------------------------------------------------------------------


class Runs:
    """Tasks 4 and 5 of the explorer, and what follows them, with the seeds that the reader does not see.

    Attributes
    ----------
    young, none, fifth, half, fewer : list of Sequential, one for each seed
        After five epochs; and after 15 more: without dropout, with two strengths of it, without 20 % of the neurons.
        Where the effect is large, fewer seeds are enough: three without dropout, two with the stronger one.
    marks : dict of {name: ndarray, (seeds, 2)}
        Learnt and new, the mean of the last epochs.
    """

    def __init__(self, signals):
        self.signals, self.marks = signals, {}
        self.young = self._fit("young", [mn.models.mlp(40, 200, 200, 10, rng=seed) for seed in SEEDS], 5, 1)
        self.none = self._fit("none", [net.copy() for net in self.young[:3]])
        self.fifth, self.half = (self._fit(name, [with_dropout(net.copy(), p) for net in self.young[:seeds]])
                                 for name, p, seeds in (("fifth", 0.2, 5), ("half", 0.5, 2)))
        fewer = [net.copy() for net in self.young]
        for net in fewer:
            mn.prune(net, 0.2, structure=mn.along("out"), scope=mn.layer)
        self.fewer = self._fit("fewer", fewer)

    def _fit(self, name, nets, epochs=15, last=LAST):
        per_epoch, marks = -(-len(self.signals.train) // 32), []
        for net, seed in zip(nets, SEEDS, strict=False):
            run = mn.steps(net, self.signals.train, count=epochs * per_epoch, batch=32, rng=seed)
            marks.append([self._marks(net) for done, _ in enumerate(run, 1)
                          if done % per_epoch == 0 and done > (epochs - last) * per_epoch])
        self.marks[name] = np.mean(marks, axis=1)
        return nets

    def _marks(self, net):
        return [mn.accuracy(net, part) for part in (self.signals.train, self.signals.val)]

    def new(self, nets):
        """What each network recognises of the new signals."""
        return np.array([mn.accuracy(net, self.signals.val) for net in nets])

    def lost(self, nets, draws=1, **how):
        """The accuracy drop of each network without 20 % of something; the mean over the draws."""
        lost = np.zeros(len(nets))
        for draw in range(draws):
            without = [net.copy() for net in nets]
            for net in without:
                mn.prune(net, 0.2, scope=mn.layer, rng=draw, **how)
            lost += self.new(nets) - self.new(without)
        return lost / draws


@pytest.fixture(scope="module")
def runs():
    return Runs(mn.data.mnist1d())


def test_dropout_narrows_the_gap_of_a_young_network_and_pruning_does_not(runs, claim):
    given, fifth, half, pruned = (runs.marks[name] for name in ("young", "fifth", "half", "fewer"))
    claim.every(gap(fifth) - gap(given), above=0)  # "both have gone on to learn by heart"
    claim.every(gap(pruned) - gap(fifth), above=0.01)  # "but dropout less"
    claim.median(fifth[:, 1] - pruned[:, 1], above=0)  # "it recognises more new signals"
    claim.every(pruned[:, 0], above=0.9)  # "learns nearly everything by heart"
    fifth = fifth[:len(half)]
    claim.every(gap(fifth) - gap(half), above=0.02)  # "with 50 % narrower still"
    claim.every(fifth[:, 1] - half[:, 1], above=0)  # "fewer new signals"
    claim.every(half[:, 0], below=0.85)  # "not even learned the others"


def test_train_both_shows_it(lesson, claim):
    lesson.run("twins.train(); twins.wait(600)")
    assert lesson.value("twins.state['step'] == twins.control['step'].max")
    one, two = lesson.value("[[s.moment.train, s.moment.new] for s in (twins.shown.dropout, twins.shown.pruning)]")
    claim.every(gap(two) - gap(one), above=0.02)
    claim.every(one[1] - two[1], above=0)
    claim.every(two[0], above=0.9)
    assert lesson.value("len(twins.shown.dropout.record)") == 16  # "15 epochs"
    lesson.run("twins.reset()")


# ---- dropout left on, random pruning ----------------------------------------------------------------------


def test_dropout_left_on_is_worse_and_varies(lesson, runs, claim):
    right = lesson.value("right")
    assert len(set(right)) > 1
    claim.every(lesson.value("mn.accuracy(dropped, new)") - max(right), above=0.02)
    claim.every(lesson.value("several"), above=0.2)
    x, y = runs.signals.val.x, runs.signals.val.y
    noisy = [np.mean(net.forward(x, np.random.default_rng(seed))[0].argmax(axis=1) == y)
             for net, seed in zip(runs.fifth, SEEDS, strict=True)]
    claim.every(runs.new(runs.fifth) - noisy, above=0.02)


def test_random_pruning_costs_much_more(lesson, runs, claim):
    magnitude, at_random = (float(n) / 100 for n in re.findall(r"new +([\d.]+)%", printed(lesson, "random")))
    claim.every(magnitude - at_random, above=0.05)
    claim.every(accuracies(lesson, "plain")[1] - magnitude, above=-0.05, below=0.05)
    claim.every(runs.lost(runs.none, criterion=mn.random) - runs.lost(runs.none), above=0.05)


def test_training_with_dropout_makes_missing_neurons_cost_less(lesson, runs, claim):
    (a0, a1), (b0, b1) = [[float(n) / 100 for n in re.findall(r"([\d.]+)%", line)]
                          for line in printed(lesson, "related").splitlines()]
    claim.every((a0 - a1) - (b0 - b1), above=0)
    none, fifth = (runs.lost(nets, draws=10, criterion=mn.random, structure=mn.along("out"))
                   for nets in (runs.none, runs.fifth[:3]))
    claim.median(none - fifth, above=0.005)


def learns_again(plain, signals):
    """Exercise 3: what it recognises of new signals without 60 % of its neurons, and ten epochs later."""
    tiny = plain.copy()
    mn.prune(tiny, 0.6, structure=mn.along("out"), scope=mn.layer)
    mn.cut(tiny)
    tiny = mn.compact(tiny)
    before = mn.accuracy(tiny, signals.val)
    mn.fit(tiny, signals.train, epochs=10, rng=0, progress=False)
    return before, mn.accuracy(tiny, signals.val)


def test_what_exercise_3_leaves_learns_again(lesson, runs, tmp_path, claim):
    lesson.run(f"mn.save(plain, {str(tmp_path / 'plain.safetensors')!r})")
    for nets in ([mn.load(tmp_path / "plain.safetensors")], runs.none):
        before, after = np.array([learns_again(net, runs.signals) for net in nets]).T
        claim.every(before, below=0.5)  # "so much at once was too much"
        claim.every(after - before, above=0.1)
