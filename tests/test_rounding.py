"""Being another computer: how products are rounded, and how a claim is judged."""

import ast
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.claims import FOLDER, Claim, margin
from tests.notebooks import ROOT
from tests.rounding import Rounding, _Products

TRAIN = """if True:
    import tests.rounding, zlib
    import numpy as np
    import minnet as mn
    x, y = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32), np.arange(200) % 3
    net = mn.models.mlp(8, 20, 3, rng=0)
    losses = [step.loss for step in mn.steps(net, (x, y), count=50, rng=0)]
    mn.prune(net, 0.5)
    losses += [step.loss for step in mn.sparse.steps(net, (x, y), count=50, rng=0)]
    print(zlib.crc32(b"".join(param.data.tobytes() for param in net.params())), losses[49], losses[99])
"""


def trained(rounding):
    done = subprocess.run([sys.executable, "-c", TRAIN], cwd=ROOT, capture_output=True, text=True, check=True,
                          env=os.environ | {"MINNET_ROUNDING": rounding, "PYTHONPATH": str(ROOT)})
    weights, dense, sparse = done.stdout.split()
    return weights, float(dense), float(sparse)


def test_training_ends_a_little_elsewhere_on_each_computer_and_twice_at_the_same_place_on_one():
    plain, first, again, other = (trained(rounding) for rounding in ("", "1", "1", "2"))
    assert first == again
    assert len({plain[0], first[0], other[0]}) == 3
    assert first[1:] == pytest.approx(plain[1:], rel=1e-3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_number_moves_by_one_unit_at_most_as_often_up_as_down(dtype, rng):
    x = rng.normal(size=100_000).astype(dtype)
    for seed in range(3):
        moved = Rounding(seed)(x.copy())
        up, down = np.nextafter(x, np.inf), np.nextafter(x, -np.inf)
        assert ((moved == x) | (moved == up.astype(dtype)) | (moved == down.astype(dtype))).all()
        assert np.mean(moved > x) == pytest.approx(0.25, abs=0.01) == np.mean(moved < x)
    assert (Rounding(0)(x.copy()) != Rounding(1)(x.copy())).any()


def test_it_depends_on_the_number_alone_and_not_on_its_sign_or_place(rng):
    x = rng.normal(size=(30, 20)).astype(np.float32)
    moved = Rounding(5)(x.copy())
    assert np.array_equal(Rounding(5)(-x), -moved)
    assert np.array_equal(Rounding(5)(x.T.copy()), moved.T)
    assert Rounding(5)(x[3, 4]) == moved[3, 4]


def test_what_is_exact_on_every_processor_stays():
    for exact in (0, 1, -2, 0.75, 1000, np.inf):
        assert Rounding(0)(np.float32([exact]))[0] == exact
    assert np.isnan(Rounding(0)(np.float32([np.nan])))
    whole = np.arange(5)
    assert Rounding(0)(whole) is whole and (whole == range(5)).all()


def test_products_are_found_wherever_they_stand_but_not_in_what_numba_compiles():
    def rewritten(source):
        return ast.unparse(_Products().visit(ast.parse(source)))

    assert rewritten("y = x @ w + b") == "y = _rounded(x @ w) + b"
    assert rewritten("np.dot(x, w, out=y)") == "_rounded(np.dot(x, w, out=y))"
    kernel = "@numba.njit(nogil=True)\ndef kernel(x, w):\n    return x @ w"
    assert rewritten(kernel) == kernel


def test_a_claim_holds_or_says_what_it_found(monkeypatch):
    monkeypatch.delenv(FOLDER, raising=False)
    claim = Claim("here")
    claim.every([1, 2, 3], above=1, below=3)
    claim.median([0, 2, 9], above=2, below=2)
    claim.most([*[1] * 9, -1], above=0)
    for wrong in (lambda: claim.every([1, 2, 3], above=1.5), lambda: claim.median([0, 2, 9], above=2.1),
                  lambda: claim.most([*[1] * 8, -1, -1], above=0), lambda: claim.every([1, 0], above=0),
                  lambda: claim.median([-1, 0, 1], below=0)):
        with pytest.raises(AssertionError, match="does not hold"):
            wrong()
    with pytest.raises(AssertionError, match="nan"):
        claim.median([np.nan, 1], above=0)


def test_margins_are_in_units_of_the_spread(rng):
    values = rng.normal(5, 1, size=(10, 100))
    assert margin("every", values, 0, np.inf) == pytest.approx((5, 1, 5), abs=0.3)
    assert margin("every", values, -np.inf, 6)[2] == pytest.approx(1, abs=0.3)
    assert margin("every", values, 4, 10)[2] == pytest.approx(1, abs=0.3)  # the nearer of two bounds
    value, spread, room = margin("median", values, 4.5, np.inf)
    assert (value, spread) == pytest.approx((5, 1.25 / 10), abs=0.05) and room > 3
    assert margin("most", values, 0, np.inf)[0] == pytest.approx(5 - 1.28, abs=0.2)  # one tenth lies below it
    assert margin("every", np.ones((3, 1)), 0, np.inf)[2] == np.inf
    assert margin("every", np.ones((3, 1)), 2, np.inf)[2] == -np.inf
