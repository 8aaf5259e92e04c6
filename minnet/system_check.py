"""Does this computer have what the lessons need, and how long will they take on it?

`checkup` checks one thing after another and reports OK, or what to do.  It installs and changes nothing.
"""

from __future__ import annotations

import html
import os
import platform
from dataclasses import dataclass
from importlib import metadata
from time import perf_counter, thread_time

import numpy as np

SLOW = 4.0  # times as long as on the computer on which the lessons were written
BUSY = 1.5  # times as long as without other programs: worth a word
ROUNDS = 12  # about a tenth of a second of training


@dataclass(frozen=True)
class Line:
    """One check: whether it is fine, what was checked, and what was found or what to do."""

    fine: bool
    what: str
    said: str


@dataclass(frozen=True)
class Checkup:
    """The result of `checkup`; displays itself at the end of a cell."""

    lines: tuple[Line, ...]

    @property
    def fine(self):
        """Whether nothing is left to do."""
        return all(line.fine for line in self.lines)

    def __repr__(self):
        return "\n".join(f"{'OK   ' if line.fine else 'TO DO'}  {line.what}: {line.said}" for line in self.lines)

    def _repr_html_(self):
        rows = "".join(f"<tr><td><b>{'✓ OK' if line.fine else '✗ To do'}</b></td>"
                       f"<td style='text-align: left'>{html.escape(line.what)}</td>"
                       f"<td style='text-align: left'>{html.escape(line.said)}</td></tr>" for line in self.lines)
        return f"<table role='status' style='font-size: 15px'>{rows}</table>"


def checkup():
    """Check whether this computer has what the lessons need.

    Returns
    -------
    Checkup
        A line for Python, for each package, for the compiler of the sparse kernels, for the optional MNIST, and for
        the speed of this computer.
    """
    return Checkup((Line(True, "Python", platform.python_version()), *_packages(), _compiler(), _mnist(), _speed()))


def _packages():
    """The packages that minnet requires, or minnet itself where it is not installed."""
    try:
        wanted = metadata.requires("minnet") or []
    except metadata.PackageNotFoundError:
        yield Line(False, "minnet", "is used from a folder and not installed; type `pip install -e .` in that folder")
        return
    from packaging.requirements import Requirement  # comes with JupyterLab

    for each in map(Requirement, wanted):
        if each.marker is not None:  # belongs to an extra
            continue
        try:
            found = metadata.version(each.name)
        except metadata.PackageNotFoundError:
            yield Line(False, each.name, f"is missing; type `pip install \"{each}\"`")
            continue
        if each.specifier.contains(found, prereleases=True):
            yield Line(True, each.name, found)
        else:
            yield Line(False, each.name, f"{found} is too old; type `pip install \"{each}\"`")


def _compiler():
    """Run the naive kernel on a tiny matrix: the first time, numba compiles it."""
    from minnet.nn.models import mlp

    begun = perf_counter()
    try:
        from minnet import sparse

        predict = sparse.compile(mlp(8, 4, rng=0), format="csr")
        predict(np.zeros((2, 8), np.float32))
    except Exception as error:  # whatever the error is, the other lines should still be shown
        return Line(False, "sparse kernels", f"numba stopped with {type(error).__name__}: {error}; "
                                             "type `pip install --force-reinstall numba`")
    return Line(True, "sparse kernels", f"compiled or loaded in {perf_counter() - begun:.1f} s")


def _mnist():
    from minnet.data import mnist_files

    if mnist_files.at_hand():
        return Line(True, "MNIST (optional)", "is on this computer")
    return Line(True, "MNIST (optional)", "not needed: no lesson asks for it; mn.data.mnist() would fetch it")


def _speed():
    """Train for a moment, and compare with the computer on which the lessons were written."""
    from minnet.nn.models import mlp
    from minnet.nn.train import fit

    rng = np.random.default_rng(0)
    data = rng.normal(size=(640, 64)).astype(np.float32), rng.integers(0, 10, 640)

    def train():
        fit(mlp(64, 300, 100, 10, rng=0), data, epochs=1, rng=0, progress=False)

    train()  # to warm up
    begun = perf_counter(), thread_time()
    for _ in range(ROUNDS):
        train()
    # What other programs take counts for the learner, but it may be over in a minute: so look at both clocks.
    times, alone = ((now - then) / ROUNDS / REFERENCE
                    for now, then in zip((perf_counter(), thread_time()), begun, strict=True))
    said = f"{os.cpu_count()} cores; training takes {times:.1f}× the time of the computer that the lessons were made on"
    if times > BUSY * alone:
        said += f", and {alone:.1f}× without the other programs that are running now"
    if times > SLOW:
        return Line(False, "speed", said + f": a cell that is said to take 10 seconds will take {10 * times:.0f}. "
                                           "Close other programs, or be patient; nothing is broken")
    return Line(True, "speed", said)


REFERENCE = 0.0065  # seconds for the training above: one core of an AMD Zen 3 at 2.45 GHz, otherwise idle
