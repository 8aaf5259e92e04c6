"""What lesson 03 and the README claim about the digits, as medians over five seeds."""

import numpy as np
import pytest

import minnet as mn

SEEDS = range(5)


@pytest.fixture(scope="module")
def digits():
    return mn.data.digits()


def retrained(net, digits, seed, criterion=mn.magnitude, scope=mn.network):
    net = net.copy()
    mn.prune(net, 0.9, criterion, scope=scope, rng=seed)
    mn.fit(net, digits.train, epochs=40, rng=seed, progress=False)
    assert mn.sparsity(net) == pytest.approx(0.9, abs=1e-3)
    return mn.accuracy(net, digits.test)


def test_a_tenth_of_the_weights_is_enough(digits):
    dense, sparse = [], []
    for seed in SEEDS:
        net = mn.models.mlp(64, 300, 100, 10, rng=seed)
        mn.fit(net, digits.train, epochs=20, rng=seed, progress=False)
        dense.append(mn.accuracy(net, digits.test))
        sparse.append(retrained(net, digits, seed))
    print(f"64-300-100-10: dense {np.median(dense):.2%}, 90 % removed and retrained {np.median(sparse):.2%}")
    assert np.median(dense) >= 0.965
    assert np.median(sparse) >= np.median(dense) - 0.01


def test_which_weights_go_matters(digits):
    kept = {mn.magnitude: [], mn.random: []}
    for seed in SEEDS:
        net = mn.models.mlp(64, 32, 10, rng=seed)
        mn.fit(net, digits.train, epochs=20, rng=seed, progress=False)
        for criterion, found in kept.items():
            found.append(retrained(net, digits, seed, criterion))
    magnitude, random = (np.median(found) for found in kept.values())
    print(f"64-32-10 at 90 %, retrained: magnitude {magnitude:.2%}, random {random:.2%}")
    assert magnitude >= random + 0.20


def test_plain_training_leaves_no_weight_at_zero_and_an_l1_penalty_does(digits):
    net = mn.models.mlp(64, 32, 16, 10, rng=0)
    sparse_net = net.copy()
    mn.fit(net, digits.train, epochs=40, optimiser=mn.SGD(0.1, momentum=0.9), rng=0, progress=False)
    mn.fit(sparse_net, digits.train, epochs=40, optimiser=mn.SGD(0.1, momentum=0.9, l1=1e-3), rng=0, progress=False)
    assert all(np.all(p.data != 0) for p in net.params() if p.prunable)
    print(f"validation accuracy {mn.accuracy(net, digits.val):.1%}, with L1 {mn.accuracy(sparse_net, digits.val):.1%}")
    zeros = np.mean(np.concatenate([p.data.ravel() == 0 for p in sparse_net.params() if p.prunable]))
    assert zeros > 0.2 and mn.accuracy(sparse_net, digits.val) > 0.9


def test_the_split_is_fixed_stratified_and_complete(digits):
    again = mn.data.digits()
    parts = [digits.train, digits.val, digits.test]
    assert [len(p) for p in parts] == [1078, 360, 359] and sum(map(len, parts)) == 1797
    for part, same in zip(parts, (again.train, again.val, again.test), strict=True):
        assert np.array_equal(part.x, same.x) and np.array_equal(part.y, same.y)
        assert part.x.dtype == np.float32 and part.y.dtype == np.int64 and part.x.min() == 0 and part.x.max() == 1
        share = np.bincount(part.y) / len(part)
        assert np.abs(share - np.bincount(np.concatenate([p.y for p in parts])) / 1797).max() < 0.003
    assert len({row.tobytes() for part in parts for row in part.x}) == 1797  # no image stands in two parts
    with pytest.raises(ValueError, match="read-only"):
        digits.train.x[0] = 1


@pytest.mark.parametrize(("call", "error", "says"), [
    (lambda net, d: net(d.x[:, :63]), ValueError, r"\(n, 64\), got \(1078, 63\)"),
    (lambda net, d: net(d.x[0]), ValueError, r"x\[None\]"),
    (lambda net, d: mn.fit(net, (d.x, d.y + 1), progress=False), ValueError, "classes 0 … 9"),
    (lambda net, d: mn.fit(net, (d.x, d.y - 1), progress=False), ValueError, "-1"),
    (lambda net, d: mn.fit(net, (d.x, d.y[:-1]), progress=False), ValueError, "1078 samples and y has 1077"),
    (lambda net, d: mn.fit(net, (d.x, d.x), progress=False), ValueError, "labels"),
    (lambda net, d: mn.fit(net, (d.x, d.y / 2), progress=False), TypeError, "astype"),
    (lambda net, d: mn.fit(net, mn.data.digits(), progress=False), TypeError, r"digits\.train"),
    (lambda net, d: mn.fit(net, (d.x[:0], d.y[:0]), progress=False), ValueError, "no samples"),
    (lambda net, d: mn.steps(net, d, count=-1), ValueError, "count"),
    (lambda net, d: mn.steps(net, d, count=1, batch=0), ValueError, "batch"),
    (lambda net, d: mn.models.mlp(64), ValueError, r"mlp\(64, 32, 10\)"),
    (lambda net, d: mn.Dropout(1.0), ValueError, "probability"),
    (lambda net, d: mn.Sequential(mn.Dense), TypeError, "Dense"),
    (lambda net, d: setattr(net.params()[0], "mask", np.ones((64, 10))), ValueError, r"dense1\.weight\.mask"),
    (lambda net, d: setattr(net.params()[0], "mask", np.ones((64, 32))), TypeError, "bool"),
    (lambda net, d: mn.pruned, AttributeError, "prune"),
])
def test_wrong_calls_are_explained_and_change_nothing(digits, call, error, says):
    net = mn.models.mlp(64, 32, 10, rng=0)
    before = [(p.data.copy(), p.mask) for p in net.params()]
    with pytest.raises(error, match=says):
        call(net, digits.train)
    for param, (numbers, mask) in zip(net.params(), before, strict=True):
        assert np.array_equal(param.data, numbers) and param.mask is mask
