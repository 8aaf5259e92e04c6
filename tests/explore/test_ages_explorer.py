"""The ages explorer: every number is Huttenlocher's or is said to be joined, and the dots are to scale."""

import re
from itertools import pairwise

import numpy as np
import pytest

import minnet as mn
from minnet.explore.ages_explorer import ADULT, AGES, OLD, PEAK, density_at, in_slice


@pytest.fixture
def explorer():
    explorer = mn.explore.ages()
    yield explorer
    explorer.close()
    assert explorer.errors == []


def said(explorer):
    return re.sub("<[^>]+>", "", explorer._sentence.value)


def test_the_numbers_are_those_of_the_paper():
    assert (ADULT, OLD) == (11.05, 9.56)
    assert pytest.approx(1.5 * ADULT) == PEAK
    assert density_at(0) == ADULT and density_at(1) == density_at(2) == PEAK
    assert all(density_at(age) == ADULT for age in (16, 30, 72)) and density_at(74) == density_at(90) == OLD
    assert all(OLD <= density_at(age) <= PEAK for age in AGES)
    falling = [density_at(age) for age in range(2, 17)]
    assert np.allclose(np.diff(falling), falling[1] - falling[0])


@pytest.mark.parametrize("age", AGES)
def test_dots_sentence_and_point_agree(explorer, age):
    explorer.set(age=age)
    count = in_slice(density_at(age))  # 10 × 10 × 1 micrometres hold a ten-millionth of a cubic millimetre
    assert count == round(density_at(age) * 1e8 / 1e7)
    assert explorer.shown.here.sum() == count and not (explorer.shown.here & explorer.shown.gone).any()
    for dots, which in ((explorer._dots, explorer.shown.here), (explorer._ghosts, explorer.shown.gone)):
        assert np.array_equal(np.isfinite(np.asarray(dots.get_offsets())).all(axis=1), which)
    assert f"Age {age:g}: {density_at(age):.2f} × 10⁸" in said(explorer) and f"In the slice: {count}" in said(explorer)
    assert explorer._point.get_ydata() == [density_at(age)]


def test_it_says_what_is_measured_and_what_is_joined(explorer):
    expected = {0: "in the range seen in adults", 0.5: "no number is given", 1: "about 50 % above",
                2: "about 50 % above", 5: "no number is given", 15: "no number is given", 16: "± 0.41",
                70: "± 0.41", 75: "± 0.28", 90: "± 0.28"}
    for age, words in expected.items():
        explorer.set(age=age)
        assert words in said(explorer)
        assert explorer.shown.measured == ("no number" not in words)


def test_what_has_gone_stays_gone_and_was_there(explorer):
    seen = []
    for age in (1, 2, *range(3, 17), 50, 80):
        explorer.set(age=age)
        seen.append((explorer.shown.here.copy(), explorer.shown.gone.copy()))
    for (here, gone), (later, vanished) in pairwise(seen):
        assert not (later & ~here).any() and not (gone & ~vanished).any()
        assert (later | vanished).all()  # every dot of the peak is either there or a ghost
    explorer.set(age=0.5)
    assert not explorer.shown.gone.any()  # those that have not grown yet are no ghosts


def test_the_ticks_tell_true_ages(explorer):
    ax = explorer._point.axes
    for place, label in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True):
        assert 2**place - 1 == pytest.approx(float(label.get_text()))


def test_it_opens_at_the_nearest_age():
    explorer = mn.explore.ages(7.4)
    assert explorer.shown.age == 7
    explorer.close()
