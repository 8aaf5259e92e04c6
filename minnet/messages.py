"""Helpers for messages: check what was passed, say what was expected, and suggest what to type instead."""

from __future__ import annotations

import difflib
import inspect
import math
from numbers import Real
from os import PathLike, fspath
from pathlib import Path

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
        raise ValueError(f"{name} is a whole number, at least {least}, got {short(value)}")
    return int(value)


def wholes(least=0, **named):
    """Several of them: ``n_in, n_out = wholes(n_in=n_in, n_out=n_out)``."""
    return [whole(value, name, least) for name, value in named.items()]


def number(value, name, below=math.inf, above=None):
    """A finite number that is at least 0 (or ``above`` something), and below another one."""
    found = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    if not 0 <= found < below or (above is not None and found <= above):
        least = "at least 0" if above is None else f"above {above:g}"
        most = "" if below == math.inf else f" and below {below:g}"
        raise ValueError(f"{name} is a number, {least}{most}, got {short(value)}")
    return found


def percentage(value, name="percent"):
    """A number from 0 to 100."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value <= 100:
        raise ValueError(f"{name} is a number from 0 to 100, got {short(value)}; write for example 90")
    return value


def instance(value, kind, name, form):
    """An object of a class; ``form`` says how to get one."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} is a {kind.__name__}, got {short(value)}; write for example {form}")
    return value


def flag(value, name):
    """True or False; None and 0 are False, other whole numbers True."""
    if value is not None and not isinstance(value, (int, np.bool_)):
        raise TypeError(f"{name} is True or False, got {short(value)}")
    return bool(value)


def text(value, name):
    """A text, or None."""
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} is a text, got {short(value)}")
    return value


def choice(value, name, known):
    """One of the known words."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"unknown {name} {short(value)}." + closest(value, known))
    return value


def keywords(given, known, of):
    """The words of ``**how``, all of them known."""
    for word in given:
        if word not in known:
            raise TypeError(f"{of} has no argument {word!r}." + closest(word, known))


def sequence(values, name, each, form):
    """A list or tuple; ``each(value, name)`` looks at its values, and ``form`` says what to write."""
    if not isinstance(values, (list, tuple, range, np.ndarray)) or getattr(values, "ndim", 1) != 1:
        raise TypeError(f"{name} are several values, got {short(values)}; write for example {form}")
    return tuple(each(value, f"each of {name}") for value in values)


def function(value, name, form):
    """A function; ``form`` says of what and what it returns."""
    if not callable(value) or isinstance(value, type) or hasattr(value, "forward"):  # no class, no network
        raise TypeError(f"{name} is a function, {form}, got {short(value)}")
    return value


def numbers(value, name, text=False):
    """An array of numbers, from an array, a list, a tensor, a sparse matrix or a table."""
    if isinstance(value, np.ndarray):
        pass
    elif hasattr(value, "detach"):  # PyTorch
        value = value.detach().cpu()
        value = (value.float() if "bfloat16" in str(value.dtype) else value).numpy()
    elif hasattr(value, "toarray"):  # SciPy
        value = value.toarray()
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        array = np.array(None)
    if array.dtype.kind not in ("biuf" + "US" * text):
        raise TypeError(f"{name} holds numbers, one row for each sample and all of one length; got {array.dtype} from "
                        f"{type(value).__name__}")
    return array


def file(path, name="path", example="net.safetensors"):
    """The path of a file or a folder, from a text or a path."""
    if not isinstance(path, (str, PathLike)):
        raise TypeError(f"{name} is a text or a path, such as {example!r}, got {short(path)}")
    if "\0" in fspath(path):
        raise ValueError(f"no {name} has a zero character in it, as {short(path)} has")
    return Path(path)


def short(value):
    """What was passed, in at most 40 characters."""
    said = repr(value)
    return said if len(said) <= 40 else said[:37] + "…"


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
