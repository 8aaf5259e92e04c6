"""The playground without a browser: whatever it says came out, comes out of the lines that it shows."""

import re

import numpy as np
import pytest

import minnet as mn
from minnet.explore import menu
from minnet.explore.garden import PlaygroundExplorer


@pytest.fixture
def explorer():
    explorer = PlaygroundExplorer.example()
    yield explorer
    explorer.close()
    assert explorer.errors == []


def said(explorer):
    return re.sub("<[^>]+>", "", explorer._sentence.value)


def press(explorer, name, **state):
    explorer.set(**state)
    next(button for button in explorer._buttons if button.description == name).click()
    assert explorer.wait(60)


def copied(explorer):
    """What a learner has after running the lines that are shown."""
    code = re.sub("<[^>]+>", "", explorer._code.value.split("<pre")[1].split(">", 1)[1])
    code = code.replace("&quot;", '"').replace("&gt;", ">").replace("mn.fit(", "mn.fit(progress=False, net=")
    learner = {}
    exec(code.replace("net=net,", "net=net, data="), learner)
    return learner["net"], learner["data"]


@pytest.mark.parametrize("state", [
    {}, {"criterion": "random", "seed": 3}, {"structure": "neurons / filters", "scope": "layer", "percent": 50},
    {"criterion": "taylor", "rounds": 4}, {"scope": "4 neighbours", "percent": 50, "criterion": "wanda"},
    {"schedule": "gradual", "criterion": "snip"}, {"schedule": "gradual", "epochs": 0}, {"epochs": 0, "rounds": 3},
    {"subject": "layers", "structure": "whole layers", "percent": 50}, {"structure": "blocks of 4 × 4"},
], ids=str)
def test_the_lines_that_are_shown_give_the_same_numbers(explorer, state):
    press(explorer, "Prune", **{"epochs": 2} | state)
    net, data = copied(explorer)
    mine = explorer.tried[explorer.shown.recipe]
    for here, there in zip(mine.params(), net.params(), strict=True):
        np.testing.assert_array_equal(here.value, there.value)
    here = explorer.shown.here
    assert (here.accuracy, here.sparsity) == pytest.approx((mn.accuracy(net, data.val), mn.sparsity(net)))
    np.testing.assert_allclose(here.classes, mn.evaluate(net, data.val).per_class)
    assert here.bytes["sparse"] == mn.sparse.compile(mn.compact(net)).nbytes
    assert f"{here.kept:,} of {here.weights:,} weights, {here.accuracy:.1%} recognised" in said(explorer)
    assert f"{here.accuracy:.1%}" in explorer._table.options[0][0]


def test_the_slider_previews_without_training_and_touches_nothing(explorer):
    assert "has not been trained yet" in said(explorer)
    press(explorer, "Train")
    dense = explorer.dense(explorer.shown.recipe)
    numbers = [param.data.copy() for param in dense.params()]
    for percent in (0, 37, 99):
        explorer.set(percent=percent)
        net = dense.copy()
        mn.prune(net, percent / 100)
        assert explorer.shown.here.accuracy == mn.accuracy(net, mn.data.digits().val)
        for param in net.params():
            if param.prunable:
                kept = np.ones(param.shape, bool) if param.mask is None else param.mask
                np.testing.assert_array_equal(explorer.shown.here.masks[param.path], kept)
    assert mn.sparsity(dense) == 0 and explorer.tried == {}
    assert all(np.array_equal(param.data, old) for param, old in zip(dense.params(), numbers, strict=True))


def test_undo_goes_back_one_recipe_at_a_time(explorer):
    press(explorer, "Prune", percent=50, epochs=1)
    first = explorer.state
    press(explorer, "Prune", percent=80, criterion="random")
    assert [n for n, *_ in explorer._table.options] and explorer.shown.number == 2
    press(explorer, "Undo", percent=10)
    assert explorer.state == first and explorer.shown.number == 1 and len(explorer._table.options) == 1
    press(explorer, "Undo")
    assert explorer.tried == {} and explorer.shown.number == 0
    press(explorer, "Undo")
    assert "Nothing has been tried yet" in explorer._message.value


def test_two_recipes_lie_side_by_side_and_come_back(explorer):
    press(explorer, "Prune", percent=50, epochs=1)
    press(explorer, "Prune", percent=90)
    explorer.set(beside=1)
    shown = explorer.shown
    assert (shown.number, shown.beside_number) == (2, 1) and shown.beside.sparsity == pytest.approx(0.5, abs=0.01)
    assert f"Beside it, recipe #1: {shown.beside.kept:,} of" in said(explorer)
    assert [bar.get_height() for bar in explorer._classes.bars[1]] == pytest.approx(100 * shown.beside.classes)
    explorer._table.value = explorer._table.options[0][1]
    assert explorer.state["percent"] == 50 and explorer.shown.number == 1
    press(explorer, "Undo")
    assert explorer.state["beside"] == 1
    press(explorer, "Undo")
    assert explorer.state["beside"] == 0


def test_what_the_network_does_not_have_is_told(explorer):
    explorer.set(structure="heads")
    assert "Nothing is removed: no layer but the last has the axes ('head',)" in explorer._message.value
    press(explorer, "Prune")
    assert explorer.tried == {} and "Nothing is removed" in explorer._message.value
    assert explorer.shown.here.sparsity == 0


def test_every_line_of_the_menu_can_be_run():
    for codes in (menu.STRUCTURES, menu.CRITERIA, menu.SCOPES):
        for code in codes.values():
            assert callable(menu.evaluate(code))
    for subject in menu.SUBJECTS.values():
        data, net = menu.evaluate(subject.data), menu.evaluate(subject.net.format(seed=0))
        assert net(data.val.x[:2]).shape == (2, len(data.class_names))


def test_mnist_is_offered_where_it_is_at_hand(monkeypatch):
    for there in (True, False):
        monkeypatch.setattr("minnet.data.handwriting.at_hand", lambda there=there: there)
        assert any("784" in name for name in menu.subjects()) == there
