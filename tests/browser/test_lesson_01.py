"""Lesson 01 in a browser: a learner slides through a life, and prunes a web round by round, by keyboard."""

import base64

import pytest

LESSON = "lessons/01_synapses.ipynb"


@pytest.fixture
def notebook(open_notebook):
    notebook = open_notebook(LESSON)
    notebook.run_all()
    return notebook


def shown(notebook, cell, name):
    """An explorer that is in sight, its picture, its sentence, and a check that page and kernel agree."""
    notebook.show(cell)
    box = notebook.page.locator(".minnet-explorer").nth(("ages", "explorer").index(name))
    box.wait_for()
    image, sentence = box.locator(".widget-image"), box.locator("[role=status]")

    def agrees(words):
        assert words in sentence.inner_text()
        picture = notebook.value(f"__import__('base64').b64encode({name}.png()).decode()")
        assert notebook.picture(image) == base64.b64decode(picture)
        return hash(picture)

    return box, agrees


def test_a_life_by_keyboard(notebook):
    box, agrees = shown(notebook, "ages = mn.explore.ages()", "ages")
    handle = box.locator(".noUi-handle")
    seen = {agrees("Age 0: 11.05")}
    notebook.press(handle, *["ArrowRight"] * 4)
    assert notebook.value("ages.shown.age") == 1
    seen.add(agrees("Age 1: 16.58"))
    notebook.press(handle, *["ArrowRight"] * 3)
    seen.add(agrees("no number is given for this age"))
    notebook.press(handle, "End")
    seen.add(agrees("Age 90: 9.56"))
    assert len(seen) == 4
    notebook.press(box.get_by_role("button", name="Reset"), "Enter")
    assert agrees("Age 0: 11.05") in seen
    play, stop, _ = box.locator(".widget-play button").all()
    notebook.press(play, "Enter")  # the play button moves the slider by itself
    notebook.page.wait_for_function(
        "() => /^Age (1|1.5|2|3|4|5):/.test(document.querySelector('.minnet-explorer [role=status]').innerText)")
    notebook.press(stop, "Enter")
    assert "Age 0: 11.05" in box.locator("[role=status]").inner_text()
    notebook.press(handle, "End", *["ArrowLeft"] * 3)  # it plays on from where the user has put it
    before = notebook.value("ages.control['age'].index")
    notebook.press(play, "Enter")
    notebook.page.wait_for_function(
        "() => /^Age 90:/.test(document.querySelector('.minnet-explorer [role=status]').innerText)")
    assert notebook.value("ages.control['age'].index") == before + 3
    assert notebook.value("[str(error) for error in ages.errors]") == []
    assert notebook.problems() == []


def test_a_web_is_pruned_by_keyboard(notebook):
    box, agrees = shown(notebook, "explorer = mn.explore.rates()", "explorer")
    left, rounds = (box.locator(".noUi-handle").nth(place) for place in (0, 1))
    seen = {agrees("everyone is linked with everyone")}
    layout = [box.locator(".widget-image").bounding_box()[side] - box.bounding_box()[side] for side in "xy"]
    notebook.press(rounds, "ArrowRight", "ArrowRight")
    seen.add(agrees("Round 2 of 10 at a constant rate"))
    notebook.press(rounds, "End")
    seen.add(agrees("156 of 1,560 links left"))
    for rate in ("increasing", "decreasing"):
        notebook.press(box.get_by_role("button", name=rate), "Enter")
        assert notebook.value("explorer.shown.rate") == rate
        seen.add(agrees(f"{rate} rate"))
    notebook.press(left, *["ArrowRight"] * 4)
    seen.add(agrees("546 of 1,560 links left"))
    assert len(seen) == 6
    now = [box.locator(".widget-image").bounding_box()[side] - box.bounding_box()[side] for side in "xy"]
    assert now == pytest.approx(layout)  # nothing has jumped
    notebook.press(box.get_by_role("button", name="Reset"), "Enter")
    assert agrees("everyone is linked with everyone") in seen
    assert notebook.problems() == []
