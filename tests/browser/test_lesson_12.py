"""Lesson 12 in a browser: four trainings are started, watched and stepped through by keyboard."""

import base64

import pytest

LESSON = "lessons/12_growing_back.ipynb"


@pytest.fixture
def notebook(open_notebook):
    notebook = open_notebook(LESSON)
    notebook.run_all(seconds=600)
    notebook.show("explorer = mn.explore.regrowth(")
    return notebook


def test_a_learner_watches_connections_move_by_keyboard(notebook):
    box = notebook.page.locator(".minnet-explorer").first
    box.wait_for()
    image, sentence = box.locator(".widget-image"), box.locator("[role=status]").first
    handles = box.locator(".noUi-handle")
    fraction, every, step = (handles.nth(place) for place in (0, 1, 3))

    def agrees(words):
        assert words in sentence.inner_text()
        picture = notebook.value("__import__('base64').b64encode(explorer.png()).decode()")
        assert notebook.picture(image) == base64.b64decode(picture)
        return hash(picture)

    def layout():
        return [image.bounding_box()[side] - box.bounding_box()[side] for side in "xy"]

    seen, first = {agrees("Not trained yet")}, layout()
    notebook.press(fraction, "ArrowRight")
    assert notebook.value("explorer.state['fraction']") == 40
    notebook.press(every, "Home")
    assert "dropped at the next move" in box.locator("[role=alert]").inner_text()
    assert layout() == pytest.approx(first)  # the message has its own place
    notebook.press(box.get_by_role("button", name="Reset"), "Enter")
    assert notebook.value("explorer.state['fraction']") == 30

    notebook.press(box.get_by_role("button", name="Train all four"), "Enter")
    notebook.press(box.get_by_role("button", name="static", exact=True), "Enter")  # alive while it trains
    assert notebook.value("explorer.wait(300)")
    notebook.settle()
    seen.add(agrees("static, step 1,000 of 1,000"))
    notebook.press(box.get_by_role("button", name="RigL", exact=True), "Enter")
    seen.add(agrees("RigL, step 1,000 of 1,000"))
    notebook.press(step, "Home")
    seen.add(agrees("RigL, step 0 of 1,000"))
    notebook.press(step, *["ArrowRight"] * 5)
    seen.add(agrees("RigL, step 100 of 1,000"))
    assert len(seen) == 5
    assert "98%" in box.locator("select").inner_text()
    assert layout() == pytest.approx(first)
    assert notebook.value("[str(error) for error in explorer.errors]") == []
    assert notebook.problems() == []
