"""One suite for all explorers: what each promises, tried on the example of every kind in the registry.

An explorer that is in `minnet.explore` is tried here without another word.  What it may say about itself:

- ``measured``: names of the frame's fields that hold what a clock gave, which is not the same a second time.
- ``experiment``: everything that is trained or measured.  Another explorer over the same one, ``explorer.another()``,
  shows the same.
"""

import base64
import gc
import io
import subprocess
import sys
import threading
import weakref
from dataclasses import replace
from itertools import product
from pathlib import Path

import comm
import ipywidgets as widgets
import matplotlib.style
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from matplotlib.text import Text
from PIL import Image

import minnet as mn
import minnet.explore
from minnet.experiments.playground import Subject
from minnet.explore import Explorer
from minnet.widgets import html_export
from minnet.widgets.controls import few
from minnet.widgets.explorer_base import all_inside
from tests.explore.pages import Page
from tests.explore.walking import KINDS, MOVES, OPENED, SHORT, THOROUGH, WALK, Walk, controls_of, same
from tests.notebooks import ROOT

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@pytest.fixture
def explorer(kind):
    explorer = kind.example()
    yield explorer
    explorer.close()
    assert explorer.errors == []


@pytest.fixture(scope="module")
def opened():
    """`opened(kind)`: an explorer that nobody moves, the same for several tests."""
    there = {}

    def opened(kind):
        if kind not in there:
            there[kind] = kind.example()
        return there[kind]

    yield opened
    for explorer in there.values():
        explorer.close()


def test_every_explorer_is_tried():
    public = [getattr(minnet.explore, name) for name in minnet.explore.__all__]
    assert set(KINDS) >= {each for each in public if isinstance(each, type) and issubclass(each, Explorer)} - {Explorer}
    assert len(KINDS) >= 5


@pytest.mark.parametrize("walks, moves", [(1, SHORT), pytest.param(MOVES // WALK, WALK, marks=pytest.mark.walks)])
@every_kind
def test_a_random_walk_over_all_controls(kind, walks, moves):
    walk = type(kind.__name__, (Walk,), {"kind": kind})
    run_state_machine_as_test(walk, settings=settings(
        max_examples=walks, stateful_step_count=moves, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate]))  # a walk takes seconds: to look for a shorter one that fails would take hours
    print(f"{kind.__name__}: {walk.walked} moves")
    assert walk.walked >= walks * moves / 2  # the others were on something that was disabled just then


@pytest.mark.walks
@every_kind
def test_what_is_blitted_is_what_a_full_drawing_would_show(kind, explorer):
    explorer.wait(60)
    for part in (0.3, 0.9, 0.6):
        for control in explorer.control.values():
            move_to(control, part)
    assert explorer.wait(60)  # what was asked for by moving comes in, and nothing is painted between the two looks
    blitted, figure = pixels(explorer.png()), explorer._screen.figure
    canvas = np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)
    away = np.abs(blitted - canvas).max(axis=2)  # of 256 colours, the nearest
    assert away.mean() < 3 and np.mean(away > 24) < 0.005 and away.max() < 64
    for artist in figure.findobj():
        artist.set_animated(False)
    assert np.mean(np.abs(blitted - pixels(figure.png())).max(axis=2) > 40) < 0.02  # grid lines lie under, not over


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def move_to(control, part):
    """Somewhere between its beginning (0) and its end (1)."""
    if hasattr(control, "options"):
        control.index = round(part * (len(control.options) - 1))
    elif hasattr(control, "max") and not isinstance(control.value, tuple):
        steps = round(part * (control.max - control.min) / (control.step or 1))
        control.value = type(control.value)(control.min + steps * (control.step or 1))


@every_kind
def test_the_latest_request_wins_and_cancel_ends_it(kind, explorer):
    explorer.wait(60)
    trainers = [button for button in explorer.buttons if starts(explorer, button)]
    if not trainers:
        pytest.skip("nothing here takes long")
    trainers[0].click()
    first = explorer.job._work
    trainers[0].click()
    if explorer.job.running:  # a button that plays and pauses has stopped it
        assert explorer.job._work is not first
    explorer.job.cancel()
    assert explorer.wait(10) and not explorer.job.running
    assert "minnet job" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.walks
@every_kind
def test_no_button_waits_for_the_thread_of_the_job(kind, explorer, monkeypatch):
    """That thread may be about to report, which takes the lock that a button holds: both would wait."""
    def join(thread, timeout=None):
        raise AssertionError(f"{thread.name} is waited for")

    assert explorer.wait(60)
    for trains in [button for button in explorer.buttons if starts(explorer, button)]:
        for button in [button for button in explorer.buttons if not button.disabled]:
            trains.click()
            with monkeypatch.context() as patch:
                patch.setattr(threading.Thread, "join", join)
                button.click()
            explorer.job.cancel()
            assert explorer.wait(10) and explorer.errors == []


@pytest.mark.walks
@every_kind
def test_a_report_may_come_when_something_else_is_chosen_by_now(kind, explorer):
    explorer.wait(60)
    for part in (1.0, 0.0):
        for control in explorer.control.values():
            move_to(control, part)
        for report in ((0.5, "half of it"), None):
            explorer.progress(report)
    assert explorer.wait(60) and explorer.errors == []


def starts(explorer, button):
    """Whether pressing this button starts work in the background (which is cancelled again)."""
    if button.disabled or button.description in ("Reset", "Cancel"):
        return False
    button.click()
    running = explorer.job.running
    explorer.job.cancel()
    assert explorer.wait(10)
    return running


@pytest.mark.walks
@every_kind
def test_work_that_has_ended_is_shown_and_cannot_be_cancelled(kind, explorer):
    """A forgotten `progress` leaves the picture, the bar or Cancel as they were."""
    explorer.rehearse()
    assert explorer.wait(60)
    other = explorer.another()
    same(explorer.shown, other.shown, kind.measured)
    other.close()
    assert all(button.disabled for button in explorer.buttons if button.description == "Cancel")


@pytest.mark.walks
@every_kind
def test_frame_reads_the_state_and_no_control(kind, explorer):
    assert explorer.wait(60)
    for name, control in explorer.control.items():
        before = control.value
        move_to(control, 1.0 if before != getattr(control, "max", None) else 0.0)
        if control.value == before or control.disabled:
            continue
        state = explorer.state
        explorer.job.cancel()
        assert explorer.wait(30)
        explorer.refresh()
        shown = explorer.shown
        explorer.place(**{name: before})
        with explorer.undisturbed() as pose:  # the control stands where it stood
            pose(**state)
            same(explorer.shown, shown, kind.measured)


def test_every_file_of_an_explorer_is_exported():
    names = {path.stem for path in (ROOT / "minnet/explore").glob("*_explorer.py")}
    missing = names - {kind.__module__.rpartition(".")[2] for kind in KINDS}
    assert not missing, f"import {', '.join(sorted(missing))} in minnet/explore/__init__.py, and list it in __all__"


@every_kind
def test_what_is_said_and_labelled(kind, opened):
    explorer = opened(kind)
    assert explorer._sentence.value.startswith('<p role="status" aria-live="polite">')
    for label, widget in controls_of(explorer).items():
        assert widget.description or isinstance(widget, widgets.Play), f"{label} has no label"


MARKUP = "<script>alert(1)</script>"


def small(seed):
    return mn.models.mlp(64, 6, 10, rng=seed)


@pytest.mark.walks
@pytest.mark.parametrize("open_one", [
    lambda data: minnet.explore.training(data, hidden=4),
    lambda data: minnet.explore.dropout_and_pruning(mn.models.mlp(64, 6, 10, rng=0), data, epochs=1),
    lambda data: minnet.explore.criteria([mn.models.mlp(64, 6, 10, rng=0)], data),
    lambda data: minnet.explore.sparsity(mn.models.mlp(64, 6, 10, rng=0), data),
    lambda data: minnet.explore.structure(mn.models.mlp(64, 6, 10, rng=0), data),
    lambda data: minnet.explore.heads(mn.models.tiny_transformer(tokens=4, n_in=16, n_out=10, rng=0), data),
    lambda data: minnet.explore.structure({MARKUP: mn.models.mlp(64, 6, 10, rng=0)}, data, epochs=1),
    lambda data: minnet.explore.tickets(small, {MARKUP: data, "other": data}, rounds=2, count=20),
    lambda data: minnet.explore.regrowth(small, data, count=20),
    lambda data: minnet.explore.iterations(small, data, seeds=(0,), epochs=1),
    lambda data: minnet.explore.timing(small, data, seeds=(0,), count=20),
    lambda data: minnet.explore.playground(
        subjects={MARKUP: Subject("mn.data.digits()", "mn.models.mlp(64, 6, 10)", 1)}),
], ids=["training", "dropout", "criteria", "sparsity", "structure", "heads", "networks", "tickets", "regrowth",
        "iterations", "timing", "playground"])
def test_names_from_data_are_text_and_no_markup(open_one, tmp_path):
    digits = few(mn.data.digits())
    explorer = open_one(replace(digits, name=MARKUP, class_names=tuple(f"{MARKUP}{each}" for each in range(10))))
    for name, control in explorer.control.items():
        for part in (0, 1):
            move_to(control, part)
            assert not markup_in(explorer), name
    explorer.rehearse()
    assert explorer.wait(60) and not markup_in(explorer)
    explorer._careful(explorer.say, MARKUP)
    assert not markup_in(explorer)
    if isinstance(explorer, minnet.explore.training):  # the others' pages take longer, and are made the same way
        explorer.save_html(tmp_path / "page.html", title=MARKUP)
        assert MARKUP not in (tmp_path / "page.html").read_text(encoding="utf-8")
    explorer.close()


def markup_in(explorer):
    """The texts of all widgets that show HTML, and hold the markup from the data."""
    return [each.value for each in all_inside(explorer.widget) if isinstance(each, widgets.HTML)
            and "<script" in each.value]


def test_errors_are_text_and_no_markup():
    explorer = minnet.explore.sparsity.example()
    for act in (lambda: int(MARKUP), lambda: mn.Sequential(int)):
        with pytest.raises((ValueError, TypeError)):
            explorer._careful(act)
        assert not markup_in(explorer) and "&lt;" in explorer._message.value
    explorer.errors.clear()
    explorer.close()


@pytest.mark.walks
@every_kind
def test_a_style_is_for_the_learners_own_figures(kind, opened):
    """Colours, grids and legends are the same, whatever the learner has chosen for other figures."""
    looks = []
    for style in ("default", ["dark_background", {"axes.grid": True}]):
        with matplotlib.style.context(style):
            explorer = kind.example()
            for control in explorer.control.values():
                move_to(control, 0.6)
            explorer.wait(60)
        figure = explorer._screen.figure
        looks.append((figure.get_facecolor(), [
            (type(each).__name__, getattr(each, "get_facecolor", str)(), getattr(each, "get_color", str)())
            for ax in figure.axes for each in (ax, *ax.spines.values(), *ax.findobj(Text))],
            [line.get_visible() for ax in figure.axes for line in ax.get_xgridlines()]))
        explorer.close()
    assert str(looks[0]) == str(looks[1])


@every_kind
def test_the_picture_is_there_without_a_kernel(kind, opened):
    bundle, _ = opened(kind)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    width, height = kind.size
    assert width <= 10 and height <= 5.6  # with controls and sentence it has to fit a window of 1400 × 900
    size = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"]))).size
    assert size == (round(100 * width), round(100 * height))


@pytest.mark.walks
@every_kind
def test_a_saved_page_shows_what_the_explorer_shows(kind, explorer, tmp_path, monkeypatch):
    if not THOROUGH:
        monkeypatch.setattr(html_export, "dials_of", coarse)
    assert explorer.wait(60)
    before = explorer.png(), explorer.state
    explorer.save_html(tmp_path / "page.html")
    assert (explorer.png(), explorer.state) == before
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]
    page = Page(tmp_path / "page.html")
    assert page.bytes <= 5_000_000 and page.addresses == []
    dials = html_export.dials_of(explorer)
    assert page.places == list(product(*(range(len(dial.values)) for dial in dials)))
    with explorer.undisturbed() as pose:
        for place in page.places:
            pose(**{dial.name: dial.values[at] for dial, at in zip(dials, place, strict=True)})
            away = [page.away_from(each, explorer.png()) for each in page.places]
            own = away[page.places.index(place)]  # of 255 levels: many tiles are packed with losses
            assert own < 6 and own < min(away) + 0.1
            if not kind.measured:
                assert page.words(place) == [each.value for each in explorer.texts()]


DIALS_OF = html_export.dials_of  # as it is where no test has replaced it


def coarse(explorer):
    """The grid of an explorer, with three places of each of the first two controls."""
    dials = DIALS_OF(explorer)[:2]
    while any(len(each.values) > 3 for each in dials):
        dials = [each.coarser() if len(each.values) > 3 else each for each in dials]
    return dials


@every_kind
def test_reset_leads_back_to_the_beginning(kind, explorer):
    start = explorer.state
    for control in explorer.control.values():
        if hasattr(control, "max"):
            control.value = (control.min, control.max) if isinstance(control.value, tuple) else control.max
        elif hasattr(control, "options"):
            control.index = len(control.options) - 1
    explorer._reset.click()
    assert explorer.state == start


@every_kind
def test_closed_during_a_long_step_it_stays_quiet(kind, monkeypatch):
    explorer, in_the_step, may_go_on, went_wrong = kind.example(), threading.Event(), threading.Event(), []
    monkeypatch.setattr(threading, "excepthook", went_wrong.append)
    explorer.wait(60)

    def work():
        yield 0.1, "begun"
        in_the_step.set()
        may_go_on.wait(60)
        yield 0.5, "a long step"
        yield 1.0, "done"

    explorer.job.start(work())
    assert in_the_step.wait(60)
    thread = explorer.job._thread
    close = explorer.job.close
    monkeypatch.setattr(explorer.job, "close", lambda: close(0.05))  # a step may take longer than close waits
    explorer.close()
    assert thread.is_alive()
    may_go_on.set()
    thread.join(10)
    explorer._progress(None)
    for act in (explorer.refresh, explorer.redraw, lambda: explorer.say("late"), explorer.close):
        act()
    for act in (explorer.set, explorer.reset):
        with pytest.raises(RuntimeError, match="closed"):
            act()
    assert not thread.is_alive() and went_wrong == [] and explorer.errors == [] and explorer.job.error is None


@every_kind
def test_opened_and_closed_it_leaves_nothing_behind(kind):
    use(kind)
    gc.collect()
    before, figures = left(), []
    for _ in range(OPENED):
        figures.append(use(kind))
    gc.collect()
    assert left() == before
    assert [figure for figure in figures if figure() is not None] == []


@every_kind
@pytest.mark.skipif(not THOROUGH, reason="opens each explorer a hundred times; MINNET_THOROUGH=1 asks for it")
def test_opening_and_closing_takes_no_memory(kind):
    """In a process of its own, for what others have left there comes and goes."""
    ask = f"from tests.explore.test_contract import drift; print(drift({kind.__name__!r}))"
    said = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    print(f"{kind.__name__}: opened and closed {OPENED} times, {float(said):+.1f} MB")
    assert float(said) < 5


def drift(name):
    """Megabytes by which the process grows while an explorer is opened and closed that many times.

    Before that, it is opened until ten times more need nothing, twice in a row: then the allocator, which grows by
    steps, has taken what it keeps.
    """
    kind, quiet, now = Explorer.registry[name], 0, resident()
    while quiet < 2:
        for _ in range(10):
            use(kind)
        gc.collect()
        before, now = now, resident()
        quiet = quiet + 1 if now - before < 1e6 else 0
    for _ in range(OPENED):
        use(kind)
    gc.collect()
    return (resident() - now) / 1e6


def use(kind):
    """Open, press everything, move something while it works, close; returns a weak reference to the figure."""
    explorer = kind.example()
    for widget in controls_of(explorer).values():
        if isinstance(widget, widgets.Button) and not widget.disabled:
            widget.click()
    explorer.refresh()
    explorer.close()
    assert explorer.errors == []
    return weakref.ref(explorer._screen.figure)


def left():
    """How many widgets, comms and threads there are."""
    return {"widgets": len(widgets.widget._instances), "comms": len(comm.get_comm_manager().comms),
            "threads": threading.active_count()}


def resident():
    """Bytes of memory of this process (0 where the system does not tell)."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * 4096 if statm.exists() else 0


@every_kind
def test_an_error_in_a_callback_is_kept_and_said(kind, explorer, monkeypatch):
    monkeypatch.setattr(explorer, "frame", lambda state: 1 / 0)
    control = next(each for each in explorer.control.values() if hasattr(each, "max") or hasattr(each, "options"))
    with pytest.raises(ZeroDivisionError):
        for part in (0, 1):
            move_to(control, part)
    assert [type(error) for error in explorer.errors] == [ZeroDivisionError]
    assert "Something went wrong" in explorer._message.value
    explorer.errors.clear()


@every_kind
def test_a_control_that_is_not_there_gives_a_message(kind, opened):
    with pytest.raises(ValueError, match="no control 'nothing'"):
        opened(kind).set(nothing=1)


def test_an_explorer_without_an_example_is_told_what_to_write():
    with pytest.raises(NotImplementedError, match="@staticmethod"):
        Explorer.example()
