"""Lottery tickets: the rounds that find a winning ticket, and its controls (Frankle & Carbin 2019).

A round trains, prunes each layer by magnitude, and puts the weights that are left back to their initial values. In
every round as many weights are also trained from other initial values, and at random places.
"""

from __future__ import annotations

import inspect
from numbers import Real

import numpy as np

from minnet.experiments import parts, untrained
from minnet.messages import choice, closest, fraction, generator, keywords, sequence, short, whole, wholes
from minnet.messages import number as a_number
from minnet.nn.checkpoint import rewind, snapshot
from minnet.nn.evaluation import accuracy
from minnet.nn.layer import the_network
from minnet.nn.optim import Adam
from minnet.nn.train import steps
from minnet.pruning.ranking import masks_of, prune, set_masks
from minnet.pruning.schedule import geometric
from minnet.pruning.scope import layer

STARTS = ("ticket", "re-initialised", "random mask", "dense")
LOOKS = 8  # how often one training is measured
OTHER = 1000  # added to a seed for initial weights that have nothing to do with it


# ---- The ticket and its controls ---------------------------------------------------------------------


def ticket(make, masks, seed):
    """The ticket: its masks on its initial weights, those of ``make(seed)``."""
    return set_masks(make(seed), masks)


def reinitialised(make, masks, seed):
    """The same masks on other initial weights."""
    return set_masks(make(seed + OTHER), masks)


def random_mask(make, masks, seed):
    """The initial weights of the ticket, of which each layer keeps as many, at random places."""
    return shuffle_masks(ticket(make, masks, seed), seed)


def shuffled_weights(make, masks, seed):
    """The masks of the ticket, on its own initial weights in another order: each at another place that is kept."""
    net, rng = ticket(make, masks, seed), np.random.default_rng(seed)
    for param in net.params():
        if param.prunable and param.mask is not None:
            weights = param.data.copy()
            weights[param.mask] = rng.permutation(weights[param.mask])
            param.data = weights
    return net


def shuffle_masks(net, rng=None):
    """Move each layer's mask to random places, in place; as many weights are kept.

    Parameters
    ----------
    net : Layer
    rng : numpy.random.Generator, seed or None

    Returns
    -------
    Layer
        The network itself.
    """
    rng = generator(rng)
    for param in the_network(net).params():
        if param.prunable and param.mask is not None:
            param.mask = rng.permutation(param.mask.ravel()).reshape(param.shape)
    return net


# ---- The rounds --------------------------------------------------------------------------------------


class LotteryTickets:
    """One seed's ticket and its controls, as far as they are trained.

    Parameters
    ----------
    make : function
        ``make(seed)`` → an untrained network.
    data : Dataset
        Trained on ``.train``, measured on ``.val``.
    seed : int
        Of the initial weights, of the batches, and of random places.
    rounds : int
    final : float
        Sparsity after the last round.
    count, batch : int
        Steps of each training, and samples in a step.
    rate : float
        Learning rate of Adam.
    levels : sequence of float, optional
        The sparsity after each round, in place of ``rounds`` and ``final``.
    rewind_to : int
        The step of the first training whose weights the ticket goes back to (Frankle et al. 2019).

    Attributes
    ----------
    levels : list of float
        The sparsity after round 0, 1, …
    masks : list of {path: mask}
        The ticket's at round 0, 1, … as far as it is known; at round 0 nothing is removed.
    trained : dict of {(start, round): tuple of float}
        Accuracies at step 0, at each of `looks`, of what is trained to the end.
    """

    def __init__(self, make, data, seed, *, rounds=None, final=None, count, rate, batch, levels=None, rewind_to=0):
        self.make, self.data, self.seed = make, data, whole(seed, "seed")
        parts(data, untrained(make, seed), whole=True)
        levels = geometric(final, rounds) if levels is None else sequence(levels, "levels", fraction, "(0.5, 0.75)")
        self.levels, self.rounds = [0.0, *levels], len(levels)
        self.rate, self.batch = a_number(rate, "rate"), whole(batch, "batch", least=1)
        self.count, self.rewind_to = count, _ = wholes(count=count, rewind_to=rewind_to)
        self.looks = sorted({count * look // LOOKS for look in range(LOOKS + 1)})
        self.masks, self.trained, self._early = [{}], {}, None

    # ---- what is trained ----------------------------------------------------------------------------

    def entrants(self, number):
        """Who is trained in a round; at round 0 all of them would be the whole network."""
        return STARTS[:3] if whole(number, "number") else STARTS[3:]

    @property
    def finished(self):
        """How many trainings are done, of how many."""
        return len(self.trained), 1 + self.rounds * len(self.entrants(1))

    def net(self, start, number):
        """The untrained network of a start: its weights, and its masks of a round."""
        choice(start, "start", STARTS)
        if whole(number, "number") >= len(self.masks) and start != "dense":
            raise ValueError(f"no masks of round {short(number)} yet, {len(self.masks) - 1} of {self.rounds} rounds "
                             "are done; run list(tickets.search()) first")
        if start == "dense":
            return self.make(self.seed)
        made = {"ticket": ticket, "re-initialised": reinitialised, "random mask": random_mask}[start]
        net = made(self.make, self.masks[number], self.seed)
        if start == "ticket" and number and self.rewind_to:
            rewind(net, self._weights_to_rewind_to())
        return net

    def accuracies(self, start):
        """[(sparsity, accuracy at the end)] of the rounds that are done; every start begins as the whole network."""
        if choice(start, "start", STARTS) == "dense":
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
                for step in self._train(self.net(start, number), start, number):
                    done = self.finished[0] * self.count + step.index
                    yield done / total, f"seed {self.seed}, round {number}, {start}"
        yield 1.0, "done"

    def search(self):
        """Find the ticket only: train, prune, rewind, again and again.

        Yields
        ------
        Layer
            After each round, from round 0 on: the trained network, with the masks of this round.
        """
        for number in range(self.rounds + 1):
            start = "ticket" if number else "dense"
            net = self.net(start, number)
            for _ in self._train(net, start, number):
                pass
            yield net

    def _train(self, net, start, number):
        seen = [accuracy(net, self.data.val)]
        for step in self._steps(net, self.count):
            if step.index + 1 in self.looks:
                seen.append(accuracy(net, self.data.val))
            yield step
        if start in ("dense", "ticket") and number < self.rounds:
            pruned = net.copy()
            prune(pruned, self.levels[number + 1], scope=layer)
            self.masks.append(masks_of(pruned))  # `net` puts them on the initial weights
        self.trained[start, number] = tuple(seen)

    def _steps(self, net, count):
        return steps(net, self.data.train, Adam(self.rate), count=count, batch=self.batch, rng=self.seed)

    def _weights_to_rewind_to(self):
        if self._early is None:
            net = self.make(self.seed)
            list(self._steps(net, self.rewind_to))
            self._early = snapshot(net)
        return self._early


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
        if not isinstance(data, dict) or not data:
            raise TypeError(f"data is {{name: data set}}, got {short(data)}")
        keywords(how, inspect.signature(LotteryTickets).parameters, "TicketRuns")
        self.make, self.data, self.how, self.runs = make, data, how, {}
        for name in data:
            LotteryTickets(make, data[name], 0, **how)  # looks at all of it

    def run(self, name, seed):
        """The tickets of this data set and seed, as far as they are trained."""
        key = self._known(name), whole(seed, "seed")
        if key not in self.runs:
            self.runs[key] = LotteryTickets(self.make, self.data[name], seed, **self.how)
        return self.runs[key]

    def complete(self, name):
        """{seed: LotteryTickets} of the seeds for which everything is trained, in the order of the seeds."""
        self._known(name)
        return {seed: run for (data, seed), run in sorted(self.runs.items(), key=lambda each: each[0][1])
                if data == name and run.finished[0] == run.finished[1]}

    def _known(self, name):
        """The name of a data set, a text or a number."""
        if not isinstance(name, (str, Real)) or name not in self.data:
            raise ValueError(f"unknown data set {short(name)}." + closest(name, self.data))
        return name


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
