"""What is typed wrongly is explained, with what to type instead, and changes nothing."""

import math

import numpy as np
import pytest

import minnet as mn

from .trials import small_net


@pytest.mark.parametrize(("wrong", "error", "says"), [
    (90, ValueError, r"did you mean 0\.9\?"),
    (-0.1, ValueError, "between 0 and 1"),
    (math.nan, ValueError, "NaN"),
    ("0.9", TypeError, "'0.9'"),
    (None, TypeError, "None"),
    (True, TypeError, "True"),
    ({"dense1": 90}, ValueError, "^sparsity of dense1 is .* did you mean 0.9"),
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
    ({"structure": mn.along("out"), "scope": mn.window(4)}, ValueError,
     r"^a unit of this structure reaches over several windows; window\(m\) goes with structure=weights$"),
    ({"structure": "neurons"}, TypeError, r"structure is a function .* got 'neurons'; .*mn\.along\(\"out\"\)"),
    ({"structure": mn.along}, TypeError, r"structure is a function .* got along; .*mn\.along\(\"out\"\)"),
    ({"structure": mn.branches}, ValueError, r"^this network has no residual branches; build .*, for example mn"),
    ({"scope": "layer"}, TypeError, r"scope is a function .* got 'layer'; .*mn\.window\(4\)"),
    ({"scope": 4}, TypeError, r"scope is a function .* got 4; .*mn\.window\(4\)"),
    ({"scope": mn.window}, ValueError, r"write for example window\(4\)"),
    ({"criterion": "taylor"}, TypeError, r"data= is missing; write mn\.prune\(net, 0\.5, criterion=mn\.taylor, data="),
    ({"combine": "means"}, ValueError, r"^unknown combine 'means'\. Did you mean 'mean'\? .*: mean, sum, l2\."),
])
def test_wrong_words_are_explained_and_change_nothing(arguments, error, says):
    net = small_net(0)
    with pytest.raises(error, match=says):
        mn.prune(net, 0.5, **arguments)
    assert all(p.mask is None for p in net.params())


@pytest.mark.parametrize(("make", "says"), [
    (lambda: mn.blocks(0, 4), "^rows of a block is a whole number, at least 1, got 0"),
    (lambda: mn.blocks(4, "2"), "^columns of a block is a whole number, at least 1, got '2'"),
    (lambda: mn.blocks(4, 0), "^columns of a block .* got 0"),
    (lambda: mn.along(), r"^along takes names of axes, each once, for example along\(\"out\"\); got \(\)"),
    (lambda: mn.along(0), r"^along takes names of axes.* got \(0,\)"),
    (lambda: mn.along("out", "out"), r"^along takes names of axes.* got \('out', 'out'\)"),
    (lambda: mn.window(0), r"^a window holds a whole number of weights, got window\(0\); .* example window\(4\)"),
])
def test_a_structure_or_scope_that_cannot_be_is_refused_where_it_is_made(make, says):
    with pytest.raises(ValueError, match=says):
        make()


@pytest.mark.parametrize(("table", "error", "says"), [
    ({}, ValueError, r"^this structure has no units in this network$"),
    ({"dense9.weight": 0}, ValueError, r"^the structure names 'dense9\.weight', which is no parameter of this network"
                                       r"\. Did you mean 'dense\d\.weight'\? There are: dense1\.weight, dense1\.bias"),
    ({"dense1.weight": 0.5}, TypeError, r"^the structure gives float64 for dense1\.weight; ids are whole numbers"),
    ({"dense1.weight": np.zeros((2, 2), int)}, ValueError,
     r"^the structure gives ids of shape \(2, 2\) for dense1\.weight, whose shape is \(12, 9\)$"),
])
def test_a_structure_that_fits_no_network_is_explained(table, error, says):
    with pytest.raises(error, match=says):
        mn.rank(small_net(0), structure=lambda net: table)


def test_a_scope_has_to_say_something_of_every_weight_that_may_be_pruned():
    with pytest.raises(ValueError, match=r"^the scope leaves out dense2\.weight, dense3\.weight, which the structure"):
        mn.rank(small_net(0), scope=lambda net: {"dense1.weight": 0})
    net = small_net(0)  # but not of the others
    mn.prune(net, 0.5, structure=mn.along("out"), scope=lambda net: {"dense1.weight": 0, "dense2.weight": 1})
    assert [p.mask is None for p in net.params()] == [False] * 4 + [True] * 2


def test_the_axes_that_there_are_are_named():
    net = mn.Sequential(mn.Dense(4, 4, rng=0), mn.Attention(4, 2, rng=0), mn.Conv2d(1, 1, 2, rng=0))
    with pytest.raises(ValueError, match=r"^no layer but the last has the axes \('haed',\)\. Did you mean 'head'\? "
                                         r"There are: dim, head, in, out\.$"):
        mn.prune(net, 0.5, structure=mn.along("haed"))


CALLS = {
    "prune": lambda net: mn.prune(net, 0.5), "rank": mn.rank, "sparsity": mn.sparsity, "restore": mn.restore,
    "cut": mn.cut, "compact": mn.compact,
    "fit": lambda net: mn.fit(net, mn.data.digits().train),
    "accuracy": lambda net: mn.accuracy(net, mn.data.digits().val),
    "steps": lambda net: mn.steps(net, mn.data.digits().train, count=1),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_not_a_network_is_named_with_what_to_type(name):
    with pytest.raises(TypeError, match=r"got None.*not net = mn\.prune\(net, 0\.5\)"):
        CALLS[name](mn.prune(small_net(0), 0.5))
    with pytest.raises(TypeError, match=r"got Dataset; the network comes first.*mn\.models\.mlp"):
        CALLS[name](mn.data.digits())
