"""What lesson 01 says is what lesson 01 shows; what it says of rates in general is tested with many webs.

A web counts whole numbers, so every computer finds the same one: only its seed makes a difference.
"""

from functools import cache

import numpy as np
import pytest

import minnet as mn
from minnet.explore.ages_explorer import ADULT, ADULT_ERROR, AGES, MEASURED, OLD, OLD_ERROR, PEAK
from minnet.routing import RATES, Web, plan, prune_in_rounds
from tests.lessons.running import printed, text

LESSON = "01_synapses.ipynb"
SEEDS = range(20)
OTHER_SEEDS = range(100, 140)


@cache
def webs(rate, left=156, messages=80, nodes=40, seeds=SEEDS):
    """Webs after ten rounds, one for each seed."""
    grown = {}
    for seed in seeds:
        for web in prune_in_rounds(Web(nodes, rng=seed), rate, left, 10, messages):
            grown[seed] = web
    return list(grown.values())


def arriving(*how, **more):
    return np.array([web.arriving for web in webs(*how, **more)])


def lengths(*how, **more):
    return np.array([web.length for web in webs(*how, **more)])


def length(*how, **more):
    return lengths(*how, **more).mean()


# ---- what was counted -----------------------------------------------------------------------------------


def test_the_numbers_are_those_of_the_explorer_and_of_the_source(lesson):
    assert lesson.value("[adult, old, peak]") == pytest.approx([ADULT, OLD, PEAK]) == [11.05, 9.56, 1.5 * 11.05]
    assert f"{ADULT} on average, uncertain by ± {ADULT_ERROR}" in text(lesson, "counted-text")
    assert f"{OLD}, uncertain by ± {OLD_ERROR}" in text(lesson, "counted-text")


def test_a_third_of_the_peak_has_gone(lesson):
    assert "Of the peak, 33% have gone" in printed(lesson, "counted")
    lesson.run("ages.set(age=2)")
    most = lesson.value("int(ages.shown.here.sum())")
    lesson.run("ages.set(age=16)")
    assert lesson.value("int(ages.shown.gone.sum())") / most == pytest.approx(1 / 3, abs=0.01)
    lesson.run("ages.reset()")


def test_the_slide_and_the_count(lesson):
    assert "slide × 20, counted × 1.5" in printed(lesson, "slide-numbers")
    assert "slide −50%, counted −33%" in printed(lesson, "slide-numbers")


# ---- the web --------------------------------------------------------------------------------------------


def test_the_first_web(lesson):
    assert printed(lesson, "web").startswith("1560 links") and 40 * 39 == 1560
    assert "500 links left" in printed(lesson, "send")
    lesson.run("trial = mn.routing.Web(40, rng=0)\nfor left in (1000, 500):\n    trial.send(80)\n    trial.prune(left)")
    assert lesson.value("[trial.links[:20, 20:].mean() < 1, trial.ways.max() > 1]") == [True, True]  # longer ways


def test_the_three_plans(lesson):
    lines = dict(line.split(" removes ") for line in printed(lesson, "rates").splitlines())
    parts = {rate.strip(): [float(part.strip("%")) for part in line.split()] for rate, line in lines.items()}
    assert max(parts["constant"]) - min(parts["constant"]) <= 1 and abs(parts["constant"][0] - 20) < 2
    assert (np.diff(parts["decreasing"]) < 0).all() and (np.diff(parts["increasing"]) > 0).all()
    assert {plan(rate, 1560, 156)[-1] for rate in RATES} == {156} and lesson.value("full") == 1560


def test_by_hand_is_what_the_package_does(lesson):
    for rate in RATES:
        mine = lesson.value(f"pruned({rate!r}, 3).links")
        assert np.array_equal(mine, next(iter(webs(rate, seeds=range(3, 4)))).links)


def test_one_web_would_have_misled(lesson):
    one = {rate: next(iter(webs(rate, seeds=range(1)))).arriving for rate in RATES}
    assert max(one, key=one.get) == "constant"
    for rate, part in one.items():
        assert f"{rate:10} {part:4.0%} connected" in printed(lesson, "one")


# ---- which rate is best ---------------------------------------------------------------------------------


def test_with_a_tenth_left_decreasing_is_best(lesson):
    found = {rate: arriving(rate) for rate in RATES}
    for rate in RATES:
        assert lesson.value(f"found[{rate!r}][0]") == pytest.approx(found[rate])
        assert f"{rate:10} {found[rate].mean():4.0%} connected" in printed(lesson, "twenty")
    assert (found["decreasing"] > found["increasing"]).all()
    assert np.sum(found["decreasing"] > found["constant"]) > 10  # mostly, not always
    assert np.sum(found["decreasing"] > found["constant"]) < 20
    assert found["decreasing"].mean() > found["constant"].mean() + 0.03 > found["increasing"].mean() + 0.2
    wins = np.sum(found["decreasing"] > found["constant"])
    assert f"constant in {wins} of 20 webs" in printed(lesson, "compare")
    assert "increasing in 20 of 20 webs" in printed(lesson, "compare")


@pytest.mark.parametrize("nodes, messages", [(40, 40), (40, 160), (60, 180), (100, 500)])
def test_it_is_so_in_larger_webs_and_with_fewer_or_more_messages(claim, nodes, messages):
    left = round(0.08 * nodes * (nodes - 1))
    fast, even, slow = (arriving(rate, left, messages, nodes, seeds=OTHER_SEEDS[:20]) for rate in RATES)
    claim.median(fast - even, above=0)
    claim.median(even - slow, above=0)
    claim.median(fast - slow, above=0.05)


def test_with_other_seeds_too(claim):
    fast, even, slow = (arriving(rate, seeds=OTHER_SEEDS) for rate in RATES)
    claim.every(fast - slow, above=0)  # "in every web"
    claim.most(fast - even, above=0, share=0.75)  # "mostly better"
    claim.median(fast - even, above=0.02)
    claim.median(even - slow, above=0.1)


def test_with_a_third_left_all_are_connected_and_increasing_is_shortest(claim, lesson):
    assert round(0.35 * 1560) == 546
    assert all((arriving(rate, 546) == 1).all() for rate in RATES)
    fast, even, slow = (length(rate, 546) for rate in RATES)
    assert slow < even - 0.05 < fast - 0.1
    others = [lengths(rate, 546, seeds=OTHER_SEEDS[:10]) for rate in RATES]
    claim.every(others[1] - others[2], above=0)
    claim.every(others[0] - others[2], above=0)
    for rate, mean in zip(RATES, (fast, even, slow), strict=True):
        assert f"{rate:10} 100% connected, over {mean:.2f} links" in printed(lesson, "depends")


def test_why_direct_links_or_others(claim, lesson):
    def direct(rate, seeds=SEEDS):
        return np.array([web.kinds()["sender → receiver"] for web in webs(rate, seeds=seeds)])

    fast, slow = (direct(rate, OTHER_SEEDS) for rate in ("decreasing", "increasing"))
    claim.every(slow - fast, above=0)
    fast, even, slow = (direct(rate).mean() for rate in RATES)
    assert fast < even - 5 < slow - 15
    assert f"decreasing {fast:.0f} direct links, {156 - fast:.0f} others" in printed(lesson, "kinds")
    first = Web(40, rng=0)
    first.send(80)
    assert not first.used[:20, :20].any() and not first.used[20:].any()  # at first only direct links are counted


def test_random_pruning_keeps_as_many_connected_over_longer_paths(claim, lesson):
    at_random, fast = arriving("constant", messages=0), arriving("decreasing")
    assert abs(at_random.mean() - fast.mean()) < 0.02
    assert length("constant", messages=0) > length("decreasing") + 0.6
    assert 1.9 < length("decreasing") < 2.1 and 2.6 < length("constant", messages=0) < 3
    assert f"{at_random.mean():4.0%} connected" in printed(lesson, "dice")
    at_random, fast = {"rate": "constant", "messages": 0}, {"rate": "decreasing"}
    at_random["seeds"] = fast["seeds"] = OTHER_SEEDS
    claim.median(arriving(**at_random) - arriving(**fast), above=-0.03, below=0.03)  # "as many as with the best rate"
    claim.every(lengths(**at_random) - lengths(**fast), above=0.4)


# ---- pitfalls -------------------------------------------------------------------------------------------


def test_the_same_number_is_an_increasing_part(lesson):
    left = [1560 - 140 * done for done in range(10)]
    parts = [140 / each for each in left]
    assert (np.diff(parts) > 0).all() and left[-1] - 140 > 0
    for done, part in zip((1, 5, 10), (parts[0], parts[4], parts[9]), strict=True):
        assert f"round {done:2}: 140 of {left[done - 1]:5,} are {part:.0%}" in printed(lesson, "same-number")


def test_the_shortest_paths_are_where_most_pairs_were_lost(lesson):
    fast, even, slow = (length(rate) for rate in RATES)
    assert slow < even and slow < fast
    assert 1 - arriving("increasing").mean() > 0.25
    assert f"{1 - arriving('increasing').mean():3.0%} of the pairs are missing" in printed(lesson, "survivors")


# ---- the explorers --------------------------------------------------------------------------------------


def test_what_there_is_to_try_in_the_explorer(lesson):
    lesson.run("explorer.set(round=10, left=10)")
    seen = []
    for seed in (1, 2, 3):
        lesson.run(f"explorer.set(seed={seed})")
        seen.append(lesson.value("[course.arriving[-1] for course in explorer.shown.courses.values()]"))
    assert all(fast > slow for fast, _, slow in seen)
    lesson.run("explorer.set(left=35)")
    assert lesson.value("[course.arriving[-1] for course in explorer.shown.courses.values()]") == [1, 1, 1]
    lengths = lesson.value("[course.length[-1] for course in explorer.shown.courses.values()]")
    assert min(lengths) == lengths[2]
    lesson.run("explorer.reset()")
    assert lesson.value("explorer.errors == [] and ages.errors == []")


def test_controls_that_the_text_names_exist(lesson):
    labels = {state.get("description") for state in lesson.widgets.values()}
    assert {"Rounds over", "Pruning rate", "Seed", "Links left in the end", "Age (years)"} <= labels
    assert "between whom" in text(lesson, "explorer-text")
    assert MEASURED[1] == (1, 2) and max(AGES) == 90


# ---- exercises: each mistake is named ---------------------------------------------------------------------


def most_used(used, left):
    return np.argsort(np.argsort(used, kind="stable"), kind="stable") >= len(used) - left


@pytest.mark.parametrize("id, slip, message", [
    ("01.lost", lambda times: times - 1, "above an *adult*"),
    ("01.lost", lambda times: 1 / times, "that stays"),
    ("01.lost", lambda times: 100 * (1 - 1 / times), "in per cent"),
    ("01.lost", lambda times: times / 3, "instead of 1"),
    ("01.lost", 0.5, "a function"),
    ("01.left_after", lambda links, part, rounds: links * (1 - part * rounds), "the same *number*"),
    ("01.left_after", lambda links, part, rounds: links * (1 - (1 - part) ** rounds), "how many have gone"),
    ("01.left_after", lambda links, part, rounds: links * part**rounds, "what stays is"),
    ("01.left_after", lambda links, part, rounds: links * (1 - part), "what one round leaves"),
    ("01.left_after", lambda links, part, rounds: links / rounds, "should be left"),
    ("01.keep", lambda used, left: np.argsort(used)[len(used) - left :], "the places of the links"),
    ("01.keep", lambda used, left: ~most_used(used, left), "True means keep"),
    ("01.keep", lambda used, left: most_used(-used, left), "used least"),
    ("01.keep", lambda used, left: most_used(used, left).astype(int), "of type bool"),
    ("01.keep", lambda used, left: used >= np.sort(used)[max(len(used) - left, 0)] if left else used < 0, "equally"),
    ("01.keep", lambda used, left: (used.sort(), most_used(used, left))[1], "changes `used` itself"),
    ("01.keep", lambda used, left: most_used(used, left)[:-1], "one True or False for each"),
])
def test_slips_are_named(id, slip, message):
    note = mn.check(id, slip)
    assert not note.right and message in note.text


def test_whole_links_and_any_choice_among_equals_are_right():
    assert mn.check("01.left_after", lambda links, part, rounds: round(links * (1 - part) ** rounds)).right
    assert mn.check("01.keep", most_used).right
    assert mn.check("01.keep", lambda used, left: most_used(used[::-1], left)[::-1]).right
