"""The explorers in CONTRIBUTING.md are short, and keep every promise that the others keep."""

import re

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from minnet.explore import Explorer
from tests.explore.pages import Page
from tests.explore.walking import Walk
from tests.notebooks import ROOT

EXAMPLES = {re.search(r"class (\w+)\(Explorer\)", each)[1]: each
            for each in re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.S)
            if "(Explorer)" in each}
each = pytest.mark.parametrize("name", EXAMPLES)


@pytest.fixture
def kind(name):
    space = {"__name__": "toy"}
    exec(compile(EXAMPLES[name], "CONTRIBUTING.md", "exec"), space)
    yield space[name]
    del Explorer.registry[name]


@each
def test_it_is_short_and_could_stand_in_a_file_of_its_own(name):
    lines = EXAMPLES[name].splitlines()
    assert len(lines) < 75
    for line in lines:  # an explorer imports what lies below it
        assert not re.match(r"(import minnet\b|from minnet(\.explore)? import (?!data))", line), line


@each
def test_it_walks_as_the_others_do(kind):
    walk = type("ToyWalk", (Walk,), {"kind": kind})
    run_state_machine_as_test(walk, settings=settings(
        max_examples=1, stateful_step_count=20, suppress_health_check=list(HealthCheck), phases=[Phase.generate]))
    assert walk.walked == 20


@pytest.mark.parametrize("name", ["WidthExplorer"])
def test_training_is_shown_and_ends(kind):
    explorer = kind.example()
    explorer._training.start.click()
    assert explorer.wait(30)
    assert len(explorer.shown["curve"]) == explorer.experiment.count and explorer._training.cancel.disabled
    assert f"{explorer.shown['curve'][-1]:.1%}" in explorer._sentence.value
    explorer.close()


@pytest.mark.parametrize("name", ["ThresholdExplorer"])
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
