"""Messages on their way through a web of one-way links, and the links that nobody needs.

Senders have messages for receivers, and whoever is in between passes them on.  Every link counts what goes over it, and
the links least used fall: "use it or lose it", the rule by which a brain is thought to prune its synapses.

The model is that of Navlakha, Barth and Bar-Joseph (2015, "Decreasing-rate pruning optimizes the construction of
efficient and robust distributed networks", PLoS Computational Biology 11, e1004347), in small: half of the nodes send
and half receive, all pairs are equally likely, and a message takes one of the shortest ways.
"""

from __future__ import annotations

import numpy as np

from minnet.messages import closest

# How far the pruning has got (0 to 1) after a part t of the rounds, counted in factors of what is left.
RATES = {
    "decreasing": lambda t: 1 - (1 - t) ** 2,
    "constant": lambda t: t,
    "increasing": lambda t: t**2,
}


class Web:
    """Nodes that are all linked with each other at first, in both directions.

    Parameters
    ----------
    nodes : int
        The first half of them send, the others receive.
    rng : numpy.random.Generator, seed or None
        Dice for the messages, for the choice between equally short ways, and between links that are used equally.

    Attributes
    ----------
    links : ndarray of bool, (nodes, nodes)
        ``links[a, b]``: there is a link from a to b.
    used : ndarray of int, (nodes, nodes)
        How many messages have gone over each link.
    """

    def __init__(self, nodes=40, rng=None):
        if not isinstance(nodes, (int, np.integer)) or nodes < 2:
            raise ValueError(f"a web has at least 2 nodes, a sender and a receiver, got {nodes!r}; write for example "
                             "Web(40)")
        self.senders, self.dice = nodes // 2, np.random.default_rng(rng)
        self.links = ~np.eye(nodes, dtype=bool)
        self.used = np.zeros((nodes, nodes), int)

    @property
    def count(self):
        """How many links there are."""
        return int(self.links.sum())

    def send(self, messages):
        """Send so many messages, each from any sender to any receiver, and let the links count.

        Returns
        -------
        int
            How many have arrived.
        """
        steps = distances(self.links)
        at = self.dice.integers(0, self.senders, messages)
        to = self.dice.integers(self.senders, len(self.links), messages)
        at, to = at[steps[at, to] > 0], to[steps[at, to] > 0]  # the others find no way
        arrived = len(at)
        while len(at):
            nearer = self.links[at] & (steps[at, to][:, None] - 1 == steps[:, to].T)
            then = (nearer * self.dice.random(nearer.shape)).argmax(axis=1)  # any of the nodes that are nearer
            np.add.at(self.used, (at, then), 1)
            at, to = then[then != to], to[then != to]
        return arrived

    def prune(self, left):
        """Let the least used links fall until so many are left; of equally used ones, dice choose."""
        order = np.where(self.links, self.used + self.dice.random(self.used.shape), -1).ravel().argsort()
        self.links.ravel()[order[: self.links.size - left]] = False

    @property
    def ways(self):
        """How many links the shortest way has, (senders, receivers); −1 where there is none."""
        return distances(self.links)[: self.senders, self.senders :]

    @property
    def arriving(self):
        """Which part of all pairs of sender and receiver is still connected, 0 to 1."""
        return float(np.mean(self.ways > 0))

    @property
    def length(self):
        """How many links the shortest way has on average, where there is one."""
        ways = self.ways
        return float(ways[ways > 0].mean()) if (ways > 0).any() else float("nan")

    def kinds(self):
        """How many links there are of each kind, {"sender → receiver": …}."""
        s, links = self.senders, self.links
        parts = {"sender → receiver": links[:s, s:], "sender → sender": links[:s, :s],
                 "receiver → receiver": links[s:, s:], "receiver → sender": links[s:, :s]}
        return {name: int(part.sum()) for name, part in parts.items()}


def plan(rate, full, left, rounds=10):
    """How many links are left after each round, from all of them down to ``left``.

    Parameters
    ----------
    rate : {"decreasing", "constant", "increasing"}
        Whether the part *of what is there* that falls gets smaller from round to round, stays, or gets larger.
    full, left : int
        Links before the first round and after the last.
    rounds : int

    Returns
    -------
    list of int
        One number for each round.
    """
    if rate not in RATES:
        raise ValueError(f"unknown rate {rate!r}." + closest(rate, RATES))
    if not 1 <= left <= full or rounds < 1:
        raise ValueError(f"the links go down to at least 1 in at least 1 round, got from {full} to {left} in {rounds}")
    return [round(full * (left / full) ** RATES[rate](done / rounds)) for done in range(1, rounds + 1)]


def prune_in_rounds(web, rate, left, rounds=10, messages=80):
    """Send messages, prune, send messages, prune …

    Parameters
    ----------
    web : Web
        Changed in place.
    rate, left, rounds
        As in `plan`.
    messages : int
        In each round.

    Yields
    ------
    Web
        The same web after each round.
    """
    for number in plan(rate, web.count, left, rounds):
        web.send(messages)
        web.prune(number)
        yield web


def distances(links):
    """How many links the shortest way from each node to each other has, (nodes, nodes); −1 where there is none.

    From every node at once: whoever is one link behind those reached last, and was not reached before, comes next.
    """
    here, along, steps, count = np.eye(len(links), dtype=bool), links.astype(np.float32), np.full(links.shape, -1), 0
    while here.any():
        steps[here] = count
        here = (here.astype(np.float32) @ along > 0) & (steps < 0)
        count += 1
    return steps
