"""What lesson 06 says is what lesson 06 shows; what it says in general is tested with several seeds."""

import numpy as np
import pytest

import minnet as mn
from tests.lessons.running import printed

LESSON = "06_what_to_remove.ipynb"
SEEDS, FEW = range(1, 11), range(1, 6)  # the lesson itself has 0; convolutions take longer
LADDER = {"weights": {}, "2 of 4": {"scope": mn.window(4)}, "blocks": {"structure": mn.blocks(4, 4)},
          "inputs": {"structure": mn.along("in")}, "neurons": {"structure": mn.along("out")}}
COMPARED = {"mean": {}, "sum": {"combine": "sum"}, "layer": {"scope": mn.layer}}


@pytest.fixture(scope="module")
def digits():
    return mn.data.digits()


@pytest.fixture(scope="module")
def nets(digits):
    """The lesson's dense network with other seeds."""
    return [trained(mn.models.mlp(64, 64, 32, 10, rng=seed), digits, seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def convs(digits):
    return [trained(convolution(seed), digits, seed) for seed in FEW]


@pytest.fixture(scope="module")
def price(nets, digits):
    """The accuracies that half of the units cost: {structure: (seeds, before and after retraining)}."""
    return {name: np.array([before_and_after(pruned(net, 0.5, **how), digits, seed)
                            for net, seed in zip(nets, SEEDS, strict=True)]) for name, how in LADDER.items()}


def before_and_after(net, digits, seed):
    return mn.accuracy(net, digits.val), mn.accuracy(trained(net, digits, seed, epochs=10), digits.val)


def convolution(seed):
    rng = np.random.default_rng(seed)
    return mn.Sequential(
        mn.Conv2d(1, 8, 3, padding=1, rng=rng), mn.ReLU(),
        mn.Conv2d(8, 16, 3, rng=rng), mn.ReLU(), mn.MaxPool2d(2),
        mn.Conv2d(16, 32, 3, rng=rng), mn.ReLU(), mn.Flatten(),
        mn.Dense(32, 10, rng=rng), input_shape=(1, 8, 8))


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
    lesson.run("from minnet.experiments.pruning_granularity import GRANULARITIES")
    lesson.run("explorer.set(structure='single weights', percent=50, network='dense')")
    assert lesson.value("all(there.all() for there in explorer.shown.there.values())")  # no white
    lesson.run("explorer.set(structure='neurons / filters')")
    assert not lesson.value("explorer.shown.there['dense3.weight'].all()")  # white in a table that lost nothing itself
    assert lesson.value("explorer.shown.masks['dense3.weight'].all()")
    missing = lesson.value("[each.short for each, tried in zip(GRANULARITIES, explorer.shown.beside) if tried is None]")
    assert missing == ["shapes", "layers"]
    lesson.run("explorer.set(network='convolution')")
    assert lesson.value("[each is None for each in explorer.shown.beside]") == [False] * 6 + [True]
    lesson.run("explorer.set(network='residual', structure='whole layers')")
    assert lesson.value("explorer.shown.left < explorer.shown.numbers")
    lesson.run("explorer.reset()")
    assert lesson.value("[mn.sparsity(net) for net in (dense, conv, residual)]") == [0, 0, 0]


def test_shapes_exist_only_where_there_are_windows(nets, convs):
    shapes = mn.along("in", "row", "col")
    with pytest.raises(ValueError):
        mn.prune(nets[0].copy(), 0.5, structure=shapes)
    assert mn.sparsity(pruned(convs[0], 0.5, structure=shapes)) > 0.3


# ---- the price ------------------------------------------------------------------------------------------


def test_finer_is_better_before_and_coarser_is_smaller_after(lesson, nets, price, claim):
    shown = shown_price(lesson)
    claim.every(shown[0, 0] - shown[1:, 0].max(), above=0)  # single weights lose least
    fine, middle, *coarse = (price[name][:, 0] for name in LADDER)
    claim.median(fine - middle, above=0.02)  # "it loses more than single weights"
    for each in coarse:
        claim.median(fine - each, above=0.1)
        claim.median(middle - each, above=0)  # "mostly"
    for net in nets:
        weights, neurons = (numbers(mn.compact(pruned(net, 0.5, **LADDER[name]))) for name in ("weights", "neurons"))
        assert neurons < 0.5 * weights


def shown_price(lesson):
    """The table that the reader sees: (structures, before and after retraining)."""
    lines = printed(lesson, "price").splitlines()[1:]
    assert [line.split()[0] for line in lines] == [name.split()[0] for name in LADDER]
    return np.array([[float(share.rstrip("%")) / 100 for share in line.split()[-2:]] for line in lines])


def test_after_retraining_most_of_the_difference_is_gone_except_that_inputs_stay_behind(lesson, price, claim):
    for name in ("blocks", "inputs", "neurons"):
        before, after = (price["weights"] - price[name]).T
        claim.every(after / before, below=0.5)
        if name != "inputs":
            claim.every(price[name][:, 1] - price["inputs"][:, 1], above=0)
    shown = dict(zip(LADDER, shown_price(lesson)[:, 1], strict=True))
    claim.every(min(shown["blocks"], shown["neurons"]) - shown["inputs"], above=0)


def test_two_of_four(lesson):
    assert "kept of every four: {2}" in printed(lesson, "nm")
    assert lesson.value("mn.sparsity(pairs)") == 0.5
    assert "asked for 60%, removed 50%" in printed(lesson, "nm-sixty")
    assert lesson.value("mn.sparsity(asked)") == 0.5


def test_what_is_compared_across_layers_are_the_layers(convs, claim):
    assert [p.size // p.shape[0] for p in convs[0].params() if p.prunable][:3] == [9, 72, 144]
    left = {name: np.array([filters(pruned(net, 0.75, structure=mn.along("out"), **how)) for net in convs])
            for name, how in COMPARED.items()}
    for few in (left["mean"][:, 2], left["sum"][:, 0], left["sum"][:, 1]):
        claim.every(few, below=1.5)  # a bottleneck of one filter
    assert (left["layer"] == [2, 4, 8]).all()
    spread = [p.data.std() for p in convolution(0).params() if p.prunable][:3]
    assert spread[2] < spread[1] < spread[0]  # the last convolution starts with the smallest weights


def filters(net):
    return [p.shape[0] for p in mn.compact(net).params() if p.prunable][:3]


def test_retraining_repairs_a_bottleneck_only_in_part(lesson, convs, digits, claim):
    result = lesson.value("result")
    for name in ("mean, all compete", "sum, all compete"):
        claim.every(result["mean, by layer"] - result[name], above=0)
    after = {name: np.array([before_and_after(mn.compact(pruned(net, 0.75, structure=mn.along("out"), **how)), digits,
                                              seed)[1] for net, seed in zip(convs, FEW, strict=True)])
             for name, how in COMPARED.items()}
    for name in ("mean", "sum"):
        claim.every(after["layer"] - after[name], above=0)


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
    assert said.startswith("all weights") and len(said.splitlines()) == 8
    assert said.count("masked") == said.count("compact") == 2 and said.count("compiled") == 3
    assert lesson.value("sum(p.size for p in ways['½ weights, compact'].params())") == 6570  # nothing deleted: no gain
    assert lesson.value("sum(p.data.size for p in ways['½ neurons, masked'].params())") == 6570


def test_half_of_the_neurons_is_not_always_the_same(lesson):
    assert "→ 2,778" in printed(lesson, "neurons")  # of each layer
    here = int(printed(lesson, "price").splitlines()[-1].split()[1].replace(",", ""))  # all compete
    assert here != 2778


# ---- exercises ------------------------------------------------------------------------------------------


def test_buttons_that_the_text_names_exist(lesson):
    assert any(state.get("description") == "Retrain every structure here" for state in lesson.widgets.values())
