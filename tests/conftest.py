"""What all tests share: hypothesis without deadlines, and seeded dice."""

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
