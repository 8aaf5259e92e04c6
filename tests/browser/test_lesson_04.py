"""Lesson 04 in a browser: the race answers at once to the keyboard, measures behind it, and can be stopped."""

import base64
import re

import pytest

LESSON = "lessons/04_what_is_left_to_compute.ipynb"


@pytest.fixture
def notebook(open_notebook):
    notebook = open_notebook(LESSON)
    notebook.run_all(seconds=600)
    notebook.show("mn.explore.speed(")
    return notebook


def test_a_learner_races_by_keyboard(notebook):
    box = notebook.page.locator(".minnet-explorer").first
    box.wait_for()
    image, sentence = box.locator(".widget-image"), box.locator("[role=status]").first
    cancel = box.get_by_role("button", name="Cancel", exact=True)

    def agrees(stopped=False):
        assert notebook.value("explorer.wait(300)")
        notebook.settle()
        kept, batch, exact, picture = notebook.value(
            "[explorer.shown.kept, explorer.shown.batch, explorer.shown.timing.exact, "
            "__import__('base64').b64encode(explorer.png()).decode()]")
        assert (exact or stopped) and sentence.inner_text().startswith(f"{kept:,} of 300,032 weights, {batch} sample")
        assert notebook.picture(image) == base64.b64decode(picture)
        return picture

    size = box.bounding_box()
    assert size["width"] <= 1010 and size["height"] <= 740  # it fits a window
    layout = [image.bounding_box()[side] - box.bounding_box()[side] for side in "xy"]
    pictures = [agrees()]
    assert box.get_by_text("measured", exact=True).is_visible() and cancel.is_disabled()

    notebook.slider("Batch").focus()
    notebook.page.keyboard.press("Home")  # at once there are words for the new place, whatever is known of it
    box.locator("[role=status]", has_text="weights, 1 sample.").wait_for()
    pictures.append(agrees())
    assert re.search(r"overtake dense at|The naive loop is", sentence.inner_text())

    notebook.press(notebook.slider("Sparsity"), "ArrowLeft", "ArrowLeft")
    assert notebook.value("explorer.state") == {"sparsity": 80, "batch": 1}
    pictures.append(agrees())

    notebook.run("explorer.experiment.rounds = 10**6")  # so that there is something to stop
    notebook.slider("Batch").focus()
    notebook.page.keyboard.press("ArrowRight")
    box.get_by_text("measuring: 80 %, batch 2").wait_for()
    notebook.press(notebook.slider("Sparsity"), "ArrowRight")  # the controls answer while it measures
    assert notebook.value("explorer.state") == {"sparsity": 85, "batch": 2}
    cancel.focus()
    notebook.page.keyboard.press("Enter")
    pictures.append(agrees(stopped=True))
    assert cancel.is_disabled() and not notebook.value("explorer.job.running")
    notebook.run("explorer.experiment.rounds = 3")

    notebook.press(box.get_by_role("button", name="Reset", exact=True), "Enter")
    assert notebook.value("explorer.state") == {"sparsity": 90, "batch": 64}
    agrees()
    assert [image.bounding_box()[side] - box.bounding_box()[side] for side in "xy"] == pytest.approx(layout)
    assert len(set(pictures)) == 4
    assert notebook.value("[str(error) for error in explorer.errors]") == []
    assert notebook.problems() == []
