"""Lesson 07 in a browser: two criteria are chosen and moved by keyboard, and all are retrained behind the controls."""

import base64

import pytest

LESSON = "lessons/07_how_to_choose.ipynb"


@pytest.fixture
def notebook(open_notebook):
    notebook = open_notebook(LESSON)
    notebook.run_all()
    notebook.show("mn.explore.criteria(")
    return notebook


def test_a_learner_holds_criteria_against_each_other_by_keyboard(notebook):
    box = notebook.page.locator(".minnet-explorer").first
    box.wait_for()
    image, sentence = box.locator(".widget-image"), box.locator("[role=status]").first
    percent = box.locator(".noUi-handle").first

    def agrees():
        both, picture = notebook.value(
            "[explorer.shown.count(True, True), __import__('base64').b64encode(explorer.png()).decode()]")
        assert f"both keep {both:,} weights" in sentence.inner_text()
        assert notebook.picture(image) == base64.b64decode(picture)
        return picture

    pictures = [agrees()]
    notebook.press(percent, "ArrowRight", "ArrowRight")
    assert notebook.value("explorer.state['percent']") == 70
    pictures.append(agrees())
    notebook.press(box.locator("select").nth(1), "o")  # criterion B: obd
    assert notebook.value("explorer.state['b']") == "obd"
    pictures.append(agrees())
    notebook.press(box.get_by_role("button", name="neurons"), "Enter")
    notebook.press(box.get_by_role("button", name="sum"), "Enter")
    assert notebook.value("[explorer.state[name] for name in ('structure', 'combine')]") == ["neurons", "sum"]
    pictures.append(agrees())
    # Nothing is still while it trains, so keys are pressed without waiting for that.
    box.get_by_role("button", name="Retrain all criteria").focus()
    notebook.page.keyboard.press("Enter")
    percent.focus()
    notebook.page.keyboard.press("ArrowLeft")
    assert notebook.value("[explorer.job.running, explorer.state['percent']]") == [True, 65]  # the controls answer
    notebook.page.keyboard.press("ArrowRight")
    for _ in range(600):
        if notebook.value("70 in explorer.shown.retrained['apoz']"):  # all criteria at the sparsity that was asked for
            break
        notebook.page.wait_for_timeout(200)
    box.get_by_role("button", name="Cancel").focus()
    notebook.page.keyboard.press("Enter")
    assert notebook.value("explorer.wait(60)")
    notebook.settle()
    assert "retrained" in sentence.inner_text()
    pictures.append(agrees())
    assert len(set(pictures)) == 5
    assert notebook.problems() == []
