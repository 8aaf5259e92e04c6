"""Lesson 06 in a browser: a learner climbs the ladder by keyboard, and picture, sentence and kernel agree."""

import base64

import pytest

LESSON = "lessons/06_what_to_remove.ipynb"


@pytest.fixture
def notebook(open_notebook):
    notebook = open_notebook(LESSON)
    notebook.run_all()
    notebook.show("mn.explore.structure(")
    return notebook


def test_a_learner_climbs_the_ladder_by_keyboard(notebook):
    box = notebook.page.locator(".minnet-explorer").first
    box.wait_for()
    image, sentence = box.locator(".widget-image"), box.locator("[role=status]").first
    structure, percent = (box.locator(".noUi-handle").nth(place) for place in (0, 1))

    def agrees():
        code, left, picture = notebook.value(
            "[explorer.shown.code, explorer.shown.left, __import__('base64').b64encode(explorer.png()).decode()]")
        assert code in sentence.inner_text() and f"→ {left:,})" in sentence.inner_text()
        assert notebook.picture(image) == base64.b64decode(picture)
        return picture

    layout = [image.bounding_box()[side] - box.bounding_box()[side] for side in "xy"]
    pictures = [agrees()]
    notebook.press(structure, "ArrowRight", "ArrowRight")
    assert notebook.value("explorer.state['structure']") == "blocks of 4 × 4"
    pictures.append(agrees())
    notebook.press(structure, "ArrowRight")  # shapes: a dense network has none
    assert "Nothing is removed" in box.locator("[role=alert]").inner_text()
    pictures.append(agrees())
    notebook.press(structure, "ArrowRight", "ArrowRight")
    notebook.press(percent, "ArrowRight")
    assert notebook.value("[explorer.state['structure'], explorer.state['percent']]") == ["neurons / filters", 55]
    pictures.append(agrees())
    notebook.press(box.get_by_role("button", name="convolution"), "Enter")
    pictures.append(agrees())
    assert len(set(pictures)) == 5
    assert [image.bounding_box()[side] - box.bounding_box()[side] for side in "xy"] == pytest.approx(layout)
    notebook.press(box.get_by_role("button", name="Reset"), "Enter")
    assert agrees() == pictures[0]
    assert notebook.problems() == []
