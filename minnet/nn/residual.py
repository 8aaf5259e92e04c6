"""A branch with a shortcut connection around it: the output of the branch is added to its input.

He et al. 2016, "Deep residual learning".  Because the shortcut carries the signal, a whole branch can be
removed and the network still works: this is how layers are pruned.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from minnet.messages import short
from minnet.nn.layer import Layer
from minnet.nn.layers import Dense, Sequential
from minnet.nn.param import normal
from minnet.nn.survey import survey


class Residual(Layer):
    """``y = x + branch(x)``.

    Parameters
    ----------
    branch : Layer
        Its output has the shape of its input.  It should end in a linear layer: with all its parameters removed
        it then adds nothing, and the residual layer is the identity.
    """

    def __init__(self, branch):
        if not isinstance(branch, Layer):
            raise TypeError(f"the branch of a Residual is a layer, got {short(branch)}; write Residual(Dense(8, 8)), "
                            "or Residual(Sequential(…)) for several")
        self.branch = branch
        self.set_paths()

    def forward(self, x, rng=None):
        x = np.asarray(x)
        extra, back_branch = self.branch.forward(x, rng)
        if extra.shape != x.shape:
            raise ValueError(f"the branch of a Residual must answer in the shape of its input, {x.shape}, "
                             f"got {extra.shape}")

        def back(dy, need_dx=True):
            if not need_dx:
                return back_branch(dy, False)
            return dy + back_branch(dy)  # x takes two paths: the shortcut and the branch

        return np.add(x, extra, dtype=extra.dtype), back

    def survey(self, known):
        every = np.ones(len(known.constant), bool)  # both paths carry all features, or their sum would not fit
        inside, narrow_branch = survey(self.branch, replace(known, pinned=True))
        if np.all(inside.constant == 0):
            return known, lambda wanted: (None, wanted)  # nothing is added: the shortcut is left, and pins nothing

        def narrow(wanted):
            branch, _ = narrow_branch(every)
            return Residual(Sequential() if branch is None else branch), every

        return known.then(inside.sample, known.constant + inside.constant, pinned=True), narrow

    @staticmethod
    def example(rng):
        n = int(rng.integers(1, 6))
        return Residual(Dense(n, n, rng=rng)), normal(rng, (rng.integers(1, 6), n))
