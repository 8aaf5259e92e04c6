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
    ({"structure": "neurons"}, TypeError, r"structure is a function .* got 'neurons'; .*mn\.along\(\"out\"\)"),
    ({"structure": mn.along}, TypeError, r"structure is a function .* got along; .*mn\.along\(\"out\"\)"),
    ({"structure": mn.branches}, ValueError, "no residual branches"),
    ({"scope": "layer"}, TypeError, r"scope is a function .* got 'layer'; .*mn\.window\(4\)"),
    ({"scope": 4}, TypeError, r"scope is a function .* got 4; .*mn\.window\(4\)"),
    ({"scope": mn.window}, ValueError, r"write for example window\(4\)"),
    ({"criterion": "taylor"}, TypeError, r"data= is missing; write mn\.prune\(net, 0\.5, criterion=mn\.taylor, data="),
    ({"combine": "avarage"}, ValueError, "There are: mean, sum, l2"),
])
def test_wrong_words_are_explained_and_change_nothing(arguments, error, says):
    net = small_net(0)
    with pytest.raises(error, match=says):
        mn.prune(net, 0.5, **arguments)
    assert all(p.mask is None for p in net.params())


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
