"""The speed explorer without a browser: it measures by itself, answers at once, and shows what was measured."""

import gc
import io
import re
import threading

import ipywidgets as widgets
import numpy as np
import pytest
from PIL import Image

import minnet as mn
from minnet.experiments.inference_backends import NAIVE, SPARSE, Backends
from minnet.experiments.inference_timing import InferenceTiming
from minnet.explore.speed_explorer import BATCHES, PLACES, SpeedExplorer


@pytest.fixture(scope="module")
def net():
    net = mn.models.mlp(64, 24, 20, 10, rng=0)
    mn.fit(net, mn.data.digits().train, epochs=2, rng=0, progress=False)
    return net


@pytest.fixture
def explorer(net):
    explorer = mn.explore.speed(net, mn.data.digits(), libraries=(), rounds=3)
    yield explorer
    explorer.close()
    assert explorer.errors == []


def nothing(*place):
    """A measurement that ends before it has begun."""
    yield from ()


def said(explorer):
    return re.sub("<[^>]+>", "", explorer._sentence.value)


# ---- the explorer ---------------------------------------------------------------------------------------


def test_it_measures_by_itself_and_then_rests(explorer):
    assert explorer.wait(120)
    shown = explorer.shown
    assert (shown.percent, shown.batch) == (90, 64) and shown.timing.exact and shown.timing.swept
    assert set(shown.timing.times) == set(explorer.experiment.backends.names)
    assert all(len(curve) == len(PLACES) for curve in shown.timing.curves.values())
    assert explorer._measuring.text.value == "measured" and explorer._measuring.cancel.disabled
    before = dict(explorer.experiment.rounds_at)
    explorer.measure()
    assert not explorer.job.running and explorer.experiment.rounds_at == before


def test_numbers_words_and_picture_agree(explorer):
    assert explorer.wait(120)
    frame, (bars, roof, curves, sizes) = explorer.shown, explorer._panels
    timing = frame.timing
    assert frame.kept == frame.weights - round(0.9 * frame.weights) == 222
    assert said(explorer).startswith("222 of 2,216 weights, 64 samples.")
    ratio = timing.ratios[SPARSE].median
    assert (f"{ratio:.1f} times as fast" if ratio >= 1 else f"{1 / ratio:.1f} times slower") in said(explorer)
    assert f"{timing.parts[SPARSE]:.2f} of ideal" in said(explorer)
    for y, name in enumerate(explorer.experiment.backends.names):
        bar, middle = bars.bars[y], np.clip(timing.ratios[name].median, 1 / 64, 64)
        assert sorted([bar.get_x(), bar.get_x() + bar.get_width()]) == pytest.approx(sorted([1, middle]))
        assert bars.times[y].get_text()
        part = timing.parts.get(name)
        assert bars.parts[y].get_text() == ("" if part is None else f"{part:.2f}" if part >= 0.005 else "< 0.01")
    for name, line in curves.lines.items():
        assert [tuple(point) for point in line.get_xydata()] == timing.curves[name]
    assert list(sizes._points.get_ydata()) == [100 * many / explorer._sizes.dense for many in frame.bytes.values()]
    assert roof._points[NAIVE].get_ydata()[0] == pytest.approx(timing.rates[NAIVE][1] / 1e9)
    assert roof._cache.get_ydata().max() == pytest.approx(timing.limits.multiply / 1e9)


def test_what_was_measured_before_is_shown_at_once(explorer):
    assert explorer.wait(120)
    explorer.experiment.run = nothing  # from here on no new times
    explorer.set(batch=128)
    assert explorer.shown.timing.near == (90, 64) and not explorer.shown.timing.exact
    assert "Not measured yet; the bars are those of 90 % and batch 64" in said(explorer)
    explorer.set(batch=64, sparsity=50)
    assert explorer.shown.timing.exact and SPARSE in explorer.shown.timing.times  # from the sketch of the curve
    explorer.set(sparsity=90)
    assert set(explorer.shown.timing.times) == set(explorer.experiment.backends.names)


def test_before_the_first_round_there_is_nothing_to_show(net, monkeypatch):
    monkeypatch.setattr(InferenceTiming, "run", nothing)
    explorer = SpeedExplorer(net, mn.data.digits().val, libraries=())
    assert explorer.shown.timing.near is None and "Nothing has been measured yet" in said(explorer)
    assert explorer.shown.bytes == explorer._sizes.at(90)
    explorer.close()


def test_frame_reads_no_control(explorer):
    assert explorer.wait(120)
    for sparsity, batch in ((0, 1), (50, 64), (99, 1024)):
        frame = explorer.frame({"sparsity": sparsity, "batch": batch})
        assert (frame.percent, frame.batch, frame.bytes) == (sparsity, batch, explorer._sizes.at(sparsity))
        assert frame == explorer.frame({"sparsity": sparsity, "batch": batch})


def test_the_newest_place_wins_and_cancel_keeps_what_is_measured(explorer):
    for batch in BATCHES:
        explorer.control["batch"].value = batch
    assert explorer.wait(120)
    assert explorer.shown.batch == 1024 and explorer.shown.timing.exact
    explorer.experiment.rounds = 10**6
    explorer.control["sparsity"].value = 0
    assert explorer.job.running and not explorer._measuring.cancel.disabled
    known = {place: len(rounds) for place, rounds in list(explorer.experiment.rounds_at.items())}
    explorer._measuring.cancel.click()
    assert explorer.wait(30) and explorer._measuring.cancel.disabled
    assert all(len(explorer.experiment.rounds_at[place]) >= many for place, many in known.items())
    assert "minnet job" not in [thread.name for thread in threading.enumerate()]


def test_measure_again_takes_new_times(explorer):
    assert explorer.wait(120)
    before = explorer.experiment.rounds_at[90, 64]
    explorer._measuring.start.click()
    assert explorer.wait(120)
    assert explorer.experiment.rounds_at[90, 64] is not before and len(explorer.experiment.rounds_at[90, 64]) == 3


def test_a_rehearsal_measures_every_place_that_a_page_records(net, monkeypatch):
    monkeypatch.setattr(SpeedExplorer, "recorded", {"sparsity": None, "batch": (1, 8)})
    explorer = mn.explore.speed(net, mn.data.digits(), libraries=(), start=False)
    explorer.rehearse()
    for batch in (1, 8):
        for percent in PLACES:
            found = explorer.frame({"sparsity": percent, "batch": batch}).timing
            assert found.exact and set(found.times) == set(explorer.experiment.backends.names)
    assert explorer.experiment.limits is not None
    explorer.close()


def test_reset(explorer):
    explorer.set(sparsity=0, batch=1)
    explorer._reset.click()
    assert explorer.state == {"sparsity": 90, "batch": 64}


def test_an_error_while_measuring_is_said(net, monkeypatch):
    def broken(self, part, names=None):
        raise RuntimeError("no more memory")
        yield

    monkeypatch.setattr(Backends, "ready", broken)
    explorer = mn.explore.speed(net, mn.data.digits(), libraries=())
    with pytest.raises(RuntimeError):
        explorer.wait(120)
    assert "no more memory" in explorer._message.value
    explorer.close()


def test_the_picture_keeps_its_size(explorer):
    assert explorer.wait(120)
    assert Image.open(io.BytesIO(explorer.png())).size == (1000, 480)


@pytest.mark.parametrize("wrong", [mn.models.lenet5(rng=0), mn.models.residual_mlp(), mn.Sequential(mn.Dense(64, 10))])
def test_other_networks_gives_a_message(wrong):
    with pytest.raises(TypeError, match="fully connected"):
        mn.explore.speed(wrong, mn.data.digits())


def test_opened_and_closed_while_it_measures_it_leaves_nothing_behind(net):
    mn.explore.speed(net, mn.data.digits(), libraries=()).close()
    gc.collect()
    left, threads = len(widgets.widget._instances), threading.active_count()
    for _ in range(3):
        explorer = mn.explore.speed(net, mn.data.digits(), libraries=())
        explorer.set(batch=1)
        explorer.close()
    assert threading.active_count() == threads
    assert len(widgets.widget._instances) == left
