"""What all tests share: one thread for matrices, hypothesis without deadlines, and seeded dice."""

import os

# Our matrices are small: a second thread makes them no faster, and several times slower where something else runs.
# The kernels of the lessons inherit it.  (Before NumPy is imported, or it is too late.)
for library in ("OPENBLAS", "MKL", "OMP"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import settings

# A shared or slow machine must not fail a test; how fast things are is shown in benchmarks/.
settings.register_profile("minnet", deadline=None, print_blob=True)
settings.load_profile("minnet")


@pytest.fixture
def rng():
    """A fresh generator with a fixed seed."""
    return np.random.default_rng(0)


def pytest_collection_modifyitems(config, items):
    """With several workers (pytest-xdist), what a file, a lesson or the browser has prepared is prepared once: all
    tests that use it go to one worker."""
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        lesson = item.callspec.params.get("lesson") if hasattr(item, "callspec") else None
        lesson = lesson or getattr(item.module, "LESSON", None)
        group = "browser" if item.path.parent.name == "browser" else lesson or item.path.name
        item.add_marker(pytest.mark.xdist_group(group))
