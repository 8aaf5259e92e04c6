"""Compiled kernels are kept on disk if possible; if not, or if a file is damaged, they still compute.

Each test starts Python processes of its own, with a cache folder of its own. MINNET_COLD=20 lets eight of them begin at
the same time with nothing in the cache, twenty times over; in every run it is three of them, once.
"""

import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numba
import pytest
from numba.core.codegen import CPUCodeLibrary

from minnet.sparse import naive_csr
from minnet.sparse.jit import Kernel
from tests.notebooks import ROOT

pytestmark = pytest.mark.processes

# Prints two numbers: how many warnings spoke of the cache, and how many kernels came from it.
PREDICT = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import numpy as np
    from minnet.nn.layers import Dense
    from minnet.sparse import compile
    from minnet.sparse import naive_csr
    from tests.closeness import assert_close
    layer = Dense(12, 5, rng=0)
    layer.weight.mask = np.arange(60).reshape(12, 5) // 5 % 4 < 2       # 2:4
    for n in {batches}:
        x = np.random.default_rng(n).normal(size=(n, 12)).astype(np.float32)
        assert_close(compile(layer, "{format}")(x), layer(x))
warned = sum("NUMBA_CACHE_DIR" in str(warning.message) for warning in caught)
print(warned, sum(naive_csr.multiply.ready().stats.cache_hits.values()) if "{format}" == "csr" else 0)
"""


def predict(format="csr", batches=(3,), **environment):
    """Run one process. The naive loop goes the same way to numba as the other kernels, and compiles fastest."""
    run = subprocess.run([sys.executable, "-c", PREDICT.format(format=format, batches=batches)], cwd=ROOT,
                         capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT), **environment})
    assert run.returncode == 0, run.stderr
    return tuple(int(number) for number in run.stdout.split())


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A cache folder that one process has filled."""
    folder = tmp_path_factory.mktemp("filled")
    assert predict(NUMBA_CACHE_DIR=str(folder)) == (0, 0)
    return folder


def test_the_next_process_loads_what_was_compiled(filled):
    assert predict(NUMBA_CACHE_DIR=str(filled)) == (0, 1)


@pytest.mark.parametrize(("ending", "left"), [("nbi", 0), ("nbc", 100)])
def test_a_truncated_file_is_written_again(filled, tmp_path, ending, left):
    folder = shutil.copytree(filled, tmp_path / "cache")
    [damaged] = folder.rglob(f"*.{ending}")
    damaged.write_bytes(damaged.read_bytes()[:left])
    assert predict(NUMBA_CACHE_DIR=str(folder)) == (0, 0)
    assert predict(NUMBA_CACHE_DIR=str(folder)) == (0, 1)


def test_a_cache_older_than_the_sources_is_not_used(filled, tmp_path):
    folder = shutil.copytree(filled, tmp_path / "cache")
    [index] = folder.rglob("*.nbi")
    os.utime(index, (0, 0))
    assert predict(NUMBA_CACHE_DIR=str(folder)) == (0, 0)
    assert predict(NUMBA_CACHE_DIR=str(folder)) == (0, 1)


@pytest.mark.skipif(not hasattr(numba.config, "CACHE_LOCATOR_CLASSES"), reason="this numba always finds a folder")
def test_without_a_writable_folder_there_is_one_warning(tmp_path):
    (tmp_path / "file").write_text("where a folder should be made: that stops even the superuser")
    found = predict("rows", (1, 20), NUMBA_CACHE_DIR=str(tmp_path / "file" / "cache"),
                    NUMBA_CACHE_LOCATOR_CLASSES="UserProvidedCacheLocator")
    assert found == (1, 0)


def test_an_interrupt_waits_until_the_kernel_is_compiled(tmp_path, monkeypatch):
    """numba keeps generators for the whole process: one that an interrupt has ended stops every later compilation."""
    def pressed(library):
        signal.raise_signal(signal.SIGINT)
        return serialized(library)

    serialized = CPUCodeLibrary.serialize_using_object_code
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(CPUCodeLibrary, "serialize_using_object_code", pressed)
    kernel = Kernel(naive_csr.multiply.python, naive_csr.multiply.signature)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it may be ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            kernel.ready()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert kernel.compiled and list(tmp_path.rglob("*.nbc"))


def test_processes_that_start_at_the_same_time(tmp_path):
    rounds = int(os.environ.get("MINNET_COLD", 0))
    processes, format = (8, "rows") if rounds else (3, "csr")
    for i in range(max(rounds, 1)):
        folder = str(tmp_path / str(i))
        with ThreadPoolExecutor(processes) as pool:
            found = list(pool.map(lambda _, folder=folder: predict(format, NUMBA_CACHE_DIR=folder), range(processes)))
        assert {warned for warned, _ in found} == {0}
        assert predict(format, NUMBA_CACHE_DIR=folder) == (0, 1 if format == "csr" else 0)


@pytest.mark.parametrize("format", ["rows", "2:4"])
def test_a_processor_without_wide_vectors(tmp_path, format):
    assert predict(format, (1, 20), NUMBA_CACHE_DIR=str(tmp_path), NUMBA_CPU_NAME="generic") == (0, 0)
