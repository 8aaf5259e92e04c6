"""What lesson 11 says is what lesson 11 shows; what it says in general is held against several seeds."""

import json
import re
from statistics import median

import numpy as np
import pytest

import minnet as mn
from minnet.draw.gaze import gone, patterns
from minnet.exercises.lesson11 import without
from tests.lessons.running import printed, text
from tests.notebooks import ROOT

LESSON = "11_heads_and_layers.ipynb"
SEEDS = range(3)
HEADS = [(layer, head) for layer in (1, 2) for head in (1, 2, 3, 4)]


@pytest.fixture(scope="module")
def sequences():
    return mn.data.recall()


@pytest.fixture(scope="module")
def nets(sequences):
    """The lesson's network with other dice."""
    made = []
    for seed in SEEDS:
        net = mn.models.tiny_transformer(tokens=5, n_in=16, n_out=8, rng=seed)
        made.append(train(net, sequences, 4, seed))
    return made


@pytest.fixture(scope="module")
def measured():
    """The runs behind the figures that the lesson quotes."""
    return json.loads((ROOT / "benchmarks" / "results" / "heads.json").read_text())["runs"]


def train(net, sequences, epochs, seed=0):
    mn.fit(net, sequences.train, epochs=epochs, optimiser=mn.Adam(1e-3), rng=seed, progress=False)
    return net


def attention(net):
    return [part for _, part in net.walk() if isinstance(part, mn.Attention)]


def half(net, sequences, criterion):
    trial = net.copy()
    mn.prune(trial, 0.5, criterion=criterion, structure=mn.along("head"), data=sequences.train, rng=0)
    return trial


def layers(net):
    """Attention and the dense pair behind it fall together."""
    return {path: ids // 2 for path, ids in mn.branches(net).items()}


def without_layer(net, layer):
    trial = net.copy()
    for param in trial.params():
        if param.path.startswith((f"residual{2 * layer + 1}.", f"residual{2 * layer + 2}.")):
            param.mask = np.zeros(param.shape, bool)
    return trial


def looks_up(net, sequences, layer):
    """For each head of a layer the share of the question's look that falls on the pair with the answer."""
    letters = sequences.val.x.reshape(-1, 5, 16)[:, :, :8]
    place = np.einsum("npl,nl->np", letters[:, :4], letters[:, 4]).argmax(axis=1)
    with mn.observing() as seen:
        net(sequences.val.x)
    maps = [shown for part, _, shown in seen if isinstance(part, mn.Attention)]
    return maps[layer][np.arange(len(place)), :, 4, place].mean(axis=0)


def told(lesson, id):
    """What stands in a cell, on one line."""
    return " ".join(text(lesson, id).split())


def numbers(said):
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", said)]


# ---- the task, and attention by hand ----------------------------------------------------------------------


def test_the_task(lesson, sequences):
    lines = printed(lesson, "task").splitlines()
    assert lines[0] == "b→1 h→6 g→6 c→7 g?  answer: 6"
    for line in lines:
        told = dict(pair.split("→") for pair in line.split(" ")[:4])
        assert told[line.split(" ")[4].removesuffix("?")] == line.split()[-1]
    x = np.concatenate([part.x for part in (sequences.train, sequences.val, sequences.test)]).reshape(-1, 5, 16)
    y = np.concatenate([part.y for part in (sequences.train, sequences.val, sequences.test)])
    assert np.mean(x[:, :4, 8:].sum(axis=1).argmax(axis=1) == y) == pytest.approx(0.41, abs=0.015)


def test_attention_looks_up(lesson):
    lines = printed(lesson, "softmax").splitlines()
    assert "[0.33 0.33 0.33]" in lines[0] and "4.33" in lines[0]
    assert "[0. 1. 0.]" in lines[3] and "7.00" in lines[3]
    mixed = [numbers(line)[-1] for line in lines]
    assert mixed == sorted(mixed)


def test_one_head_by_hand_is_what_the_network_computes(lesson):
    assert "the same: True" in printed(lesson, "observe")
    assert "(500, 4, 5, 5)" in printed(lesson, "observe")
    share = np.array(lesson.value("share.tolist()"))  # a later cell has not touched it
    assert share.shape == (5, 5) and share.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert share[4].argmax() == 2
    assert lesson.value("[attention.dim, net.layers[0].weight.shape[1]]") == [8, 32]
    assert lesson.value("[words[4], words[2]]") == ["g?", "g→6"]  # the mark of the pictures


# ---- which heads are needed -------------------------------------------------------------------------------


def test_one_head_is_needed_and_layer_2_is_not_head_by_head(lesson, nets, sequences, measured):
    cost = {(layer, head): points for layer, head, points in lesson.value("[[*k, v] for k, v in cost.items()]")}
    needed = tuple(lesson.value("list(needed)"))
    assert needed == (1, 2) and 30 <= cost[needed] <= 40  # "a third of all answers"
    assert max(cost[2, head] for head in (1, 2, 3, 4)) <= 1
    assert all(cost[2, one] < cost[1, other] < cost[needed] + 1e-9 for one in (1, 2, 3, 4) for other in (1, 2, 3, 4))
    for net in nets:
        whole = mn.accuracy(net, sequences.val)
        alone = [100 * (whole - mn.accuracy(without(net, one), sequences.val)) for one in HEADS]
        assert whole > 0.99 and max(alone[:4]) >= 20 and max(alone[4:]) <= 5
    costs = 100 * np.array([run["cost of a head"] for run in measured["recall"]])
    assert len(costs) == 10
    best = costs.max(axis=2)
    said = told(lesson, "look-up-after")
    assert "worth 28 to 45 points, and the best of layer 2 at most 2 " in said
    assert [round(best[:, 0].min()), round(best[:, 0].max()), round(best[:, 1].max())] == [28, 45, 2]


def test_it_looks_things_up(lesson, nets, sequences):
    look = [numbers(line)[-1] for line in printed(lesson, "look-up").splitlines()]
    assert np.argmax(look) == 1 and min(look) > 0.25 and look[1] > max(look[0], *look[2:]) + 0.1
    rows = sequences.val.x.reshape(-1, 5, 16)[np.arange(500), lesson.value("place.tolist()")]
    assert np.array_equal(rows[:, 8:].argmax(axis=1), sequences.val.y)
    for net in nets:
        assert looks_up(net, sequences, 0).min() > 0.2  # more than those who look at all alike


def test_the_heads_of_layer_2_stand_in_for_each_other(lesson, nets, sequences):
    together, alone = lesson.value("[lost, alone]")
    assert together > 50 and alone < 2
    lost = [numbers(line)[-1] for line in printed(lesson, "together").splitlines()[:4]]
    assert lost == sorted(lost)
    for net in nets:
        whole = mn.accuracy(net, sequences.val)
        alone = sum(whole - mn.accuracy(without(net, one), sequences.val) for one in HEADS[4:])
        together = whole - mn.accuracy(without(net, *HEADS[4:]), sequences.val)
        assert together > 0.3 and together > 5 * alone


# ---- half of the heads ------------------------------------------------------------------------------------


def test_half_of_the_heads_go(lesson, nets, sequences):
    whole, pruned, retrained = numbers(printed(lesson, "half"))
    assert pruned < whole - 10 and retrained >= whole - 1
    lesson.run("from minnet.draw.gaze import gone as gone_now")
    assert lesson.value("sum(int(heads.sum()) for heads in gone_now(half))") == 4
    for net in nets:
        trial = half(net, sequences, mn.taylor)
        assert sum(int(lost.sum()) for lost in gone(trial)) == 4
        assert all(not lost.all() for lost in gone(trial))  # one of each layer stays
        assert mn.accuracy(train(trial, sequences, 2), sequences.test) >= mn.accuracy(net, sequences.test) - 0.01


def test_before_retraining_the_ranking_matters_and_after_it_not(lesson, nets, sequences):
    lines = {line.split()[0]: numbers(line) for line in printed(lesson, "criteria").splitlines()}
    assert lines["taylor"][0] > max(lines["magnitude"][0], lines["random"][0]) + 20
    assert all(retrained >= 99 for _, retrained in lines.values())
    before = {criterion: np.mean([mn.accuracy(half(net, sequences, criterion), sequences.val) for net in nets])
              for criterion in (mn.taylor, mn.magnitude, mn.random)}
    assert before[mn.taylor] > max(before[mn.magnitude], before[mn.random]) + 0.1
    for net in nets:
        assert mn.accuracy(train(half(net, sequences, mn.random), sequences, 2), sequences.val) >= 0.99


def test_the_table_of_the_digits_is_the_benchmarks(lesson, measured):
    runs, said = measured["digits"], told(lesson, "criteria-after")
    assert len(runs) == 10
    rows = {f"half of the heads gone by *{name}*": [run["half of the heads"][name] for run in runs]
            for name in ("taylor", "magnitude", "random")}
    rows["layer 2 gone (see below)"] = [run["a layer"][1] for run in runs]
    lost = {}
    for name, found in rows.items():
        lost[name] = 100 * median(run["whole"] - one["retrained"] for run, one in zip(runs, found, strict=True))
        pruned, retrained = (100 * median(one[kind] for one in found) for kind in ("pruned", "retrained"))
        points = f"{lost[name]:.1f}".replace("-", "−")
        assert f"| {name} | {pruned:.1f} % | {retrained:.1f} % | {points} |" in said
    assert f"| whole | | {100 * median(run['whole'] for run in runs):.1f} % | |" in said
    assert all(1 <= round(points, 1) <= 2 for name, points in lost.items() if name.startswith("half"))
    before = {name: median(one["pruned"] for one in found) for name, found in rows.items()}
    assert before["half of the heads gone by *magnitude*"] < before["half of the heads gone by *random*"]


# ---- whole layers -----------------------------------------------------------------------------------------


def test_a_layer_goes(lesson, nets, sequences):
    whole, pruned, retrained, *_ = numbers(printed(lesson, "shallow"))
    assert pruned < whole / 2 and retrained >= whole - 1  # "more than half of the answers"
    assert "residual3: gone" in printed(lesson, "shallow") and "residual4: gone" in printed(lesson, "shallow")
    assert lesson.value("[type(part).__name__ for part in one.layers].count('Residual')") == 2
    for seed, net in enumerate(nets):
        trial = net.copy()
        mn.prune(trial, 0.5, criterion=mn.taylor, structure=layers, data=sequences.train)
        assert [bool(lost.all()) for lost in gone(trial)] == [False, True]  # the deeper one
        assert mn.accuracy(trial, sequences.val) < 0.65
        small = mn.compact(train(trial, sequences, 2, seed))
        assert len(attention(small)) == 1
        np.testing.assert_allclose(small(sequences.val.x), trial(sequences.val.x), atol=1e-4)
        assert mn.accuracy(small, sequences.test) >= mn.accuracy(net, sequences.test) - 0.01


def test_time_is_measured_and_the_quoted_figures_are_the_benchmarks(lesson, measured):
    lines = printed(lesson, "time").splitlines()
    assert [line[:27].strip() for line in lines[:4]] == ["whole", "half of the heads, masked",
                                                         "half of the heads, compact", "one layer, compact"]
    assert lines[4] == "the same answers: True"
    sizes = lesson.value("[sum(p.size for p in each.params()) for each in ways.values()]")
    assert sizes[0] == sizes[1] > sizes[2] > sizes[3]
    quoted = {(batch, kind): median(run["times as fast"][batch][kind] for run in measured["recall"])
              for batch in ("1", "64") for kind in ("one layer", "half of the heads")}
    said = told(lesson, "time-after")
    assert f"one layer was {quoted['64', 'one layer']:.1f} times as fast for 64 lists" in said
    assert f"and {quoted['1', 'one layer']:.1f} times for a single one" in said
    assert (f"half of the heads {quoted['64', 'half of the heads']:.1f} and "
            f"{quoted['1', 'half of the heads']:.1f} times") in said
    assert min(run["times as fast"][batch]["one layer"] for run in measured["recall"] for batch in ("1", "64")) > 1.3


def test_the_early_layer_does_more(lesson, nets, sequences):
    gone_first, two, four = (numbers(line)[-1] for line in printed(lesson, "other").splitlines())
    assert gone_first < 20 and two < 80 and four > 99
    for net in nets:
        first, second = without_layer(net, 0), without_layer(net, 1)
        assert mn.accuracy(first, sequences.val) < mn.accuracy(second, sequences.val) - 0.1
        assert mn.accuracy(train(first, sequences, 2), sequences.val) < 0.9
        assert mn.accuracy(train(first, sequences, 2), sequences.val) > 0.98
        before, after = (looks_up(each, sequences, layer=1).mean() for each in (without_layer(net, 0), first))
        assert after > before + 0.1  # layer 2 has learned to look things up


# ---- the explorer -----------------------------------------------------------------------------------------


def test_the_explorer_shows_what_the_text_points_at(lesson):
    def costs(layer):
        return lesson.value(f"[float(x) for x in 100 * explorer.shown.worth.costs[{layer - 1}]]")

    before = costs(1)
    lesson.run("explorer.set(head_1_2=False)")  # 1: the others have become worth more
    assert all(now > then for place, (now, then) in enumerate(zip(costs(1), before, strict=True)) if place != 1)
    lesson.run("explorer.reset()")
    seen = [costs(2)[3]]
    for head in (1, 2, 3):
        lesson.run(f"explorer.set(head_2_{head}=False)")
        seen.append(costs(2)[3])
    assert seen == sorted(seen) and seen[0] < 1 and seen[-1] > 30  # 2
    lesson.run("explorer.reset()")
    found = {}
    for criterion in ("taylor", "magnitude", "random"):  # 3
        lesson.run(f"explorer.set(ranked=4, criterion={criterion!r})")
        found[criterion] = lesson.value("explorer.shown.worth.accuracy")
    assert max(found, key=found.get) == "taylor"
    lesson.run("explorer.set(criterion='taylor'); explorer.retrain(); explorer.wait(); explorer.set(show='retrained')")
    assert lesson.value("explorer.shown.worth.accuracy") > 0.99  # 4
    assert max(x for x in costs(1) + costs(2) if x == x) > 30  # the last head of layer 2
    lesson.run("explorer.reset(); explorer.set(layer_2=False)")
    assert lesson.value("explorer.shown.left") == 9576  # 5
    lesson.run("explorer.reset()")
    assert lesson.value("mn.sparsity(net)") == 0
    tips = [state.get("description") for state in lesson.widgets.values()]
    assert {"Retrain", "layer 2", "head 2 of layer 1", "Show it", "Sample number"} <= set(tips)


# ---- pitfalls ---------------------------------------------------------------------------------------------


def test_the_sharpest_maps_belong_to_heads_that_nobody_needs_alone(lesson, nets, sequences):
    rows = [numbers(line) for line in printed(lesson, "sharp").splitlines()]
    first, second = ([row[2] for row in rows if row[0] == layer] for layer in (1, 2))
    assert min(second) > max(first) and max(row[3] for row in rows if row[0] == 2) < 1
    for net in nets:
        sharp = np.mean([[each.max(axis=2).mean(axis=1) for each in patterns(net, x)]
                         for x in sequences.val.x[:100]], axis=0)
        assert sharp[1].mean() > sharp[0].mean() + 0.1


def test_magnitude_can_be_fooled(lesson, nets, sequences):
    assert "the same answers: True" in printed(lesson, "twin")
    lines = {tuple(line.split()[:2]): numbers(line)[0] for line in printed(lesson, "twin-pruned").splitlines()}
    assert lines["taylor", "net"] == lines["taylor", "twin"] > 99
    assert lines["magnitude", "twin"] == pytest.approx(100 - lesson.value("cost[needed]"), abs=0.11)
    for net in nets:
        needed = max(HEADS, key=lambda one, net=net: -mn.accuracy(without(net, one), sequences.val))
        twin = net.copy()
        for layer, head in HEADS:
            if (layer, head) != needed:
                part, at = attention(twin)[layer - 1], head - 1
                for array, by in ((part.q.data[:, at], 4), (part.q_bias.data[at], 4),
                                  (part.k.data[:, at], 1 / 4), (part.k_bias.data[at], 1 / 4)):
                    array *= by
        np.testing.assert_allclose(twin(sequences.val.x), net(sequences.val.x), atol=1e-3)
        mn.prune(twin, 1 / 8, structure=mn.along("head"))
        fallen = [(layer, head + 1) for layer, lost in enumerate(gone(twin), 1) for head in np.flatnonzero(lost)]
        assert fallen == [needed]


def test_the_width_stays(lesson, nets):
    silent, alone = (numbers(line) for line in printed(lesson, "norm").splitlines())
    assert silent[:2] != alone
    trial = nets[0].copy()
    mn.prune(trial, 0.5, structure=mn.along("out"), scope=mn.layer)
    small = mn.compact(trial)
    assert small.layers[0].weight.shape == (16, 32) and small.layers[-1].weight.shape == (32, 8)
    assert "dense1: weight 32×64 → 32×32" in small.report


def test_the_control_from_scratch(lesson, measured, sequences):
    reached = 100 * median(run["one layer from scratch"] for run in measured["recall"])
    assert f"also reaches {reached:.1f} %" in told(lesson, "norm-after")
    for seed in SEEDS:
        net = mn.models.tiny_transformer(tokens=5, n_in=16, n_out=8, blocks=1, rng=seed)
        assert mn.accuracy(train(net, sequences, 6, seed), sequences.test) > 0.99


def test_what_a_head_weighs_is_what_compact_deletes(nets, sequences):
    net = nets[0].copy()
    before = sum(param.size for param in net.params())
    mn.prune(net, 1 / 8, criterion=mn.random, structure=mn.along("head"), rng=0)
    left = sum(param.size for param in mn.compact(net).params())
    assert before - left == 4 * 32 * 8 + 3 * 8
