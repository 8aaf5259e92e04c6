"""A network diagram: columns of neurons, and a line for each connection.

Blue lines are positive weights, vermilion lines negative ones, and thick lines strong ones; removed connections stay
as faint grey ghosts.  Of a network that is too large, a representative sample is drawn, and the picture says so.

The lines are drawn in slices, the strongest first.  A slider that removes weak connections changes only the last
slices, so the others need not be redrawn.
"""

from __future__ import annotations

import numpy as np
from matplotlib.collections import LineCollection

from minnet.draw import palette
from minnet.draw.figure import Drawing, masks_of, on_white_paper, weights
from minnet.messages import flag, generator, sequence, whole
from minnet.nn.layer import the_network

LIMIT = 3000  # up to this many connections, all are drawn ...
SAMPLE = 1500  # ... and of more, a sample of this size
FEWEST = 30  # connections in the sample from every layer, however small it is
SLICES = 20
THINNEST, WIDEST = 0.5, 2.8  # points


@on_white_paper
def network(net, ax=None, *, ghosts=True, masks=None, sample=None, rng=0, labels=None, title=None):
    """Draw a network: the strength and sign of every connection, and which ones are removed.

    Parameters
    ----------
    net : Layer
        Any network; in a convolution, one line is one kernel, as strong as the norm of its weights.
    ax : matplotlib.axes.Axes, optional
        By default a new `Picture`.
    ghosts : bool
        Whether removed connections stay visible.
    masks : dict of {path: mask}, optional
        Instead of the network's own.  ``masks={}`` draws it as it was before pruning.
    sample : int, optional
        Number of connections to draw.  Each layer gets a share proportional to its size (but at least 30), with the
        same fraction removed as in the layer.  By default all up to 3,000, and 1,500 if there are more.
    rng : seed or numpy.random.Generator
        Chooses the sample.
    labels : sequence of str, optional
        Names of the outputs.
    title : str, optional

    Returns
    -------
    NetworkDiagram
    """
    return NetworkDiagram(net, ax, ghosts=ghosts, masks=masks, sample=sample, rng=rng, labels=labels, title=title)


class Bundle:
    """All connections between two columns of neurons.

    Attributes
    ----------
    path : str
    strength : ndarray, (inputs, outputs)
        With sign; in a convolution, the norm of each kernel.
    """

    def __init__(self, param):
        self.path, self._param = param.path, param
        sizes = dict(zip(param.axes, param.shape, strict=True))
        self.inputs = sizes["in"] if "in" in param.contracted else len(param.matrix(param.data))
        folded = self._fold(param.data)
        if folded.shape[1] == 1:
            self.strength = folded[:, 0]
        else:
            self.strength = np.linalg.norm(folded, axis=1) * np.where(folded.sum(axis=1) < 0, -1, 1)
        self.outputs = self.strength.shape[1]
        self.size = self.strength.size

    def kept(self, mask):
        """Which connections are left, as an array (inputs, outputs)."""
        return np.ones(self.strength.shape, bool) if mask is None else self._fold(mask).any(axis=1)

    def _fold(self, array):
        matrix = self._param.matrix(array)
        return matrix.reshape(self.inputs, matrix.shape[0] // self.inputs, matrix.shape[1])


class NetworkDiagram(Drawing):
    """A drawn network.

    Attributes
    ----------
    kept : list of LineCollection
        Slices from strong to weak, together one line for each connection that is drawn as kept.
    ghost : LineCollection
        The faint trace of every drawn connection, below the kept ones.
    neurons : PathCollection
        Filled = in use, empty = no connection left on one side.
    drawn, connections : int
        How many connections are drawn, and how many there are.
    """

    def __init__(self, net, ax=None, *, ghosts=True, masks=None, sample=None, rng=0, labels=None, title=None):
        super().__init__(ax, size=(7, 5), title=title)
        sample = None if sample is None else whole(sample, "sample")
        labels = None if labels is None else sequence(labels, "labels", lambda label, _: str(label), '("cat", "dog")')
        ghosts, masks = flag(ghosts, "ghosts"), masks_of(net if masks is None else masks, the_network(net))
        self.net = net
        self.bundles = [Bundle(param) for param in weights(net)]
        self.connections = sum(bundle.size for bundle in self.bundles)
        self._choose(sample, generator(rng))
        self._place()
        self._measure()
        self.ghost = LineCollection([], colors=palette.REMOVED, linewidths=0.4, alpha=0.35, zorder=1)
        self.kept = [LineCollection([], capstyle="round", zorder=2) for _ in range(SLICES)]
        for lines in [self.ghost, *self.kept]:
            self.ax.add_collection(lines, autolim=False)
        x, y = np.concatenate([np.column_stack([np.full(len(ys), x), ys]) for x, ys in self.columns]).T
        counts = np.concatenate([np.full(len(ys), len(ys)) for _, ys in self.columns])
        size = np.clip(1200 / np.maximum(counts, min(counts.max(), 64)), 2, 60)
        self.neurons = self.ax.scatter(x, y, s=size, edgecolors=palette.INK, linewidths=np.where(counts < 200, 0.8, 0),
                                       zorder=3)
        self.artists = [self.ghost, *self.kept, self.neurons]
        self._shown = np.zeros(0, int)
        self._write(labels, title)
        self.ghosts = ghosts
        self.update(masks)

    @property
    def ghosts(self):
        """Whether removed connections leave a trace.  Assign to switch."""
        return self.ghost.get_visible()

    @ghosts.setter
    def ghosts(self, visible):
        if flag(visible, "ghosts") != self.ghosts:
            self.ghost.set_visible(bool(visible))

    @property
    def removed(self):
        """End points of the connections that are drawn as removed, (n, 2, 2): the traces that no line covers."""
        covered = {tuple(line.ravel()) for lines in self.kept for line in lines.get_segments()}
        open_traces = [line for line in self.ghost.get_segments() if tuple(line.ravel()) not in covered]
        return np.array(open_traces).reshape(-1, 2, 2)

    def update(self, source=None):
        masks = masks_of(self.net if source is None else source, self.net)
        stay, leave, connected, start = [], [], [np.ones(len(ys), bool) for _, ys in self.columns], 0
        for bundle, (left, right), order, share in zip(self.bundles, self._ends, self._orders, self._shares,
                                                       strict=True):
            kept = bundle.kept(masks.get(bundle.path))
            connected[left] &= kept.any(axis=1)
            connected[right] &= kept.any(axis=0)
            for part, chosen in zip((stay, leave), _sample(kept.ravel(), order, share), strict=True):
                part.append(chosen + start)
            start += bundle.size
        stay = np.concatenate(stay)
        self._draw(stay, np.concatenate([stay, *leave]))
        faces = np.where(np.concatenate(connected), palette.INK, "white")
        self.neurons.set_facecolors(faces)

    def _draw(self, kept, drawn):
        """Redraw the slices in which other connections are kept than before, and only those."""
        if len(drawn) != len(self._shown) or not self._all:
            self.ghost.set_segments(self._lines(np.sort(drawn)))
        self._shown = drawn
        slices = self._slice[kept]
        for number, lines in enumerate(self.kept):
            mine = np.sort(kept[slices == number])
            if not np.array_equal(mine, self._inside[number]):
                self._inside[number] = mine
                strength = self._strength[mine]
                lines.set_visible(len(mine) > 0)
                lines.set_segments(self._lines(mine))
                lines.set_colors(palette.strokes(strength))
                lines.set_linewidths(THINNEST + (WIDEST - THINNEST) * np.abs(strength))

    # ---- which connections are drawn ----------------------------------------------------------------

    def _choose(self, sample, rng):
        """Shuffle the connections of each layer once, and divide the sample between the layers by their size."""
        sizes = np.array([bundle.size for bundle in self.bundles])
        if sample is None:
            sample = self.connections if self.connections <= LIMIT else SAMPLE
        self.drawn = int(min(sample, self.connections))
        self._all = self.drawn == self.connections
        ends = np.rint(np.cumsum(sizes) * (self.drawn / sizes.sum())).astype(int)  # rounding that adds up
        few = np.minimum(sizes, min(FEWEST, self.drawn // len(sizes)))
        self._shares = np.maximum(np.diff(ends, prepend=0), few)
        self._shares[sizes.argmax()] -= self._shares.sum() - self.drawn  # taken from the largest layer
        self._orders = [None if self._all else rng.permutation(size) for size in sizes]

    def _measure(self):
        """How strong each connection is, −1 to 1 in the whole network, and the slice in which it is drawn."""
        strength = np.concatenate([bundle.strength.ravel() for bundle in self.bundles])
        self._strength = strength / (np.abs(strength).max(initial=0) or 1.0)
        order = np.empty(len(strength), int)
        order[np.argsort(-np.abs(strength), kind="stable")] = np.arange(len(strength))
        self._slice = order * SLICES // max(len(strength), 1)
        self._inside = [None] * SLICES

    def _lines(self, which):
        """End points of connections, numbered through all bundles, as an array (n, 2, 2)."""
        lines, start = [], 0
        for bundle, (left, right) in zip(self.bundles, self._ends, strict=True):
            mine = which[(which >= start) & (which < start + bundle.size)] - start
            (x0, y0), (x1, y1) = self.columns[left], self.columns[right]
            ends = np.empty((len(mine), 2, 2))
            ends[:, 0, 0], ends[:, 1, 0] = x0, x1
            ends[:, 0, 1], ends[:, 1, 1] = y0[mine // bundle.outputs], y1[mine % bundle.outputs]
            lines.append(ends)
            start += bundle.size
        return np.concatenate(lines)

    # ---- positions ----------------------------------------------------------------------------------

    def _place(self):
        """A column of neurons before, between and after the bundles; two where the widths differ."""
        counts, self._ends = [], []
        for bundle in self.bundles:
            if not counts or counts[-1] != bundle.inputs:
                counts.append(bundle.inputs)
            counts.append(bundle.outputs)
            self._ends.append((len(counts) - 2, len(counts) - 1))
        tallest = max(counts)
        self.columns = []
        for x, n in enumerate(counts):
            half = (0.55 + 0.45 * n / tallest) / 2 * (n > 1)
            self.columns.append((x, np.linspace(half, -half, n)))

    def _write(self, labels, title):
        ax = self.ax
        last = len(self.columns) - 1
        ax.set(xlim=(-0.12, last + (0.2 if labels else 0.12)), ylim=(-0.62, 0.53))
        ax.axis("off")
        for x, ys in self.columns:
            kind = "" if last > 5 else "input" if x == 0 else "output" if x == last else ""
            kind += "s" if kind and len(ys) > 1 else ""
            side = "left" if x == 0 else "right" if x == last else "center"
            ax.text(x, -0.535, f"{len(ys)} {kind}".strip(), ha=side, va="top", fontsize=palette.TEXT, color=palette.INK)
        for name, y in zip(labels or (), self.columns[last][1], strict=False):
            ax.text(last + 0.06, y, name, va="center", fontsize=palette.TEXT, color=palette.INK)
        drawn = f"{self.drawn:,} of {self.connections:,} connections drawn"
        if self.drawn == self.connections:
            drawn = f"all {self.connections:,} connections, removed ones in grey"
        ax.text(last / 2, -0.62, drawn, ha="center", va="top", fontsize=palette.SMALL, color=palette.FAINT)
        if title:
            ax.set_title(title, fontsize=palette.TITLE, color=palette.INK, loc="left")


def _sample(kept, order, share):
    """The connections to draw as kept and as removed, in the same proportion as in the layer.

    Both come from one shuffled list: the first kept ones and the first removed ones.  So a small move of a slider
    changes the sample only a little.
    """
    if order is None:
        return np.flatnonzero(kept), np.flatnonzero(~kept)
    removed = round(share * (1 - np.count_nonzero(kept) / max(kept.size, 1)))
    shuffled = kept[order]
    return order[np.flatnonzero(shuffled)[: share - removed]], order[np.flatnonzero(~shuffled)[:removed]]
