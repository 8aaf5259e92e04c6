"""Lesson 05's exercises: each typical mistake is named."""

import numpy as np
import pytest

import minnet as mn

SLIPS = {
    "05.in_use": {
        "the share of the neurons": lambda a, b: 50_000 * a / 200,
        "share times share": lambda a, b: 50_000 * a * b / 200**2,
        "out of use": lambda a, b: 50_000 - (40 * a + a * b + 10 * b) if a < 200 else 50_000,
        "10 outputs": lambda a, b: 40 * a + a * b,
        "should be": lambda a, b: a + b,
        "One number": lambda a, b: [a, b],
    },
    "05.dropout": {
        "no value is dropped": lambda x, p, rng: x / (1 - p),
        "stay as they are": lambda x, p, rng: x * (rng.random(x.shape) >= p),
        "divided by p": lambda x, p, rng: x * (rng.random(x.shape) >= p) / p,
        "the share that is dropped": lambda x, p, rng: x * (rng.random(x.shape) < p) / (1 - p),
        "same values again": lambda x, p, rng: x * (np.random.default_rng(0).random(x.shape) >= p) / (1 - p),
        "the generator that is passed": lambda x, p, rng: x * (np.random.rand(*x.shape) >= p) / (1 - p),  # noqa: NPY002
        "same columns": lambda x, p, rng: x * (rng.permutation(x.shape[1]) >= p * x.shape[1]) / (1 - p),
        "work on a copy": lambda x, p, rng: np.divide(x, 1 - p, out=x) * (rng.random(x.shape) >= p),
    },
}


@pytest.mark.parametrize("id, message", [(id, message) for id, slips in SLIPS.items() for message in slips])
def test_slips(id, message):
    note = mn.check(id, SLIPS[id][message])
    assert not note.right and message in note.text


def test_slips_with_smaller():
    plain = mn.models.mlp(40, 20, 20, 10, rng=0)

    def pruned(s, **how):
        net = plain.copy()
        mn.prune(net, s, **how)
        return net

    neurons = {"structure": mn.along("out"), "scope": mn.layer}
    mine, cut = pruned(0.6, **neurons), pruned(0.6, **neurons)
    mn.cut(cut)
    for message, answer in {
        "is whole": plain, "only a mask": mine, "cut, but not yet compacted": cut,
        "60 % of the neurons": mn.compact(pruned(0.5, **neurons)),
        "other neurons": mn.compact(pruned(0.6, criterion=mn.random, rng=1, **neurons)), "itself is wanted": 3,
    }.items():
        note = mn.check("05.smaller", answer, cut, plain)
        assert not note.right and message in note.text
    for uncut in (mine, plain):
        note = mn.check("05.smaller", mn.compact(mine), uncut, plain)
        assert not note.right and "`mine` is not cut" in note.text
    assert "no longer a network" in mn.check("05.smaller", mn.compact(cut), mn.prune(mine, 0.6), plain).text
    assert mn.check("05.smaller", mn.compact(cut), cut, plain).right
    assert "`plain` itself was pruned" in mn.check("05.smaller", mn.compact(cut), cut, mine).text
    assert "`plain` itself was cut" in mn.check("05.smaller", mn.compact(cut), cut, cut).text
