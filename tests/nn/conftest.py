"""These tests multiply many small matrices: a second BLAS thread only gets in the way, above all on a busy machine."""

import pytest


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    threadpoolctl = pytest.importorskip("threadpoolctl")  # it comes with scikit-learn
    with threadpoolctl.threadpool_limits(1):
        yield
