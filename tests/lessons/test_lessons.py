"""What holds for every lesson: it runs clean, is short enough to project, and its exercises can be solved.

Each runs in a fresh kernel, offline; what is particular to a lesson stands in a test of its own.
"""

import copy

import nbformat

from minnet.exercises.commands import exercises
from tests.lessons.numbers import BENCHMARKS, ELSEWHERE, numbers_in_prose, unexplained
from tests.notebooks import LESSONS, ROOT

LONGEST = {"05_pruning_is_not_dropout.ipynb": 14}  # lines in a cell; elsewhere 12


def test_runs_clean(lesson):
    assert lesson.problems() == []


def test_cells_are_short_and_named(lesson, request):
    ids = [cell.id for cell in lesson.notebook.cells]
    assert len(set(ids)) == len(ids)
    for cell in lesson.notebook.cells:
        if cell.cell_type == "code":
            lines = cell.source.splitlines()
            assert len(lines) <= LONGEST.get(request.node.callspec.params["lesson"], 12), cell.id
            assert max(map(len, lines)) <= 90, cell.id


def test_every_number_in_the_text_is_set_or_printed_here_or_its_source_is_known(lesson, request):
    """Also inside folded answers. A figure that depends on rounding is printed by a cell, or it fails elsewhere."""
    assert unexplained(lesson.notebook, request.node.callspec.params["lesson"][:2]) == []


def test_a_figure_of_one_computer_is_noticed(lesson, request):
    notebook = copy.deepcopy(lesson.notebook)
    text = next(cell for cell in notebook.cells if cell.cell_type == "markdown" and cell.id != "sources")
    text.source += "\n\nHere 83.61 % are left of 7,919 weights."
    assert unexplained(notebook, request.node.callspec.params["lesson"][:2])[-2:] == [
        (text.id, "83.61"), (text.id, "7,919")]


def test_every_still_picture_says_what_it_shows(lesson):
    """A screen reader says the `alt` of an output; explorers say their sentence."""
    widget = "application/vnd.jupyter.widget-view+json"
    for cell in lesson.notebook.cells:
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}) and widget not in output["data"]:
                assert output["metadata"].get("image/png", {}).get("alt"), cell.id


def test_every_exercise_stands_in_the_lesson_of_its_number():
    assert {id[:2] for id in exercises()} <= {path.name[:2] for path in LESSONS}


def test_unfilled_exercises_say_so_and_solutions_pass(lesson, request):
    number = request.node.callspec.params["lesson"][:2]
    for id in sorted(id for id in exercises() if id.startswith(f"{number}.")):
        exercise = exercises()[id]
        cell = next(cell for cell in lesson.notebook.cells if f'mn.check("{id}"' in cell.source)
        assert "Not filled in yet" in cell.outputs[0]["data"]["text/plain"]
        assert cell.source.splitlines()[-1] == exercise.call == exercise.solution.splitlines()[-1]
        asked = "".join(cell.source for cell in lesson.notebook.cells if cell.cell_type == "markdown")
        assert f'mn.hint("{id}")' in asked and f'mn.solution("{id}")' in asked
        *solution, call = exercise.solution.splitlines()
        lesson.run("\n".join(solution))
        assert lesson.value(f"{call}.right"), id


def test_what_is_known_of_numbers_is_of_use():
    """Each number of `ELSEWHERE` stands in its cell, and each test of `BENCHMARKS` exists."""
    cells = {(path.name[:2], cell.id): cell.source for path in LESSONS for cell in nbformat.read(path, 4).cells}
    for lesson, known in ELSEWHERE.items():
        for cell, sources in known.items():
            listed = " ".join(sources.values()).split()
            assert set(listed) <= set(numbers_in_prose(cells[lesson, cell])), (lesson, cell)
    for (lesson, cell), test in BENCHMARKS.items():
        assert (lesson, cell) in cells
        assert any(f"def {test}(" in path.read_text() for path in (ROOT / "tests/lessons").glob(f"test_{lesson}_*.py"))
