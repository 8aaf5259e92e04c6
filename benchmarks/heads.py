"""Which heads and layers can go? Lesson 11 on two tasks, several seeds.

    OPENBLAS_NUM_THREADS=1 python benchmarks/heads.py               # about three minutes on one core
    OPENBLAS_NUM_THREADS=1 python benchmarks/heads.py --seeds 1 --tasks recall
    OPENBLAS_NUM_THREADS=1 python benchmarks/heads.py --out benchmarks/results/heads.json

The same small transformer, 2 layers of 4 heads, learns to look things up (`mn.data.recall`) and to read digits. Then
each head is removed alone; half of the heads go by three criteria; and each of the two layers goes, attention and dense
pair together. The control is a network that had one layer from the start and learned for as long altogether. A seed
draws the initial weights, the batches and what is random. Ranking and training use the training part; every figure here
is of the test part, on which nothing was chosen. Times are ratios of medians of interleaved runs on one core; only the
time that this thread really ran is counted, so that other programs don't matter.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
from functools import partial
from pathlib import Path
from time import thread_time

import numpy as np
from timing import compare, threads

import minnet as mn
from minnet.experiments.head_ablation import CRITERIA, HeadAblation, without
from minnet.nn.attention import removed_heads

BATCHES = 1, 64


class Task:
    """A data set, the network that learns it, and for how long.

    ``more`` are the epochs of retraining.
    """

    def __init__(self, data, make, rate, epochs, more):
        self.data, self.make, self.rate, self.epochs, self.more = data(), make, rate, epochs, more

    def train(self, net, epochs, seed):
        mn.fit(net, self.data.train, epochs=epochs, optimiser=mn.Adam(self.rate), rng=seed, progress=False)
        return net

    def right(self, net):
        return mn.accuracy(net, self.data.test, batch=64)

    def before_and_after(self, net, seed):
        """Accuracy of a pruned network, and of the same retrained (which it is then)."""
        pruned = self.right(net)
        return {"pruned": pruned, "retrained": self.right(self.train(net, self.more, seed))}


TASKS = {
    "recall": partial(Task, mn.data.recall, partial(mn.models.tiny_transformer, tokens=5, n_in=16, n_out=8),
                      1e-3, 4, 2),
    "digits": partial(Task, mn.data.digits, mn.models.tiny_transformer, 3e-3, 15, 8),
}


def layers(net):
    """A structure: attention and the dense pair behind it are pruned together."""
    return {path: ids // 2 for path, ids in mn.branches(net).items()}


def heads_left(net):
    """How many heads each layer has left."""
    return [int((~lost).sum()) for lost in removed_heads(net)]


def run(task, seed):
    """Everything about one task with one seed."""
    net = task.train(task.make(rng=seed), task.epochs, seed)
    ablation, nothing = HeadAblation(net, task.data.test, task.data.train, seed), frozenset()
    list(ablation.measure_costs(nothing))
    found = {"seed": seed, "whole": ablation.accuracy(nothing)}
    found["cost of a head"] = [costs.tolist() for costs in ablation.costs(nothing)]
    found["cost of all heads of a layer"] = [
        found["whole"] - task.right(without(net, *((layer, head + 1) for head in range(heads))))
        for layer, heads in enumerate(ablation.levels, 1)]
    found["half of the heads"], small = {}, {"whole": net}
    for criterion in CRITERIA:
        pruned = ablation.pruned(ablation.lowest(criterion, len(ablation.heads) // 2))
        small.setdefault("half of the heads", mn.compact(pruned))  # those of the first criterion
        left = heads_left(pruned)
        found["half of the heads"][criterion] = {"left": left, **task.before_and_after(pruned, seed)}
    found["a layer"] = [task.before_and_after(ablation.pruned({f"layer_{layer}"}), seed)
                        for layer in range(1, len(ablation.levels) + 1)]
    chosen = net.copy()
    mn.prune(chosen, 0.5, criterion=mn.taylor, structure=layers, data=task.data.train)
    found["layer chosen by taylor"] = heads_left(chosen).index(0) + 1
    small["one layer"] = mn.compact(chosen)
    found["one layer from scratch"] = task.right(task.train(task.make(blocks=1, rng=seed), task.epochs + task.more,
                                                            seed))
    found["numbers"] = {name: sum(param.size for param in each.params()) for name, each in small.items()}
    found["times as fast"] = {}
    for batch in BATCHES:
        with threads(1):
            took = compare(small, task.data.test.x[:batch], rounds=61, clock=thread_time)
        found["times as fast"][str(batch)] = {name: took["whole"].median / timing.median
                                              for name, timing in took.items()}
    return found


def keep_memory():
    """Freeing one large array lets the usual allocator of Linux keep what is freed from now on.

    Otherwise most of the time that is measured may go into asking the system for the same memory again and again,
    more or less of it as the process has grown.
    """
    np.empty(31 << 20, np.uint8)


def spread(values, form="5.1f", scale=100):
    low, middle, high = (scale * f(values) for f in (min, statistics.median, max))
    return f"{middle:{form}} ({low:{form.lstrip('5')}}–{high:{form.lstrip('5')}})"


def table(name, results):
    """Medians and ranges over the seeds: accuracies in %, costs in points."""
    def each(*path):
        found = results
        for step in path:
            found = [one[step] for one in found]
        return found

    costs = [np.array(one) for one in each("cost of a head")]
    lines = [
        f"\n{name}: {len(results)} seeds, test accuracy in %, median (range)",
        f"whole                                       {spread(each('whole'))}",
        f"cost of the most needed head alone, points  {spread([cost.max() for cost in costs])}",
        *(f"cost of a head of layer {layer + 1} alone, at most   {spread([cost[layer].max() for cost in costs])}"
          for layer in range(2)),
        *(f"cost of all heads of layer {layer + 1} together      "
          f"{spread([one[layer] for one in each('cost of all heads of a layer')])}" for layer in range(2)),
    ]
    for criterion in CRITERIA:
        rows = each("half of the heads", criterion)
        lost = [one["whole"] - row["retrained"] for one, row in zip(results, rows, strict=True)]
        lines.append(f"half of the heads gone by {criterion:10}        {spread([r['pruned'] for r in rows])}, "
                     f"retrained {spread([r['retrained'] for r in rows])}, lost {spread(lost)}")
    for layer in range(2):
        rows = [one[layer] for one in each("a layer")]
        lost = [one["whole"] - row["retrained"] for one, row in zip(results, rows, strict=True)]
        lines.append(f"layer {layer + 1} gone                                {spread([r['pruned'] for r in rows])}, "
                     f"retrained {spread([r['retrained'] for r in rows])}, lost {spread(lost)}")
    lines += [f"layer that taylor chooses                   {each('layer chosen by taylor')}",
              f"one layer from scratch                      {spread(each('one layer from scratch'))}",
              f"numbers                                     {results[0]['numbers']}"]
    for batch in BATCHES:
        for kind in ("half of the heads", "one layer"):
            ratios = spread(each("times as fast", str(batch), kind), ".2f", 1)
            lines.append(f"batch {batch:2}: {kind} left, times as fast  {ratios}")
    return "\n".join(lines)


def main():
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--seeds", type=int, default=5, help="how many, from 0 on")
    ask.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    ask.add_argument("--out", type=Path, help="a JSON file for every single figure")
    asked = ask.parse_args()
    results = {}
    keep_memory()
    for name in asked.tasks:
        task, results[name] = TASKS[name](), []
        for seed in range(asked.seeds):
            results[name].append(run(task, seed))
            print(f"{name}, seed {seed} done", flush=True)
        print(table(name, results[name]), flush=True)
    if asked.out:
        command = f"python benchmarks/heads.py --seeds {asked.seeds} --tasks {' '.join(asked.tasks)}"
        told = {"command": command, "minnet": mn.__version__, "numpy": np.__version__,
                "python": platform.python_version(), "machine": platform.machine(), "runs": results}
        asked.out.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
