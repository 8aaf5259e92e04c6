"""Training, watched while it happens: what the first layer looks at, what one sample makes of it, and the two curves.

The network learns in the background, as slowly as one likes, and the learning rate can be turned while it runs.
Whoever starts over sees the run before as a grey trace, so two settings can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic, sleep

import ipywidgets as widgets
import numpy as np

from minnet import data as datasets
from minnet import draw
from minnet.draw import palette
from minnet.nn.checkpoint import rewind, snapshot
from minnet.nn.evaluation import pair, predict
from minnet.nn.losses import cross_entropy
from minnet.nn.models import mlp
from minnet.nn.optim import SGD
from minnet.nn.train import steps
from minnet.widgets.controls import few
from minnet.widgets.explorer_base import Explorer

EVERY = 10  # steps between two points of the curves
MEASURED = 1000  # at most so many samples are measured on
RATES = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10)
PACES = {"1": 1, "10": 10, "100": 100, "1,000": 1000}  # steps a second


@dataclass(frozen=True)
class Frame:
    """Everything that is shown.

    Attributes
    ----------
    step : int
        Completed steps.
    rate : float
    curve, before : ndarray, (points, 3)
        Step, loss and accuracy, of this run and of the run before.
    loss, accuracy : float
        After ``step`` steps, on the measured samples.
    silent : int
        Hidden neurons that are silent for every measured sample.
    hidden, chances : ndarray, (neurons,) and (classes,)
        How strongly the hidden neurons fire for the chosen sample, and the probability given to each class.
    truth, answer : int
        Of the chosen sample.
    """

    step: int
    rate: float
    curve: np.ndarray
    before: np.ndarray
    loss: float
    accuracy: float
    silent: int
    hidden: np.ndarray
    chances: np.ndarray
    truth: int
    answer: int


class TrainingExplorer(Explorer):
    """Watch a network with one hidden layer learn: ``mn.explore.training(digits)``.

    Parameters
    ----------
    data : Dataset, Split or pair (x, y)
        A whole data set is trained on ``.train`` and measured on ``.val``; anything else on itself.  Samples with
        two features are shown as points in the plane, others as images.
    hidden : int
        Neurons in the hidden layer, 1 to 64.
    rate : float
        Learning rate of plain gradient descent; the slider goes from 0.001 to 10 in nearly even factors.
    count : int
        Steps of a whole run.
    batch : int
    seed : int
        Dice of the first weights and of the batches.

    Attributes
    ----------
    net : Sequential
        The network as it is by now.
    step : int
        Completed steps.
    """

    size = (10, 4.6)
    recorded = {"sample": 25}  # of the network as it is by then

    @staticmethod
    def example():
        return TrainingExplorer(few(datasets.digits()), hidden=6, count=60)

    def follow(self, other):
        super().follow(other)
        rewind(self.net, snapshot(other.net))
        self.step, self._curve, self._before = other.step, list(other._curve), other._before
        self.refresh()

    def __init__(self, data, *, hidden=16, rate=0.1, count=2000, batch=32, seed=0):
        self.data, self.count, self.batch = data, count, batch
        self._given = {"hidden": hidden, "rate": rate, "seed": seed}
        self._train = pair(getattr(data, "train", data))
        x, y = pair(getattr(data, "val", data))
        self._x, self._y = x[:MEASURED], y[:MEASURED]
        self._on = f"{len(self._y):,} {'validation samples' if hasattr(data, 'val') else 'samples'}"
        self._classes = 1 + int(max(self._train[1].max(), y.max()))
        self._names = getattr(data, "class_names", None) or [str(kind) for kind in range(self._classes)]
        self._plane = x.shape[1:] == (2,)
        self._before, self._curve = np.zeros((0, 3)), []
        self._start_over(hidden, seed)
        super().__init__()

    # ---- controls -----------------------------------------------------------------------------------

    def controls(self):
        wide = {"style": {"description_width": "initial"}, "layout": {"width": "400px", "max_width": "100%"}}
        given = self._given
        rates = sorted({*RATES, given["rate"]})
        return {
            "rate": widgets.SelectionSlider(options=[(f"{rate:.3g}", rate) for rate in rates], value=given["rate"],
                                            description="Learning rate", **wide),
            "hidden": widgets.IntSlider(given["hidden"], 1, 64, description="Hidden neurons", **wide),
            "pace": widgets.SelectionSlider(options=list(PACES), value="100", description="Steps a second", **wide),
            "sample": widgets.IntSlider(0, 0, len(self._y) - 1, description="Sample to follow", **wide),
            "seed": widgets.BoundedIntText(given["seed"], 0, 9999, description="Seed",
                                           style={"description_width": "initial"}, layout={"width": "110px"}),
        }

    def rows(self):
        control, row = self.control, {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "2px 18px"}
        self._play = self.button("Play", self.play_or_pause, "Train in the background, or hold it")
        one = self.button("One step", self.one_step, "Change every weight once")
        again = self.button("Start over", self.start_over, "The same first weights again; this run stays in grey")
        return [
            widgets.HBox([self._play, one, again, self._reset, control["seed"]], layout=row),
            widgets.HBox([control["rate"], control["pace"]], layout=row),
            widgets.HBox([control["hidden"], control["sample"]], layout=row),
            self._message,
            self._picture,
            self._sentence,
        ]

    def play_or_pause(self):
        """What the first button does."""
        if self.job.running:
            self.pause()
        else:
            self.play()

    def play(self):
        """Train in the background up to ``count`` steps; `wait` waits for the end."""
        if self.step >= self.count:
            self.say(f"This run has made its {self.count:,} steps. Press Start over for another one.")
            return
        self.say("")
        self._play.description = "Pause"
        self.job.start(self._run())

    def pause(self):
        """Hold the training after its present step; once this returns, nobody trains any more."""
        self.job.close()
        self._play.description = "Play"

    def one_step(self):
        """Pause, and change every weight once."""
        self.pause()
        if self.step >= self.count:
            self.play()  # says why not
            return
        self._advance()
        self.refresh()

    def start_over(self):
        """The same network as it was before the first step; the run so far stays in grey."""
        self.pause()
        self._start_over(*self._recipe)
        self.say("")
        self.refresh()

    def reset(self):
        """All controls, the network and the curves as they stood at first."""
        self.pause()
        self._curve, self._before, self._recipe = [], np.zeros((0, 3)), None
        super().reset()

    # ---- training -----------------------------------------------------------------------------------

    def _start_over(self, hidden, seed):
        if len(self._curve) > 1:
            self._before = np.array(self._curve)
        self._recipe = hidden, seed
        features = int(np.prod(self._train[0].shape[1:]))
        self.net = mlp(features, hidden, self._classes, rng=seed)
        self.rate = self._given["rate"]
        self._steps = steps(self.net, self._train, SGD(lambda index: self.rate), count=self.count, batch=self.batch,
                            rng=seed)
        self.step, self._curve = 0, []
        self._note()

    def _advance(self):
        """One step; whoever looks at the network has to wait for it."""
        with self._lock, np.errstate(all="ignore"):  # a rate that is too large may lead to infinity
            self.step = next(self._steps).index + 1
            if self.step % EVERY == 0:
                self._note()

    def _note(self):
        with np.errstate(all="ignore"):
            scores = predict(self.net, self._x)
            loss, _ = cross_entropy(scores, self._y)
        self._curve.append((self.step, loss, np.mean(scores.argmax(axis=1) == self._y)))

    def _run(self):
        last, due = monotonic(), 1.0
        while self.step < self.count:
            for _ in range(min(int(due), self.count - self.step)):
                self._advance()
            due -= int(due)
            yield self.step
            sleep(0.02)
            pace, now = PACES[self.control["pace"].value], monotonic()
            due = min(due + pace * (now - last), max(pace / 2, 1))  # after a long wait it doesn't race
            last = now

    def progress(self, what):
        self._play.description = "Pause" if self.job.running else "Play"
        if self.step != self.shown.step:
            self.refresh()

    # ---- from the state to the numbers --------------------------------------------------------------

    def frame(self, state):
        recipe = state["hidden"], state["seed"]
        if recipe != self._recipe:
            self._start_over(*recipe)
            if state["hidden"] != self._drawn:
                self.begin()  # another number of neurons is another picture
        self.rate = state["rate"]
        one = slice(state["sample"], state["sample"] + 1)
        with np.errstate(all="ignore"):
            hidden, scores = self._look(self._x)
            odds = np.exp(scores[one] - scores[one].max())
            return Frame(
                step=self.step,
                rate=state["rate"],
                curve=np.array(self._curve),
                before=self._before,
                loss=cross_entropy(scores, self._y)[0],
                accuracy=float(np.mean(scores.argmax(axis=1) == self._y)),
                silent=int(np.sum(hidden.max(axis=0) <= 0)),
                hidden=hidden[one][0],
                chances=(odds / odds.sum())[0],
                truth=int(self._y[one][0]),
                answer=int(scores[one].argmax()),
            )

    def _look(self, x):
        """What the hidden neurons pass on, and the scores."""
        first, bend, last = self.net.layers
        hidden = bend(first(x.reshape(len(x), -1)))
        return hidden, last(hidden)

    # ---- the picture --------------------------------------------------------------------------------

    def draw(self, figure):
        grid = figure.add_gridspec(1, 3, width_ratios=(4.2, 2.6, 3.2))
        left = figure.add_subplot(grid[0])
        middle = grid[1].subgridspec(2 if self._plane else 3, 1)
        if self._plane:
            self._subject = draw.surface(self.net, self._x, self._y, left,
                                         title="What it answers where; each line is a neuron")
            (self._chosen,) = left.plot([], [], "o", markersize=13, markerfacecolor="none", markeredgewidth=2.5,
                                        color=palette.INK)
            first = []
        else:
            shape = getattr(self.data, "image_shape", None)
            self._subject = draw.masks(self.net, shape, left,
                                       title="What hidden neurons look at: blue +, orange −")
            ax = figure.add_subplot(middle[0])
            rows, columns = (1, *(shape or self._square()))[-2:]
            self._chosen = ax.imshow(np.zeros((rows, columns)), cmap="Greys", vmin=self._x.min(), vmax=self._x.max())
            ax.set_axis_off()
            ax.set_title("The sample", fontsize=palette.TITLE, color=palette.INK, loc="left")
            first = [self._chosen]
        self._drawn = self._recipe[0]
        self._hidden = _bars(figure.add_subplot(middle[-2]), self._drawn, "Hidden neurons fire", palette.POSITIVE)
        ax = figure.add_subplot(middle[-1])
        self._chances = _bars(ax, self._classes, "Probability (▼ = true)", palette.AFTER)
        ax.set_xticks(range(1, self._classes + 1), self._names)
        (self._truth,) = ax.plot([], [], "v", color=palette.INK, markersize=8)
        right = grid[2].subgridspec(2, 1)
        self._traces = LossCurves(*map(figure.add_subplot, right), self.count, self._classes)
        moving = [self._chosen] if self._plane else []
        return [*self._subject.artists, *moving, *first, self._hidden, self._chances, self._truth,
                *self._traces.artists]

    def _square(self):
        side = int(np.sqrt(self._x[0].size))
        return (side, side) if side * side == self._x[0].size else (1, self._x[0].size)

    def paint(self, frame):
        one = self._x[self.state["sample"]]
        if self._plane:
            self._subject.update(self.net)
            self._chosen.set_data(one[:1], one[1:])
        else:
            weight = self.net.layers[0].weight.data
            if np.isfinite(weight).all():
                self._subject.largest = float(np.abs(weight).max()) or 1.0
                self._subject.update(self.net)
            self._chosen.set_data(one.reshape(self._chosen.get_array().shape))
        strongest = frame.hidden.max() if np.isfinite(frame.hidden).all() else 0
        self._hidden.set_data(frame.hidden / strongest if strongest > 0 else np.zeros_like(frame.hidden))
        self._chances.set_data(np.nan_to_num(frame.chances))
        self._truth.set_data([frame.truth + 1], [1.1])
        self._traces.update(frame)

    def sentence(self, frame):
        said, truth = self._names[frame.answer], self._names[frame.truth]
        sure = f" ({frame.chances[frame.answer]:.0%})" if np.isfinite(frame.chances).all() else ""
        silent = ""
        if frame.silent:
            verb = "is" if frame.silent == 1 else "are"
            silent = f" {frame.silent} of {len(frame.hidden)} hidden neurons {verb} silent for every sample."
        return (f"<b>Step {frame.step:,} of {self.count:,}</b> at learning rate {frame.rate:.3g}. "
                f"Loss {_number(frame.loss)}, <b>{frame.accuracy:.1%} of {self._on} right</b>.{silent} "
                f"The chosen sample is a {truth}; the network says {said}{sure}.")


def _bars(ax, count, title, colour):
    """Upright bars, all in one artist, between 0 and 1."""
    palette.plain(ax, title)
    ax.set(xlim=(0.3, count + 0.7), ylim=(0, 1.25), yticks=(0, 1))
    return ax.stairs(np.zeros(count), np.arange(count + 1) + 0.5, fill=True, color=colour)


def _number(loss):
    return f"{loss:.3g}" if np.isfinite(loss) else "beyond all numbers"


# ---- Curves ------------------------------------------------------------------------------------------


LOSSES = (0.001, 100)  # from the bottom to the top of the picture


class LossCurves:
    """The curves of loss and accuracy.

    Parameters
    ----------
    top, bottom : Axes
        For the loss and for what is right.
    count : int
        Steps of a whole run.
    classes : int
        What mere guessing gives is marked.

    Attributes
    ----------
    loss, right : tuple of Line2D
        The run before, this run, and the point where it stands.
    artists : list of Artist
    """

    def __init__(self, top, bottom, count, classes):
        self.loss = _trace(top, "Loss", count, np.log(classes), yscale="log", ylim=LOSSES)
        self.right = _trace(bottom, "Right (%)", count, 100 / classes, ylim=(0, 104), xlabel="steps")
        self.artists = [*self.loss, *self.right]

    def update(self, frame):
        """Show what a frame holds of both runs."""
        for (before, now, point), column, scale in ((self.loss, 1, 1), (self.right, 2, 100)):
            latest = frame.loss if column == 1 else frame.accuracy
            before.set_data(frame.before[:, 0], _inside(scale * frame.before[:, column]))
            now.set_data(frame.curve[:, 0], _inside(scale * frame.curve[:, column]))
            point.set_data([frame.step], _inside(np.array([scale * latest])))


def _trace(ax, title, count, guess, **settings):
    palette.plain(ax, title)
    ax.set(xlim=(-0.05 * count, 1.05 * count), **settings)
    ax.grid(color=palette.GRID, linewidth=0.8)
    ax.axhline(guess, color=palette.FAINT, linewidth=1, linestyle="--")
    ax.text(count, guess, "mere guessing", ha="right", va="bottom", fontsize=palette.SMALL, color=palette.FAINT)
    (before,) = ax.plot([], [], color=palette.REMOVED, linewidth=2)
    (now,) = ax.plot([], [], color=palette.INK, linewidth=2)
    (point,) = ax.plot([], [], "o", color=palette.INK, markersize=8, markerfacecolor=palette.YELLOW)
    return before, now, point


def _inside(values):
    """Infinite losses are drawn at the top."""
    return np.clip(np.nan_to_num(values, nan=LOSSES[1], posinf=LOSSES[1]), *LOSSES)
