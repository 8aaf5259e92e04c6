"""Lesson 11 in a browser: heads and a layer are switched off by keyboard; picture, sentence and kernel agree."""

import base64

import pytest

LESSON = "lessons/11_heads_and_layers.ipynb"


@pytest.fixture
def notebook(open_notebook):
    notebook = open_notebook(LESSON)
    notebook.run_all()
    notebook.show("mn.explore.heads(")
    return notebook


def test_a_learner_switches_heads_and_a_layer_off_by_keyboard(notebook):
    box = notebook.page.locator(".minnet-explorer").first
    box.wait_for()
    image, sentence = box.locator(".widget-image"), box.locator("[role=status]").first
    ranked = box.locator(".noUi-handle").first

    def agrees(removed):
        assert notebook.value("explorer.wait(60)")  # until everything is measured, and drawn again
        notebook.settle()
        accuracy, left, picture = notebook.value(
            "[explorer.shown.accuracy, explorer.shown.left, "
            "__import__('base64').b64encode(explorer.png()).decode()]")
        said = sentence.inner_text()
        assert f"Removed: {removed}." in said and f"{accuracy:.1%} of 500" in said and f"leaves {left:,} of" in said
        assert notebook.picture(image) == base64.b64decode(picture)
        return picture

    layout = [image.bounding_box()[side] - box.bounding_box()[side] for side in "xy"]
    pictures = [agrees("nothing")]
    switch = box.get_by_label("head 2 of layer 1", exact=True)
    notebook.press(switch, "Space")
    assert not switch.is_checked()
    pictures.append(agrees("head 2 of layer 1"))
    notebook.press(switch, "Space")
    assert agrees("nothing") == pictures[0]
    notebook.press(ranked, *["ArrowRight"] * 4)
    pictures.append(agrees("head 1 of layer 1; heads 2, 3, 4 of layer 2"))
    notebook.press(box.get_by_role("button", name="magnitude"), "Enter")
    assert notebook.value("len(explorer.shown.off)") == 4
    notebook.press(box.get_by_role("button", name="Reset"), "Enter")
    assert agrees("nothing") == pictures[0]
    notebook.press(box.get_by_label("layer 2", exact=True), "Space")
    pictures.append(agrees("layer 2"))
    notebook.press(box.get_by_role("button", name="retrained", exact=True), "Enter")
    assert "Press Retrain" in box.locator("[role=alert]").inner_text()
    notebook.press(box.get_by_role("button", name="Retrain", exact=True), "Enter")
    assert notebook.value("explorer.wait(120)")
    notebook.settle()
    pictures.append(agrees("layer 2"))
    assert notebook.value("explorer.shown.retrained") > 0.99
    assert len(set(pictures)) == 5
    assert [image.bounding_box()[side] - box.bounding_box()[side] for side in "xy"] == pytest.approx(layout)
    assert notebook.problems() == []
