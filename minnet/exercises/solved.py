"""Solved exercises: stored in a small file next to the lessons, and shown on the start page.

The file is written only in the folder of the lessons, the one with the start page; in any other folder nothing is
stored.  Git ignores the file; delete it to start again.
"""

from __future__ import annotations

import html
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import quote

from minnet.exercises.catalog import exercises

START = "00_start_here.ipynb"
FILE = ".progress.json"


def note(id):
    """Record that an exercise was solved today; where the file can't be written, nothing happens."""
    with suppress(OSError):  # the learner gets the feedback even if the folder is not writable, or is gone
        file = Path.cwd() / FILE
        if (Path.cwd() / START).exists() and (file.is_file() or not file.exists()) and id not in _kept():
            # One line at the end of the file: two notebooks may do so at once, and neither loses the other's.
            with file.open("a", encoding="utf-8") as stream:
                stream.write("\n" * (stream.tell() > 0) + json.dumps({id: date.today().isoformat()}) + "\n")


def _kept():
    """{id: day on which it was solved}; what is damaged in the file counts as not solved."""
    try:
        text = (Path.cwd() / FILE).read_text(encoding="utf-8")
        return dict(re.findall(r'"([\w.]+)"\s*:\s*"(\d{4}-\d\d-\d\d)"', text))
    except (OSError, ValueError):
        return {}


def progress():
    """Which exercises of each lesson are solved.

    Returns
    -------
    Progress
        Displays itself at the end of a cell.
    """
    kept, lessons = _kept(), {}
    for id in sorted(exercises()):
        lessons.setdefault(id.partition(".")[0], []).append((id, kept.get(id)))
    return Progress(tuple((number, _notebook(number), tuple(each)) for number, each in lessons.items()))


def _notebook(number):
    """The file of a lesson in this folder, or None."""
    try:
        return next((path.name for path in sorted(Path.cwd().glob(f"{number}_*.ipynb"))), None)
    except OSError:  # the folder is gone
        return None


@dataclass(frozen=True)
class Progress:
    """A row for each lesson that has exercises.

    Attributes
    ----------
    rows : tuple of (number, file or None, ((exercise, day or None), …))
    """

    rows: tuple

    @property
    def solved(self):
        """How many exercises are solved."""
        return sum(day is not None for *_, each in self.rows for _, day in each)

    def __repr__(self):
        lines = [f"{number}  {_title(file)}: " + ", ".join(f"{'✓' if day else '·'} {id}" for id, day in each)
                 for number, file, each in self.rows]
        return "\n".join([self._sum(), *lines])

    def _repr_html_(self):
        rows = []
        for number, file, each in self.rows:
            name = html.escape(_title(file))
            name = f'<a href="{quote(file)}">{name}</a>' if file else name
            marks = ", ".join(f"{'<b>✓</b>' if day else '○'} {id}" for id, day in each)
            rows.append(f"<tr><td>{number}</td><td style='text-align: left'>{name}</td>"
                        f"<td style='text-align: left'>{marks}</td></tr>")
        return (f"<p role='status'>{self._sum()}</p><table style='font-size: 15px'><tr><th>lesson</th><th></th>"
                f"<th style='text-align: left'>exercises (✓ solved)</th></tr>{''.join(rows)}</table>")

    def _sum(self):
        return f"{self.solved} of {sum(len(each) for *_, each in self.rows)} exercises solved."


def _title(file):
    """``03_removing_weights.ipynb`` → ``Removing weights``."""
    return "" if file is None else file.partition("_")[2].removesuffix(".ipynb").replace("_", " ").capitalize()
