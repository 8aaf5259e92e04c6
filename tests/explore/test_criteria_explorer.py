"""The criteria explorer without a browser: what it shows is what `mn.prune` by each criterion would give."""

import re
from itertools import product

import numpy as np
import pytest
from matplotlib.colors import to_rgb

import minnet as mn
from minnet.experiments.criteria_comparison import CRITERIA, PERCENT
from minnet.explore.criteria_explorer import BOTH, NEITHER, A, B
from minnet.widgets.controls import few

NEURONS = mn.along("out")
WAYS = [
    ({}, {}),
    ({"scope": "layer"}, {"scope": mn.layer}),
    ({"structure": "neurons"}, {"structure": NEURONS}),
    ({"structure": "neurons", "combine": "sum"}, {"structure": NEURONS, "combine": "sum"}),
    ({"structure": "neurons", "combine": "l2", "scope": "layer"},
     {"structure": NEURONS, "combine": "l2", "scope": mn.layer}),
    ({"combine": "sum"}, {}),  # a single weight is a unit by itself
]  # fmt: skip


@pytest.fixture(scope="module")
def digits():
    return few(mn.data.digits())


@pytest.fixture(scope="module")
def nets(digits):
    made = [mn.models.mlp(64, 12, 8, 10, rng=seed) for seed in range(2)]
    for seed, net in enumerate(made):
        mn.fit(net, digits.train, epochs=6, rng=seed, progress=False)
    return made


@pytest.fixture
def explorer(nets, digits):
    explorer = mn.explore.criteria(nets, digits, epochs=1)
    yield explorer
    explorer.close()
    assert explorer.errors == []


def said(explorer):
    return re.sub("<[^>]+>", "", explorer._sentence.value)


def pruned(nets, digits, sparsity, criterion, **how):
    """Copies, pruned with the seed of each."""
    copies = [net.copy() for net in nets]
    for seed, net in enumerate(copies):
        mn.prune(net, sparsity, criterion, data=digits.train, rng=seed, **how)
    return copies


def masks(net):
    return {p.path: p.kept_mask for p in net.params() if p.prunable}


# ---- against pruning by hand ----------------------------------------------------------------------------


@pytest.mark.parametrize("state, how", WAYS, ids=[str(state) for state, _ in WAYS])
def test_it_shows_what_pruning_by_hand_gives(explorer, nets, digits, state, how):
    for criterion, percent in product(CRITERIA, (0, 50, 85)):
        explorer.set(a=criterion, b="magnitude", percent=percent, **state)
        by_hand = pruned(nets, digits, percent / 100, criterion, **how)
        for path, mask in masks(by_hand[0]).items():
            assert np.array_equal(explorer.shown.kept[path][0], mask)
        right = [mn.accuracy(net, digits.val) for net in by_hand]
        assert explorer.shown.here[criterion] == right
        assert explorer.shown.curves[criterion][PERCENT.index(percent)] == np.mean(right)


def test_the_scan_is_that_of_sensitivity(explorer, nets, digits):
    levels = [each / 100 for each in PERCENT]
    for state, how in (({}, {}), ({"structure": "neurons", "combine": "sum"},
                                  {"structure": NEURONS, "combine": "sum"})):
        explorer.set(a="taylor", b="random", curves="each layer alone", **state)
        for place, criterion in enumerate(("taylor", "random")):
            scans = [mn.sensitivity(net, digits.train, levels, validation=digits.val, criterion=criterion, rng=seed,
                                    **how) for seed, net in enumerate(nets)]
            assert list(explorer.shown.alone) == list(scans[0])
            for name in scans[0]:
                mean = np.mean([scan[name] for scan in scans], axis=0)
                assert explorer.shown.alone[name][place] == pytest.approx(mean)


def test_it_retrains_what_fit_would_retrain(explorer, nets, digits):
    explorer.set(percent=35, a="obd", scope="layer")
    explorer._training.start.click()
    assert explorer.wait(120)
    for criterion in CRITERIA:
        for percent in (35, 80):
            copies = pruned(nets, digits, percent / 100, criterion, scope=mn.layer)
            for seed, net in enumerate(copies):
                mn.fit(net, digits.train, epochs=1, rng=seed, progress=False)
            assert explorer.shown.retrained[criterion][percent] == [mn.accuracy(net, digits.val) for net in copies]
    assert "retrained" in said(explorer) and explorer._training.text.value == "trained"
    explorer.set(scope="network")
    assert not any(explorer.shown.retrained.values())  # another way of pruning


def test_the_networks_stay_as_they_are(explorer, nets):
    before = [p.data.copy() for net in nets for p in net.params()]
    explorer.set(percent=90, a="wanda")
    explorer.train()
    assert explorer.wait(120)
    assert all(p.mask is None for net in nets for p in net.params())
    assert all(np.array_equal(p.data, kept) for p, kept in zip((p for net in nets for p in net.params()), before,
                                                              strict=True))


# ---- words and picture ----------------------------------------------------------------------------------


def test_numbers_words_and_picture_agree(explorer):
    explorer.set(a="obd", b="random", percent=70)
    frame, total = explorer.shown, 64 * 12 + 12 * 8 + 8 * 10
    both, only_a, only_b = frame.count(True, True), frame.count(True, False), frame.count(False, True)
    assert both + only_a == both + only_b == total - round(0.7 * total)
    assert f"both keep {both:,} weights, only A (obd) {only_a:,}, only B (random) {only_b:,}" in said(explorer)
    assert f"disagree about {(only_a + only_b) / total:.0%}" in said(explorer)
    assert f"A {np.mean(frame.here['obd']):.1%}, B {np.mean(frame.here['random']):.1%}" in said(explorer)
    assert "mn.prune(net, 0.7, mn.obd, data=digits.train)" in said(explorer)
    kept_a, kept_b = frame.kept["dense2.weight"]
    assert f"dense2 {kept_a.mean():.0%} | {kept_b.mean():.0%}" in said(explorer)
    line = explorer._curves.lines[0]
    assert line.get_ydata() == pytest.approx(100 * frame.curves["obd"])
    at = CRITERIA.index("random")
    marks = explorer._points.pruned[0].get_xydata()
    assert marks[at][1] == pytest.approx(100 * np.mean(frame.here["random"]))
    assert explorer._points.pruned[1].get_segments()[at][:, 1] == pytest.approx(
        [100 * min(frame.here["random"]), 100 * max(frame.here["random"])])


def test_each_weight_has_the_colour_of_those_who_keep_it(explorer):
    explorer.set(percent=50)
    place = next(place for place in explorer._sheet.places if place.path == "dense2.weight")
    paper = explorer._sheet.image.get_array()[place.top : place.top + place.height,
                                              place.left : place.left + place.width, :3]
    kept = explorer.shown.kept["dense2.weight"]
    for colour, a, b in ((NEITHER, False, False), (A, True, False), (B, False, True), (BOTH, True, True)):
        member = (kept[0] == a) & (kept[1] == b)
        assert member.any() and np.allclose(paper[member], to_rgb(colour), atol=1e-6)
    # The first layer is drawn as images: one tile of 8 × 8 a neuron, the first at the top on the left.
    place = explorer._sheet.places[0]
    tile = explorer._sheet.image.get_array()[place.top : place.top + 8, place.left : place.left + 8, :3]
    a, b = (each[:, 0].reshape(8, 8) for each in explorer.shown.kept["dense1.weight"])
    assert np.array_equal(np.all(np.isclose(tile, to_rgb(BOTH)), axis=2), a & b)


def test_four_colours_are_told_apart_by_how_dark_they_are():
    light = sorted(np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722)) for colour in (BOTH, A, B, NEITHER))
    assert np.diff(light).min() > 0.05


def test_curves_are_of_the_whole_network_or_of_each_layer(explorer):
    explorer.set(curves="each layer alone")
    assert "With one layer pruned alone: dense1 A" in said(explorer)
    assert not explorer._curves.lines[0].get_visible() and len(explorer._curves.alone["dense3"][0].get_xdata())
    explorer.set(structure="neurons")
    assert list(explorer.shown.alone) == ["dense1", "dense2"]  # the last layer's neurons are the answers
    assert not len(explorer._curves.alone["dense3"][0].get_xdata())
    explorer.set(curves="all layers together")
    assert explorer.shown.alone is None and explorer._curves.lines[0].get_visible()


def test_what_makes_no_sense_gives_a_message(explorer):
    for state, message in (({"a": "wanda"}, "both wanda"), ({"a": "apoz"}, "choose the units neurons"),
                        ({"a": "magnitude", "combine": "l2"}, "a unit by itself"),
                        ({"structure": "neurons"}, "")):
        explorer.set(**state)
        assert message in explorer._message.value and bool(message) == bool(explorer._message.value)


# ---- one network, one part, wrong things ----------------------------------------------------------------


def test_one_network_and_one_part_of_the_data_are_enough_to_look(nets, digits):
    explorer = mn.explore.criteria(nets[0], digits.val)
    try:
        explorer.set(a="wanda", percent=80)
        net = nets[0].copy()
        mn.prune(net, 0.8, mn.wanda, data=digits.val)
        assert explorer.shown.here["wanda"] == [mn.accuracy(net, digits.val)]
        assert explorer._training.start.disabled and "pass the whole data set" in explorer._training.text.value
        explorer.train()
        assert "pass the whole data set" in explorer._message.value and not explorer.job.running
        assert "mn.wanda, data=data)" in said(explorer)
    finally:
        explorer.close()


def test_without_hidden_neurons_there_are_only_weights(digits):
    explorer = mn.explore.criteria(mn.models.mlp(64, 10, rng=0), digits)
    assert explorer.control["structure"].options == ("weights",)
    explorer.close()


def test_other_layers_and_other_data(digits):
    signals = few(mn.data.mnist1d())
    net = mn.models.mlp(40, 12, 10, rng=0)
    explorer = mn.explore.criteria(net, signals)
    explorer.set(a="obd", structure="neurons")
    explorer.close()
    assert explorer.errors == []
    images = few(mn.data.digits())
    images = mn.data.Dataset("digits", *(mn.data.Split(each.x.reshape(-1, 1, 8, 8).copy(), each.y.copy())
                                         for each in (images.train, images.val, images.test)), (1, 8, 8),
                             images.class_names)
    rng = np.random.default_rng(0)
    conv = mn.Sequential(mn.Conv2d(1, 4, 3, rng=rng), mn.ReLU(), mn.Flatten(), mn.Dense(4 * 6 * 6, 10, rng=rng),
                         input_shape=(1, 8, 8))
    explorer = mn.explore.criteria([conv], images)
    explorer.set(percent=90, structure="neurons", curves="each layer alone")
    assert list(explorer.shown.alone) == ["conv2d1"]
    explorer.close()
    assert explorer.errors == []


@pytest.mark.parametrize("wrong, error, message", [
    (3, TypeError, ": int"), ([], ValueError, "at least one"), ([3], TypeError, ": int"), ("net", TypeError, ": str"),
    ([mn.models.mlp(64, 8, 10, rng=0), mn.models.mlp(64, 9, 10, rng=0)], ValueError, "differ in shape"),
])
def test_something_else_than_networks_of_one_shape_gives_a_message(wrong, error, message, digits):
    with pytest.raises(error, match=message):
        mn.explore.criteria(wrong, digits)
