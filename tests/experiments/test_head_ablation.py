"""Head ablation: measured in pieces, it gives what removing each head with masks gives."""

import numpy as np
import pytest

import minnet as mn
from minnet.experiments import BATCH
from minnet.experiments.head_ablation import HeadAblation, without
from minnet.nn.attention import removed_heads


@pytest.fixture(scope="module")
def sequences():
    return mn.data.recall(pairs=2, keys=3, values=2, samples=(300, 100, 50))


@pytest.fixture(scope="module")
def net(sequences):
    net = mn.models.tiny_transformer(tokens=3, n_in=5, width=8, heads=2, n_out=2, rng=0)
    mn.fit(net, sequences.train, epochs=3, rng=0, progress=False)
    return net


@pytest.fixture
def ablation(net, sequences):
    return HeadAblation(net, sequences.val, sequences.train)


def test_without_removes_the_heads_that_are_named(net):
    trial = without(net, (1, 2), (2, 1))
    assert [lost.tolist() for lost in removed_heads(trial)] == [[False, True], [True, False]]
    assert not any(lost.any() for lost in removed_heads(net))


@pytest.mark.parametrize("off", [frozenset(), frozenset({"head_1_2"}), frozenset({"layer_2"})])
def test_costs_are_those_of_one_more_head(ablation, sequences, off):
    list(ablation.measure_costs(off))
    pruned = ablation.pruned(off)
    for layer, (costs, lost) in enumerate(zip(ablation.costs(off), removed_heads(pruned), strict=True), 1):
        assert np.array_equal(np.isnan(costs), lost)
        for head in np.flatnonzero(~lost):
            left = mn.accuracy(without(pruned, (layer, head + 1)), sequences.val, batch=BATCH)
            assert costs[head] == ablation.accuracy(off) - left


def test_what_is_measured_so_far_can_be_read_and_nothing_is_measured_twice(ablation):
    off = frozenset({"head_2_1"})
    work = ablation.measure(off, criterion="magnitude")
    assert [next(work), next(work)] == ["head 1 of layer 1", "head 2 of layer 1"]
    assert not np.isnan(ablation.costs(off)[0]).any() and np.isnan(ablation.costs(off)[1]).all()
    assert ablation.seconds(off) is None and ablation.curve("magnitude") == {}
    work.close()
    assert not ablation.complete(off, criterion="magnitude")
    rest = list(ablation.measure(off, criterion="magnitude"))
    assert rest[0] == "head 2 of layer 2" and len(rest) == 1 + 1 + 3
    assert ablation.complete(off, criterion="magnitude") and set(ablation.seconds(off)) == {"whole", "compact"}
    assert list(ablation.measure(off, criterion="magnitude")) == []


def test_the_curve_is_that_of_prune(ablation, net, sequences):
    list(ablation.measure_curve("taylor"))
    for count, found in ablation.curve("taylor").items():
        pruned = net.copy()
        mn.prune(pruned, count / 4, criterion=mn.taylor, structure=mn.along("head"), data=sequences.train)
        assert found == mn.accuracy(pruned, sequences.val, batch=BATCH)
    assert list(ablation.curve("taylor")) == [0, 1, 2]  # one head of each layer stays


def test_left_is_what_compact_leaves(ablation):
    off = frozenset({"layer_1"})
    assert ablation.left(off) == sum(param.size for param in mn.compact(ablation.pruned(off)).params())
