"""The explorer in CONTRIBUTING.md is short, and keeps every promise that the others keep."""

import re

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from minnet.explore import Explorer
from tests.explore.pages import Page
from tests.explore.walking import Walk
from tests.notebooks import ROOT


@pytest.fixture(scope="module")
def source():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    (source,) = (each for each in re.findall(r"```python\n(.*?)```", text, re.S) if "Explorer" in each)
    return source


@pytest.fixture
def kind(source):
    space = {"__name__": "toy"}
    exec(compile(source, "CONTRIBUTING.md", "exec"), space)
    yield space["ThresholdExplorer"]
    del Explorer.registry["ThresholdExplorer"]


def test_it_is_short(source):
    assert len(source.splitlines()) < 40


def test_it_walks_as_the_others_do(kind):
    walk = type("ToyWalk", (Walk,), {"kind": kind})
    run_state_machine_as_test(walk, settings=settings(
        max_examples=1, stateful_step_count=20, suppress_health_check=list(HealthCheck), phases=[Phase.generate]))
    assert walk.walked == 20


def test_what_it_says_is_so_and_is_saved(kind, tmp_path):
    explorer = kind.example()
    explorer.set(threshold=2)
    kept = sum(abs(weight) >= 2 for weight in explorer.weights)
    assert 0 < kept < 200 and f"{kept} of 200 weights" in explorer._sentence.value
    explorer.save_html(tmp_path / "page.html")
    page = Page(tmp_path / "page.html")
    assert len(page.places) == 21 and "<title>Which weights reach a threshold</title>" in page.text
    assert len({page.words(place)[1] for place in page.places}) == 21
    explorer.close()
