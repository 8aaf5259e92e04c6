"""Saving an explorer as a page: mistakes are reported before anything is written, what is too large gets coarser."""

import ipywidgets as widgets
import numpy as np
import pytest

import minnet as mn
from minnet.explore import Explorer
from minnet.widgets import html_export
from minnet.widgets.html_export import dials_of, places
from tests.explore.pages import Page


@pytest.fixture
def explorer():
    explorer = Explorer.registry["TrainingExplorer"].example()
    yield explorer
    explorer.close()
    assert explorer.errors == []


@pytest.mark.parametrize("path, error, message", [
    (3, TypeError, "save_html.*explorer.html"),
    ("page.png", ValueError, "page.html"),
    ("page", ValueError, "page.html"),
    (".", IsADirectoryError, "explorer.html"),
    ("nowhere/page.html", FileNotFoundError, "make it first"),
])
def test_a_wrong_path_gives_a_message_and_nothing_is_written(explorer, tmp_path, monkeypatch, path, error, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        explorer.save_html(path)
    assert list(tmp_path.iterdir()) == []


def test_while_it_trains_nothing_is_saved(explorer, tmp_path):
    explorer.count = 10_000_000
    explorer.play()
    with pytest.raises(RuntimeError, match="still training"):
        explorer.save_html(tmp_path / "page.html")
    explorer.pause()
    assert list(tmp_path.iterdir()) == []


def test_an_old_page_stays_until_the_new_one_is_whole(explorer, tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    path.write_text("old")
    monkeypatch.setattr(explorer, "sentence", lambda frame: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        explorer.save_html(path)
    assert path.read_text() == "old" and [file.name for file in tmp_path.iterdir()] == ["page.html"]


def test_what_is_too_large_gets_coarser(explorer, tmp_path, monkeypatch):
    explorer.set(sample=7)
    path = tmp_path / "page.html"
    explorer.save_html(path)
    whole = Page(path)
    monkeypatch.setattr(html_export, "LIMIT", whole.bytes * 3 // 5)
    explorer.save_html(path)
    assert Page(path).bytes <= html_export.LIMIT
    assert 3 <= len(Page(path).places) < len(whole.places)
    assert 'data-said="[&quot;0&quot;' in Page(path).text and "&quot;7&quot;" in Page(path).text
    monkeypatch.setattr(html_export, "LIMIT", 1000)
    with pytest.raises(ValueError, match="fewer controls"):
        explorer.save_html(path)


def test_a_title_cannot_end_the_page(explorer, tmp_path):
    explorer.save_html(tmp_path / "page.html", title="</title><script>alert(1)</script>")
    page = Page(tmp_path / "page.html")
    assert "<script>alert" not in page.text and "&lt;script&gt;alert" in page.text


def test_the_page_says_what_it_is_and_what_it_cannot_do(explorer, tmp_path):
    explorer.save_html(tmp_path / "page.html")
    text = Page(tmp_path / "page.html").text
    assert "<title>Watch a network with one hidden layer learn</title>" in text
    assert "mn.explore.training(digits)" in text and "cannot be recorded (Play, One step, Start over)" in text
    assert "Learning rate 0.1" in text  # it stood still


def test_without_a_word_the_first_slider_and_small_choices_are_recorded():
    net = mn.models.mlp(64, 8, 10, rng=0)
    explorer = mn.explore.sparsity(net, mn.data.digits())
    explorer.recorded = None
    explorer.set(sparsity=42)
    dials = {dial.name: dial for dial in dials_of(explorer)}
    assert list(dials) == ["sparsity", "criterion", "scope", "ghosts"]
    assert len(dials["sparsity"].values) == 22 and {0, 42, 100} <= set(dials["sparsity"].values)
    assert dials["sparsity"].said[dials["sparsity"].start] == "42"
    assert dials["ghosts"].values == (False, True) and dials["ghosts"].start == 1
    explorer.close()


def test_a_network_that_was_found_pruned_is_left_so(tmp_path, monkeypatch):
    net = mn.models.mlp(64, 8, 10, rng=0)
    mn.prune(net, 0.5, criterion=mn.random, rng=3)
    masks = [param.mask for param in net.params()]
    explorer = mn.explore.sparsity(net, mn.data.digits().val)
    explorer.recorded = {"sparsity": 3}
    explorer.save_html(tmp_path / "page.html")
    assert all(np.array_equal(now.mask, then) if then is not None else now.mask is None
               for now, then in zip(net.params(), masks, strict=True))
    assert len(Page(tmp_path / "page.html").places) == 3
    explorer.close()


@pytest.mark.parametrize("control, expected", [
    (widgets.IntSlider(4, 0, 6, step=2), [0, 2, 4, 6]),
    (widgets.FloatSlider(0.3, min=0, max=1, step=0.5), [0, 0.3, 0.5, 1]),
    (widgets.FloatLogSlider(1, base=10, min=-1, max=1, step=1), [0.1, 1, 10]),
    (widgets.SelectionSlider(options=[("a tenth", 0.1), ("all", 1)]), [0.1, 1]),
    (widgets.Checkbox(True), [False, True]),
])
def test_where_a_control_can_stand(control, expected):
    assert places(control) == pytest.approx(expected)
