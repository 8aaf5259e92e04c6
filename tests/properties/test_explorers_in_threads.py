"""Explorers whose controls several threads move at once, and that are closed meanwhile.

A kernel moves controls from one thread only, but the background job reports from another, and a learner's own code or
a kernel with subshells may use more.
"""

import threading

import ipywidgets as widgets
import numpy as np
import pytest

from tests.explore.walking import KINDS, controls_of, same
from tests.strength import cases

pytestmark = pytest.mark.walks

THREADS = 3
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def move(widget, rng):
    """Move a control somewhere, or press a button."""
    if getattr(widget, "disabled", False) or not getattr(widget, "options", True):
        return
    if isinstance(widget, widgets.Button):
        widget.click()
    elif isinstance(widget, widgets.SelectMultiple):
        widget.index = tuple(np.flatnonzero(rng.random(len(widget.options)) < 0.4).tolist())
    elif hasattr(widget, "options"):
        widget.index = int(rng.integers(len(widget.options)))
    elif isinstance(widget.value, bool):
        widget.value = bool(rng.random() < 0.5)
    elif isinstance(widget.value, str):
        widget.value = str(rng.choice(["", "0", "1, 2, 3", "<b>", widget.value]))
    else:
        step = widget.step or 1
        places = widget.min + step * rng.integers(0, round((widget.max - widget.min) / step) + 1, np.size(widget.value))
        if isinstance(widget, widgets.FloatLogSlider):
            places = widget.base**places
        one = np.ravel(widget.value)[0]
        places = sorted(type(one.item())(place) for place in np.minimum(places, widget.max))
        widget.value = tuple(places) if isinstance(widget.value, tuple) else places[0]


def together(*acts):
    """Run functions in a thread each, beginning at the same time; returns their errors."""
    barrier, errors = threading.Barrier(len(acts)), []

    def run(act):
        barrier.wait()
        try:
            act()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


@pytest.fixture
def uncaught(monkeypatch):
    """Exceptions that ended a thread."""
    found = []
    monkeypatch.setattr(threading, "excepthook", lambda raised: found.append(raised.exc_value))
    return found


@every_kind
def test_controls_are_moved_by_three_threads(kind, uncaught):
    explorer = kind.example()
    moves = max(len(cases(everyday=6, full=500)) // THREADS, 1)
    found = [widget for widget in controls_of(explorer).values() if not isinstance(widget, widgets.Button)]

    def mover(seed):
        rng = np.random.default_rng(seed)

        def moving():
            for _ in range(moves):
                move(found[rng.integers(len(found))], rng)

        return moving

    errors = together(*(mover(seed) for seed in range(THREADS)))
    explorer.job.cancel()
    assert explorer.wait(60)
    assert errors == [] and explorer.errors == [] and uncaught == []
    other = explorer.another()
    same(explorer.shown, other.shown, kind.measured)
    assert explorer.sentence(explorer.shown) in explorer._sentence.value
    picture = explorer.png()
    explorer.redraw()
    assert explorer.png() == picture
    other.close()
    explorer.close()


def press(explorer):
    """Press everything that may be pressed, one after another."""
    for button in explorer.buttons:
        if not button.disabled:
            button.click()


@every_kind
def test_it_is_closed_by_two_threads_while_a_third_moves(kind, uncaught):
    for number in cases(everyday=1, full=10):
        explorer, rng = kind.example(), np.random.default_rng(number)
        found = [widget for widget in controls_of(explorer).values() if not isinstance(widget, widgets.Button)]

        def moving(found=found, rng=rng):
            for _ in range(5):
                move(found[rng.integers(len(found))], rng)

        press(explorer)
        errors = together(explorer.close, explorer.close, moving)
        assert errors == [] and explorer.errors == [] and uncaught == []
        assert not explorer.job.running and explorer.wait(60)
