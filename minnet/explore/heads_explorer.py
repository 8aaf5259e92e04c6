"""Heads and layers: what each head looks at, which can go, and what it costs if several go together.

Heads go by a ranking or one by one, layers one by one.  Under each name stands what would be lost if that head went
too; so one sees which are needed, and which only stand in for each other.  These losses, the curve and the seconds take
many predictions, so they are measured in the background; until then their places say so.
"""

from __future__ import annotations

from dataclasses import dataclass

import ipywidgets as widgets
import numpy as np

from minnet.data import recall, spelled
from minnet.draw import palette
from minnet.draw.attention_maps import AttentionMaps
from minnet.experiments import BATCH
from minnet.experiments.head_ablation import CRITERIA, HeadAblation
from minnet.measure import parameters
from minnet.messages import spoken_time
from minnet.nn.attention import Attention, gone, patterns
from minnet.nn.models import tiny_transformer
from minnet.nn.optim import Adam
from minnet.nn.train import fit, steps, steps_for
from minnet.widgets.controls import few
from minnet.widgets.explorer_base import Explorer

PRUNED, RETRAINED = "pruned", "retrained"
MEASURING = "measuring"
MOST = 40  # so many retrained networks are remembered


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
    retrained : dict of {frozenset of unit names: Layer}
    """

    size = (10, 4.4)
    measured = ("seconds",)

    @staticmethod
    def example():
        sequences = few(recall(pairs=2, keys=3, values=2, samples=(160, 80, 80)))
        net = tiny_transformer(tokens=3, n_in=5, width=8, heads=2, n_out=2, rng=0)
        fit(net, sequences.train, epochs=2, rng=0, progress=False)
        return HeadsExplorer(net, sequences, epochs=1)

    def follow(self, other):
        self.retrained = dict(other.retrained)
        super().follow(other)
        self.wait()

    def __init__(self, net, data, *, epochs=2, optimiser=None, seed=0):
        if not (hasattr(data, "train") and hasattr(data, "val")):
            raise TypeError(f"this explorer takes a whole data set, got {type(data).__name__}; write for example "
                            "mn.explore.heads(net, mn.data.recall())")
        branches = [layer.branch for _, layer in net.walk() if hasattr(layer, "branch")]
        if not any(isinstance(part, Attention) for branch in branches for _, part in branch.walk()):
            raise TypeError(f"this explorer takes a transformer, got {net!r:.60}, in which no residual branch has "
                            "attention; write for example mn.models.tiny_transformer(rng=0)")
        self.board = HeadAblation(net, data.val, data.train, seed)
        self.net, self.data, self.epochs, self.seed = self.board.net, data, epochs, seed
        self.optimiser = optimiser or Adam(1e-3)
        self.retrained = {}
        self.recorded = {"ranked": None, "criterion": None, f"layer_{len(self.board.levels)}": None}
        self._open = False
        list(self.board.measure(frozenset()))  # so that it opens, and a saved notebook shows it, complete
        super().__init__()
        self._sentence.layout.min_height = "102px"
        self._open = True

    # ---- controls -----------------------------------------------------------------------------------

    def controls(self):
        wide, auto = {"description_width": "initial"}, {"width": "auto"}
        toggle = {"style": {**wide, "button_width": "auto"}, "layout": auto}
        heads, levels = len(self.board.heads), len(self.board.levels)
        switches = {name: widgets.Checkbox(True, description=_listed({name}).removeprefix("the "), indent=False,
                                           layout=auto)
                    for name in sorted(self.board.units, key=_place)}
        return {
            "ranked": widgets.IntSlider(0, 0, heads - levels, description="Heads removed by ranking", style=wide,
                                        layout={"width": "440px", "max_width": "100%"}),
            "criterion": widgets.ToggleButtons(
                options=list(CRITERIA), description="Criterion", **toggle,
                tooltips=["how much the loss would change, to first order", "the mean size of a head's weights",
                          "at random"]),
            **switches,
            "sample": widgets.BoundedIntText(0, 0, len(self.data.val) - 1, description="Sample number", style=wide,
                                             layout={"width": "190px"}),
            "show": widgets.ToggleButtons(options=[PRUNED, RETRAINED], description="Show it", **toggle),
        }

    def rows(self):
        control, row = self.control, {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "4px 14px"}
        self._bar = widgets.FloatProgress(value=0, min=0, max=1, layout={"width": "120px"})
        self._told = widgets.HTML(layout={"width": "150px"})
        self._retrain = self.button("Retrain", self.retrain, "Train a copy further, without what is switched off")
        self._cancel = self.button("Cancel", self.job.cancel, "Stop retraining")
        self._cancel.disabled = True
        switches = [widgets.HBox([control[name] for name in control if _place(name)[0] == level], layout=row)
                    for level in range(1, len(self.board.levels) + 1)]
        return [
            widgets.HBox([control["ranked"], control["criterion"], self._reset], layout=row), *switches,
            widgets.HBox([control["sample"], control["show"], self._retrain, self._cancel, self._bar, self._told],
                         layout=row),
            self._message, self._picture, self._sentence,
        ]

    # ---- from the state to the numbers --------------------------------------------------------------

    def frame(self, state):
        board, (off, net, criterion) = self.board, self._asked(state)
        again = self.retrained.get(off)
        shown = net or board.pruned(off)
        sample = self.data.val.x[state["sample"]]
        words = self._words(sample)
        return Frame(
            off=off, maps=patterns(shown, sample), removed=gone(shown), accuracy=board.accuracy(off, net),
            costs=board.costs(off, net), whole=board.accuracy(frozenset()), curve=board.curve(criterion),
            retrained=None if again is None else board.accuracy(off, again),
            tried=[(board.heads_gone(each), board.accuracy(each, found)) for each, found in self.retrained.items()],
            numbers=parameters(self.net).all, left=board.left(off), seconds=board.seconds(off), words=words,
            mark=_mark(words),
            answer=self.data.class_names[int(shown(sample[None])[0].argmax())],
            truth=self.data.class_names[self.data.val.y[state["sample"]]], note=self._note(state, off))

    def _asked(self, state):
        """What is shown in a state: the units that are off, the retrained network (or None), the criterion."""
        one_by_one = frozenset(name for name in self.board.units if not state[name])
        off = self.board.lowest(state["criterion"], state["ranked"]) | one_by_one
        return off, self.retrained.get(off) if state["show"] == RETRAINED else None, state["criterion"]

    def _words(self, sample):
        """What the tokens of a sample are called."""
        return spelled(self.data, sample) if self.data.name == "recall" else [
            str(number + 1) for number in range(patterns(self.net, sample)[0].shape[1])]

    def _note(self, state, off):
        """What cannot be shown, or the empty string."""
        if state["show"] == RETRAINED and off not in self.retrained:
            return "Not retrained with just these removed: you see it pruned. Press Retrain."
        return ""

    # ---- the picture --------------------------------------------------------------------------------

    def draw(self, figure):
        grid = figure.add_gridspec(1, 2, width_ratios=(7.2, 2.8))
        sheet = figure.add_subplot(grid[0])
        sheet.set_title("What each head looks at, and points lost if it goes too", fontsize=palette.TITLE,
                        color=palette.INK,
                        loc="left")
        ax = figure.add_subplot(grid[1])
        palette.plain(ax, "Accuracy (%)")
        heads = len(self.board.heads)
        ax.set(xlim=(-0.4, heads + 0.4), ylim=(0, 106), xticks=range(heads + 1), yticks=range(0, 101, 25))
        ax.set_xlabel("heads removed", fontsize=palette.TEXT)
        ax.grid(color=palette.GRID, linewidth=0.8)
        (self._line,) = ax.plot([], [], "-", color=palette.INK, linewidth=2, label="by this ranking")
        (self._point,) = ax.plot([], [], "o", color=palette.INK, markersize=12, markerfacecolor=palette.YELLOW,
                                 label="now")
        (self._after,) = ax.plot([], [], "D", color=palette.AFTER, markersize=6, label="retrained")
        ax.legend(fontsize=palette.SMALL, frameon=False, loc="lower left")
        figure.canvas.draw()  # settles the layout, which the maps fit themselves into
        self._gaze = AttentionMaps(self.net, self.data.val.x[0], sheet)
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
        samples = f"{min(BATCH, len(self.data.val))} samples take"
        if frame.seconds is None:
            taken = f"how long {samples} is being measured"
        else:
            seconds = {name: spoken_time(timing.median) for name, timing in frame.seconds.items()}
            taken = f"{samples} <b>{seconds['compact']}</b>, whole {seconds['whole']}"
        again = "" if frame.retrained is None else f", retrained <b>{frame.retrained:.1%}</b>"
        verdict = "right" if frame.answer == frame.truth else f"wrong, it is {frame.truth}"
        return (
            f"Removed: {_listed(frame.off)}. "
            f"<b>{frame.accuracy:.1%}</b> of {len(self.data.val):,} validation samples are right, "
            f"whole {frame.whole:.1%}{again}. <code>mn.compact</code> leaves <b>{frame.left:,}</b> of "
            f"{frame.numbers:,} numbers; {taken}. "
            f"Here: {' '.join(frame.words)} Answer: {frame.answer}, {verdict}.")

    # ---- measuring and retraining in the background -------------------------------------------------

    def refresh(self):
        if self._posed is not None:  # a saved page shows everything measured
            list(self.board.measure(*self._asked(self.state)))
        super().refresh()
        self._latest = self._asked(self.state)
        self._waiting = not self.board.complete(*self._latest)
        if self._waiting and self._open and not self.job.running and self.job.error is None:
            self.job.start(self._measure())

    def _measure(self):
        """Measure what is shown; if something else is shown meanwhile, measure that."""
        while not self.board.complete(*(asked := self._latest)):
            for _ in self.board.measure(*asked):
                yield MEASURING
                if asked != self._latest:
                    break

    def retrain(self):
        """Train a copy without what is switched off, in the background; `wait` waits."""
        with self._lock:
            off = self.shown.off
            net = self.board.pruned(off)
        self._cancel.disabled = False
        self.job.start(self._practice(off, net))

    def _practice(self, off, net):
        count = steps_for(self.data.train, self.epochs)
        for step in steps(net, self.data.train, self.optimiser, count=count, rng=self.seed):
            yield (step.index + 1) / count
            yield from self._measure()  # of what is looked at meanwhile
        with self._lock:
            self.retrained[off] = net
            while len(self.retrained) > MOST:
                del self.retrained[next(iter(self.retrained))]  # the oldest

    def progress(self, what):
        if what is None:
            if not self._cancel.disabled:  # it was a training
                self._cancel.disabled = True
                self._told.value = f"{self.epochs} epochs, seed {self.seed}" if self._bar.value == 1 else "stopped"
            self.refresh()
        elif what != MEASURING:
            self._bar.value, self._told.value = what, "retraining"
            if self._waiting and self.board.complete(*self._latest):
                self.refresh()

    def close(self):
        self._open = False
        super().close()


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
