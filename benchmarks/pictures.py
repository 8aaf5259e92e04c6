"""The pictures that benchmarks make for lessons: large type, colours that everybody can tell apart."""

from __future__ import annotations

from matplotlib.figure import Figure

from minnet.draw.palette import AFTER, FAINT, INK, NEGATIVE, POSITIVE

LARGE = 19          # points, on a picture of 13 × 6 inches: readable from the last row


def speed(rows, path, shape="784×300"):
    """Speed-up over sparsity for one sample and for 64: what `benchmarks/forward.py` measured of one layer."""
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
