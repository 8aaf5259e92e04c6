"""Lottery tickets: equally many weights from four starts, at every round of pruning.

One button finds the ticket and trains its controls in the background.  Then a slider goes through the rounds: what the
first layer still looks at, how fast each start learns, and how far it gets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minnet import data as datasets
from minnet.draw import palette
from minnet.experiments import untrained
from minnet.experiments.lottery_tickets import STARTS, TicketRuns, together
from minnet.messages import number, sequence, whole
from minnet.nn.models import mlp
from minnet.pruning.ranking import sparsity
from minnet.widgets.controls import TrainControls, few, integer, row, slider, toggles
from minnet.widgets.explorer_base import Explorer

DRAWN = 40  # neurons of the first layer
FAR, NEAR = 10, 4  # places between two inputs: those that are drawn, and those that count as near
LINES = {"ticket": (palette.POSITIVE, "o", "-"), "re-initialised": (palette.AFTER, "D", "-"),
         "random mask": (palette.FAINT, "x", "--"), "dense": (palette.INK, "", ":")}


@dataclass(frozen=True)
class Frame:
    """Everything that is shown.

    Attributes
    ----------
    signals, start : str
    seed, round, rounds : int
    count : int
        Steps of a training.
    sparsity : float or None
        None while this round is not found yet; so is all that depends on it.
    left : int or None
    numbers : ndarray, (drawn neurons, inputs), or None
        The initial weights of this start, as a fraction of the largest; NaN where removed.
    together : ndarray, (FAR,), or None
        How often two inputs of a neuron are kept, by the places between them, as a multiple of chance.
    looks : list of int
        The steps at which a training is measured.
    learning : dict of {start: accuracies}
        During the trainings of this round.
    ends : dict of {start: [(sparsity, accuracy)]}
        After the trainings of all rounds.
    seeds : dict of {seed: {start: accuracy}}
        Of the last round, for seeds that are done.
    done, total : int
        Trainings.
    """

    signals: str
    start: str
    seed: int
    round: int
    rounds: int
    count: int
    sparsity: float | None
    left: int | None
    numbers: np.ndarray | None
    together: np.ndarray | None
    looks: list
    learning: dict
    ends: dict
    seeds: dict
    done: int
    total: int


class TicketsExplorer(Explorer):
    """Find a winning ticket and compare it with controls: ``mn.explore.tickets(make, signals)``.

    Parameters
    ----------
    make : function
        ``make(seed)`` → an untrained network whose first layer is dense.
    data : Dataset, or dict of {name: Dataset}
        Trained on ``.train``, measured on ``.val``.
    rounds : int
    final : float
        Sparsity after the last round, of each layer.
    count, batch : int
        Steps of each training, and samples in a step.
    rate : float
        Learning rate of Adam.
    seed : int
    span : (int, int)
        Accuracies in per cent that the picture of the ends shows, so that a few points are seen.

    Attributes
    ----------
    experiment : TicketRuns
        Its ``runs`` grow while `train` runs, and stay.
    """

    size = (10, 4.4)
    recorded = {"round": None, "start": None, "signals": None}

    @staticmethod
    def example():
        return TicketsExplorer(lambda seed: mlp(40, 12, 12, 10, rng=seed), few(datasets.mnist1d()), rounds=3, count=20)

    def __init__(self, make, data, *, rounds=12, final=0.92, count=400, batch=100, rate=0.02, seed=0,
                 span=(40, 80)):
        span = sequence(span, "span", number, "(40, 80)")
        if len(span) != 2 or not span[0] < span[1] <= 100:
            raise ValueError(f"span is a pair of sparsities in per cent, the lower one first, got {span}")
        self._seed, self._span = whole(seed, "seed"), span
        untrained(make, seed, dense=True)
        data = data if isinstance(data, dict) else {getattr(data, "name", "data"): data}
        super().__init__(TicketRuns(make, data, rounds=rounds, final=final, count=count, rate=rate, batch=batch))

    # ---- controls -----------------------------------------------------------------------------------

    def controls(self):
        rounds = self.experiment.how["rounds"]
        signals = toggles("Signals", self.experiment.data)
        if len(self.experiment.data) == 1:
            signals.layout.display = "none"
        return {
            "round": slider("Round", rounds, 0, rounds, width="440px"),
            "start": toggles("Look at", STARTS, tooltips=[
                "the mask of this round with its initial weights", "the same mask with new initial weights",
                "as many weights, at random places", "all weights"]),
            "signals": signals,
            "seed": integer("Seed", self._seed),
        }

    def rows(self):
        control = self.control
        self._training = TrainControls(self, "Find the ticket", "Train, prune, rewind; and train the controls")
        return [
            row(control["seed"], control["signals"]),
            row(*self._training.buttons, self._reset, *self._training.status),
            row(control["round"], control["start"]),
            self._message,
            self._picture,
            self._sentence,
        ]

    def _run(self, state):
        return self.experiment.run(state["signals"], state["seed"])

    # ---- training in the background -----------------------------------------------------------------

    def train(self):
        """Train what is missing of the present signals and seed, in the background; the newest request wins."""
        self._training.run(self._run(self.state).train())

    def rehearse(self):
        for signals in self.experiment.data:
            self.set(signals=signals)
            self.train()
            self.wait()
        self.reset()

    def progress(self, what):
        self._training.progress(what)
        if what is None or self._run(self.state).finished[0] != self.shown.done:
            self.refresh()

    # ---- from the state to the numbers --------------------------------------------------------------

    def frame(self, state):
        run, number = self._run(state), state["round"]
        done, total = run.finished
        known = number < len(run.masks)
        net = run.net(state["start"], number) if known else None
        keys = {start: (start, number) if start in run.entrants(number) else ("dense", 0) for start in STARTS}
        return Frame(
            signals=state["signals"], start=state["start"], seed=state["seed"], round=number, rounds=run.rounds,
            count=run.count,
            sparsity=sparsity(net) if known else None,
            left=sum(param.kept for param in net.params() if param.prunable) if known else None,
            numbers=_numbers(net) if known else None,
            together=together(net.params()[0].kept_mask, FAR) if known else None,
            looks=run.looks,
            learning={start: run.trained[key] for start, key in keys.items() if key in run.trained},
            ends={start: run.accuracies(start) for start in STARTS},
            seeds={seed: {start: complete.accuracies(start)[-1][1] for start in STARTS}
                   for seed, complete in self.experiment.complete(state["signals"]).items()},
            done=done, total=total,
        )

    # ---- the picture --------------------------------------------------------------------------------

    def draw(self, figure):
        grid = figure.add_gridspec(2, 3, width_ratios=(3.3, 3.2, 3.5))
        ax = figure.add_subplot(grid[:, 0])
        run = self._run(self.state)
        inputs, neurons = run.net("dense", 0).params()[0].shape
        drawn = min(DRAWN, neurons)
        self._sheet = ax.imshow(np.ones((drawn, inputs, 3)), interpolation="nearest", aspect="auto")
        palette.plain(ax, "First numbers of the first layer")
        ax.set_xlabel("input (blue +, orange −, grey removed)", fontsize=palette.TEXT)
        ax.set_ylabel(f"{drawn} of {neurons} neurons", fontsize=palette.TEXT)
        ax.set_yticks([])
        ax = figure.add_subplot(grid[0, 1])
        palette.plain(ax, "Kept together (1 = chance)")
        ax.set(xlim=(0.3, FAR + 0.7), ylim=(0, 3), xticks=range(1, FAR + 1), yticks=range(4))
        ax.set_xlabel("inputs so many places apart", fontsize=palette.TEXT)
        self._bars = ax.bar(np.arange(1, FAR + 1), np.zeros(FAR), 0.7, color=palette.POSITIVE)
        chance = ax.axhline(1, color=palette.INK, linewidth=1.2, linestyle="--")
        ax = figure.add_subplot(grid[1, 1])
        palette.plain(ax, "Recognised in this round (%)")
        last = run.count
        ax.set(xlim=(-0.04 * last, 1.04 * last), ylim=(0, self._span[1]))
        ax.set_xlabel("training step", fontsize=palette.TEXT)
        ax.grid(color=palette.GRID, linewidth=0.8)
        self._learning = {start: self._line(ax, start) for start in STARTS}
        ax = figure.add_subplot(grid[:, 2])
        palette.plain(ax, "Recognised at the end (%)")
        least = 100 * (1 - run.levels[-1])
        kept = [each for each in (100, 50, 20, 10, 5, 2, 1) if each > 0.7 * least]
        ax.set(xscale="log", xlim=(118, 0.85 * least), ylim=self._span, xticks=kept)
        ax.set_xticklabels(map(str, kept))
        ax.minorticks_off()
        ax.set_xlabel("weights kept (%)", fontsize=palette.TEXT)
        ax.grid(color=palette.GRID, linewidth=0.8)
        self._here = ax.axvline(100, color=palette.FAINT, linewidth=1)
        self._ends = {start: self._line(ax, start) for start in STARTS}
        ax.legend(handles=list(self._ends.values()), loc="lower left", fontsize=palette.SMALL, frameon=False)
        return [self._sheet, *self._bars, chance, *self._learning.values(), self._here, *self._ends.values()]

    @staticmethod
    def _line(ax, start):
        colour, marker, style = LINES[start]
        return ax.plot([], [], color=colour, marker=marker, markersize=5, linestyle=style, linewidth=2, label=start)[0]

    def paint(self, frame):
        if frame.numbers is None:
            self._sheet.set_data(np.ones((*self._sheet.get_array().shape[:2], 3)))
        else:
            colours = palette.shades(np.nan_to_num(frame.numbers))
            colours[np.isnan(frame.numbers)] = (0.88, 0.88, 0.88)
            self._sheet.set_data(colours)
        heights = np.zeros(FAR) if frame.together is None else np.minimum(frame.together, 3)
        for bar, height in zip(self._bars, heights, strict=True):
            bar.set_height(height)
            bar.set_color(LINES[frame.start][0])
        for start in STARTS:
            seen = frame.learning.get(start, ())
            self._learning[start].set_data(frame.looks[: len(seen)], 100 * np.array(seen))
            self._ends[start].set_data([100 * (1 - s) for s, _ in frame.ends[start]],
                                       [100 * right for _, right in frame.ends[start]])
            for line in (self._learning[start], self._ends[start]):
                line.set_linewidth(3.2 if start == frame.start else 1.6)
        at = 100 * (1 - frame.sparsity) if frame.sparsity is not None and frame.start != "dense" else 100
        self._here.set_xdata([at, at])

    # ---- the sentence -------------------------------------------------------------------------------

    def sentence(self, frame):
        if frame.sparsity is None:
            return (f"Round {frame.round} of {frame.rounds} is not found yet: press <b>Find the ticket</b>. It takes "
                    f"{frame.total} trainings of {frame.count:,} steps, {frame.done} are done.")
        said = f"Round {frame.round} of {frame.rounds}, {_name(frame.start)}: <b>{frame.sparsity:.1%} removed</b>, " \
               f"{frame.left:,} weights left. "
        if frame.sparsity > 0:
            said += (f"Inputs at most {NEAR} places apart are kept together {frame.together[:NEAR].mean():.1f} times "
                     f"as often as by chance. ")
        if frame.learning:
            found = ", ".join(f"{start} {seen[-1]:.1%}" for start, seen in frame.learning.items())
            said += f"After {frame.count:,} steps of training: <b>{found}</b>. " if frame.round else \
                    f"With all weights, {frame.learning['dense'][-1]:.1%} are recognised. "
        if frame.seeds:
            lead = {start: [100 * (each["ticket"] - each[start]) for each in frame.seeds.values()] for start in STARTS}
            said += (f"Points by which the ticket leads after the last round, for seed "
                     f"{', '.join(map(str, frame.seeds))}: re-initialised {_points(lead['re-initialised'])}; "
                     f"random mask {_points(lead['random mask'])}; dense {_points(lead['dense'])}.")
        return said


def _numbers(net):
    """The initial weights of the drawn neurons, one row each, as a fraction of the largest; NaN where removed."""
    weight = net.params()[0]
    largest = float(np.abs(weight.data[:, :DRAWN]).max()) or 1.0
    return np.where(weight.kept_mask, weight.data / largest, np.nan)[:, :DRAWN].T


def _name(start):
    return {"ticket": "the ticket", "re-initialised": "its mask re-initialised", "random mask": "a random mask",
            "dense": "the dense network"}[start]


def _points(values):
    return ", ".join(f"{value:+.1f}" for value in values).replace("-", "−")
