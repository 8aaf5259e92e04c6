"""How much faster is a pruned network really? Ratios against everything else on this computer that can multiply.

    python benchmarks/forward.py                # one thread, all tables, about three minutes
    python benchmarks/forward.py --threads 2    # the others may use two threads; minnet's kernels use one
    python benchmarks/forward.py --quick        # fewer sparsities
    python benchmarks/forward.py --out folder   # also write forward.csv and forward.png there

Dense peers: NumPy in all orientations, and torch. Sparse peers: scipy, torch, MKL (sparse_dot_mkl). Those that are
not installed are left out. Peers multiply only; minnet's figures include copying into tiles and back, the bias, and the
call from Python. "×" is the time of the fastest dense peer of the same run divided by minnet's time.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from timing import compare, threads

import minnet as mn
import minnet.sparse
from minnet.nn.layers import Dense
from minnet.nn.models import mlp

LAYERS = ((784, 300), (1024, 1024))
BATCHES = (1, 8, 64, 1024)
SPARSITIES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98)
QUICK = (0.4, 0.8, 0.9, 0.95)


# ---- weights ----------------------------------------------------------------------------------------


def pruned(weight, sparsity, kind, rng, block=1):
    """A mask for weight (in, out): "random", or "magnitude" (the smallest fall; rows and columns differ in scale).

    `block` outputs that follow each other share their fate.
    """
    inputs, outputs = weight.shape
    score = rng.random((inputs, -(-outputs // block)))
    if kind == "magnitude":
        score = np.abs(rng.normal(size=score.shape))
        score *= np.exp(0.7 * rng.normal(size=(inputs, 1))) * np.exp(0.5 * rng.normal(size=(1, score.shape[1])))
    removed = np.argsort(score, axis=None)[:round(sparsity * score.size)]
    mask = np.ones(score.size, bool)
    mask[removed] = False
    return np.repeat(mask.reshape(score.shape), block, axis=1)[:, :outputs]


def layer(inputs, outputs, sparsity, kind="random", block=1, seed=0):
    """A dense layer with a mask."""
    rng = np.random.default_rng(seed)
    dense = Dense(inputs, outputs, rng=rng)
    dense.weight.mask = pruned(dense.weight.data, sparsity, kind, rng, block)
    return dense


# ---- peers ------------------------------------------------------------------------------------------


def dense_peers(weight, x):
    """Dense products of x (n, in) and weight (in, out), in every orientation that a library may prefer."""
    turned, x_turned = np.ascontiguousarray(weight.T), np.ascontiguousarray(x.T)
    out, out_turned = np.empty((len(x), weight.shape[1]), np.float32), np.empty((weight.shape[1], len(x)), np.float32)
    peers = {
        "numpy x@W": lambda: np.dot(x, weight, out=out),
        "numpy x@W.T": lambda: np.dot(x, turned.T, out=out),
        "numpy W@x": lambda: np.dot(turned, x_turned, out=out_turned),
    }
    if importlib.util.find_spec("torch"):
        import torch
        w, samples = torch.from_numpy(turned), torch.from_numpy(x)
        peers["torch linear"] = lambda: torch.nn.functional.linear(samples, w)
    return peers


def sparse_peers(weight, x):
    """Products of the same matrices by libraries for sparse ones, each in the orientation that suits it."""
    peers = {}
    x_turned = np.ascontiguousarray(x.T)
    if importlib.util.find_spec("scipy"):
        import scipy.sparse
        rows = scipy.sparse.csr_array(weight.T)
        vector = x_turned[:, 0].copy() if len(x) == 1 else x_turned
        peers["scipy csr"] = lambda: rows @ vector
    if importlib.util.find_spec("torch"):
        import torch
        w, samples = torch.from_numpy(np.ascontiguousarray(weight.T)).to_sparse_csr(), torch.from_numpy(x_turned)
        peers["torch csr"] = lambda: w @ samples
    if importlib.util.find_spec("sparse_dot_mkl"):
        import scipy.sparse
        import sparse_dot_mkl
        matrix = scipy.sparse.csr_matrix(weight.T)
        peers["mkl csr"] = lambda: sparse_dot_mkl.dot_product_mkl(matrix, x_turned)
    return peers


def fastest(times, names):
    """(name, Timing) of the fastest of `names`, or None if there is none."""
    return min(((name, times[name]) for name in names), key=lambda pair: pair[1].median, default=None)


# ---- tables -----------------------------------------------------------------------------------------


def single_layers(sparsities, seconds):
    """One row for each layer, kind of mask, batch and sparsity."""
    for inputs, outputs in LAYERS:
        for kind in ("random", "magnitude"):
            for n in BATCHES:
                x = np.random.default_rng(1).normal(size=(n, inputs)).astype(np.float32)
                for sparsity in sparsities:
                    dense = layer(inputs, outputs, sparsity, kind)
                    weight = dense.weight.value
                    by_rows, auto = minnet.sparse.compile(dense, "rows"), minnet.sparse.compile(dense)
                    known, rivals = dense_peers(weight, x), sparse_peers(weight, x)
                    times = compare({**known, **rivals, "minnet": partial(auto, x),
                                     "minnet rows": partial(by_rows, x)}, budget=seconds)
                    yield row("layer", f"{inputs}×{outputs}", kind, n, sparsity, times, known, rivals)


def row(table, shape, kind, n, sparsity, times, known, rivals=()):
    """What is printed and written for one measurement."""
    peer, best = fastest(times, known)
    ours = times["minnet"]
    found = {"table": table, "shape": shape, "kind": kind, "batch": n, "sparsity": sparsity,
             "dense peer": peer, "dense µs": best.median * 1e6, "minnet µs": ours.median * 1e6,
             "low µs": ours.low * 1e6, "high µs": ours.high * 1e6, "×": best.median / ours.median,
             "of ideal": best.median / ours.median * (1 - sparsity)}
    if "minnet rows" in times:
        found["× rows"] = best.median / times["minnet rows"].median
    if rivals:
        name, rival = fastest(times, rivals)
        found |= {"sparse peer": name, "× sparse peer": rival.median / ours.median}
    return found


def blocks(seconds, n=64):
    """Column blocks: four outputs share their inputs."""
    for inputs, outputs in LAYERS:
        x = np.random.default_rng(1).normal(size=(n, inputs)).astype(np.float32)
        for sparsity in (0.5, 0.8, 0.9, 0.95):
            dense = layer(inputs, outputs, sparsity, block=4)
            known = dense_peers(dense.weight.value, x)
            predict = minnet.sparse.compile(dense)
            times = compare({**known, "minnet": partial(predict, x)}, budget=seconds)
            yield row("blocks of 4", f"{inputs}×{outputs}", "random", n, sparsity, times, known)


def shrunken(seconds):
    """Physically smaller dense layers, as `mn.compact` leaves them: a part of the neurons of each layer is gone."""
    for n in (64, 1024):
        x = np.random.default_rng(1).normal(size=(n, 784)).astype(np.float32)
        big = mlp(784, 300, 300, 10, rng=0)
        whole = minnet.sparse.compile(big)
        for keep in (0.3, 0.5, 0.7):
            small = mlp(784, round(300 * keep), round(300 * keep), 10, rng=0)
            removed = 1 - sum(p.size for p in small.params()) / sum(p.size for p in big.params())
            predict = minnet.sparse.compile(small)
            times = compare({"whole": partial(whole, x), "minnet": partial(predict, x)}, budget=seconds)
            yield row("fewer neurons", f"keep {keep:.0%}", "dense", n, removed, times, ["whole"])


def whole_networks(seconds, sizes=(784, 300, 100, 10)):
    """LeNet-300-100, magnitude-pruned globally, against NumPy and torch running all layers."""
    for sparsity in (0.0, 0.9, 0.95):
        net = mlp(*sizes, rng=0)
        weights = [param for param in net.params() if param.prunable]
        scores = np.concatenate([np.abs(param.data).ravel() for param in weights])
        least = np.partition(scores, round(sparsity * scores.size))[round(sparsity * scores.size)]
        for param in weights:
            param.mask = np.abs(param.data) >= least
        predict = minnet.sparse.compile(net)
        for n in (1, 64, 1024):
            x = np.random.default_rng(1).normal(size=(n, sizes[0])).astype(np.float32)
            known = {"numpy": numpy_network(net, x)}
            if importlib.util.find_spec("torch"):
                known["torch eager"] = torch_network(net, x)
            times = compare({**known, "net(x)": partial(net, x), "minnet": partial(predict, x)}, budget=seconds)
            for peer in (*known, "net(x)"):
                yield row("LeNet-300-100", f"against {peer}", "magnitude", n, sparsity, times, [peer])


def image_networks(seconds):
    """LeNet-5 with random masks in every layer, against its own dense forward and torch."""
    for sparsity in (0.0, 0.5, 0.9, 0.95):
        net, rng = mn.models.lenet5(rng=0), np.random.default_rng(0)
        for param in net.params():
            if param.prunable and sparsity:
                outputs = param.axes.index("out")
                flat = np.moveaxis(param.data, outputs, -1).reshape(-1, param.shape[outputs])
                mask = pruned(flat, sparsity, "magnitude", rng)
                param.mask = np.moveaxis(mask.reshape(np.moveaxis(param.data, outputs, -1).shape), -1, outputs)
        predict = minnet.sparse.compile(net)
        for n in (1, 64):
            x = np.random.default_rng(1).random((n, 1, 28, 28), np.float32)
            known = {"net(x)": partial(net, x)}
            if importlib.util.find_spec("torch"):
                known["torch eager"] = torch_images(net, x)
            times = compare({**known, "minnet": partial(predict, x)}, budget=seconds)
            for peer in known:
                yield row("LeNet-5", f"against {peer}", "magnitude", n, sparsity, times, [peer])


def torch_images(net, x):
    import torch
    kinds = {"ReLU": lambda layer: torch.nn.ReLU(), "Flatten": lambda layer: torch.nn.Flatten(),
             "MaxPool2d": lambda layer: torch.nn.MaxPool2d(layer.size, layer.stride),
             "Conv2d": lambda layer: torch.nn.Conv2d(layer.n_in, layer.n_out, layer.size),
             "Dense": lambda layer: torch.nn.Linear(layer.n_in, layer.n_out)}
    layers = [kinds[type(layer).__name__](layer) for layer in net.layers]
    for ours, theirs in zip(net.layers, layers, strict=True):
        if ours.own_params():
            value = ours.weight.value
            theirs.weight.data = torch.from_numpy(np.ascontiguousarray(value.T if value.ndim == 2 else value))
            theirs.bias.data = torch.from_numpy(ours.bias.value.copy())
    model, samples = torch.nn.Sequential(*layers), torch.from_numpy(x)

    def predict():
        with torch.inference_mode():
            return model(samples)
    assert np.allclose(predict().numpy(), net(x), rtol=1e-3, atol=1e-4)
    return predict


def numpy_network(net, x):
    """Bare NumPy, with nothing allocated anew: the fastest that one can write without much thought."""
    values = [param.value for param in net.params()]
    pairs = list(zip(values[::2], values[1::2], strict=True))
    outs = [np.empty((len(x), bias.size), np.float32) for _, bias in pairs]

    def predict():
        y = x
        for (weight, bias), out in zip(pairs, outs, strict=True):
            np.dot(y, weight, out=out)
            np.add(out, bias, out=out)
            if out is not outs[-1]:
                np.maximum(out, 0, out=out)
            y = out
        return y
    return predict


def torch_network(net, x):
    import torch
    values = [param.value for param in net.params()]
    layers = []
    for weight, bias in zip(values[::2], values[1::2], strict=True):
        linear = torch.nn.Linear(*weight.shape)
        linear.weight.data, linear.bias.data = torch.from_numpy(weight.T.copy()), torch.from_numpy(bias.copy())
        layers += [linear, torch.nn.ReLU()]
    model, samples = torch.nn.Sequential(*layers[:-1]), torch.from_numpy(x)

    def predict():
        with torch.inference_mode():
            return model(samples)
    return predict


def unpruned(seconds):
    """`compile` on a network that was never pruned must not be slower than the network's own forward."""
    for sizes in ((64, 32, 16, 10), (784, 300, 100, 10), (1024, 1024)):
        net = mlp(*sizes, rng=0)
        predict = minnet.sparse.compile(net)
        for n in BATCHES:
            x = np.random.default_rng(1).normal(size=(n, sizes[0])).astype(np.float32)
            times = compare({"net(x)": partial(net, x), "minnet": partial(predict, x)}, budget=seconds)
            yield row("not pruned", "-".join(map(str, sizes)), "dense", n, 0.0, times, ["net(x)"])


# ---- first call -------------------------------------------------------------------------------------

FIRST = """
import time; start = time.perf_counter()
import minnet; imported = time.perf_counter()
import numpy as np
from minnet import sparse
from minnet.nn.models import mlp
net = mlp(64, 32, 16, 10, rng=0)
net.params()[0].mask = np.random.default_rng(0).random((64, 32)) > 0.9
sparse.compile(net)(np.zeros(({n}, 64), np.float32))
print(time.perf_counter() - imported)
"""


def first_prediction(folder):
    """Seconds from `import minnet` to the first prediction, with an empty cache folder and with a filled one."""
    for n in (1, 8, 64):
        cache = Path(folder) / f"first{n}"
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
        seconds = [float(subprocess.run([sys.executable, "-c", FIRST.format(n=n)], env=environment, check=True,
                                        capture_output=True, text=True).stdout) for _ in range(2)]
        print(f"first prediction, batch {n}: {seconds[0]:.2f} s with an empty cache, "
              f"{seconds[1]:.2f} s with a filled one")


# ---- output -----------------------------------------------------------------------------------------


def show(found):
    cells = [f"{found['table']:<14}{found['shape']:<20}{found['kind']:<10} batch {found['batch']:<5}"
             f" {found['sparsity']:6.1%}  dense {found['dense µs']:9.1f} µs ({found['dense peer']})"
             f"  minnet {found['minnet µs']:9.1f} µs ({found['low µs']:.1f}–{found['high µs']:.1f})"
             f"  {found['×']:6.2f}×  {found['of ideal']:.2f} of ideal"]
    if "× rows" in found:
        cells.append(f"  rows {found['× rows']:.2f}×")
    if "× sparse peer" in found:
        cells.append(f"  {found['× sparse peer']:.1f}× {found['sparse peer']}")
    print("".join(cells), flush=True)


def crossovers(rows):
    """The least sparsity from which on the sparse kernels beat the fastest dense peer, for each layer and batch."""
    series = {}
    for found in rows:
        if found["table"] == "layer":
            key = found["shape"], found["kind"], found["batch"]
            series.setdefault(key, []).append((found["sparsity"], found["× rows"]))
    for (shape, kind, n), points in series.items():
        slower = [sparsity for sparsity, ratio in points if ratio < 1]
        faster = [sparsity for sparsity, _ in points if sparsity > max(slower, default=-1)]
        print(f"crossover {shape} {kind} batch {n}: {f'at most {min(faster):.0%}' if faster else 'none'}")


def write(rows, folder):
    folder.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(name for found in rows for name in found))
    with open(folder / "forward.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    figure(rows).savefig(folder / "forward.png", dpi=150)


def figure(rows):
    """Speed-up over sparsity, one panel for each layer, one line for each batch."""
    from matplotlib.figure import Figure
    fig = Figure(figsize=(9, 3.6), layout="constrained")
    for ax, (inputs, outputs) in zip(fig.subplots(1, len(LAYERS), sharey=True), LAYERS, strict=True):
        for n, colour in zip(BATCHES, ("#332288", "#88CCEE", "#CC6677", "#DDCC77"), strict=True):
            points = [(found["sparsity"], found["× rows"]) for found in rows if found["table"] == "layer"
                      and found["shape"] == f"{inputs}×{outputs}" and found["batch"] == n and found["kind"] == "random"]
            ax.plot([100 * s for s, _ in points], [ratio for _, ratio in points], "o-", ms=3, color=colour,
                    label=f"batch {n}")
        ax.axhline(1, color="0.5", lw=1)
        ax.set(title=f"{inputs} × {outputs}", xlabel="sparsity (%)", yscale="log", yticks=(0.25, 0.5, 1, 2, 4, 8, 16),
               yticklabels=("¼", "½", "1", "2", "4", "8", "16"))
        ax.grid(alpha=0.3)
    fig.axes[0].set_ylabel("× fastest dense product")
    fig.axes[0].legend()
    return fig


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seconds", type=float, default=0.4, help="budget for one line of a table")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    with threads(options.threads):
        if importlib.util.find_spec("torch"):
            import torch
            torch.set_num_threads(options.threads)
        for table in (single_layers(QUICK if options.quick else SPARSITIES, options.seconds), blocks(options.seconds),
                      shrunken(options.seconds), whole_networks(options.seconds), image_networks(options.seconds),
                      unpruned(options.seconds)):
            for found in table:
                show(found)
                rows.append(found)
    crossovers(rows)
    if options.out:
        write(rows, options.out)
    with tempfile.TemporaryDirectory() as folder:
        first_prediction(folder)


if __name__ == "__main__":
    main()
