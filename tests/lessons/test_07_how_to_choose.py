"""What lesson 07 says is what lesson 07 shows; what it says in general is tested with ten networks of other seeds."""

import functools
import re

import numpy as np
import pytest

import minnet as mn
from minnet.pruning import evidence
from tests.lessons.running import printed

LESSON = "07_how_to_choose.ipynb"
SEEDS = range(100, 110)  # the lesson has 0, 1 and 2
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
    return tuple(make(digits, seed) for seed in SEEDS)


@pytest.fixture(scope="module")
def ranked(digits):
    """Each network's ranking, made once; criteria look at the first `count` training digits, or at all."""
    @functools.cache
    def ranked(criterion, nets, count=None, **how):
        seen = digits.train.x[:count], digits.train.y[:count]
        return [mn.rank(net, criterion, data=seen, rng=seed, **how) for seed, net in zip(SEEDS, nets, strict=True)]
    return ranked


@pytest.fixture(scope="module")
def race(digits, nets, ranked):
    """The lesson's race: accuracy of each network, pruned and perhaps retrained."""
    @functools.cache
    def race(criterion, sparsity, nets=nets, epochs=0, **how):
        found = []
        for seed, net, ranking in zip(SEEDS, nets, ranked(criterion, nets, **how), strict=True):
            cut, masks = net.copy(), ranking.masks(sparsity)
            for param in cut.params():
                param.mask = masks.get(param.path)
            if epochs:
                mn.fit(cut, digits.train, epochs=epochs, rng=seed, progress=False)
            found.append(mn.accuracy(cut, digits.val))
        return np.array(found)
    return race


def percents(text):
    return [float(number) / 100 for number in re.findall(r"(-?[\d.]+)%", text)]


def kept(net):
    return [param.kept for param in net.params() if param.prunable]


def rescaled(net):
    """The lesson's rescaled copy: the same outputs, every other neuron of the first layer with other weights."""
    net = net.copy()
    net.layers[0].weight.data[:, ::2] *= 10
    net.layers[0].bias.data[::2] *= 10
    net.layers[2].weight.data[::2] /= 10
    return net


@pytest.fixture(scope="module")
def rescaled_nets(nets):
    return tuple(rescaled(net) for net in nets)


# ---- magnitude and its doubts ---------------------------------------------------------------------------


def test_three_networks_of_2720_weights(lesson, claim):
    assert lesson.value("[sum(p.size for p in net.params() if p.prunable) for net in nets]") == [2720] * 3
    assert lesson.value("[mn.sparsity(net) for net in nets]") == [0, 0, 0]  # every cell works on copies
    claim.every(lesson.value("[mn.accuracy(net, digits.val) for net in nets]"), above=0.93)


def test_the_lessons_criteria_are_those_of_minnet(lesson):
    for name in ("magnitude", "gradient", "snip", "taylor", "obd", "wanda"):
        own, theirs = (f"mn.rank(nets[0], {which}, data=digits.train).score" for which in (name, f"mn.{name}"))
        assert lesson.value(f"np.allclose({own}, {theirs})"), name
    assert lesson.value('np.allclose(*[mn.rank(nets[0], c, mn.along("out"), data=digits.train).score '
                        'for c in (apoz, mn.apoz)])')


def test_magnitude_beats_random_pruning(lesson, race, claim):
    claim.every(lesson.value("race(magnitude, 0.6) - race(mn.random, 0.6)"), above=0.3)
    claim.every(race("magnitude", 0.6) - race("random", 0.6), above=0.3)


def test_weights_of_blank_pixels_are_kept_by_magnitude_and_by_no_data_aware_criterion(
        lesson, nets, ranked, digits, claim):
    dots = re.findall(r"(\d+) dots", printed(lesson, "paper"))
    assert dots == [str(lesson.value("paper.sum()"))] * 3 and int(dots[0]) > 0
    claim.every(percents(printed(lesson, "paper")), above=0.05)
    paper, still = digits.train.x.max(axis=0) == 0, {}
    for criterion in ("magnitude", "taylor", "obd", "wanda"):
        masks = [ranking.masks(0.5)["dense1.weight"] for ranking in ranked(criterion, nets)]
        still[criterion] = np.array([mask[paper].mean() for mask in masks])
    claim.every(still["magnitude"], above=0.05)
    assert not any(still[name].any() for name in ("taylor", "obd", "wanda"))


def test_rescaled_copies_answer_alike_and_magnitude_ruins_them(lesson, race, rescaled_nets, claim):
    assert lesson.value("all(np.allclose(a(digits.val.x), b(digits.val.x), atol=1e-2) for a, b in zip(nets, twins))")
    claim.every(lesson.value("race(magnitude, 0.5) - race(magnitude, 0.5, twins)"), above=0.2)
    claim.every(race("magnitude", 0.5) - race("magnitude", 0.5, rescaled_nets), above=0.2)


# ---- gradient, Hessian, activations ---------------------------------------------------------------------


def test_snip_loses_and_the_gradient_is_closer_to_random_pruning_than_to_magnitude(lesson, race, claim):
    assert printed(lesson, "reveal").endswith("Measured: magnitude.\n")
    here = {line.split()[0]: percents(line)[0] for line in printed(lesson, "reveal").splitlines() if "mean" in line}
    there = {name: race(name, 0.6) for name in ("random", "gradient", "snip", "magnitude")}
    for found, ask in ((here, claim.every), (there, claim.median)):
        ask(found["magnitude"] - found["snip"], above=0.05)
        ask((found["magnitude"] - found["gradient"]) - (found["gradient"] - found["random"]), above=0)


def test_while_there_is_a_gradient_snip_beats_magnitude(lesson, race, nets, ranked, digits, claim):
    young, old = (percents(line) for line in printed(lesson, "early").splitlines())
    claim.every(young[1] - young[0], above=0.01)
    claim.every(old[0] - old[1], above=0.005)
    early = tuple(make(digits, seed, epochs=3) for seed in SEEDS)
    gradients = [np.array([ranking.score.mean() for ranking in ranked("gradient", group)]) for group in (early, nets)]
    claim.every(np.log2(gradients[0] / gradients[1]), above=0)
    lead = [race("snip", 0.5, group) - race("magnitude", 0.5, group) for group in (early, nets)]
    claim.median(lead[0], above=0)
    claim.median(lead[0] - lead[1], above=0.02)


def test_to_square_first_makes_taylor_good(lesson, race, claim):
    claim.every(lesson.value("race(taylor, 0.6) - race(snip, 0.6)"), above=0.1)
    claim.every(race("taylor", 0.6) - race("snip", 0.6), above=0.02)
    claim.median(race("taylor", 0.6) - race("snip", 0.6), above=0.1)
    claim.every(lesson.value("race(taylor, 0.5) - race(magnitude, 0.5)"), above=0)
    for level in (0.5, 0.6):  # "in most"
        claim.median(race("taylor", level) - race("magnitude", level), above=0)
    claim.every(-min(lesson.value("race(taylor, 0.6) - race(magnitude, 0.6)")), above=0)  # "not in all"


def test_curvature_and_wanda_beat_magnitude(lesson, race, claim):
    claim.every(lesson.value("race(obd, 0.5) - race(magnitude, 0.5)"), above=0)
    claim.median(race("obd", 0.5) - race("magnitude", 0.5), above=0)  # "in most others"
    for level in (0.5, 0.6):
        claim.every(abs(lesson.value(f"race(obd, {level}).mean() - race(taylor, {level}).mean()")), below=0.03)
        claim.median(abs(race("obd", level) - race("taylor", level)), below=0.02)
    for level in (0.5, 0.6):
        claim.every(lesson.value(f"race(wanda, {level}).mean() - race(obd, {level}).mean()"), above=-0.02)
        claim.median(race("wanda", level) - race("obd", level), above=-0.02)  # "as well or better"
    claim.every(lesson.value("race(wanda, 0.6).mean() - race(magnitude, 0.6).mean()"), above=0)
    claim.median(race("wanda", 0.6) - race("magnitude", 0.6), above=0)


def test_some_weights_do_harm_and_a_square_does_not_see_it(lesson, nets, ranked, digits, claim):
    claim.every(lesson.value("falls"), above=20)
    claim.every(lesson.value("rises"), above=200)
    titles = lesson.value("[ax.get_title() for ax in sheet.axes]")
    here = {name: float(agreement) for name, agreement in (title.split(": ") for title in titles)}
    truths = [one_by_one(net, digits) for net in nets]
    scores = {name: [ranking.score[2048:2560] for ranking in ranked(name, nets)] for name in here}
    agreement = {name: np.array([correlation(score, abs(truth)) for score, truth in zip(each, truths, strict=True)])
                 for name, each in scores.items()}
    for name in ("taylor", "obd", "wanda"):
        claim.every(here[name] - here["magnitude"], above=0)
        claim.every(agreement[name] - agreement["magnitude"], above=0)
    for name in ("taylor", "obd"):  # they want to keep what does most harm
        claim.every([correlation(score[truth < 0], -truth[truth < 0])
                     for score, truth in zip(scores[name], truths, strict=True)], above=0.4)


def one_by_one(net, digits):
    """What the loss does without each weight of the middle layer."""
    x, y = digits.train.x, digits.train.y
    trial = net.copy()
    weight, whole, truth = trial.layers[2].weight, mn.cross_entropy(net(x), y)[0], []
    for place in np.ndindex(weight.shape):
        before, weight.data[place] = weight.data[place], 0
        truth.append(mn.cross_entropy(trial(x), y)[0] - whole)
        weight.data[place] = before
    return np.array(truth)


def correlation(one, other):
    return np.corrcoef(*(np.argsort(np.argsort(each)) for each in (one, other)))[0, 1]


def test_which_criteria_ignore_the_rescaling(lesson, race, nets, rescaled_nets, ranked, claim):
    said = {line.split()[0]: percents(line) for line in printed(lesson, "twins").splitlines()}
    here = {name: before - after for name, (before, after) in said.items()}
    claim.every([abs(here["taylor"]), abs(here["obd"])], below=0.01)
    claim.every(here["magnitude"], above=0.2)
    claim.every(abs(here["wanda"]), below=0.05)
    claim.median(race("wanda", 0.5) - race("wanda", 0.5, rescaled_nets), below=0.05)
    for name in ("taylor", "snip", "obd", "wanda"):
        how = {"scope": mn.window(1000)} if name == "wanda" else {}  # Wanda among the weights of one neuron only
        apart = []
        for pair in zip(*(ranked(name, group, **how) for group in (nets, rescaled_nets)), strict=True):
            one, two = (ranking.masks(0.5) for ranking in pair)
            apart.append(sum(int((one[path] != two[path]).sum()) for path in one))
        claim.every(apart, below=6)  # of 2,720; only weights with nearly the same score change places


def test_neurons_that_never_fire_go_for_free(lesson, claim):
    said = printed(lesson, "apoz").splitlines()
    assert len(said) == 3 and all("same answers without: True" in line for line in said)
    claim.every([int(line.split()[0]) for line in said], above=1)


# ---- the explorer ---------------------------------------------------------------------------------------


def test_what_the_text_asks_to_look_for_in_the_explorer(lesson, claim):
    lesson.run("explorer.reset()")
    assert lesson.value("[explorer.shown.a, explorer.shown.b, explorer.shown.percent]") == ["magnitude", "wanda", 60]
    # 1: what only magnitude keeps are weights of pixels that are fainter on average, those at the edges
    lesson.run("a, b = explorer.shown.kept['dense1.weight']; ink = digits.train.x.mean(axis=0)")
    claim.every(lesson.value("ink[(a & ~b).nonzero()[0]].mean() / ink[(b & ~a).nonzero()[0]].mean()"), below=0.5)
    # 2: squared first or averaged first; in batches of many or of one
    apart = "sum(int((a != b).sum()) for a, b in explorer.shown.kept.values())"
    lesson.run("explorer.set(a='snip', b='taylor')")
    assert lesson.value(apart) > 272  # a tenth of the weights
    lesson.run("explorer.set(a='taylor', b='obd')")
    claim.every(lesson.value(apart), below=272)
    # 3: two that know nothing of each other
    lesson.run("explorer.set(a='magnitude', b='random', structure='weights', percent=50)")
    claim.every(lesson.value(apart) / 2720, above=0.45, below=0.55)
    # 4: Wanda at 90 %
    lesson.run("explorer.set(b='wanda', percent=90)")
    dense1 = "explorer.shown.kept['dense1.weight'][1].mean()"
    claim.every(lesson.value(dense1), below=0.02)
    lesson.run("explorer.set(scope='layer')")
    assert lesson.value(dense1) == pytest.approx(0.1, abs=0.001)
    # 5: the layer that bears least
    lesson.run("explorer.set(scope='network', curves='each layer alone', percent=75)")
    at_75 = lesson.value("{name: [float(each[15]) for each in pair] for name, pair in explorer.shown.alone.items()}")
    claim.every(np.min([at_75["dense1"], at_75["dense2"]], axis=0) - at_75["dense3"], above=0)
    # 6: with the sum, dense2 loses more
    lesson.run("explorer.set(curves='all layers together', structure='neurons', percent=25)")
    kept_by_mean = lesson.value("explorer.shown.kept['dense2.weight'][0].mean()")
    lesson.run("explorer.set(combine='sum')")
    claim.every(kept_by_mean - lesson.value("explorer.shown.kept['dense2.weight'][0].mean()"), above=0)
    lesson.run("explorer.reset()")
    assert any(state.get("description") == "Retrain all criteria" for state in lesson.widgets.values())


# ---- data, retraining -----------------------------------------------------------------------------------


def test_evidence_from_zeros_keeps_only_zeros(lesson, nets, digits, claim):
    said = {}
    for line in printed(lesson, "zeros").splitlines():
        said[line.split()[0], "only zeros" in line] = percents(line)
    claim.every([zeros for zeros, _ in said.values()], above=0.9)
    claim.every([said[name, False][1] - said[name, True][1] for name in ("obd", "wanda")], above=0.05)
    zero, shown = digits.train.y == 0, digits.val.y == 0
    for criterion in (mn.obd, mn.wanda):
        knows, lost = [], []
        for net in nets:
            right = []
            for data in (digits.train, (digits.train.x[zero], digits.train.y[zero])):
                cut = net.copy()
                mn.prune(cut, 0.6, criterion, data=data)
                right.append(cut(digits.val.x).argmax(axis=1) == digits.val.y)
            knows.append(right[1][shown].mean())
            lost.append(right[0][~shown].mean() - right[1][~shown].mean())
        claim.every(knows, above=0.9)
        claim.every(lost, above=0.05)


def test_how_many_samples_are_needed(lesson, race, digits, claim):
    header, *rows = printed(lesson, "samples").splitlines()
    counts = [int(count) for count in header.split()[1:]]
    assert counts == [1, 10, 100, len(digits.train)]
    here = {row.split()[0]: np.array(percents(row)) for row in rows}
    claim.every([here[name][0] for name in ("taylor", "obd", "wanda")], below=0.6)
    claim.every(here["wanda"][1] - here["wanda"][-1], above=-0.05)
    claim.every(here["obd"][-1] - here["obd"][2], above=0.05)
    for name in ("taylor", "obd", "wanda"):
        claim.every(race(name, 0.6, count=1), below=0.6)
    claim.median(race("wanda", 0.6, count=10) - race("wanda", 0.6), above=-0.05)
    claim.median(race("obd", 0.6) - race("obd", 0.6, count=100), above=0.05)


def test_with_retraining_the_differences_shrink(lesson, race, claim):
    said = {line.split()[0]: percents(line) for line in printed(lesson, "retrain-see").splitlines() if "→" in line}
    five = "magnitude", "snip", "taylor", "obd", "wanda"
    claim.every(np.ptp([said[each][1] for each in five]), below=0.03)  # the guess "less than 3" is right
    claim.every(np.ptp([said[each][0] for each in five]), above=0.2)
    for each in sorted(set(said) - {"magnitude"}):
        claim.every(said["magnitude"][3] - said[each][3], above=0.02)
    before = {each: race(each, 0.7) for each in (*five, "random")}
    after = {(each, level): race(each, level, epochs=10) for each in (*five, "random") for level in (0.7, 0.9)}
    claim.median(np.ptp([before[each] for each in five], axis=0), above=0.1)
    claim.every(np.ptp([after[each, 0.7] for each in five], axis=0), below=0.05)
    lag = [before["magnitude"] - before["random"], after["magnitude", 0.7] - after["random", 0.7]]
    claim.every(lag[1] / lag[0], below=0.5)  # random pruning has come more than half of the way back
    for each in (*five[1:], "random"):
        claim.median(after["magnitude", 0.9] - after[each, 0.9], above=0)


# ---- pitfalls -------------------------------------------------------------------------------------------


def test_wandas_scores_are_not_for_comparing_layers(lesson, nets, ranked, digits, race, claim):
    left = [[int(count) for count in re.findall(r"\d+", line.split("[")[1])]
            for line in printed(lesson, "across").splitlines() if "left in" in line]
    claim.every(left[0][0] / 2048, below=0.02)
    assert left[1][0] == pytest.approx(0.1 * 2048, abs=1)
    network, layer = (percents(line)[0] for line in printed(lesson, "across").splitlines() if "mean" in line)
    claim.every(layer - network, above=0.1)
    strengths = []
    for net in nets:
        act = evidence.act(net, digits.train)
        strengths.append(act["dense1.weight"].mean() / act["dense2.weight"].mean())
    claim.every([ranking.masks(0.9)["dense1.weight"].mean() for ranking in ranked("wanda", nets)], below=0.02)
    claim.every(strengths, below=0.5)  # pixels are weaker than neurons
    claim.median(race("wanda", 0.9, epochs=10, scope=mn.layer) - race("wanda", 0.9, epochs=10), above=0.05)


def test_neither_mean_nor_sum_makes_layers_comparable(lesson, race, digits, claim):
    small, large = np.array(percents(printed(lesson, "units"))).reshape(2, 3)
    claim.every([small[0] - small[1], small[2] - small[1]], above=0.05)
    claim.every(large[1:] - large[0], above=0.3)
    mean, total, layer = (race("magnitude", 0.25, structure=NEURONS, **how)
                          for how in ({}, {"combine": "sum"}, {"scope": mn.layer}))
    claim.median(mean - total, above=0.05)
    claim.median(layer - total, above=0.05)
    left, gain = [], []
    for seed in SEEDS[:3]:
        net = make(digits, seed, 20, (64, 300, 100, 10))
        found = []
        for how in ({}, {"combine": "sum"}, {"scope": mn.layer}):
            cut = net.copy()
            mn.prune(cut, 0.25, structure=NEURONS, **how)
            found.append(mn.accuracy(cut, digits.val))
            if not how:
                left.append(cut.layers[2].weight.mask.any(axis=0).sum())
        gain.append(min(found[1:]) - found[0])
    claim.every(left, below=10)  # of 100 neurons of dense2
    claim.every(gain, above=0.3)


def test_magnitude_of_an_untrained_network_does_worse_than_random_pruning(lesson, digits, claim):
    magnitude, random, snip = (percents(line)[0] for line in printed(lesson, "untrained").splitlines())
    claim.every([random - magnitude, snip - magnitude], above=0.2)
    left, gain = [], []
    for seed in SEEDS[:3]:
        found = []
        for criterion in (mn.magnitude, mn.random, mn.snip):
            net = mn.models.mlp(64, 300, 100, 10, rng=seed)
            mn.prune(net, 0.95, criterion, data=digits.train, rng=seed)
            if criterion is mn.magnitude:
                left.append(kept(net)[1] / 30_000)
            mn.fit(net, digits.train, epochs=20, rng=seed, progress=False)
            found.append(mn.accuracy(net, digits.val))
        gain.append(min(found[1:]) - found[0])
    claim.every(left, below=0.01)  # nearly all of dense2 goes
    claim.every(gain, above=0.2)


def test_evidence_from_the_data_that_judge_flatters(lesson, nets, digits, claim):
    same, others = percents(printed(lesson, "judge"))
    claim.every(same - others, above=0)
    gaps = []
    for net in nets:
        for seed in range(10):
            places = np.random.default_rng(seed).permutation(360)
            cut, seen, rest = net.copy(), places[:20], places[20:]
            mn.prune(cut, 0.6, mn.obd, data=(digits.val.x[seen], digits.val.y[seen]))
            right = cut(digits.val.x).argmax(axis=1) == digits.val.y
            gaps.append(right[seen].mean() - right[rest].mean())
    claim.every(np.reshape(gaps, (len(nets), 10)).mean(axis=1), above=0)


def test_missing_evidence_raises(lesson):
    assert "data= is missing" in printed(lesson, "missing")


def test_one_seed_proves_anything(lesson, nets, digits, claim):
    better = np.array(lesson.value("race(mn.obd, 0.6) - race(mn.magnitude, 0.6)"))
    claim.every([better.max(), -better.min()], above=0.02)  # one network says yes, another no
    claim.every(lesson.value("max(throws) - min(throws)"), above=0.2)
    ranges = []
    for net in nets:
        throws = []
        for seed in range(20):
            cut = net.copy()
            mn.prune(cut, 0.3, mn.random, rng=seed)
            throws.append(mn.accuracy(cut, digits.val))
        ranges.append(np.ptp(throws))
    claim.every(ranges, above=0.2)


def test_the_criterion_between_magnitude_and_wanda(lesson, race, claim):
    def between(weight, act):
        return np.abs(weight) * np.sqrt(act)

    here = {line.split()[0]: np.array(percents(line)) for line in printed(lesson, "own").splitlines()}
    claim.every(here["mine"][3] - here["wanda"][3], above=0.03)
    for place, level in enumerate((0.5, 0.6, 0.7, 0.8)):
        claim.every(here["mine"][place] - here["magnitude"][place], above=0)
        claim.median(race(between, level) - race("magnitude", level), above=0)
        claim.median(race(between, level) - race("wanda", level), above=-0.01)
