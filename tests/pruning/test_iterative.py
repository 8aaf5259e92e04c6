"""Rounds, sensitivity, budgets, and the cut that nothing undoes."""

import numpy as np
import pytest

import minnet as mn


@pytest.fixture(scope="module")
def digits():
    return mn.data.digits()


@pytest.fixture(scope="module")
def trained(digits):
    net = mn.models.mlp(64, 24, 10, rng=0)
    mn.fit(net, digits.train, epochs=8, rng=0, progress=False)
    return net


def removed(net):
    return [np.zeros(p.shape, bool) if p.mask is None else ~p.mask for p in net.params()]


def test_rounds_reach_the_sparsity_at_equal_budget_and_never_look_back(digits, trained, monkeypatch, claim):
    spent = []
    from minnet.pruning import iterative as module
    honest = module.steps
    monkeypatch.setattr(module, "steps", lambda *a, count, **k: (spent.append(count), honest(*a, count=count, **k))[1])
    for rounds in (1, 3, 7):
        net = trained.copy()
        spent.clear()
        gone = removed(net)
        for one in mn.iterate(net, digits.train, rounds=rounds, final=0.9, epochs=2, validation=digits.val, rng=0):
            now = removed(net)
            assert all(np.all(new[old]) for new, old in zip(now, gone, strict=True))
            left = 0.1 ** ((one.index + 1) / rounds)  # the same fraction of what is left, counted from the start
            assert 1 - one.sparsity == pytest.approx(left, abs=1 / 1776)
            assert np.isfinite(one.loss)
            gone = now
        claim.every(one.accuracy, above=0.2, below=1)  # better than chance
        assert one.accuracy == mn.accuracy(net, digits.val)
        assert sum(spent) == 2 * 34 and len(spent) == rounds and max(spent) - min(spent) <= 1


def test_rounds_do_not_spend_their_budget_on_pruned_units(digits, trained):
    net = trained.copy()
    mn.prune(net, 0.5, structure=mn.along("out"))
    first = (~net.params()[0].mask.any(axis=0)).sum()
    mn.prune(net, 0.75, structure=mn.along("out"))
    second = (~net.params()[0].mask.any(axis=0)).sum()
    assert (first, second) == (12, 18)


def test_weight_rewinding_returns_numbers_and_keeps_masks(digits):
    net = mn.models.mlp(64, 24, 10, rng=0)
    start = mn.snapshot(net)
    mn.fit(net, digits.train, epochs=2, rng=0, progress=False)
    list(mn.iterate(net, digits.train, rounds=2, final=0.8, epochs=0, rewind_to=start))
    assert mn.sparsity(net) == pytest.approx(0.8, abs=1e-3)
    assert all(np.array_equal(p.data, start[p.path]) for p in net.params())


def test_a_snapshot_of_another_network_is_refused(trained):
    other = mn.models.mlp(64, 20, 10, rng=0)
    before = mn.snapshot(other)
    with pytest.raises(ValueError, match=r"dense1\.weight"):
        mn.rewind(other, mn.snapshot(trained))
    assert all(np.array_equal(p.data, before[p.path]) for p in other.params())


def test_sensitivity_prunes_each_layer_alone_and_leaves_the_network(digits, trained):
    levels = (0, 0.5, 1)
    scan = mn.sensitivity(trained, digits.val, levels)
    assert list(scan) == ["dense1", "dense2"] and mn.sparsity(trained) == 0
    whole = mn.accuracy(trained, digits.val)
    for name, found in scan.items():
        assert found[0] == whole
        net = trained.copy()
        mn.prune(net, {name: 0.5})
        assert found[1] == mn.accuracy(net, digits.val)
        mn.prune(net, {name: 1.0})
        assert found[2] == mn.accuracy(net, digits.val)
        assert len(set(net(digits.val.x).argmax(axis=1))) == 1  # without one of its layers it always says the same
    tolerable = mn.tolerated(scan, levels, drop=0.05)
    assert all(scan[name][levels.index(s)] >= whole - 0.05 for name, s in tolerable.items())
    with pytest.raises(ValueError, match="begin with sparsity 0"):
        mn.tolerated(scan, (0.5, 0.9, 1))


def test_sensitivity_looks_at_one_part_of_the_data_and_measures_on_another(digits, trained):
    scan = mn.sensitivity(trained, digits.train, (0, 0.8), validation=digits.val, criterion=mn.wanda)
    net = trained.copy()
    mn.prune(net, {"dense1": 0.8}, mn.wanda, data=digits.train)
    assert scan["dense1"] == [mn.accuracy(trained, digits.val), mn.accuracy(net, digits.val)]
    other, copy = mn.sensitivity(trained, digits.val, (0, 0.8), criterion=mn.wanda), trained.copy()
    mn.prune(copy, {"dense1": 0.8}, mn.wanda, data=digits.val)
    assert other["dense1"] == [scan["dense1"][0], mn.accuracy(copy, digits.val)]
    assert not np.array_equal(copy.params()[0].mask, net.params()[0].mask)


@pytest.mark.parametrize("s", [0.0, 0.5, 0.9, 0.99])
def test_erdos_renyi_shares_out_the_whole_sparsity(s):
    net = mn.models.mlp(64, 300, 100, 10, rng=0)
    shares = mn.erdos_renyi(net, s)
    size = {"dense1": 64 * 300, "dense2": 300 * 100, "dense3": 100 * 10}
    assert sum(shares[name] * n for name, n in size.items()) == pytest.approx(s * sum(size.values()))
    assert all(0 <= share <= 1 for share in shares.values())
    assert shares["dense3"] <= min(shares.values()) + 1e-12  # the smallest layer keeps most
    mn.prune(net, shares)
    assert mn.sparsity(net) == pytest.approx(s, abs=1e-4)


def test_erdos_renyi_density_follows_the_formula():
    net = mn.models.mlp(64, 300, 100, 10, rng=0)
    density = {name: 1 - s for name, s in mn.erdos_renyi(net, 0.97).items()}
    assert density["dense1"] / density["dense2"] == pytest.approx((364 / 19200) / (400 / 30000))


def test_after_a_cut_nothing_comes_back(trained):
    net = trained.copy()
    mn.prune(net, 0.9)
    mn.cut(net)
    masks = [p.mask for p in net.params()]
    with pytest.raises(ValueError, match="1,598 numbers were cut"):
        mn.restore(net)
    mn.rank(net).apply(0.0)
    for param in net.params():
        param.mask = None
    assert all(np.array_equal(p.mask, old) for p, old in zip(net.params(), masks, strict=True) if old is not None)
    assert mn.sparsity(net) == pytest.approx(0.9, abs=1e-3)
    for copy in (net, net.copy(), net.astype("float64"), mn.compact(net)):
        weight = copy.params()[0]
        weight.mask = None
        assert weight.mask is not None and not weight.data[~weight.mask].any()
    ranking = mn.rank(net)
    for s in (0.95, 0.92, 0.9, 0.5):  # what is left can still be previewed and given back, but no more than that
        ranking.apply(s)
        assert mn.sparsity(net) == pytest.approx(max(s, 0.9), abs=1e-3)


def test_what_changed_between_two_networks(digits, trained, claim):
    net = trained.copy()
    mn.prune(net, 0.9)
    before, after = mn.evaluate(trained, digits.val), mn.evaluate(net, digits.val)
    assert after.accuracy == mn.accuracy(net, digits.val) and before.accuracy == np.mean(before.right)
    claim.every(before.accuracy - after.accuracy, above=0.1)
    of_class = np.bincount(digits.val.y)
    assert (before.per_class * of_class).sum() / of_class.sum() == pytest.approx(before.accuracy)
    assert np.array_equal(mn.changed(trained, net, digits.val), np.flatnonzero(before.predicted != after.predicted))
    assert "weakest class" in repr(after)
