"""The harness itself: it must see what a learner would see, and must not be blind to any kind of failure."""

import nbformat
import pytest

from tests.lessons.running import run_lesson

SLIDER = """
import ipywidgets as widgets
slider = widgets.FloatSlider(max=1.0)
sentence = widgets.HTML()
output = widgets.Output()
slider.observe(lambda change: setattr(sentence, "value", f"{change.new:.0%} removed"), "value")
display(slider, sentence, output)
"""


@pytest.fixture
def run(tmp_path):
    """Runs a notebook of the given cells and passes what it found to `look`."""
    def run(look, *cells):
        folder = tmp_path / "written"
        folder.mkdir()
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        nbformat.write(notebook, folder / "lesson.ipynb")
        with run_lesson(folder / "lesson.ipynb", tmp_path) as lesson:
            return look(lesson)
    return run


def test_a_test_can_move_a_slider_and_ask_for_values(run):
    def look(lesson):
        lesson.run("slider.value = 0.9")
        texts = [state["value"] for state in lesson.widgets.values() if state["_model_name"] == "HTMLModel"]
        return lesson.problems(), lesson.value("[slider.value, sentence.value]"), texts

    problems, values, texts = run(look, SLIDER)
    assert problems == []
    assert values == [0.9, "90% removed"]
    assert texts == ["90% removed"]


@pytest.mark.processes
@pytest.mark.parametrize("cell, message", [
    ("1 / 0", "cell 1: ZeroDivisionError"),
    ("import warnings; warnings.warn('look out')", "cell 1 wrote to stderr"),
    ("with output: 1 / 0", "widget OutputModel: ZeroDivisionError"),
    ("sentence.value = 'Traceback (most recent call last)'", "widget HTMLModel.value"),
    ("import logging; logging.getLogger('a').error('Traceback')", "cell 1 wrote to stderr"),
    ("__import__('os').write(2, b'Warning: from C')", "the kernel logged"),
    ("import urllib.request; urllib.request.urlopen('http://example.org')", "must work without the internet"),
])
def test_sees_a_problem(run, cell, message):
    problems = run(lambda lesson: lesson.problems(), SLIDER, cell, "unreached = True")
    assert any(message in problem for problem in problems), problems


def test_run_all_stops_where_a_cell_fails(run):
    assert run(lambda lesson: lesson.value("sorted(set(globals()) & {'before', 'after'})"),
               "before = 1", "1 / 0", "after = 1") == ["before"]
