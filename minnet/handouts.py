"""Handouts: a page for each explorer of the lessons, whose sliders work without Jupyter, and one page to print.

    python -m minnet.handouts lessons handouts

A lecture survives a dead kernel with these pages, and those who were absent can still move the sliders.  Each lesson is
run from top to bottom as a learner would, and what its explorers then hold is recorded.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import re
import tempfile
from contextlib import chdir
from pathlib import Path
from urllib.parse import quote

from minnet.files import atomic_write
from minnet.widgets.explorer_base import Explorer

PAPER = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
@page {{ size: A4; margin: 10mm; }}
body {{ font: 8.2pt/1.28 sans-serif; color: black; background: white; max-width: 190mm; margin: auto; }}
h1 {{ font-size: 13pt; margin: 0 0 1mm; }} h2 {{ font-size: 9pt; margin: 1.6mm 0 0.2mm; }} p {{ margin: 0; }}
main {{ columns: 2; column-gap: 6mm; }} section {{ break-inside: avoid; }} code {{ font-size: 7.6pt; }}
@media screen {{ body {{ font-size: 12pt; padding: 1em; }} code {{ font-size: 11pt; }} h2 {{ font-size: 13pt; }} }}
</style></head><body><h1>{title}</h1>{body}</body></html>
"""


def build(lessons, folder, say=print):
    """Write the pages of all lessons, a summary and a table of contents.

    Parameters
    ----------
    lessons : path
        The folder of the notebooks.
    folder : path
        Where the pages go; made if it is not there.
    say : function
        Told what has been written.

    Returns
    -------
    list of Path
        The pages of the explorers.
    """
    notebooks = [_read(path) for path in sorted(Path(lessons).glob("[0-9][0-9]_*.ipynb"))]
    if not notebooks:
        raise FileNotFoundError(f"there are no lessons in {lessons}; name the folder of the notebooks")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write.put(folder / "summary.html", summary(notebooks).encode())
    pages = []
    for lesson in notebooks:
        for name, explorer in explorers(lesson).items():
            explorer.rehearse()
            path = folder / f"{lesson['name'][:2]}_{name}.html"
            explorer.save_html(path, title=f"{lesson['title']}: {name.replace('_', ' ')}")
            explorer.close()
            say(f"{path.name}: {path.stat().st_size:,} bytes")
            pages.append((lesson, path))
    atomic_write.put(folder / "index.html", _contents(pages).encode())
    return [path for _, path in pages]


def explorers(lesson):
    """Run a lesson's cells and return the explorers that are there afterwards, {name: Explorer}."""
    names = {"__name__": "__main__"}
    with tempfile.TemporaryDirectory() as elsewhere, chdir(elsewhere):  # what a lesson writes is not wanted here
        for cell in lesson["cells"]:
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), f"{lesson['name']}, cell {cell['id']}", "exec"), names)
    found = {}
    for name, value in names.items():
        if isinstance(value, Explorer) and not name.startswith("_") and value not in found.values():
            found[name] = value
    return found


def summary(notebooks):
    """The whole course on one page to print: what each lesson says in three sentences."""
    sections = []
    for lesson in notebooks:
        cell = next(cell for cell in lesson["cells"] if cell["id"] == "summary")
        paragraphs = "".join(cell["source"]).split("\n\n")[1:]  # without its heading
        said = " ".join(_formatted(each) for each in paragraphs if not each.startswith("*한국어"))
        sections.append(f"<section><h2>{html.escape(lesson['title'])}</h2><p>{said}</p></section>")
    return PAPER.format(title="Pruning neural networks: the course on a page", body=f"<main>{''.join(sections)}</main>")


def _contents(pages):
    titles = [lesson["title"] + ": " + path.stem[3:].replace("_", " ") for lesson, path in pages]
    rows = "".join(f'<p><a href="{quote(path.name)}">{html.escape(title)}</a></p>'
                   for title, (_, path) in zip(titles, pages, strict=True))
    return PAPER.format(title="Pruning neural networks: explorers without Jupyter",
                        body=f'<p><a href="summary.html">The course on a page, to print</a></p>{rows}')


def _read(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    title = "".join(notebook["cells"][0]["source"]).splitlines()[0].lstrip("# ")
    return {"name": path.name, "title": title, "cells": notebook["cells"]}


def _formatted(text):
    """Markdown's `code`, *stress* and **strong** as HTML."""
    text = html.escape(" ".join(text.split()), quote=False)
    for mark, tag in ((r"`([^`]+)`", "code"), (r"\*\*([^*]+)\*\*", "b"), (r"\*([^*]+)\*", "em")):
        text = re.sub(mark, rf"<{tag}>\1</{tag}>", text)
    return text


def main():
    ask = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ask.add_argument("lessons", help="the folder of the notebooks")
    ask.add_argument("folder", help="where the pages go")
    asked = ask.parse_args()
    os.environ["TQDM_DISABLE"] = "1"
    build(asked.lessons, Path(asked.folder).resolve())


if __name__ == "__main__":
    main()
