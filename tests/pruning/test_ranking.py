"""Pruning removes exactly what was asked for, and nothing comes back by accident."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minnet as mn
from minnet.messages import functions_of
from minnet.nn.param import Param
from minnet.pruning import evidence
from minnet.pruning import ranking as ranking_file
from minnet.pruning.ranking import set_masks

from . import trials
from .trials import NETS, SCOPES, Slow, cases, masks_of, removed_weights, small_net, some_net

SPARSITIES = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]), st.floats(0, 1))
STRUCTURES = trials.structures()
FITTING = [(net, structure, scope) for net in NETS for structure in STRUCTURES for scope in SCOPES
           if trials.fits(net, STRUCTURES[structure], SCOPES[scope])]
PAIRS = sorted({(net, structure) for net, structure, _ in FITTING})


def expect(net, masks, numbers):
    """These masks and no others, and no number moved."""
    for param, data in zip(net.params(), numbers, strict=True):
        assert np.array_equal(param.kept_mask, masks[param.path])
        assert np.array_equal(param.data, data)


def test_the_suite_tries_every_structure_there_is_in_every_scope():
    for name, function in trials.FUNCTIONS.items():
        assert name in STRUCTURES or name in trials.WITH_ARGUMENTS, f"give {name} an example in tests/pruning/trials.py"
        assert callable(function)
    assert {structure for _, structure, _ in FITTING} == set(STRUCTURES)
    assert {scope for _, _, scope in FITTING} == set(SCOPES)
    assert {net for net, _, _ in FITTING} == set(NETS)


@cases(400, 10_000)
@given(st.sampled_from(FITTING), SPARSITIES, st.integers(0, 3), st.integers(0, 50))
def test_exactly_the_rounded_number_of_units_is_pruned_and_exactly_the_lowest(case, s, levels, seed):
    name, structure, scope = case
    structure, scope = STRUCTURES[structure], SCOPES[scope]
    net = some_net(name, seed, levels)
    numbers = [p.data.copy() for p in net.params()]
    slow = Slow(net, structure, scope, {p.path: np.abs(p.data) for p in net.params()})
    mn.prune(net, s, structure=structure, scope=scope)
    expect(net, slow.masks(slow.lowest(s)), numbers)
    pruned, fixed = slow.pruned(masks_of(net)), slow.fixed()
    for units in slow.members().values():
        assert len(pruned & set(units)) == min(round(s * len(units)), len(set(units) - fixed))


@cases(100, 2_000)
@given(st.sampled_from(sorted(NETS)), st.integers(1, 9), SPARSITIES, st.integers(0, 2), st.integers(0, 20))
def test_every_window_loses_its_rounded_share(name, m, s, levels, seed):
    net = some_net(name, seed, levels)
    mn.prune(net, s, scope=mn.window(m))
    for param in net.params():
        if param.prunable:
            pruned = param.matrix(~masks_of(net)[param.path])  # inputs × outputs
            for start in range(0, len(pruned), m):
                width = min(m, len(pruned) - start)
                assert np.all(pruned[start : start + m].sum(axis=0) == round(s * width))


def test_two_of_four_go_in_every_weight_of_a_transformer_and_of_a_convolution():
    for net in (mn.models.tiny_transformer(rng=0), mn.models.lenet5(rng=0)):
        mn.prune(net, 0.5, scope=mn.window(4))
        for param in net.params():
            if param.prunable:
                kept = param.matrix(param.mask)
                full = len(kept) // 4 * 4
                assert np.all(kept[:full].reshape(-1, 4, kept.shape[1]).sum(axis=1) == 2)
                # out of order the rule does not hold: the windows are neighbours, and not just any four
                assert not np.all(kept[1 : full - 3].reshape(-1, 4, kept.shape[1]).sum(axis=1) == 2)


@cases(150, 3_000)
@given(st.sampled_from(FITTING), st.tuples(SPARSITIES, SPARSITIES), st.integers(0, 3))
def test_masks_are_nested_and_the_slider_goes_both_ways(case, two, levels):
    name, structure, scope = case
    net = some_net(name, 3, levels)
    numbers, every = [p.data.copy() for p in net.params()], {p.path: np.ones(p.shape, bool) for p in net.params()}
    ranking = mn.rank(net, structure=STRUCTURES[structure], scope=SCOPES[scope])
    low, high = sorted(two)
    few, many = every | ranking.masks(low), every | ranking.masks(high)
    for path in few:
        assert not np.any(many[path] & ~few[path])
    for s, masks in ((low, few), (high, many), (low, few), (1.0, None), (0.0, every), (high, many)):
        ranking.apply(s)
        if masks is not None:
            expect(net, masks, numbers)


@cases(100, 1_000)
@given(st.sampled_from(sorted(NETS)), st.data())
def test_no_sequence_of_prunes_restores_anything_or_forgets_what_is_pruned(name, data):
    net = some_net(name)
    numbers = [p.data.copy() for p in net.params()]
    choices = [(structure, scope) for which, structure, scope in FITTING if which == name]
    for _ in range(data.draw(st.integers(2, 6))):
        structure, scope = data.draw(st.sampled_from(choices))
        s, criterion = data.draw(SPARSITIES), data.draw(st.sampled_from(["magnitude", "random"]))
        slow, before = Slow(net, STRUCTURES[structure], SCOPES[scope]), masks_of(net)
        mn.prune(net, s, criterion, STRUCTURES[structure], SCOPES[scope], rng=0)
        after = masks_of(net)
        assert not any(np.any(after[path] & ~before[path]) for path in before)
        old, new = slow.pruned(before), slow.pruned(after)
        for units in slow.members().values():  # pruned units count, and the rest of the budget is spent on the others
            wanted = max(len(old & set(units)), round(s * len(units)))
            if slow.keeps_one:
                wanted = min(wanted, len(units))
                assert len(new & set(units)) <= wanted
            else:
                assert len(new & set(units)) == wanted
        if slow.keeps_one:  # every layer that lived still lives
            lived = {slow.home[unit] for unit in set(slow.places) - old}
            assert lived == {slow.home[unit] for unit in set(slow.places) - new}
    for param, data_before in zip(net.params(), numbers, strict=True):
        assert np.array_equal(param.data, data_before)


@pytest.mark.parametrize("criterion", sorted(trials.CRITERIA))
@pytest.mark.parametrize(("name", "structure"), PAIRS)
def test_every_criterion_ranks_every_structure(name, structure, criterion):
    net = some_net(name)
    data = trials.batch_for(net)
    scores = evidence.scores(net, criterion, data, rng=5)
    slow = Slow(net, STRUCTURES[structure], mn.layer, scores)
    mn.prune(net, 0.5, criterion, STRUCTURES[structure], mn.layer, data=data, rng=5)
    pruned, fixed = slow.pruned(masks_of(net)), slow.fixed()
    for units in slow.members().values():
        assert len(pruned & set(units)) == min(round(0.5 * len(units)), len(set(units) - fixed))
    for unit in pruned:  # no pruned unit was better than one that is kept (up to the order of sums)
        left = [other for other in slow.members()[slow.group[unit]] if other not in pruned]
        assert all(slow.score[unit] <= slow.score[other] * (1 + 1e-6) + 1e-12 for other in left)


def test_a_criterion_is_one_function_and_a_structure_is_one_function():
    def loudest(weight, act):
        """A criterion of our own: the reverse of wanda."""
        return -np.abs(weight) * act

    def odd_rows(net):
        """A structure of our own: every other input is a unit, those between are never pruned."""
        ids, start = {}, 0
        for param in net.params():
            if param.prunable:
                rows = np.arange(param.shape[0])
                units = np.where(rows % 2 == 1, start + rows // 2, -1)
                ids[param.path] = units.reshape(-1, *[1] * (param.data.ndim - 1))
                start += param.shape[0] // 2
        return ids

    for name in NETS:
        net = some_net(name)
        data, numbers = trials.batch_for(net), [p.data.copy() for p in net.params()]
        slow = Slow(net, odd_rows, mn.network, evidence.scores(net, loudest, data))
        ranking = mn.rank(net, loudest, odd_rows, data=data)
        for s in (0.3, 0.8, 1.0):
            ranking.apply(s)
            expect(net, slow.masks(slow.lowest(s)), numbers)
        assert all(masks_of(net)[p.path][::2].all() for p in net.params())  # −1 is never touched


def test_new_functions_in_the_two_files_are_public_and_known_by_name(monkeypatch):
    from minnet.pruning import criteria

    def upside_down(weight):
        """A toy criterion."""
        return -np.abs(weight)

    upside_down.__module__ = criteria.__name__
    monkeypatch.setattr(criteria, "upside_down", upside_down, raising=False)
    assert functions_of(criteria)["upside_down"] is upside_down  # this is how mn.* and the test suite find it
    net = small_net(0)
    mn.prune(net, 0.5, "upside_down")
    weight = net.params()[0]
    assert np.abs(weight.data[weight.mask]).max() < np.abs(weight.data[~weight.mask]).min()
    with pytest.raises(ValueError, match="Did you mean 'upside_down'"):
        mn.prune(net, 0.6, "upside_dwn")
    assert list(inspect.signature(mn.weights).parameters) == ["net"]


def test_the_one_unit_that_a_layer_keeps_is_alive():
    net = small_net(0)
    for seed in range(20):  # for no seed is the neuron that must be kept an already pruned one
        mn.prune(net, 0.05 * seed, "random", mn.along("out"), mn.layer, rng=seed)
    mn.prune(net, 1.0, "random", mn.along("out"), rng=99)
    assert [p.mask.any(axis=0).sum() for p in net.params() if p.prunable and p.mask is not None] == [1, 1]


def test_a_layer_that_is_pruned_completely_counts_and_stays_pruned():
    net = small_net(0)
    mn.prune(net, {"dense1": 1.0})
    mn.prune(net, 11 / 16, structure=mn.along("out"))
    w1, _, w2, *_ = net.params()
    assert (~w1.mask.any(axis=0)).sum() == 9 and (~w2.mask.any(axis=0)).sum() == 2


def test_among_equals_the_lower_index_is_pruned():
    net = small_net(0, levels=1)
    mn.prune(net, 0.25, scope=mn.layer)
    mask = net.params()[0].mask.ravel()
    assert not mask[:27].any() and mask[27:].all()


def test_pruned_units_count_and_come_first():
    net = small_net(0)
    mn.prune(net, 0.5, criterion=mn.random, rng=0)
    first = [p.mask for p in net.params()]
    mn.prune(net, 0.5)
    mn.prune(net, 0.2)
    assert all(p.mask is old for p, old in zip(net.params(), first, strict=True))  # nothing was even written
    mn.prune(net, 0.6)
    assert removed_weights(net) == round(0.6 * 206)


def test_a_neuron_is_pruned_with_its_bias_and_the_last_layer_is_left_alone():
    net = small_net(0)
    mn.prune(net, 0.5, structure=mn.along("out"))
    w1, b1, _, b2, w3, b3 = net.params()
    assert np.array_equal(b1.mask, w1.mask.any(axis=0)) and np.array_equal(w1.mask.all(axis=0), w1.mask.any(axis=0))
    assert w3.mask is None and b3.mask is None
    assert (~b1.mask).sum() + (0 if b2.mask is None else (~b2.mask).sum()) == 8


@pytest.mark.parametrize(("name", "structure"), PAIRS)
def test_masks_by_weight_remove_at_least_that_share_and_no_unit_more(name, structure):
    net = some_net(name)
    ranking = mn.rank(net, structure=STRUCTURES[structure])
    ranking.apply(1.0)
    most = mn.sparsity(net)  # what this structure can remove at all
    for s in (0.0, 0.1, 0.3, 0.5, 0.9):
        ranking.apply(weights=s)
        assert min(s, most) - 1e-12 <= mn.sparsity(net)
        assert s == 0 or mn.sparsity(net) - s < ranking.units.size.max() / ranking.units.weights


def test_sparsity_by_layer():
    net = small_net(0)
    mn.prune(net, {"dense1": 0.75, "dense3": 0.2})
    w1, _, w2, _, w3, _ = net.params()
    assert (~w1.mask).sum() == round(0.75 * w1.size) and w2.mask is None and (~w3.mask).sum() == round(0.2 * w3.size)
    with pytest.raises(ValueError, match=r"no layer 'dense33'.*Did you mean 'dense3'.*dense1, dense2, dense3"):
        mn.prune(net, {"dense33": 0.5})


def test_sparsity_by_layer_keeps_to_the_scope():
    net = small_net(0)
    mn.prune(net, {"dense1": 0.5, "dense2": 0.25}, scope=mn.window(4))
    w1, _, w2, _, w3, _ = net.params()
    assert np.all(w1.mask.reshape(3, 4, 9).sum(axis=1) == 2) and w3.mask is None
    assert np.all((~w2.mask)[:8].reshape(2, 4, 7).sum(axis=1) == 1)
    ranking = mn.rank(small_net(0), scope=mn.window(4))  # and a slider may go from one to the other
    by_layer, plain = {"dense1": 0.5, "dense2": 0.5, "dense3": 0.5}, ranking.masks(0.5)
    for _ in range(2):
        assert all(np.array_equal(mask, plain[path]) for path, mask in ranking.masks(by_layer).items())
        assert all(np.array_equal(mask, plain[path]) for path, mask in ranking.masks(0.5).items())


def test_sparsity_by_layer_for_heads_and_neurons():
    net = mn.models.tiny_transformer(rng=0)
    heads = [path for path, layer in net.walk() if isinstance(layer, mn.Attention)]
    mn.prune(net, {heads[0]: 0.5}, structure=mn.along("head"))
    kept = {p.path: p.mask.any(axis=(0, 2)).sum() for p in net.params() if p.path.endswith(".q") and p.mask is not None}
    assert kept == {f"{heads[0]}.q": 2}
    with pytest.raises(ValueError, match=rf"no layer 'dense1'.*{heads[0]}"):
        mn.prune(net, {"dense1": 0.5}, structure=mn.along("head"))


def test_a_unit_in_no_group_is_never_pruned():
    def first_layers(net):
        return {p.path: np.full((1,) * p.data.ndim, -1 if p.path.startswith("dense3") else 0) for p in net.params()}

    for s in (0.5, 1.0, {"dense1": 1.0, "dense3": 1.0}):
        net = small_net(0)
        mn.prune(net, s, scope=first_layers)
        assert masks_of(net)["dense3.weight"].all() and removed_weights(net) in (round(0.5 * 171), 171, 108)
    assert mn.rank(small_net(0), scope=first_layers).masks(weights=1.0)["dense3.weight"].all()


def test_masks_are_set_by_path_and_others_stay():
    net = mn.models.mlp(4, 6, 3, rng=0)
    first, second = (param for param in net.params() if param.prunable)
    kept, other = np.arange(24).reshape(4, 6) % 2 == 0, np.arange(18).reshape(6, 3) > 4
    second.mask = other
    assert set_masks(net, {first.path: kept, "no such weight": kept}) is net
    assert np.array_equal(first.mask, kept) and np.array_equal(second.mask, other)
    set_masks(net, {first.path: np.ones((4, 6), bool), second.path: None})
    assert first.mask is None and second.mask is None
    assert first.kept_mask.all() and first.kept_mask.shape == (4, 6)


@pytest.mark.parametrize("structure", [mn.weights, mn.blocks(2, 2), mn.along("out"), mn.branches])
def test_units_without_weights_are_pruned_of_nothing(structure):
    """Layers of width 0, as `compact` leaves them, and branches whose layers have no weights."""
    nothing = mn.Sequential(mn.Residual(mn.LayerNorm(3)), mn.Dense(3, 0), mn.Dense(0, 2))
    for scope in (mn.network, mn.layer):
        mn.prune(nothing, 0.5, structure=structure, scope=scope)
        masks = mn.rank(nothing, structure=structure, scope=scope).masks(0.5)
        assert masks and mn.sparsity(nothing) == 0


def test_where_there_are_no_axes_none_are_named():
    with pytest.raises(ValueError, match="There are: none"):
        mn.prune(mn.LayerNorm(3), 0.5, structure=mn.along("out"))


def test_units_are_numbered_one_after_the_other_in_all_layers():
    net = mn.Sequential(mn.Dense(3, 4, rng=0), mn.Dense(4, 0), mn.Dense(0, 3), mn.Dense(3, 5, rng=0),
                        mn.Dense(5, 2, rng=0))  # two of the weights are empty: no unit is there
    assert mn.rank(net, structure=mn.weights).units.size.tolist() == [1] * (12 + 15 + 10)
    assert mn.rank(net, structure=mn.blocks(2, 2)).units.size.tolist() == [4, 4, 2, 2] + [4, 4, 2, 2, 2, 1] + [4, 4, 2]
    assert mn.rank(some_net("conv"), structure=mn.along("out")).units.size.tolist() == [12] * 3 + [12] * 4 + [16] * 5
    assert mn.rank(some_net("residual"), structure=mn.branches).units.count == 3


def test_a_unit_has_the_same_indices_in_every_parameter_in_whichever_order_their_axes_stand():
    class Turned(mn.Layer):
        def __init__(self):
            self.a = Param(np.zeros((2, 3, 4)), ("in", "row", "out"))
            self.b = Param(np.zeros((4, 2, 3)), ("out", "in", "row"))

    net = mn.Sequential(Turned(), mn.Dense(4, 2, rng=0))
    for axes in (("in", "row", "out"), ("row", "out", "in"), ("in", "out", "row")):
        ids = mn.along(*axes)(net)
        assert sorted(ids["turned1.a"].ravel()) == list(range(24))
        assert np.array_equal(ids["turned1.b"], ids["turned1.a"].transpose(2, 0, 1))
    ids = mn.along("out", "in")(net)
    assert sorted(ids["turned1.a"].ravel()) == list(range(8))
    assert np.array_equal(ids["turned1.b"][:, :, 0], ids["turned1.a"][:, 0].T)
    mn.Layer.registry.pop("Turned")


def test_rank_chooses_as_prune_does():
    x, labels = trials.batch_for(small_net(0), n=20)

    def squares(y, target):
        return float(np.sum(y**2)), 2 * y

    for how in ({"criterion": "random", "rng": 3}, {"structure": mn.along("in"), "combine": "sum"},
                {"criterion": "taylor", "data": (x, labels), "loss": squares}):
        pruned, ranked = small_net(0), small_net(0)
        mn.prune(pruned, 0.5, **how)
        mn.rank(ranked, **how).apply(0.5)
        assert all(np.array_equal(mask, masks_of(ranked)[path]) for path, mask in masks_of(pruned).items())
    assert removed_weights(pruned) == 103


@pytest.mark.parametrize("structure", [mn.weights, mn.along("in")])
@pytest.mark.parametrize("levels", [0, 1, 3])
def test_what_is_pruned_by_weight_are_the_lowest_and_among_equals_the_lower_index(structure, levels):
    net = small_net(1, levels)
    slow = Slow(net, structure, mn.network, {p.path: np.abs(p.data) for p in net.params()})
    mn.rank(net, structure=structure).apply(weights=0.4)
    pruned = slow.pruned(masks_of(net))
    free = sorted(set(slow.places) - slow.fixed(), key=lambda unit: (slow.score[unit], unit))
    assert pruned and pruned == set(free[: len(pruned)])


def test_few_groups_and_many_are_pruned_alike(monkeypatch):
    def two_by_two(net):  # two layers compete, and the one that each of them keeps may be any in the order of both
        return {path: group // 2 for path, group in mn.layer(net).items()}

    net = mn.Sequential(*(mn.Dense(5, 5, rng=seed) for seed in range(140)))
    for scope in (mn.layer, two_by_two):  # more groups than are partitioned one by one
        monkeypatch.setattr(ranking_file, "FEW", 64)
        many = mn.rank(net, structure=mn.along("out"), scope=scope)
        masks = {s: many.masks(s) for s in (0.2, 0.6, 1.0)}
        monkeypatch.setattr(ranking_file, "FEW", 200)
        for s, expected in masks.items():
            few = mn.rank(net, structure=mn.along("out"), scope=scope).masks(s)
            assert all(np.array_equal(mask, expected[path]) for path, mask in few.items())
            left = [int(mask.any(axis=0).sum()) for mask in few.values() if mask.ndim == 2]
            assert min(left) >= 1 and (scope is not mn.layer or set(left) == {max(1, 5 - round(5 * s))})


def test_where_nothing_is_pruned_there_is_no_mask():
    net = small_net(0)
    ranking = mn.rank(net)
    ranking.apply(0.5)
    assert all(p.mask is not None for p in net.params() if p.prunable)
    ranking.apply(0.0)
    assert all(p.mask is None for p in net.params())


def test_restore_brings_back_everything_but_what_was_cut():
    net = small_net(0)
    numbers = [p.data.copy() for p in net.params()]
    mn.prune(net, 0.5)
    mn.restore(net)
    assert all(p.mask is None and np.array_equal(p.data, old) for p, old in zip(net.params(), numbers, strict=True))
    mn.prune(net, 0.5)
    mn.cut(net)
    before = [p.mask for p in net.params()]
    with pytest.raises(ValueError, match=r"^103 numbers were cut and are gone for good; train .*mn\.cut\(net\)$"):
        mn.restore(net)
    assert all(p.mask is old for p, old in zip(net.params(), before, strict=True))
    assert all(not p.data[~p.mask].any() for p in net.params() if p.prunable)


def test_sparsity_counts_weights_and_no_biases():
    net = small_net(0)
    assert mn.sparsity(net) == 0 and mn.sparsity(mn.Dense(1, 1)) == 0
    for param in net.params():
        if not param.prunable:
            param.mask = np.zeros(param.shape, bool)
    assert mn.sparsity(net) == 0
    mn.prune(net, 0.5)
    assert mn.sparsity(net) == 0.5


@pytest.mark.parametrize("start", [0, 5])
def test_units_may_be_numbered_in_any_order(start):
    def shuffled(net):
        plain = mn.weights(net)
        number = np.append(0, np.random.default_rng(0).permutation(np.arange(1, 206)))
        return {path: start + number[ids] for path, ids in plain.items()}

    in_order, in_disorder = small_net(0), small_net(0)
    mn.prune(in_order, 0.4)
    mn.prune(in_disorder, 0.4, structure=shuffled)
    assert all(np.array_equal(mask, masks_of(in_disorder)[path]) for path, mask in masks_of(in_order).items())


def test_layers_without_weights_have_nothing_to_prune():
    for net in (mn.Sequential(mn.Dense(0, 3)), mn.Sequential(mn.Dense(2, 0), mn.Dense(0, 3))):
        mn.prune(net, 0.5)
        mn.prune(net, {"dense1": 0.5})
        mn.rank(net).apply(0.5)
        assert all(p.mask is None for p in net.params())
    net = mn.Sequential(mn.Dense(2, 4, rng=0), mn.Dense(4, 0))
    mn.prune(net, {"dense1": 0.5, "dense2": 0.5})
    assert removed_weights(net) == 4


def test_a_unit_without_weights_is_never_pruned_and_does_not_count():
    def neurons_and_biases(net):
        ids = mn.along("out")(net)  # 9 and 7 neurons; a bias has a number of its own
        return ids | {"dense1.bias": 100 + np.arange(9), "dense2.bias": np.arange(7) + 200}

    for scope, left in ((mn.network, 8), (mn.layer, 5 + 3)):
        net = small_net(0)
        mn.prune(net, 0.5, structure=neurons_and_biases, scope=scope)
        w1, b1, w2, b2, *_ = net.params()
        assert sum(int(np.count_nonzero(w.kept_mask.any(axis=0))) for w in (w1, w2)) == left
        assert b1.mask is None and b2.mask is None
        b1.mask = np.zeros(9, bool)
        mn.prune(net, 0.5, structure=neurons_and_biases, scope=scope)  # and what is masked there is no pruned unit
        assert sum(int(np.count_nonzero(w.kept_mask.any(axis=0))) for w in (w1, w2)) == left


def test_infinite_scores_come_first_and_last_and_a_unit_with_both_is_refused():
    def odd(weight):
        scores = np.abs(weight)
        scores[0, :2] = -np.inf, np.inf
        return scores

    net = small_net(0)
    net.params()[2].mask = np.arange(9)[:, None] != np.full(7, 5)  # input 5 of the second layer is pruned: 7 weights
    before = masks_of(net)
    ranking = mn.rank(net, odd)
    pruned = np.concatenate([~before[f"dense{i}.weight"].ravel() for i in (1, 2, 3)])
    assert np.all(np.isneginf(ranking.score[pruned])) and np.all(np.isfinite(ranking.score[~pruned]))
    for count, new in ((7, []), (10, [[0, 0]])):  # what was pruned before comes first, those of −∞ are next
        masks = ranking.masks(count / 206)
        assert [np.argwhere(mask != before[path]).tolist() for path, mask in masks.items()] == [new] * 3
    many = ranking.masks(203 / 206)
    assert [np.argwhere(mask).tolist() for mask in many.values()] == [[[0, 1]]] * 3
    with pytest.raises(ValueError, match=r"^a unit has weights with scores of \+∞ and of −∞, .* finite numbers$"):
        mn.rank(net, odd, mn.along("in"))


@pytest.mark.parametrize(("how", "scores"), [("mean", [3.5, 1.5]), ("sum", [7, 3]), ("l2", [5, 5**0.5])])
def test_a_unit_scores_the_mean_the_sum_or_the_norm_of_its_weights(how, scores):
    net = mn.models.mlp(2, 2, 1, rng=0)
    net.params()[0].data = np.array([[3, 1], [-4, -2]])
    np.testing.assert_allclose(mn.rank(net, structure=mn.along("out"), combine=how).score, scores)


def test_in_a_layer_of_thousands_exactly_the_lowest_are_pruned():
    net = mn.Sequential(mn.Dense(100, 90, rng=0))
    magnitudes, ranking = np.sort(np.abs(net.params()[0].data), axis=None), mn.rank(net)
    for count in (1, 2, 700, 4500, 8999):
        mask = ranking.masks(count / 9000)["dense1.weight"]
        assert np.array_equal(mask, np.abs(net.params()[0].data) >= magnitudes[count])


def test_masks_are_asked_for_by_units_or_by_weights():
    ranking = mn.rank(small_net(0))
    for arguments in ({}, {"sparsity": 0.5, "weights": 0.5}):
        with pytest.raises(TypeError, match=r"^say either a fraction of units, masks\(0\.5\), or of weights"):
            ranking.masks(**arguments)


def test_what_is_never_pruned_belongs_to_no_layer_and_no_group():
    def odd_inputs(net):  # 12, 9 and 7 inputs: 6, 4 and 3 of them are units, and those between are none
        ids, start = {}, 0
        for param in net.params():
            if param.prunable:
                rows = np.arange(len(param.data))
                ids[param.path] = np.where(rows % 2 == 1, start + rows // 2, -1)[:, None]
                start += len(rows) // 2
        return ids

    units = mn.rank(small_net(0), structure=odd_inputs, scope=mn.layer).units
    assert units.layer.tolist() == units.group.tolist() == [0] * 6 + [1] * 4 + [2] * 3
