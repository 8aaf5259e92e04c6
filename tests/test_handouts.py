"""Handouts from a small course: a page for each explorer, a summary, a table of contents, and nothing elsewhere."""

import json
import re

import pytest

from minnet import handouts
from tests.notebooks import LESSONS, ROOT

pytestmark = pytest.mark.processes

CELLS = [
    ("markdown", "title", "# 7 · A *small* lesson\n\nIts aims."),
    ("code", "make", "import minnet as mn\ndigits = mn.data.digits()\nnet = mn.models.mlp(64, 8, 10, rng=0)"),
    ("code", "explorer", "explorer = mn.explore.sparsity(net, digits, epochs=1)\nagain = explorer\nexplorer"),
    ("code", "writes", "open('left_over.txt', 'w').close()"),
    ("markdown", "summary", "## In three sentences\n\nOne. Two with `code` & *stress*.\nThree.\n\n*한국어: 셋.*"),
]


@pytest.fixture
def course(tmp_path):
    cells = [{"cell_type": kind, "id": id, "source": source.splitlines(keepends=True)} for kind, id, source in CELLS]
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "07_small.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    return tmp_path


def test_every_explorer_gets_a_page(course, monkeypatch):
    monkeypatch.chdir(course)
    said = []
    pages = handouts.build(course / "lessons", course / "out", say=said.append)
    assert [page.name for page in pages] == ["07_explorer.html"] and "07_explorer.html" in said[0]
    assert sorted(path.name for path in course.iterdir()) == ["lessons", "out"]  # what the lesson writes is gone
    assert {path.name for path in (course / "out").iterdir()} == {"07_explorer.html", "index.html", "summary.html"}
    page = pages[0].read_text()
    assert "7 · A *small* lesson: explorer" in page and len(page) < 5_000_000
    assert "retrained at" in page  # it was rehearsed
    assert 'href="07_explorer.html"' in (course / "out" / "index.html").read_text()


def test_the_summary_says_what_the_lessons_say(course):
    page = handouts.summary([handouts._read(course / "lessons" / "07_small.ipynb")])
    assert "One. Two with <code>code</code> &amp; <em>stress</em>. Three." in page and "한국어" not in page


def test_no_lessons_gives_a_message(tmp_path):
    with pytest.raises(FileNotFoundError, match="there are no lessons in"):
        handouts.build(tmp_path, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_the_real_summary_holds_every_lesson():
    page = handouts.summary([handouts._read(path) for path in LESSONS])
    assert len(re.findall("<h2>", page)) == len(LESSONS)
    assert "handouts:" in (ROOT / "Makefile").read_text()
