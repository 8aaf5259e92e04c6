"""A lottery over the first numbers of a network: the rounds that find a winning ticket, and what it has to beat.

A round trains, prunes each layer by magnitude, and puts the weights that are left back to their first numbers.  At
every round the same number of weights is also trained from new numbers, and on random places.
"""

from __future__ import annotations

import numpy as np

from minnet.nn.evaluation import accuracy
from minnet.nn.optim import Adam
from minnet.nn.train import steps
from minnet.pruning.criteria import random
from minnet.pruning.ranking import prune, set_masks
from minnet.pruning.schedule import geometric
from minnet.pruning.scope import layer

STARTS = ("ticket", "re-initialised", "random mask", "dense")
LOOKS = 8  # how often one training is measured
OTHER = 1000  # added to the seed for numbers that have nothing to do with the ticket's


class LotteryTickets:
    """One seed's ticket and its rivals, as far as they are trained.

    Parameters
    ----------
    make : function
        ``make(seed)`` → an untrained network.
    data : Dataset
        Trained on ``.train``, measured on ``.val``.
    seed : int
        Dice of the first numbers, of the batches, and of random places.
    rounds : int
    final : float
        Sparsity after the last round.
    count, batch : int
        Steps of each training, and samples in a step.
    rate : float
        Learning rate of Adam.

    Attributes
    ----------
    levels : list of float
        The sparsity after round 0, 1, …
    masks : list of {path: mask}
        The ticket's at round 0, 1, … as far as it is known; at round 0 nothing is removed.
    trained : dict of {(start, round): tuple of float}
        Accuracies at step 0, at each `looks`, of what is trained to the end.
    """

    def __init__(self, make, data, seed, *, rounds, final, count, rate, batch):
        self.make, self.data, self.seed = make, data, seed
        self.rounds, self.count, self.rate, self.batch = rounds, count, rate, batch
        self.levels = [0.0, *geometric(final, rounds)]
        self.looks = sorted({count * look // LOOKS for look in range(LOOKS + 1)})
        self.masks, self.trained = [{}], {}

    # ---- what is trained ----------------------------------------------------------------------------

    def entrants(self, number):
        """Who is trained in a round; at round 0 all of them would be the whole network."""
        return STARTS[:3] if number else STARTS[3:]

    @property
    def finished(self):
        """How many trainings are done, of how many."""
        return len(self.trained), 1 + self.rounds * len(self.entrants(1))

    def net(self, start, number):
        """The untrained network of a start: its numbers, and its mask of a round."""
        net = self.make(self.seed + OTHER * (start == "re-initialised"))
        if start == "random mask":
            prune(net, self.levels[number], random, scope=layer, rng=self.seed)
        elif start != "dense":
            set_masks(net, self.masks[number])
        return net

    def accuracies(self, start):
        """[(sparsity, accuracy at the end)] of the rounds that are done; every start begins as the whole network."""
        if start == "dense":
            return [(level, self.trained["dense", 0][-1]) for level in self.levels if ("dense", 0) in self.trained]
        keys = [("dense", 0), *((start, number) for number in range(1, self.rounds + 1))]
        return [(self.levels[key[1]], self.trained[key][-1]) for key in keys if key in self.trained]

    # ---- the rounds ---------------------------------------------------------------------------------

    def train(self):
        """Train everything that is missing; yields (fraction done, what is being done) at each step."""
        total = self.finished[1] * self.count
        for number in range(self.rounds + 1):
            for start in self.entrants(number):
                if (start, number) in self.trained:
                    continue
                for step in self._train(start, number):
                    done = self.finished[0] * self.count + step.index
                    yield done / total, f"seed {self.seed}, round {number}, {start}"
        yield 1.0, "done"

    def _train(self, start, number):
        net = self.net(start, number)
        seen = [accuracy(net, self.data.val)]
        for step in steps(net, self.data.train, Adam(self.rate), count=self.count, batch=self.batch, rng=self.seed):
            if step.index + 1 in self.looks:
                seen.append(accuracy(net, self.data.val))
            yield step
        if start in ("dense", "ticket") and number < self.rounds:
            prune(net, self.levels[number + 1], scope=layer)  # `net` puts the first numbers back under this mask
            self.masks.append({param.path: param.mask for param in net.params()})
        self.trained[start, number] = tuple(seen)


class TicketRuns:
    """`LotteryTickets` of several data sets and seeds, made when they are first asked for.

    Parameters
    ----------
    make : function
        ``make(seed)`` → an untrained network.
    data : dict of {name: Dataset}
    **how
        Rounds and training, as for `LotteryTickets`.

    Attributes
    ----------
    runs : dict of {(name of the data, seed): LotteryTickets}
    """

    def __init__(self, make, data, **how):
        self.make, self.data, self.how, self.runs = make, data, how, {}

    def run(self, name, seed):
        """The tickets of this data set and seed, as far as they are trained."""
        key = name, seed
        if key not in self.runs:
            self.runs[key] = LotteryTickets(self.make, self.data[name], seed, **self.how)
        return self.runs[key]

    def complete(self, name):
        """{seed: LotteryTickets} of the seeds for which everything is trained, in the order of the seeds."""
        return {seed: run for (data, seed), run in sorted(self.runs.items(), key=lambda each: each[0][1])
                if data == name and run.finished[0] == run.finished[1]}


def together(mask, far=10):
    """How often two inputs of a neuron are kept that lie 1, 2, … ``far`` places apart.

    Parameters
    ----------
    mask : ndarray of bool, (inputs, neurons)
    far : int

    Returns
    -------
    ndarray, (far,)
        As a multiple of what chance would give: 1 where the places have nothing to do with each other.
    """
    mask = np.asarray(mask, bool)
    by_chance = mask.mean() ** 2
    pairs = [(mask[apart:] & mask[:-apart]).mean() if apart < len(mask) else 0.0 for apart in range(1, far + 1)]
    return np.array(pairs) / by_chance if by_chance else np.zeros(far)
