"""What does dropout change, and what does it not? Lesson 05 on MNIST-1D, several seeds.

    python benchmarks/dropout.py                        # about six minutes on two cores
    python benchmarks/dropout.py --seeds 1 --epochs 5   # a quick look
    python benchmarks/dropout.py --out results.json     # also write every single figure down

A 40-200-200-10 network learns with dropout of several strengths, and once without, then cut down: half of its weights
or of its hidden neurons go, and it learns on for as long as before, so that all have had the same number of steps in
the end. A seed draws the initial weights, the order of the samples and what is dropped. Strengths and epochs were tried
out on the validation part; the test part is only reported.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
from pathlib import Path

import numpy as np

import minnet as mn
from minnet.experiments.dropout_comparison import on_disk

SIZES = 40, 200, 200, 10
STRENGTHS = 0.0, 0.2, 0.5
STRUCTURES = {"weights": mn.weights, "neurons": mn.along("out")}


def measured(net, data):
    """What is known of a network in the end."""
    with tempfile.TemporaryDirectory() as folder:
        size = on_disk(net, Path(folder, "net.safetensors"))
    parameters = mn.measure.parameters(net)
    accuracies = {part: mn.accuracy(net, getattr(data, part)) for part in ("train", "val", "test")}
    return {**accuracies, "parameters": parameters.all, "kept": parameters.kept, "bytes": size,
            "shapes": [list(p.shape) for p in net.params() if p.prunable]}


def dropped(data, strength, seed, epochs):
    net = mn.models.mlp(*SIZES, dropout=strength, rng=seed)
    mn.fit(net, data.train, epochs=epochs, rng=seed, progress=False)
    return measured(net, data)


def cut(data, structure, seed, epochs):
    net = mn.models.mlp(*SIZES, rng=seed)
    mn.fit(net, data.train, epochs=epochs - epochs // 2, rng=seed, progress=False)
    mn.prune(net, 0.5, structure=structure, scope=mn.layer)
    mn.fit(net, data.train, epochs=epochs // 2, rng=seed, progress=False)
    mn.cut(net)
    return measured(mn.compact(net), data)


def runs(data, seed, epochs):
    """Every way to train with one seed, as {name: figures}."""
    found = {f"dropout {strength:g}": dropped(data, strength, seed, epochs) for strength in STRENGTHS}
    return found | {f"half of the {name} cut": cut(data, structure, seed, epochs)
                    for name, structure in STRUCTURES.items()}


def table(results):
    """Medians over the seeds, and the range of the test accuracies."""
    lines = [f"{'':24}{'train':>7}{'val':>7}{'test':>7}   (range)      "
             f"{'gap':>5}{'parameters':>12}{'kept':>9}{'bytes':>9}"]
    for name in results[0]:
        rows = [result[name] for result in results]
        train, val, test, gap = (100 * statistics.median(values) for values in (
            [row["train"] for row in rows], [row["val"] for row in rows], [row["test"] for row in rows],
            [row["train"] - row["test"] for row in rows]))
        low, high = (100 * edge(row["test"] for row in rows) for edge in (min, max))
        counts = [statistics.median_high(row[count] for row in rows) for count in ("parameters", "kept", "bytes")]
        lines.append(f"{name:24}{train:7.1f}{val:7.1f}{test:7.1f}   ({low:.1f}–{high:.1f})  {gap:5.1f}"
                     f"{counts[0]:12,}{counts[1]:9,}{counts[2]:9,}")
    return "\n".join(lines)


def main():
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--seeds", type=int, default=5, help="how many, from 0 on")
    ask.add_argument("--epochs", type=int, default=40)
    ask.add_argument("--out", type=Path, help="a JSON file for every single figure")
    asked = ask.parse_args()
    data, results = mn.data.mnist1d(), []
    for seed in range(asked.seeds):
        results.append(runs(data, seed, asked.epochs))
        print(f"seed {seed} done", flush=True)
    print(table(results))
    if asked.out:
        command = f"python benchmarks/dropout.py --seeds {asked.seeds} --epochs {asked.epochs}"
        told = {"command": command, "seeds": list(range(asked.seeds)), "epochs": asked.epochs, "sizes": SIZES,
                "minnet": mn.__version__, "numpy": np.__version__, "python": platform.python_version(),
                "machine": platform.machine(), "runs": results}
        asked.out.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
