"""What lesson 07 says is what lesson 07 shows; what it says in general is held against several seeds."""

import re

import numpy as np
import pytest

import minnet as mn
from minnet.pruning import evidence
from tests.lessons.running import printed

LESSON = "07_how_to_choose.ipynb"
SEEDS = range(5)
NEURONS = mn.along("out")


@pytest.fixture(scope="module")
def digits():
    return mn.data.digits()


def make(digits, seed, epochs=40, sizes=(64, 32, 16, 10)):
    net = mn.models.mlp(*sizes, rng=seed)
    mn.fit(net, digits.train, epochs=epochs, rng=seed, progress=False)
    return net


@pytest.fixture(scope="module")
def nets(digits):
    return [make(digits, seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def race(digits, nets):
    """The lesson's race, over more seeds."""
    def race(criterion, sparsity, nets=nets, data=digits.train, epochs=0, **how):
        found = []
        for seed, net in enumerate(nets):
            cut = net.copy()
            mn.prune(cut, sparsity, criterion, data=data, rng=seed, **how)
            if epochs:
                mn.fit(cut, digits.train, epochs=epochs, rng=seed, progress=False)
            found.append(mn.accuracy(cut, digits.val))
        return np.array(found)
    return race


def percents(text):
    return [float(number) / 100 for number in re.findall(r"(-?[\d.]+)%", text)]


def kept(net):
    return [param.kept for param in net.params() if param.prunable]


# ---- magnitude and its doubts ---------------------------------------------------------------------------


def test_three_networks_of_2720_weights(lesson):
    assert lesson.value("[sum(p.size for p in net.params() if p.prunable) for net in nets]") == [2720] * 3
    assert lesson.value("[mn.sparsity(net) for net in nets]") == [0, 0, 0]  # every cell works on copies
    assert lesson.value("min(mn.accuracy(net, digits.val) for net in nets)") > 0.93


def test_the_lessons_criteria_are_those_of_minnet(lesson):
    for name in ("magnitude", "gradient", "taylor", "obd", "wanda"):
        own, theirs = (f"mn.rank(nets[0], {which}, data=digits.train).score" for which in (name, f"mn.{name}"))
        assert lesson.value(f"np.allclose({own}, {theirs})"), name
    assert lesson.value('np.allclose(*[mn.rank(nets[0], c, mn.along("out"), data=digits.train).score '
                        'for c in (apoz, mn.apoz)])')


def test_magnitude_beats_dice(lesson, race):
    assert lesson.value("(race(magnitude, 0.6) - race(mn.random, 0.6)).min()") > 0.4
    assert np.all(race(mn.magnitude, 0.6) > race(mn.random, 0.6) + 0.4)


def test_weights_of_paper_are_kept_by_magnitude_and_by_no_criterion_that_looks(lesson, nets, digits):
    dots, *parts = [float(n) for n in re.findall(r"([\d.]+)(?: dots|%)", printed(lesson, "paper"))][:2]
    assert dots == lesson.value("paper.sum()") > 0 and parts[0] > 5
    paper = digits.train.x.max(axis=0) == 0
    for net in nets:
        for criterion, lowest, highest in ((mn.magnitude, 0.05, 0.5), (mn.obd, 0, 0), (mn.wanda, 0, 0)):
            cut = net.copy()
            mn.prune(cut, 0.5, criterion, data=digits.train)
            assert lowest <= cut.layers[0].weight.mask[paper].mean() <= highest


def test_twins_answer_alike_and_magnitude_ruins_them(lesson, digits):
    assert lesson.value("all(np.allclose(a(digits.val.x), b(digits.val.x), atol=1e-2) for a, b in zip(nets, twins))")
    assert lesson.value("(race(magnitude, 0.5) - race(magnitude, 0.5, twins)).min()") > 0.2


# ---- slope, curvature, what flows -----------------------------------------------------------------------


def test_taylor_loses_and_the_slope_is_hardly_better_than_dice(lesson, race):
    assert printed(lesson, "reveal").endswith("Measured: magnitude.\n")
    magnitude, taylor, gradient, dice = (race(each, 0.6) for each in ("magnitude", "taylor", "gradient", "random"))
    assert np.all(taylor < magnitude - 0.05)
    assert gradient.mean() < dice.mean() + 0.2 < taylor.mean()


def test_taylor_and_snip_have_the_same_order(nets, digits):
    for net in nets:
        one, two = (mn.rank(net, each, data=digits.train) for each in (mn.taylor, mn.snip))
        assert all(np.array_equal(a, b) for a, b in zip(one.masks(0.6).values(), two.masks(0.6).values(), strict=True))


def test_while_there_is_a_slope_taylor_beats_magnitude(lesson, race, nets, digits):
    young, old = printed(lesson, "early").splitlines()
    assert percents(young)[1] > percents(young)[0] and percents(old)[1] < percents(old)[0]
    early = [make(digits, seed, epochs=3) for seed in SEEDS]
    slopes = [np.mean([mn.rank(net, mn.gradient, data=digits.train).score.mean() for net in group])
              for group in (early, nets)]
    assert slopes[0] > 4 * slopes[1]
    assert race("taylor", 0.5, early).mean() > race("magnitude", 0.5, early).mean() + 0.01
    assert race("taylor", 0.5).mean() < race("magnitude", 0.5).mean() - 0.01


def test_curvature_and_wanda_beat_magnitude(lesson, race):
    assert lesson.value("(race(obd, 0.5) > race(magnitude, 0.5)).all()")
    assert np.all(race("obd", 0.5) > race("magnitude", 0.5))
    means = {each: race(each, 0.6).mean() for each in ("magnitude", "taylor", "obd", "wanda")}
    assert max(means, key=means.get) == "wanda"
    assert lesson.value("max((magnitude, taylor, obd, wanda), key=lambda c: race(c, 0.6).mean()).__name__") == "wanda"
    assert means["obd"] > means["taylor"] + 0.1


def test_some_weights_do_harm_and_a_square_does_not_see_it(lesson, nets, digits):
    assert lesson.value("falls") > 20 and lesson.value("rises") > 200
    for net in nets:
        truth, scores = one_by_one(net, digits)
        agreement = {name: correlation(score, truth) for name, score in scores.items()}
        assert min(agreement["obd"], agreement["wanda"]) > agreement["magnitude"] > 0.3
        assert max(agreement.values()) < 0.95  # none of the clouds is a line
        harm = truth < 0
        for name in ("taylor", "obd"):
            assert correlation(scores[name][harm], truth[harm]) < -0.2  # the second branch, which falls


def one_by_one(net, digits):
    """What the loss does without each weight of the middle layer (every third), and the scores of the criteria."""
    x, y = digits.train.x, digits.train.y
    trial = net.copy()
    weight, whole, truth = trial.layers[2].weight, mn.cross_entropy(net(x), y)[0], []
    for place in list(np.ndindex(weight.shape))[::3]:
        before, weight.data[place] = weight.data[place], 0
        truth.append(mn.cross_entropy(trial(x), y)[0] - whole)
        weight.data[place] = before
    return np.array(truth), {name: mn.rank(net, name, data=digits.train).score[2048:2560:3]
                             for name in ("magnitude", "taylor", "obd", "wanda")}


def correlation(one, other):
    return np.corrcoef(*(np.argsort(np.argsort(each)) for each in (one, other)))[0, 1]


def test_who_sees_through_the_twins(lesson, nets, digits):
    said = {line.split()[0]: percents(line) for line in printed(lesson, "twins").splitlines()}
    for name in ("taylor", "obd"):
        assert said[name][0] == pytest.approx(said[name][1], abs=0.005)
    assert said["magnitude"][1] < said["magnitude"][0] - 0.2
    assert said["wanda"][1] == pytest.approx(said["wanda"][0], abs=0.05)
    for net in nets:
        double = net.copy()
        double.layers[0].weight.data[:, ::2] *= 10
        double.layers[0].bias.data[::2] *= 10
        double.layers[2].weight.data[::2] /= 10
        for name, scope in (("taylor", mn.network), ("snip", mn.network), ("obd", mn.network),
                            ("wanda", mn.window(1000))):  # Wanda among the weights of one neuron only
            one, two = (mn.rank(each, name, scope=scope, data=digits.train).masks(0.5) for each in (net, double))
            assert np.mean([np.mean(one[path] == two[path]) for path in one]) > 0.999, name


def test_neurons_that_never_fire_go_for_free(lesson):
    said = printed(lesson, "apoz").splitlines()
    assert len(said) == 3 and all("same answers without: True" in line for line in said)
    assert all(int(line.split()[0]) > 0 for line in said)


# ---- the explorer ---------------------------------------------------------------------------------------


def test_what_the_text_asks_to_look_for_in_the_explorer(lesson):
    lesson.run("explorer.reset()")
    assert lesson.value("[explorer.shown.a, explorer.shown.b, explorer.shown.percent]") == ["magnitude", "wanda", 60]
    # 1: what only magnitude keeps looks at dots that are darker on average, those at the edges
    lesson.run("a, b = explorer.shown.kept['dense1.weight']; ink = digits.train.x.mean(axis=0)")
    assert lesson.value("ink[(a & ~b).nonzero()[0]].mean()") < 0.6 * lesson.value("ink[(b & ~a).nonzero()[0]].mean()")
    # 2: the same order for weights, not for neurons
    apart = "sum(int((a != b).sum()) for a, b in explorer.shown.kept.values())"
    lesson.run("explorer.set(a='taylor', b='snip')")
    assert lesson.value(apart) == 0
    moves = "[(explorer.set(structure='neurons', percent=p), {})[1] for p in range(0, 100, 5)]"
    assert {count > 0 for count in lesson.value(moves.format(apart))} == {False, True}
    # 3: two that know nothing of each other
    lesson.run("explorer.set(a='magnitude', b='random', structure='weights', percent=50)")
    assert lesson.value(apart) == pytest.approx(1360, abs=120)
    # 4: Wanda at 90 %
    lesson.run("explorer.set(b='wanda', percent=90)")
    dense1 = "explorer.shown.kept['dense1.weight'][1].mean()"
    assert lesson.value(dense1) < 0.02
    lesson.run("explorer.set(scope='layer')")
    assert lesson.value(dense1) == pytest.approx(0.1, abs=0.001)
    # 5: the layer that bears least
    lesson.run("explorer.set(scope='network', curves='each layer alone', percent=75)")
    at_75 = lesson.value("{name: [float(each[15]) for each in pair] for name, pair in explorer.shown.alone.items()}")
    assert [min(at_75, key=lambda name: at_75[name][which]) for which in (0, 1)] == ["dense3", "dense3"]
    # 6: with the sum, dense2 loses more
    lesson.run("explorer.set(curves='all layers together', structure='neurons', percent=25)")
    kept_by_mean = lesson.value("explorer.shown.kept['dense2.weight'][0].mean()")
    lesson.run("explorer.set(combine='sum')")
    assert lesson.value("explorer.shown.kept['dense2.weight'][0].mean()") < kept_by_mean
    lesson.run("explorer.reset()")
    assert any(state.get("description") == "Retrain all criteria" for state in lesson.widgets.values())


# ---- data, retraining -----------------------------------------------------------------------------------


def test_who_saw_only_zeros_knows_zeros(lesson, nets, digits):
    for line in printed(lesson, "zeros").splitlines():
        zeros, others = percents(line)
        assert zeros > 0.9 and (others < 0.8) == ("only zeros" in line)
    zero, shown = digits.train.y == 0, digits.val.y == 0
    for net in nets:
        for criterion in (mn.obd, mn.wanda):
            right = []
            for data in (digits.train, (digits.train.x[zero], digits.train.y[zero])):
                cut = net.copy()
                mn.prune(cut, 0.6, criterion, data=data)
                right.append(cut(digits.val.x).argmax(axis=1) == digits.val.y)
            assert right[1][shown].mean() > 0.9
            assert right[1][~shown].mean() < right[0][~shown].mean() - 0.1


def test_how_many_samples_are_needed(lesson, race, digits):
    counts = "1", "10", "100", str(len(digits.train))
    assert printed(lesson, "samples").split()[1:5] == list(counts)

    def by_count(criterion):
        return [race(criterion, 0.6, data=(digits.train.x[:n], digits.train.y[:n])).mean() for n in map(int, counts)]

    magnitude = race("magnitude", 0.6).mean()
    taylor, obd, wanda = (by_count(each) for each in ("taylor", "obd", "wanda"))
    assert max(taylor[0], obd[0], wanda[0]) < 0.6
    assert wanda[1] > wanda[-1] - 0.05
    assert obd[2] < magnitude - 0.05 < magnitude - 0.03 < obd[3]


def test_with_retraining_the_differences_shrink(lesson, race):
    said = {line.split()[0]: percents(line) for line in printed(lesson, "retrain-see").splitlines() if "→" in line}
    four = "magnitude", "taylor", "obd", "wanda"
    assert max(said[each][1] for each in four) - min(said[each][1] for each in four) < 0.03
    assert max(said[each][0] for each in four) - min(said[each][0] for each in four) > 0.2
    assert max(said, key=lambda each: said[each][3]) == "magnitude"
    after = {(each, level): race(each, level, epochs=10).mean() for each in (*four, "random") for level in (0.7, 0.9)}
    assert max(after[each, 0.7] for each in four) - min(after[each, 0.7] for each in four) < 0.03
    assert after["random", 0.7] > after["magnitude", 0.7] - 0.1
    assert all(after["magnitude", 0.9] > after[each, 0.9] + 0.03 for each in (*four[1:], "random"))


# ---- pitfalls -------------------------------------------------------------------------------------------


def test_wandas_scores_are_not_for_comparing_layers(lesson, nets, digits, race):
    for net in nets:
        cut = net.copy()
        mn.prune(cut, 0.9, mn.wanda, data=digits.train)
        assert kept(cut)[0] < 0.02 * 2048
        loud = evidence.act(net, digits.train)
        assert loud["dense1.weight"].mean() < 0.5 * loud["dense2.weight"].mean()  # dots are weaker than neurons
    everybody, alone = (race("wanda", 0.9, epochs=10, scope=scope) for scope in (mn.network, mn.layer))
    assert np.all(everybody < alone - 0.1)
    assert len(percents(printed(lesson, "across"))) == 2


def test_neither_mean_nor_sum_makes_layers_comparable(lesson, race, digits):
    small, large = np.array(percents(printed(lesson, "units"))).reshape(2, 3)
    assert small[1] < small[0] - 0.05 and large[0] < 0.3 < 0.9 < min(large[1:])
    mean, total, layer = (race("magnitude", 0.25, structure=NEURONS, **how)
                          for how in ({}, {"combine": "sum"}, {"scope": mn.layer}))
    assert total.mean() < mean.mean() - 0.1 and layer.mean() > total.mean() + 0.1
    for seed in SEEDS[:3]:
        net = make(digits, seed, 20, (64, 300, 100, 10))
        cut = net.copy()
        mn.prune(cut, 0.25, structure=NEURONS)
        assert cut.layers[2].weight.mask.any(axis=0).sum() < 10  # of 100 neurons of dense2
        assert mn.accuracy(cut, digits.val) < 0.3
        for how in ({"combine": "sum"}, {"scope": mn.layer}):
            cut = net.copy()
            mn.prune(cut, 0.25, structure=NEURONS, **how)
            assert mn.accuracy(cut, digits.val) > 0.85


def test_an_untrained_network_shows_magnitude_only_dice(lesson, digits):
    said = [percents(line)[0] for line in printed(lesson, "untrained").splitlines()]
    assert said[0] < said[1] - 0.2 and said[1] < said[2]
    for seed in SEEDS[:3]:
        found = []
        for criterion in (mn.magnitude, mn.random, mn.snip):
            net = mn.models.mlp(64, 300, 100, 10, rng=seed)
            mn.prune(net, 0.95, criterion, data=digits.train, rng=seed)
            if criterion is mn.magnitude:
                assert kept(net)[1] < 0.01 * 30_000
            mn.fit(net, digits.train, epochs=20, rng=seed, progress=False)
            found.append(mn.accuracy(net, digits.val))
        assert found[0] < found[1] - 0.2 and found[1] < found[2]


def test_evidence_from_the_data_that_judge_flatters(lesson, nets, digits):
    same, others = percents(printed(lesson, "judge"))
    assert same > others + 0.02
    gaps = []
    for net in nets:
        for seed in range(10):
            places = np.random.default_rng(seed).permutation(360)
            cut, seen, rest = net.copy(), places[:20], places[20:]
            mn.prune(cut, 0.6, mn.obd, data=(digits.val.x[seen], digits.val.y[seen]))
            right = cut(digits.val.x).argmax(axis=1) == digits.val.y
            gaps.append(right[seen].mean() - right[rest].mean())
    assert np.mean(gaps) > 2.5 * np.std(gaps) / len(gaps) ** 0.5  # not by chance


def test_missing_evidence_is_told(lesson):
    assert "data= is missing" in printed(lesson, "missing")


def test_one_seed_proves_anything(lesson, race):
    better = race("obd", 0.6) > race("magnitude", 0.6)
    assert better.any() and not better.all()
    assert lesson.value("[bool(each) for each in race(mn.obd, 0.6) > race(mn.magnitude, 0.6)].count(True)") in (1, 2)
    assert lesson.value("max(throws) - min(throws)") > 0.2


def test_the_criterion_between_magnitude_and_wanda(lesson, race):
    def between(weight, act):
        return np.abs(weight) * np.sqrt(act)

    for level in (0.5, 0.6, 0.7, 0.8):
        mine = race(between, level).mean()
        assert mine > race("magnitude", level).mean() and mine > race("wanda", level).mean() - 0.01
    assert lesson.value("race(mine, 0.8).mean() - race(wanda, 0.8).mean()") > 0.05
