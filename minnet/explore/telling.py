"""What is known of two twins at one moment, and how it is told: one of them learns with dropout, the other is pruned.

The picture shows a part of the networks; the sentence and the table tell of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STYLE = """<style>
.minnet-table { border-collapse: collapse; font-size: 15px; line-height: 1.5; margin-top: 4px; }
.minnet-table th, .minnet-table td { padding: 1px 14px 1px 0; text-align: right; font-variant-numeric: tabular-nums; }
.minnet-table th { font-weight: 600; }
.minnet-table th[scope=row] { text-align: left; font-weight: 400; white-space: nowrap; }
.minnet-table tr:first-child { border-bottom: 1px solid currentColor; }
</style>"""
TRAINING, PREDICT, DICE_ON = "training", "predict", "predict, dice left on"  # what the learner can look at


@dataclass(frozen=True)
class Moment:
    """A twin after so many epochs: its numbers, and what it recognises of the training and of new samples."""

    numbers: dict
    train: float
    new: float

    @property
    def gap(self):
        return self.train - self.new


@dataclass(frozen=True)
class Side:
    """What is shown of one twin.

    Attributes
    ----------
    weights, masks : list of ndarray
        Of each dense layer, (inputs, outputs); the masks say which connections are in use just now.
    active : list of ndarray of bool, (width,)
        Hidden neurons that are in use just now.
    moment : Moment
    record : list of Moment
        From the start, one an epoch, as far as it has been trained.
    shapes : list of (int, int)
        Of the arrays in memory ...
    parameters : int
        ... and how many numbers they hold, biases included.
    bytes : int
        Of its file.
    seconds : float
        To predict all new samples.
    answers : ndarray of int, (classes,)
        How often each class is the answer to the same question; none in training, where nobody is asked.
    """

    weights: list
    masks: list
    active: list
    moment: Moment
    record: list
    shapes: list
    parameters: int
    bytes: int
    seconds: float
    answers: np.ndarray

    @property
    def used(self):
        """Connections in use just now."""
        return sum(int(mask.sum()) for mask in self.masks)


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
    start: Moment
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
