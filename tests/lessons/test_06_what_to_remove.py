"""What lesson 06 says is what lesson 06 shows; what it says in general is held against several seeds."""

import numpy as np
import pytest

import minnet as mn
from tests.lessons.running import printed

LESSON = "06_what_to_remove.ipynb"
SEEDS = range(3)


@pytest.fixture(scope="module")
def digits():
    return mn.data.digits()


@pytest.fixture(scope="module")
def nets(digits):
    """The lesson's dense network with other dice."""
    return [trained(mn.models.mlp(64, 64, 32, 10, rng=seed), digits, seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def convs(digits):
    return [trained(convolution(seed), digits, seed) for seed in SEEDS]


def convolution(seed):
    dice = np.random.default_rng(seed)
    return mn.Sequential(
        mn.Conv2d(1, 8, 3, padding=1, rng=dice), mn.ReLU(),
        mn.Conv2d(8, 16, 3, rng=dice), mn.ReLU(), mn.MaxPool2d(2),
        mn.Conv2d(16, 32, 3, rng=dice), mn.ReLU(), mn.Flatten(),
        mn.Dense(32, 10, rng=dice), input_shape=(1, 8, 8))


def trained(net, digits, seed, epochs=15):
    mn.fit(net, digits.train, epochs=epochs, rng=seed, progress=False)
    return net


def pruned(net, *args, **how):
    net = net.copy()
    mn.prune(net, *args, **how)
    return net


def numbers(net):
    return sum(param.size for param in net.params())


# ---- masked and deleted ---------------------------------------------------------------------------------


def test_a_mask_deletes_nothing(lesson, nets):
    assert lesson.value("sum(p.size for p in dense.params())") == 6570
    assert "6,570 numbers → 6,570" in printed(lesson, "mask")
    for net in nets:
        assert numbers(mn.compact(pruned(net, 0.5))) == 6570


def test_half_of_the_neurons_is_three_quarters_of_the_weights_between(lesson, digits, nets):
    assert "Deleted: 75%" in printed(lesson, "neurons-compare")
    assert "You made no guess." in printed(lesson, "neurons-compare")
    assert "the same answers: True" in printed(lesson, "neurons-compare")
    for net in nets:
        fewer = pruned(net, 0.5, structure=mn.along("out"), scope=mn.layer)
        small = mn.compact(fewer)
        assert small.layers[2].weight.size / 2048 == 0.25
        np.testing.assert_allclose(small(digits.val.x), fewer(digits.val.x), atol=1e-4)


def test_the_formula(lesson, nets):
    for line in printed(lesson, "square").splitlines():
        deleted, predicted = (part.split()[1].strip(",") for part in line.split(": ")[1].split(", "))
        assert deleted == predicted
    for p in (0.25, 0.5, 0.75):
        left = mn.compact(pruned(nets[0], p, structure=mn.along("out"), scope=mn.layer))
        assert 1 - left.layers[2].weight.size / 2048 == pytest.approx(1 - (1 - p) ** 2)
        assert 1 - numbers(left) / 6570 < 1 - (1 - p) ** 2  # over the whole network a little less


# ---- the explorer ---------------------------------------------------------------------------------------


def test_the_explorer_shows_what_the_text_points_at(lesson):
    lesson.run("from minnet.explore.ladder import LADDER as RUNGS")
    lesson.run("explorer.set(rung='single weights', percent=50, network='dense')")
    assert lesson.value("all(there.all() for there in explorer.shown.there.values())")  # no white
    lesson.run("explorer.set(rung='neurons / filters')")
    assert not lesson.value("explorer.shown.there['dense3.weight'].all()")  # white in a table that lost nothing itself
    assert lesson.value("explorer.shown.masks['dense3.weight'].all()")
    missing = lesson.value("[rung.short for rung, tried in zip(RUNGS, explorer.shown.ladder) if tried is None]")
    assert missing == ["shapes", "layers"]
    lesson.run("explorer.set(network='convolution')")
    assert lesson.value("[rung is None for rung in explorer.shown.ladder]") == [False] * 6 + [True]
    lesson.run("explorer.set(network='residual', rung='whole layers')")
    assert lesson.value("explorer.shown.left < explorer.shown.numbers")
    lesson.run("explorer.reset()")
    assert lesson.value("[mn.sparsity(net) for net in (dense, conv, residual)]") == [0, 0, 0]


def test_shapes_exist_only_where_there_are_windows(nets, convs):
    shapes = mn.along("in", "row", "col")
    with pytest.raises(ValueError):
        mn.prune(nets[0].copy(), 0.5, structure=shapes)
    assert mn.sparsity(pruned(convs[0], 0.5, structure=shapes)) > 0.3


# ---- the price ------------------------------------------------------------------------------------------


def test_finer_is_better_before_and_coarser_is_smaller_after(lesson, nets, digits):
    lines = printed(lesson, "price").splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["weights", "2", "blocks", "inputs", "neurons"]
    before = {line.split("  ")[0]: float(line.split()[-2].rstrip("%")) for line in lines}
    assert min(before, key=before.get) == "inputs"
    for seed, net in enumerate(nets):
        fine, middle, *coarse = (mn.accuracy(pruned(net, 0.5, **how), digits.val)
                                 for how in ({}, {"scope": mn.window(4)}, {"structure": mn.blocks(4, 4)},
                                             {"structure": mn.along("in")}, {"structure": mn.along("out")}))
        assert fine > middle > max(coarse)
        weights, neurons = pruned(net, 0.5), pruned(net, 0.5, structure=mn.along("out"))
        before = [mn.accuracy(each, digits.val) for each in (weights, neurons)]
        assert before[0] > before[1] + 0.2
        for each in (weights, neurons):
            mn.fit(each, digits.train, epochs=10, rng=seed, progress=False)
        after = [mn.accuracy(each, digits.val) for each in (weights, neurons)]
        assert after[0] - after[1] < 0.05  # most of the difference is gone
        assert numbers(mn.compact(neurons)) < 0.5 * numbers(mn.compact(weights))


def test_two_of_four(lesson):
    assert "kept of every four: {2}" in printed(lesson, "nm")
    assert lesson.value("mn.sparsity(pairs)") == 0.5
    assert "asked for 60%, removed 50%" in printed(lesson, "nm-sixty")
    assert lesson.value("mn.sparsity(asked)") == 0.5


def test_what_is_compared_across_layers_are_the_layers(lesson, convs, digits):
    result = lesson.value("result")
    assert result["mean, by layer"] > result["sum, all compete"] > result["mean, all compete"]
    assert [p.size // p.shape[0] for p in convs[0].params() if p.prunable][:3] == [9, 72, 144]
    for net in convs:
        filters = {}
        for name, how in {"mean": {}, "sum": {"combine": "sum"}, "layer": {"scope": mn.layer}}.items():
            small = mn.compact(pruned(net, 0.75, structure=mn.along("out"), **how))
            filters[name] = [p.shape[0] for p in small.params() if p.prunable][:3]
        assert filters["mean"][2] == filters["sum"][0] == filters["sum"][1] == 1  # a bottleneck
        assert filters["layer"] == [2, 4, 8]
    spread = [p.data.std() for p in convolution(0).params() if p.prunable][:3]
    assert spread[2] < spread[1] < spread[0]  # the last convolution starts with the smallest weights


# ---- bytes and time -------------------------------------------------------------------------------------


def test_bytes(lesson):
    whole, half, small = lesson.value("[vars(mn.measure.storage(net)) for net in (dense, half, small)]")
    assert printed(lesson, "bytes").count("gzip") == 3
    assert whole["csr"] > whole["dense"]  # the columns come in addition
    assert half["dense"] == whole["dense"] == 4 * 6570  # gaps take as much room
    assert half["bitmap"] < half["csr"] < half["dense"]
    assert small["dense"] < half["bitmap"]


def test_time_is_measured_for_both(lesson):
    said = printed(lesson, "time")
    assert said.startswith("all weights") and len(said.splitlines()) == 7
    assert said.count("masked") == said.count("compact") == said.count("compiled") == 2
    assert lesson.value("sum(p.size for p in ways['½ weights, compact'].params())") == 6570  # nothing deleted: no gain
    assert lesson.value("sum(p.data.size for p in ways['½ neurons, masked'].params())") == 6570


def test_half_of_the_neurons_is_not_always_the_same(lesson):
    assert "→ 2,778" in printed(lesson, "neurons")  # of each layer
    assert "2,655" in printed(lesson, "price")  # all compete


# ---- exercises ------------------------------------------------------------------------------------------


def test_buttons_that_the_text_names_exist(lesson):
    assert any(state.get("description") == "Retrain every rung here" for state in lesson.widgets.values())
