"""A learner's progress: stored next to the lessons and nowhere else, whatever has happened to the file."""

import json
import subprocess
import sys

import pytest

import minnet as mn
from minnet.exercises import solved
from minnet.exercises.catalog import exercises

ID = "09.each_round"


def solve():
    return mn.check(ID, lambda final, rounds: 1 - (1 - final) ** (1 / rounds))


@pytest.fixture
def lessons(tmp_path, monkeypatch):
    """A folder of lessons with the start page and one lesson, and the kernel in it."""
    monkeypatch.chdir(tmp_path)
    for name in (solved.START, "09_how_often.ipynb"):
        (tmp_path / name).write_text("{}")
    return tmp_path


def test_what_is_solved_is_kept_and_shown(lessons):
    assert mn.progress().solved == 0 and not (lessons / solved.FILE).exists()
    assert not mn.check(ID, lambda final, rounds: 0.1).right
    assert mn.progress().solved == 0
    assert solve().right and solve().right
    assert mn.progress().solved == 1
    assert f"1 of {len(exercises())} exercises solved" in repr(mn.progress())
    assert f"✓ {ID}" in repr(mn.progress())
    shown = mn.progress()._repr_html_()
    assert f"<b>✓</b> {ID}" in shown and '<a href="09_how_often.ipynb">How often</a>' in shown
    assert list(json.loads((lessons / solved.FILE).read_text())) == [ID]


def test_nothing_is_written_in_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert solve().right
    assert list(tmp_path.iterdir()) == [] and mn.progress().solved == 0


@pytest.mark.parametrize("damage", ["", "[1, 2", "[1, 2]", "\x00", '"03.kept"', 100_000 * "["])
def test_a_damaged_file_counts_as_none_and_is_added_to(lessons, damage):
    (lessons / solved.FILE).write_text(damage)
    assert mn.progress().solved == 0
    assert solve().right and mn.progress().solved == 1


def test_a_folder_that_cannot_be_written_does_not_stop_the_learner(lessons, monkeypatch):
    def full(*args, **how):
        raise OSError("no space left")

    monkeypatch.setattr("pathlib.Path.open", full)
    assert solve().right and mn.progress().solved == 0


SOLVE_ALL = """
from minnet.exercises import solved
from minnet.exercises.catalog import exercises
for id in sorted(exercises()):
    solved.note(id)
"""


def test_two_notebooks_may_solve_at_once(lessons):
    both = [subprocess.Popen([sys.executable, "-c", SOLVE_ALL], cwd=lessons) for _ in range(2)]
    assert [each.wait() for each in both] == [0, 0]
    assert mn.progress().solved == len(exercises())


def test_names_of_files_and_answers_are_text_and_no_markup(lessons):
    markup = "<img src=x onerror=alert(1)>"
    (lessons / f'03_">{markup}.ipynb').write_text("{}")
    notes = mn.check("03.kept", markup, mn.models.mlp(4, 2, rng=0)), mn.check(markup), mn.hint(markup)
    for shown in (mn.progress(), *notes):
        assert "<img" not in shown._repr_html_()
