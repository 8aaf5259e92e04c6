"""Costs, compared with counts by hand, with the bytes really written, and with a clock of our own."""

import gzip
import itertools
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import minnet as mn
from tests.test_threads import count


def test_parameters_of_a_pruned_network():
    net = mn.models.lenet_300_100(rng=0)
    mn.prune(net, 0.9)
    count = mn.measure.parameters(net)
    assert (count.all, count.weights, count.others) == (266_610, 266_200, 410)
    assert count.kept_weights == 26_620 and count.kept == 26_620 + 410
    assert count.compression == pytest.approx(266_610 / 27_030)
    assert [row[:2] for row in count.rows[:2]] == [("dense1.weight", 235_200), ("dense1.bias", 300)]
    assert sum(row[2] for row in count.rows) == count.kept
    assert 1 - count.kept_weights / count.weights == mn.sparsity(net)
    assert "27,030 of 266,610 parameters kept (9.9×)" in repr(count) and "dense2.weight" in repr(count)


def test_nothing_left_and_nothing_there():
    net = mn.Dense(3, 2, bias=False, rng=0)
    net.weight.mask = np.zeros((3, 2), bool)
    assert mn.measure.parameters(net).compression == float("inf")
    assert mn.measure.multiply_adds(net, np.ones((1, 3))).effective == 0
    assert mn.measure.parameters(mn.ReLU()).all == 0
    assert mn.measure.multiply_adds(mn.ReLU(), np.ones((1, 3))).dense == 0


def test_multiply_adds_counted_by_hand():
    net = mn.models.lenet5(rng=0)
    # 24 × 24 and 8 × 8 places, each with all weights of the convolution; then two dense layers.
    by_hand = [24 * 24 * 20 * 25, 8 * 8 * 50 * 20 * 25, 800 * 500, 500 * 10]
    count = mn.measure.multiply_adds(net)
    assert [dense for _, dense, _ in count.rows] == by_hand and count.dense == count.effective == sum(by_hand)
    mn.prune(net, 0.5, scope=mn.layer)
    count = mn.measure.multiply_adds(net)
    assert count.dense == sum(by_hand) and count.effective == sum(by_hand) // 2
    assert f"{count.effective:,} of 2,293,000 multiply-adds" in repr(count)


def test_multiply_adds_of_attention():
    net = mn.Sequential(mn.Attention(6, 3, 4, rng=0), mn.MeanPool(), mn.Dense(6, 2, rng=0))
    x = np.random.default_rng(0).normal(size=(2, 5, 6)).astype(np.float32)
    projections, between, last = 5 * 6 * 12 * 4, 2 * 3 * 5 * 5 * 4, 6 * 2
    assert mn.measure.multiply_adds(net, x).dense == projections + between + last
    mn.prune(net, 1 / 3, structure=mn.along("head"))
    count = mn.measure.multiply_adds(net, x)
    assert count.dense == projections + between + last
    assert count.effective == (projections + between) * 2 // 3 + last
    # Half a head is still a head; one whose answers are thrown away is none.
    mn.restore(net)
    mn.prune(net, 0.5)
    assert mn.measure.multiply_adds(net, x).rows[3] == ("attention1 between tokens", between, between)
    mn.restore(net)
    net.layers[0].out.mask = np.arange(3)[:, None, None] * np.ones((3, 4, 6), int) == 1
    assert mn.measure.multiply_adds(net, x).rows[3] == ("attention1 between tokens", between, between // 3)


def test_operations_are_for_one_sample_whatever_comes_in():
    net = mn.models.mlp(4, 3, 2, rng=0)
    counts = [mn.measure.multiply_adds(net, x) for x in (None, np.ones(4), np.ones((1, 4)), np.ones((9, 4)))]
    assert all(count == counts[0] for count in counts) and counts[0].dense == 18
    with pytest.raises(ValueError, match=r"pass a sample, multiply_adds\(net, x\)"):
        mn.measure.multiply_adds(mn.Dense(3, 2, rng=0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_storage_is_what_is_really_written(dtype, tmp_path):
    net = mn.models.mlp(40, 30, 10, rng=0).astype(dtype)
    mn.prune(net, 0.8)
    size = np.dtype(dtype).itemsize
    stored = mn.measure.storage(net)
    values = [p.value for p in net.params()]
    np.savez(tmp_path / "dense.npz", *values)  # uncompressed, and some hundred bytes of names around each array
    assert stored.dense == 1540 * size < (tmp_path / "dense.npz").stat().st_size < stored.dense + 2000
    assert stored.gzip == len(gzip.compress(b"".join(v.tobytes() for v in values)))
    # 300 weights are left; a column number takes one byte, a row start two (one where the layer keeps under 256).
    left = [p.kept for p in net.params() if p.prunable]
    starts = [(rows + 1) * (1 if kept < 256 else 2) for rows, kept in zip((30, 10), left, strict=True)]
    assert sum(left) == 300
    assert stored.csr == 300 * (size + 1) + sum(starts) + 40 * size
    assert stored.bitmap == 300 * size + 1500 // 8 + 1 + 40 * size
    assert "bitmap" in repr(stored) and f"{stored.csr:,}" in repr(stored)


def test_the_saved_file_is_the_bitmap_and_a_header(tmp_path):
    net = mn.models.lenet_300_100(rng=0)
    mn.prune(net, 0.9)
    mn.save(net, tmp_path / "net")
    assert 0 < (tmp_path / "net").stat().st_size - mn.measure.storage(net).bitmap < 2000


def test_latency_runs_the_candidates_in_turn():
    calls = []
    timing = mn.measure.latency({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=4, sample=0)
    warm_up, timed = calls[:4], calls[4:]
    assert warm_up == ["a", "a", "b", "b"]
    assert timed == ["a", "a", "b", "b"] * 4  # once to warm the caches, once by the clock
    assert set(timing) == {"a", "b"}
    for one in timing.values():
        assert 0 < one.low <= one.median <= one.high


def test_latency_measures_what_it_says():
    one = mn.measure.latency(lambda: time.sleep(0.005), rounds=3)
    assert one.median >= 0.005  # a sleep is never shorter
    assert " ms (" in str(one) and repr(one) == f"{one}, wall time"


def test_times_are_written_out():
    assert str(mn.measure.Timing(810e-6, 716e-6, 8620e-6)) == "810 µs (716–8,620)"
    assert str(mn.measure.Timing(0.00123, 0.001, 0.9996)) == "1.23 ms (1–1,000)"


def test_latency_of_networks():
    net, x = mn.models.mlp(4, 3, 2, rng=0), np.ones((1, 4), np.float32)
    seen = []
    both = mn.measure.latency({"net": net, "other": lambda x: seen.append(x.shape)}, x, rounds=2, sample=0)
    assert set(both) == {"net", "other"} and set(seen) == {(1, 4)}
    assert mn.measure.latency(net, x, rounds=1, sample=0).median > 0


def test_latency_stops_when_its_budget_is_spent():
    calls = []
    mn.measure.latency(lambda: calls.append(0), rounds=1000, sample=0, budget=0)
    assert len(calls) == 2 + 2 * 3  # three rounds at least


def test_latency_reads_the_clock_that_it_is_given():
    seconds = itertools.count()
    assert mn.measure.latency(lambda: next(seconds), rounds=3, sample=0, clock=lambda: next(seconds)).median == 2


def test_latency_leaves_out_the_time_of_other_programs_where_it_can():
    net, x = mn.models.mlp(4, 3, 2, rng=0), np.ones((1, 4), np.float32)

    class Interrupted(mn.Layer):
        def forward(self, x, rng=None):
            time.sleep(0.01)  # as if another program had the core
            return x, lambda dy: dy

    try:
        slow = mn.Sequential(*net.layers, Interrupted())
    finally:
        mn.Layer.registry.pop("Interrupted")
    both = mn.measure.latency({"net": net, "slow": slow, "compiled": mn.sparse.compile(net)}, x, rounds=3)
    assert all(each.clock == "thread time" for each in both.values()) and both["slow"].median < 0.005
    assert repr(both["net"]).endswith(", thread time")
    for how in ({"threads": None}, {"clock": time.perf_counter}):
        wall = mn.measure.latency({"net": net, "slow": slow}, x, rounds=1, **how)
        assert wall["slow"].clock == "wall time" and wall["slow"].median >= 0.01
    mixed = mn.measure.latency({"net": net, "function": lambda x: time.sleep(0.01)}, x, rounds=1)
    assert mixed["net"].clock == "wall time" and mixed["function"].median >= 0.01


def test_latency_compares_one_core_with_one_core():
    seen = []
    with threadpool_limits(2):
        if count() != 2:
            pytest.skip("these libraries don't let their threads be counted")
        for threads, wanted in ((1, 1), (2, 2), (None, 2)):
            mn.measure.latency(lambda: seen.append(count()), threads=threads, rounds=1, sample=0)
            assert set(seen) == {wanted}
            seen.clear()
        assert count() == 2


@pytest.mark.parametrize(("call", "error"), [
    (lambda: mn.measure.latency({}), TypeError),
    (lambda: mn.measure.latency(print, threads=0), ValueError),
    (lambda: mn.measure.latency({"a": 3}), TypeError),
    (lambda: mn.measure.latency(print, rounds=0), ValueError),
    (lambda: mn.measure.parameters(np.zeros(3)), TypeError),
    (lambda: mn.measure.storage("net"), TypeError),
    (lambda: mn.measure.multiply_adds(None), TypeError),
])
def test_wrong_arguments(call, error):
    with pytest.raises(error):
        call()


def test_measuring_changes_nothing():
    net = mn.models.mlp(4, 3, 2, rng=0)
    mn.prune(net, 0.5)
    before = [(p.data.copy(), p.mask, p.grad) for p in net.params()]
    mn.measure.parameters(net), mn.measure.multiply_adds(net), mn.measure.storage(net)
    for param, (data, mask, grad) in zip(net.params(), before, strict=True):
        assert np.array_equal(param.data, data) and param.mask is mask and param.grad is grad
