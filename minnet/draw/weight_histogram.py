"""Histograms of the weights before and after pruning, one over the other.

Grey are all trained weights, blue those that are kept, so the visible grey is what was removed.
"""

from __future__ import annotations

import numpy as np

from minnet.draw import palette
from minnet.draw.figure import Drawing, masks_of, on_white_paper, weights
from minnet.messages import flag, whole
from minnet.nn.arguments import finite


@on_white_paper
def histogram(net, ax=None, *, before=None, bins=61, log=False, removed=None, title=None):
    """Draw a histogram of all weights: those kept in blue, over those removed in grey.

    Parameters
    ----------
    net : Layer
    ax : matplotlib.axes.Axes, optional
        By default a new `Picture`.
    before : Layer, optional
        A network whose weights are drawn in grey, for example a copy from before training.  By default the
        same network with all its weights.
    bins : int
        An odd number, so that zero is the centre of a bin.
    log : bool
        Logarithmic counts.
    removed : bool, optional
        Whether the legend names the removed weights, too; by default if there are any now.  An explorer, which
        removes some later, passes True.
    title : str, optional

    Returns
    -------
    WeightHistogram
    """
    return WeightHistogram(net, ax, before=before, bins=bins, log=log, removed=removed, title=title)


class WeightHistogram(Drawing):
    """A drawn histogram.

    Attributes
    ----------
    edges : ndarray, (bins + 1,)
    before, after : StepPatch
    counts : ndarray, (bins,)
        Kept weights in each bin.
    """

    def __init__(self, net, ax=None, *, before=None, bins=61, log=False, removed=None, title=None):
        super().__init__(ax, size=(6, 4), title=title)
        bins, log = whole(bins, "bins", least=1), flag(log, "log")
        removed = None if removed is None else flag(removed, "removed")
        self.net = finite(net)
        now = self._numbers({})
        then = np.concatenate([param.value.ravel() for param in weights(before)]) if before is not None else now
        reach = float(max(np.abs(then).max(initial=0), np.abs(now).max(initial=0))) or 1.0
        self.edges = np.linspace(-reach, reach, bins + 1 - bins % 2 + 1)
        self.total = np.histogram(then, self.edges)[0]
        baseline = 0.5 if log else 0
        names = ("before", "after") if before is not None else ("removed", "kept")
        self.before, self.after = (
            self.ax.stairs(self.total, self.edges, fill=True, baseline=baseline, color=colour, label=name)
            for colour, name in zip((palette.REMOVED, palette.POSITIVE), names, strict=True))
        self.artists = [self.after]
        self.update()
        top = max(self.total.max(initial=1), self.counts.max(initial=1))
        self.ax.set(xlim=(-reach, reach), ylim=(baseline, top * (4 if log else 1.25)),
                    yscale="log" if log else "linear")
        self.ax.set_xlabel("weight", fontsize=palette.TEXT, color=palette.INK)
        self.ax.set_ylabel("how many", fontsize=palette.TEXT, color=palette.INK)
        palette.plain(self.ax, title)
        if removed is None:
            removed = before is not None or self.counts.sum() < self.total.sum()
        named = [self.after, self.before] if removed else [self.after]
        self.ax.legend(handles=named, fontsize=palette.SMALL, frameon=False, loc="upper center", ncols=2,
                       handlelength=0.8, handletextpad=0.4, columnspacing=1, borderaxespad=0.1, borderpad=0)

    def _numbers(self, masks):
        """The weights that are left, as one vector."""
        parts = [param.data.ravel() if masks.get(param.path) is None else param.data[masks[param.path]]
                 for param in weights(self.net)]
        return np.concatenate(parts)

    def update(self, source=None):
        masks = masks_of(self.net if source is None else source, self.net)
        if source is not None and not isinstance(source, dict):
            self.net = source
        self.counts = np.histogram(self._numbers(masks), self.edges)[0]
        self.after.set_data(self.counts)
