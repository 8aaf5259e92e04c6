"""Do connections that move learn more than a mask that stays? Lesson 12 on two data sets, several seeds.

    python benchmarks/regrowth.py                        # about five minutes on two cores
    python benchmarks/regrowth.py --seeds 1 --data digits
    python benchmarks/regrowth.py --out results.json     # also write every single figure down

All get the same number of steps, the same initial weights and the same batches, and have as many weights in the end.
A seed draws the initial weights, the order of the samples, the first mask and what SET grows. "small dense" is a whole
network with one hidden layer, as wide as the same number of weights allows. The other ways are those of
`minnet.experiments.dynamic_sparse_training`. Nothing was chosen by looking at the test
part: fraction, interval and end of the moving were tried out on the validation part of the digits, and then left.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import minnet as mn
from minnet.experiments.dynamic_sparse_training import METHODS, start, train

SPARSITIES = 0.95, 0.98, 0.99
FRACTION, EVERY, UNTIL = 0.3, 25, 0.75


@dataclass(frozen=True)
class Task:
    """What is learned, by which network, in how many steps."""

    data: object
    sizes: tuple
    count: int

    @property
    def weights(self):
        return sum(a * b for a, b in zip(self.sizes, self.sizes[1:], strict=False))


TASKS = {
    "digits": lambda: Task(mn.data.digits(), (64, 300, 100, 10), 1000),
    "mnist1d": lambda: Task(mn.data.mnist1d(), (40, 300, 100, 10), 3000),
}


WAYS = "dense", *METHODS, "small dense"


def run(task, way, sparsity, seed):
    """Train one network; what is known of it in the end."""
    ends = task.sizes[0], task.sizes[-1]
    sizes = (ends[0], round((1 - sparsity) * task.weights / sum(ends)), ends[1]) if way == "small dense" else task.sizes
    net, rng = mn.models.mlp(*sizes, rng=seed), np.random.default_rng(seed)
    if way in METHODS:
        start(net, way, sparsity, rng)
        list(train(net, task.data.train, way, sparsity, fraction=FRACTION, every=EVERY, until=UNTIL,
                   count=task.count, seed=seed, rng=rng))
    else:
        list(mn.steps(net, task.data.train, count=task.count, rng=seed))
    empty = np.mean(task.data.train.x > 0, axis=0) < 0.05
    mask = net.params()[0].kept_mask
    return {"kept": sum(param.kept for param in net.params() if param.prunable),
            "at empty inputs": float(mask[empty].sum() / mask.sum()),
            **{part: mn.accuracy(net, getattr(task.data, part)) for part in ("val", "test")}}


def table(task, runs):
    """Medians over the seeds, and the range of the test accuracies."""
    lines = [f"{'':8}{'way':12}{'val':>7}{'test':>7}   {'(range)':14}{'kept':>8}{'at empty inputs':>17}"]
    for name, rows in runs.items():
        sparsity, way = name.split(" ", 1)
        middle = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
        tests = [100 * row["test"] for row in rows]
        span = f"({min(tests):.1f}–{max(tests):.1f})"
        lines.append(f"{sparsity:8}{way:12}{100 * middle['val']:7.1f}{100 * middle['test']:7.1f}   {span:14}"
                     f"{middle['kept']:8,.0f}{middle['at empty inputs']:16.1%}")
    return "\n".join(lines)


def main():
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--seeds", type=int, default=5, help="how many, from 0 on")
    ask.add_argument("--data", choices=TASKS, nargs="+", default=list(TASKS))
    ask.add_argument("--out", type=Path, help="a JSON file for every single figure")
    asked = ask.parse_args()
    told = {}
    for name in asked.data:
        task, runs = TASKS[name](), {}
        for sparsity in SPARSITIES:
            for way in WAYS:
                if way != "dense" or sparsity == SPARSITIES[0]:
                    label = f"{0 if way == 'dense' else sparsity:.0%} {way}"
                    runs[label] = [run(task, way, sparsity, seed) for seed in range(asked.seeds)]
        print(f"{name}, {'-'.join(map(str, task.sizes))}, {task.count:,} steps, {asked.seeds} seeds")
        print(table(task, runs), flush=True)
        told[name] = {"sizes": task.sizes, "steps": task.count, "runs": runs}
    if asked.out:
        command = f"python benchmarks/regrowth.py --seeds {asked.seeds} --data {' '.join(asked.data)}"
        asked.out.write_text(json.dumps({
            "command": command, "seeds": list(range(asked.seeds)), "fraction": FRACTION, "every": EVERY, "until": UNTIL,
            "minnet": mn.__version__, "numpy": np.__version__, "python": platform.python_version(),
            "machine": platform.machine(), "tasks": told}, indent=1) + "\n")


if __name__ == "__main__":
    main()
