"""How well do the ready-made networks learn? Test accuracy, median and range over five seeds, and seconds to train.

    python benchmarks/accuracy.py                       # everything: some 20 minutes on two cores
    python benchmarks/accuracy.py digits mnist1d        # only what has these words in its name
    python benchmarks/accuracy.py --seeds 1

MNIST is read from the folder in MINNET_DATA or downloaded once. A seed draws the starting weights and the order of the
samples; the data are the same for all. Nothing was chosen by looking at the test: recipes were tried out on the
validation part. "wanted" is what literature reports for such a network, or what a lesson relies on.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import minnet as mn


@dataclass(frozen=True)
class Recipe:
    """How to train a network: Adam, with a rate that falls along a cosine."""

    data: Callable
    model: Callable
    epochs: int
    batch: int
    lr: float
    wanted: str
    decay: float = 0.0

    def train(self, seed, part="test"):
        """(accuracy, seconds) of one seed."""
        data, net = self.data(), self.model(rng=seed)
        steps = self.epochs * math.ceil(len(data.train) / self.batch)
        optimiser = mn.AdamW(mn.lr.warm_up(mn.lr.cosine(self.lr, steps), steps // 20), weight_decay=self.decay)
        start = perf_counter()
        mn.fit(net, data.train, epochs=self.epochs, batch=self.batch, optimiser=optimiser, rng=seed, progress=False)
        return mn.accuracy(net, getattr(data, part)), perf_counter() - start


def once(make):
    """Load a data set when it is first asked for, and keep it."""
    kept = []

    def load():
        if not kept:
            kept.append(make())
        return kept[0]

    return load


digits, mnist = once(mn.data.digits), once(mn.data.mnist)
mnist1d, recall = once(mn.data.mnist1d), once(mn.data.recall)

RECIPES = {
    "digits, mlp 64-32-16-10": Recipe(digits, lambda rng: mn.models.mlp(64, 32, 16, 10, rng=rng), 60, 32, 3e-3, ""),
    "digits, residual_mlp": Recipe(digits, mn.models.residual_mlp, 40, 32, 3e-3, ""),
    "digits, tiny_transformer": Recipe(digits, mn.models.tiny_transformer, 40, 32, 5e-3, "≥ 97 %", decay=1.0),
    "recall, tiny_transformer": Recipe(
        recall, lambda rng: mn.models.tiny_transformer(tokens=5, n_in=16, n_out=8, rng=rng), 40, 32, 3e-3, ""),
    "mnist1d, mlp 40-100-100-10": Recipe(
        mnist1d, lambda rng: mn.models.mlp(40, 100, 100, 10, rng=rng), 30, 32, 1e-2, "66–72 %"),
    "mnist1d, signal_conv": Recipe(mnist1d, mn.models.signal_conv, 60, 32, 5e-3, "≥ 90 %"),
    "mnist, lenet_300_100": Recipe(mnist, mn.models.lenet_300_100, 15, 128, 1e-3, "≥ 98.0 %"),
    "mnist, lenet5": Recipe(mnist, mn.models.lenet5, 6, 64, 1e-3, "≥ 99.0 %"),
}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("words", nargs="*", help="only recipes with one of these words in their name")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--part", choices=("val", "test"), default="test")
    options = parser.parse_args()
    for name, recipe in RECIPES.items():
        if options.words and not any(word in name for word in options.words):
            continue
        found, seconds = zip(*(recipe.train(seed, options.part) for seed in range(options.seeds)), strict=True)
        each = " ".join(f"{100 * accuracy:.2f}" for accuracy in found)
        wanted = f", wanted {recipe.wanted}" if recipe.wanted else ""
        print(f"{name:28s} {options.part} {statistics.median(found):7.2%}  ({each}), "
              f"{statistics.median(seconds):.0f} s each{wanted}", flush=True)


if __name__ == "__main__":
    main()
