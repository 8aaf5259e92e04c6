"""On how many cores the linear algebra behind NumPy works, for as long as somebody asks for fewer.

Several may ask at once, a background job and a stopwatch, and leave in any order: the least counts, and the number
that was found at first comes back with the last who leaves.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from functools import lru_cache

from threadpoolctl import ThreadpoolController  # comes with scikit-learn

ALL_BUT_ONE = max(1, (os.cpu_count() or 1) - 1)

_lock = threading.Lock()
_asked = []  # what is asked for at present
_found = []  # (library, its threads) before anybody asked


@contextmanager
def at_most(cores):
    """``with at_most(1):``: on one core, and no more."""
    with _lock:
        if not _asked:
            _found[:] = [(library, library.num_threads) for library in _libraries(len(sys.modules))]
        _asked.append(cores)
        _set()
    try:
        yield
    finally:
        with _lock:
            _asked.remove(cores)
            _set()


@lru_cache(1)
def _libraries(modules):
    """They are looked for again when there are more modules: one of those may have brought another library."""
    return ThreadpoolController().lib_controllers


def _set():
    for library, found in _found:
        _free(library)
        library.set_num_threads(min([found, *_asked]))
        _free(library)


def _free(library):
    """Newer versions listen only to the thread that spoke first; here whoever leaves last gives the cores back."""
    if hasattr(library, "clear_controlling_thread"):
        library.clear_controlling_thread(force=True)
