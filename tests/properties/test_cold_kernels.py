"""Compilations that are interrupted, and caches that are damaged: the next call computes, and computes rightly.

A process compiles again and again, each time with a cache folder of its own (`tests/properties/cold_kernels.py`).
"""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from tests.notebooks import ROOT
from tests.strength import cases

pytestmark = pytest.mark.processes


def run(act, folder, numbers):
    done = subprocess.run([sys.executable, "-m", "tests.properties.cold_kernels", act, folder, *map(str, numbers)],
                          cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, f"{act} {numbers}: ended with {done.returncode}\n{done.stderr[-2000:]}"
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["wrong"] == [] and found["warnings"] == [], found
    return found["interrupted"]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no interval timer to interrupt with")
def test_an_interrupted_compilation_is_made_up_for(tmp_path):
    """In the same process, and in the next one with the same cache."""
    interrupted, wanted = 0, len(cases(everyday=3, full=300))
    for first in itertools.count(0, 20):
        numbers = range(first, first + min(20, 2 * (wanted - interrupted)))
        interrupted += run("interrupt", tmp_path, numbers)  # some end before they are interrupted
        run("again", tmp_path, numbers)
        shutil.rmtree(tmp_path)
        if interrupted >= wanted:
            break
    print(f"{interrupted} compilations were interrupted")


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A cache with a few kernels."""
    folder = tmp_path_factory.mktemp("filled")
    run("all", folder, [0])
    return folder / "0"


def damage(folder, rng):
    """One to three files of a cache flipped, cut, emptied, exchanged, lengthened or taken away."""
    for _ in range(rng.integers(1, 4)):
        files = sorted(file for file in folder.rglob("*.*") if file.is_file())
        file, other = (files[i] for i in rng.integers(0, len(files), 2))
        content = bytearray(file.read_bytes())
        match rng.integers(8):
            case 0 | 1 | 2 if content:
                for at in rng.integers(0, len(content), 3):
                    content[at] ^= 1 << int(rng.integers(8))
                file.write_bytes(content)
            case 3:
                file.write_bytes(content[: rng.integers(len(content) + 1)])
            case 4:
                file.write_bytes(b"")
            case 5:
                file.write_bytes(other.read_bytes())
                other.write_bytes(content)
            case 6:
                file.unlink()
            case _:
                file.write_bytes(content + rng.bytes(9))


def test_a_damaged_cache_costs_time_and_nothing_else(filled, tmp_path):
    numbers = cases(everyday=3, full=60)
    for number in numbers:
        damage(shutil.copytree(filled, tmp_path / str(number)), np.random.default_rng(number))
    for first in range(0, len(numbers), 10):
        run("all", tmp_path, numbers[first : first + 10])  # each is written again, and read
