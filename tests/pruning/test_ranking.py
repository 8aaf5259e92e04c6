"""Pruning removes exactly what was asked for, and nothing comes back by accident."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minnet as mn

SPARSITIES = st.one_of(st.sampled_from([0.0, 0.5, 0.9, 1.0]), st.floats(0, 1))


def small_net(seed, levels=0):
    """A 12-9-7-5 network; with ``levels`` its weights take few values, so that scores tie (1: all equal)."""
    net = mn.models.mlp(12, 9, 7, 5, rng=seed)
    if levels:
        rng = np.random.default_rng(seed)
        for param in net.params():
            param.data = rng.integers(1, levels + 1, param.shape)
    return net


STRUCTURES = {
    "weights": mn.weights,
    "blocks": mn.blocks(2, 3),
    "out": mn.along("out"),
    "in": mn.along("in"),
}
SCOPES = {"network": mn.network, "layer": mn.layer}


def removed_units(net, structure):
    """Ids of the units without a kept weight, counted the slow way; {layer: (removed, all)}."""
    result = {}
    for path, ids in structure(net).items():
        param = {p.path: p for p in net.params()}[path]
        if param.prunable:
            ids = np.broadcast_to(ids, param.shape)
            kept = np.ones(param.shape, bool) if param.mask is None else param.mask
            units = set(ids[ids >= 0].tolist())
            alive = set(ids[(ids >= 0) & kept].tolist())
            result[path] = (len(units - alive), len(units))
    return result


def removed_weights(net):
    return sum(p.size - p.kept for p in net.params() if p.prunable)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(STRUCTURES)), st.sampled_from(sorted(SCOPES)), SPARSITIES,
       st.integers(0, 3), st.integers(0, 50))
def test_exactly_the_rounded_number_of_units_falls(structure, scope, s, levels, seed):
    net = small_net(seed, levels)
    before = [p.data.copy() for p in net.params()]
    mn.prune(net, s, structure=STRUCTURES[structure], scope=SCOPES[scope])
    counts = removed_units(net, STRUCTURES[structure])
    spare = 1 if structure in ("out", "in") else 0  # structured pruning keeps one unit of each layer
    if scope == "layer":
        for removed, count in counts.values():
            assert removed == min(round(s * count), count - spare)
    else:
        count = sum(n for _, n in counts.values())
        assert sum(r for r, _ in counts.values()) == min(round(s * count), count - spare * len(counts))
    for param, data in zip(net.params(), before, strict=True):
        assert np.array_equal(param.data, data)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 7), SPARSITIES, st.integers(0, 2), st.integers(0, 20))
def test_every_window_loses_its_rounded_share(m, s, levels, seed):
    net = small_net(seed, levels)
    mn.prune(net, s, scope=mn.window(m))
    for param in net.params():
        if param.prunable:
            gone = np.zeros(param.shape, bool) if param.mask is None else ~param.mask
            for start in range(0, param.shape[0], m):
                width = min(m, param.shape[0] - start)
                assert np.all(gone[start : start + m].sum(axis=0) == round(s * width))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(STRUCTURES)), st.sampled_from(sorted(SCOPES)), st.tuples(SPARSITIES, SPARSITIES),
       st.integers(0, 3))
def test_masks_are_nested_and_the_slider_goes_both_ways(structure, scope, two, levels):
    net = small_net(3, levels)
    ranking = mn.rank(net, structure=STRUCTURES[structure], scope=SCOPES[scope])
    low, high = sorted(two)
    few, many = ranking.masks(low), ranking.masks(high)
    for path in few:
        assert not np.any(many[path] & ~few[path])
    for s in (low, high, low):
        ranking.apply(s)
    for param in net.params():
        expected = few.get(param.path, np.True_)
        assert np.array_equal(np.True_ if param.mask is None else param.mask, expected) or expected.all()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(STRUCTURES)), st.sampled_from(sorted(SCOPES)),
                          st.sampled_from(["magnitude", "random"]), SPARSITIES), min_size=2, max_size=6))
def test_no_sequence_of_prunes_restores_anything(calls):
    net = small_net(0)
    gone = [np.zeros(p.shape, bool) for p in net.params()]
    for structure, scope, criterion, s in calls:
        mn.prune(net, s, criterion, STRUCTURES[structure], SCOPES[scope], rng=0)
        now = [np.zeros(p.shape, bool) if p.mask is None else ~p.mask for p in net.params()]
        assert all(np.all(new[old]) for new, old in zip(now, gone, strict=True))
        gone = now


def test_of_equals_the_lower_index_falls():
    net = small_net(0, levels=1)
    mn.prune(net, 0.25, scope=mn.layer)
    mask = net.params()[0].mask.ravel()
    assert not mask[:27].any() and mask[27:].all()


def test_units_that_are_gone_count_and_come_first():
    net = small_net(0)
    mn.prune(net, 0.5, criterion=mn.random, rng=0)
    first = [p.mask for p in net.params()]
    mn.prune(net, 0.5)
    mn.prune(net, 0.2)
    assert all(p.mask is old for p, old in zip(net.params(), first, strict=True))  # nothing was even written
    mn.prune(net, 0.6)
    assert removed_weights(net) == round(0.6 * 206)


def test_a_neuron_falls_with_its_bias_and_the_last_layer_is_left_alone():
    net = small_net(0)
    mn.prune(net, 0.5, structure=mn.along("out"))
    w1, b1, _, b2, w3, b3 = net.params()
    assert np.array_equal(b1.mask, w1.mask.any(axis=0)) and np.array_equal(w1.mask.all(axis=0), w1.mask.any(axis=0))
    assert w3.mask is None and b3.mask is None
    assert (~b1.mask).sum() + (0 if b2.mask is None else (~b2.mask).sum()) == 8


def test_masks_by_weight_remove_at_least_that_share_and_no_unit_more():
    for structure in STRUCTURES.values():
        net = small_net(0)
        ranking = mn.rank(net, structure=structure)
        for s in (0.1, 0.3, 0.5):
            ranking.apply(weights=s)
            assert mn.sparsity(net) >= s - 1e-12
            assert mn.sparsity(net) - s < ranking.units.size.max() / ranking.units.weights


def test_sparsity_by_layer():
    net = small_net(0)
    mn.prune(net, {"dense1": 0.75, "dense3": 0.2})
    w1, _, w2, _, w3, _ = net.params()
    assert (~w1.mask).sum() == round(0.75 * w1.size) and w2.mask is None and (~w3.mask).sum() == round(0.2 * w3.size)
    with pytest.raises(ValueError, match="'dense3'"):
        mn.prune(net, {"dense33": 0.5})


@pytest.mark.parametrize(("wrong", "error", "says"), [
    (90, ValueError, r"did you mean 0\.9\?"),
    (-0.1, ValueError, "between 0 and 1"),
    (math.nan, ValueError, "NaN"),
    ("0.9", TypeError, "'0.9'"),
    (None, TypeError, "None"),
    (True, TypeError, "True"),
    ({"dense1": 90}, ValueError, "did you mean 0.9"),
])
def test_wrong_sparsity_is_explained_and_changes_nothing(wrong, error, says):
    net = small_net(0)
    mn.prune(net, 0.3)
    before = [p.mask for p in net.params()]
    with pytest.raises(error, match=says):
        mn.prune(net, wrong)
    assert all(p.mask is old for p, old in zip(net.params(), before, strict=True))


@pytest.mark.parametrize(("arguments", "error", "says"), [
    ({"criterion": "magnitud"}, ValueError, "Did you mean 'magnitude'"),
    ({"criterion": lambda wait: wait}, TypeError, "Did you mean 'weight'"),
    ({"criterion": lambda weight: weight * np.nan}, ValueError, "NaN"),
    ({"structure": mn.along("uot")}, ValueError, "'out'"),
    ({"structure": mn.along("out"), "scope": mn.window(4)}, ValueError, "structure=weights"),
    ({"combine": "avarage"}, ValueError, "'mean', 'sum' or 'l2'"),
])
def test_wrong_words_are_explained_and_change_nothing(arguments, error, says):
    net = small_net(0)
    with pytest.raises(error, match=says):
        mn.prune(net, 0.5, **arguments)
    assert all(p.mask is None for p in net.params())


@pytest.mark.parametrize("optimiser", [
    mn.SGD(0.1, momentum=0.9), mn.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    mn.SGD(0.1, l1=0.001), mn.Adam(0.01), mn.AdamW(0.01, weight_decay=0.1),
], ids=repr)
def test_a_removed_weight_stays_removed_and_its_number_untouched(optimiser):
    rng = np.random.default_rng(0)
    data = rng.normal(size=(40, 12)).astype(np.float32), rng.integers(0, 5, 40)
    net = small_net(0)
    for _ in mn.steps(net, data, optimiser, count=20, rng=0):
        pass
    mn.prune(net, 0.8)
    masks, numbers = [p.mask for p in net.params()], [p.data.copy() for p in net.params()]
    run = mn.steps(net, data, optimiser, count=100, rng=0)
    for _ in run:
        pass
    for param, mask, number in zip(net.params(), masks, numbers, strict=True):
        assert param.mask is mask
        if mask is not None:
            assert np.array_equal(param.data[~mask], number[~mask])
            assert not np.array_equal(param.data[mask], number[mask])
            assert not param.value[~mask].any()


def test_momentum_does_not_revive_what_is_pruned_inside_the_loop():
    rng = np.random.default_rng(0)
    data = rng.normal(size=(40, 12)).astype(np.float32), rng.integers(0, 5, 40)
    net = small_net(0)
    schedule = mn.cubic(0.9, start=5, stop=40)
    for step in mn.steps(net, data, mn.SGD(0.1, momentum=0.9), count=60, rng=0):
        mn.prune(net, schedule(step.index))
        if step.index == 45:
            numbers = [p.data.copy() for p in net.params()]
    assert removed_weights(net) == round(0.9 * 206)
    for param, number in zip(net.params(), numbers, strict=True):
        if param.mask is not None:
            assert np.array_equal(param.data[~param.mask], number[~param.mask])


def test_restore_brings_every_number_back():
    net = small_net(0)
    x = np.random.default_rng(0).normal(size=(3, 12)).astype(np.float32)
    before = net(x)
    mn.prune(net, 0.9)
    assert not np.array_equal(net(x), before)
    mn.restore(net)
    assert np.array_equal(net(x), before) and mn.sparsity(net) == 0


def test_schedules():
    cubic = mn.cubic(0.9, start=10, stop=20)
    assert [cubic(s) for s in (0, 10, 20, 99)] == [0, 0, 0.9, 0.9]
    assert cubic(15) == pytest.approx(0.9 * (1 - 0.5**3))
    assert mn.linear(0.8, stop=10)(5) == pytest.approx(0.4)
    assert [mn.one_shot(0.5, at=3)(s) for s in (2, 3)] == [0, 0.5]
    rounds = mn.geometric(0.9, 3)
    assert rounds[-1] == pytest.approx(0.9)
    left = [1, *(1 - s for s in rounds)]
    assert left[1] / left[0] == pytest.approx(left[2] / left[1]) == pytest.approx(left[3] / left[2])
