"""A data set: three splits, and how to show a sample.

Train on ``train``, choose on ``val``, and use ``test`` once, at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minnet.messages import numbers


@dataclass(frozen=True)
class Split:
    """One split of a data set: samples ``x`` (n, features) and labels ``y`` (n,), both read-only.

    Your own arrays, from which it is made, stay as they are.
    """

    x: np.ndarray
    y: np.ndarray

    def __post_init__(self):
        for name in ("x", "y"):
            view = numbers(getattr(self, name), name, text=name == "y").view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)
        if self.x.ndim < 2 or self.y.ndim < 1 or len(self.x) != len(self.y):
            raise ValueError("a Split is one row of x and one label of y for each sample, got arrays of shape "
                             f"{self.x.shape} and {self.y.shape}")

    def __setstate__(self, state):
        vars(self).update(state)
        self.__post_init__()  # NumPy's copies are writable

    def __len__(self):
        return len(self.y)

    def __repr__(self):
        return f"Split({len(self)} samples, x {self.x.shape} {self.x.dtype}, y {self.y.shape} {self.y.dtype})"


@dataclass(frozen=True)
class Dataset:
    """Three splits, and what is needed to show their samples."""

    name: str
    train: Split
    val: Split
    test: Split
    image_shape: tuple[int, ...]
    class_names: tuple[str, ...]

    def __repr__(self):
        parts = ", ".join(f"{part} {len(getattr(self, part))}" for part in ("train", "val", "test"))
        return f"Dataset({self.name}: {parts}; samples {self.image_shape}; {len(self.class_names)} classes)"


def class_names(data, count):
    """What ``count`` classes are called: as the data say, and by their numbers where they don't."""
    given = tuple(str(name) for name in getattr(data, "class_names", None) or ())[:count]
    return (*given, *map(str, range(len(given), count)))
