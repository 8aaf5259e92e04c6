"""Training, watched while it happens: what the first layer looks at, what one sample makes of it, and the two curves.

The network learns in the background, as slowly as you like, and the learning rate can be changed while it runs.
After Start over the run before stays as a grey curve, so two settings can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from time import monotonic, sleep

import numpy as np

from minnet import data as datasets
from minnet import draw
from minnet.data.dataset import class_names
from minnet.draw import palette
from minnet.draw.weight_images import tile_shape
from minnet.experiments.training_run import TrainingRun
from minnet.nn.losses import cross_entropy
from minnet.widgets.controls import choice_slider, few, integer, row, slider
from minnet.widgets.explorer_base import Explorer

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
    inactive : int
        Hidden neurons that are 0 for every measured sample.
    hidden, chances : ndarray, (neurons,) and (classes,)
        Activations of the hidden neurons for the chosen sample, and the probability given to each class.
    truth, answer : int
        Of the chosen sample.
    """

    step: int
    rate: float
    curve: np.ndarray
    before: np.ndarray
    loss: float
    accuracy: float
    inactive: int
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
        Of the initial weights and of the batches.

    Attributes
    ----------
    experiment : TrainingRun
        Its ``net`` is the network as it is now.
    """

    size = (10, 4.6)
    recorded = {"sample": 25}  # of the network as it is by then

    @staticmethod
    def example():
        return TrainingExplorer(few(datasets.digits()), hidden=6, count=60)

    def __init__(self, data, *, hidden=16, rate=0.1, count=2000, batch=32, seed=0):
        super().__init__(TrainingRun(data, hidden=hidden, rate=rate, count=count, batch=batch, seed=seed))

    # ---- controls -----------------------------------------------------------------------------------

    def controls(self):
        run = self.experiment
        self._on = f"{len(run.y):,} {'validation samples' if hasattr(run.data, 'val') else 'samples'}"
        self._names = class_names(run.data, run.classes)
        self._plane = run.x.shape[1:] == (2,)
        rates = [(f"{rate:.3g}", rate) for rate in sorted({*RATES, run.rate})]
        return {
            "rate": choice_slider("Learning rate", rates, run.rate),
            "hidden": slider("Hidden neurons", run.hidden, 1, 64),
            "pace": choice_slider("Steps a second", list(PACES), "100"),
            "sample": slider("Sample to follow", 0, 0, len(run.y) - 1),
            "seed": integer("Seed", run.seed, width="110px"),
        }

    def rows(self):
        control, gap = self.control, "2px 18px"
        self._play = self.button("Play", self.play_or_pause, "Train in the background, or hold it")
        one = self.button("One step", self.one_step, "Change every weight once")
        again = self.button("Start over", self.start_over, "The same initial weights again; this run stays in grey")
        return [
            row(self._play, one, again, self._reset, control["seed"], gap=gap),
            row(control["rate"], control["pace"], gap=gap),
            row(control["hidden"], control["sample"], gap=gap),
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
        if self._complete:
            self.say(f"This run has made its {self.experiment.count:,} steps. Press Start over for another one.")
            return
        self.say("")
        self._play.description = "Pause"
        self.job.start(self._run())

    def pause(self):
        """Stop the training after its present step; once this returns, nothing trains any more."""
        with self._lock:  # not while a step is made; to wait for the job here would be to wait for its report, too
            self._playing = None
            self.job.cancel()
        self._play.description = "Play"

    def one_step(self):
        """Pause, and change every weight once."""
        self.pause()
        if self._complete:
            self.play()  # says why not
            return
        self.experiment.advance()
        self.refresh()

    def start_over(self):
        """The same network as it was before the first step; the run so far stays in grey."""
        self.pause()
        self.experiment.start_over(self.experiment.hidden, self.experiment.seed)
        self.say("")
        self.refresh()

    def reset(self):
        """All controls, the network and the curves as they stood at first."""
        self.pause()
        self.experiment.reset()
        super().reset()

    # ---- training -----------------------------------------------------------------------------------

    @property
    def _complete(self):
        return self.experiment.step >= self.experiment.count

    def _run(self):
        run, last, due = self.experiment, monotonic(), 1.0
        playing = self._playing = object()
        while not self._complete:
            for _ in range(min(int(due), run.count - run.step)):
                with self._lock:  # the network is read only between two steps
                    if self._playing is not playing:
                        return
                    run.advance()
            due -= int(due)
            yield run.step
            sleep(0.02)
            pace, now = PACES[self.control["pace"].value], monotonic()
            due = min(due + pace * (now - last), max(pace / 2, 1))  # after a long wait it doesn't race
            last = now

    def progress(self, what):
        self._play.description = "Pause" if self.job.running else "Play"
        if self.experiment.step != self.shown.step:
            self.refresh()

    # ---- from the state to the numbers --------------------------------------------------------------

    def prepare(self, state):
        run = self.experiment
        run.rate = state["rate"]
        if (state["hidden"], state["seed"]) != (run.hidden, run.seed):
            run.start_over(state["hidden"], state["seed"])

    def subject(self, state):
        return state["hidden"]  # another number of neurons is another picture

    def frame(self, state):
        run, one = self.experiment, slice(state["sample"], state["sample"] + 1)
        with np.errstate(all="ignore"):
            hidden, scores = run.look()
            odds = np.exp(scores[one] - scores[one].max())
            return Frame(
                step=run.step,
                rate=state["rate"],
                curve=np.array(run.curve),
                before=np.array(run.before).reshape(-1, 3),
                loss=cross_entropy(scores, run.y)[0],
                accuracy=float(np.mean(scores.argmax(axis=1) == run.y)),
                inactive=int(np.sum(hidden.max(axis=0) <= 0)),
                hidden=hidden[one][0],
                chances=(odds / odds.sum())[0],
                truth=int(run.y[one][0]),
                answer=int(scores[one].argmax()),
            )

    # ---- the picture --------------------------------------------------------------------------------

    def draw(self, figure):
        run = self.experiment
        grid = figure.add_gridspec(1, 3, width_ratios=(4.2, 2.6, 3.2))
        left = figure.add_subplot(grid[0])
        middle = grid[1].subgridspec(2 if self._plane else 3, 1)
        if self._plane:
            self._subject = draw.surface(run.net, run.x, run.y, left,
                                         title="What it answers where; each line is a neuron")
            (self._chosen,) = left.plot([], [], "o", markersize=13, markerfacecolor="none", markeredgewidth=2.5,
                                        color=palette.INK)
            first = []
        else:
            shape = getattr(run.data, "image_shape", None)
            self._subject = draw.masks(run.net, shape, left,
                                       title="What hidden neurons look at: blue +, orange −")
            ax = figure.add_subplot(middle[0])
            self._chosen = ax.imshow(np.zeros(tile_shape(run.x[0].size, shape)), cmap="Greys", vmin=run.x.min(),
                                     vmax=run.x.max())
            ax.set_axis_off()
            ax.set_title("The sample", fontsize=palette.TITLE, color=palette.INK, loc="left")
            first = [self._chosen]
        self._hidden = _bars(figure.add_subplot(middle[-2]), run.hidden, "Hidden neurons fire", palette.POSITIVE)
        ax = figure.add_subplot(middle[-1])
        self._chances = _bars(ax, run.classes, "Probability (▼ = true)", palette.AFTER)
        ax.set_xticks(range(1, run.classes + 1), self._names)
        (self._truth,) = ax.plot([], [], "v", color=palette.INK, markersize=8)
        right = grid[2].subgridspec(2, 1)
        self._traces = LossCurves(*map(figure.add_subplot, right), run.count, run.classes)
        moving = [self._chosen] if self._plane else []
        return [*self._subject.artists, *moving, *first, self._hidden, self._chances, self._truth,
                *self._traces.artists]

    def paint(self, frame):
        net, one = self.experiment.net, self.experiment.x[self.state["sample"]]
        if self._plane:
            self._subject.update(net)
            self._chosen.set_data(one[:1], one[1:])
        else:
            weight = net.layers[0].weight.data
            if np.isfinite(weight).all():
                self._subject.largest = float(np.abs(weight).max()) or 1.0
                self._subject.update(net)
            self._chosen.set_data(one.reshape(self._chosen.get_array().shape))
        strongest = frame.hidden.max() if np.isfinite(frame.hidden).all() else 0
        self._hidden.set_data(frame.hidden / strongest if strongest > 0 else np.zeros_like(frame.hidden))
        self._chances.set_data(np.nan_to_num(frame.chances))
        self._truth.set_data([frame.truth + 1], [1.1])
        self._traces.update(frame)

    def sentence(self, frame):
        said, truth = (escape(self._names[each]) for each in (frame.answer, frame.truth))
        sure = f" ({frame.chances[frame.answer]:.0%})" if np.isfinite(frame.chances).all() else ""
        inactive = ""
        if frame.inactive:
            verb = "is" if frame.inactive == 1 else "are"
            inactive = f" {frame.inactive} of {len(frame.hidden)} hidden neurons {verb} inactive for every sample."
        return (f"<b>Step {frame.step:,} of {self.experiment.count:,}</b> at learning rate {frame.rate:.3g}. "
                f"Loss {_number(frame.loss)}, <b>{frame.accuracy:.1%} of {self._on} right</b>.{inactive} "
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
        What guessing gives (the chance level) is marked.

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
