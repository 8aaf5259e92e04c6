"""Which way of pruning keeps the accuracy? Digits, two networks, medians and spread of five seeds.

    OPENBLAS_NUM_THREADS=1 python benchmarks/pruning.py                    # about five minutes on one core
    python benchmarks/pruning.py --seeds 2 --nets small --jobs 2

Every way has the same budget: 40 epochs of Adam in all, usually 20 before and 20 after (or while) pruning, and starts
from the same trained network of its seed. Two learning rates are tried after pruning; for each row the one with the
better median on the validation part is taken, and its accuracy on the test part is what is printed. A seed draws the
initial weights, the batches and what is random. The controls: random pruning, and the masks that pruning by magnitude
has found, trained from new random weights.

All rows, with the fraction of weights that survives in each layer, go to benchmarks/results/pruning.csv.
"""

from __future__ import annotations

import argparse
import csv
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np

import minnet as mn
from minnet.experiments.lottery_tickets import reinitialised
from minnet.nn.train import steps_for
from minnet.pruning.ranking import masks_of

EPOCHS = 20  # before pruning, and again after it
BATCH = 32
RATES = (3e-3, 1e-2)
ROUNDS = 10
NETS = {"small": (64, 32, 10), "large": (64, 300, 100, 10)}
SPARSITIES = {"small": (0.8, 0.9, 0.95), "large": (0.9, 0.95, 0.98)}
RESULTS = Path(__file__).parent / "results" / "pruning.csv"


# ---- ways to prune: (trained net, untrained net, data, sparsity, train) -> the pruned and retrained net --------------
# train(net, epochs) trains; train(net, epochs, during) calls during(progress from 0 to 1) after each step.


def one_shot(dense, start, digits, s, train, **how):
    """Prune once, then retrain."""
    mn.prune(dense, s, data=digits.train, rng=train.keywords["rng"], **how)
    return train(dense, EPOCHS)


def erdos_renyi(dense, start, digits, s, train):
    """One shot again, but small layers keep more."""
    mn.prune(dense, mn.erdos_renyi(dense, s))
    return train(dense, EPOCHS)


def iterative(dense, start, digits, s, train, rounds=ROUNDS, **how):
    """Prune a little, retrain a little: the retraining is shared by the rounds."""
    list(mn.iterate(dense, digits.train, rounds=rounds, final=s, epochs=EPOCHS, batch=BATCH,
                    optimiser=train.keywords["optimiser"], rng=train.keywords["rng"], **how))
    return dense


def gradual(dense, start, digits, s, train):
    """Prune after every step, over the first three quarters of the retraining."""
    schedule = mn.cubic(s, stop=0.75)
    return train(dense, EPOCHS, during=lambda net, progress: mn.prune(net, schedule(progress)))


def before_training(dense, start, digits, s, train, **how):
    """Prune the untrained network, then spend the whole budget on training."""
    mn.prune(start, s, data=digits.train, **how)
    return train(start, 2 * EPOCHS)


def from_scratch(dense, start, digits, s, train, **how):
    """The shape that magnitude finds in the trained network, from new random weights, with the whole budget."""
    mn.prune(dense, s, **how)
    sizes = [p.shape[0] for p in dense.params() if p.prunable]
    fresh = reinitialised(lambda seed: mn.models.mlp(*sizes, 10, rng=seed), masks_of(dense), train.keywords["rng"])
    return train(fresh, 2 * EPOCHS)


WAYS = {
    "random": partial(one_shot, criterion=mn.random),
    "magnitude, global": one_shot,
    "magnitude, per layer": partial(one_shot, scope=mn.layer),
    "magnitude, Erdős–Rényi": erdos_renyi,
    "snip, global": partial(one_shot, criterion=mn.snip),
    "taylor, global": partial(one_shot, criterion=mn.taylor),
    "wanda, per layer": partial(one_shot, criterion=mn.wanda, scope=mn.layer),
    "snip before training": partial(before_training, criterion=mn.snip),
    "global shape from scratch": from_scratch,
    "iterative, global": iterative,
    "gradual, global": gradual,
}
CURES = ("magnitude, global", "magnitude, per layer", "magnitude, Erdős–Rényi", "random", "iterative, global",
         "gradual, global")


# ---- runs ------------------------------------------------------------------------------------------------------------


def train_for(net, epochs, during=None, *, data, optimiser, rng):
    """Train for a number of epochs; ``during(net, progress)`` is called after each step."""
    count = steps_for(data, epochs, BATCH)
    for step in mn.steps(net, data, optimiser, count=count, batch=BATCH, rng=rng):
        if during is not None:
            during(net, (step.index + 1) / count)
    return net


def run(name, seed, ways):
    """All ways, sparsities and rates for one network and one seed, as rows of the table."""
    digits, sizes = mn.data.digits(), NETS[name]
    start = mn.models.mlp(*sizes, rng=seed)
    dense = train_for(start.copy(), EPOCHS, data=digits.train, optimiser=mn.Adam(RATES[0]), rng=seed)
    rows = [row(name, "dense", 0.0, RATES[0], seed, dense, digits)]
    for way in ways:
        for s in SPARSITIES[name]:
            for lr in RATES:
                train = partial(train_for, data=digits.train, optimiser=mn.Adam(lr), rng=seed)
                net = WAYS[way](dense.copy(), start.copy(), digits, s, train)
                rows.append(row(name, way, s, lr, seed, net, digits))
    return rows


def row(name, way, s, lr, seed, net, digits):
    kept = [p.kept / p.size for p in net.params() if p.prunable]
    return {"net": name, "way": way, "sparsity": s, "rate": lr, "seed": seed,
            "real_sparsity": round(mn.sparsity(net), 5),
            "validation": round(mn.accuracy(net, digits.val), 4), "test": round(mn.accuracy(net, digits.test), 4),
            "kept_by_layer": " ".join(f"{k:.4f}" for k in kept)}


# ---- tables ----------------------------------------------------------------------------------------------------------


def chosen(rows, name, way, s):
    """The rows of all seeds at the rate with the better median validation accuracy."""
    by_rate = {}
    for one in rows:
        if (one["net"], one["way"], one["sparsity"]) == (name, way, s):
            by_rate.setdefault(one["rate"], []).append(one)
    return max(by_rate.values(), key=lambda many: np.median([one["validation"] for one in many])) if by_rate else []


def tests(rows):
    return [100 * one["test"] for one in rows]


def print_accuracies(rows, name, ways):
    whole = tests(chosen(rows, name, "dense", 0.0))
    sizes = "-".join(map(str, NETS[name]))
    print(f"\n{name}: {sizes}, dense {np.median(whole):.1f} % ({min(whole):.1f}–{max(whole):.1f})")
    print("test accuracy in %, median (lowest–highest of the seeds), at sparsity")
    print(f"{'':30}" + "".join(f"{f'{s:.0%}':>22}" for s in SPARSITIES[name]))
    for way in ways:
        cells = [tests(chosen(rows, name, way, s)) for s in SPARSITIES[name]]
        print(f"{way:30}" + "".join(f"{f'{np.median(c):.1f} ({min(c):.1f}–{max(c):.1f})':>22}" for c in cells))


def print_collapse(rows, ways):
    """What global pruning in one shot does to the layers of the large network, and what cures it."""
    print("\nThe collapse of global one-shot pruning: weights left in each layer of the large network, medians")
    for s in SPARSITIES["large"][1:]:
        for way in CURES:
            if way in ways:
                many = chosen(rows, "large", way, s)
                kept = np.median([[float(k) for k in one["kept_by_layer"].split()] for one in many], axis=0)
                layers = "   ".join(f"{k:6.1%} = {k * a * b:5.0f}"
                                    for k, a, b in zip(kept, NETS["large"], NETS["large"][1:], strict=False))
                print(f"{s:.0%}  {way:24}  {layers}   test {np.median(tests(many)):5.1f} %")


def print_promises(rows):
    """The comparisons that the course relies on, in points of median test accuracy."""
    def median(name, way, s):
        found = tests(chosen(rows, name, way, s))
        return np.median(found) if found else np.nan

    small = {way: median("small", way, 0.9) for way in WAYS}
    large = {way: median("large", way, 0.98) for way in WAYS}
    one_shots = max(large[way] for way in ("magnitude, global", "magnitude, per layer"))
    promises = (
        ("magnitude − random, small, 90 %", small["magnitude, global"] - small["random"], 20),
        ("iterative − one-shot global, large, 98 %", large["iterative, global"] - large["magnitude, global"], 10),
        ("iterative − the better one-shot, large, 98 %", large["iterative, global"] - one_shots, 10),
        ("gradual − iterative, large, 98 %", large["gradual, global"] - large["iterative, global"], -1),
    )
    print("\nPoints of median test accuracy; the better one-shot is global or per layer")
    for said, value, wanted in promises:
        if not np.isnan(value):
            print(f"{said:45}{value:+6.1f}   wanted at least {wanted:+d}   {'yes' if value >= wanted else 'NO'}")


def main():
    ask = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ask.add_argument("--seeds", type=int, default=5)
    ask.add_argument("--nets", nargs="+", choices=NETS, default=list(NETS))
    ask.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    ask.add_argument("--jobs", type=int, default=1, help="processes")
    asked = ask.parse_args()
    begun = perf_counter()
    work = [(name, seed, asked.ways) for name in asked.nets for seed in range(asked.seeds)]
    with ProcessPoolExecutor(asked.jobs) as pool:
        rows = [one for many in pool.map(run, *zip(*work, strict=True)) for one in many]
    if asked.seeds >= 5 and len(asked.nets) == len(NETS) and len(asked.ways) == len(WAYS):
        RESULTS.parent.mkdir(exist_ok=True)
        with RESULTS.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, rows[0])
            table.writeheader()
            table.writerows(rows)
    for name in asked.nets:
        print_accuracies(rows, name, asked.ways)
    if "large" in asked.nets:
        print_collapse(rows, asked.ways)
    print_promises(rows)
    print(f"\n{perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
