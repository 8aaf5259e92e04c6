"""The rates explorer: what it shows is what `mn.routing` computes, for each rate, round, number of links and seed."""

import re

import numpy as np
import pytest

import minnet as mn
from minnet.routing import RATES, Web, prune_in_rounds


@pytest.fixture
def explorer():
    explorer = mn.explore.rates(16, rounds=5, messages=30)
    yield explorer
    explorer.close()
    assert explorer.errors == []


def said(explorer):
    return re.sub("<[^>]+>", "", explorer._sentence.value)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("left, seed", [(10, 0), (35, 3)])
def test_every_round_is_that_of_a_web_pruned_by_hand(explorer, rate, left, seed):
    web = Web(16, rng=seed)
    rounds = prune_in_rounds(web, rate, round(left / 100 * 240), 5, 30)
    for number in range(6):
        if number:
            next(rounds)
        explorer.set(rate=rate, left=left, seed=seed, round=number)
        course = explorer.shown.course
        assert np.array_equal(course.links[number], web.links) and np.array_equal(course.used[number], web.used)
        assert (course.left[number], course.arriving[number]) == (web.count, web.arriving)
        assert course.length[number] == pytest.approx(web.length) and course.kinds[number] == web.kinds()
        drawn = sum(len(lines.get_segments()) for lines in explorer._web.kept.values())
        assert drawn == web.count
        assert {kind: bar.get_width() for kind, bar in explorer._bars.items()} == web.kinds()
        for name, value in (("left", web.count), ("arriving", 100 * web.arriving), ("length", web.length)):
            assert explorer._points[name].get_ydata()[0] == pytest.approx(value)
            assert explorer._lines[name][rate].get_ydata()[number] == pytest.approx(value)
        assert f"{web.count:,} of 240 links left, {web.arriving:.0%} of all pairs" in said(explorer)


def test_all_rates_end_with_equally_many_links(explorer):
    for left in (5, 10, 50):
        explorer.set(left=left)
        assert {course.left[-1] for course in explorer.shown.courses.values()} == {round(left / 100 * 240)}
        assert said(explorer).count(f"{round(left / 100 * 240)} links each") == 1


def test_the_chosen_rate_stands_out(explorer):
    for rate in RATES:
        explorer.set(rate=rate)
        for lines in explorer._lines.values():
            widths = {name: line.get_linewidth() for name, line in lines.items()}
            assert max(widths, key=widths.get) == rate


def test_the_same_seed_gives_the_same_web_and_many_seeds_do_not_pile_up(explorer):
    explorer.set(round=5)
    first = explorer.png()
    for seed in range(1, 30):
        explorer.set(seed=seed)
    explorer.set(seed=0)
    assert explorer.png() == first
    assert len(explorer._courses) <= 20
