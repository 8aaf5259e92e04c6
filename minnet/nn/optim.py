"""Optimisers: how a gradient becomes an update.

An optimiser holds only its hyperparameters; its state (momentum, moments) belongs to the training run.  Each one
keeps the updates and the momentum of pruned weights at zero, so a pruned weight stays pruned however long you train.
A weight that comes back starts as in the first step of a run.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minnet.messages import number


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent: ``v ← momentum · v + g``, ``w ← w − lr · v``.

    Parameters
    ----------
    lr : float or function of the step
        Learning rate; `minnet.lr` has schedules.
    momentum : float
    nesterov : bool
        Look ahead along the momentum (Sutskever et al. 2013): the step is ``g + momentum · v``.
    weight_decay : float
        Adds ``weight_decay · w`` to the gradient of every parameter (an L2 penalty).
    l1 : float
        Penalty ``l1 · Σ|w|`` on the weights, as a proximal step: after each update every weight moves by
        ``lr · l1`` towards zero and stops there, so it can become exactly zero (ISTA, Daubechies et al. 2004).
    """

    lr: float | Callable[[int], float] = 0.1
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    l1: float = 0.0

    def __post_init__(self):
        _looked_at(self, below_1=("momentum",), others=("weight_decay", "l1"))

    def begin(self, run):
        """Start a run: returns ``update(index)``, which takes one step on ``run.data``."""
        velocity, step = run.vector(), run.vector()

        def update(index):
            lr = rate(self.lr, index)
            gradient = run.grad
            if self.weight_decay:
                gradient = np.multiply(run.data, self.weight_decay, out=step)
                gradient += run.grad
            if self.momentum:
                run.reset_restored(velocity)
                np.multiply(velocity, self.momentum, out=velocity)
                np.add(velocity, gradient, out=velocity)
                run.apply_mask(velocity)
                if self.nesterov:
                    np.add(gradient, self.momentum * velocity, out=step)
                    run.apply_mask(step)
                    np.multiply(step, lr, out=step)
                else:
                    np.multiply(velocity, lr, out=step)
            else:
                np.multiply(gradient, lr, out=step)
                run.apply_mask(step)
            if self.l1:
                np.subtract(run.data, step, out=step)
                weights = step[: run.weights]
                np.copysign(np.maximum(np.abs(weights) - lr * self.l1, 0), weights, out=weights)
                np.copyto(run.data, step, where=True if run.mask is None else run.mask)
            else:
                np.subtract(run.data, step, out=run.data)

        return update


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1): each weight has a step size of its own.

    A weight that comes back starts with both moments at zero, and its bias corrections count its steps from there.

    Parameters
    ----------
    lr : float or function of the step
    beta1, beta2 : float
        Decay rates of the running means of g and g².
    eps : float
    weight_decay : float
        Added to the gradient, as in `SGD`; `AdamW` has the decoupled form.
    """

    lr: float | Callable[[int], float] = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0

    decoupled = False

    def __post_init__(self):
        _looked_at(self, below_1=("beta1", "beta2"), others=("eps", "weight_decay"))

    def begin(self, run):
        """Start a run: returns ``update(index)``, which takes one step on ``run.data``."""
        mean, square, step, scratch = (run.vector() for _ in range(4))
        sums1, sums2 = run.vector(), run.vector()  # of each weight, used as soon as one has come back: 1 + β + β² + …
        each = bool(sums1.any())
        eps = max(self.eps, float(np.finfo(run.data.dtype).tiny))  # 1e-8 is 0 in float16

        def update(index):
            nonlocal each
            lr = rate(self.lr, index)
            gradient = run.grad
            if self.weight_decay and not self.decoupled:
                gradient = np.multiply(run.data, self.weight_decay, out=scratch)
                gradient += run.grad
            if run.restored is not None:
                if not each:
                    sums1[...], sums2[...] = geometric_sum(self.beta1, index), geometric_sum(self.beta2, index)
                    each = True
                for vector in (mean, square, sums1, sums2):
                    run.reset_restored(vector)
            # m ← β₁ m + (1 − β₁) g  and  s ← β₂ s + (1 − β₂) g²; both are kept without their factors (1 − β),
            # which saves three passes over memory.
            np.multiply(mean, self.beta1, out=mean)
            np.add(mean, gradient, out=mean)
            run.apply_mask(mean)
            np.multiply(square, self.beta2, out=square)
            np.add(square, np.multiply(gradient, gradient, out=step), out=square)
            # step = lr · m̂ / (√ŝ + ε).  The factors (1 − β) and the bias corrections (the hats) become two numbers:
            # the hat divides by the running mean of as many ones.
            if each:
                for sums, beta in ((sums1, self.beta1), (sums2, self.beta2)):
                    np.add(np.multiply(sums, beta, out=sums), 1, out=sums)
                first, second = 1 / sums1, np.sqrt(1 / sums2)
            else:
                first = 1 / geometric_sum(self.beta1, index + 1)
                second = math.sqrt(1 / geometric_sum(self.beta2, index + 1))
            np.add(np.sqrt(square, out=step), eps / second, out=step)
            np.divide(mean, step, out=step)
            np.multiply(step, lr * first / second, out=step)
            if self.weight_decay and self.decoupled:
                np.add(step, np.multiply(run.data, lr * self.weight_decay, out=scratch), out=step)
                run.apply_mask(step)
            np.subtract(run.data, step, out=run.data)

        return update


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019): the decay bypasses the moments."""

    decoupled = True


def geometric_sum(beta, terms):
    """``1 + β + β² + …``."""
    return (1 - beta**terms) / (1 - beta)


def rate(lr, index):
    """The learning rate at a step, from a number or a schedule."""
    return number(lr(index) if callable(lr) else lr, f"the learning rate of step {index}")


def _looked_at(optimiser, below_1, others):
    if not callable(optimiser.lr):
        number(optimiser.lr, "lr")
    for name in (*below_1, *others):
        number(getattr(optimiser, name), name, below=1 if name in below_1 else math.inf)
