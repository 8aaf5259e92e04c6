"""What the speed explorer makes of the times that were measured: pure arithmetic, tried on times of our own.

And the bytes of its formats, held against arrays that are made here.
"""

import numpy as np
import pytest

import minnet as mn
from minnet.experiments.inference_backends import (
    BLOCKS,
    DENSE,
    FORMATS,
    MASKED,
    NAIVE,
    SMALLER,
    SPARSE,
    TORCH,
    Backends,
    StorageSizes,
)
from minnet.experiments.inference_timing import CURVES, SKIPPING, InferenceTiming, crossover, loaded, nearest
from minnet.explore.speed_explorer import BATCHES, PLACES
from minnet.formats import COO, CSR, NM, Bitmap, Blocks
from minnet.sparse.packing import pack_network
from minnet.sparse.tile_kernel import MANY


@pytest.fixture(scope="module")
def net():
    return mn.models.mlp(64, 24, 20, 10, rng=0)


# ---- what is made of it ---------------------------------------------------------------------------------


class MadeUp(InferenceTiming):
    """With times of our own."""

    class Field:
        names, weights = (DENSE, NAIVE, SPARSE, BLOCKS, SMALLER), 1000

    def __init__(self):
        super().__init__(self.Field(), np.zeros((1, 1)))

    def add(self, percent, batch, *rounds):
        """Seconds of a round, in the order of the names."""
        self.rounds_at[percent, batch] = tuple(dict(zip(self.backends.names, each, strict=True)) for each in rounds)
        self.density[percent] = {name: 1 if name == DENSE else 1 - percent / 100 for name in self.backends.names}
        self.building[percent] = {SPARSE: 0.5}
        self.first[batch] = 7.0


def test_ratios_are_those_within_a_round():
    timing = MadeUp()
    # The computer is ten times slower in the second round; the ratios don't see it.
    timing.add(90, 64, (10, 100, 2, 1, 1), (100, 1000, 20, 10, 10), (10, 100, 2.5, 1, 1))
    found = timing.result(90, 64, ())
    assert found.exact and found.near == (90, 64)
    assert found.ratios[SPARSE] == pytest.approx((5, 4.5, 5))
    assert found.ratios[NAIVE] == pytest.approx((0.1, 0.1, 0.1))
    assert found.times[SPARSE].median == 2.5
    assert found.parts[SPARSE] == pytest.approx(5 * 0.1)
    assert not {DENSE, MASKED, TORCH} & set(SKIPPING) and DENSE not in found.parts
    assert (found.building, found.first) == (0.5, 7.0)


def test_rates_count_only_the_weights_that_are_left():
    timing = MadeUp()
    timing.add(75, 16, (1, 8, 0.5, 0.25, 1))
    rates = timing.result(75, 16, ()).rates
    assert rates[DENSE] == (None, pytest.approx(2 * 1000 * 16))
    assert rates[NAIVE] == pytest.approx((2 / 12, 2 * 250 * 16 / 8))
    assert rates[SPARSE] == pytest.approx((2 / loaded(SPARSE, 16), 2 * 250 * 16 / 0.5))
    assert rates[BLOCKS][1] == pytest.approx(2 * 250 * 16 / 0.25)


def test_bytes_loaded():
    assert loaded(NAIVE, 1) == loaded(NAIVE, 1024) == 12
    assert loaded(SPARSE, 1) == 4 + 6 and loaded(SPARSE, 8) == 4 + 6 / 8 and loaded(SPARSE, 64) == 4 + 6 / MANY
    assert loaded(BLOCKS, 8) == pytest.approx((4 * 4 + 2 + 8 * 4) / (4 * 8))
    packed = pack_network([(np.ones((4, 4), np.float32), None, False, "rows")])
    assert packed.values.itemsize + packed.columns.itemsize == 6 and packed.values.size == packed.columns.size == 16
    for batch in BATCHES[1:]:
        assert loaded(BLOCKS, batch) < loaded(SPARSE, batch) < loaded(NAIVE, batch)


def test_nothing_is_known_at_first():
    found = MadeUp().result(90, 64, (0, 90))
    assert found.near is None and found.times == found.ratios == found.parts == found.rates == {}
    assert found.crossover is None and found.curves == {name: [] for name in CURVES}


@pytest.mark.parametrize("asked, answers", [
    ((90, 64), (90, 64)), ((85, 64), (90, 64)), ((50, 64), (40, 64)), ((90, 128), (90, 64)), ((90, 2), (90, 1)),
    ((0, 1024), (0, 512)),
])
def test_the_nearest_place_answers(asked, answers):
    places = [(40, 64), (90, 64), (90, 1), (0, 512)]
    assert nearest(places, *asked) == answers
    timing = MadeUp()
    for place in places:
        timing.add(*place, (1, 1, 1, 1, 1))
    assert timing.result(*asked, ()).exact == (asked == answers)


def test_a_curve_takes_the_fastest_rounds_of_its_batch():
    timing = MadeUp()
    timing.add(50, 64, (10, 1, 8, 1, 1), (12, 1, 5, 1, 1))
    timing.add(0, 64, (10, 1, 20, 1, 1))
    timing.add(90, 8, (10, 1, 1, 1, 1))
    assert timing.result(50, 64, ()).curves[SPARSE] == [(0, 0.5), (50, 2.0)]


@pytest.mark.parametrize("points, where", [
    ([], None),
    ([(0, 0.5), (50, 0.9)], None),
    ([(0, 1.5), (50, 2)], 0),
    ([(10, 1.5), (50, 2)], 10),
    ([(0, 0.5), (50, 2)], 25),  # halfway between a half and two, on a logarithmic scale
    ([(0, 0.5), (40, 0.25), (50, 4)], 45),
    ([(0, 2), (40, 0.5), (50, 2)], 45),  # the last time that it crosses
])
def test_crossover(points, where):
    assert crossover(points) == (None if where is None else pytest.approx(where))


# ---- bytes ----------------------------------------------------------------------------------------------


def test_bytes_are_those_of_the_arrays(net):
    field = Backends(net, ())
    sizes = StorageSizes(field, (0, 60, 95))
    for percent in (0, 60, 95):
        few, fours = net.copy(), net.copy()
        mn.prune(few, percent / 100)
        mn.prune(fours, percent / 100, structure=mn.blocks(1, 4))
        matrices, in_fours = ([p.value.T for p in each.params() if p.prunable] for each in (few, fours))
        assert sizes.at(percent) == {
            "COO": sum(COO.from_dense(w).nbytes for w in matrices),
            "CSR": sum(CSR.from_dense(w).nbytes for w in matrices),
            "bitmap": sum(Bitmap.from_dense(w).nbytes for w in matrices),
            "blocks of 4": sum(Blocks.from_dense(w, (4, 1)).nbytes for w in in_fours),
        }
    half = net.copy()
    mn.prune(half, 0.5, scope=mn.window(4))
    assert sizes.half == sum(NM.from_dense(p.value.T).nbytes for p in half.params() if p.prunable)
    assert sizes.dense == 4 * field.weights


def test_break_even_is_where_a_format_becomes_smaller_than_dense(net):
    sizes = StorageSizes(Backends(net, ()), PLACES)
    for name in FORMATS:
        even = sizes.break_even(name)
        for place, many in zip(sizes.places, sizes.bytes[name], strict=True):
            assert (many > sizes.dense) == (place < even), (name, place)
    assert sizes.break_even("bitmap") < sizes.break_even("CSR") < sizes.break_even("COO")


def test_break_even_at_the_edges(net):
    sizes = StorageSizes(Backends(net, ()), (50, 60))
    sizes.bytes["CSR"] = np.array([sizes.dense + 9, sizes.dense + 1])
    assert sizes.break_even("CSR") is None
    sizes.bytes["CSR"] = np.array([sizes.dense, 1])
    assert sizes.break_even("CSR") == 50
    sizes.bytes["CSR"] = np.array([sizes.dense + 30, sizes.dense - 10])
    assert sizes.break_even("CSR") == pytest.approx(57.5)
