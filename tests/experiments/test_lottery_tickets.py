"""Lottery tickets: the search is the loop of the paper, and its rivals keep as much as the ticket."""

import numpy as np
import pytest

import minnet as mn
from minnet.experiments.lottery_tickets import (
    LotteryTickets,
    random_mask,
    reinitialised,
    shuffled_weights,
    ticket,
)
from minnet.widgets.controls import few

LEVELS = 0.4, 0.7, 0.85
HOW = {"count": 20, "rate": 0.02, "batch": 25}


def make(seed):
    return mn.models.mlp(40, 20, 16, 10, rng=seed)


def trained(net, data, count=HOW["count"]):
    list(mn.steps(net, data.train, mn.Adam(HOW["rate"]), count=count, batch=HOW["batch"], rng=3))
    return net


@pytest.fixture(scope="module")
def signals():
    return few(mn.data.mnist1d())


@pytest.fixture(scope="module")
def masks(signals):
    tickets = LotteryTickets(make, signals, 3, levels=LEVELS, **HOW)
    list(tickets.search())
    return tickets.masks[-1]


@pytest.mark.parametrize("rewind_to", [0, 5])
def test_the_search_trains_prunes_and_rewinds(signals, rewind_to):
    tickets = LotteryTickets(make, signals, 3, levels=LEVELS, rewind_to=rewind_to, **HOW)
    found, net = list(tickets.search()), make(3)
    start = mn.snapshot(trained(net.copy(), signals, rewind_to))
    trained(net, signals)
    for level, mine in zip((0, *LEVELS), found, strict=True):
        if level:
            mn.prune(net, level, scope=mn.layer)
            mn.rewind(net, start)
            trained(net, signals)
        for param, other in zip(net.params(), mine.params(), strict=True):
            assert np.array_equal(param.value, other.value)
            assert np.array_equal(param.kept_mask, other.kept_mask)


def test_the_search_and_the_whole_experiment_find_the_same_ticket(signals):
    alone, with_rivals = (LotteryTickets(make, signals, 0, rounds=2, final=0.8, **HOW) for _ in range(2))
    list(alone.search())
    list(with_rivals.train())
    assert all(alone.trained[key] == with_rivals.trained[key] for key in alone.trained)
    assert len(alone.trained) == 3 and len(with_rivals.trained) == 7
    list(alone.train())  # trains only the rivals
    assert alone.trained == with_rivals.trained


def test_all_rivals_keep_as_many_weights_in_each_layer(masks):
    rivals = [made(make, masks, 3) for made in (ticket, reinitialised, random_mask, shuffled_weights)]
    kept = [[param.kept for param in net.params()] for net in rivals]
    assert kept[0] == kept[1] == kept[2] == kept[3]
    assert mn.sparsity(rivals[0]) == pytest.approx(LEVELS[-1], abs=0.01)


def test_each_rival_changes_one_thing(masks):
    first, fresh, elsewhere, mixed = ([param for param in made(make, masks, 3).params() if param.prunable]
                                      for made in (ticket, reinitialised, random_mask, shuffled_weights))
    for one, other in zip(first, fresh, strict=True):
        assert np.array_equal(one.mask, other.mask) and not np.array_equal(one.data, other.data)
    for one, other in zip(first, elsewhere, strict=True):
        assert not np.array_equal(one.mask, other.mask) and np.array_equal(one.data, other.data)
    for one, other in zip(first, mixed, strict=True):
        assert np.array_equal(one.mask, other.mask) and not np.array_equal(one.value, other.value)
        assert np.array_equal(np.sort(one.value, axis=None), np.sort(other.value, axis=None))
