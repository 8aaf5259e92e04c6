"""Lesson 09 in a browser: a recipe is made, trained, and called back by keyboard."""

import base64

import pytest

LESSON = "lessons/09_how_often.ipynb"


@pytest.fixture
def notebook(open_notebook):
    notebook = open_notebook(LESSON)
    notebook.run_all()
    notebook.show("mn.explore.iterations(")
    return notebook


def test_a_learner_tries_recipes_by_keyboard(notebook):
    box = notebook.page.locator(".minnet-explorer").first
    box.wait_for()
    image, sentence = box.locator(".widget-image"), box.locator("[role=status]").first
    rounds, epochs = (box.locator(".noUi-handle").nth(place) for place in (0, 1))

    def agrees():
        steps, picture = notebook.value(
            "[explorer.shown.each[1], __import__('base64').b64encode(explorer.png()).decode()]")
        assert f"{steps} steps" in sentence.inner_text()
        assert notebook.picture(image) == base64.b64decode(picture)
        return picture

    pictures = [agrees()]
    notebook.press(rounds, "ArrowRight", "ArrowRight")
    assert notebook.value("explorer.state['rounds']") == 3
    pictures.append(agrees())
    notebook.press(epochs, "Home")
    assert notebook.value("explorer.state['epochs']") == 5
    assert "Not tried yet" in sentence.inner_text()
    notebook.press(box.get_by_role("button", name="Train this recipe"), "Enter")
    notebook.press(rounds, "ArrowRight")  # the controls answer while it trains
    pictures.append(agrees())
    assert notebook.value("explorer.wait(120)")
    notebook.settle()
    notebook.press(box.locator("select"), "Home")  # the table: the first recipe comes back
    assert notebook.value("explorer.state['rounds']") == 3
    assert "Same mask from scratch" in sentence.inner_text()
    pictures.append(agrees())
    assert len(set(pictures)) == 4
    assert notebook.problems() == []
