"""Pruning is not dropout: twins from one network, side by side, step by step.

Both remove.  But dropout's dice silence other neurons in each training step, and all of them speak again when it
predicts; pruning decides once, and what it has cut is gone from memory and disk.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path

import ipywidgets as widgets
import numpy as np
from matplotlib.patches import Rectangle

from minnet import data as datasets
from minnet.draw import palette
from minnet.draw.network_sample import NetworkSample
from minnet.experiments.dropout_comparison import (
    ASKED,
    Measurements,
    Side,
    TrainingPoint,
    alive,
    between,
    dense,
    on_disk,
    plain_layers,
    set_dropout,
    spared,
    spread,
    stored,
    thrown,
    with_dropout,
    write,
)
from minnet.nn.checkpoint import rewind
from minnet.nn.layers import Sequential
from minnet.nn.models import mlp
from minnet.nn.train import fit, steps, steps_for
from minnet.pruning import criteria, structure
from minnet.pruning.compaction import compact
from minnet.pruning.ranking import cut, rank, sparsity
from minnet.pruning.scope import layer as each_layer
from minnet.widgets.controls import Player, few
from minnet.widgets.explorer_base import Explorer

BATCH = 32
MOST = 12  # so many trained twins are remembered
STRUCTURES = {"neurons": structure.along("out"), "weights": structure.weights}  # as dropout: neurons first
CRITERIA = {"magnitude": criteria.magnitude, "random": criteria.random}
FIRST = {"fraction": 20, "structure": "neurons", "criterion": "magnitude"}  # the recipe that it opens with


class DropoutExplorer(Explorer):
    """Dropout and pruning side by side: ``mn.explore.dropout_and_pruning(net, signals)``.

    Parameters
    ----------
    net : Sequential
        Dense layers with activations between them; left as it is.
    data : Dataset
        Both learn from ``.train``; the new samples are ``.val``.
    epochs : int
        How long "Train both" trains.
    seed : int
        Of batches, dropout's dice and random pruning.
    folder : str or path, optional
        Where the networks are saved; by default a temporary folder, gone when the program ends.

    Attributes
    ----------
    small : Sequential or None
        What `cut_now` has left.
    folder : Path
    records : dict of {recipe: list of Moment}
        What training has shown so far.
    """

    size = (10, 4.2)
    measured = ("seconds", "start_seconds")
    recorded = {"fraction": range(0, 100, 10), "step": 9, "mode": None}

    @staticmethod
    def example():
        signals, net = few(datasets.mnist1d()), mlp(40, 12, 8, 10, rng=0)
        fit(net, signals.train, epochs=2, rng=0, progress=False)
        return DropoutExplorer(net, signals, epochs=2)

    def follow(self, other):
        self.records = {recipe: list(record) for recipe, record in other.records.items()}
        if other.small is not None:
            small = other.small.copy()
            rewind(small, other._firsts["cut",].numbers)
            self._replace(small, other._left)
        super().follow(other)

    def __init__(self, net, data, *, epochs=10, seed=0, folder=None):
        if not (hasattr(data, "train") and hasattr(data, "val")):
            raise TypeError(f"this explorer takes a whole data set, got {type(data).__name__}; write for example "
                            "mn.explore.dropout_and_pruning(net, mn.data.mnist1d())")
        self._net = Sequential(*plain_layers(net), input_shape=net.input_shape).copy()
        if sparsity(self._net):
            raise ValueError("some weights of this network are removed, and this explorer starts with a whole one; "
                             "call mn.restore(net) first")
        self.data, self.epochs, self.seed = data, epochs, seed
        if folder is None:
            folder = tempfile.mkdtemp(prefix="minnet-")
            weakref.finalize(self, shutil.rmtree, folder, True)
        self.folder = Path(folder)
        self._widths = [dense(self._net)[0].n_in, *[layer.n_out for layer in dense(self._net)]]
        self._per_epoch = steps_for(data.train, 1, BATCH)
        self.small, self.records = None, {}
        self._exam, self._firsts, self._rankings = Measurements(data, seed), {}, {}
        self._twin, self._pruned = with_dropout(self._net.copy(), 0.5), self._net.copy()  # they follow the controls
        self._whole = self._exam.moment(self._net)
        self._bytes = {name: on_disk(net, self._file(name))
                       for name, net in (("whole", self._net), ("dropout", self._twin))}
        self._table, self._told = widgets.HTML(), widgets.HTML(layout={"width": "210px"})
        self._bar = widgets.IntProgress(0, 0, epochs * self._per_epoch, layout={"width": "150px"})
        super().__init__()
        self._sentence.layout.min_height = "76px"

    # ---- controls -----------------------------------------------------------------------------------

    def controls(self):
        wide, slider = {"description_width": "initial"}, {"width": "400px", "max_width": "100%"}
        toggle = {"style": {**wide, "button_width": "auto"}, "layout": {"width": "auto"}}
        write(self._pruned, self._masks(FIRST))
        set_dropout(self._twin, FIRST["fraction"] / 100)
        telling = self._exam.telling(self._twin, self._pruned, self._asking)
        return {
            "fraction": widgets.IntSlider(FIRST["fraction"], 0, 95, description="Fraction (%)", style=wide,
                                          layout=slider),
            "structure": widgets.ToggleButtons(options=list(STRUCTURES), description="Prune", **toggle,
                                               tooltips=["neurons with all their connections", "single connections"]),
            "criterion": widgets.ToggleButtons(options=list(CRITERIA), description="by", **toggle,
                                               tooltips=["what falls has the smallest weights, a neuron: on average",
                                                         "dice decide, once"]),
            "step": widgets.IntSlider(1, 1, self.epochs * self._per_epoch, description="Training step", style=wide,
                                      layout=slider),
            "mode": widgets.ToggleButtons(options=[TRAINING, PREDICT, DICE_ON], description="Show", **toggle),
            "signal": widgets.BoundedIntText(telling, 0, len(self.data.val) - 1, description="Signal number",
                                             style=wide, layout={"width": "180px"}),
        }

    def told(self):
        return [*super().told(), self._table]

    def rows(self):
        control = self.control
        self._play = Player(control["step"], 400)
        self._train = self.button("Train both", self.train, "Train both twins further, from the same numbers")
        self._cancel = self.button("Cancel", self.job.cancel, "Stop training; what was seen so far stays")
        self._cancel.disabled = True
        self._cutter = self.button("Cut", self.cut_now, "Take what is pruned out of memory, and save: for good")
        row = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "4px 14px"}
        return [
            widgets.HBox([control["fraction"], control["structure"], control["criterion"], self._cutter], layout=row),
            widgets.HBox([control["step"], self._play, control["mode"]], layout=row),
            widgets.HBox([self._train, self._cancel, self._bar, self._told, control["signal"], self._reset],
                         layout=row),
            self._message, self._picture, self._sentence, self._table,
        ]

    def reset(self):
        """All controls as they stood at first.  What was cut stays cut."""
        self._play.playing = False
        super().reset()
        if self.small is not None:
            self.say("The controls are back, the connections are not: what was cut is gone. "
                     "Run the cell again to begin with a whole network.")

    # ---- from the state to the numbers --------------------------------------------------------------

    def frame(self, state):
        if self.small is None:
            write(self._pruned, self._masks(state))
        recipes = self._recipes(state)
        left, right = (self.records.get(recipe) or [self._first(recipe)] for recipe in recipes)
        epochs = min(state["step"] // self._per_epoch, len(left) - 1)
        one, two = left[epochs], right[min(epochs, len(right) - 1)]
        rewind(self._twin, one.numbers)
        rewind(self._pruned, two.numbers)
        set_dropout(self._twin, state["fraction"] / 100)
        active, seconds = self._active(state), self._seconds()
        asked = None if state["mode"] == TRAINING else state["signal"]  # in training nobody is asked
        noisy = [] if state["mode"] != DICE_ON else self._exam.noisy(self._twin, (state["fraction"], epochs))
        weights = [layer.weight.value for layer in dense(self._pruned)]
        if self.small is not None:
            weights = [spread(*each) for each in zip(weights, self._left, self._left[1:], strict=False)]
        living = alive([weight != 0 for weight in weights])
        masks = [(weight != 0) & both for weight, both in zip(weights, between(self._widths, living), strict=True)]
        return Frame(
            **state, epochs=epochs, trained=self._trained(state),
            start=self._whole, start_bytes=self._bytes["whole"], start_seconds=seconds[0],
            dropout=Side([layer.weight.data.copy() for layer in dense(self._twin)], between(self._widths, active),
                         active, one, list(left), *stored(self._twin), self._bytes["dropout"], seconds[1],
                         self._exam.answers(self._twin, asked, self._dice(state))),
            pruning=Side(weights, masks, living, two, list(right), *stored(self._pruned),
                         self._bytes["whole" if self.small is None else "pruned"], seconds[2],
                         self._exam.answers(self._pruned, asked)),
            noisy=np.array(noisy), names=self.data.class_names,
            truth=self.data.class_names[self.data.val.y[state["signal"]]], cut=self.small is not None)

    def _recipes(self, state):
        """What the training of each twin depends on."""
        pruned = ("cut",) if self.small else (state["structure"], state["criterion"], state["fraction"])
        return ("dropout", state["fraction"]), pruned

    def _trained(self, state):
        """For how many epochs both have been trained; what was cut begins with what it had learned."""
        recipes = self._recipes(state)[: 1 if self.small else 2]
        return min(len(self.records.get(recipe, ["the first"])) for recipe in recipes) - 1

    def _first(self, recipe):
        """A twin before it is trained with dropout or with what pruning has left (in ``_pruned``)."""
        if recipe[0] == "dropout":
            return self._whole
        if recipe not in self._firsts:
            rewind(self._pruned, self._whole.numbers)
            self._firsts[recipe] = self._exam.moment(self._pruned)
        return self._firsts[recipe]

    def _masks(self, state):
        how = state["structure"], state["criterion"]
        if how not in self._rankings:
            self._rankings[how] = rank(self._net, CRITERIA[how[1]], STRUCTURES[how[0]], each_layer, rng=self.seed)
        return self._rankings[how].masks(state["fraction"] / 100)

    def _dice(self, state):
        return self._asking(state["signal"]) if state["mode"] == DICE_ON else None

    def _asking(self, signal):
        """The dice that are left on when this signal is asked about."""
        return np.random.default_rng((self.seed, signal))

    def _active(self, state):
        """The hidden neurons of the dropout twin that speak just now."""
        hidden, p = self._widths[1:-1], state["fraction"] / 100
        if state["mode"] == TRAINING:
            return spared(hidden, p, state["step"] - 1, samples=len(self.data.train), batch=BATCH, seed=self.seed)
        if state["mode"] == DICE_ON:
            return thrown(hidden, p, ASKED, self._dice(state))
        return [np.ones(width, bool) for width in hidden]

    def _seconds(self):
        """To predict all new signals: the network that was given, the dropout twin, the pruned one.  A mask takes the
        same time wherever its holes are."""
        masked = any(param.mask is not None for param in self._pruned.params())
        return self._exam.seconds([self._net, self._twin, self._pruned],
                                  "cut" if self.small else "masked" if masked else "whole")

    # ---- the two acts: training and cutting ---------------------------------------------------------

    def rehearse(self):
        self.train()
        self.wait()

    def train(self):
        """Train both twins in the background, from the same numbers on the same batches; `wait` waits."""
        nets = {}
        with self._lock:
            for recipe in self._recipes(self.state):
                if len(self.records.get(recipe, ())) <= self.epochs:
                    self.records[recipe] = [self._first(recipe)]
                    net = self._net.copy() if recipe[0] == "dropout" else self._pruned.copy()
                    rewind(net, self._first(recipe).numbers)
                    nets[recipe] = with_dropout(net, recipe[1] / 100) if recipe[0] == "dropout" else net
            while len(self.records) > MOST:
                del self.records[next(iter(self.records))]  # the oldest
        self.job.start(self._learn(nets))

    def _learn(self, nets):
        last = self.epochs * self._per_epoch
        runs = [steps(net, self.data.train, count=last, batch=BATCH, rng=self.seed) for net in nets.values()]
        records = [self.records[recipe] for recipe in nets]
        for done in range(1, last + 1):
            for run in runs:
                next(run)
            if done % self._per_epoch == 0:
                for record, net in zip(records, nets.values(), strict=True):
                    record.append(self._exam.moment(net))
            yield done
            if not runs:
                break

    def progress(self, what):
        self._cancel.disabled = what is None
        if what is None:  # go where the new numbers are
            done = self._trained(self.state) * self._per_epoch
            self.set(step=done or self.state["step"])
            return
        self._bar.value = what
        self._told.value = f"training: step {what:,} of {self._bar.max:,}"
        if what // self._per_epoch >= len(self.shown.dropout.record):
            self.refresh()

    def _moved(self, change):
        """Who chooses other twins goes to the end of their training, and without any back to the first step."""
        chosen = change.owner in [self.control[name] for name in FIRST]
        if chosen and not self._quiet and (done := self._trained(self.state)) != self.shown.trained:
            with self._silently():
                self.control["step"].value = max(done * self._per_epoch, 1)
        super()._moved(change)

    def cut_now(self):
        """Erase what is pruned, build the smaller network and save it.  Nothing here brings it back."""
        if self.small is not None:
            return
        with self._lock:
            if all(mask.all() for mask in self.shown.pruning.masks):
                self.say("There is nothing to cut yet: set the fraction above 0 %.")
                return
            cut(self._pruned)
            ends = np.ones(self._widths[0], bool), np.ones(self._widths[-1], bool)
            self._replace(compact(self._pruned), [ends[0], *self.shown.pruning.active, ends[1]])
        self.refresh()
        self.say(f"Cut, and saved as {self._file('pruned')}. "
                 "No control brings it back: the slider now moves dropout only.")

    def _replace(self, small, left):
        """From now on the pruned twin is a smaller network; of each layer, these neurons are left."""
        self._pruned = self.small = small
        self._left = left
        self._bytes["pruned"] = on_disk(small, self._file("pruned"))
        self._firsts["cut",] = self._exam.moment(small)
        self._cutter.disabled = self.control["structure"].disabled = self.control["criterion"].disabled = True

    def _file(self, name):
        return self.folder / f"{name}.safetensors"

    # ---- the picture --------------------------------------------------------------------------------

    def draw(self, figure):
        grid = figure.add_gridspec(2, 2, height_ratios=(1.7, 1))
        titles = "Dropout: other neurons rest in each step", "Pruning: one choice, for good"
        self._windows = [NetworkSample(self._widths, figure.add_subplot(grid[0, side]), title)
                         for side, title in enumerate(titles)]
        last = self.control["step"].max
        self._curves = Curves(figure.add_subplot(grid[1, 0]), last, self._per_epoch, self._whole.new)
        self._bars = Answers(figure.add_subplot(grid[1, 1]), self.data.class_names, ASKED)
        moving = [artist for window in self._windows for artist in window.artists]
        return [*moving, *self._curves.artists, *self._bars.artists]

    def paint(self, frame):
        for window, side in zip(self._windows, (frame.dropout, frame.pruning), strict=True):
            mine = side is frame.pruning
            window.update(side.weights, side.masks, side.active, scale=1 if mine else frame.louder,
                          gone=mine and frame.cut)
        self._curves.update(frame)
        self._bars.update(frame)
        self._table.value = table(frame)
        if not self.job.running:
            done = self._bar.value = frame.trained * self._per_epoch
            trained = "dropout trained" if frame.cut else "trained with it"
            self._told.value = f"{trained}: {done:,} steps" if done else "not yet trained with it"

    def sentence(self, frame):
        return sentence(frame)


# ---- Plots -------------------------------------------------------------------------------------------


DROPOUT, PRUNING = palette.PURPLE, palette.AFTER


class Curves:
    """What both recognise of training and of new samples, over the training steps.

    Parameters
    ----------
    ax : Axes
    last : int
        The last training step.
    per_epoch : int
        Steps.
    before : float
        What the network that both come from recognises of new samples (0 to 1).

    Attributes
    ----------
    lines : list of Line2D
        Dropout: training, new; pruning: training, new.
    artists : list of Artist
    """

    def __init__(self, ax, last, per_epoch, before):
        self._per_epoch = per_epoch
        palette.plain(ax, "Recognised (%): ‒ ‒ training, — new signals")
        ax.set(xlim=(-0.03 * last, 1.03 * last), ylim=(0, 108), yticks=range(0, 101, 25))
        ax.set_xlabel("training step", fontsize=palette.SMALL)
        ax.grid(color=palette.GRID, linewidth=0.8)
        given = ax.axhline(100 * before, color=palette.INK, linewidth=1.2, linestyle=":", label="new, as given")
        self.lines = [ax.plot([], [], color=colour, marker=marker, markersize=4, linewidth=1.6, linestyle=style)[0]
                      for colour, marker in ((DROPOUT, "o"), (PRUNING, "s")) for style in ("--", "-")]
        for line, name in zip(self.lines[1::2], ("dropout", "pruned"), strict=True):
            line.set_label(name)
        self._here = ax.axvline(1, 0.02, 0.97, color=palette.INK, linewidth=1)
        ax.legend(handles=[*self.lines[1::2], given], loc="lower center", fontsize=palette.SMALL, frameon=False,
                  ncols=3)
        self.artists = [*self.lines, self._here]

    def update(self, frame):
        """Show what a `Frame` holds."""
        for at, side in enumerate((frame.dropout, frame.pruning)):
            x = np.arange(len(side.record)) * self._per_epoch
            self.lines[2 * at].set_data(x, [100 * moment.train for moment in side.record])
            self.lines[2 * at + 1].set_data(x, [100 * moment.new for moment in side.record])
        self._here.set_xdata([frame.step, frame.step])


class Answers:
    """How often each class is the answer to the same question; while they learn, nobody is asked.

    Parameters
    ----------
    ax : Axes
    names : sequence of str
        Of the classes.
    asked : int
        How often the question is asked.

    Attributes
    ----------
    bars : list of list of Rectangle
        Of dropout and of pruning, one a class.
    artists : list of Artist
    """

    def __init__(self, ax, names, asked):
        self._names, self._asked = names, asked
        palette.plain(ax, f"Answers to one signal, asked {asked} times (▼ right)")
        ax.set(xlim=(-0.6, len(names) - 0.4), ylim=(0, asked * 1.2), xticks=range(len(names)), xticklabels=names)
        self.bars = [[ax.add_patch(Rectangle((x + shift, 0), 0.4, 0, color=colour, linewidth=0))
                      for x in range(len(names))]
                     for shift, colour in ((-0.4, DROPOUT), (0, PRUNING))]
        (self._truth,) = ax.plot([], [], "v", color=palette.INK, markersize=7)
        self._silence = ax.text(0.5, 0.5, "While they learn, nobody is asked:\nchoose “predict”", ha="center",
                                va="center", fontsize=palette.TEXT, color=palette.FAINT, transform=ax.transAxes)
        self.artists = [*[bar for side in self.bars for bar in side], self._truth, self._silence]

    def update(self, frame):
        """Show what a `Frame` holds."""
        for bars, side in zip(self.bars, (frame.dropout, frame.pruning), strict=True):
            for bar, count in zip(bars, side.answers, strict=True):
                if bar.get_height() != count:
                    bar.set_height(count)
        asked = bool(frame.dropout.answers.any())
        for artist, seen in ((self._truth, asked), (self._silence, not asked)):
            if artist.get_visible() != seen:
                artist.set_visible(seen)
        if asked:
            self._truth.set_data([self._names.index(frame.truth)], [self._asked * 1.1])


# ---- Table -------------------------------------------------------------------------------------------


STYLE = """<style>
.minnet-table { border-collapse: collapse; font-size: 15px; line-height: 1.5; margin-top: 4px; }
.minnet-table th, .minnet-table td { padding: 1px 14px 1px 0; text-align: right; font-variant-numeric: tabular-nums; }
.minnet-table th { font-weight: 600; }
.minnet-table th[scope=row] { text-align: left; font-weight: 400; white-space: nowrap; }
.minnet-table tr:first-child { border-bottom: 1px solid currentColor; }
</style>"""
TRAINING, PREDICT, DICE_ON = "training", "predict", "predict, dice left on"  # what the learner can look at


@dataclass(frozen=True)
class Frame:
    """Everything that is shown.

    Attributes
    ----------
    fraction, step, mode, structure, criterion, signal
        Where the controls stand.
    epochs : int
        After which the numbers were taken.
    trained : int
        Epochs that both have been trained for.
    start : Moment
        Of the network that both come from.
    start_bytes : int
    start_seconds : float
    dropout, pruning : Side
    noisy : ndarray, (throws,)
        Accuracies of the dropout twin with the dice left on, where the learner looks at that.
    names : tuple of str
        Of the classes.
    truth : str
        What the signal is.
    cut : bool
    """

    fraction: int
    step: int
    mode: str
    structure: str
    criterion: str
    signal: int
    epochs: int
    trained: int
    start: TrainingPoint
    start_bytes: int
    start_seconds: float
    dropout: Side
    pruning: Side
    noisy: np.ndarray
    names: tuple
    truth: str
    cut: bool

    @property
    def louder(self):
        """How dropout scales the neurons that it spares."""
        return 1 if self.mode == PREDICT else 1 / (1 - self.fraction / 100)


def sentence(frame):
    """What the picture shows (HTML)."""
    left, right = frame.dropout, frame.pruning
    total = sum(mask.size for mask in left.masks)
    if frame.cut:
        frozen = f"Of the cut network <b>{right.used:,}</b> connections are left, whatever is moved."
    else:
        frozen = f"Pruning uses the same <b>{right.used:,}</b> in every step and when predicting."
    if frame.mode == TRAINING:
        silent = " and ".join(f"{np.count_nonzero(~each)} of {len(each)}" for each in left.active)
        return (f"<b>Step {frame.step:,}.</b> Dropout's dice silence {silent} hidden neurons, with all their "
                f"connections: <b>{left.used:,} of {total:,}</b> are in use, and those that speak do so "
                f"{frame.louder:.2f} times as loudly. In the next step others rest. {frozen}")
    asked = (f"Asked {left.answers.sum()} times about signal {frame.signal}, which shows {frame.truth}, dropout "
             f"answers {_answers(frame, left)}, pruning answers {_answers(frame, right)}.")
    if frame.mode == PREDICT:
        return (f"<b>Predicting.</b> Dropout's connections are all back: <b>{left.used:,} of {total:,}</b>. {frozen} "
                f"{asked}")
    return (f"<b>Predicting with the dice left on.</b> {asked} Of all new signals dropout recognises "
            f"<b>{frame.noisy.min():.1%} to {frame.noisy.max():.1%}</b>, with the dice off {left.moment.new:.1%}. "
            f"{frozen}")


def _answers(frame, side):
    given = [name for name, count in zip(frame.names, side.answers, strict=True) if count]
    return f"{given[0]} every time" if len(given) == 1 else f"in {len(given)} different ways"


def table(frame):
    """The costs and the marks of both, beside the network that both come from (HTML)."""
    left, right = frame.dropout, frame.pruning
    sides = left, right
    rows = [
        ("Recognised: training − new (%)", *[f"{100 * m.train:.1f} − {100 * m.new:.1f} = {100 * m.gap:.1f}"
                                             for m in (frame.start, left.moment, right.moment)]),
        ("Connections, predicting", f"{sum(m.size for m in left.masks):,}",
         *[f"{n:,}" for n in (sum(m.size for m in left.masks), right.used)]),
        ("Numbers in memory", f"{left.parameters:,}", *[f"{s.parameters:,}" for s in sides]),
        ("in arrays of", _shapes(left), *[_shapes(s) for s in sides]),
        ("File on disk, bytes", f"{frame.start_bytes:,}", *[f"{s.bytes:,}" for s in sides]),
        ("Predicting all new signals, ms",
         *[f"{1e3 * seconds:.2f}" for seconds in (frame.start_seconds, left.seconds, right.seconds)]),
    ]
    heads = ("", "as it was given", f"dropout {frame.fraction} %",
             "pruned and cut" if frame.cut else f"pruned {frame.fraction} % (a preview)")
    cells = "".join(f"<th scope='col'>{head}</th>" for head in heads)
    body = "".join("<tr>" + f"<th scope='row'>{row[0]}</th>" + "".join(f"<td>{cell}</td>" for cell in row[1:]) + "</tr>"
                   for row in rows)
    return f"{STYLE}<table class='minnet-table'><tr>{cells}</tr>{body}</table>"


def _shapes(side):
    return ", ".join("×".join(map(str, shape)) for shape in side.shapes)
