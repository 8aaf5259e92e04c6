"""What a learner sends to another process, or keeps, can be pickled and copied: it does the same afterwards."""

import copy
import pickle

import numpy as np
import pytest

import minnet as mn

AGAIN = {"pickle": lambda it: pickle.loads(pickle.dumps(it)), "deepcopy": copy.deepcopy}
again = pytest.mark.parametrize("again", AGAIN.values(), ids=AGAIN.keys())

SCHEDULES = {
    "constant": mn.lr.constant(0.1), "step": mn.lr.step(0.1, 3), "cosine": mn.lr.cosine(0.1, steps=9, final=0.01),
    "warm_up": mn.lr.warm_up(0.1, 4), "warm_up, cosine": mn.lr.warm_up(mn.lr.cosine(0.1, steps=9), 4),
    "one_shot": mn.one_shot(0.9, at=3), "linear": mn.linear(0.9, start=2, stop=7, initial=0.1),
    "cubic": mn.cubic(0.9, stop=7), "drop_fraction": mn.drop_fraction(0.3, stop=8),
}


@again
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name, again):
    schedule = SCHEDULES[name]
    other = again(schedule)
    assert [other(index) for index in range(12)] == [schedule(index) for index in range(12)]
    assert other(0) != other(9) or name == "constant"


TABLES = {
    "weights": mn.weights, "branches": mn.branches, "blocks": mn.blocks(2, 4), "along": mn.along("out"),
    "along two": mn.along("row", "col"), "window": mn.window(4), "network": mn.network, "layer": mn.layer,
}


@again
@pytest.mark.parametrize("name", TABLES)
def test_structures_and_scopes(name, again):
    net = mn.Sequential(mn.Conv2d(1, 3, 3, rng=0), mn.Flatten(), mn.Residual(mn.Dense(12, 12, rng=1)), mn.ReLU(),
                        mn.Dense(12, 3, rng=2), input_shape=(1, 4, 4))
    table = TABLES[name]
    found, wanted = again(table)(net), table(net)
    assert found.keys() == wanted.keys() and len(wanted)
    assert all(np.array_equal(found[path], wanted[path]) for path in wanted)
    assert getattr(again(table), "keeps_one", False) == getattr(table, "keeps_one", False) == name.startswith("along")


@again
@pytest.mark.parametrize("optimiser", [mn.SGD(mn.lr.cosine(0.1, steps=9), momentum=0.9), mn.Adam(1e-3),
                                       mn.AdamW(mn.lr.warm_up(0.01, 4), weight_decay=0.1)],
                         ids=["SGD, cosine", "Adam", "AdamW, warm-up"])
def test_optimisers(optimiser, again):
    data = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32), np.arange(30) % 3
    numbers = []
    for each in (optimiser, again(optimiser)):
        net = mn.models.mlp(6, 5, 3, rng=0)
        mn.fit(net, data, optimiser=each, epochs=2, rng=0, progress=False)
        numbers.append(b"".join(p.data.tobytes() for p in net.params()))
    assert numbers[0] == numbers[1]


@again
@pytest.mark.parametrize("criterion", ["magnitude", "wanda"])
def test_rankings(criterion, again):
    net = mn.models.mlp(6, 5, 4, 3, rng=0)
    data = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32), np.arange(30) % 3
    ranking = mn.rank(net, criterion, mn.along("out"), mn.layer, data=data)
    found, wanted = again(ranking).masks(0.5), ranking.masks(0.5)
    assert all(np.array_equal(found[path], wanted[path]) for path in wanted)


@again
@pytest.mark.parametrize("format", ["auto", "rows", "blocks", "2:4", "dense", "csr"])
@pytest.mark.parametrize("make", [
    lambda: mn.models.mlp(16, 12, 3, rng=0), lambda: mn.models.residual_mlp(16, 8, 1, 3, rng=0),
    lambda: mn.models.signal_conv(rng=0), lambda: mn.models.tiny_transformer(4, 4, 8, 2, 1, 3, rng=0),
], ids=["mlp", "residual", "convolution", "attention"])
def test_predictors(make, format, again):
    net = make()
    mn.prune(net, 0.5, scope=mn.window(4))
    predict = mn.sparse.compile(net, format)
    other = again(predict)
    for n in (1, 5, 40):
        x = np.random.default_rng(n).normal(size=(n, *net.input_shape)).astype(np.float32)
        assert other(x).tobytes() == predict(x).tobytes()
    assert (other.formats, other.nbytes, other.explain()) == (predict.formats, predict.nbytes, predict.explain())


@again
def test_a_network_is_trained_on_alike_and_its_masks_stay_read_only(again):
    data = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32), np.arange(60) % 3
    net = mn.models.mlp(6, 8, 3, dropout=0.2, rng=0)
    mn.fit(net, data, epochs=2, rng=0, progress=False)
    mn.prune(net, 0.5)
    mn.cut(net)
    other = again(net)
    for mask in (other.params()[0].mask, other.copy().params()[0].mask):
        with pytest.raises(ValueError, match="read-only"):
            mask[0, 0] = True  # or its numbers would not follow
    with pytest.raises(ValueError, match="cut"):
        mn.restore(other)
    for each in (net, other):
        mn.fit(each, data, epochs=2, rng=1, progress=False)
    assert [p.data.tobytes() for p in other.params()] == [p.data.tobytes() for p in net.params()]
