"""Runs a lesson as a learner does: in a fresh kernel, from top to bottom, with its widgets.

The kernel stays alive afterwards, so that a test can ask it for values and move the controls. It has no
network, its own copy of the lessons folder, and no personal IPython settings.
"""

import json
import os
import shutil
from contextlib import contextmanager

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tests.notebooks import ROOT, cell_problems, print_as_json, widget_problems


class LessonRun:
    """A lesson that has been run, and the kernel that ran it.

    Attributes
    ----------
    notebook : the notebook with its outputs (cells run later by a test are not in it)
    widgets : {model id: state}, the widgets as a page would show them now
    """

    def __init__(self, notebook, client, log):
        self.notebook, self._client, self._log = notebook, client, log
        self._later = []  # cells that tests ran afterwards

    @property
    def widgets(self):
        return self._client.widget_state

    def problems(self):
        """What a learner should not see, one string each: errors, warnings, tracebacks; logged ones too."""
        found = cell_problems(self.notebook.cells + self._later) + widget_problems(self.widgets)
        found += [f"cell {number} shows a widget that does not exist" for number in self._lost_widgets()]
        log = self._log.read_text()  # Jupyter's own notes in it say WARNING; Python's warnings say ...Warning
        return found + ([f"the kernel logged: {log}"] if "Traceback" in log or "Warning" in log else [])

    def run(self, code):
        """Run code as one more cell and return what it printed; raises what the cell raises."""
        cell = nbformat.v4.new_code_cell(code)
        self._later.append(cell)
        self._client.nb = nbformat.v4.new_notebook(cells=[cell])
        self._client.execute_cell(cell, 0)
        return "".join(out["text"] for out in cell.outputs if out["output_type"] == "stream")

    def value(self, expression):
        """The value of an expression in the kernel, as JSON can tell it (arrays become lists)."""
        return json.loads(self.run(print_as_json(expression)))

    def _lost_widgets(self):
        view = "application/vnd.jupyter.widget-view+json"
        for number, cell in enumerate(self.notebook.cells):
            for output in cell.get("outputs", ()):
                if view in output.get("data", {}) and output["data"][view]["model_id"] not in self.widgets:
                    yield number


@contextmanager
def run_lesson(path, folder, timeout=180):
    """Run the notebook at `path` in a fresh kernel that works in `folder`; yields a LessonRun.

    Stops at the first cell that raises, as Run All does; `problems()` then names it. `timeout` (seconds, for
    each cell) only catches what hangs.
    """
    here = folder / "lessons"
    shutil.copytree(path.parent, here, ignore=shutil.ignore_patterns(".*"))
    startup = folder / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "offline.py").write_text("__import__('tests.lessons.offline')\n__import__('tests.rounding')\n")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "IPYTHONDIR": str(folder / "ipython")}

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=timeout, kernel_name="python3",
                            resources={"metadata": {"path": str(here)}})
    log = folder / "kernel.log"
    with log.open("w") as stderr, client.setup_kernel(env=environment, stderr=stderr):
        for number, cell in enumerate(notebook.cells):
            try:
                client.execute_cell(cell, number)
            except CellExecutionError:
                break
        yield LessonRun(notebook, client, log)


def text(lesson, id):
    """The source of a cell of a lesson."""
    return _cell(lesson, id).source


def printed(lesson, id):
    """What a cell of a lesson printed."""
    return "".join(output["text"] for output in _cell(lesson, id).outputs if output["output_type"] == "stream")


def _cell(lesson, id):
    return next(cell for cell in lesson.notebook.cells if cell.id == id)
