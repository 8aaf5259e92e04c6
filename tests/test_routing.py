"""The routing web against plain loops: shortest paths, counts, which links are pruned, and how many in each round."""

from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minnet.routing import RATES, Web, distances, plan, prune_in_rounds

every_rate = pytest.mark.parametrize("rate", RATES)


def slowly(links):
    """Breadth-first from each node, with a queue."""
    found = np.full(links.shape, -1)
    for start in range(len(links)):
        found[start, start], queue = 0, deque([start])
        while queue:
            here = queue.popleft()
            for then in np.flatnonzero(links[here]):
                if found[start, then] < 0:
                    found[start, then] = found[start, here] + 1
                    queue.append(then)
    return found


def some_web(seed, nodes=12, density=0.2):
    web = Web(nodes, rng=seed)
    web.links &= np.random.default_rng(seed).random(web.links.shape) < density
    return web


@given(st.integers(0, 10**6), st.integers(2, 15), st.floats(0, 0.6))
def test_shortest_ways_as_a_queue_finds_them(seed, nodes, density):
    web = some_web(seed, nodes, density)
    assert np.array_equal(distances(web.links), slowly(web.links))
    ways = slowly(web.links)[: web.senders, web.senders :]
    assert np.array_equal(web.ways, ways)
    assert web.arriving == pytest.approx(np.mean(ways > 0))
    assert web.length == pytest.approx(ways[ways > 0].mean()) if (ways > 0).any() else np.isnan(web.length)


def test_at_first_everyone_is_linked_with_everyone():
    web = Web(40)
    assert web.count == 40 * 39 and not web.links.diagonal().any()
    assert (web.arriving, web.length) == (1, 1)
    assert web.kinds() == {"sender → receiver": 400, "sender → sender": 380, "receiver → receiver": 380,
                           "receiver → sender": 400}


def test_messages_take_shortest_ways_and_links_count_them():
    for seed in range(20):
        web = some_web(seed)
        steps = slowly(web.links)
        arrived = web.send(1)
        used = np.argwhere(web.used)
        if not arrived:
            assert not len(used)
            continue
        ends = web.used.sum(axis=1) - web.used.sum(axis=0)  # +1 where it set out, −1 where it arrived
        start, end = int(ends.argmax()), int(ends.argmin())
        assert start < web.senders <= end and len(used) == web.used.sum() == steps[start, end]
        assert all(web.links[a, b] and steps[a, end] == steps[b, end] + 1 for a, b in used)


def test_all_pairs_and_all_equally_short_ways_are_used_alike():
    web = Web(4, rng=0)
    web.links[:] = False
    web.links[0, [1, 2]] = web.links[[1, 2], 3] = True  # from 0 to 3 over 1 or over 2; 1 sends to 3 itself
    assert web.send(8000) == pytest.approx(6000, abs=200)  # 0 → 2, 0 → 3 and 1 → 3, but there is no path 1 → 2
    assert web.used[0, 1] == pytest.approx(1000, abs=150)
    assert web.used[0, 2] == pytest.approx(3000, abs=200)  # all 0 → 2, and half of 0 → 3


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_the_least_used_are_pruned_and_exactly_the_number_asked_for_is_left(seed, part):
    web = some_web(seed)
    web.send(30)
    before, left = web.links.copy(), round(part * web.count)
    web.prune(left)
    assert web.count == left and not (web.links & ~before).any()
    pruned = before & ~web.links
    if pruned.any() and web.count:
        assert web.used[pruned].max() <= web.used[web.links].min()


def test_ties_between_links_are_broken_at_random():
    chosen = sum(_pruned_without_use(seed) for seed in range(400))
    links = ~np.eye(6, dtype=bool)
    assert chosen[links].sum() == 400 * 10
    assert np.abs(chosen[links] - 400 / 3).max() < 50
    assert np.array_equal(_pruned_without_use(3), _pruned_without_use(3))


def _pruned_without_use(seed):
    web = Web(6, rng=seed)
    web.prune(10)
    return web.links.astype(int)


@every_rate
def test_all_rates_end_at_the_same_number_of_links(rate):
    for left in (5, 156, 1000, 1560):
        numbers = plan(rate, 1560, left, rounds=10)
        assert len(numbers) == 10 and numbers[-1] == left and numbers == sorted(numbers, reverse=True)
    webs = [web.count for web in prune_in_rounds(Web(40, rng=0), rate, 156)]
    assert webs == plan(rate, 1560, 156)


def test_what_the_rates_mean():
    full, left = 10**9, 10**8
    decreasing, same, rising = (-np.diff(np.log([full, *plan(rate, full, left)]))
                             for rate in ("decreasing", "constant", "increasing"))
    assert np.allclose(same, same[0], atol=1e-6)
    assert (np.diff(decreasing) < 0).all() and (np.diff(rising) > 0).all()
    assert np.allclose(decreasing, rising[::-1], atol=1e-6)  # mirror images


@every_rate
def test_the_rounds_are_send_and_prune(rate):
    one, other = Web(20, rng=5), Web(20, rng=5)
    for _ in prune_in_rounds(one, rate, 60, rounds=4, messages=25):
        pass
    for left in plan(rate, other.count, 60, rounds=4):
        other.send(25)
        other.prune(left)
    assert np.array_equal(one.links, other.links) and np.array_equal(one.used, other.used)


def test_typical_mistakes_raise():
    with pytest.raises(ValueError, match="Did you mean 'decreasing'"):
        plan("decrease", 100, 10)
    with pytest.raises(ValueError, match="at least 1"):
        plan("constant", 100, 0)
    with pytest.raises(ValueError, match="Web\\(40\\)"):
        Web(1)
