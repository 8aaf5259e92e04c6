"""The training loop is a generator: one `Step` comes out for each update that went in.

So "when to prune" needs no machinery: prune before the loop, inside it, after it, or around it.
`fit` is the short form of the loop, with a progress bar and a history.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from minnet.messages import flag, function, generator, short, whole
from minnet.nn import arguments
from minnet.nn.contract import products
from minnet.nn.evaluation import accuracy
from minnet.nn.flat_params import Flat
from minnet.nn.losses import cross_entropy
from minnet.nn.optim import Adam
from minnet.threads import at_most, for_products


@dataclass(frozen=True)
class Step:
    """One completed update.

    Attributes
    ----------
    index : int
        0 for the first step.
    loss : float
        Mean loss of the step's batch, before the update.
    epoch : float
        How many times the data have been gone through, this step included.
    """

    index: int
    loss: float
    epoch: float


@dataclass
class History:
    """What `fit` saw: one entry an epoch (``accuracy`` only where validation data were given)."""

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    steps: int = 0

    def __repr__(self):
        said = f"{len(self.loss)} epochs, {self.steps} steps"
        if self.loss:
            said += f", loss {self.loss[0]:.3f} → {self.loss[-1]:.3f}"
        if self.accuracy:
            said += f", validation accuracy {self.accuracy[-1]:.1%}"
        return f"History({said})"


def steps(net, data, optimiser=None, *, count, batch=32, rng=None, loss=cross_entropy):
    """Train, one update at a time.

    Parameters
    ----------
    net : Layer
    data : object with ``.x`` and ``.y``, or pair (x, y)
    optimiser : SGD, Adam, …
        By default ``Adam(3e-3)``, which suits small networks on small data.
    count : int
        Number of updates.
    batch : int
        Samples in an update; each epoch is shuffled again, its last batch may be smaller.
    rng : numpy.random.Generator, seed or None
        For batches and for dropout (two streams: dropout does not change the batches).
    loss : function
        ``loss(y, target) -> (loss, gradient)``.

    Yields
    ------
    Step

    Raises
    ------
    ValueError, TypeError
        For data that don't fit the network or each other, before anything has changed.
    """
    return _limited(*_training(net, data, optimiser, count, batch, rng, loss))


def _training(net, data, optimiser, count, batch, rng, loss):
    """A generator of `Step`, and the shapes of the products in each."""
    optimiser = arguments.optimiser(Adam(3e-3) if optimiser is None else optimiser)
    x, y = checked(net, data, count, batch, loss)
    run = run_steps(lambda: _dense(net, optimiser, loss), x, y, count, batch, generator(rng))
    return run, products(net, x, batch)


def _limited(run, shapes):
    """Limit BLAS threads in each step, but not between two: there the user's code runs."""
    limit = for_products(shapes)
    while True:
        with limit:
            step = next(run, None)
        if step is None:
            return
        yield step


def steps_for(data, epochs, batch=32):
    """How many updates a number of epochs takes; the last batch of each may be smaller.

    ``data`` is what is trained on, or only how many samples that has.
    """
    samples = data if isinstance(data, int) else len(arguments.pair(data)[0])
    return epochs * -(-samples // whole(batch, "batch", least=1))


def checked(net, data, count, batch, loss):
    """``(x, y)``, after everything that `steps` is asked for has been looked at, and before anything has changed."""
    arguments.the_network(net)
    x, y = arguments.samples(data, "train on")
    whole(count, "count")
    whole(batch, "batch", least=1)
    function(loss, "loss", "loss(y, target) -> (loss, gradient), for example mn.cross_entropy")
    if not net.params():
        raise ValueError(f"{net!r} has no parameters to train")
    x = net.numbers(x)
    # A dry run: wrong shapes and labels are found here, not in the middle of an epoch.
    with at_most(1):
        answers = np.repeat(net(x[:1]), len(x), axis=0)
        arguments.loss_and_gradient(loss(answers, y), answers)
    return x, y


def run_steps(begin, x, y, count, batch, rng):
    """The loop that every way of training shares; ``begin()`` gives the function that takes one step."""
    order, rng = rng.spawn(2)
    take = begin()
    batches = _batches(len(x), batch, order)
    for index in range(count):
        rows, epoch = next(batches)
        yield Step(index, take(index, x[rows], y[rows], rng), epoch)


def _dense(net, optimiser, loss):
    run = Flat(net.params())
    update = optimiser.begin(run)
    return lambda index, x, y, rng: one_step(net, run, update, index, x, y, rng, loss)


def one_step(net, run, update, index, x, y, rng=None, loss=cross_entropy):
    """Forward, loss, back, update: what training is.  Returns the loss before the update."""
    answers, back = net.forward(x, rng)
    now, gradient = loss(answers, y)
    run.forget_gradients()
    back(gradient, False)
    run.collect()
    update(index)
    return now


def _batches(n, size, order):
    done = 0
    while True:
        shuffled = order.permutation(n)
        for start in range(0, n, size):
            rows = shuffled[start : start + size]
            yield rows, done + (start + len(rows)) / n
        done += 1


def fit(net, data, *, epochs=10, batch=32, optimiser=None, rng=None, validation=None, patience=None,
        stop=None, progress=True, loss=cross_entropy):
    """Train for a number of epochs.

    Parameters
    ----------
    net, data, batch, optimiser, rng, loss
        As in `steps`.
    epochs : int
    validation : data, optional
        Its accuracy is measured after each epoch.
    patience : int, optional
        Stop when the validation accuracy has not risen for this many epochs.
    stop : threading.Event, optional
        Set it from another thread to end the training after the present step.
    progress : bool
        Show a progress bar.

    Returns
    -------
    History
    """
    whole(epochs, "epochs")
    progress = flag(progress, "progress")
    if patience is not None and validation is None:
        raise ValueError("patience needs validation=…, the data whose accuracy it watches")
    if patience is not None:
        whole(patience, "patience", least=1)
    if stop is not None and not hasattr(stop, "is_set"):
        raise TypeError(f"stop is a threading.Event, got {short(stop)}; to stop early by itself use patience=")
    if validation is not None:
        arguments.measurable(net, validation)
    per_epoch = steps_for(data, 1, batch)
    history, best, losses = History(), (-1.0, 0), []
    run, shapes = _training(net, data, optimiser, epochs * per_epoch, batch, rng, loss)
    with for_products(shapes):
        for step in _bar(run, epochs * per_epoch, progress):
            history.steps += 1
            losses.append(step.loss)
            if history.steps % per_epoch == 0:
                history.loss.append(float(np.mean(losses)))
                losses.clear()
                if validation is not None:
                    history.accuracy.append(accuracy(net, validation))
                    best = max(best, (history.accuracy[-1], -len(history.loss)))
                    if patience is not None and len(history.loss) + best[1] >= patience:
                        break
            if stop is not None and stop.is_set():
                break
    return history


def _bar(iterable, total, progress):
    if not progress:
        return iterable
    from tqdm.auto import tqdm  # loads slowly, and only those who watch need it

    return tqdm(iterable, total=total, desc="training", unit="step", leave=False)
