"""A saved explorer, opened from disk without any network: its controls move picture and words, by keyboard too."""

import re

import pytest

import minnet as mn
from minnet.explore import Explorer

CANVAS = """() => document.querySelector('canvas').toDataURL()"""


@pytest.fixture
def open_page(browser, tmp_path):
    """`open_page(explorer)` saves it and opens the file; whatever the page asks the network for is refused."""
    contexts, asked = [], []

    def open_page(explorer, **options):
        path = tmp_path / "page.html"
        explorer.save_html(path)
        context = browser.new_context(viewport={"width": 1400, "height": 900}, offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: asked.append(str(error)))
        page.on("console", lambda message: asked.append(message.text))
        page.goto(path.as_uri())
        page.wait_for_function("document.querySelector('canvas').toDataURL().length > 10000")
        return page

    yield open_page
    assert [each for each in asked if not each.startswith(("file:", "data:"))] == []
    for context in contexts:
        context.close()


class Saved:
    """What can be seen of a page."""

    def __init__(self, page):
        self.page = page

    def press(self, label, *keys):
        before = self.picture
        self.page.get_by_label(label, exact=True).focus()
        for key in keys:
            self.page.keyboard.press(key)
        self.page.wait_for_function(f"before => ({CANVAS})() !== before", arg=before)

    @property
    def picture(self):
        return self.page.evaluate(CANVAS)

    @property
    def sentence(self):
        return self.page.locator("[role=status][aria-live=polite]").inner_text()


@pytest.fixture(scope="module")
def digits():
    return mn.data.digits()


def test_the_sparsity_slider_still_removes_weights(open_page, digits):
    net = mn.models.mlp(64, 16, 10, rng=0)
    mn.fit(net, digits.train, epochs=3, rng=0, progress=False)
    explorer = mn.explore.sparsity(net, digits)
    explorer.recorded = {"sparsity": (0, 10, 20, 30, 98, 99, 100), "criterion": None}
    page = Saved(open_page(explorer))
    total, first = sum(p.size for p in net.params() if p.prunable), page.picture
    assert f"{total:,} of {total:,} weights kept" in page.sentence
    for keys, percent in ((["ArrowRight"] * 3, 30), (["End"], 100), (["ArrowLeft"], 99), (["Home"], 0)):
        page.press("Sparsity (%)", *keys)
        kept = total - round(percent / 100 * total)
        assert f"{kept:,} of {total:,} weights kept" in page.sentence
        assert page.page.locator("output").inner_text() == str(percent)
    assert page.picture == first
    page.press("Sparsity (%)", "End", "ArrowLeft", "ArrowLeft")
    explorer.set(sparsity=98)
    accuracy = re.search(r"samples: ([\d.]+%)", explorer._sentence.value.replace("<b>", ""))[1]
    assert accuracy in page.sentence
    before = page.sentence
    page.press("random", "Space")
    explorer.set(criterion="random")
    assert page.sentence != before and f"{explorer.shown.accuracy:.1%}" in page.sentence
    page.page.get_by_role("button", name="Reset").press("Enter")
    page.page.wait_for_function(f"first => ({CANVAS})() === first", arg=first)
    explorer.close()


def test_each_step_still_drops_other_neurons(open_page):
    explorer = Explorer.registry["DropoutExplorer"].example()
    explorer.recorded = {"step": 4, "mode": None}
    page = Saved(open_page(explorer, color_scheme="dark"))
    said, pictures = {page.sentence}, {page.picture}
    for _ in range(3):
        page.press("Training step", "ArrowRight")
        said.add(page.sentence)
        pictures.add(page.picture)
    assert len(pictures) == len(said) == 4
    page.press("predict", "Space")
    assert "are all back" in page.sentence
    dark = page.page.evaluate("() => getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert max(dark[:3]) < 60
    explorer.close()
