"""The playground: every question of pruning has its control, and every recipe that was tried stays.

The slider previews what a recipe removes, before any retraining.  Prune really does it, in the background: in rounds
or gradually, with retraining; what came out stays in the table, can be called back, laid beside another, taken back,
and copied as the few lines of code that do the same.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import ipywidgets as widgets
import numpy as np

from minnet.draw import ink
from minnet.explore import menu
from minnet.explore.blueprint import Blueprint, stored
from minnet.explore.explorer import Explorer
from minnet.explore.menu import Recipe
from minnet.explore.rungs import BATCH, price
from minnet.explore.stopwatch import spoken_bytes, spoken_time
from minnet.nn.scoring import evaluate
from minnet.pruning.physical import compact
from minnet.pruning.ranking import rank

WHOLE = 0  # to compare with: the network before pruning
BESIDE = "#E69F00"


@dataclass(frozen=True)
class Outcome:
    """What a network is worth, pruned or not.

    Attributes
    ----------
    kept, weights : int
    accuracy : float
        On the validation part.
    classes : ndarray, (classes,)
        Accuracy of each class.
    bytes, seconds : dict of {"whole", "compact", "sparse"}
    masks, there : dict of {path: ndarray of bool}
        Weights in use, and those that `compact` still stores.
    """

    kept: int
    weights: int
    accuracy: float
    classes: np.ndarray
    bytes: dict
    seconds: dict
    masks: dict
    there: dict

    @property
    def sparsity(self):
        return 1 - self.kept / self.weights


@dataclass(frozen=True)
class Frame:
    """Everything that is shown.

    Attributes
    ----------
    recipe : Recipe
    trained : bool
        Whether the whole network has learned yet.
    number : int
        Of the recipe in the table; 0 for a preview.
    here, beside, whole : Outcome
        Of the recipe, of what it is compared with, and of the whole network.
    beside_number : int
    points : dict of {number: (weights kept in %, accuracy in %)}
        Of all recipes tried on this network.
    names : tuple of str
        Of the classes.
    code, note : str
    """

    recipe: Recipe
    trained: bool
    number: int
    here: Outcome
    beside: Outcome
    whole: Outcome
    beside_number: int
    points: dict
    names: tuple
    code: str
    note: str


class PlaygroundExplorer(Explorer):
    """Every question of pruning in one place: ``mn.explore.playground()``.

    Parameters
    ----------
    folder : str or path, optional
        Where *Save as a page* writes; without it the button is asleep.
    subjects : dict of {name: Subject}, optional
        Other networks and data than those of `minnet.explore.menu`.

    Attributes
    ----------
    tried : dict of {Recipe: Layer}
        The networks that came out, in the order of trying.
    """

    size = (10, 4.4)
    measured = ("seconds",)
    recorded = {"percent": (0, 20, 40, 60, 80, 90, 95), "criterion": ("magnitude", "random", "taylor"),
                "structure": ("weights", "blocks of 4 × 4", "neurons / filters")}

    @staticmethod
    def example():
        small = menu.Subject("mn.data.digits()", "mn.models.mlp(64, 12, 8, 10, rng={seed})", 1)
        layers = small._replace(net="mn.models.residual_mlp(width=8, blocks=2, rng={seed})")
        return PlaygroundExplorer(subjects={"small": small, "layers": layers})

    def follow(self, other):
        self._dense, self.tried = dict(other._dense), dict(other.tried)
        self._list_beside()
        super().follow(other)

    def __init__(self, folder=None, *, subjects=None):
        self.folder = None if folder is None else Path(folder)
        self.subjects = dict(subjects or menu.subjects())
        self.tried = {}
        self._listing = False
        self._dense, self._data, self._untrained = {}, {}, {}  # by (subject, seed), by code, by (subject, seed)
        self._rankings, self._outcomes = {}, {}
        self._drawn = None
        self._table = widgets.Select(options=[], rows=4, description="Tried",
                                     layout={"width": "985px", "max_width": "100%"},
                                     style={"description_width": "initial"})
        self._code = widgets.HTML()
        super().__init__()

    # ---- controls -----------------------------------------------------------------------------------

    def controls(self):
        wide = {"description_width": "initial"}
        slides = [{"style": wide, "layout": {"width": f"{width}px"}} for width in (395, 230, 340)]
        pick = {"style": wide, "layout": {"width": "250px"}}
        toggle = {"style": {**wide, "button_width": "auto"}, "layout": {"width": "auto"}}
        return {
            "subject": widgets.Dropdown(options=list(self.subjects), description="Network", style=wide,
                                        layout={"width": "290px"}),
            "structure": widgets.Dropdown(options=list(menu.STRUCTURES), description="What", **pick),
            "criterion": widgets.Dropdown(options=list(menu.CRITERIA), description="How", style=wide,
                                          layout={"width": "170px"}),
            "seed": widgets.BoundedIntText(0, 0, 9999, description="Seed", style=wide, layout={"width": "120px"}),
            "percent": widgets.IntSlider(90, 0, 99, description="Sparsity (% of units)", **slides[0]),
            "rounds": widgets.IntSlider(1, 1, 20, description="Rounds", **slides[1]),
            "epochs": widgets.IntSlider(10, 0, 40, description="Retraining (epochs)", **slides[2]),
            "scope": widgets.ToggleButtons(
                options=list(menu.SCOPES), description="Scope", **toggle,
                tooltips=["all units compete", "each layer loses the same fraction", "N of each 4 neighbours (N:M)"]),
            "schedule": widgets.ToggleButtons(
                options=menu.SCHEDULES, description="Schedule", **toggle,
                tooltips=["prune, retrain, prune, retrain …", "a little after every few steps of retraining"]),
            "beside": widgets.Dropdown(options=[("the whole network", WHOLE)], description="Beside it", **pick),
        }

    def rows(self):
        self._bar = widgets.FloatProgress(value=0, min=0, max=1, layout={"width": "100px"})
        self._told = widgets.HTML(layout={"width": "225px", "height": "32px", "overflow": "hidden"})
        self._buttons = [
            self.button("Train", self.train, "Train the whole network"),
            self.button("Prune", self.prune, "Prune and retrain as the recipe says"),
            self.button("Undo", self.undo, "Take back the recipe that was tried last"),
        ]
        self._cancel = self.button("Cancel", self.job.cancel, "Stop; the table stays as it is")
        self._cancel.disabled = True
        self._save = self.button("Save as a page", self.save, "One file that opens without Jupyter")
        self._save.disabled = self.folder is None
        self._table.add_class("minnet-tried")
        self._table.observe(self._recall, "value")
        control, row = self.control, {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "2px 14px"}
        return [
            widgets.HTML("<style>.minnet-tried select { font: 13px monospace; }</style>", layout={"display": "none"}),
            widgets.HBox([control[name] for name in ("subject", "structure", "criterion", "seed")], layout=row),
            widgets.HBox([control[name] for name in ("percent", "rounds", "epochs")], layout=row),
            widgets.HBox([control[name] for name in ("scope", "schedule", "beside")], layout=row),
            widgets.HBox([*self._buttons, self._cancel, self._reset, self._save, self._bar, self._told], layout=row),
            self._message, self._picture, self._sentence, self._table, self._code,
        ]  # fmt: skip

    def _recall(self, change):
        if change.new is not None and not self._listing:
            self._careful(self._bring_back, change.new)

    def _bring_back(self, recipe):
        names = {subject: name for name, subject in self.subjects.items()}
        self.set(**{**recipe._asdict(), "subject": names[recipe.subject]})

    # ---- from the state to the numbers --------------------------------------------------------------

    def _recipe(self, state):
        return Recipe(**{name: state[name] for name in Recipe._fields if name != "subject"},
                      subject=self.subjects[state["subject"]])

    def data(self, recipe):
        """The data of a recipe; loaded once."""
        code = recipe.subject.data
        if code not in self._data:
            self._data[code] = menu.evaluate(code)
        return self._data[code]

    def dense(self, recipe):
        """The whole network of a recipe, trained if it has been trained."""
        key = recipe.subject, recipe.seed
        if key not in self._dense and key not in self._untrained:
            self._untrained[key] = recipe.untrained()
        return self._dense.get(key) or self._untrained[key]

    def frame(self, state):
        recipe = self._recipe(state)
        if self._drawn != (recipe.subject, recipe.seed, self.dense(recipe)):
            self._drawn = recipe.subject, recipe.seed, self.dense(recipe)
            self.begin()
        data, whole = self.data(recipe), self._outcome(recipe, self.dense(recipe))
        numbers = {each: number for number, each in enumerate(self.tried, 1)}
        note, here = self._here(recipe, whole)
        other = {number: each for each, number in numbers.items()}.get(state["beside"])
        return Frame(
            recipe=recipe, trained=(recipe.subject, recipe.seed) in self._dense, number=numbers.get(recipe, 0),
            here=here, whole=whole, beside=whole if other is None else self._outcome(other, self.tried[other]),
            beside_number=state["beside"], names=data.class_names,
            points={numbers[each]: (100 - 100 * result.sparsity, 100 * result.accuracy)
                    for each in self.tried if each.subject == recipe.subject
                    for result in [self._outcome(each, self.tried[each])]},
            code=recipe.code(len(data.train)), note=note,
        )

    def _here(self, recipe, whole):
        """(what cannot be done, outcome) of a recipe: what came out if it was tried, else a preview."""
        if recipe in self.tried:
            return "", self._outcome(recipe, self.tried[recipe])
        net, dense = None, self.dense(recipe)
        key = *recipe._replace(percent=0, rounds=0, epochs=0, schedule=""), dense
        if key not in self._rankings:
            how = {word: menu.evaluate(code) for word, code in recipe.how.items()}
            try:
                self._rankings[key] = rank(dense, data=self.data(recipe).train, rng=recipe.seed, **how)
            except ValueError as error:
                self._rankings[key] = str(error)
        ranking = self._rankings[key]
        if isinstance(ranking, str):
            return f"Nothing is removed: {ranking}", whole
        net = dense.copy()
        for path, mask in ranking.masks(recipe.percent / 100).items():
            next(param for param in net.params() if param.path == path).mask = mask
        return "", self._outcome(recipe, net, (key, recipe.percent))

    def _outcome(self, recipe, net, key=None):
        """What a network is worth; measured once."""
        key = id(net) if key is None else key
        if key not in self._outcomes:
            data, small = self.data(recipe), compact(net)
            found = evaluate(small, data.val, batch=BATCH)
            weights = [param for param in net.params() if param.prunable]
            self._outcomes[key] = net, Outcome(
                sum(p.kept for p in weights), sum(p.size for p in weights), found.accuracy, found.per_class,
                *price(self.dense(recipe), small, data.val.x),
                {p.path: np.ones(p.shape, bool) if p.mask is None else p.mask for p in weights}, stored(net))
        return self._outcomes[key][1]

    # ---- the picture --------------------------------------------------------------------------------

    def draw(self, figure):
        grid = figure.add_gridspec(2, 2, width_ratios=(5, 5), height_ratios=(1.25, 1))
        sheet = figure.add_subplot(grid[:, 0])
        ax = figure.add_subplot(grid[0, 1])
        ink.plain(ax, "Accuracy (%), validation data")
        kept = (100, 50, 20, 10, 5, 2, 1)
        ax.set(xscale="log", xlim=(125, 0.8), ylim=(0, 108), xticks=kept, yticks=range(0, 101, 25))
        ax.set_xticklabels(map(str, kept))
        ax.minorticks_off()
        ax.set_xlabel("weights kept (%)", fontsize=ink.TEXT)
        ax.grid(color="#E5E5E5", linewidth=0.8)
        self._whole = ax.axhline(-9, color=ink.FAINT, linewidth=1, linestyle=":")
        (self._points,) = ax.plot([], [], "o", color=ink.AFTER, markersize=7)
        (self._other,) = ax.plot([], [], "s", color=BESIDE, markersize=10, markerfacecolor="none", markeredgewidth=2)
        (self._point,) = ax.plot([], [], "o", color=ink.INK, markersize=10, markerfacecolor="#F0E442")
        self._numbers = [ax.text(0, 0, "", fontsize=ink.SMALL, color=ink.INK, va="top", ha="center", clip_on=True)
                         for _ in range(12)]
        ax.legend(handles=[self._point, self._points, self._other], labels=["this recipe", "tried", "beside it"],
                  loc="lower left", fontsize=ink.SMALL, frameon=False, handletextpad=0.2)
        names = self.data(self._recipe(self.state)).class_names
        ax, at = figure.add_subplot(grid[1, 1]), np.arange(len(names))
        ink.plain(ax, "Recognised of each class (%)")
        ax.set(xlim=(-0.6, len(names) - 0.4), ylim=(0, 104), xticks=at, yticks=range(0, 101, 50))
        ax.set_xticklabels(names)
        ax.grid(color="#E5E5E5", linewidth=0.8, axis="y")
        ax.set_axisbelow(True)
        self._bars = [ax.bar(at + shift, 0 * at, 0.38, color=colour)
                      for shift, colour in ((-0.2, ink.POSITIVE), (0.2, BESIDE))]
        ax.legend(handles=self._bars, labels=["this recipe", "beside it"], loc="upper right", ncols=2, borderpad=0,
                  bbox_to_anchor=(1.01, 1.24), fontsize=ink.SMALL, frameon=False, handlelength=1, columnspacing=1)
        figure.canvas.draw()  # settles the layout, which the sheet fits itself into
        self._sheet = Blueprint(self.dense(self._recipe(self.state)), sheet,
                                "Weights: coloured kept, grey masked, white deleted")
        return [*self._sheet.artists, self._whole, self._points, self._other, *self._numbers, self._point,
                *[bar for bars in self._bars for bar in bars]]

    def paint(self, frame):
        self.say(frame.note)
        self._sheet.update(frame.here.masks, frame.here.there)
        self._whole.set_ydata([100 * frame.whole.accuracy] * 2)
        latest = list(frame.points.items())[-len(self._numbers):]
        self._points.set_data([x for _, (x, _) in latest], [y for _, (_, y) in latest])
        for text, (number, place) in zip(self._numbers, latest + [("", (0, 0))] * len(self._numbers), strict=False):
            text.set_text(f"#{number}" if number else "")
            text.set_position((place[0], place[1] - 6))
        for point, outcome in ((self._point, frame.here), (self._other, frame.beside)):
            point.set_data([100 - 100 * outcome.sparsity], [100 * outcome.accuracy])
        for bars, outcome in zip(self._bars, (frame.here, frame.beside), strict=True):
            for bar, part in zip(bars, outcome.classes, strict=True):
                bar.set_height(0 if np.isnan(part) else 100 * part)
        self._code.value = ("<p style='font-size: 15px'>The same in code:</p><pre style='font-size: 14px; "
                            f"line-height: 1.35'>import minnet as mn\n\n{html.escape(frame.code)}</pre>")
        self._list(frame)

    def _list(self, frame):
        """The table of tried recipes.  An option's blanks would be folded, so they are made hard."""
        options = [(_row(number, recipe, self._outcome(recipe, net)), recipe)
                   for number, (recipe, net) in enumerate(self.tried.items(), 1)]
        self._listing = True
        try:
            if tuple(options) != tuple(self._table.options):
                self._table.options = options
            self._table.value = frame.recipe if frame.number else None
        finally:
            self._listing = False

    def sentence(self, frame):
        what = f"<b>Recipe #{frame.number}</b>" if frame.number else "<b>Preview</b>, not retrained"
        other = "the whole network" if frame.beside_number == WHOLE else f"recipe #{frame.beside_number}"
        said = (f"{what}: {_worth(frame.here)}. Beside it, {other}: {_worth(frame.beside)}. "
                f"(Bytes and time as compiled by <code>mn.sparse.compile</code>; time for {BATCH} samples.)")
        return said if frame.trained else said + " The network has not been trained yet: press <b>Train</b>."

    # ---- what the buttons do ------------------------------------------------------------------------

    def train(self):
        """Train the whole network, in the background."""
        recipe = self._recipe(self.state)
        if (recipe.subject, recipe.seed) in self._dense:
            self.say("This network has been trained. Choose a recipe and press Prune, or choose another seed.")
            return
        self._begun = monotonic()
        self.job.start(self._learn(recipe))

    def prune(self):
        """Carry out the recipe, in the background; the whole network is trained first if need be."""
        recipe = self._recipe(self.state)
        note, _ = self._here(recipe, None)
        if note:
            self.say(note)
            return
        self._begun = monotonic()
        self.job.start(self._cook(recipe))

    def rehearse(self):
        for criterion in ("random", "magnitude"):
            self.set(criterion=criterion)
            self.prune()
            self.wait()

    def undo(self):
        """Forget the recipe that was tried last, and go back to the one before."""
        if not self.tried:
            self.say("Nothing has been tried yet: press Prune first.")
            return
        self.tried.popitem()
        self._list_beside()
        if self.tried:
            self._bring_back(list(self.tried)[-1])
        else:
            self.refresh()

    def save(self):
        """Write the playground as a page of its own into the folder that was named."""
        path = self.folder / "playground.html"
        self.save_html(path)
        self.say(f"Saved as {path.name}, next to this notebook. It opens in any browser, without Jupyter.")

    def _learn(self, recipe):
        net = recipe.untrained()
        for part in recipe.learn(net, self.data(recipe)):
            yield part, "training the whole network"
        self._dense[recipe.subject, recipe.seed] = net

    def _cook(self, recipe):
        if (recipe.subject, recipe.seed) not in self._dense:
            yield from self._learn(recipe)
            self._begun = monotonic()
        net = self.dense(recipe).copy()
        for part in recipe.cook(net, self.data(recipe)):
            yield part, "pruning and retraining"
        self.tried.pop(recipe, None)
        self.tried[recipe] = net
        yield 1.0, "done"

    def progress(self, what):
        running = what is not None
        self._cancel.disabled = not running
        if running:
            self._bar.value, doing = what
            left = (monotonic() - self._begun) * (1 / max(self._bar.value, 1e-3) - 1)
            self._told.value = doing + (f", about {left:.0f} s left" if left > 2 else "")
        else:
            self._told.value = "ready" if self._bar.value == 1 else "stopped"
            if self.job.error is not None:
                self.say(f"Something went wrong: {self.job.error}")
            self._list_beside()
            self.refresh()

    def _list_beside(self):
        """Every tried recipe can be laid beside."""
        control = self.control["beside"]
        options = [("the whole network", WHOLE), *((f"recipe #{n}", n) for n in range(1, len(self.tried) + 1))]
        if tuple(options) != tuple(control.options):
            with self._silently():
                value = control.value
                control.options = options
                control.value = value if value <= len(self.tried) else WHOLE


def _worth(outcome):
    return (f"<b>{outcome.kept:,} of {outcome.weights:,} weights</b>, <b>{outcome.accuracy:.1%}</b> recognised, "
            f"{spoken_bytes(outcome.bytes['sparse'])}, {spoken_time(outcome.seconds['sparse'].median)}")


def _row(number, recipe, outcome):
    """One line of the table, its blanks made hard."""
    when = "gradual" if recipe.gradual else f"{recipe.rounds} round{'s' * (recipe.rounds > 1)}"
    return (f"#{number:<3}{recipe.structure:17} {recipe.criterion:9} {recipe.scope:12} {when:9} → {recipe.percent:2}% "
            f"{recipe.epochs:2} epochs │ {outcome.accuracy:6.1%}  {outcome.kept:7,} kept  "
            f"{spoken_bytes(outcome.bytes['sparse']):>8}  {spoken_time(outcome.seconds['sparse'].median)}"
            ).replace(" ", "\u00a0")
