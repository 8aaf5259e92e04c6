"""The harness itself, on a notebook with one slider: it must see moves and failures as a learner would."""

import nbformat
import pytest

SLIDER = """
import io
import ipywidgets as widgets
from PIL import Image

slider = widgets.IntSlider(max=99, description="sparsity")
picture = widgets.Image(format="png")
sentence = widgets.HTML()
seen = []

def paint(change):
    seen.append(slider.value)
    sentence.value = f"{slider.value} % removed"
    file = io.BytesIO()
    Image.new("RGB", (64, 64), (2 * slider.value, 0, 0)).save(file, "PNG")
    picture.value = file.getvalue()

slider.observe(paint, "value")
paint(None)
display(widgets.VBox([slider, picture, sentence]))
"""


@pytest.fixture
def run_cells(open_notebook, server):
    """Writes a notebook with the given cells, opens it in JupyterLab and runs it."""
    def run_cells(*cells):
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel},
                                            cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        nbformat.write(notebook, server.folder / "harness.ipynb")
        opened = open_notebook("harness.ipynb")
        opened.run_all()
        return opened
    return run_cells


def test_a_slider_moved_by_keyboard_changes_picture_sentence_and_kernel(run_cells):
    notebook = run_cells(SLIDER)
    image, sentence = notebook.page.locator(".widget-image"), notebook.page.locator(".widget-html-content")
    before = notebook.fingerprint(image)
    assert sentence.inner_text() == "0 % removed"

    notebook.press(notebook.slider("sparsity"), *["ArrowRight"] * 30)
    assert notebook.value("slider.value") == 30
    assert sentence.inner_text() == "30 % removed"
    assert notebook.fingerprint(image) != before

    notebook.press(notebook.slider("sparsity"), "Home")
    assert notebook.fingerprint(image) == before
    assert notebook.problems() == []


def test_nothing_pops_up_and_widget_messages_are_handled_one_after_another(run_cells):
    """JupyterLab's defaults as minnet ships them: no news, and widgets on the kernel's main thread."""
    notebook = run_cells(SLIDER, "import threading; threads = set()",
                         "slider.observe(lambda change: threads.add(threading.current_thread()))")
    notebook.press(notebook.slider("sparsity"), "End")
    assert notebook.value("[thread is threading.main_thread() for thread in threads]") == [True]
    assert notebook.page.get_by_text("Would you like to get notified").count() == 0


def test_sees_every_kind_of_problem(run_cells):
    notebook = run_cells(SLIDER, "import warnings; warnings.warn('in a cell')",
                         "slider.observe(lambda change: unknown_name, 'value')", "1 / 0")
    notebook.press(notebook.slider("sparsity"), "ArrowRight")
    problems = "\n".join(notebook.problems())
    for message in ("UserWarning: in a cell", "ZeroDivisionError", "name 'unknown_name' is not defined"):
        assert message in problems
