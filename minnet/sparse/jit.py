"""How minnet compiles a function with numba: one signature, at the first call, cached on disk if possible.

numba compiles a Python function to machine code, which takes about half a second, once. With `cache=True` it keeps the
result in a `__pycache__` folder, and the next Python process loads it in a hundredth of that time. This file holds the
options that all kernels share, and makes sure that a folder without write permission or a damaged cache file costs
time but never a prediction.
"""

from __future__ import annotations

import hashlib
import json
import signal
import threading
import warnings
from contextlib import contextmanager
from pathlib import Path

import llvmlite.binding
import numba

from minnet.files import atomic_write

# nogil: other threads may run meanwhile.  error_model "numpy": no check for zero before every division.
OPTIONS = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}

# For functions that only other kernels call: they are inlined, and need no wrapper for Python.
inner = numba.njit(no_cpython_wrapper=True, forceinline=True, **OPTIONS)

_warned = False


@contextmanager
def interrupts_wait():
    """Ctrl-C, inside, takes effect at the end: numba stopped halfway may never compile again in this process."""
    act = signal.getsignal(signal.SIGINT)
    if not callable(act) or threading.current_thread() is not threading.main_thread():
        yield
        return
    came = []
    signal.signal(signal.SIGINT, lambda *given: came.append(given))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, act)
        if came:
            act(*came[-1])


def wide_registers() -> bool:
    """Does the processor that numba compiles for have AVX-512, that is 32 registers of 16 numbers?"""
    asked_for = numba.config.CPU_FEATURES           # from the environment; None means what this computer has
    if asked_for is None:
        return bool(llvmlite.binding.get_host_cpu_features().get("avx512f"))
    return "+avx512f" in asked_for.split(",")


def entry(*signature):
    """Decorator for a kernel that Python calls, with its signature: a numba type for each argument."""
    return lambda function: Kernel(function, signature)


class Kernel:
    """A function that is compiled when it is called for the first time, for one signature only.

    The first call compiles it or loads it from the cache on disk, and Ctrl-C waits until it is there. Where no folder
    is writable, each process compiles it again, and one warning (for all kernels together) says so.

    Attributes
    ----------
    call : the compiled function
    python : the original Python function
    """

    def __init__(self, function, signature):
        self.python = function
        self.signature = signature
        self.__doc__ = function.__doc__
        self.call = self._first_call

    def _first_call(self, *arguments):
        self.ready()
        return self.call(*arguments)

    @property
    def compiled(self) -> bool:
        """Whether it is already compiled."""
        return self.call != self._first_call

    def ready(self):
        """Compile or load it now, instead of at the first call. Returns the compiled function."""
        if not self.compiled:
            with interrupts_wait():
                self.call = self._cached() or self._compile()
        return self.call

    def _cached(self):
        try:
            folder = Path(numba.njit(cache=True)(self.python).stats.cache_path)
        except RuntimeError as problem:  # numba finds no folder that it may write to
            _warn_once(problem)
            return None
        try:
            self._drop_damaged(folder)
            compiled = self._compile(cache=True)
            self._record(folder)
            return compiled
        except OSError as problem:  # the disk is full, or the folder has become read-only
            _warn_once(problem)
            return None

    def _files(self, folder):
        """This kernel's files in numba's cache: an index and one file of machine code for each signature."""
        return sorted(folder.glob(f"{self._name}-*.nb[ic]"))

    @property
    def _name(self):
        """How numba's files of this kernel begin; kernels that one function makes share it."""
        stem, name = Path(self.python.__code__.co_filename).stem, self.python.__qualname__
        return f"{stem}.{name.replace('<', '').replace('>', '')}"

    def _drop_damaged(self, folder):
        """Delete what is not as this package has recorded it: machine code with a wrong bit ends the process."""
        try:
            recorded = json.loads(self._record_of(folder).read_text())
        except (OSError, ValueError):
            recorded = {}
        found = {file.name: _checksum(file) for file in self._files(folder)}
        if found != recorded:
            for file in self._files(folder):
                file.unlink(missing_ok=True)

    def _record(self, folder):
        found = {file.name: _checksum(file) for file in self._files(folder)}
        atomic_write.put(self._record_of(folder), json.dumps(found).encode())

    def _record_of(self, folder):
        return folder / f"{self._name}.sha256.json"

    def _compile(self, **options):
        compiled = numba.njit(**OPTIONS, **options)(self.python)
        if options and self._outdated(compiled.stats.cache_path):
            compiled.recompile()        # there is nothing to compile yet: this only drops what is on disk
        compiled.compile(self.signature)
        compiled.disable_compile()      # never compile for other types of arguments
        return compiled

    def _outdated(self, folder):
        """Was a file of this package changed after the cache was written?

        numba checks only the kernel's own file, but kernels also use functions from other files.
        """
        edited = max(source.stat().st_mtime for source in Path(__file__).parent.glob("*.py"))
        indices = Path(folder).glob(f"{Path(self.python.__code__.co_filename).stem}.*.nbi")
        return any(index.stat().st_mtime < edited for index in indices)


def _checksum(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _warn_once(problem):
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "minnet's compiled kernels can't be kept on disk, so each Python process compiles them again (some "
            "seconds). To avoid that, set the environment variable NUMBA_CACHE_DIR to a folder that you may write to. "
            f"({problem})", RuntimeWarning, stacklevel=2)
