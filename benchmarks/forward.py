"""How much faster is a pruned network really? Ratios against everything else on this computer that can multiply.

    python benchmarks/forward.py                 # one thread, all tables, about eight minutes
    python benchmarks/forward.py --quick         # fewer sparsities, about three minutes
    python benchmarks/forward.py --threads 2     # the others may use two threads; minnet's kernels use one
    python benchmarks/forward.py --clock cpu     # on a busy computer: count only the time that this thread really ran
    python benchmarks/forward.py --out           # also write results/forward.csv, and ../lessons/pictures/speed.png

The peers are in `other_libraries.py`; they multiply only, while minnet's figures include copying into tiles and back,
the bias, and the call from Python. "×" is the time of the fastest dense peer of the same run divided by minnet's time,
"of ideal" that times the fraction of multiplications that are left: 1.0 means that every removed weight is time saved.
At the end stand the goals that the project set itself, with the worst figure of the run for each.

What limits the speed
---------------------
A multiplication needs a weight and an input. With a tile of samples (see `minnet.sparse.tile_kernel`) both come from
the fastest cache, and a core loads about as many numbers per cycle as it multiplies. An unstructured kernel loads an
input for each weight, and now and then weights and columns too, so it keeps the multipliers busy for about 0.85 of the
time; blocks, which use an input four times, come up to 1.0. The higher the sparsity, the more of the time goes into
copying samples into tiles, which no pruning saves: about a third for 784 × 300 at 95 % and batch 64.
For a single sample nothing is used twice. The sparse kernel then needs two loads for a weight (itself, its input),
0.17 ns at two loads per cycle and 3.5 GHz, while a dense product streams its weights from the second cache in 0.044 ns
each. So the crossover cannot lie below 75 %, and with the call from Python it lies between 80 and 87 %.
"""

from __future__ import annotations

import argparse
import csv
import time
from functools import partial
from pathlib import Path

import numpy as np
import other_libraries as others
from matplotlib.figure import Figure
from timing import compare, computer, threads

import minnet as mn
import minnet.sparse
from minnet.draw.palette import AFTER, FAINT, INK, NEGATIVE, POSITIVE
from minnet.nn.layers import Dense
from minnet.sparse.roofline import limits

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ((784, 300), (1024, 1024))
BATCHES = (1, 8, 64, 1024)
SPARSITIES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.83, 0.87, 0.9, 0.95, 0.98)
QUICK = (0.4, 0.87, 0.9, 0.95)
LARGE = 19  # points, on a picture of 13 × 6 inches: readable from the last row


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


def samples(n, *shape):
    return np.random.default_rng(1).normal(size=(n, *shape)).astype(np.float32)


# ---- tables -----------------------------------------------------------------------------------------


def row(table, shape, kind, n, sparsity, times, dense, sparse=()):
    """What is printed and written for one measurement; `dense` and `sparse` name the peers among the `times`."""
    ours, peer = times["minnet"], min(dense, key=lambda name: times[name].median)
    ratio = times[peer].median / ours.median
    found = {"table": table, "shape": shape, "kind": kind, "batch": n, "sparsity": round(sparsity, 4),
             "peer": peer, "peer µs": times[peer].median * 1e6, "minnet µs": ours.median * 1e6,
             "low µs": ours.low * 1e6, "high µs": ours.high * 1e6, "×": ratio, "of ideal": ratio * (1 - sparsity)}
    if "rows" in times:
        found["× rows"] = times[peer].median / times["rows"].median
    if sparse:
        rival = min(sparse, key=lambda name: times[name].median)
        found |= {"sparse peer": rival, "× sparse peer": times[rival].median / ours.median}
    return found


def single_layers(measure, sparsities):
    """One row for each layer, kind of mask, batch and sparsity."""
    for inputs, outputs in LAYERS:
        for kind in ("random", "magnitude"):
            for n in BATCHES:
                x = samples(n, inputs)
                for sparsity in sparsities:
                    net = layer(inputs, outputs, sparsity, kind)
                    dense, sparse = others.dense_peers(net.weight.value, x), others.sparse_peers(net.weight.value, x)
                    times = measure({**dense, **sparse, "minnet": partial(minnet.sparse.compile(net), x),
                                     "rows": partial(minnet.sparse.compile(net, "rows"), x)})
                    yield row("layer", f"{inputs}×{outputs}", kind, n, sparsity, times, dense, sparse)


def structures(measure, sparsities):
    """Masks with a structure: blocks of four outputs, and two of each four inputs."""
    for inputs, outputs in LAYERS:
        for n in (1, 64):
            x = samples(n, inputs)
            for sparsity in sorted({0.5, *sparsities}):
                net = layer(inputs, outputs, sparsity, block=4)
                dense = others.dense_peers(net.weight.value, x)
                times = measure({**dense, "minnet": partial(minnet.sparse.compile(net), x)})
                yield row("blocks of 4", f"{inputs}×{outputs}", "random", n, sparsity, times, dense)
            net = layer(inputs, outputs, 0)
            mn.prune(net, 0.5, scope=mn.window(4))
            dense = others.dense_peers(net.weight.value, x)
            times = measure({**dense, "minnet": partial(minnet.sparse.compile(net), x),
                             "rows": partial(minnet.sparse.compile(net, "rows"), x)})
            yield row("2:4", f"{inputs}×{outputs}", "magnitude", n, 0.5, times, dense)


def shrunken(measure):
    """Neurons pruned whole: the masked network as `compile` shrinks it, and the network that `compact` left."""
    for keep in (0.3, 0.5, 0.7):
        net = mn.models.mlp(784, 300, 300, 10, rng=0)
        whole = minnet.sparse.compile(net)
        mn.prune(net, 1 - keep, mn.random, structure=mn.along("out"), scope=mn.layer, rng=0)
        small = mn.compact(net)
        removed = 1 - sum(p.size for p in small.params()) / sum(p.size for p in net.params())
        for n in (64, 1024):
            x = samples(n, 784)
            times = measure({"whole": partial(whole, x), "minnet": partial(minnet.sparse.compile(net), x),
                             "compact": partial(minnet.sparse.compile(small), x)})
            yield row("fewer neurons", f"{keep:.0%} masked", "random", n, removed, times, ["whole"])
            yield row("fewer neurons", f"{keep:.0%} compact", "random", n, removed,
                      {**times, "minnet": times["compact"]}, ["whole"])


def heads(measure):
    """A transformer without half or three quarters of its heads, against all of them."""
    for share in (0.5, 0.75):
        net = mn.models.tiny_transformer(tokens=32, width=64, heads=8, n_in=16, rng=0)
        whole = minnet.sparse.compile(net)
        mn.prune(net, share, mn.random, structure=mn.along("head"), scope=mn.layer, rng=0)
        x = samples(64, 32, 16)
        counted = mn.measure.multiply_adds(net)
        times = measure({"whole": partial(whole, x), "minnet": partial(minnet.sparse.compile(net), x)})
        yield row("fewer heads", f"{share:.0%} gone", "random", 64, 1 - counted.effective / counted.dense, times,
                  ["whole"])


def whole_networks(measure):
    """LeNet-300-100, magnitude-pruned globally, and LeNet-5, pruned layer by layer, as whole networks."""
    for sparsity in (0.0, 0.9, 0.95):
        net = mn.models.lenet_300_100(rng=0)
        mn.prune(net, sparsity)
        predict = minnet.sparse.compile(net)
        for n in (1, 64, 1024):
            x = samples(n, 784)
            known = {"numpy": others.numpy_network(net, x), **others.network_peers(net, x), "net(x)": partial(net, x)}
            times = measure({**known, "minnet": partial(predict, x)})
            for peer in known:
                yield row("LeNet-300-100", f"against {peer}", "magnitude", n, sparsity, times, [peer])
    for sparsity in (0.0, 0.5, 0.9, 0.95):
        net = mn.models.lenet5(rng=0)
        mn.prune(net, sparsity, scope=mn.layer)
        dense = net.copy()
        for param in dense.params():                                # zeros instead of masks: nothing to multiply anew
            param.data, param.mask = param.value, None
        predict = minnet.sparse.compile(net)
        for n in (1, 64):
            x = samples(n, 1, 28, 28)
            known = {"dense": partial(dense, x), **others.network_peers(net, x)}
            times = measure({**known, "minnet": partial(predict, x)})
            for peer in known:
                yield row("LeNet-5", f"against {peer}", "magnitude", n, sparsity, times, [peer])


def unpruned(measure):
    """`compile` on a network that was never pruned must not be slower than the network's own forward."""
    models = {"64-32-16-10": mn.models.mlp(64, 32, 16, 10, rng=0), "LeNet-300-100": mn.models.lenet_300_100(rng=0),
              "1024-1024": mn.models.mlp(1024, 1024, rng=0), "LeNet-5": mn.models.lenet5(rng=0),
              "signal_conv": mn.models.signal_conv(rng=0), "residual_mlp": mn.models.residual_mlp(rng=0),
              "transformer": mn.models.tiny_transformer(rng=0)}
    for name, net in models.items():
        predict = minnet.sparse.compile(net)
        for n in (1, 2, 4, 8, 64, 1024):
            x = samples(n, *net.input_shape)
            times = measure({"net(x)": partial(net, x), "minnet": partial(predict, x)})
            yield row("not pruned", name, "dense", n, 0.0, times, ["net(x)"])


# ---- goals ------------------------------------------------------------------------------------------


def goals(rows):
    """What should be reached, as (sentence, goal, the worst figure of all rows that it is about)."""
    def worst(column, table, **wanted):
        values = [found[column] for found in rows if found["table"] == table
                  and all(found[key] in (value if isinstance(value, tuple) else (value,))
                          for key, value in wanted.items())]
        return min(values, default=float("nan"))

    for n, sparsity, goal in ((64, 0.9, 4.5), (64, 0.95, 7), (1024, 0.9, 4.5), (1024, 0.95, 7), (8, 0.9, 4),
                              (1, 0.9, 1.5), (1, 0.95, 2.5)):
        yield f"layer, batch {n}, {sparsity:.0%}: × dense", goal, worst("×", "layer", batch=n, sparsity=sparsity)
        yield "    and × the fastest sparse library", 2.5, worst("× sparse peer", "layer", batch=n, sparsity=sparsity)
    for n, sparsity in ((64, 0.4), (1024, 0.4), (1, 0.87)):
        yield (f"layer, batch {n}, crossover at most {sparsity:.0%}: rows × dense there", 1,
               worst("× rows", "layer", batch=n, sparsity=sparsity))
    for sparsity in (0.5, 0.9, 0.95):
        yield (f"blocks of 4, batch 64, {sparsity:.0%}: of ideal", 0.9,
               worst("of ideal", "blocks of 4", batch=64, sparsity=sparsity))
    yield "fewer neurons: of ideal", 0.85, worst("of ideal", "fewer neurons")
    for n, goal in ((1, 2.5), (64, 4.5), (1024, 4.5)):
        for peer, times in (("numpy", goal), ("torch eager", 5)):
            yield (f"LeNet-300-100, 90 %, batch {n}: × {peer}", times,
                   worst("×", "LeNet-300-100", shape=f"against {peer}", batch=n, sparsity=0.9))
    for peer, goal in (("dense", 4), ("torch eager", 7)):
        yield (f"LeNet-5, 90 %, batch 64: × {peer}", goal,
               worst("×", "LeNet-5", shape=f"against {peer}", batch=64, sparsity=0.9))
    yield "not pruned: × the network's own forward", 0.95, worst("×", "not pruned")


# ---- output -----------------------------------------------------------------------------------------


def show(found):
    said = (f"{found['table']:<14}{found['shape']:<22}{found['kind']:<10} batch {found['batch']:<5}"
            f" {found['sparsity']:6.1%}  peer {found['peer µs']:9.1f} µs ({found['peer']})"
            f"  minnet {found['minnet µs']:9.1f} µs ({found['low µs']:.1f}–{found['high µs']:.1f})"
            f"  {found['×']:6.2f}×  {found['of ideal']:.2f} of ideal")
    if "× rows" in found:
        said += f"  rows {found['× rows']:.2f}×"
    if "× sparse peer" in found:
        said += f"  {found['× sparse peer']:.1f}× {found['sparse peer']}"
    print(said, flush=True)


def write(rows, path, said):
    """The rows as a table, each with the computer that it was measured on."""
    names = list(dict.fromkeys(name for found in rows for name in found))
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*names, "computer"], lineterminator="\n")
        writer.writeheader()
        for found in rows:
            writer.writerow({name: f"{value:.4g}" if isinstance(value, float) else value
                             for name, value in found.items()} | {"computer": said})


def draw_speed(rows, path, shape="784×300"):
    """Speed-up over sparsity for one sample and for 64, measured of one layer: the picture of a lesson."""
    fig = Figure(figsize=(13, 6), layout="constrained")
    for ax, n, title in zip(fig.subplots(1, 2, sharey=True), (1, 64), ("One sample", "64 samples at a time"),
                            strict=True):
        def points(table, column, n=n):
            found = sorted((found["sparsity"], found[column]) for found in rows if found["table"] == table
                           and (found["shape"], found["kind"], found["batch"]) == (shape, "random", n)
                           and found.get(column))
            return [100 * s for s, _ in found], [ratio for _, ratio in found]

        sparsity, ours = points("layer", "× rows")
        _, other = points("layer", "× sparse peer")
        _, best = points("layer", "×")
        blocks, of_blocks = points("blocks of 4", "×")
        ax.plot(sparsity, [1 / (1 - s / 100) for s in sparsity], ":", lw=3, color=FAINT, label="ideal")
        ax.plot(blocks, of_blocks, "s-", lw=3, ms=9, color=AFTER, label="minnet, blocks of 4")
        ax.plot(sparsity, ours, "o-", lw=3, ms=9, color=POSITIVE, label="minnet, any weights")
        ax.plot(sparsity, [b / o for b, o in zip(best, other, strict=True)], "^--", lw=3, ms=9, color=NEGATIVE,
                label="best other library")
        ax.axhline(1, color=INK, lw=1.5)
        ax.set_title(title, fontsize=LARGE + 3, color=INK)
        ax.set_xlabel("sparsity (%)", fontsize=LARGE)
        ax.set_yscale("log")
        ticks = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)
        ax.set_yticks(ticks, [f"{tick:g}×" for tick in ticks])
        ax.minorticks_off()
        ax.set_ylim(0.1, 50)
        ax.tick_params(labelsize=LARGE, colors=INK)
        ax.grid(alpha=0.3)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
    fig.axes[0].set_ylabel("times as fast as dense", fontsize=LARGE)
    fig.axes[0].legend(fontsize=LARGE - 2, frameon=False, loc="upper left")
    path.parent.mkdir(parents=True, exist_ok=True)
    fig.savefig(path, dpi=90)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seconds", type=float, default=0.5, help="budget for one line of a table")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--out", type=Path, nargs="?", const=ROOT, help="folder of the project, by default this one")
    options = parser.parse_args()
    others.THREADS = options.threads
    missing = others.missing()
    said = f"{computer()}; {options.threads} thread{'s' if options.threads > 1 else ''}, {options.clock} clock"
    print(f"{said}{'; not installed: ' + ', '.join(missing) if missing else ''}")
    best = limits()
    print(f"one core: at most {best.multiply / 1e9:.0f} GFLOP/s, {best.cache / 1e9:.0f} GB/s from the fastest cache, "
          f"{best.memory / 1e9:.0f} GB/s from memory")
    measure = partial(compare, rounds=25, budget=options.seconds,
                      clock=time.thread_time if options.clock == "cpu" else time.perf_counter)
    sparsities, rows = QUICK if options.quick else SPARSITIES, []
    with threads(options.threads):
        if others.library("torch"):
            others.library("torch").set_num_threads(options.threads)
        for table in (single_layers(measure, sparsities), structures(measure, sparsities), shrunken(measure),
                      heads(measure), whole_networks(measure), unpruned(measure)):
            for found in table:
                show(found)
                rows.append(found)
    for sentence, goal, figure in goals(rows):
        print(f"{'reached' if figure >= goal else 'MISSED '}  {sentence}: {figure:.2f} (goal {goal})")
    if options.out:
        write(rows, options.out / "benchmarks" / "results" / "forward.csv", said)
        draw_speed(rows, options.out / "lessons" / "pictures" / "speed.png")


if __name__ == "__main__":
    main()
