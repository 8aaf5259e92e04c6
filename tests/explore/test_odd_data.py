"""Data that an explorer does not expect: it says so in one sentence when it is opened, or shows them as they are."""

import inspect
from dataclasses import replace

import numpy as np
import pytest

import minnet as mn
from minnet import explore
from minnet.data import Split
from minnet.explore import Explorer
from minnet.widgets.controls import few

pytestmark = pytest.mark.walks

DIGITS = few(mn.data.digits(), 80, 40)


def make(seed):
    return mn.models.mlp(64, 6, 6, 10, rng=seed)


def transformer():
    return mn.models.tiny_transformer(tokens=4, n_in=16, n_out=10, width=8, heads=2, rng=0)


OPEN = {
    "sparsity": lambda data: explore.sparsity(make(0), data, epochs=1),
    "criteria": lambda data: explore.criteria([make(0)], data, epochs=1),
    "structure": lambda data: explore.structure(make(0), data, epochs=1),
    "dropout_and_pruning": lambda data: explore.dropout_and_pruning(make(0), data, epochs=1),
    "heads": lambda data: explore.heads(transformer(), data, epochs=1),
    "iterations": lambda data: explore.iterations(make, data, seeds=(0,), epochs=1),
    "timing": lambda data: explore.timing(make, data, seeds=(0,), count=20),
    "regrowth": lambda data: explore.regrowth(make, data, count=20),
    "tickets": lambda data: explore.tickets(make, data, rounds=2, count=20),
    "speed": lambda data: explore.speed(make(0), data, rounds=1, start=False),
    "training": lambda data: explore.training(data, hidden=4, count=20),
    "open_test_set": lambda data: explore.open_test_set(make(0), data),
}
every_kind = pytest.mark.parametrize("kind", OPEN)


def test_every_explorer_of_data_is_tried():
    taking = {name for name in explore.__all__ if name not in ("Explorer", "Job")
              and "data" in inspect.signature(getattr(explore, name)).parameters}
    assert taking == set(OPEN)


def changed(change, **how):
    """The digits with another x and y in each part."""
    parts = {part: Split(*change(getattr(DIGITS, part).x.copy(), getattr(DIGITS, part).y.copy()))
             for part in ("train", "val", "test")}
    return replace(DIGITS, **parts, **how)


def spoiled(x, y):
    x[3, 5] = np.nan
    return x, y


REFUSED = {
    "labels from 1": (lambda: changed(lambda x, y: (x, y + 1)), "labels run from 1 to 10"),
    "labels from -1": (lambda: changed(lambda x, y: (x, y - 1)), "labels run from -1"),
    "float labels": (lambda: changed(lambda x, y: (x, y.astype(float))), r"write labels.astype\(int\)"),
    "text labels": (lambda: changed(lambda x, y: (x, y.astype(str))), "write np.unique"),
    "a column of labels": (lambda: changed(lambda x, y: (x, y[:, None])), r"write y\[:, 0\]"),
    "one-hot labels": (lambda: changed(lambda x, y: (x, np.eye(10)[y])), "write y.argmax"),
    "no samples": (lambda: changed(lambda x, y: (x[:0], y[:0])), "there are no samples"),
    "NaN": (lambda: changed(spoiled), r"NaN or infinite in 1 of \d+ samples, as in x\[3\]"),
    "two features": (lambda: changed(lambda x, y: (x[:, :2], y)), r"shape \(n, .*64|\(n, 4, 16\)|classes 0 to 7"),
    "another image shape": (lambda: replace(DIGITS, image_shape=(3, 3)), "do not fill images of shape"),
    "no data": (lambda: None, "data set|data have"), "text": (lambda: "digits", "data set|data have"),
    "a network": (lambda: make(0), "data set|data are wanted"),
    "a class": (lambda: mn.data.Dataset, "data set|data have"),
}
LENIENT = {  # what a kind does not look at, since nothing depends on it there
    "speed": {"labels from 1", "labels from -1", "float labels", "text labels", "a column of labels", "one-hot labels"},
    "training": {"labels from 1"},
}
PARTS = ["sparsity", "criteria", "structure", "training", "speed"]  # these only measure, if there is one part
WITHOUT_IMAGES = set(OPEN) - {"sparsity", "training", "regrowth"}


@pytest.mark.parametrize("odd", REFUSED)
@every_kind
def test_what_does_not_fit_is_refused_when_it_is_opened(kind, odd):
    data, words = REFUSED[odd]
    if odd in LENIENT.get(kind, ()) or (odd == "another image shape" and kind in WITHOUT_IMAGES):
        close(OPEN[kind](data()))
        return
    with pytest.raises((TypeError, ValueError), match=words):
        OPEN[kind](data())


SHOWN = {
    "one sample, too few names": lambda: changed(lambda x, y: (x[:1], y[:1]), class_names=("zero", "one")),
    "two classes, names that are numbers, in a line": lambda: changed(
        lambda x, y: (x, np.where(y > 5, 5, 7)), class_names=(7,) * 10, image_shape=(64,)),
    "float64, no names, channels": lambda: changed(
        lambda x, y: (x.astype(float), y.astype(np.uint8)), class_names=(), image_shape=(4, 4, 4)),
}


@pytest.mark.parametrize("odd", SHOWN)
@every_kind
def test_what_is_unusual_is_shown(kind, odd):
    explorer = OPEN[kind](SHOWN[odd]())
    if isinstance(explorer, Explorer):
        explorer.rehearse()
        assert explorer.wait(60) and explorer.job.error is None and explorer.errors == []
        assert "Something went wrong" not in explorer._message.value
    else:
        explorer.unseal()
    close(explorer)


def close(explorer):
    if isinstance(explorer, Explorer):
        explorer.close()


@pytest.mark.parametrize("kind", PARTS)
def test_a_pair_is_enough_to_measure_and_stays_as_it_is(kind):
    x, y = DIGITS.val.x.copy(), DIGITS.val.y.copy()
    OPEN[kind]((x, y)).close()
    assert x.flags.writeable and y.flags.writeable


@pytest.mark.parametrize("kind", [kind for kind in OPEN if kind not in PARTS])
def test_what_trains_and_measures_takes_a_whole_data_set(kind):
    for part in (DIGITS.val, (DIGITS.val.x, DIGITS.val.y)):
        with pytest.raises(TypeError, match="whole data set, got"):
            OPEN[kind](part)


WRONG_NETWORKS = [None, DIGITS, mn.Dense, "net", 3]


@pytest.mark.parametrize("wrong", WRONG_NETWORKS, ids=lambda wrong: f"{wrong!r:.20}")
@pytest.mark.parametrize("kind", OPEN)
def test_something_else_than_a_network_gives_a_message(kind, wrong):
    if kind == "training":
        pytest.skip("makes its own network")
    with pytest.raises(TypeError, match="network"):
        getattr(explore, kind)(wrong, DIGITS)


def no_weights():
    net = make(0)
    mn.prune(net, 1.0)
    return mn.compact(net)


def diverged():
    net = make(0)
    net.layers[0].weight.data[0, 0] = np.nan
    return net


@pytest.mark.parametrize("net, words", [(no_weights, "no weights|whole one"), (diverged, "dense1.weight holds NaN")])
@pytest.mark.parametrize("kind", ["sparsity", "criteria", "structure", "dropout_and_pruning", "speed"])
def test_a_network_without_weights_or_with_NaN_is_refused(kind, net, words):
    with pytest.raises(ValueError, match=words):
        getattr(explore, kind)(net(), DIGITS)


@pytest.mark.parametrize("open_one, words", [
    (lambda: explore.sparsity(make(0), DIGITS, epochs=-1), "epochs"), (lambda: explore.ages("x"), "age"),
    (lambda: explore.rates("x"), "nodes"), (lambda: explore.training(DIGITS, rate=-1), "rate"),
    (lambda: explore.training(DIGITS, count=0), "count"), (lambda: explore.iterations(make, DIGITS, seeds=()), "seed"),
    (lambda: explore.timing(make, DIGITS, count=0), "count"),
    (lambda: explore.regrowth(make, DIGITS, count=0), "count"),
    (lambda: explore.heads(transformer(), DIGITS, epochs=1.5), "epochs"),
])
def test_settings_are_looked_at_when_it_is_opened(open_one, words):
    with pytest.raises(ValueError, match=words):
        open_one()


@pytest.mark.parametrize("wrong, words", [
    ({"sparsity": 0.9}, "from 0 to 100"), ({"criterion": "magnitud"}, "one of 'magnitude'"),
    ({"sparsity": "x"}, "from 0 to 100"), ({"sparsity": 50, "scope": None}, "scope can't be None"),
])
def test_a_control_is_not_set_to_something_else_than_was_asked(wrong, words):
    explorer = explore.sparsity.example()
    before = explorer.state
    with pytest.raises(ValueError, match=words):
        explorer.set(**wrong)
    assert explorer.state == before and not mn.sparsity(explorer.net)
    explorer.close()
