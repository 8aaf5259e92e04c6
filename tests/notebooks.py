"""The lessons as files, and what must never be seen in one after it ran.

Shared by the tests that read the lessons, run them in a bare kernel, and run them in JupyterLab.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LESSONS = sorted((ROOT / "lessons").glob("*.ipynb"))


def print_as_json(expression):
    """Code that prints an expression's value, for `json.loads`; arrays become lists."""
    return f"print(__import__('json').dumps({expression}, default=lambda value: value.tolist()))"


def output_problems(outputs, where):
    """Every error and every line on stderr (so also every warning) among a cell's or a widget's outputs."""
    found = []
    for output in outputs:
        if output["output_type"] == "error":
            found.append(f"{where}: {output['ename']}: {output['evalue']}")
        elif output["output_type"] == "stream" and output["name"] == "stderr":
            found.append(f"{where} wrote to stderr: {output['text']}")
    return found


def cell_problems(cells):
    """The problems in the outputs of a notebook's cells."""
    return [problem for number, cell in enumerate(cells) if cell["cell_type"] == "code"
            for problem in output_problems(cell["outputs"], f"cell {number}")]


def widget_problems(widgets):
    """The problems in `{model id: state}`: in what Output widgets hold, and tracebacks shown as text."""
    found = []
    for state in widgets.values():
        where = f"widget {state.get('_model_name')}"
        found += output_problems(state.get("outputs", ()), where)
        found += [f"{where}.{name}: {value}" for name, value in state.items()
                  if isinstance(value, str) and "Traceback (most recent call last)" in value]
    return found
