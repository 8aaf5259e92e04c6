"""Heads and layers: what each head looks at, which can go, and what it costs if several go together.

Heads go by a ranking or one by one, layers one by one.  Under each name stands what would be lost if that head went
too; so one sees which are needed, and which only stand in for each other.  These losses, the curve and the seconds take
many predictions, so they are measured in the background; until then their places say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import ipywidgets as widgets
import numpy as np

from minnet.data import recall, spelled
from minnet.data.dataset import class_names
from minnet.draw import palette
from minnet.draw.attention_maps import AttentionMaps
from minnet.experiments import BATCH, parts
from minnet.experiments.head_ablation import CRITERIA, HeadAblation
from minnet.measure import parameters
from minnet.messages import format_seconds
from minnet.nn.attention import Attention, patterns, removed_heads
from minnet.nn.layer import the_network
from minnet.nn.models import tiny_transformer
from minnet.nn.train import fit
from minnet.widgets.controls import TrainControls, few, integer, row, slider, toggles
from minnet.widgets.explorer_base import Explorer

PRUNED, RETRAINED = "pruned", "retrained"
MEASURING = "measuring"


@dataclass(frozen=True)
class Frame:
    """Everything that is shown.

    Attributes
    ----------
    off : frozenset of str
        Units that are switched off, by ranking or one by one.
    maps : list of ndarray, (heads, tokens, tokens)
    removed : list of ndarray of bool, (heads,)
    accuracy : float
    costs : list of ndarray, (heads,)
        Accuracy lost if this head goes too; NaN where it is gone already, or not measured yet.
    whole : float
        Accuracy with everything.
    curve : dict of {heads removed: accuracy}
        Along the ranking, without retraining, as far as it is measured.
    retrained : float or None
        Accuracy with the same units off, after retraining.
    tried : list of (heads removed, accuracy)
        All that was retrained so far.
    numbers, left : int
        Of the whole network and of the compact one.
    seconds : dict of {"whole", "compact"}, or None
        None while they are not measured.
    words : list of str
        Of the sample.
    mark : (int, int) or None
        Where the answer stands.
    answer, truth : str
    note : str
    """

    off: frozenset
    maps: list
    removed: list
    accuracy: float
    costs: list
    whole: float
    curve: dict
    retrained: float | None
    tried: list
    numbers: int
    left: int
    seconds: dict | None
    words: list
    mark: tuple | None
    answer: str
    truth: str
    note: str


class HeadsExplorer(Explorer):
    """Switch off heads and layers of a transformer: ``mn.explore.heads(net, sequences)``.

    Parameters
    ----------
    net : Sequential
        Trained, with attention in residual branches; it stays as it is.
    data : Dataset
        Accuracy is measured on ``.val``; heads are ranked by, and copies retrained on, ``.train``.
    epochs : int
        How long a copy is retrained.
    optimiser : Adam, …
        For retraining.
    seed : int
        Of retraining, and of the random ranking.

    Attributes
    ----------
    experiment : HeadAblation
        Its ``retrained`` are the copies that were retrained.
    """

    size = (10, 4.4)
    measured = ("seconds",)

    @staticmethod
    def example():
        sequences = few(recall(pairs=2, keys=3, values=2, samples=(160, 80, 80)))
        net = tiny_transformer(tokens=3, n_in=5, width=8, heads=2, n_out=2, rng=0)
        fit(net, sequences.train, epochs=2, rng=0, progress=False)
        return HeadsExplorer(net, sequences, epochs=1)

    def __init__(self, net, data, *, epochs=2, optimiser=None, seed=0):
        branches = [layer.branch for _, layer in the_network(net).walk() if hasattr(layer, "branch")]
        if not any(isinstance(part, Attention) for branch in branches for _, part in branch.walk()):
            raise TypeError(f"this explorer takes a transformer, got {net!r:.60}, in which no residual branch has "
                            "attention; write for example mn.models.tiny_transformer(rng=0)")
        train, split = parts(data, whole=True)
        experiment = HeadAblation(net, split, train, seed, epochs=epochs, optimiser=optimiser)
        list(experiment.measure(frozenset()))  # so that it opens, and a saved notebook shows it, complete
        self._data = data
        super().__init__(experiment)

    # ---- controls -----------------------------------------------------------------------------------

    def controls(self):
        experiment = self.experiment
        self.recorded = {"ranked": None, "criterion": None, f"layer_{len(experiment.levels)}": None}
        switches = {name: widgets.Checkbox(True, description=_listed({name}).removeprefix("the "), indent=False,
                                           layout={"width": "auto"})
                    for name in sorted(experiment.units, key=_place)}
        return {
            "ranked": slider("Heads removed by ranking", 0, 0, len(experiment.heads) - len(experiment.levels),
                             width="440px"),
            "criterion": toggles("Criterion", CRITERIA, tooltips=[
                "how much the loss would change, to first order", "the mean size of a head's weights", "at random"]),
            **switches,
            "sample": integer("Sample number", 0, len(experiment.split) - 1, width="190px"),
            "show": toggles("Show it", (PRUNED, RETRAINED)),
        }

    def rows(self):
        control, gap = self.control, "4px 14px"
        self._sentence.layout.min_height = "102px"
        self._training = TrainControls(
            self, "Retrain", "Train a copy further, without what is switched off", doing="", width="150px",
            act=self.retrain, done=f"{self.experiment.epochs} epochs, seed {self.experiment.seed}")
        levels = range(1, len(self.experiment.levels) + 1)
        return [
            row(control["ranked"], control["criterion"], self._reset, gap=gap),
            *(row(*(control[name] for name in control if _place(name)[0] == level), gap=gap) for level in levels),
            row(control["sample"], control["show"], *self._training.widgets, gap=gap),
            self._message, self._picture, self._sentence,
        ]

    # ---- from the state to the numbers --------------------------------------------------------------

    def prepare(self, state):
        self._wanted = self._asked(state)
        if self._posed is not None:  # a saved page shows everything measured
            list(self.experiment.measure(*self._wanted))

    def frame(self, state):
        experiment, (off, net, criterion) = self.experiment, self._asked(state)
        again = experiment.retrained.get(off)
        shown = net or experiment.pruned(off)
        sample = experiment.split.x[state["sample"]]
        words, scores = self._words(sample), shown(sample[None])[0]
        names = class_names(self._data, len(scores))
        return Frame(
            off=off, maps=patterns(shown, sample), removed=removed_heads(shown),
            accuracy=experiment.accuracy(off, net), costs=experiment.costs(off, net),
            whole=experiment.accuracy(frozenset()), curve=experiment.curve(criterion),
            retrained=None if again is None else experiment.accuracy(off, again),
            tried=[(experiment.heads_gone(each), experiment.accuracy(each, found))
                   for each, found in experiment.retrained.items()],
            numbers=parameters(experiment.net).all, left=experiment.left(off), seconds=experiment.seconds(off),
            words=words, mark=_mark(words), answer=names[int(scores.argmax())],
            truth=names[experiment.split.y[state["sample"]]], note=self._note(state, off))

    def _asked(self, state):
        """What is shown in a state: the units that are off, the retrained network (or None), the criterion."""
        one_by_one = frozenset(name for name in self.experiment.units if not state[name])
        off = self.experiment.lowest(state["criterion"], state["ranked"]) | one_by_one
        return off, self.experiment.retrained.get(off) if state["show"] == RETRAINED else None, state["criterion"]

    def _words(self, sample):
        """What the tokens of a sample are called."""
        return spelled(self._data, sample) if self._data.name == "recall" else [
            str(number + 1) for number in range(patterns(self.experiment.net, sample)[0].shape[1])]

    def _note(self, state, off):
        """What cannot be shown, or the empty string."""
        if state["show"] == RETRAINED and off not in self.experiment.retrained:
            return "Not retrained with just these removed: you see it pruned. Press Retrain."
        return ""

    # ---- the picture --------------------------------------------------------------------------------

    def draw(self, figure):
        grid = figure.add_gridspec(1, 2, width_ratios=(7.2, 2.8))
        sheet = figure.add_subplot(grid[0])
        sheet.set_title("What each head looks at, and points lost if it goes too", fontsize=palette.TITLE,
                        color=palette.INK, loc="left")
        ax = figure.add_subplot(grid[1])
        palette.plain(ax, "Accuracy (%)")
        heads = len(self.experiment.heads)
        ax.set(xlim=(-0.4, heads + 0.4), ylim=(0, 106), xticks=range(heads + 1), yticks=range(0, 101, 25))
        ax.set_xlabel("heads removed", fontsize=palette.TEXT)
        ax.grid(color=palette.GRID, linewidth=0.8)
        (self._line,) = ax.plot([], [], "-", color=palette.INK, linewidth=2, label="by this ranking")
        (self._point,) = ax.plot([], [], "o", color=palette.INK, markersize=12, markerfacecolor=palette.YELLOW,
                                 label="now")
        (self._after,) = ax.plot([], [], "D", color=palette.AFTER, markersize=6, label="retrained")
        ax.legend(fontsize=palette.SMALL, frameon=False, loc="lower left")
        figure.canvas.draw()  # settles the layout, which the maps fit themselves into
        self._gaze = AttentionMaps(self.experiment.net, self.experiment.split.x[0], sheet)
        return [*self._gaze.artists, self._line, self._point, self._after]

    def paint(self, frame):
        if frame.note or not self.job.running:
            self.say(frame.note)
        notes = [["–" if lost else "lost: …" if np.isnan(cost) else f"lost: {100 * cost:.1f}"
                  for cost, lost in zip(*each, strict=True)] for each in zip(frame.costs, frame.removed, strict=True)]
        self._gaze.show(frame.maps, frame.removed, frame.words, frame.mark, notes)
        self._line.set_data(list(frame.curve), [100 * right for right in frame.curve.values()])
        self._after.set_data([count for count, _ in frame.tried], [100 * right for _, right in frame.tried])
        self._point.set_data([sum(int(lost.sum()) for lost in frame.removed)], [100 * frame.accuracy])

    def sentence(self, frame):
        samples = f"{min(BATCH, len(self.experiment.split))} samples take"
        if frame.seconds is None:
            taken = f"how long {samples} is being measured"
        else:
            seconds = {name: format_seconds(timing.median) for name, timing in frame.seconds.items()}
            taken = f"{samples} <b>{seconds['compact']}</b>, whole {seconds['whole']}"
        again = "" if frame.retrained is None else f", retrained <b>{frame.retrained:.1%}</b>"
        verdict = "right" if frame.answer == frame.truth else f"wrong, it is {escape(frame.truth)}"
        return (
            f"Removed: {_listed(frame.off)}. "
            f"<b>{frame.accuracy:.1%}</b> of {len(self.experiment.split):,} validation samples are right, "
            f"whole {frame.whole:.1%}{again}. <code>mn.compact</code> leaves <b>{frame.left:,}</b> of "
            f"{frame.numbers:,} numbers; {taken}. "
            f"Here: {escape(' '.join(frame.words))} Answer: {escape(frame.answer)}, {verdict}.")

    # ---- measuring and retraining in the background -------------------------------------------------

    def moved(self):
        if not (self.job.running or self.experiment.complete(*self._wanted)):
            self.job.start(self._measure())

    def _measure(self):
        """Measure what is shown; if something else is shown meanwhile, measure that."""
        while not self.experiment.complete(*(wanted := self._wanted)):
            for _ in self.experiment.measure(*wanted):
                yield MEASURING
                if wanted != self._wanted:
                    break

    def retrain(self):
        """Train a copy without what is switched off, in the background; `wait` waits."""
        self._training.run(self._retrain(self.shown.off))

    def _retrain(self, off):
        for progress in self.experiment.retrain(off):
            yield progress
            yield from self._measure()  # of what is shown meanwhile

    def progress(self, what):
        training = not self._training.cancel.disabled
        if training and what != MEASURING:
            self._training.progress(what)
        if what is None:
            self.refresh()
            if self.job.error is None:
                self.moved()
        elif np.isnan(self.shown.costs[0]).any() and self.experiment.complete(*self._wanted):
            self.refresh()


def _place(name):
    """Layer, kind and number of a unit, to sort by: the layer itself, its heads, its dense pair."""
    kind, *numbers = name.split("_")
    if kind not in ("layer", "head", "dense"):
        return 0, 0, 0
    return int(numbers[0]), ("layer", "head", "dense").index(kind), int(numbers[-1])


def _listed(off):
    """Units in words: ``heads 2, 4 of layer 1, and layer 2``."""
    found = []
    for level in sorted({_place(name)[0] for name in off}):
        if f"layer_{level}" in off:
            found.append(f"layer {level}")
            continue
        heads = [name.split("_")[2] for name in sorted(off, key=_place) if name.startswith(f"head_{level}_")]
        if heads:
            found.append(f"head{'s' if len(heads) > 1 else ''} {', '.join(heads)} of layer {level}")
        if f"dense_{level}" in off:
            found.append(f"the dense pair of layer {level}")
    return "; ".join(found) or "nothing"


def _mark(words):
    """In a sequence with a question, the square where the question meets the pair that answers it."""
    if not words[-1].endswith("?"):
        return None
    key = words[-1].removesuffix("?")
    return len(words) - 1, [word.split("→")[0] for word in words].index(key)
