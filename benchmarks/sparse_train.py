"""How much faster is training when only the weights that are left are multiplied?

    python benchmarks/sparse_train.py                # one thread, about a minute
    python benchmarks/sparse_train.py --threads 2    # the dense steps may use two threads; the sparse ones use one

Both sides are the loops that a user writes, `mn.steps` and `mn.sparse.steps`, on copies of one pruned LeNet-300-100,
with everything: drawing the batch, forward, loss, back, update. Before anything is timed, both take 100 steps, and the
largest relative difference of their losses is printed. It is about 1e-7. (Now and then a neuron stands so exactly on
ReLU's kink that rounding decides on which side, in the dense run as well as in the sparse one; from then on the two
differ by more, as either does from a run in float64.) "×" is the time of a masked dense step divided by that of a
sparse one; "of ideal" is that times the density, so 1.00 means that every removed weight is time saved.
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np
from timing import compare, threads

import minnet as mn
import minnet.sparse

OPTIMISERS = {"SGD + momentum": mn.SGD(0.01, momentum=0.9), "Adam": mn.Adam(0.0012)}
SPARSITIES = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98)
BATCHES = (32, 64, 128)
ENDLESS = 10**9


def same_losses(net, data, optimiser, batch, count=100):
    """Relative differences between the losses of both kinds of steps."""
    losses = [[step.loss for step in run(net.copy(), data, optimiser, count=count, batch=batch, rng=0)]
              for run in (mn.steps, minnet.sparse.steps)]
    return np.abs(np.divide(*losses) - 1)


def measure(sparsity, said, batch, data, seconds):
    net = mn.models.lenet_300_100(rng=0)
    mn.prune(net, sparsity)
    optimiser = OPTIMISERS[said]
    off = same_losses(net, data, optimiser, batch)
    assert off[:3].max() < 1e-5 and off.max() < 0.05, f"losses differ by {off}"
    runs = {"dense": mn.steps, "sparse": minnet.sparse.steps}
    times = compare({name: partial(next, run(net.copy(), data, optimiser, count=ENDLESS, batch=batch, rng=0))
                     for name, run in runs.items()}, rounds=300, budget=seconds)
    ratio, low = (getattr(times["dense"], part) / getattr(times["sparse"], part) for part in ("median", "low"))
    print(f"batch {batch:4d}  {said:15s} {sparsity:4.0%} removed   dense {times['dense']!s:26s} "
          f"sparse {times['sparse']!s:26s} {ratio:6.2f}× (lower quartiles {low:.2f}×)  "
          f"{ratio * (1 - sparsity):.2f} of ideal   losses differ by {off.max():.0e}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.5, help="per line")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    data = rng.normal(size=(4096, 784)).astype(np.float32), rng.integers(0, 10, 4096)
    with threads(options.threads):
        for batch in BATCHES:
            for said in OPTIMISERS:
                for sparsity in SPARSITIES:
                    measure(sparsity, said, batch, data, options.seconds)


if __name__ == "__main__":
    main()
