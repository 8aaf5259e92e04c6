"""A network of directed links as a ring: senders on the left, receivers on the right, a curve for every link.

The colour of a link shows its source and target groups, its width how often it was used; pruned links stay as faint
ghosts.  The more nodes on the other side a node is still connected with, the darker it is.
"""

from __future__ import annotations

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from minnet.draw import palette
from minnet.draw.figure import Drawing, on_white_paper
from minnet.messages import flag, numbers, short
from minnet.routing import Web, distances

KINDS = {  # in the order in which they are drawn
    "receiver → sender": palette.ROSE,
    "receiver → receiver": palette.AFTER,
    "sender → sender": palette.AMBER,
    "sender → receiver": palette.POSITIVE,
}
THINNEST, WIDEST = 0.6, 3.0  # points
POINTS = 11  # on a curve


@on_white_paper
def web(web, ax=None, *, legend=True, title=None):
    """Draw the links of a `minnet.routing.Web`.

    Parameters
    ----------
    web : Web
    ax : matplotlib.axes.Axes, optional
        By default a new `Picture`.
    legend : bool
        Whether to explain the colours below.
    title : str, optional

    Returns
    -------
    RoutingGraph
    """
    return RoutingGraph(web, ax, legend=legend, title=title)


class RoutingGraph(Drawing):
    """Drawn links.

    Attributes
    ----------
    ghost : LineCollection
        The faint trace of every link, below those that are left; it does not change.
    kept : dict of {kind: LineCollection}
        The links that are left.
    nodes : list of PathCollection
        Senders and receivers.
    """

    def __init__(self, web, ax=None, *, legend=True, title=None):
        super().__init__(ax, size=(5.4, 5.8), title=title)
        if not isinstance(web, Web):
            raise TypeError(f"a web is wanted, got {short(web)}; write for example mn.routing.Web(40, rng=0)")
        legend, self.web = flag(legend, "legend"), web
        nodes, self.senders = len(web.links), web.senders
        sends = np.arange(nodes) < self.senders
        self._kind = {name: np.outer(*(sends if end == "sender" else ~sends for end in name.split(" → ")))
                      for name in KINDS}
        self.positions = _ring(self.senders, nodes - self.senders)
        traces = self._curves(*np.nonzero(~np.eye(nodes, dtype=bool)))
        self.ghost = LineCollection(traces, colors=palette.REMOVED, linewidths=0.5, alpha=0.3, zorder=1)
        self.kept = {kind: LineCollection([], colors=colour, capstyle="round", alpha=0.8, zorder=2)
                     for kind, colour in KINDS.items()}
        for lines in (self.ghost, *self.kept.values()):
            self.ax.add_collection(lines, autolim=False)
        self.nodes = [self.ax.scatter(*self.positions[side].T, s=44, marker=marker, edgecolors=palette.INK,
                                      linewidths=1.2, zorder=3) for side, marker in ((sends, "o"), (~sends, "s"))]
        self.artists = [*self.kept.values(), *self.nodes]
        self._write(legend, title)
        self.update(web)

    def update(self, source=None):
        """Show another web of the same size, or the present state of the same one.

        Parameters
        ----------
        source : Web or pair (links, used)
        """
        source = self.web if source is None else source
        links, used = (source.links, source.used) if isinstance(source, Web) else _pair(source)
        if links.shape != used.shape or links.shape != 2 * (len(self.positions),):
            raise ValueError(f"here {len(self.positions)} nodes are drawn, got links {links.shape}; draw another one")
        most = max(used[links].max(initial=0), 1)
        for kind, lines in self.kept.items():
            start, end = np.nonzero(links & self._kind[kind])
            lines.set_segments(self._curves(start, end))
            lines.set_linewidths(THINNEST + (WIDEST - THINNEST) * np.sqrt(used[start, end] / most))
        connected = distances(links)[: self.senders, self.senders :] > 0
        for points, axis in zip(self.nodes, (1, 0), strict=True):
            points.set_facecolors([(1 - 0.87 * part,) * 3 for part in connected.mean(axis=axis)])

    def _curves(self, start, end):
        """Curves that bend towards the middle (Bézier, one control point), as an array (links, points, 2)."""
        t = np.linspace(0, 1, POINTS)[:, None]
        a, b = self.positions[start][:, None], self.positions[end][:, None]
        return (1 - t) ** 2 * a + t * (1 - t) * 0.5 * (a + b) + t**2 * b

    def _write(self, legend, title):
        ax = self.ax
        for name, x in (("senders", -1), ("receivers", 1)):
            ax.text(1.08 * x, 1.0, name, ha="left" if x < 0 else "right", fontsize=palette.TITLE, color=palette.INK)
        if legend:
            lines = [Line2D([], [], color=colour, linewidth=3, label=kind) for kind, colour in reversed(KINDS.items())]
            ax.legend(handles=lines, loc="lower center", ncols=2, fontsize=palette.SMALL, frameon=False,
                      borderaxespad=0,
                      handlelength=1.4, columnspacing=1.2, borderpad=0)
        ax.set(xlim=(-1.1, 1.1), ylim=(-1.36 if legend else -1.06, 1.1), aspect="equal")
        ax.axis("off")
        if title:
            ax.set_title(title, fontsize=palette.TITLE, color=palette.INK, loc="left")


def _pair(source):
    if not isinstance(source, tuple) or len(source) != 2:
        raise TypeError(f"a Web is wanted, or a pair (links, used), got {short(source)}")
    links, used = numbers(source[0], "links"), numbers(source[1], "used")
    return links.astype(bool), used


def _ring(senders, receivers):
    """Positions on a circle, from top to bottom on both sides, (nodes, 2)."""
    left, right = (np.radians(np.linspace(76, -76, n)) if n > 1 else np.zeros(1) for n in (senders, receivers))
    return np.concatenate([np.column_stack([-np.cos(left), np.sin(left)]),
                           np.column_stack([np.cos(right), np.sin(right)])])
