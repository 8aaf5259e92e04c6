"""Decision regions: the class that a network predicts at every point of a plane.

The background has the colour of the predicted class, and is white where the network is undecided.  Each neuron of the
first layer is a line: the neuron is active on one side and outputs 0 on the other.
"""

from __future__ import annotations

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb

from minnet.draw import palette
from minnet.draw.figure import Drawing, on_white_paper
from minnet.messages import function, numbers, short
from minnet.nn.layer import Layer

COLOURS = (palette.POSITIVE, palette.NEGATIVE, palette.AFTER, palette.ROSE, palette.AMBER, palette.SKY, palette.YELLOW,
           palette.INK)
MARKERS = "os^DvPX*"  # a second cue in addition to the colour
GRID = 101


@on_white_paper
def surface(net, x, y, ax=None, *, folds=None, title=None):
    """Draw the class that a network predicts at every point of the plane, and the data points.

    Parameters
    ----------
    net : function or Layer
        Maps points (n, 2) to logits (n, classes).
    x : ndarray, (n, 2)
    y : ndarray of int, (n,)
        Classes, 0 to 7.
    ax : matplotlib.axes.Axes, optional
        By default a new `Picture`.
    folds : pair of ndarray, (2, neurons) and (neurons,), optional
        Weights and biases of the first layer; by default those of a network that begins with a `Dense` layer.
    title : str, optional

    Returns
    -------
    DecisionSurface
    """
    return DecisionSurface(net, x, y, ax, folds=folds, title=title)


class DecisionSurface(Drawing):
    """Drawn decision regions.

    Attributes
    ----------
    image : AxesImage
    answers : ndarray of int, (rows, columns)
        The class that the network predicts there.
    folds : LineCollection
        One line for each neuron of the first layer.
    """

    def __init__(self, net, x, y, ax=None, *, folds=None, title=None):
        super().__init__(ax, size=(5, 5), title=title)
        x, y = numbers(x, "x"), numbers(y, "y")
        if x.ndim != 2 or x.shape[1] != 2 or y.shape != x.shape[:1]:
            raise ValueError(f"surface draws points x (n, 2) with classes y (n,), got {x.shape} and {y.shape}; for "
                             "images, mn.draw.masks shows what the first layer looks at")
        if not len(y) or not np.isfinite(x).all():
            raise ValueError("surface draws at least one point, at finite numbers")
        if not 0 <= y.min() <= y.max() < len(COLOURS):
            raise ValueError(f"surface draws the classes 0 to {len(COLOURS) - 1}, got {y.min()} to {y.max()}")
        self.net = net
        middle, self._reach = (x.max(axis=0) + x.min(axis=0)) / 2, 0.55 * float(np.ptp(x, axis=0).max())
        (left, low), (right, high) = middle - self._reach, middle + self._reach
        across, up = np.meshgrid(np.linspace(left, right, GRID), np.linspace(low, high, GRID))
        self._points = np.column_stack([across.ravel(), up.ravel()]).astype(x.dtype)
        self._seen(net, folds)  # whatever is wrong with them is said before anything is drawn
        self.image = self.ax.imshow(np.zeros((GRID, GRID, 3), np.uint8), origin="lower", interpolation="nearest",
                                    extent=(left, right, low, high), zorder=0)
        self.folds = self.ax.add_collection(LineCollection([], colors=palette.INK, linewidths=1.2, alpha=0.6),
                                            autolim=False)
        points = [self.ax.scatter(*x[y == kind].T, s=22, marker=MARKERS[kind], color=COLOURS[kind],
                                edgecolors="white", linewidths=0.6, zorder=3, label=str(kind))
                for kind in np.unique(y)]
        self.artists = [self.image, self.folds, *points]
        self.ax.set(xlim=(left, right), ylim=(low, high), aspect="equal")
        palette.plain(self.ax, title)
        self.update(net, folds)

    def update(self, source=None, folds=None):
        """Show another network, or the present state of the same one.

        Parameters
        ----------
        source : function or Layer, optional
        folds : pair of ndarray, optional
            As in `surface`.
        """
        net = self.net if source is None else source
        scores, (weight, bias) = self._seen(net, folds)
        self.net = net
        with np.errstate(all="ignore"):  # training may have diverged; that can be drawn, too
            certainty, self.answers = _certainty(scores)
        colours = np.array([to_rgb(colour) for colour in COLOURS])[self.answers]
        background = 1 - 0.55 * certainty[:, None] * (1 - colours)
        self.image.set_data(_square((255 * background).astype(np.uint8)))
        self.answers = _square(self.answers)
        self.folds.set_segments(self._lines(weight.astype(float), bias.astype(float)))

    def _seen(self, net, folds):
        """The scores of all points, and the folds."""
        net = net if isinstance(net, Layer) else function(net, "net", "of points (n, 2), with scores (n, classes)")
        with np.errstate(all="ignore"):
            scores = numbers(net(self._points), "what the network answers")
        if scores.ndim != 2 or len(scores) != len(self._points) or not 1 < scores.shape[1] <= len(COLOURS):
            raise ValueError(f"of {len(self._points)} points there are scores (n, classes) with 2 to {len(COLOURS)} "
                             f"classes, got {scores.shape}")
        if folds is None:
            return scores, _first_layer(net)
        if not isinstance(folds, (tuple, list)) or len(folds) != 2:
            raise TypeError(f"folds are a pair (weights, biases), got {short(folds)}")
        weight, bias = numbers(folds[0], "weights"), numbers(folds[1], "biases")
        if weight.shape != (2, *bias.shape) or bias.ndim != 1:
            raise ValueError(f"folds have weights (2, neurons) and biases (neurons,), got {weight.shape}, {bias.shape}")
        return scores, (weight, bias)

    def _lines(self, weight, bias):
        """Where each neuron's input is zero, as an array (lines, 2, 2); a neuron with zero weights has no line."""
        length = np.linalg.norm(weight, axis=0)
        good = (length > 0) & np.isfinite(length) & np.isfinite(bias)
        normal = weight[:, good] / length[good]
        foot = -normal * bias[good] / length[good]
        along = 4 * (self._reach + np.abs(self._points).max()) * np.array([-normal[1], normal[0]])
        return np.stack([(foot - along).T, (foot + along).T], axis=1)


def _certainty(scores):
    """The certainty (0 = undecided, 1 = certain) and the predicted class, for each row of logits."""
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = np.nan_to_num(p / p.sum(axis=1, keepdims=True))
    even = 1 / p.shape[1]
    return np.clip((p.max(axis=1) - even) / (1 - even), 0, 1), p.argmax(axis=1)


def _square(values):
    return values.reshape(GRID, GRID, *values.shape[1:])


def _first_layer(net):
    """Weights and biases that define lines in the plane; empty for a plain function."""
    first = next(iter(getattr(net, "layers", ())), None)
    weight, bias = getattr(first, "weight", None), getattr(first, "bias", None)
    if weight is None or len(weight.shape) != 2 or weight.shape[0] != 2:
        return np.zeros((2, 0)), np.zeros(0)
    return weight.value, np.zeros(weight.shape[1]) if bias is None else bias.value
