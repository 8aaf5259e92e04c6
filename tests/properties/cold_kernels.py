"""What `test_cold_kernels` runs in processes of its own: kernels that are compiled again and again.

    python -m tests.properties.cold_kernels interrupt FOLDER CASE …   # interrupts each compilation, then tries again
    python -m tests.properties.cold_kernels again FOLDER CASE …       # predicts with the same kernel and its cache
    python -m tests.properties.cold_kernels all FOLDER CASE …         # predicts with all kernels, twice

It prints a line of JSON with what was found: how many were interrupted, wrong answers, and warnings.
"""

import json
import signal
import sys
import warnings
from pathlib import Path

import numba
import numpy as np

import minnet as mn
from minnet.sparse import naive_csr, single_sample_kernel, tile_kernel
from tests.closeness import assert_close

# The kernel, and with which format and how many samples a predictor calls it.
KERNELS = [(naive_csr.multiply, "csr", 3), (single_sample_kernel.predict_one, "rows", 1),
           (tile_kernel.predict_few, "rows", 5)]


def predict(kernel, format, samples):
    """Predict as a process does that has not compiled this kernel yet, and compare."""
    kernel.call = kernel._first_call
    net = mn.models.mlp(12, 8, 5, rng=0)
    mn.prune(net, 0.5)
    x = np.random.default_rng(samples).normal(size=(samples, 12)).astype(np.float32)
    assert_close(mn.sparse.compile(net, format)(x), net(x))


def interrupt(case):
    """Press Ctrl-C at a random moment of one compilation, and predict again; returns whether it was in time."""
    rng = np.random.default_rng(case)
    which = KERNELS[case % len(KERNELS)]
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-3, 0.6))
            predict(*which)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        predict(*which)
        return True
    return False


def again(case):
    predict(*KERNELS[case % len(KERNELS)])
    return False


def all_of_them(case):
    for which in KERNELS * 2:
        predict(*which)
    return False


ACTS = {"interrupt": interrupt, "again": again, "all": all_of_them}


def main(act, folder, *cases):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background inherits that it is ignored
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    found = {"interrupted": 0, "wrong": [], "warnings": []}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for case in map(int, cases):
            numba.config.CACHE_DIR = str(Path(folder) / str(case))
            try:
                found["interrupted"] += ACTS[act](case)
            except Exception as problem:
                found["wrong"].append(f"{case}: {type(problem).__name__}: {problem}"[:500])
    found["warnings"] = sorted({str(each.message) for each in caught})
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
