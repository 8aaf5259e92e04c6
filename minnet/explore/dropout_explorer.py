"""Pruning is not dropout: two copies of one network, side by side, step by step.

Both remove.  But dropout drops other neurons in each training step, and all of them are active when it predicts;
pruning decides once, and what it has removed can be deleted from memory and disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import ipywidgets as widgets
import numpy as np
from matplotlib.patches import Rectangle

from minnet import data as datasets
from minnet.data.dataset import class_names
from minnet.draw import palette
from minnet.draw.network_sample import NetworkSample
from minnet.experiments.dropout_comparison import (
    ASKED,
    CRITERIA,
    STRUCTURES,
    Choice,
    DropoutComparison,
    Side,
    TrainingPoint,
    alive,
    between,
    dense,
    in_memory,
)
from minnet.nn.models import mlp
from minnet.nn.train import fit
from minnet.widgets.controls import Player, TrainControls, few, integer, row, slider, toggles
from minnet.widgets.explorer_base import Explorer

FIRST = Choice(20, "neurons", "magnitude")  # what it opens with


class DropoutExplorer(Explorer):
    """Dropout and pruning side by side: ``mn.explore.dropout_and_pruning(net, signals)``.

    Parameters
    ----------
    net, data, epochs, seed, folder
        As for `minnet.experiments.dropout_comparison.DropoutComparison`: a fully connected network, which is left as it
        is, and a whole data set; "Train both" trains for ``epochs``.

    Attributes
    ----------
    experiment : DropoutComparison
        Its ``small`` is what `cut_now` has left, its ``records`` what training has shown so far.
    """

    size = (10, 4.2)
    measured = ("seconds", "start_seconds")
    recorded = {"fraction": range(0, 100, 10), "step": 9, "mode": None}

    @staticmethod
    def example():
        signals, net = few(datasets.mnist1d()), mlp(40, 12, 8, 10, rng=0)
        fit(net, signals.train, epochs=2, rng=0, progress=False)
        return DropoutExplorer(net, signals, epochs=2)

    def __init__(self, net, data, *, epochs=10, seed=0, folder=None):
        super().__init__(DropoutComparison(net, data, epochs=epochs, seed=seed, folder=folder))

    # ---- controls -----------------------------------------------------------------------------------

    def controls(self):
        experiment = self.experiment
        return {
            "fraction": slider("Fraction (%)", FIRST.fraction, 0, 95),
            "structure": toggles("Prune", STRUCTURES, FIRST.structure, ["neurons with all their connections",
                                                                        "single connections"]),
            "criterion": toggles("by", CRITERIA, FIRST.criterion, [
                "what has the smallest weights is removed, a neuron: on average", "removed at random, once"]),
            "step": slider("Training step", 1, 1, experiment.steps),
            "mode": toggles("Show", (TRAINING, PREDICT, DROPOUT_ON)),
            "signal": integer("Signal number", experiment.telling(FIRST), len(experiment.data.val) - 1,
                              width="180px"),
        }

    def texts(self):
        return [*super().texts(), self._table]

    def rows(self):
        control, gap = self.control, "4px 14px"
        self._sentence.layout.min_height = "76px"
        self._table = widgets.HTML()
        self._play = Player(control["step"], 400)
        self._training = TrainControls(self, "Train both", "Train both copies further, from the same weights",
                                       width="210px")
        self._cut = self.button("Cut", self.cut_now, "Take what is pruned out of memory, and save: for good")
        self._allow_cut()
        return [
            row(control["fraction"], control["structure"], control["criterion"], self._cut, gap=gap),
            row(control["step"], self._play, control["mode"], gap=gap),
            row(*self._training.widgets, control["signal"], self._reset, gap=gap),
            self._message, self._picture, self._sentence, self._table,
        ]

    def _allow_cut(self):
        """What is cut cannot be cut again, nor chosen otherwise."""
        cut = self.experiment.small is not None
        self._cut.disabled = self.control["structure"].disabled = self.control["criterion"].disabled = cut

    def reset(self):
        """All controls as they stood at first.  What was cut stays cut."""
        self._play.playing = False
        super().reset()
        if self.experiment.small is not None:
            self.say("The controls are back, the connections are not: what was cut is gone. "
                     "Run the cell again to begin with a whole network.")

    # ---- from the state to the numbers --------------------------------------------------------------

    def prepare(self, state):
        self.experiment.select(_choice(state), state["step"] // self.experiment.per_epoch)

    def frame(self, state):
        experiment, choice = self.experiment, _choice(state)
        left, right = experiment.record(choice)
        one, two = experiment.points(choice, state["step"] // experiment.per_epoch)
        active, seconds, mode = self._active(state), experiment.seconds(), state["mode"]
        names = class_names(experiment.data, experiment.widths[-1])
        signal = None if mode == TRAINING else state["signal"]  # in training nothing is predicted
        answers = experiment.answers(signal, mode == DROPOUT_ON)
        noisy = experiment.noisy() if mode == DROPOUT_ON else []
        weights, cut = experiment.weights(), experiment.small is not None
        living = alive([weight != 0 for weight in weights])
        masks = [(weight != 0) & both
                 for weight, both in zip(weights, between(experiment.widths, living), strict=True)]
        dropout = Side(
            weights=[layer.weight.data.copy() for layer in dense(experiment.dropout)],
            masks=between(experiment.widths, active), active=active, moment=one, record=list(left),
            **in_memory(experiment.dropout), bytes=experiment.bytes["dropout"], seconds=seconds[1],
            answers=answers[0])
        pruning = Side(
            weights=weights, masks=masks, active=living, moment=two, record=list(right),
            **in_memory(experiment.pruned), bytes=experiment.bytes["pruned" if cut else "whole"], seconds=seconds[2],
            answers=answers[1])
        return Frame(
            **state, epochs=one.epochs, trained=experiment.trained(choice), start=experiment.whole,
            start_bytes=experiment.bytes["whole"], start_seconds=seconds[0], dropout=dropout, pruning=pruning,
            noisy=np.array(noisy), names=names, truth=names[experiment.data.val.y[state["signal"]]], cut=cut)

    def _active(self, state):
        """The hidden neurons of the copy with dropout that are active just now."""
        if state["mode"] == TRAINING:
            return self.experiment.kept_in_step(_choice(state), state["step"])
        if state["mode"] == DROPOUT_ON:
            return self.experiment.kept_for(_choice(state), state["signal"])
        return [np.ones(width, bool) for width in self.experiment.widths[1:-1]]

    # ---- training and cutting -----------------------------------------------------------------------

    def rehearse(self):
        self.train()
        self.wait()

    def train(self):
        """Train both copies in the background, from the same weights on the same batches; `wait` waits."""
        with self._lock:
            work = self.experiment.train(_choice(self.state))
        self._training.run(work)

    def progress(self, what):
        self._training.progress(what)
        if what is None:  # go where the new numbers are
            done = self.experiment.trained(_choice(self.state)) * self.experiment.per_epoch
            self.set(step=done or self.state["step"])
        elif len(self.experiment.record(_choice(self.state))[0]) != len(self.shown.dropout.record):
            self.refresh()

    def _answer(self, change):
        """After another choice, go to the end of its training, and without any back to the first step."""
        chosen = change.owner in [self.control[name] for name in Choice._fields]
        if chosen and (done := self.experiment.trained(_choice(self.state))) != self.shown.trained:
            with self._silently():
                self.control["step"].value = max(done * self.experiment.per_epoch, 1)
        super()._answer(change)

    def cut_now(self):
        """Erase what is pruned, build the smaller network and save it.  Nothing here brings it back."""
        if self.experiment.small is not None:
            return
        with self._lock:
            self.refresh()  # another explorer over this experiment may have moved it
            if all(mask.all() for mask in self.shown.pruning.masks):
                self.say("There is nothing to cut yet: set the fraction above 0 %.")
                return
            self.experiment.cut()
        self._allow_cut()
        self.refresh()
        self.say(f"Cut, and saved as {self.experiment.path('pruned')}. "
                 "No control brings it back: the slider now moves dropout only.")

    # ---- the picture --------------------------------------------------------------------------------

    def draw(self, figure):
        grid = figure.add_gridspec(2, 2, height_ratios=(1.7, 1))
        titles = "Dropout: other neurons in each step", "Pruning: one choice, for good"
        experiment = self.experiment
        self._samples = [NetworkSample(experiment.widths, figure.add_subplot(grid[0, side]), title)
                         for side, title in enumerate(titles)]
        self._curves = Curves(figure.add_subplot(grid[1, 0]), experiment.steps, experiment.per_epoch,
                              experiment.whole.new)
        names = class_names(experiment.data, experiment.widths[-1])
        self._bars = Answers(figure.add_subplot(grid[1, 1]), names, ASKED)
        moving = [artist for sample in self._samples for artist in sample.artists]
        return [*moving, *self._curves.artists, *self._bars.artists]

    def paint(self, frame):
        for sample, side in zip(self._samples, (frame.dropout, frame.pruning), strict=True):
            mine = side is frame.pruning
            sample.update(side.weights, side.masks, side.active, scale=1 if mine else frame.scale,
                          gone=mine and frame.cut)
        self._curves.update(frame)
        self._bars.update(frame)
        self._table.value = table(frame)
        if not self.job.running:
            done = frame.trained * self.experiment.per_epoch
            self._training.bar.value = done / self.experiment.steps
            trained = "dropout trained" if frame.cut else "trained with it"
            self._training.text.value = f"{trained}: {done:,} steps" if done else "not yet trained with it"

    def sentence(self, frame):
        return sentence(frame)


def _choice(state):
    return Choice(*(state[name] for name in Choice._fields))


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
TRAINING, PREDICT, DROPOUT_ON = "training", "predict", "predict with dropout left on"  # what can be shown


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
    start : TrainingPoint
        Of the network that both come from.
    start_bytes : int
    start_seconds : float
    dropout, pruning : Side
    noisy : ndarray, (repeats,)
        Accuracies of the copy with dropout, where it is left on to predict.
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
    def scale(self):
        """The factor by which dropout multiplies the neurons that it keeps."""
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
        dropped = " and ".join(f"{np.count_nonzero(~each)} of {len(each)}" for each in left.active)
        return (f"<b>Step {frame.step:,}.</b> Dropout drops {dropped} hidden neurons, with all their "
                f"connections: <b>{left.used:,} of {total:,}</b> are in use, and the active neurons are "
                f"multiplied by {frame.scale:.2f}. In the next step others are dropped. {frozen}")
    asked = (f"Asked {left.answers.sum()} times about signal {frame.signal}, which shows {escape(frame.truth)}, "
             f"dropout answers {_answers(frame, left)}, pruning answers {_answers(frame, right)}.")
    if frame.mode == PREDICT:
        return (f"<b>Predicting.</b> Dropout's connections are all back: <b>{left.used:,} of {total:,}</b>. {frozen} "
                f"{asked}")
    return (f"<b>Predicting with dropout left on.</b> {asked} Of all new signals dropout recognises "
            f"<b>{frame.noisy.min():.1%} to {frame.noisy.max():.1%}</b>, switched off {left.moment.new:.1%}. "
            f"{frozen}")


def _answers(frame, side):
    given = [name for name, count in zip(frame.names, side.answers, strict=True) if count]
    return f"{escape(given[0])} every time" if len(given) == 1 else f"in {len(given)} different ways"


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
