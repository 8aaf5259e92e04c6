"""How much slower is training while other programs keep all cores busy?

    python benchmarks/busy_machine.py                # three times as many busy processes as cores; about two minutes
    python benchmarks/busy_machine.py --unlimited    # the same with as many BLAS threads as the user has set

Trains 64-300-100-10 on the digits for 20 epochs, on the computer as it is and beside processes that only count, in
turn (A B A B …); the same for a loop in pure Python, which shows what one thread's fair share is at that time; and asks
`mn.checkup` in both states. Beside six processes on two idle cores the share is a quarter of a core, so one thread
takes 4 times as long. Figures are medians, with the lowest and the highest. Without minnet's limits (minnet/threads.py)
several threads wait for each other's turn, which takes far longer: try it with few epochs. Leave OPENBLAS_NUM_THREADS
unset, as most users do.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from contextlib import contextmanager
from time import perf_counter, sleep

from threadpoolctl import threadpool_info
from timing import computer

import minnet as mn
from minnet import threads


@contextmanager
def busy(count):
    """So many processes that only count, for as long as the `with` block runs."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        sleep(0.5)  # until all of them have started
        yield
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


def seconds(run):
    start = perf_counter()
    run()
    return perf_counter() - start


def in_turn(run, processes, rounds):
    """Seconds of ``run``, [idle, busy], in each round."""
    found = []
    for _ in range(rounds):
        idle = seconds(run)
        with busy(processes):
            found.append((idle, seconds(run)))
    return found


def summary(what, found):
    idle, slow = zip(*found, strict=True)
    ratios = [b / a for a, b in found]
    print(f"{what:<10} idle {spread(idle, 's')}   busy {spread(slow, 's')}   busy / idle {spread(ratios, '×')}",
          flush=True)


def spread(values, unit):
    return f"{statistics.median(values):.2f} {unit} ({min(values):.2f}–{max(values):.2f})"


def main():
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--processes", type=int, default=3 * (os.cpu_count() or 1), help="that are busy meanwhile")
    ask.add_argument("--rounds", type=int, default=5)
    ask.add_argument("--epochs", type=int, default=20)
    ask.add_argument("--unlimited", action="store_true", help="lift minnet's own limit")
    asked = ask.parse_args()
    if asked.unlimited:
        threads.LARGE = 0  # then every product counts as large
    train_data = mn.data.digits().train

    def train():
        mn.fit(mn.models.mlp(64, 300, 100, 10, rng=0), train_data, epochs=asked.epochs, rng=0, progress=False)

    train()
    mn.checkup()  # compiles a kernel the first time
    blas = ", ".join(f"{each['internal_api']} with {each['num_threads']}" for each in threadpool_info()
                     if each["user_api"] == "blas")
    print(f"{computer()}; {asked.processes} busy processes, {asked.rounds} rounds; BLAS threads of the user: {blas}")
    summary("loop", in_turn(lambda: sum(number % 7 for number in range(4_000_000)), asked.processes, asked.rounds))
    summary("training", in_turn(train, asked.processes, asked.rounds))
    summary("checkup", in_turn(mn.checkup, asked.processes, asked.rounds))
    for state, count in (("idle", 0), ("busy", asked.processes)):
        with busy(count):
            print(f"{state}: {mn.checkup().lines[-1].said}", flush=True)


if __name__ == "__main__":
    main()
