"""Lesson 3 in a browser: a learner moves the slider by keyboard, and picture, sentence and network agree."""

import base64
import re

import pytest

LESSON = "lessons/03_removing_weights.ipynb"

# What the kernel knows: the slider's value, weights in all and left (counted in the masks), accuracy, connections
# drawn as removed, and the picture.
FACTS = """[
    explorer.state["sparsity"],
    sum(p.size for p in explorer.net.params() if p.prunable),
    sum(int(p.mask.sum()) if p.mask is not None else p.size for p in explorer.net.params() if p.prunable),
    mn.accuracy(explorer.net, digits.val),
    len(explorer._network.removed),
    __import__("base64").b64encode(explorer.png()).decode(),
]"""


class Explorer:
    """The lesson's sparsity explorer, seen from the page and from the kernel."""

    def __init__(self, notebook):
        self.notebook = notebook
        notebook.show("mn.explore.sparsity(")
        self.box = notebook.page.locator(".minnet-explorer").first
        self.box.wait_for()
        self.image = self.box.locator(".widget-image")
        self.slider = self.box.locator(".noUi-handle")

    def press(self, *keys):
        self.notebook.press(self.slider, *keys)

    @property
    def sentence(self):
        return self.box.locator("[role=status]").inner_text()

    def agree(self, percent):
        """Slider, masks, sentence and picture all say the same; returns a name for the picture."""
        value, total, kept, accuracy, removed, picture = self.notebook.value(FACTS)
        assert value == percent
        assert kept == total - round(percent / 100 * total) == total - removed
        assert f"{kept:,} of {total:,} weights kept" in self.sentence
        assert f"samples: {accuracy:.1%}" in self.sentence
        assert self.notebook.picture(self.image) == base64.b64decode(picture)
        return hash(picture)

    def layout(self):
        """Height of the whole, and where the picture stands in it."""
        box, image = self.box.bounding_box(), self.image.bounding_box()
        return [box["height"], image["x"] - box["x"], image["y"] - box["y"], image["width"], image["height"]]

    def push(self, button):
        self.notebook.press(self.box.get_by_role("button", name=button), "Enter")


def test_a_learner_slides_chooses_retrains_and_resets_by_keyboard(open_notebook):
    notebook = open_notebook(LESSON)
    notebook.run_all()
    explorer = Explorer(notebook)
    pictures, layout = {0: explorer.agree(0)}, explorer.layout()
    explorer.press(*["ArrowRight"] * 10)
    pictures[10] = explorer.agree(10)
    explorer.press("End")
    pictures[100] = explorer.agree(100)
    explorer.press("ArrowLeft")
    pictures[99] = explorer.agree(99)
    explorer.push("random")
    pictures["random"] = explorer.agree(99)
    assert len(set(pictures.values())) == 5  # each state has a picture of its own ...
    explorer.push("Reset")
    assert explorer.agree(0) == pictures[0]  # ... and always the same
    assert explorer.layout() == pytest.approx(layout)  # nothing has jumped

    explorer.push("Retrain at every sparsity")
    explorer.press("End", "ArrowLeft")  # controls answer meanwhile
    notebook.run("explorer.wait(120)")
    notebook.settle()
    assert explorer.agree(99) != pictures[99]  # the curve has come, and stays
    said = re.search(r"retrained at 99%: ([\d.]+)%", explorer.sentence)
    assert float(said[1]) == pytest.approx(100 * notebook.value("explorer.shown.retrained[99]"), abs=0.051)
    assert explorer.layout() == pytest.approx(layout)
    assert notebook.problems() == []
