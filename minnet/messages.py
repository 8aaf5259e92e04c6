"""Helpers for messages: check what was passed, say what was expected, and suggest what to type instead."""

from __future__ import annotations

import difflib
import inspect
import math
from numbers import Real

import numpy as np


def closest(word, known):
    """`` Did you mean 'x'?`` with the closest known word, followed by the list of all of them."""
    known = [str(k) for k in known]
    near = difflib.get_close_matches(str(word), known, n=1, cutoff=0.5)
    return (f" Did you mean {near[0]!r}?" if near else "") + f" There are: {', '.join(known) or 'none'}."


def fraction(value, name="sparsity"):
    """Return ``value`` as a float if it is a fraction between 0 and 1, else raise an error that says what to type."""
    if callable(value):
        raise TypeError(f"{name} is a number between 0 and 1, got a function; ask a schedule for one step, "
                        "write for example schedule(step.index)")
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} is a number between 0 and 1, got {value!r} ({type(value).__name__}); "
                        "write for example 0.9")
    value = float(value)
    if not 0 <= value <= 1:
        hint = f"; did you mean {value / 100:g}?" if 1 < value <= 100 else "; write for example 0.9"
        said = "NaN" if math.isnan(value) else f"{value:g}"
        raise ValueError(f"{name} is a fraction between 0 and 1, got {said}{hint}")
    return value


def whole(value, name, least=0):
    """A whole number that is at least ``least``."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < least:
        said = repr(value) if len(repr(value)) <= 40 else repr(value)[:37] + "…"
        raise ValueError(f"{name} is a whole number, at least {least}, got {said}")
    return int(value)


def number(value, name, below=math.inf, above=None):
    """A finite number that is at least 0 (or ``above`` something), and below another one."""
    try:
        found = math.nan if isinstance(value, (str, bytes, bool)) else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not 0 <= found < below or (above is not None and found <= above):
        least = "at least 0" if above is None else f"above {above:g}"
        most = "" if below == math.inf else f" and below {below:g}"
        raise ValueError(f"{name} is a number, {least}{most}, got {value!r:.40}")
    return found


def as_array(value):
    """An array from an array, a list, a tensor of PyTorch or a sparse matrix of SciPy."""
    if hasattr(value, "detach"):  # PyTorch
        value = value.detach().cpu()
        value = (value.float() if "bfloat16" in str(value.dtype) else value).numpy()
    elif hasattr(value, "toarray"):  # SciPy
        value = value.toarray()
    return np.asarray(value)


def generator(rng):
    """A random generator, from a seed, a `numpy.random.Generator` or None (then it is another one each time)."""
    try:
        found = np.random.default_rng(rng)
        found.bit_generator.seed_seq.spawn(0)  # training draws two streams; numpy.random.RandomState has only one
        return found
    except (TypeError, ValueError, AttributeError):
        raise TypeError("rng is a seed (a whole number, at least 0), a numpy.random.Generator or None, got "
                        f"{rng!r:.60}; write rng=0, or rng=np.random.default_rng(0)") from None


def functions_of(module):
    """The public functions that a module defines, as {name: function}."""
    return {name: f for name, f in vars(module).items()
            if inspect.isfunction(f) and f.__module__ == module.__name__ and not name.startswith("_")}


def format_seconds(seconds):
    """``3.2 ms``, with a blank that does not break."""
    number, unit = (1e3 * seconds, "ms") if seconds >= 0.9995e-3 else (1e6 * seconds, "µs")
    return f"{number:,.0f}\N{NO-BREAK SPACE}{unit}" if number >= 999.5 else f"{number:.3g}\N{NO-BREAK SPACE}{unit}"


def format_bytes(n):
    """``12.5 KB``, with a blank that does not break."""
    number, unit = (n / 1024, "KB") if n < 1e6 else (n / 1024**2, "MB")
    return f"{number:.1f}\N{NO-BREAK SPACE}{unit}"
