"""The playground without a browser: whatever it says came out, comes out of the lines that it shows."""

import re

import numpy as np
import pytest

import minnet as mn
from minnet.draw.weight_sheet import WeightSheet
from minnet.experiments import BATCH, playground
from minnet.explore.playground_explorer import PlaygroundExplorer


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
    next(button for button in explorer.buttons if button.description == name).click()
    assert explorer.wait(60)


def copied(explorer):
    """What a learner has after running the lines that are shown."""
    code = re.sub("<[^>]+>", "", explorer._code.value.split("<pre")[1].split(">", 1)[1])
    code = code.replace("&quot;", '"').replace("&gt;", ">").replace("mn.fit(", "mn.fit(progress=False, net=")
    learner = {}
    exec(code.replace("net=net,", "net=net, data="), learner)
    return learner["net"], learner["data"]


@pytest.mark.walks
@pytest.mark.parametrize("state", [
    {}, {"criterion": "random", "seed": 3}, {"structure": "neurons / filters", "scope": "layer", "percent": 50},
    {"criterion": "taylor", "rounds": 4}, {"scope": "4 neighbours", "percent": 50, "criterion": "wanda"},
    {"schedule": "gradual", "criterion": "snip"}, {"schedule": "gradual", "epochs": 0}, {"epochs": 0, "rounds": 3},
    {"subject": "layers", "structure": "whole layers", "percent": 50}, {"structure": "blocks of 4 × 4"},
], ids=str)
def test_the_lines_that_are_shown_give_the_same_numbers(explorer, state):
    press(explorer, "Prune", **{"epochs": 2, "percent": 90} | state)
    net, data = copied(explorer)
    mine = explorer.experiment.tried[explorer.shown.recipe]
    for here, there in zip(mine.params(), net.params(), strict=True):
        np.testing.assert_array_equal(here.value, there.value)
    # What was measured is the compact network, in batches: another shape rounds differently and may turn a close call.
    here, found = explorer.shown.here, mn.evaluate(mn.compact(net), data.val, batch=BATCH)
    assert (here.accuracy, here.sparsity) == pytest.approx((found.accuracy, mn.sparsity(net)))
    np.testing.assert_allclose(here.classes, found.per_class)
    assert here.bytes["sparse"] == mn.sparse.compile(mn.compact(net)).nbytes
    assert here.used == sum(np.count_nonzero(p.value) for p in mn.compact(net).params() if p.prunable)
    used = f" ({here.used:,} of them in use)" if here.used < here.kept else ""
    assert f"{here.kept:,} of {here.weights:,} weights{used}, {here.accuracy:.1%} recognised" in said(explorer)
    row = explorer._results.table.options[0][0].replace("\N{NO-BREAK SPACE}", " ")
    assert f"{here.accuracy:.1%}" in row and f" {here.used:,} in use" in row


def test_the_slider_previews_without_training_and_touches_nothing(explorer):
    assert "has not been trained yet" in said(explorer) and explorer.shown.here.sparsity == 0
    press(explorer, "Train")
    dense = explorer.experiment.dense(explorer.shown.recipe)
    numbers = [param.data.copy() for param in dense.params()]
    for percent in (0, 37, 99):
        explorer.set(percent=percent)
        net = dense.copy()
        mn.prune(net, percent / 100)
        assert explorer.shown.here.accuracy == mn.accuracy(mn.compact(net), mn.data.digits().val, batch=BATCH)
        for param in net.params():
            if param.prunable:
                kept = param.kept_mask
                np.testing.assert_array_equal(explorer.shown.here.masks[param.path], kept)
    assert mn.sparsity(dense) == 0 and explorer.experiment.tried == {}
    assert all(np.array_equal(param.data, old) for param, old in zip(dense.params(), numbers, strict=True))


def test_undo_goes_back_one_recipe_at_a_time(explorer):
    press(explorer, "Prune", percent=50, epochs=1)
    first = explorer.state
    press(explorer, "Prune", percent=80, criterion="random")
    assert [n for n, *_ in explorer._results.table.options] and explorer.shown.number == 2
    press(explorer, "Undo", percent=10)
    assert explorer.state == first and explorer.shown.number == 1 and len(explorer._results.table.options) == 1
    press(explorer, "Undo")
    assert explorer.experiment.tried == {} and explorer.shown.number == 0
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
    explorer._results.table.value = explorer._results.table.options[0][1]
    assert explorer.state["percent"] == 50 and explorer.shown.number == 1
    press(explorer, "Prune", percent=80)
    press(explorer, "Undo")
    assert (explorer.shown.number, explorer.state["beside"]) == (2, 1)
    press(explorer, "Undo")  # recipe #1 is not laid beside itself
    assert (explorer.shown.number, explorer.state["beside"]) == (1, 0)
    press(explorer, "Undo")
    assert explorer.state["beside"] == 0


@pytest.mark.parametrize("structure, scope, message", [
    ("heads", "network", "This network has no heads. Choose another one as Network: “digits, transformer”."),
    ("whole layers", "layer", "no layer can go whole"),
    ("neurons / filters", "4 neighbours", "4 neighbours are single weights. Choose “weights” as What"),
])
def test_what_cannot_be_removed_is_told_in_the_words_of_the_menu(explorer, structure, scope, message):
    explorer.set(structure=structure, scope=scope, percent=90)
    assert message in explorer._message.value and explorer.shown.here.sparsity == 0
    press(explorer, "Prune")
    assert explorer.experiment.tried == {} and message in explorer._message.value
    for name in re.findall("“([^”]+)”", explorer._message.value):
        assert name in playground.SUBJECTS or name in playground.STRUCTURES


@pytest.mark.parametrize("percent, message", [
    (90, "Of each 4 neighbours 3.6 would go, which is rounded to 4: nothing is left. Choose 75 % or less."),
    (40, "Of each 4 neighbours 1.6 would go, which is rounded to 2: 50 %."), (50, ""),
])
def test_of_4_neighbours_only_whole_ones_can_go(explorer, percent, message):
    explorer.set(scope="4 neighbours", percent=percent)
    assert re.sub("<[^>]+>", "", explorer._message.value) == message
    assert explorer.shown.here.sparsity == round(percent / 25) / 4
    press(explorer, "Prune", epochs=1)
    assert len(explorer.experiment.tried) == (percent < 75) and message in explorer._message.value


def test_a_layer_that_competes_with_itself_stays_or_goes(explorer):
    explorer.set(subject="layers", structure="whole layers", scope="layer")
    for percent, kept in ((40, 1), (60, 0)):
        explorer.set(percent=percent)
        assert "competes only with itself" in explorer._message.value
        branches = [mask for path, mask in explorer.shown.here.masks.items() if "branch" in path]
        assert len(branches) == 4 and {mask.mean() for mask in branches} == {kept}


@pytest.mark.parametrize("lecture", [False, True])
def test_every_layer_of_every_network_has_a_name_of_its_own_that_does_not_reach_into_the_next(lecture):
    """On the sheet as the playground draws it."""
    mn.lecture(lecture)
    explorer = PlaygroundExplorer.example()
    mn.lecture(False)
    figure = explorer._screen.figure
    for subject in playground.SUBJECTS.values():
        ax = figure.add_axes(explorer._sheet.image.axes.get_position(original=True))
        WeightSheet(playground.made(subject.net.format(seed=0)), ax, None)
        ax.apply_aspect()  # as drawing it would
        boxes = [text.get_window_extent() for text in ax.texts]
        assert len({text.get_text() for text in ax.texts}) == len(boxes)
        assert not any(one.overlaps(other) for one in boxes for other in boxes if one is not other)
        ax.remove()
    explorer.close()


def test_every_line_of_the_menu_can_be_run():
    for codes in (playground.STRUCTURES, playground.CRITERIA, playground.SCOPES):
        for code in codes.values():
            assert callable(playground.made(code))
    for subject in playground.SUBJECTS.values():
        data, net = playground.made(subject.data), playground.made(subject.net.format(seed=0))
        assert net(data.val.x[:2]).shape == (2, len(data.class_names))


def test_mnist_is_offered_where_it_is_at_hand(monkeypatch):
    for there in (True, False):
        monkeypatch.setattr("minnet.data.mnist_files.at_hand", lambda there=there: there)
        assert any("784" in name for name in playground.available_subjects()) == there
