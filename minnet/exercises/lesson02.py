"""The exercises of lesson 02, A network from scratch."""

from __future__ import annotations

from functools import cache

import numpy as np

from minnet import data
from minnet.exercises.exercise import exercise
from minnet.nn.models import mlp
from minnet.nn.optim import SGD
from minnet.nn.train import steps


@exercise(
    "02.leaky",
    hints=[
        "What is the slope of `np.where(z > 0, z, 0.1 * z)` for a z of 3? And for a z of −3? Just two cases.",
        "`np.where(z > 0, 1, 0.1)` writes both slopes into one table.",
        "Slopes multiply: what comes back is `dy`, the slope of the loss towards the output, times that table.",
    ],
    solution="""
        def leaky_back(dy, z):
            return dy * np.where(z > 0, 1, 0.1)

        mn.check("02.leaky", leaky_back)
    """,
)
def leaky(leaky_back):
    """Write the way back through a leaky ReLU, ``h = np.where(z > 0, z, 0.1 * z)``."""
    if not callable(leaky_back):
        return "The answer to this exercise is a function; pass it without brackets: `leaky_back`."
    rng = np.random.default_rng(0)
    for shape in [(3, 4), (20, 8), (1, 1)]:
        z = rng.uniform(0.2, 2, shape) * np.where(np.arange(shape[1]) % 2, -1, 1)  # no z at the kink
        off = _compare(leaky_back, rng.normal(size=shape), z)
        if off:
            return off
    return None


def _compare(leaky_back, dy, z):
    given = dy.copy(), z.copy()
    try:
        found = np.asarray(leaky_back(dy, z))
    except Exception as stopped:
        if "truth value" in str(stopped):
            return ("`if` asks one question of the whole table, but each place needs its own answer: "
                    "use `np.where(z > 0, …, …)`, one case for each place.")
        raise
    if not (np.array_equal(dy, given[0]) and np.array_equal(z, given[1])):
        return "It changes the tables that it is given; return a new one."
    if found.shape != z.shape:
        return f"For tables of the shape {z.shape} it returns the shape {found.shape}; it should be the same."

    # The loss here is Σ dy · h, so its gradient with respect to h is dy; measured by a central difference.
    tiny = 1e-5
    measured = dy * (_leaky(z + tiny) - _leaky(z - tiny)) / (2 * tiny)

    def same(other):
        return np.allclose(found, other, rtol=1e-6, atol=1e-9)

    if same(measured):
        return None
    if same(measured / dy):
        return "These are the slopes of the leaky ReLU alone; multiply them by `dy`, for slopes multiply."
    if same(dy * (z > 0)):
        return "That is the way back of the plain ReLU; where z is negative, this one has a slope of 0.1, not 0."
    if same(dy * _leaky(z)):
        return "It multiplies `dy` by the output; wanted is the slope of the output: 1 or 0.1."
    if same(dy * np.where(dy > 0, 1, 0.1)):
        return "It looks at the sign of `dy`; whether the neuron fired depends on `z`."
    if same(dy * np.where(z > 0, 0.1, 1)):
        return "The two cases are swapped: the slope is 1 where z is positive."
    worst = np.unravel_index(np.argmax(np.abs(found - measured)), z.shape)
    return (f"Where z is {z[worst]:.2f} and dy is {dy[worst]:.2f} it returns {found[worst]:.4f}; "
            f"measured by a tiny step, it is {measured[worst]:.4f}.")


def _leaky(z):
    return np.where(z > 0, z, 0.1 * z)


@exercise(
    "02.diverges",
    hints=[
        "Try some rates: `trained(1)`, `trained(10)` … Random guessing has a loss of log(10) = 2.30; "
        "which rate ends no better?",
        "A rate of 10 will do. For the second number look into the network that `trained(rate)` returns: "
        "`hidden = net.layers[1](net.layers[0](digits.train.x))` is what its hidden neurons pass on.",
        "A neuron that never fires has a column of zeros: `silent = np.sum(hidden.max(axis=0) == 0)`.",
    ],
    solution="""
        rate = 10
        net = trained(rate)
        hidden = net.layers[1](net.layers[0](digits.train.x))
        silent = np.sum(hidden.max(axis=0) == 0)

        mn.check("02.diverges", rate, silent)
    """,
    setting="""
        digits = mn.data.digits()

        def trained(rate):
            net = mn.models.mlp(64, 32, 10, rng=0)
            for step in mn.steps(net, digits.train, mn.SGD(rate), count=300, rng=0):
                pass
            return net
    """,
)
def diverges(rate, silent):
    """Find a learning rate that is too large, and how many of the 32 hidden neurons never fire afterwards."""
    if isinstance(rate, bool) or not isinstance(rate, (int, float, np.number)):
        return "The learning rate is a number, for example `rate = 0.1`."
    if not 0 < rate < np.inf:
        return f"A learning rate is a positive number; yours is {rate}."
    loss, dead = _outcome(float(rate))
    if rate < 0.1:
        return f"With a rate of {rate:g} it only learns slowly; that one is too small rather than too large."
    if not np.isfinite(loss):
        return (f"With a rate of {rate:g} the numbers have run out of what a computer can write down (nan); "
                "take a smaller rate, such as 10.")
    if loss < GUESSING:
        return (f"With a rate of {rate:g} the loss ends at {loss:.2f}, which is better than guessing (2.30): "
                "this network learns. Try a larger one.")
    if silent is None or silent is ...:
        return (f"With a rate of {rate:g} the loss ends at {loss:.2f}, no better than guessing: that is one. "
                "Now count the hidden neurons that never fire, for any digit of `digits.train`.")
    if isinstance(silent, bool) or not isinstance(silent, (int, float, np.number)):
        return "The second answer is a number: how many of the 32 hidden neurons never fire, for any training digit."
    if silent == dead:
        return None
    if silent == 32 - dead:
        return "That is how many still fire; asked for is how many never do."
    if not 0 <= silent <= 32:
        return f"There are 32 hidden neurons, so {silent} of them can't be inactive; take the maximum of each column."
    return (f"With a rate of {rate:g}, it is not {silent} of the 32 neurons that are inactive for every training "
            "digit. Count on `digits.train.x`, after the 300 steps.")


GUESSING = 2.2  # hardly better than log(10), the loss at chance level: nothing has been learned


@cache
def _outcome(rate):
    """The lesson's 300 steps: the loss on the training digits, and the number of dead ReLUs."""
    train = data.digits().train
    net = mlp(64, 32, 10, rng=0)
    with np.errstate(all="ignore"):  # it may diverge
        losses = [step.loss for step in steps(net, train, SGD(rate), count=300, rng=0)]
        hidden = net.layers[1](net.layers[0](train.x))
    return float(np.mean(losses[-30:])), int(np.sum(hidden.max(axis=0) == 0))
