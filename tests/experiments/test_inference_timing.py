"""The backends of the speed explorer: which are timed, and what is measured.

No test here says how long anything may take.
"""

import importlib.util

import numpy as np
import pytest

import minnet as mn
from minnet.experiments import inference_backends as made
from minnet.experiments.inference_backends import (
    BLOCKS,
    DENSE,
    MASKED,
    NAIVE,
    SCIPY,
    SMALLER,
    SPARSE,
    TORCH,
    TWO_FOUR,
    Backends,
)
from minnet.experiments.inference_timing import CURVES, SKETCH, InferenceTiming
from tests.closeness import assert_close


@pytest.fixture(scope="module")
def net():
    net = mn.models.mlp(64, 24, 20, 10, rng=0)
    mn.fit(net, mn.data.digits().train, epochs=2, rng=0, progress=False)
    return net


# ---- who runs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [0, 0.5, 0.9, 0.99])
def test_all_backends_compute_what_their_network_computes(net, part):
    field = Backends(net)
    ready = dict(field.ready(part))
    assert tuple(ready) == field.names
    x = mn.data.digits().val.x[:33].copy()
    few = net.copy()
    mn.prune(few, part)
    fours = net.copy()
    mn.prune(fours, part, structure=mn.blocks(1, 4))
    half = net.copy()
    mn.prune(half, 0.5, scope=mn.window(4))
    wanted = {DENSE: net, TORCH: net, BLOCKS: fours, TWO_FOUR: half}
    for name in set(ready) - {SMALLER}:
        assert_close(np.asarray(ready[name].predict(x)), wanted.get(name, few)(x))
        assert ready[name].density == pytest.approx(1 - mn.sparsity(wanted.get(name, few)))
    assert ready[SMALLER].predict(x).shape == (33, 10)
    # As many weights as are left, up to one neuron more or less; one neuron in each layer always stays.
    neuron = (64 + 20) / field.weights
    assert abs(ready[SMALLER].density - max(1 - part, (64 + 1 + 10) / field.weights)) <= neuron


def test_only_those_asked_for_are_made_ready(net):
    assert [name for name, _ in Backends(net, ()).ready(0.5, (DENSE, NAIVE))] == [DENSE, NAIVE]


def test_who_is_not_installed_does_not_run(net, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else find(name))
    assert Backends(net).libraries == (SCIPY,)
    assert Backends(net, ()).names == (DENSE, MASKED, NAIVE, SPARSE, BLOCKS, TWO_FOUR, SMALLER)


def test_the_network_itself_stays_as_it_is(net):
    pruned = net.copy()
    mn.prune(pruned, 0.7)
    before = [(param.data.copy(), param.mask) for param in pruned.params()]
    field = Backends(pruned, ())
    list(field.ready(0.9))
    assert mn.sparsity(field.whole) == 0
    for param, (data, mask) in zip(pruned.params(), before, strict=True):
        assert np.array_equal(param.data, data) and param.mask is mask


# ---- timing -----------------------------------------------------------------------------------------------


def measured(net, percent=90, batch=4, places=(0, 50, 90), rounds=3):
    timing = InferenceTiming(Backends(net, ()), mn.data.digits().val.x, rounds)
    list(timing.run(percent, batch, places))
    return timing


def test_all_run_in_turn_and_every_time_is_remembered(net):
    timing = measured(net)
    assert set(timing.rounds_at) == {(0, 4), (50, 4), (90, 4)}
    here = timing.rounds_at[90, 4]
    assert len(here) == 3 and all(tuple(each) == timing.backends.names for each in here)
    for percent in (0, 50):
        assert len(timing.rounds_at[percent, 4]) == SKETCH
        assert all(tuple(each) == (DENSE, *CURVES) for each in timing.rounds_at[percent, 4])
    assert all(seconds > 0 for rounds in timing.rounds_at.values() for each in rounds for seconds in each.values())
    assert timing.done(90, 4) and not timing.done(50, 4) and not timing.done(90, 8)
    assert timing.swept(4, (0, 50, 90)) and not timing.swept(4, (0, 40)) and not timing.swept(8, (0, 50, 90))
    assert timing.limits is not None and timing.first[4] > 0
    assert {each.clock for each in timing.result(90, 4, (0, 50, 90)).times.values()} == {"thread time"}


def test_what_is_known_is_not_measured_again(net):
    timing = measured(net)
    before = dict(timing.rounds_at)
    list(timing.run(50, 4, (0, 50, 90)))
    assert {place for place in before if timing.rounds_at[place] is not before[place]} == {(50, 4)}
    timing.forget(50, 4)
    assert not timing.swept(4, (0, 50, 90))


def test_larger_batches_repeat_the_samples_and_the_naive_loop_may_take_a_part(net, monkeypatch):
    monkeypatch.setattr("minnet.experiments.inference_timing.LONGEST", 10 * 1500)
    seen = {}
    timing = InferenceTiming(Backends(net, ()), mn.data.digits().val.x[:50], 1)
    ready = timing.backends.ready

    def watched(part, names=None):
        for name, runner in ready(part, names):
            def predict(x, name=name, runner=runner):
                seen.setdefault(name, []).append(len(x))
                return runner.predict(x)
            yield name, made.Backend(predict, runner.density, runner.building)

    timing.backends.ready = watched
    list(timing.run(0, 128, ()))
    assert set(seen[SPARSE]) == set(seen[DENSE]) == {128}
    assert set(seen[NAIVE]) == {int(10 * 1500 / timing.backends.weights)} == {6}


def test_a_part_is_counted_for_the_whole_batch(net, monkeypatch):
    """By a clock on which every call takes a second."""
    monkeypatch.setattr("minnet.experiments.inference_timing.LONGEST", 6 * 2216)
    clock = [0.0]
    for name in ("perf_counter", "thread_time"):
        monkeypatch.setattr(f"minnet.experiments.inference_timing.{name}", lambda: clock[0])
    timing = InferenceTiming(Backends(net, ()), mn.data.digits().val.x, 1)
    assert timing.backends.weights == 2216

    def predict(x):
        clock[0] += 1

    timing.backends.ready = lambda part, names=None: ((name, made.Backend(predict, 1.0, 0.0)) for name in names)
    list(timing.run(0, 12, ()))
    assert timing.rounds_at[0, 12] == ({name: 2.0 if name == NAIVE else 1.0 for name in timing.backends.names},)


def test_one_core_and_all_of_them_afterwards(net):
    from threadpoolctl import threadpool_info

    def cores():
        return [pool["num_threads"] for pool in threadpool_info()]

    timing = InferenceTiming(Backends(net, ()), mn.data.digits().val.x)
    before = cores()
    with timing._one_core():
        assert set(cores()) == {1}
    assert cores() == before


def test_what_is_made_of_them_is_always_the_same(net):
    timing = measured(net)
    assert timing.result(50, 4, (0, 50, 90)) == timing.result(50, 4, (0, 50, 90))
