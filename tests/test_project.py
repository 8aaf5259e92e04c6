"""Keeps what is written twice in step, and the notebooks in git clean."""

import ast
import csv
import json
import re
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml

from tests.notebooks import LESSONS, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SETTINGS = ROOT / "jupyter" / "overrides.d" / "minnet.json"


def test_environment_yml_asks_for_what_pyproject_asks_for():
    *packages, last = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert set(packages) == {"python" + PROJECT["requires-python"], "pip", *PROJECT["dependencies"]}
    assert last == {"pip": ["-e ."]}


def test_readme_lists_the_lessons_in_order_and_its_links_lead_somewhere():
    readme = (ROOT / "README.md").read_text()
    links = re.findall(r"\]\(([^)#:]+)\)", readme)
    assert [link for link in links if link.endswith(".ipynb")] == [f"lessons/{path.name}" for path in LESSONS]
    assert [link for link in links if not (ROOT / link).exists()] == []
    badges = re.findall(r"(?:urlpath=lab/tree|blob/HEAD)/([a-z_0-9/]+\.ipynb)", readme)
    assert len(badges) == 2 and all((ROOT / path).exists() for path in badges)


def test_readme_leads_from_each_system_to_its_cell_and_to_the_assertion_behind_it():
    row = r"\| ([^|]+) \| \[\d\d `[^`]+`\]\((\S+\.ipynb)#cell-id=(\S+)\) \| \[`(\w+)`\]\((\S+)\) \|"
    rows = re.findall(row, (ROOT / "README.md").read_text())
    assert len(rows) >= 15
    for system, lesson, cell, test, file in rows:
        cells = nbformat.read(ROOT / lesson, as_version=4).cells
        assert cell in {each.id for each in cells}, f"{system}: {lesson} has no cell {cell}"
        functions = [node for node in ast.parse((ROOT / file).read_text()).body if isinstance(node, ast.FunctionDef)]
        body = next((node for node in functions if node.name == test), None)
        assert body is not None, f"{system}: {file} has no {test}"
        assert any(isinstance(node, ast.Assert) or ast.unparse(node).startswith("claim.") for node in ast.walk(body)
                   if isinstance(node, (ast.Assert, ast.Call))), f"{system}: {test} asserts nothing"
        assert f'LESSON = "{Path(lesson).name}"' in (ROOT / file).read_text()


def test_links_in_lessons_lead_somewhere():
    texts = {path: "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells
                             if cell.cell_type == "markdown") for path in LESSONS}
    texts |= {path: path.read_text() for path in (ROOT / "lessons").glob("*.md")}
    for path, text in texts.items():
        for link in re.findall(r"\]\(([^)#: ]+)(?:#[^)]*)?\)", text):
            assert (path.parent / link).exists(), f"{path.name} links to {link}"


def test_the_lecturers_plan_names_cells_that_exist():
    plan = (ROOT / "lessons" / "README.md").read_text()
    cells = {path.name[:2]: {cell.id for cell in nbformat.read(path, as_version=4).cells} for path in LESSONS}
    named = re.findall(r"\b(\d\d) `([a-z0-9-]+)`", plan)
    assert len(named) > 30
    assert [(lesson, cell) for lesson, cell in named if cell not in cells[lesson]] == []


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.name)
def test_lesson_has_its_korean_lines_and_slide_marks(path):
    cells = nbformat.read(path, as_version=4).cells
    assert len(re.findall(r"^\*한국어: .*[가-힣]", cells[0].source, re.M)) == 2  # under its title, and its aims
    kinds = [cell.metadata.get("slideshow", {}).get("slide_type") for cell in cells]
    assert set(kinds) <= {"slide", "subslide", "fragment", "skip"} and kinds[0] == "slide"
    for cell, kind in zip(cells, kinds, strict=True):
        if cell.source.startswith("## ") and cell.id != "sources":
            assert kind == "slide", cell.id
        if cell.cell_type == "code" and re.search(r"mn\.explore\.\w+\(", cell.source):
            assert kind == "subslide", cell.id  # it fills the screen


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.name)
def test_still_pictures_have_a_text_instead(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            assert "![](" not in cell.source and not re.search(r"<img(?![^>]*alt=\"[^\"]+\")", cell.source), cell.id


def test_citation_names_this_version():
    source = ast.parse((ROOT / "minnet" / "__init__.py").read_text())
    version = next(node.value.value for node in source.body
                   if isinstance(node, ast.Assign) and node.targets[0].id == "__version__")
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == version


def test_jupyterlab_knows_every_setting_that_we_ship():
    """A misspelt setting would be ignored without a word; the installed JupyterLab's own schemas show it."""
    schemas = Path(sys.prefix) / "share" / "jupyter" / "lab" / "schemas"
    if not schemas.is_dir():
        pytest.skip(f"JupyterLab's schemas are not in {schemas}")
    for plugin, settings in json.loads(SETTINGS.read_text()).items():
        package, name = plugin.split(":")
        schema = json.loads((schemas / package / f"{name}.json").read_text())
        for setting, value in settings.items():
            known = schema["properties"][setting]
            allowed = [choice["const"] for choice in known.get("oneOf", [])] or [True, False]
            assert value in allowed, f"{plugin} {setting}"


def test_an_installed_minnet_brought_its_settings_along():
    installed = Path(sys.prefix) / "share" / "jupyter" / "lab" / "settings" / "overrides.d" / "minnet.json"
    if not installed.exists():
        pytest.skip("minnet is not installed in this environment")
    assert json.loads(installed.read_text()) == json.loads(SETTINGS.read_text())


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.name)
def test_lesson_is_clean_in_git(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata
    for number, cell in enumerate(notebook.cells):
        assert not cell.get("outputs") and cell.get("execution_count") is None, f"cell {number} has outputs"
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 25, f"cell {number} is too long for a page"


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.name)
def test_lesson_name_gives_its_place_in_the_course(path):
    assert re.fullmatch(r"\d\d_[a-z0-9_]+\.ipynb", path.name)


def test_the_readme_says_from_where_on_sparse_is_faster_as_it_was_measured():
    with open(ROOT / "benchmarks" / "results" / "forward.csv", newline="", encoding="utf-8") as file:
        ratios = {(int(row["batch"]), round(100 * float(row["sparsity"]))): float(row["× rows"])
                  for row in csv.DictReader(file)
                  if (row["table"], row["shape"], row["kind"]) == ("layer", "784×300", "random")}
    said = re.search(r"With 64 samples.* from (\d+) % .*; with a single sample only from (\d+) %",
                     " ".join((ROOT / "README.md").read_text().split()))
    for batch, first in zip((64, 1), map(int, said.groups()), strict=True):
        assert all((ratio > 1.05) == (percent >= first) for (n, percent), ratio in ratios.items() if n == batch), batch
