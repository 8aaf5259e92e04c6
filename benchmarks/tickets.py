"""Does the winning ticket win? Lesson 10 on MNIST-1D, five seeds: ticket, same mask re-initialised, random mask, dense.

    OPENBLAS_NUM_THREADS=1 python benchmarks/tickets.py          # about 15 minutes on one core
    python benchmarks/tickets.py --seeds 1 --out quick.json      # a look at one seed
    python benchmarks/tickets.py --first 5 --signals 1000 --out benchmarks/results/tickets_again.json

A 40-200-200-10 network (50,000 weights) is trained for 500 steps of 100 samples, each layer is pruned by magnitude,
what is left is rewound to its initial weights and trained again, and so on: 25 rounds to 92 %, 14 more to 98 %. Then
the mask of the chosen round is trained from its initial weights (the ticket), from others, and from the same weights in
shuffled places; besides a mask of random places, and dense networks: plain, stopped early, with dropout, and small.
The rounds and their rivals are those of `minnet.experiments.lottery_tickets`.
Round, learning rates and dropout are chosen by the median validation accuracy of all seeds. But test figures had been
seen before three things were settled: the 500 steps (1,000 in a first trial that was not finished; so the accuracies
along a long training are written down), and the rules by which the round and the rate of the search are chosen.
So all of it was repeated once, with everything settled: other seeds, and new signals that nobody had seen.

A seed draws the initial weights, the order of the samples and the random places.

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
from minnet.experiments.lottery_tickets import (
    LotteryTickets,
    random_mask,
    reinitialised,
    shuffled_weights,
    ticket,
    together,
)

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
    tickets = LotteryTickets(made, data, seed, levels=levels, count=STEPS, rate=rate, batch=BATCH, rewind_to=rewind_to)
    found = [[round(mn.sparsity(net), 4), *judged(net, data)] for net in tickets.search()]
    return found, tickets.masks[1:]


def rounds(notes, name, *arguments, **more):
    """What `find` found, and the masks from their file."""
    file = notes.masks / (name.replace(" ", "_") + ".npz")
    if not file.exists():
        notes.found.pop(name, None)

    def work():
        found, masks = find(*arguments, **more)
        np.savez_compressed(file, **{f"{k} {path}": mask for k, each in enumerate(masks)
                                     for path, mask in each.items() if mask is not None})
        return found

    found = notes.once(name, work)
    masks = [{} for _ in found[1:]]
    with np.load(file) as kept:
        for key, mask in kept.items():
            k, path = key.split()
            masks[int(k)][path] = mask
    return found, masks


STARTS = {"ticket": partial(ticket, made), "re-initialised": partial(reinitialised, made),
          "numbers shuffled": partial(shuffled_weights, made), "random mask": partial(random_mask, made)}


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
        _, mixed_masks = rounds(notes, f"shuffled rounds seed {seed}", mixed, found_with, seed, LEVELS[:ROUNDS])
        nets = {name: start(mixed_masks[-1], seed) for name, start in STARTS.items()}
        nets["ticket of the plain ones"] = ticket(made, masks[seed][ROUNDS - 1], seed)
        for name, net in nets.items():
            once_more(notes, table, f"shuffled signals: {name}", net, mixed, rate, seed)
        first, mixed_up = masks[seed][ROUNDS - 1]["dense1.weight"], mixed_masks[-1]["dense1.weight"]
        back = np.empty_like(mixed_up)
        back[order] = mixed_up
        for name, mask in (("plain", first), ("shuffled", mixed_up), ("shuffled, put back in order", back),
                           ("random mask", random_mask(made, masks[seed][ROUNDS - 1], seed).params()[0].mask)):
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
