"""The structure explorer without a browser: what is shown is what pruning and compact really did."""

import re
import threading

import numpy as np
import pytest
from matplotlib.colors import to_rgb

import minnet as mn
from minnet.draw import palette
from minnet.experiments import BATCH
from minnet.experiments.pruning_granularity import BY_NAME, GRANULARITIES
from minnet.pruning.compaction import stored


def convolution(seed=0):
    rng = np.random.default_rng(seed)
    return mn.Sequential(
        mn.Conv2d(1, 4, 3, padding=1, rng=rng), mn.ReLU(), mn.MaxPool2d(2), mn.Conv2d(4, 6, 3, rng=rng), mn.ReLU(),
        mn.MaxPool2d(2), mn.Flatten(), mn.Dense(6, 10, rng=rng), input_shape=(1, 8, 8))


@pytest.fixture(scope="module")
def digits():
    return mn.data.digits()


@pytest.fixture(scope="module")
def nets(digits):
    made = {"dense": mn.models.mlp(64, 16, 12, 10, rng=0), "convolution": convolution(),
            "residual": mn.models.residual_mlp(width=8, blocks=3, rng=0)}
    for net in made.values():
        mn.fit(net, digits.train, epochs=3, rng=0, progress=False)
    return made


@pytest.fixture
def explorer(nets, digits):
    explorer = mn.explore.structure(nets, digits, epochs=1)
    yield explorer
    explorer.close()
    assert explorer.errors == []


def said(explorer):
    return re.sub("<[^>]+>", "", explorer._sentence.value)


def by_hand(nets, state):
    """The network pruned with the line of code that the sentence shows."""
    structure, net = BY_NAME[state["structure"]], nets[state["network"]].copy()
    line = structure.call(state["percent"], state["scope"])
    try:
        eval(line, {"mn": mn, "net": net})
    except ValueError:
        return net, line, False
    return net, line, True


def check(explorer, nets, digits):
    """Numbers, words and picture against networks pruned by hand."""
    shown, state, text = explorer.shown, explorer.state, said(explorer)
    net, line, possible = by_hand(nets, state)
    small, whole = mn.compact(net), nets[state["network"]]
    sizes = [sum(p.size for p in each.params()) for each in (whole, small)]
    assert line in text and [shown.numbers, shown.left] == sizes
    assert f"({sizes[0]:,} → {sizes[1]:,})" in text
    # The compact network in the explorer's batches: another shape rounds differently, which may turn a close call.
    accuracy, dense = (mn.accuracy(mn.compact(each), digits.val, batch=BATCH) for each in (net, whole))
    assert shown.here.accuracy == accuracy
    assert shown.here.masked == pytest.approx(mn.sparsity(net))
    assert f"Accuracy: {accuracy:.1%}, whole {dense:.1%}" in text
    assert shown.report == small.report and small.report in explorer._report.value
    for param in net.params():
        assert np.array_equal(shown.masks[param.path], param.kept_mask)
    assert sum(there.sum() for there in shown.there.values()) == sum(p.size for p in small.params() if p.prunable)
    place = GRANULARITIES.index(shown.structure)
    assert (shown.beside[place] is None) != possible
    assert ("Nothing is removed" in explorer._message.value) != possible
    assert explorer._bars[place].get_height() == (pytest.approx(100 * shown.here.left) if possible else 0)
    if possible:
        assert shown.curve[state["percent"]] == shown.here.accuracy
        assert explorer._point.get_xydata() == pytest.approx(np.array([[state["percent"], 100 * accuracy]]))
    assert shown.bytes["whole"] == 4 * sizes[0] and shown.bytes["compact"] == 4 * sizes[1]
    assert all(timing.median > 0 for timing in shown.seconds.values())


@pytest.mark.walks
def test_a_random_walk_over_all_controls(explorer, nets, digits):
    rng = np.random.default_rng(0)
    before = {name: mn.snapshot(net) for name, net in nets.items()}
    for _ in range(40):
        name = rng.choice(list(explorer.control))
        control = explorer.control[name]
        if name == "percent":
            control.value = int(5 * rng.integers(20))
        else:
            control.value = str(rng.choice([*control.options]))
        if rng.random() < 0.05:
            explorer._reset.click()
            assert explorer.state == {"structure": "single weights", "percent": 50, "network": "dense",
                                      "scope": "network"}
        assert explorer.errors == []
        check(explorer, nets, digits)
    for name, net in nets.items():  # the learner's own networks stay as they are
        assert mn.sparsity(net) == 0
        assert all(np.array_equal(p.data, before[name][p.path]) for p in net.params())


def test_what_is_stored_is_what_compact_keeps(nets):
    """Against a direct look: a weight is stored where its number is found in the compact network."""
    for net in nets.values():
        for structure in (mn.weights, mn.blocks(4, 4), mn.along("in"), mn.along("out")):
            net = net.copy()
            mn.prune(net, 0.4, structure=structure)
            there = stored(net)
            found = np.concatenate([p.data.ravel() for p in mn.compact(net).params() if p.prunable])
            for param in net.params():
                if param.prunable:
                    assert np.array_equal(there[param.path], np.isin(param.data, found)), param.path


def test_the_sheet_is_coloured_grey_or_white(explorer):
    explorer.set(structure="neurons / filters", percent=50, scope="layer")
    shown, sheet = explorer.shown, explorer._sheet
    place = next(place for place in sheet.places if place.path == "dense2.weight")
    area = sheet.image.get_array()[place.top : place.top + place.height, place.left : place.left + place.width, :3]
    there, kept = (table["dense2.weight"] for table in (shown.there, shown.masks))
    assert np.allclose(area[~there], 1) and not np.allclose(area[there & kept], 1)
    assert there.sum() == there.any(axis=1).sum() * there.any(axis=0).sum() == 8 * 6
    explorer.set(structure="single weights")
    area = sheet.image.get_array()[place.top : place.top + place.height, place.left : place.left + place.width, :3]
    grey = ~explorer.shown.masks["dense2.weight"]
    assert np.allclose(area[grey & explorer.shown.there["dense2.weight"]], to_rgb(palette.REMOVED), atol=1e-6)


def test_the_square_is_said(explorer):
    explorer.set(structure="neurons / filters", percent=50, scope="layer")
    assert "In dense2, 50% of the inputs and 50% of the outputs are gone: 1 − 0.50 · 0.50 = 75%" in said(explorer)
    explorer.set(structure="single weights")
    assert "of the inputs" not in said(explorer)


def test_four_neighbours_go_whole(explorer):
    explorer.set(structure="N of 4 neighbours (N:M)", percent=60)
    assert "60% becomes 2 of 4, 50%" in explorer._message.value
    assert explorer.shown.here.masked == 0.5
    explorer.set(percent=75)
    assert explorer._message.value == ""


def test_branches_need_the_scope_network(explorer):
    explorer.set(structure="whole layers", network="residual", scope="layer", percent=30)
    assert "Choose the scope network" in explorer._message.value and explorer.shown.here.masked == 0
    explorer.set(scope="network")
    assert explorer._message.value == "" and explorer.shown.here.masked > 0


def test_retraining_fills_every_rung_that_there_is(explorer, nets, digits):
    explorer._training.start.click()
    assert explorer.wait(120)
    assert [each is None for each in explorer.shown.retrained] == [each is None for each in explorer.shown.beside]
    net = nets["dense"].copy()
    mn.prune(net, 0.5)
    mn.fit(net, digits.train, epochs=1, rng=0, progress=False)
    assert explorer.shown.retrained[0] == mn.accuracy(net, digits.val, batch=BATCH)
    assert f"retrained {explorer.shown.retrained[0]:.1%}" in said(explorer)
    assert explorer._training.cancel.disabled and explorer._training.bar.value == 1
    explorer.set(percent=55)
    assert explorer.shown.retrained == [None] * len(GRANULARITIES)
    explorer.set(percent=50)
    assert explorer.shown.retrained[0] is not None  # it stays


def test_cancel_ends_retraining_and_controls_stay_alive(explorer):
    explorer.epochs = 1000
    explorer._training.start.click()
    explorer.set(percent=70)
    assert explorer.job.running and explorer.shown.percent == 70
    explorer._training.cancel.click()
    assert explorer.wait(10)
    assert "stopped" in explorer._training.text.value
    assert "minnet job" not in [thread.name for thread in threading.enumerate()]


def test_one_network_and_one_part_of_the_data_will_do(nets, digits):
    explorer = mn.explore.structure(nets["dense"], digits.val)
    assert explorer._training.start.disabled and "pass the whole data set" in explorer._training.text.value
    explorer.train()
    assert "whole data set" in explorer._message.value
    explorer.close()


@pytest.mark.parametrize("wrong, message", [({"a": 3}, "got 'a': int"), ({}, "at least one network")])
def test_wrong_networks_gives_a_message(wrong, message, digits):
    with pytest.raises((TypeError, ValueError), match=message):
        mn.explore.structure(wrong, digits)
