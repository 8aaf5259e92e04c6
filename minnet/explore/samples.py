"""Few samples of a data set, for examples of explorers that open at once.

Each part is cut to its beginning; all else stays as it is.
"""

from __future__ import annotations

from dataclasses import replace

from minnet.data import Split


def few(data, train=160, val=80):
    """A data set with so many samples to learn from, to choose on, and (as many) to test."""
    parts = {part: getattr(data, part) for part in ("train", "val", "test")}
    counts = {"train": train, "val": val, "test": val}
    return replace(data, **{part: Split(split.x[: counts[part]], split.y[: counts[part]])
                            for part, split in parts.items()})
