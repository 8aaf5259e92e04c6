"""Messages in a network of directed links, and pruning of the links that are used least.

Senders have messages for receivers, and the nodes in between relay them.  Every link counts the messages that it
carries, and the least used links are pruned: "use it or lose it", the rule by which a brain is thought to prune its
synapses.

This is a small version of the model of Navlakha, Barth and Bar-Joseph (2015, "Decreasing-rate pruning optimizes the
construction of efficient and robust distributed networks", PLoS Computational Biology 11, e1004347): half of the nodes
send and half receive, all pairs are equally likely, and a message takes one of the shortest paths.
"""

from __future__ import annotations

import numpy as np

from minnet.messages import choice, generator, numbers, short, whole

# Progress of the pruning (0 to 1, on a log scale of the links left) after a fraction t of the rounds.
RATES = {
    "decreasing": lambda t: 1 - (1 - t) ** 2,
    "constant": lambda t: t,
    "increasing": lambda t: t**2,
}


class Web:
    """A network of nodes (a graph), at first with a link from each node to every other.

    Parameters
    ----------
    nodes : int
        The first half are senders, the others receivers.
    rng : numpy.random.Generator, seed or None
        For the messages, and for ties: between shortest paths, and between links that are used equally often.

    Attributes
    ----------
    links : ndarray of bool, (nodes, nodes)
        ``links[a, b]``: there is a link from a to b.
    used : ndarray of int, (nodes, nodes)
        How many messages each link has carried.
    """

    def __init__(self, nodes=40, rng=None):
        if not isinstance(nodes, (int, np.integer)) or nodes < 2:
            raise ValueError(f"a web has at least 2 nodes, a sender and a receiver, got {nodes!r}; write for example "
                             "Web(40)")
        self.senders, self.rng = nodes // 2, generator(rng)
        self.links = ~np.eye(nodes, dtype=bool)
        self.used = np.zeros((nodes, nodes), int)

    @property
    def count(self):
        """How many links there are."""
        return int(self.links.sum())

    def send(self, messages):
        """Send messages, each from a random sender to a random receiver; the links count them.

        Returns
        -------
        int
            How many have arrived.
        """
        steps, messages = distances(self.links), whole(messages, "messages")
        at = self.rng.integers(0, self.senders, messages)
        to = self.rng.integers(self.senders, len(self.links), messages)
        at, to = at[steps[at, to] > 0], to[steps[at, to] > 0]  # the others have no path
        arrived = len(at)
        while len(at):
            nearer = self.links[at] & (steps[at, to][:, None] - 1 == steps[:, to].T)
            then = (nearer * self.rng.random(nearer.shape)).argmax(axis=1)  # a random one of the nodes that are closer
            np.add.at(self.used, (at, then), 1)
            at, to = then[then != to], to[then != to]
        return arrived

    def prune(self, left):
        """Prune the least used links until ``left`` remain; ties are broken at random."""
        left = whole(left, "left")
        order = np.where(self.links, self.used + self.rng.random(self.used.shape), -1).ravel().argsort()
        self.links.ravel()[order[: self.links.size - left]] = False

    @property
    def ways(self):
        """Length of the shortest path in links, (senders, receivers); −1 where there is none."""
        return distances(self.links)[: self.senders, self.senders :]

    @property
    def arriving(self):
        """Fraction of all pairs of sender and receiver that are still connected, 0 to 1."""
        return float(np.mean(self.ways > 0))

    @property
    def length(self):
        """Mean length of the shortest paths, in links, over the connected pairs."""
        ways = self.ways
        return float(ways[ways > 0].mean()) if (ways > 0).any() else float("nan")

    def kinds(self):
        """Number of links of each kind, {"sender → receiver": …}."""
        s, links = self.senders, self.links
        parts = {"sender → receiver": links[:s, s:], "sender → sender": links[:s, :s],
                 "receiver → receiver": links[s:, s:], "receiver → sender": links[s:, :s]}
        return {name: int(part.sum()) for name, part in parts.items()}


def plan(rate, full, left, rounds=10):
    """Number of links left after each round, from all of them down to ``left``.

    Parameters
    ----------
    rate : {"decreasing", "constant", "increasing"}
        Whether the fraction *of the remaining links* that is pruned decreases from round to round, stays constant,
        or increases.
    full, left : int
        Links before the first round and after the last.
    rounds : int

    Returns
    -------
    list of int
        One number for each round.
    """
    rate, rounds = choice(rate, "rate", RATES), whole(rounds, "rounds", least=1)
    if not 1 <= whole(left, "left") <= whole(full, "full"):
        raise ValueError(f"the links go down to at least 1, got from {full} to {left}")
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
        Messages in each round.

    Yields
    ------
    Web
        The same web after each round.
    """
    if not isinstance(web, Web):
        raise TypeError(f"a web is wanted, got {short(web)}; write for example mn.routing.Web(40, rng=0)")
    return _rounds(web, plan(rate, web.count, left, rounds), whole(messages, "messages"))


def _rounds(web, links, messages):
    for left in links:
        web.send(messages)
        web.prune(left)
        yield web


def distances(links):
    """Length of the shortest path between all nodes, in links, (nodes, nodes); −1 where there is none.

    Breadth-first search from every node at once: the next front is what one link reaches from the last one, and was
    not reached before.
    """
    links = numbers(links, "links")
    if links.ndim != 2 or links.shape[0] != links.shape[1]:
        raise ValueError(f"links are a table (nodes, nodes), got shape {links.shape}")
    here, along, steps, count = np.eye(len(links), dtype=bool), links.astype(np.float32), np.full(links.shape, -1), 0
    while here.any():
        steps[here] = count
        here = (here.astype(np.float32) @ along > 0) & (steps < 0)
        count += 1
    return steps
