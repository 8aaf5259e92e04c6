"""How much can be removed?  A slider removes weights, and everything that follows from it is seen at once.

The network itself is pruned as the slider moves: its masks are those of the picture.  In the background, copies are
retrained at several sparsities, which shows how much of a loss retraining wins back.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass

import ipywidgets as widgets
import numpy as np

from minnet import data as datasets
from minnet import draw
from minnet.draw import palette
from minnet.experiments import SCOPES
from minnet.experiments.sparsity_sweep import CRITERIA, RETRAINED_AT, Method, SparsitySweep
from minnet.messages import whole
from minnet.nn.evaluation import accuracy
from minnet.nn.models import mlp
from minnet.nn.train import fit
from minnet.pruning.ranking import sparsity
from minnet.widgets.controls import TrainControls, few, integer, row, slider, toggles
from minnet.widgets.explorer_base import Explorer

NO_TRAINING = "Retraining needs training data: pass the whole data set, not one part of it."


@dataclass(frozen=True)
class Frame:
    """Everything that is shown.

    Attributes
    ----------
    sparsity : float
        Fraction of the weights that are removed.
    kept, weights : int
    accuracy : float
    curve : ndarray, (101,)
        Accuracy at 0, 1, … 100 %, without retraining.
    retrained : dict of {percent: accuracy}
    time : Time
        Of one batch, dense and sparse, and the bytes of both.
    ghosts : bool
    """

    sparsity: float
    kept: int
    weights: int
    accuracy: float
    curve: np.ndarray
    retrained: dict
    time: object
    ghosts: bool


class SparsityExplorer(Explorer):
    """Remove weights with a slider: ``mn.explore.sparsity(net, digits)``.

    Parameters
    ----------
    net : Layer
        Pruned in place, as far as the slider says.
    data : Dataset or Split
        Of a whole data set, accuracy is measured on ``.val`` and copies are retrained on ``.train``.  A
        single part is only measured on.
    epochs : int
        How long each copy is retrained.
    seed : int
        Of the random criterion and of retraining.

    Attributes
    ----------
    experiment : SparsitySweep
        Its ``net`` is the network, its ``retrained`` what `train` has measured.
    """

    measured = ("time",)
    recorded = {"sparsity": RETRAINED_AT, "criterion": None, "scope": None}

    @staticmethod
    def example():
        digits, net = few(datasets.digits()), mlp(64, 8, 10, rng=0)
        fit(net, digits.train, epochs=2, rng=0, progress=False)
        return SparsityExplorer(net, digits, epochs=1)

    def __init__(self, net, data, *, epochs=10, seed=0):
        self._seed = whole(seed, "seed")
        super().__init__(SparsitySweep(net, data, epochs))

    # ---- controls -----------------------------------------------------------------------------------

    def controls(self):
        self.net, self.split = self.experiment.net, self.experiment.split
        self._samples = f"{len(self.split.y):,} {'samples' if self.experiment.train is None else 'validation samples'}"
        return {
            "sparsity": slider("Sparsity (%)", self.experiment.found, self.experiment.least, 100, width="520px"),
            "criterion": toggles("Criterion", CRITERIA, tooltips=["the weights nearest to zero are removed first",
                                                                  "weights are removed at random"]),
            "scope": toggles("Scope", SCOPES, tooltips=["all weights compete", "each layer loses the same fraction"]),
            "seed": integer("Seed", self._seed),
            "ghosts": widgets.Checkbox(True, description="Ghosts of removed weights", indent=False,
                                       layout={"width": "auto"}),
        }

    def rows(self):
        control = self.control
        self._training = TrainControls(
            self, "Retrain at every sparsity", doing="retraining", done="retrained",
            tooltip="Train a copy further at each sparsity; the network itself stays as it is")
        if self.experiment.train is None:
            self._training.disable(NO_TRAINING)
        return [
            row(control["sparsity"], self._reset, control["ghosts"]),
            row(control["criterion"], control["scope"], control["seed"]),
            row(*self._training.widgets),
            self._message,
            self._picture,
            self._sentence,
        ]

    def reset(self):
        """All controls as they stood at first, and the network's masks as they were found."""
        self.experiment.reset()
        super().reset()

    @contextmanager
    def undisturbed(self):
        with super().undisturbed() as pose, self.experiment.undisturbed():
            yield pose

    # ---- from the state to the numbers --------------------------------------------------------------

    def prepare(self, state):
        self.experiment.prune(_method(state), state["sparsity"])

    def subject(self, state):
        return self.experiment.dense  # trained further in another cell, it is another picture

    def frame(self, state):
        method, weights = _method(state), [param for param in self.net.params() if param.prunable]
        return Frame(
            sparsity=sparsity(self.net),
            kept=sum(param.kept for param in weights),
            weights=sum(param.size for param in weights),
            accuracy=accuracy(self.net, self.split),
            curve=self.experiment.curve(method),
            retrained=dict(self.experiment.retrained.get(method, {})),
            time=self.experiment.cost(),
            ghosts=state["ghosts"],
        )

    # ---- the picture --------------------------------------------------------------------------------

    def draw(self, figure):
        grid = figure.add_gridspec(2, 3, width_ratios=(4.15, 2.15, 3.7), height_ratios=(0.9, 1))
        names = getattr(self.experiment.data, "class_names", None)
        shape = getattr(self.experiment.data, "image_shape", None)
        self._network = draw.network(self.net, ax=figure.add_subplot(grid[:, 0]), labels=names,
                                     title="The network: blue +, orange −, grey removed")
        self._tiles = draw.masks(self.net, shape, ax=figure.add_subplot(grid[0, 1:]),
                                 title="First-layer weights: white is kept, but near zero")
        self._bars = draw.histogram(self.net, ax=figure.add_subplot(grid[1, 1]), removed=True, title="All weights")
        ax = figure.add_subplot(grid[1, 2])
        palette.plain(ax, f"Accuracy on {self._samples}")
        ax.set(xlim=(-2, 102), ylim=(0, 104), xticks=range(0, 101, 20), yticks=range(0, 101, 25))
        ax.set_xlabel("sparsity (%)", fontsize=palette.TEXT)
        ax.set_ylabel("accuracy (%)", fontsize=palette.TEXT)
        ax.grid(color=palette.GRID, linewidth=0.8)
        (self._line,) = ax.plot([], [], color=palette.INK, linewidth=2, label="pruned")
        (self._after,) = ax.plot([], [], color=palette.AFTER, linewidth=2, marker="o", markersize=5,
                                 label="and retrained")
        (self._point,) = ax.plot([], [], "o", color=palette.INK, markersize=10, markerfacecolor=palette.YELLOW)
        self._here = ax.axvline(0, color=palette.INK, linewidth=1, linestyle=":")
        ax.legend(handles=[self._line, self._after], loc="lower left", fontsize=palette.SMALL, frameon=False)
        return [*self._network.artists, *self._tiles.artists, *self._bars.artists,
                self._line, self._after, self._here, self._point]

    def paint(self, frame):
        for drawing in (self._network, self._tiles, self._bars):
            drawing.update()
        self._network.ghosts = frame.ghosts
        self._line.set_data(range(101), 100 * frame.curve)
        points = sorted(frame.retrained.items())
        self._after.set_data([x for x, _ in points], [100 * y for _, y in points])
        self._point.set_data([100 * frame.sparsity], [100 * frame.accuracy])
        self._here.set_xdata([100 * frame.sparsity] * 2)

    def sentence(self, frame):
        near = max(percent for percent in RETRAINED_AT if percent <= 100 * frame.sparsity + 0.05)
        practice = f" (retrained at {near}%: <b>{frame.retrained[near]:.1%}</b>)" if near in frame.retrained else ""
        return (f"<b>{frame.kept:,} of {frame.weights:,} weights kept</b>, {frame.sparsity:.1%} removed. "
                f"Accuracy on {self._samples}: <b>{frame.accuracy:.1%}</b>, "
                f"with all weights {frame.curve[0]:.1%}{practice}. {frame.time}")

    # ---- retraining in the background ---------------------------------------------------------------

    def train(self):
        """Retrain copies at several sparsities, in the background; the newest request wins.  `wait` waits for the
        end."""
        if self.experiment.train is None:
            self.say(NO_TRAINING)
            return
        self._training.run(self.experiment.retrain(_method(self.state)))

    def rehearse(self):
        self.train()
        self.wait()

    def progress(self, what):
        self._training.progress(what)
        if what is None or len(self.experiment.retrained.get(_method(self.state), {})) != len(self.shown.retrained):
            self.refresh()


def _method(state):
    return Method(state["criterion"], state["scope"], state["seed"])
