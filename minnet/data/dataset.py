"""A data set: three splits, and how to show a sample.

Train on ``train``, choose on ``val``, and use ``test`` once, at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minnet.messages import numbers


@dataclass(frozen=True)
class Split:
    """One split of a data set: samples ``x`` (n, features) and labels ``y`` (n,), both read-only."""

    x: np.ndarray
    y: np.ndarray

    def __post_init__(self):
        x, y = numbers(self.x, "x"), numbers(self.y, "y", text=True)
        if not (x.ndim and y.ndim) or len(x) != len(y):
            raise ValueError(f"each sample needs one label, got x of shape {x.shape} and y of shape {y.shape}")
        for name, array in (("x", x), ("y", y)):
            object.__setattr__(self, name, array)  # an array, also where a list was passed
            array.flags.writeable = False

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
