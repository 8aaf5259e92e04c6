"""How much can go?  A slider removes weights, and everything that follows from it is seen at once.

The network itself is pruned as the slider moves: its masks are those of the picture.  In the background,
copies are retrained at every sparsity, which shows how much of a loss was only a lack of practice.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass

import ipywidgets as widgets
import numpy as np

from minnet import data as datasets
from minnet import draw
from minnet.draw import palette
from minnet.experiments.prediction_cost import PredictionCost
from minnet.nn.models import mlp
from minnet.nn.train import accuracy, fit, steps, steps_for
from minnet.pruning import criteria
from minnet.pruning import scope as scopes
from minnet.pruning.ranking import rank, restore, set_masks, sparsity
from minnet.widgets.controls import few
from minnet.widgets.explorer_base import Explorer

RETRAINED_AT = (0, 10, 20, 30, 40, 50, 60, 70, 80, 85, 90, 93, 95, 97, 98, 99, 100)  # percent
CRITERIA = {"magnitude": criteria.magnitude, "random": criteria.random}
SCOPES = {"network": scopes.network, "layer": scopes.layer}


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
        Dice of the random criterion and of retraining.

    Attributes
    ----------
    net : Layer
    retrained : dict of {(criterion, scope, seed): {percent: accuracy}}
        Grows while `retrain` runs, and stays.
    """

    measured = ("time",)
    recorded = {"sparsity": RETRAINED_AT, "criterion": None, "scope": None}

    @staticmethod
    def example():
        digits, net = few(datasets.digits()), mlp(64, 8, 10, rng=0)
        fit(net, digits.train, epochs=2, rng=0, progress=False)
        return SparsityExplorer(net, digits, epochs=1)

    def follow(self, other):
        self.retrained = {recipe: dict(points) for recipe, points in other.retrained.items()}
        super().follow(other)

    def __init__(self, net, data, *, epochs=10, seed=0):
        self.net, self.data, self.epochs, self.seed = net, data, epochs, seed
        self.split = data.val if hasattr(data, "val") else data
        self.train = getattr(data, "train", None)
        self._samples = f"{len(self.split.y):,} {'validation samples' if self.split is not data else 'samples'}"
        self.retrained = {}
        self._found = {param.path: param.mask for param in net.params()}  # what Reset goes back to
        self._opened = round(100 * sparsity(net))
        self._untouched = True
        self._watch = PredictionCost(self.split.x)
        self._remember()
        super().__init__()

    # ---- controls -----------------------------------------------------------------------------------

    def controls(self):
        wide = {"description_width": "initial"}
        toggle = {"style": {**wide, "button_width": "auto"}, "layout": {"width": "auto"}}
        return {
            "sparsity": widgets.IntSlider(self._opened, 0, 100, description="Sparsity (%)", style=wide,
                                          layout={"width": "520px", "max_width": "100%"}),
            "criterion": widgets.ToggleButtons(
                options=list(CRITERIA), description="Criterion", **toggle,
                tooltips=["the weights nearest to zero fall first", "dice decide"]),
            "scope": widgets.ToggleButtons(
                options=list(SCOPES), description="Scope", **toggle,
                tooltips=["all weights compete", "each layer loses the same fraction"]),
            "seed": widgets.BoundedIntText(self.seed, 0, 9999, description="Seed", style=wide,
                                           layout={"width": "120px"}),
            "ghosts": widgets.Checkbox(True, description="Ghosts of removed weights", indent=False,
                                       layout={"width": "auto"}),
        }

    def rows(self):
        self._bar = widgets.IntProgress(0, 0, len(RETRAINED_AT), layout={"width": "160px"})
        self._told = widgets.HTML(layout={"width": "250px"})
        self._retrain = self.button("Retrain at every sparsity", self.retrain,
                                    "Train a copy further at each sparsity; the network itself stays as it is")
        self._cancel = self.button("Cancel", self.job.cancel, "Stop retraining; finished points stay")
        self._cancel.disabled = True
        control, row = self.control, {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "4px 18px"}
        if self.train is None:
            self._retrain.disabled = True
            self._told.layout.width = "auto"
            self._told.value = "Retraining needs training data: pass the whole data set, not one part of it."
        return [
            widgets.HBox([control["sparsity"], self._reset, control["ghosts"]], layout=row),
            widgets.HBox([control["criterion"], control["scope"], control["seed"]], layout=row),
            widgets.HBox([self._retrain, self._cancel, self._bar, self._told], layout=row),
            self._message,
            self._picture,
            self._sentence,
        ]

    def reset(self):
        """All controls as they stood at first, and the network's masks as they were found."""
        for param in self.net.params():
            param.mask = self._found[param.path]
        self._untouched = True
        super().reset()

    @contextmanager
    def undisturbed(self):
        masks, untouched = {param.path: param.mask for param in self.net.params()}, self._untouched
        with super().undisturbed() as pose:
            try:
                yield pose
            finally:
                for param in self.net.params():
                    param.mask = masks[param.path]
                self._untouched = untouched

    # ---- from the state to the numbers --------------------------------------------------------------

    def frame(self, state):
        if self._numbers_changed():  # trained further in another cell: another subject
            self._remember()
            self.begin()
        if not (self._untouched and state["sparsity"] == self._opened):
            self._untouched = False
            set_masks(self.net, self._masks(state, state["sparsity"] / 100))
        weights = [param for param in self.net.params() if param.prunable]
        return Frame(
            sparsity=sparsity(self.net),
            kept=sum(param.kept for param in weights),
            weights=sum(param.size for param in weights),
            accuracy=accuracy(self.net, self.split),
            curve=self._curve(state),
            retrained=dict(self.retrained.get(_recipe(state), {})),
            time=self._watch.read(self.net),
            ghosts=state["ghosts"],
        )

    def _masks(self, state, part):
        recipe = _recipe(state)
        if recipe not in self._rankings:
            dense = self._dense.copy()
            criterion, scope, seed = recipe
            self._rankings[recipe] = rank(dense, CRITERIA[criterion], scope=SCOPES[scope], rng=seed)
        return self._rankings[recipe].masks(part)

    def _curve(self, state):
        """Accuracy at every percent, on a copy; once for each recipe."""
        recipe = _recipe(state)
        if recipe not in self._curves:
            copy, curve = self._dense.copy(), []
            for percent in range(101):
                set_masks(copy, self._masks(state, percent / 100))
                curve.append(accuracy(copy, self.split))
            self._curves[recipe] = np.array(curve)
        return self._curves[recipe]

    def _remember(self):
        """Keep the network's numbers: rankings and curves belong to them."""
        self._dense = self.net.copy()
        restore(self._dense)
        self._rankings, self._curves = {}, {}
        self._watch.forget()

    def _numbers_changed(self):
        pairs = zip(self.net.params(), self._dense.params(), strict=True)
        return any(not np.array_equal(now.data, then.data) for now, then in pairs)

    # ---- the picture --------------------------------------------------------------------------------

    def draw(self, figure):
        grid = figure.add_gridspec(2, 3, width_ratios=(4.15, 2.15, 3.7), height_ratios=(0.9, 1))
        names = getattr(self.data, "class_names", None)
        shape = getattr(self.data, "image_shape", None)
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

    def retrain(self):
        """Retrain copies at every sparsity, in the background; the newest request wins.  `wait` waits for the
        end."""
        if self.train is None:
            self.say("Retraining needs training data: pass the whole data set, mn.explore.sparsity(net, digits).")
            return
        state = self.state
        masks = {percent: self._masks(state, percent / 100) for percent in RETRAINED_AT}
        self.retrained[_recipe(state)] = {}
        self.job.start(self._practice(self._dense.copy(), masks, self.retrained[_recipe(state)], state["seed"]))

    def _practice(self, dense, masks, points, seed):
        count = steps_for(self.train, self.epochs)
        for done, (percent, chosen) in enumerate(masks.items()):
            copy = set_masks(dense.copy(), chosen)
            for step in steps(copy, self.train, count=count, rng=seed):
                yield done + step.index / count
            points[percent] = accuracy(copy, self.split)
            yield done + 1

    def rehearse(self):
        self.retrain()
        self.wait()

    def progress(self, what):
        running = what is not None
        self._cancel.disabled = not running
        if running:
            self._bar.value = int(what)
            self._told.value = f"retraining: {int(what)} of {len(RETRAINED_AT)} points"
        else:
            finished = self._bar.value == len(RETRAINED_AT)
            self._told.value = "retrained" if finished else "stopped"
        points = len(self.retrained.get(_recipe(self.state), {}))
        if points != len(self.shown.retrained) or not running:
            self.refresh()


def _recipe(state):
    """What a ranking depends on."""
    return state["criterion"], state["scope"], state["seed"]
