"""How minnet compiles a function with numba: one signature, at the first call, cached on disk if possible.

numba compiles a Python function to machine code, which takes about half a second, once. With `cache=True` it keeps the
result in a `__pycache__` folder, and the next Python process loads it in a hundredth of that time. This file holds the
options that all kernels share, and makes sure that a folder without write permission or a damaged cache file costs
time but never a prediction.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import llvmlite.binding
import numba

# nogil: other threads may run meanwhile.  error_model "numpy": no check for zero before every division.
OPTIONS = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}

# For functions that only other kernels call: they are inlined, and need no wrapper for Python.
inner = numba.njit(no_cpython_wrapper=True, forceinline=True, **OPTIONS)

_warned = False


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

    The first call compiles it or loads it from the cache on disk. Where no folder is writable, each process compiles it
    again, and one warning (for all kernels together) says so.

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
            self.call = self._cached() or self._compile()
        return self.call

    def _cached(self):
        try:
            return self._compile(cache=True)
        except (RuntimeError, OSError) as problem:      # no folder to write to, or the disk is full
            _warn_once(problem)
        except Exception:                               # a damaged file can fail in many ways
            numba.njit(cache=True)(self.python).recompile()     # drops what is on disk
            return self._compile(cache=True)            # a real mistake in a kernel fails here once more
        return None

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


def _warn_once(problem):
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "minnet's compiled kernels can't be kept on disk, so each Python process compiles them again (some "
            "seconds). To avoid that, set the environment variable NUMBA_CACHE_DIR to a folder that you may write to. "
            f"({problem})", RuntimeWarning, stacklevel=2)
