"""The `lesson` fixture: a lesson that has run from top to bottom, once for all the tests that look at it.

A test module that says `LESSON = "03_removing_weights.ipynb"` gets that lesson; any other gets every lesson
in turn. pytest brings the tests of one lesson together, so only one kernel is alive at a time.
"""

import pytest

from tests.lessons.running import run_lesson
from tests.notebooks import LESSONS, ROOT


def pytest_generate_tests(metafunc):
    if "lesson" in metafunc.fixturenames:
        names = [path.name for path in LESSONS]
        wanted = getattr(metafunc.module, "LESSON", None)
        metafunc.parametrize("lesson", [wanted] if wanted else names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def lesson(request, tmp_path_factory):
    """A `LessonRun`: `.value(expression)`, `.run(code)`, `.notebook`, `.widgets`, `.problems()`."""
    with run_lesson(ROOT / "lessons" / request.param, tmp_path_factory.mktemp("lesson")) as run:
        yield run
