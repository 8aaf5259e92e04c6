"""A lesson as slides (jupyterlab-deck, extra `lecture`): the playground is on a slide, and its slider works there."""

import pytest

from tests.browser.server import serve

pytest.importorskip("jupyterlab_deck", reason="needs the extra `lecture`: pip install -e '.[lecture]'")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Its own JupyterLab: the deck notes in the settings that it is on, and would hide the cells of later tests."""
    with serve(tmp_path_factory.mktemp("deck")) as server:
        yield server


def test_the_playground_works_on_a_slide(open_notebook):
    notebook = open_notebook("lessons/00_start_here.ipynb")
    notebook.run_all()
    page = notebook.page
    page.evaluate("() => { minnet.panel.content.activeCellIndex = 0; }")  # it begins at the chosen cell
    page.evaluate("() => jupyterapp.commands.execute('deck:start')")
    page.wait_for_function("document.body.dataset.jpDeckMode === 'presenting'")
    for _ in range(60):  # from slide to slide, until the playground is on it
        if page.locator(".minnet-explorer:visible").count():
            break
        page.evaluate("() => jupyterapp.commands.execute('deck:go', {direction: 'down', alternate: 'forward'})")
        page.wait_for_timeout(100)
    box = page.locator(".minnet-explorer:visible").first
    image, slider = box.locator(".widget-image"), notebook.slider("Sparsity")
    before = notebook.fingerprint(image)
    notebook.press(slider, "End")
    assert notebook.value("playground.state['percent']") == 99
    assert notebook.fingerprint(image) != before
    assert notebook.problems() == []
