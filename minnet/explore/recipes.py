"""How often?  One cut or many small ones with training between, at the same cost.

The controls make a recipe; the staircase shows at once what it would do.  Train tries it in the background with
several seeds, next to two controls: dice that choose the weights, and the same mask on an untrained network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import ipywidgets as widgets
import numpy as np

from minnet.draw import ink
from minnet.explore.explorer import Explorer
from minnet.nn.checkpoint import rewind, snapshot
from minnet.nn.layer import Layer
from minnet.nn.scoring import accuracy
from minnet.nn.train import steps
from minnet.pruning import criteria
from minnet.pruning import scope as scopes
from minnet.pruning.ranking import prune, sparsity
from minnet.pruning.schedule import geometric

SCOPES = {"network": scopes.network, "layer": scopes.layer}
RETRAINING = ("fine-tune", "rewind", "none")
FINALS = {"80%": 0.8, "90%": 0.9, "95%": 0.95, "98%": 0.98, "99%": 0.99}
COLOURS = ("#0072B2", "#D55E00", "#CC79A7", "#56B4E9", "#E69F00", "#882255")
BATCH = 32


class Recipe(NamedTuple):
    """Everything that a result depends on."""

    rounds: int
    final: str
    retraining: str
    scope: str
    epochs: int

    def __str__(self):
        often = "one shot" if self.rounds == 1 else f"{self.rounds} rounds"
        return f"{often:9} → {self.final}, {self.retraining:9}, {self.scope:7}, {self.epochs:2} epochs"


class Point(NamedTuple):
    """After one round."""

    sparsity: float
    accuracy: float


@dataclass(frozen=True)
class Run:
    """What one seed gave, as far as it has got.

    Attributes
    ----------
    points : tuple of Point
        One a round.
    kept : tuple of (layer, kept, size)
        Weights of each layer after the last round.
    """

    points: tuple = ()
    kept: tuple = ()


@dataclass(frozen=True)
class Result:
    """What a recipe gave: a `Run` for each seed, with magnitude and with dice, and the accuracies of the final masks
    trained from scratch."""

    number: int
    pruned: tuple = ()
    dice: tuple = ()
    scratch: tuple = ()

    @property
    def finals(self):
        return [run.points[-1].accuracy for run in self.pruned if run.points]


@dataclass(frozen=True)
class Frame:
    """Everything that is shown.

    Attributes
    ----------
    recipe : Recipe
    stairs : list of (epoch, sparsity)
        Of this recipe.
    each : (float, int)
        What a round removes of what is left, and its steps of training.
    result : Result or None
    tried : dict of {Recipe: Result}
    dense : list of float
        Accuracies of the trained networks before pruning.
    note : str
    """

    recipe: Recipe
    stairs: list
    each: tuple
    result: Result | None
    tried: dict
    dense: list
    note: str


class IterationsExplorer(Explorer):
    """Prune in one to twenty rounds: ``mn.explore.iterations(make, digits)``.

    Parameters
    ----------
    make : function
        ``make(seed)`` → an untrained network.
    data : Dataset
        Trained on ``.train``, measured on ``.val``.
    seeds : sequence of int
        Each recipe is tried with each of them.
    epochs : int
        How long the networks are trained before the pruning.

    Attributes
    ----------
    tried : dict of {Recipe: Result}
        Grows while `train` runs, and stays.
    """

    size = (10, 4.6)

    def __init__(self, make, data, *, seeds=(0, 1, 2), epochs=20):
        example = make(seeds[0]) if callable(make) and not isinstance(make, Layer) else None
        if not isinstance(example, Layer):
            raise TypeError("iterations takes a function that makes an untrained network from a seed, write for "
                            "example mn.explore.iterations(lambda seed: mn.models.mlp(64, 300, 100, 10, rng=seed), "
                            "digits)")
        if not hasattr(data, "train"):
            raise TypeError("iterations trains and measures: pass the whole data set, not one part of it")
        self.make, self.data, self.seeds, self.epochs = make, data, tuple(seeds), epochs
        self.tried, self._dense = {}, {}
        self._layers = [(p.path.removesuffix(".weight"), p.size) for p in example.params() if p.prunable]
        self._per_epoch = -(-len(data.train.y) // BATCH)
        self._table = widgets.Select(options=[], rows=6, layout={"width": "960px", "max_width": "100%"})
        super().__init__()

    # ---- controls -----------------------------------------------------------------------------------

    def controls(self):
        wide = {"description_width": "initial"}
        slide = {"style": wide, "layout": {"width": "430px", "max_width": "100%"}}
        toggle = {"style": {**wide, "button_width": "auto"}, "layout": {"width": "auto"}}
        return {
            "rounds": widgets.IntSlider(1, 1, 20, description="Rounds", **slide),
            "epochs": widgets.IntSlider(20, 5, 60, 5, description="Budget (epochs, all rounds together)", **slide),
            "final": widgets.ToggleButtons(options=list(FINALS), value="98%", description="Final sparsity", **toggle),
            "retraining": widgets.ToggleButtons(
                options=RETRAINING, description="Retraining", **toggle,
                tooltips=["go on from the weights that are left", "put them back to their first values, then train",
                          "prune only"]),
            "scope": widgets.ToggleButtons(
                options=list(SCOPES), description="Scope", **toggle,
                tooltips=["all weights compete", "each layer loses the same fraction"]),
        }

    def rows(self):
        self._bar = widgets.FloatProgress(value=0, min=0, max=1, layout={"width": "160px"})
        self._told = widgets.HTML(layout={"width": "330px"})
        self._train = self.button("Train this recipe", self.train, "Try it with every seed, in the background")
        self._cancel = self.button("Cancel", self.job.cancel, "Stop; what is finished stays")
        self._cancel.disabled = True
        self._table.add_class("minnet-table")
        self._table.observe(self._recall, "value")
        mono = widgets.HTML("<style>.minnet-table select { font-family: monospace; font-size: 14px; }</style>",
                            layout={"display": "none"})
        control, row = self.control, {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "4px 18px"}
        return [
            mono,
            widgets.HBox([control["rounds"], control["epochs"]], layout=row),
            widgets.HBox([control["final"], control["retraining"]], layout=row),
            widgets.HBox([control["scope"], self._train, self._cancel, self._reset, self._bar, self._told], layout=row),
            self._message,
            self._picture,
            self._sentence,
            widgets.HTML("<p>Tried recipes (choose one to bring it back): accuracy, and its range over the seeds</p>"),
            self._table,
        ]

    def _recall(self, change):
        if change.new is not None and not self._quiet:
            self._careful(lambda: self.set(**change.new._asdict()))

    # ---- from the state to the numbers --------------------------------------------------------------

    def frame(self, state):
        recipe = Recipe(**state)
        levels, budget = geometric(FINALS[recipe.final], recipe.rounds), self._budget(recipe)
        stairs = [(0.0, 0.0)]
        for index, level in enumerate(levels):
            begin, end = (budget * i // recipe.rounds / self._per_epoch for i in (index, index + 1))
            stairs += [(begin, level), (end, level)]
        return Frame(recipe, stairs, (1 - (1 - levels[-1]) ** (1 / recipe.rounds), budget // recipe.rounds),
                     self.tried.get(recipe), dict(self.tried), list(self._dense_accuracies()), self._note(recipe))

    def _budget(self, recipe):
        """Steps of retraining, all rounds together."""
        return 0 if recipe.retraining == "none" else recipe.epochs * self._per_epoch

    def _dense_accuracies(self):
        return [right for _, _, right in self._dense.values()]

    @staticmethod
    def _note(recipe):
        if recipe.retraining == "none":
            return "Without retraining the weights stay as they are, so the budget is not used."
        if recipe.retraining == "rewind" and recipe.epochs < 2 * recipe.rounds:
            return (f"Rewinding starts anew in each round, and a round has only {recipe.epochs / recipe.rounds:.2g} "
                    "epochs here; give it a larger budget or fewer rounds.")
        return ""

    # ---- the picture --------------------------------------------------------------------------------

    def draw(self, figure):
        grid = figure.add_gridspec(2, 2, width_ratios=(3.6, 6.4), height_ratios=(1.2, 1))
        ax = figure.add_subplot(grid[0, 0])
        ink.plain(ax, "The plan: weights kept (%)")
        ax.set(xlim=(-1, 61), ylim=(0.7, 130), yscale="log", yticks=[1, 10, 100], yticklabels=["1", "10", "100"])
        ax.set_xlabel("epochs of retraining", fontsize=ink.TEXT)
        ax.minorticks_off()
        (self._stairs,) = ax.plot([], [], color=ink.INK, linewidth=2)
        ax = figure.add_subplot(grid[1, 0])
        ink.plain(ax, "Weights kept in each layer (%)")
        at = np.arange(len(self._layers))
        ax.set(xlim=(-0.6, len(at) - 0.4), ylim=(0.05, 400), yscale="log", xticks=at, yticks=[0.1, 1, 10, 100],
               yticklabels=["0.1", "1", "10", "100"])
        ax.set_xticklabels([name for name, _ in self._layers])
        ax.minorticks_off()
        self._bars = ax.bar(at, 0 * at + 1e-3, 0.6, color=ink.POSITIVE)
        self._counts = [ax.text(x, 1, "", ha="center", va="bottom", fontsize=ink.SMALL, color=ink.INK) for x in at]
        ax = figure.add_subplot(grid[:, 1])
        ink.plain(ax, f"Accuracy on the validation data (%), {len(self.seeds)} seeds")
        kept = (100, 50, 20, 10, 5, 2, 1)
        ax.set(xscale="log", xlim=(115, 0.8), ylim=(0, 104), xticks=kept, yticks=range(0, 101, 25))
        ax.set_xticklabels(map(str, kept))
        ax.minorticks_off()
        ax.set_xlabel("weights kept (%)", fontsize=ink.TEXT)
        ax.grid(color="#E5E5E5", linewidth=0.8)
        self._whole = ax.axhline(-9, color=ink.FAINT, linewidth=1, linestyle=":")
        self._band = ax.fill_between([], [], [], color=ink.POSITIVE, alpha=0.25, linewidth=0)
        self._olds = [ax.plot([], [], color=colour, linewidth=1.3, marker=".", alpha=0.8)[0] for colour in COLOURS]
        self._dice_band = ax.fill_between([], [], [], color=ink.FAINT, alpha=0.2, linewidth=0)
        (self._dice,) = ax.plot([], [], color=ink.FAINT, linewidth=2, linestyle="--", marker="x", markersize=5)
        (self._line,) = ax.plot([], [], color=ink.INK, linewidth=2.4, marker="o", markersize=5)
        (self._scratch,) = ax.plot([], [], color=ink.AFTER, linewidth=2.5, marker="D", markersize=8)
        self._names = [ax.text(0, 0, "", fontsize=ink.SMALL, color=ink.INK, va="center", ha="left", clip_on=True)
                       for _ in range(len(COLOURS) + 1)]
        ax.legend(handles=[self._line, self._dice, self._scratch],
                  labels=["this recipe", "dice choose instead", "same mask, from scratch"],
                  loc="lower left", fontsize=ink.SMALL, frameon=False)
        return [self._stairs, *self._bars, *self._counts, self._whole, self._band, *self._olds, self._dice_band,
                self._dice, self._line, self._scratch, *self._names]

    def paint(self, frame):
        self.say(frame.note)
        self._stairs.set_data([x for x, _ in frame.stairs], [100 * (1 - s) for _, s in frame.stairs])
        result = frame.result or Result(0)
        self._paint_layers(result)
        self._whole.set_ydata([100 * np.mean(frame.dense)] * 2 if frame.dense else [-9, -9])
        self._paint_curve(self._line, self._band, result.pruned, frame.dense)
        self._paint_curve(self._dice, self._dice_band, result.dice, frame.dense)
        at = 100 * (1 - FINALS[frame.recipe.final])
        low, high = (100 * f(result.scratch) for f in (min, max)) if result.scratch else (np.nan, np.nan)
        self._scratch.set_data([at, at, at], [low, 100 * np.mean(result.scratch) if result.scratch else np.nan, high])
        self._scratch.set_markevery([1])
        others = [each for recipe, each in frame.tried.items() if recipe != frame.recipe and each.finals]
        others = others[-len(COLOURS):]
        for slot, line in enumerate(self._olds):
            self._paint_curve(line, None, others[slot].pruned if slot < len(others) else (), frame.dense)
        for slot, text in enumerate(self._names):
            each = ([result] if result.finals else [None])[0] if slot == len(COLOURS) else (
                others[slot] if slot < len(others) else None)
            text.set_visible(each is not None)
            if each is not None:
                text.set_text(f" #{each.number}")
                text.set_position((100 * (1 - each.pruned[0].points[-1].sparsity), 100 * np.mean(each.finals)))
        self._list(frame)

    def _paint_layers(self, result):
        kept = result.pruned[0].kept if result.pruned else ()
        for i, (bar, text) in enumerate(zip(self._bars, self._counts, strict=True)):
            part = 100 * kept[i][1] / kept[i][2] if kept else 1e-3
            bar.set_height(max(part, 1e-3))
            bar.stale = True
            text.set_position((i, max(part, 0.06) * 1.1))
            text.set_text(f"{kept[i][1]:,}" if kept else "")

    @staticmethod
    def _paint_curve(line, band, runs, dense):
        """The mean of all seeds, and their range, at each round that all of them have reached."""
        rounds = min((len(run.points) for run in runs), default=0)
        if not rounds:
            line.set_data([], [])
            if band is not None:
                band.set_verts([])
            return
        kept = [100.0, *(100 * (1 - runs[0].points[i].sparsity) for i in range(rounds))]
        right = 100 * np.array([[dense[seed], *(point.accuracy for point in run.points[:rounds])]
                                for seed, run in enumerate(runs)])
        line.set_data(kept, right.mean(axis=0))
        if band is not None:
            low, high = right.min(axis=0), right.max(axis=0)
            band.set_verts([np.column_stack([kept + kept[::-1], [*low, *high[::-1]]])])

    def _list(self, frame):
        """The table of tried recipes."""
        options = [(f"#{each.number:<3} {recipe!s:58} {_range(each.finals):24} dice {_range(_finals(each.dice)):24} "
                    f"from scratch {_range(each.scratch)}", recipe) for recipe, each in frame.tried.items()]
        if tuple(options) != tuple(self._table.options):
            with self._silently():
                self._table.options = options
        with self._silently():
            self._table.value = frame.recipe if frame.result is not None else None

    def sentence(self, frame):
        recipe, (part, count) = frame.recipe, frame.each
        often = "In one cut" if recipe.rounds == 1 else f"In {recipe.rounds} rounds"
        said = (f"{often} to <b>{recipe.final}</b>: each round removes {part:.0%} of what is left, then "
                f"trains for {count} steps. ")
        if frame.result is None or not frame.result.finals:
            return said + "Not tried yet: press <b>Train this recipe</b>."
        result = frame.result
        layers = ", ".join(f"{name} {kept:,}" for name, kept, _ in result.pruned[0].kept)
        said += (f"Accuracy <b>{_range(result.finals)}</b>, with all weights {_range(frame.dense)}. "
                 f"Weights left (seed {self.seeds[0]}): {layers}. ")
        if result.dice:
            said += f"Dice: {_range(_finals(result.dice))}. "
        if result.scratch:
            said += f"Same mask from scratch: {_range(result.scratch)}."
        return said

    # ---- training in the background -----------------------------------------------------------------

    def train(self):
        """Try the present recipe with every seed, in the background; the newest request wins."""
        recipe = Recipe(**self.state)
        number = self.tried[recipe].number if recipe in self.tried else 1 + len(self.tried)
        self.tried[recipe] = Result(number)
        self.job.start(self._work(recipe))

    def _work(self, recipe):
        """First the networks, then the recipe, then its two controls; yields (fraction done, what)."""
        seeds, budget = self.seeds, self._budget(recipe)
        missing = [seed for seed in seeds if seed not in self._dense]
        whole = self.epochs * self._per_epoch
        total = len(missing) * whole + len(seeds) * (2 * budget + whole + budget)
        done = 0

        def follow(run, what):
            nonlocal done
            for _ in run:
                done += 1
                yield done / total, what

        for seed in missing:
            net = self.make(seed)
            start = snapshot(net)
            yield from follow(steps(net, self.data.train, count=whole, batch=BATCH, rng=seed), "the whole networks")
            self._dense[seed] = net, start, accuracy(net, self.data.val)
        masks = []
        for kind, criterion in (("pruned", criteria.magnitude), ("dice", criteria.random)):
            for place, seed in enumerate(seeds):
                net, start, _ = self._dense[seed]
                net = net.copy()
                for run in self._rounds(net, recipe, seed, criterion, start, follow):
                    if isinstance(run, Run):
                        result = self.tried[recipe]
                        runs = (*getattr(result, kind)[:place], run)
                        self.tried[recipe] = replace(result, **{kind: runs})
                        run = done / max(total, 1), f"seed {seed}" if kind == "pruned" else f"dice, seed {seed}"
                    yield run
                if kind == "pruned":
                    masks.append({p.path: p.mask for p in net.params()})
        for seed, mask in zip(seeds, masks, strict=True):
            net = self.make(seed + 1000)  # other dice: the same mask on an untrained network
            for param in net.params():
                param.mask = mask[param.path]
            run = steps(net, self.data.train, count=whole + budget, batch=BATCH, rng=seed)
            yield from follow(run, f"from scratch, seed {seed}")
            result = self.tried[recipe]
            self.tried[recipe] = replace(result, scratch=(*result.scratch, accuracy(net, self.data.val)))
        yield 1.0, "done"

    def _rounds(self, net, recipe, seed, criterion, start, follow):
        """`mn.iterate`, step by step, so that it can be stopped inside a round.  Yields progress and `Run`."""
        rng, budget, points = np.random.default_rng(seed), self._budget(recipe), ()
        what = f"seed {seed}" if criterion is criteria.magnitude else f"dice, seed {seed}"
        for index, wanted in enumerate(geometric(FINALS[recipe.final], recipe.rounds)):
            prune(net, wanted, criterion, scope=SCOPES[recipe.scope], rng=rng)
            if recipe.retraining == "rewind":
                rewind(net, start)
            count = budget * (index + 1) // recipe.rounds - budget * index // recipe.rounds
            yield from follow(steps(net, self.data.train, count=count, batch=BATCH, rng=rng), what)
            points = (*points, Point(sparsity(net), accuracy(net, self.data.val)))
            kept = tuple((p.path.removesuffix(".weight"), p.kept, p.size) for p in net.params() if p.prunable)
            yield Run(points, kept)

    def progress(self, what):
        running = what is not None
        self._cancel.disabled = not running
        if running:
            self._bar.value, now = what
            self._told.value = f"training: {now}"
        else:
            self._told.value = "trained" if self._bar.value == 1 else "stopped; what is finished stays"
        if self.tried != self.shown.tried or not running:
            self.refresh()


def _finals(runs):
    return [run.points[-1].accuracy for run in runs if run.points]


def _range(values):
    """``93.1% (91.9–93.9)``: the mean, and the range over the seeds."""
    if not values:
        return "–"
    return f"{np.mean(values):.1%} ({100 * min(values):.1f}–{100 * max(values):.1f})"
