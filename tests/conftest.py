"""What all tests share: one thread for matrices, hypothesis without deadlines, and seeded generators."""

import os
import re

# Our matrices are small: a second thread makes them no faster, and several times slower where something else runs.
# The kernels of the lessons inherit it.  (Before NumPy is imported, or it is too late.)
for library in ("OPENBLAS", "MKL", "OMP"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import Phase, settings

import tests.rounding  # noqa: F401  (before minnet: it may round as another processor does)
from tests.claims import Claim

# A shared or slow machine must not fail a test; how fast things are is shown in benchmarks/.
settings.register_profile("minnet", deadline=None, print_blob=True)
settings.register_profile("mutants", deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
settings.load_profile("minnet")  # `make mutants` has the other one: there a failure need not be made small


@pytest.fixture
def rng():
    """A fresh generator with a fixed seed."""
    return np.random.default_rng(0)


DAILY = "00", "03"  # the lessons that `make test` runs; pyproject.toml says what else it leaves to `make test-all`


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marker
def pytest_collection_modifyitems(items):
    """Mark what a lesson says of trained networks as `claims`, and what belongs to the other lessons as `lessons`."""
    for item in items:
        if "claim" in getattr(item, "fixturenames", ()):
            item.add_marker("claims")
        lesson = re.search(r"tests/lessons/.*?(\d\d)_", item.nodeid)
        if lesson and lesson[1] not in DAILY and "_slips" not in item.nodeid:
            item.add_marker("lessons")


@pytest.fixture
def claim(request):
    """``claim.every(values, above=…)``, ``.median``, ``.most``: what a lesson says, tested with several seeds."""
    return Claim(request.node.nodeid)


@pytest.hookimpl(optionalhook=True)  # where pytest-xdist is installed
def pytest_xdist_make_scheduler(config, log):
    """What a file, a lesson or the browser has prepared is prepared once: all tests that use it go to one worker."""
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            lesson = re.search(r"tests/lessons/.*?(\d\d)_", nodeid)
            if "tests/test_surface.py" in nodeid:
                return nodeid  # each callable by itself
            return "browser" if "tests/browser/" in nodeid else lesson[1] if lesson else nodeid.split("::")[0]

    return Together(config, log)
