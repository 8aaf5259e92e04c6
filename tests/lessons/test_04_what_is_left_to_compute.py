"""What lesson 04 says is what lesson 04 shows. How long anything takes is the learner's own measurement: what is
tested is that the lesson's sentences about time follow from it, never that it comes out one way or the other."""

import re

import numpy as np
import pytest

import minnet as mn
from minnet.experiments.inference_backends import NAIVE, SPARSE
from minnet.experiments.inference_timing import loaded
from minnet.explore.speed_explorer import BATCHES
from minnet.formats import COO, CSR, NM, Bitmap, Blocks
from tests.lessons.running import printed, text

LESSON = "04_what_is_left_to_compute.ipynb"
SEEDS = range(1, 4)  # the lesson itself has 0


@pytest.fixture(scope="module")
def digits():
    return mn.data.digits()


@pytest.fixture(scope="module")
def nets(digits):
    """The lesson's network with three other seeds."""
    made = []
    for seed in SEEDS:
        net = mn.models.mlp(64, 512, 512, 10, rng=seed)
        mn.fit(net, digits.train, epochs=5, rng=seed, progress=False)
        made.append(net)
    return made


def pruned(net, *args, **how):
    net = net.copy()
    mn.prune(net, *args, **how)
    return net


@pytest.fixture(scope="module")
def after(nets, digits):
    """Accuracies of retrained copies, {what was removed: (seeds,)}."""
    tenth = {"tenth": {"scope": mn.layer}, "single": {}, "blocks": {"structure": mn.blocks(1, 4)}}
    return {name: np.array([retrained(pruned(net, 0.9, **how), digits, seed)
                            for seed, net in zip(SEEDS, nets, strict=True)]) for name, how in tenth.items()}


def retrained(net, digits, seed):
    mn.fit(net, digits.train, epochs=5, rng=seed, progress=False)
    return mn.accuracy(net, digits.val)


def accuracies(nets, digits):
    return np.array([mn.accuracy(net, digits.val) for net in nets])


# ---- zeros alone save nothing ---------------------------------------------------------------------------


def test_the_network_and_what_is_left_of_it(lesson, nets, after, digits, claim):
    assert 64 * 512 + 512 * 512 + 512 * 10 == 300_032
    assert re.findall(r"([\d,]+) weights", printed(lesson, "network")) == ["300,032", "30,003"]
    claim.every(lesson.value("mn.accuracy(net, digits.val) - mn.accuracy(pruned, digits.val)"), below=0.04)
    claim.every(accuracies(nets, digits) - after["tenth"], below=0.04)  # "about as good as before"


def test_zeros_are_stored_and_multiplied(lesson):
    sizes = lesson.value("[network.nbytes for network in plain.values()]")
    assert sizes[0] == sizes[1] == 4 * (300_032 + 512 + 512 + 10)
    assert printed(lesson, "zeros").count(f"{sizes[0]:,} bytes") == 2
    assert lesson.value("bool(np.allclose(plain['a tenth of them'](x), pruned(x), rtol=1e-4, atol=1e-4))")


@pytest.mark.parametrize("cell", ["compare", "naive-time"])
def test_what_is_said_about_time_is_what_was_measured(lesson, cell):
    said = printed(lesson, cell)
    ratio = lesson.value({"compare": "ratio", "naive-time": "speedup"}[cell])
    assert f"{ratio:.2f} times as fast" in said
    if cell == "naive-time":
        density = lesson.value("density")
        assert f"{ratio * density:.2f} of the ideal" in said and f"would be {1 / density:.0f} times" in said


# ---- the naive loop -------------------------------------------------------------------------------------


def test_the_empty_row_is_seen_in_starts(lesson):
    starts = lesson.value("CSR.from_dense(small).starts")
    assert [row for row in range(4) if starts[row] == starts[row + 1]] == [2]
    assert lesson.value("small.shape") == [4, 8] and lesson.value("int(np.count_nonzero(small))") == 8


def test_the_loop_gives_the_same_answers_with_a_tenth_of_the_weights(lesson):
    assert "10.0% of 262,144 weights are left" in printed(lesson, "layer")
    assert "the same answers: True" in printed(lesson, "layer")


def test_three_loads_for_one_multiplication(lesson):
    line = next(line for line in text(lesson, "naive").splitlines() if "total +=" in line)
    assert len(re.findall(r"\w+\[", line)) == 3 and line.count("*") == 1
    assert f"the naive loop does {1 / 3:.2f}" in printed(lesson, "limits")
    multiply_adds, loads = lesson.value("[multiply_adds, loads]")
    assert f"{multiply_adds / loads:.1f} multiply-adds" in printed(lesson, "limits")


# ---- formats --------------------------------------------------------------------------------------------


def test_blocks_and_two_of_four_store_zeros_here(lesson):
    assert lesson.value("[bool((kind.values == 0).any()) for kind in kinds]") == [False, False, True, True]


def share(kind, seed, percent, wide=False):
    """Bytes of a format as a fraction of the dense bytes, for a layer of 512 × 512 weights."""
    weight = np.random.default_rng(seed).normal(size=(512, 512)).astype(np.float32)
    few = np.where(np.abs(weight) >= np.quantile(np.abs(weight), percent / 100), weight, 0)
    stored = kind.from_dense(few)
    return (stored.nbytes + (2 * len(stored.columns) if wide else 0)) / weight.nbytes


@pytest.mark.parametrize("seed", SEEDS)
def test_break_even_points(seed):
    assert share(Bitmap, seed, 50) < share(CSR, seed, 50) < 1
    assert share(COO, seed, 50) == pytest.approx(1, abs=1e-3)
    for kind, even in ((Bitmap, 100 / 32), (CSR, 33.5), (COO, 50)):
        assert share(kind, seed, even - 1) > 1 > share(kind, seed, even + 1)
    assert share(CSR, seed, 49, wide=True) > 1 > share(CSR, seed, 51, wide=True)  # with four bytes for a column
    assert share(COO, seed, 99) < share(Bitmap, seed, 99) and share(CSR, seed, 99) < share(Bitmap, seed, 99)


def test_the_table_and_the_picture_of_bytes(lesson):
    rows = {line.split()[0]: line.split()[2:] for line in printed(lesson, "bytes").splitlines()[1:]}
    assert rows["50"] == ["100%", "75%", "53%"]
    for percent in (0, 30, 90):
        wanted = [f"{part:.0%}" for part in lesson.value(f"shares({percent})")]
        assert rows[str(percent)] == wanted
    legend = lesson.value("[entry.get_text() for entry in ax.get_legend().get_texts()]")
    assert legend == ["COO: smaller than dense from 50 %", "CSR: smaller than dense from 33 %",
                      "bitmap: smaller than dense from 3 %"]


# ---- the race -------------------------------------------------------------------------------------------


def test_the_explorer_has_the_backends_and_controls_that_the_text_names(lesson):
    names = lesson.value("list(explorer.experiment.backends.names)")
    asked = text(lesson, "formats-text") + text(lesson, "bytes-after")
    for name in names[:7]:
        assert f"**{name.replace(' (half)', '')}**" in asked
    assert lesson.value("explorer.state") == {"sparsity": 90, "batch": 64}
    titles = lesson.value("[ax.get_title(loc='left') for ax in explorer._screen.figure.axes]")
    for title in ("Speed over sparsity", "Why: loads or multiplications?"):
        assert title in titles and f"*{title}*" in asked
    assert lesson.value("[explorer.control[name].description for name in ('sparsity', 'batch')]") == [
        "Sparsity", "Batch (samples)"]


def test_the_race_measures_and_moves_in_the_lesson(lesson):
    assert lesson.value("explorer.wait(300)")
    assert lesson.value("explorer._measuring.text.value") == "measured"
    lesson.run("explorer.set(batch=1, sparsity=50)")
    assert lesson.value("explorer.wait(300)")
    assert lesson.value("explorer.shown.timing.exact and explorer.shown.timing.swept")
    assert lesson.value("len(explorer.errors)") == 0
    lesson.run("explorer.reset(); explorer.wait(300)")


def test_a_tile_saves_more_than_half_of_the_bytes_and_the_naive_loop_stays_where_it_is():
    for batch in BATCHES:
        assert loaded(NAIVE, batch) == loaded(NAIVE, 1)
        if batch > 1:
            assert loaded(SPARSE, batch) < loaded(SPARSE, 1) / 2


# ---- blocks, 2:4, smaller -------------------------------------------------------------------------------


def test_single_weights_lose_less_than_blocks_and_retraining_brings_them_closer(lesson, nets, after, digits, claim):
    shown = np.array(re.findall(r"(?:weights|four) ([\d.]+)%", printed(lesson, "blocks")), float).reshape(3, 2) / 100
    half, most = (np.subtract(*(accuracies([pruned(net, sparsity, structure=each) for net in nets], digits)
                                for each in (mn.weights, mn.blocks(1, 4)))) for sparsity in (0.5, 0.9))
    for gap in (half, np.subtract(*shown[0])):
        claim.every(gap, above=-0.04, below=0.04)  # "hardly apart"
    for gap in (most, np.subtract(*shown[2])):
        claim.every(gap, above=0.1)  # "far less accuracy"
    claim.every((after["single"] - after["blocks"]) / most, below=0.25)  # "much closer together"


def test_two_of_four(lesson):
    assert "53.1% of the dense bytes" in printed(lesson, "two-four")
    assert (16 + 1) / 32 == 0.53125  # half of 32 bits for a value, and two bits for each of two places
    assert lesson.value("mn.sparsity(half)") == 0.5
    weight = np.random.default_rng(0).normal(size=(8, 64)).astype(np.float32)
    with pytest.raises(ValueError, match="2:4"):
        NM.from_dense(weight, 2, 4)


def test_the_smaller_network_has_about_as_many_weights_and_is_about_as_good(lesson, nets, after, digits, claim):
    kept, small = lesson.value("[sum(p.kept for p in n.params() if p.prunable) for n in (pruned, compact)]")
    assert small == pytest.approx(kept, rel=0.05)
    slim = [retrained(pruned(net, 0.72, structure=mn.along("out"), scope=mn.layer), digits, seed)
            for seed, net in zip(SEEDS, nets, strict=True)]
    claim.every(slim - after["tenth"], above=-0.04, below=0.04)
    claim.every(lesson.value("mn.accuracy(compact, digits.val) - mn.accuracy(pruned, digits.val)"),
                above=-0.04, below=0.04)


def test_blocks_of_single_numbers_are_csr():
    """What the table of formats says: a block needs one column for all of its numbers."""
    dense = np.kron(np.eye(4), np.ones((4, 1))).astype(np.float32)
    assert len(Blocks.from_dense(dense, (4, 1)).columns) == 4 and len(CSR.from_dense(dense).columns) == 16


# ---- training -------------------------------------------------------------------------------------------


def test_training_what_is_left_gives_the_same_losses(lesson, claim):
    assert "the same losses: True" in printed(lesson, "train-compare")
    dense, sparse = lesson.value("[dense_losses, sparse_losses]")
    assert len(dense) == len(sparse) == 200 and dense[0] == pytest.approx(sparse[0], rel=1e-4)
    claim.every(np.abs(np.subtract(dense, sparse)).max(), below=1e-4)
    dense_time, sparse_time = lesson.value("[dense_time, sparse_time]")
    assert f"{dense_time / sparse_time:.1f} times as fast" in printed(lesson, "train-compare")


# ---- exercises ------------------------------------------------------------------------------------------


def test_unfilled_exercises_take_no_part_and_filled_ones_run_against_dense(lesson):
    took = lesson.value("list(took)")
    assert took == ["dense", "naive", "vectors"]
    assert "the same answers: True" in printed(lesson, "overtake-time")
    for id in ("crossover", "turned", "tiled"):
        lesson.run("\n".join(mn.solution(f"04.{id}").code.splitlines()[:-1]))
    said = lesson.run(text(lesson, "exercise-1-measure"))
    assert re.search(r"predicted: -?\d+%", said)
    lesson.run(text(lesson, "overtake"))
    said = lesson.run(text(lesson, "overtake-time"))
    assert [line.split()[0] for line in said.splitlines()[:-1]] == ["dense", "naive", "turned", "tiled", "vectors"]
    assert lesson.value("bool(np.allclose(out.T, right, atol=1e-4))")
    for line in said.splitlines()[:-1]:
        name, ratio = line.split()[0], float(re.search(r"([\d.]+) × dense", line)[1])
        assert ratio == pytest.approx(lesson.value(f"took['dense'].median / took['{name}'].median"), abs=0.01)


def naive(values, columns, starts, x, y):
    for sample in range(x.shape[1]):
        for row in range(len(y)):
            y[row, sample] = sum(values[p] * x[columns[p], sample] for p in range(starts[row], starts[row + 1]))
    return y


def each_row_of_samples(values, columns, starts, x, y):
    """The samples outside the weights, but inside the rows."""
    for row in range(len(y)):
        for sample in range(x.shape[1]):
            y[row, sample] = sum(values[p] * x[columns[p], sample] for p in range(starts[row], starts[row + 1]))
    return y


def never_cleared(values, columns, starts, x, y):
    for row in range(len(y)):
        for p in range(starts[row], starts[row + 1]):
            y[row] += values[p] * x[columns[p]]
    return y


def right(values, columns, starts, x, y, size=None):
    for row in range(len(y)):
        y[row] = 0
        for p in range(starts[row], starts[row + 1]):
            y[row] += values[p] * x[columns[p]]
    return y


def by_slices(values, columns, starts, x, y):
    for row in range(len(y)):
        mine = slice(starts[row], starts[row + 1])
        y[row] = values[mine] @ x[columns[mine]]
    return y


def last_tile_forgotten(values, columns, starts, x, y, size):
    y[:] = 0
    for first in range(0, x.shape[1] // size * size, size):
        right(values, columns, starts, x[:, first:first + size], y[:, first:first + size])
    return y


def compiled(values, columns, starts, x, y):
    return right(np.asarray(values), columns, starts, x, y)


@pytest.mark.parametrize("id, slip, message", [
    ("04.crossover", lambda dense, a, b: 1 - (0.95 - (dense - b) / ((a - b) / 0.15)), "the density"),
    ("04.crossover", lambda dense, a, b: 100 * (0.95 - (dense - b) / ((a - b) / 0.15)), "per cent"),
    ("04.crossover", lambda dense, a, b: 1 - 0.2 * dense / a, "through both measurements"),
    ("04.crossover", lambda dense, a, b: 0.5, "reaches the dense time at 0.4"),
    ("04.break_even", lambda r, c, v, i: i / (v + i), "starts are missing"),
    ("04.break_even", lambda r, c, v, i: (r * c * v - (r + 1) * i) / ((v + i) * r * c), "the density"),
    ("04.break_even", lambda r, c, v, i: 100 - 100 * (r * c * v - (r + 1) * i) / ((v + i) * r * c), "per cent"),
    ("04.break_even", lambda r, c, v, i: 1 - (r * c * v - r * i) / ((v + i) * r * c), "one start more"),
    ("04.break_even", lambda r, c, v, i: 1 - (r * c * v - (r + 1) * i) / ((v + 2 * i) * r * c), "COO"),
    ("04.break_even", lambda r, c, v, i: 0.9, "you have 0.9"),
    ("04.turned", naive, "once for each sample"),
    ("04.turned", each_row_of_samples, "fetched 6 times, once for each sample"),
    ("04.turned", never_cleared, "never written"),
    ("04.turned", lambda values, columns, starts, x, y: x, "asked for is y"),
    ("04.turned", lambda values, columns, starts, x, y: np.zeros_like(y), "row 0 is the first that differs"),
    ("04.turned", compiled, "could not see"),
    ("04.tiled", lambda *given: naive(*given[:-1]), "once for each sample"),
    ("04.tiled", right, "fetched 1 time; it should be 2"),
    ("04.tiled", last_tile_forgotten, "not the product"),
])
def test_slips_are_named(id, slip, message):
    note = mn.check(id, slip)
    assert not note.right and message in note.text, note.text


@pytest.mark.parametrize("answer", [right, by_slices])
def test_other_right_answers_pass(answer):
    assert mn.check("04.turned", answer).right
