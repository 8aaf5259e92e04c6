"""Does the winning ticket win? Lesson 10 on MNIST-1D, five seeds: ticket, same mask re-initialised, random mask, dense.

    OPENBLAS_NUM_THREADS=1 python benchmarks/tickets.py          # about 15 minutes on one core
    python benchmarks/tickets.py --seeds 1 --out quick.json      # a look at one seed
    python benchmarks/tickets.py --first 5 --signals 1000 --out benchmarks/results/tickets_again.json

A 40-200-200-10 network (50,000 weights) is trained for 500 steps of 100 samples, each layer is pruned by magnitude,
what is left is rewound to its first numbers and trained again, and so on: 25 rounds to 92 %, 14 more to 98 %. Then the
mask of the chosen round is trained from its first numbers (the ticket), from new ones, and from the same numbers on
shuffled places; beside a mask of random places, and dense networks: plain, stopped early, with dropout, and small.
Round, learning rates and dropout are chosen by the median validation accuracy of all seeds. But test figures had been
seen before three things were settled: the 500 steps (1,000 in a first trial that was not finished; so the accuracies
along a long training are written down), and the rules by which the round and the rate of the search are chosen.
So all of it was repeated once, with everything settled: other seeds, and signals drawn anew that nobody had seen.

A seed draws the starting weights, the order of the samples and the dice.

Everything found is written down at once, so a stopped run goes on where it was. The masks lie in a folder of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

import minnet as mn
from minnet.data import mnist1d_signals
from minnet.experiments.lottery_tickets import together

SIZES = 40, 200, 200, 10
SMALL = 40, 43, 43, 10  # 3,999 weights, as many as a ticket of 92 %
STEPS, LONG, BATCH, EVERY = 500, 3000, 100, 250
ROUNDS, TARGET, MORE = 25, 0.92, 14
LEVELS = [1 - (1 - TARGET) ** (k / ROUNDS) for k in range(1, ROUNDS + MORE + 1)]
RATES = 0.005, 0.01, 0.02, 0.04
DENSE = 0.0025, 0.005, 0.01, 0.02  # the more weights, the smaller steps they like
SEARCH = 0.01, 0.02, 0.04  # rates of the rounds
DROPOUT = 0.1, 0.2, 0.4
EARLY = 50  # the step to rewind to instead of the first
RESULTS = Path(__file__).parent / "results"


class Notes:
    """What was found, by name; a thing that stands here already is not done again."""

    def __init__(self, path, masks):
        self.path, self.masks = path, masks
        self.found = json.loads(path.read_text())["found"] if path.exists() else {}

    def once(self, name, work):
        if name not in self.found:
            self.found[name] = work()
            print(name, flush=True)
            self.save()
        return self.found[name]

    def save(self, **told):
        lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in told.items()]
        found = ",\n".join(f" {json.dumps(name)}: {json.dumps(value)}" for name, value in self.found.items())
        self.path.write_text("{\n" + ",\n".join([*lines, f'"found": {{\n{found}\n}}']) + "\n}\n")


# ---- training --------------------------------------------------------------------------------------------------------


def made(seed, sizes=SIZES, dropout=0.0):
    return mn.models.mlp(*sizes, dropout=dropout, rng=seed)


def trained(net, data, rate, seed, count=STEPS):
    for _ in mn.steps(net, data.train, mn.Adam(rate), count=count, batch=BATCH, rng=seed):
        pass
    return net


def judged(net, data):
    return [mn.accuracy(net, data.val), mn.accuracy(net, data.test)]


def curve(net, data, rate, seed):
    """[steps, validation, test] along a long training."""
    points = []
    for step in mn.steps(net, data.train, mn.Adam(rate), count=LONG, batch=BATCH, rng=seed):
        if (step.index + 1) % EVERY == 0:
            points.append([step.index + 1, *judged(net, data)])
    return points


# ---- tickets ---------------------------------------------------------------------------------------------------------


def find(data, rate, seed, levels, rewind_to=0):
    """Train, prune, rewind: the accuracies of each round, and its masks."""
    net = made(seed)
    start = mn.snapshot(trained(net.copy(), data, rate, seed, rewind_to))
    found, masks = [[0.0, *judged(trained(net, data, rate, seed), data)]], []
    for level in levels:
        mn.prune(net, level, scope=mn.layer)
        mn.rewind(net, start)
        masks.append([param.mask for param in net.params() if param.prunable])
        found.append([round(mn.sparsity(net), 4), *judged(trained(net, data, rate, seed), data)])
    return found, masks


def rounds(notes, name, *arguments, **more):
    """What `find` found, and the masks from their file."""
    file = notes.masks / (name.replace(" ", "_") + ".npz")
    if not file.exists():
        notes.found.pop(name, None)

    def work():
        found, masks = find(*arguments, **more)
        np.savez_compressed(file, **{f"{k}_{i}": mask for k, each in enumerate(masks) for i, mask in enumerate(each)})
        return found

    found = notes.once(name, work)
    with np.load(file) as kept:
        return found, [[kept[f"{k}_{i}"] for i in range(3)] for k in range(len(found) - 1)]


def masked(net, masks):
    for param, mask in zip((p for p in net.params() if p.prunable), masks, strict=True):
        param.mask = mask
    return net


def ticket(masks, seed):
    """The first numbers."""
    return masked(made(seed), masks)


def reinitialised(masks, seed):
    """New numbers."""
    return masked(made(seed + 1000), masks)


def reshuffled(masks, seed):
    """The first numbers of the ticket, each on another place of it."""
    net, dice = ticket(masks, seed), np.random.default_rng(seed)
    for param in net.params():
        if param.prunable:
            numbers = param.data.copy()
            numbers[param.mask] = dice.permutation(numbers[param.mask])
            param.data = numbers
    return net


def random_mask(masks, seed):
    """As many weights in each layer, on random places."""
    dice = np.random.default_rng(seed)
    return masked(made(seed), [dice.permutation(mask.ravel()).reshape(mask.shape) for mask in masks])


STARTS = {"ticket": ticket, "re-initialised": reinitialised, "numbers shuffled": reshuffled, "random mask": random_mask}


def order_of(plain, shuffled):
    """Which point of the plain signals stands at each place of the shuffled ones."""
    return plain.train.x[0].argsort()[shuffled.train.x[0].argsort().argsort()]


# ---- choices, by validation ------------------------------------------------------------------------------------------


def best(options, score):
    """The option with the highest median of its validation accuracies."""
    return max(options, key=lambda option: np.median(score(option)))


def at(points, step=STEPS):
    """[validation, test] at a step of a curve."""
    return next(rest for index, *rest in points if index == step)


def stopped(points):
    """[validation, test] where the validation accuracy was highest."""
    return max(([*rest] for _, *rest in points), key=lambda pair: pair[0])


def sparsest(by_seed, wanted):
    """The last round whose median validation accuracy is at least as high as wanted."""
    medians = np.median([[val for _, val, _ in found] for found in by_seed], axis=0)
    return int(np.flatnonzero(medians >= wanted)[-1])


# ---- the whole thing -------------------------------------------------------------------------------------------------


def run(notes, seeds, signals):
    """Everything; returns what was chosen and a table {name: [[validation, test] of each seed]}."""
    plain, mixed = (mn.data.mnist1d(mixed, seed=signals) for mixed in (False, True))
    search = {(rate, seed): rounds(notes, f"rounds rate {rate} seed {seed}", plain, rate, seed, LEVELS)
              for rate in SEARCH for seed in seeds}
    by_rate = {rate: [search[rate, seed][0] for seed in seeds] for rate in SEARCH}
    found_with = best(SEARCH, lambda rate: [found[ROUNDS][1] for found in by_rate[rate]])
    chosen = {"rate of the rounds": found_with}
    masks = {seed: search[found_with, seed][1] for seed in seeds}
    table = {}

    def long(name, start, rates=DENSE):
        """Train from a start with every rate and seed; the table gets the best rate, at three ends."""
        curves = {(rate, seed): notes.once(f"{name} rate {rate} seed {seed}",
                                           lambda rate=rate, seed=seed: curve(start(seed), plain, rate, seed))
                  for rate in rates for seed in seeds}
        ends = {f"{name}, {STEPS:,} steps": at, f"{name}, {LONG:,} steps": partial(at, step=LONG),
                f"{name}, stopped early": stopped}
        for said, end in ends.items():
            rate = best(rates, lambda rate, end=end: [end(curves[rate, seed])[0] for seed in seeds])
            table[said] = [end(curves[rate, seed]) for seed in seeds]
            chosen[said] = rate

    def rivals(k):
        for name, start in STARTS.items():
            long(f"{name} {LEVELS[k - 1]:.0%}", lambda seed, start=start: start(masks[seed][k - 1], seed), RATES)

    rivals(ROUNDS)
    long("dense", made)
    long("small dense", partial(made, sizes=SMALL))
    for p in DROPOUT:
        long(f"dense, dropout {p}", partial(made, dropout=p))
    # A winning ticket does as well as the whole network: the sparsest of them is chosen, on the validation part.
    wanted = np.median([val for val, _ in table[f"dense, {STEPS:,} steps"]])
    place = sparsest(by_rate[found_with], wanted)
    chosen |= {"round": place, "sparsity": by_rate[found_with][0][place][0]}
    rivals(place)

    rate = chosen[f"ticket {TARGET:.0%}, {STEPS:,} steps"]
    for k in (7, 16, 35):  # for the picture: about half, 80 %, 97 %
        for name in ("re-initialised", "random mask"):
            for seed in seeds:
                once_more(notes, table, f"{name} {LEVELS[k - 1]:.0%}, {STEPS:,} steps",
                          STARTS[name](masks[seed][k - 1], seed), plain, rate, seed)
    early = [rounds(notes, f"rewound to {EARLY} seed {seed}", plain, found_with, seed, LEVELS[:ROUNDS], rewind_to=EARLY)
             for seed in seeds]
    table[f"rewound to step 0, {TARGET:.0%}"] = [found[ROUNDS][1:] for found in by_rate[found_with]]
    table[f"rewound to step {EARLY}, {TARGET:.0%}"] = [found[-1][1:] for found, _ in early]
    shuffled(notes, seeds, plain, mixed, masks, found_with, rate, table)
    return chosen, table


def once_more(notes, table, said, net, data, rate, seed):
    """Train a network for the usual steps, unless that is known already, and put it into the table."""
    table.setdefault(said, []).append(
        notes.once(f"{said} seed {seed}", lambda: judged(trained(net, data, rate, seed), data)))


def shuffled(notes, seeds, plain, mixed, masks, found_with, rate, table):
    """The same with the points of the signals in another order, and what the masks look like."""
    order, looks = order_of(plain, mixed), {}
    for seed in seeds:
        _, anew = rounds(notes, f"shuffled rounds seed {seed}", mixed, found_with, seed, LEVELS[:ROUNDS])
        nets = {name: start(anew[-1], seed) for name, start in STARTS.items()}
        nets["ticket of the plain ones"] = ticket(masks[seed][ROUNDS - 1], seed)
        for name, net in nets.items():
            once_more(notes, table, f"shuffled signals: {name}", net, mixed, rate, seed)
        first, back = masks[seed][ROUNDS - 1][0], np.empty_like(anew[-1][0])
        back[order] = anew[-1][0]
        for name, mask in (("plain", first), ("shuffled", anew[-1][0]), ("shuffled, put back in order", back),
                           ("random mask", random_mask(masks[seed][ROUNDS - 1], seed).params()[0].mask)):
            looks.setdefault(name, []).append([round(float(times), 3) for times in together(mask)])
    notes.found["kept together, by places apart"] = looks


def show(table):
    print(f"\n{'':46}{'validation':>11}{'test':>7}   (range)")
    for name, pairs in table.items():
        val, test = 100 * np.median(pairs, axis=0)
        low, high = 100 * np.min(pairs, axis=0)[1], 100 * np.max(pairs, axis=0)[1]
        print(f"{name:46}{val:11.1f}{test:7.1f}   ({low:.1f}–{high:.1f})")


def main():
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--seeds", type=int, default=5, help="how many")
    ask.add_argument("--first", type=int, default=0, help="the first of the seeds")
    ask.add_argument("--signals", type=int, default=mnist1d_signals.SEED, help="the seed that draws the signals")
    ask.add_argument("--out", type=Path, default=RESULTS / "tickets.json")
    ask.add_argument("--masks", type=Path, default=Path(tempfile.gettempdir()))
    asked = ask.parse_args()
    masks = asked.masks / f"minnet-tickets-{asked.signals}"
    masks.mkdir(parents=True, exist_ok=True)
    notes = Notes(asked.out, masks)
    seeds = range(asked.first, asked.first + asked.seeds)
    chosen, table = run(notes, seeds, asked.signals)
    notes.save(command=f"OPENBLAS_NUM_THREADS=1 python benchmarks/tickets.py --seeds {asked.seeds} "
                       f"--first {asked.first} --signals {asked.signals}",
               seeds=list(seeds), signals=asked.signals, sizes=SIZES, steps=STEPS, batch=BATCH, chosen=chosen,
               table={name: [[round(x, 4) for x in pair] for pair in pairs] for name, pairs in table.items()},
               machine=f"{platform.machine()}, {os.cpu_count()} cores, shared with other work; one thread",
               python=platform.python_version(),
               numpy=np.__version__, minnet=mn.__version__)
    print(json.dumps(chosen, indent=1))
    show(table)


if __name__ == "__main__":
    main()
