"""Lesson 08 in a browser: plans are made, trained, and called back by keyboard."""

import base64

import pytest

LESSON = "lessons/08_when.ipynb"


@pytest.fixture
def notebook(open_notebook):
    notebook = open_notebook(LESSON)
    notebook.run_all(400)
    notebook.show("mn.explore.timing(")
    return notebook


def test_a_learner_tries_plans_by_keyboard(notebook):
    box = notebook.page.locator(".minnet-explorer").first
    box.wait_for()
    image, sentence = box.locator(".widget-image"), box.locator("[role=status]").first

    def agrees(words):
        picture = notebook.value("__import__('base64').b64encode(explorer.png()).decode()")
        assert words in sentence.inner_text()
        assert notebook.picture(image) == base64.b64decode(picture)
        return picture

    pictures = [agrees("from step 100 to step 700")]
    notebook.press(notebook.slider("Start"), "ArrowRight")
    pictures.append(agrees("from step 110 to step 700"))
    notebook.press(notebook.slider("End"), "End")
    assert "no step of training is left" in box.locator("[role=alert]").inner_text()
    pictures.append(agrees("from step 110 to step 1,000"))
    notebook.press(box.get_by_role("button", name="Before"), "Enter")
    pictures.append(agrees("Before training"))
    notebook.press(box.get_by_role("button", name="Train this plan"), "Enter")
    notebook.press(box.get_by_role("button", name="After"), "Enter")  # the controls answer while it trains
    assert "After 500 steps" in sentence.inner_text()
    assert notebook.value("explorer.wait(240)")
    notebook.settle()
    notebook.press(box.locator("select"), "Home")  # the table: the first plan comes back
    assert notebook.value("explorer.state['criterion']") == "SNIP"
    pictures.append(agrees("Accuracy at the end"))
    assert len(set(pictures)) == 5
    assert notebook.problems() == []
