"""The exam that networks sit side by side: what they recognise, what they answer to one signal, how long they take.

What takes long is measured once and remembered under a name that its network goes by.
"""

from __future__ import annotations

import numpy as np

from minnet import measure
from minnet.explore.telling import Moment
from minnet.nn.checkpoint import snapshot
from minnet.nn.train import accuracy

ASKED = 100  # so many times the same question
THROWS = 10  # accuracies with the dice left on
TRIED = 200  # of so many known signals one is chosen to open with
DOUBT = 10, 50  # so many answers of a hundred to it are wrong while the dice are left on


class Exam:
    """Questions to networks.

    Parameters
    ----------
    data : Dataset
        ``.train`` is what they learn from, ``.val`` is new to them.
    seed : int
        Of the dice that are left on.
    """

    def __init__(self, data, seed):
        self._data, self._new, self._seed = data, data.val, seed
        self._seconds, self._noise = {}, {}

    def moment(self, net):
        """A network's numbers as they are now, and what it recognises with them."""
        return Moment(snapshot(net), accuracy(net, self._data.train), accuracy(net, self._new))

    def telling(self, twin, pruned, dice):
        """A new signal that shows what dropout does to an answer, as a number.

        It is the first one that both networks recognise every time, and that the one with dropout mostly recognises,
        but clearly not always, while neurons are dropped. If there is none, it is the first one that both recognise,
        and without any, 0. Which number that is depends on the networks, so it can't be written down once and for all.

        Parameters
        ----------
        twin, pruned : Sequential
            With dropout, and without.
        dice : callable
            From the number of a signal to the generator that is used to ask about it.
        """
        right = [net(self._new.x).argmax(axis=1) == self._new.y for net in (twin, pruned)]
        known = np.flatnonzero(np.all(right, axis=0))
        for signal in known[:TRIED]:
            truth = self._new.y[signal]
            sure = all(self.answers(net, signal)[truth] == ASKED for net in (twin, pruned))
            if sure and DOUBT[0] <= ASKED - self.answers(twin, signal, dice(signal))[truth] <= DOUBT[1]:
                return int(signal)
        return int(known[0]) if len(known) else 0

    def answers(self, net, signal, dice=None):
        """How often each class is the answer to the same new signal, (classes,); to no signal (None), never."""
        x = self._new.x[:0] if signal is None else np.repeat(self._new.x[signal][None], ASKED, axis=0)
        y = net.forward(x, dice)[0]
        return np.bincount(y.argmax(axis=1), minlength=y.shape[1])

    def noisy(self, net, name):
        """Accuracies on new signals with the dice left on, (throws,)."""
        if name not in self._noise:
            dice = np.random.default_rng(self._seed)
            self._noise[name] = np.array([np.mean(net.forward(self._new.x, dice)[0].argmax(axis=1) == self._new.y)
                                          for _ in range(THROWS)])
        return self._noise[name]

    def seconds(self, nets, name):
        """Seconds that each of ``nets`` takes to predict all new signals, timed in turn."""
        if name not in self._seconds:
            taken = measure.latency(dict(enumerate(nets)), self._new.x, rounds=9)
            self._seconds[name] = [each.median for each in taken.values()]
        return self._seconds[name]
