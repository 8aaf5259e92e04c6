"""What explorers that train are given: data, and a function that makes untrained networks.

For examples of explorers that open at once, each part of a data set is cut to its beginning.
"""

from __future__ import annotations

from dataclasses import replace

from minnet.data import Split
from minnet.nn.layer import Layer


def few(data, train=160, val=80):
    """A data set with so many samples to learn from, to choose on, and (as many) to test."""
    parts = {part: getattr(data, part) for part in ("train", "val", "test")}
    counts = {"train": train, "val": val, "test": val}
    return replace(data, **{part: Split(split.x[: counts[part]], split.y[: counts[part]])
                            for part, split in parts.items()})


def untrained(name, make, seed, data):
    """The network that ``make(seed)`` gives to ``mn.explore.name``, which trains it on a whole data set.

    Raises
    ------
    TypeError
        If there is no network, or only a part of the data: it says what to type instead.
    """
    net = make(seed) if callable(make) and not isinstance(make, Layer) else None
    if not isinstance(net, Layer):
        raise TypeError(f"{name} takes a function that makes an untrained network from a seed, write for example "
                        f"mn.explore.{name}(lambda seed: mn.models.mlp(64, 300, 100, 10, rng=seed), digits)")
    if not hasattr(data, "train"):
        raise TypeError(f"{name} trains and measures: pass the whole data set, not one part of it")
    return net
