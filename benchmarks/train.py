"""How long does one training step take: forward, backward and update, minnet against PyTorch on this computer?

    python benchmarks/train.py                # one thread, then two; about two minutes
    python benchmarks/train.py --threads 1    # only one
    python benchmarks/train.py --where        # also say where minnet's time goes

Both sides get ready batches and the same starting weights, and their losses are compared first. PyTorch runs eagerly
with its fused optimisers. "×" is PyTorch's time divided by minnet's, so above 1 minnet is faster. "masked" is minnet
with 90 % of the weights removed, and what that costs compared with the dense step (PyTorch's own masks are
torch.nn.utils.prune). Figures are medians; those in brackets compare lower quartiles, which a busy computer disturbs
less. minnet trains in NumPy alone: layers in minnet/nn, the flat vectors in minnet/nn/flat_params.py.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
from timing import compare, threads

import minnet as mn
from minnet.nn.flat_params import Flat
from minnet.nn.train import one_step

OPTIMISERS = {"SGD + momentum": mn.SGD(0.01, momentum=0.9), "Adam": mn.Adam(0.0012)}
CASES = [
    ("LeNet-300-100", mn.models.lenet_300_100, (784,), 60),
    ("LeNet-300-100", mn.models.lenet_300_100, (784,), 128),
    ("LeNet-5", mn.models.lenet5, (1, 28, 28), 64),
]


def ours(make, optimiser, x, y, masked=False):
    """A function that takes one step with minnet and returns the loss."""
    net = make(rng=0)
    if masked:
        mn.prune(net, 0.9, criterion=mn.random, rng=0)
    run = Flat(net.params())
    update, steps = optimiser.begin(run), iter(range(10**9))
    return lambda: one_step(net, run, update, next(steps), x, y)


def theirs(make, optimiser, x, y, masked=False):
    """The same network, weights and step in PyTorch."""
    import torch
    from torch.nn.utils import prune

    net = mn.to_torch(make(rng=0))
    if masked:
        for layer in net.modules():
            if hasattr(layer, "weight"):
                prune.random_unstructured(layer, "weight", 0.9)
    if isinstance(optimiser, mn.Adam):
        step = torch.optim.Adam(net.parameters(), lr=optimiser.lr, fused=True)
    else:
        step = torch.optim.SGD(net.parameters(), lr=optimiser.lr, momentum=optimiser.momentum, fused=True)
    x, y = torch.tensor(x), torch.tensor(y)

    def run():
        step.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x), y)
        loss.backward()
        step.step()
        return float(loss.detach())

    return run


def case(name, make, shape, batch, seconds):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(batch, *shape)).astype(np.float32), rng.integers(0, 10, batch)
    for said, optimiser in OPTIMISERS.items():
        pair = ours(make, optimiser, x, y), theirs(make, optimiser, x, y)
        losses = np.array([[step() for step in pair] for _ in range(5)])
        assert np.allclose(*losses.T, rtol=1e-3), losses
        times = compare({"ours": pair[0], "torch": pair[1], "masked": ours(make, optimiser, x, y, masked=True),
                         "torch masked": theirs(make, optimiser, x, y, masked=True)}, rounds=200, budget=seconds)
        t = {key: timing.median for key, timing in times.items()}
        low = {key: timing.low for key, timing in times.items()}
        print(f"{name:14s} batch {batch:3d}  {said:15s} ours {times['ours']!s:24s} torch {times['torch']!s:24s} "
              f"{t['torch'] / t['ours']:.2f}× ({low['torch'] / low['ours']:.2f}×)   "
              f"masked {t['masked'] / t['ours'] - 1:+.0%} ({low['masked'] / low['ours'] - 1:+.0%}), "
              f"{t['torch masked'] / t['masked']:.2f}× torch masked", flush=True)


def where(name, make, shape, batch, seconds):
    """The parts of one step, each timed alone."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(batch, *shape)).astype(np.float32), rng.integers(0, 10, batch)
    net = make(rng=0)
    run = Flat(net.params())
    answers, back = net.forward(x)
    _, gradient = mn.cross_entropy(answers, y)
    updates = {said: optimiser.begin(run) for said, optimiser in OPTIMISERS.items()}

    def backward():
        run.forget_gradients()
        back(gradient, False)

    parts = {"forward": lambda: net.forward(x), "loss": lambda: mn.cross_entropy(answers, y), "backward": backward}
    parts |= {said: lambda update=update: update(5) for said, update in updates.items()}
    times = compare(parts, rounds=100, budget=seconds)
    print(f"    {name}: " + ", ".join(f"{part} {timing.median * 1e6:.0f} µs" for part, timing in times.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=6.0, help="per comparison")
    parser.add_argument("--where", action="store_true")
    options = parser.parse_args()
    import torch

    warnings.filterwarnings("ignore", category=UserWarning)
    for count in options.threads:
        torch.set_num_threads(count)
        with threads(count):
            print(f"--- {count} thread{'s' * (count > 1)}, torch {torch.__version__}, numpy {np.__version__}")
            for one in CASES:
                case(*one, options.seconds)
                if options.where:
                    where(*one, options.seconds)


if __name__ == "__main__":
    main()
