"""What lesson 12 says is what lesson 12 shows; what it says in general is tested with several seeds."""

import itertools
import json
import re
import statistics

import numpy as np
import pytest

import minnet as mn
from tests.lessons.running import printed, text
from tests.notebooks import ROOT

LESSON = "12_growing_back.ipynb"
SEEDS = range(100, 104)  # the reader sees 0 to 2


@pytest.fixture(scope="module")
def digits():
    return mn.data.digits()


def sparse(seed, sparsity=0.98):
    net = mn.models.mlp(64, 300, 100, 10, rng=seed)
    mn.prune(net, mn.erdos_renyi(net, sparsity), "random", scope=mn.layer, rng=seed)
    return net


def train(digits, seed, way, *, start=0.3, every=25, sparsity=0.98, stop=750):
    net, rng = sparse(seed, sparsity), np.random.default_rng(seed)
    fraction = mn.drop_fraction(start, stop=stop) if stop else lambda step: start
    for step in mn.steps(net, digits.train, count=1000, rng=seed):
        if way != "stays" and (step.index + 1) % every == 0:
            part = fraction(step.index + 1)
            mn.set_step(net, part, rng=rng) if way == "SET" else mn.rigl_step(net, part)
    return net


@pytest.fixture(scope="module")
def ways(digits):
    """A network for each seed and each method."""
    return {way: [train(digits, seed, way) for seed in SEEDS] for way in ("stays", "SET", "RigL")}


@pytest.fixture(scope="module")
def right(ways, digits):
    return {way: accuracies(nets, digits) for way, nets in ways.items()}


def accuracies(nets, digits):
    """On the test images: there are twice as many of them as for validation."""
    return np.array([mn.accuracy(net, digits.test) for net in nets])


def white_parts(nets, digits):
    white = np.mean(digits.train.x > 0, axis=0) < 0.05
    masks = [net.params()[0].mask for net in nets]
    return np.array([mask[white].sum() / mask.sum() for mask in masks])


def at_new_places(net, seed):
    pairs = [(p, q) for p, q in zip(net.params(), sparse(seed).params(), strict=True) if p.prunable]
    return sum((p.mask & ~q.mask).sum() for p, q in pairs) / sum(p.kept for p, _ in pairs)


# ---- sparse from the first step -------------------------------------------------------------------------


def test_the_sparse_network(lesson):
    assert lesson.value("sum(p.kept for p in sparse(0).params() if p.prunable)") == 1003
    assert "1003 in all" in printed(lesson, "sparse")
    assert "300 → 169" in printed(lesson, "sparse-report") and "left 169" in text(lesson, "sparse-after")
    kept = [param.kept / param.size for param in sparse(0).params() if param.prunable]
    assert kept[2] == max(kept)  # a small layer keeps a larger part


def test_every_way_has_as_many_weights_in_the_end(lesson):
    counts = lesson.value("[[sum(p.kept for p in weights(net)) for net in nets] for nets in ways.values()]")
    assert counts[:3] == [[1003] * 3] * 3 and all(abs(count - 1003) <= 2 for count in counts[3])


def test_the_fraction_decreases_to_zero(lesson):
    assert printed(lesson, "fraction").strip() == "['30%', '22%', '8%', '0%', '0%']"


# ---- which way is best ----------------------------------------------------------------------------------


def test_moving_brings_back_nearly_all(lesson, right, claim):
    here = {way: np.array(lesson.value(f"found[{way!r}]")) for way in ("stays", "SET", "RigL", "gradual")}
    for found, places in ((here, 3), (right, len(SEEDS))):
        assert all(len(each) == places for each in found.values())
        for way in ("SET", "RigL"):
            claim.every(found[way] - found["stays"], above=0.02)
            back = found[way] - (1 + found["stays"]) / 2
            claim.every(back.mean(), above=0)  # most of what was lost comes back
        lead = found["RigL"].mean() - found["SET"].mean()
        claim.every((found["SET"] - found["stays"]).mean() - lead, above=0)  # a small lead, if it is one
        claim.every(lead, above=-0.02, below=0.08)
    claim.every(here["gradual"].mean() - here["RigL"].mean(), above=-0.02, below=0.04)
    claim.every(np.std(here["stays"]) - np.std(here["RigL"]), above=0.05)  # far apart
    for way, found in here.items():
        assert f"{way:8} mean {found.mean():.1%}" in printed(lesson, "reveal")
    leads = ", ".join(f"{100 * lead:.0f}" for lead in here["RigL"] - here["stays"])
    assert f"by {leads} points" in printed(lesson, "compare")


@pytest.fixture(scope="module")
def benchmark():
    return json.loads((ROOT / "benchmarks" / "results" / "regrowth.json").read_text())


def figures(benchmark, data, label):
    return [100 * run["test"] for run in benchmark["tasks"][data]["runs"][label]]


def test_the_table_is_that_of_the_committed_benchmark(lesson, benchmark):
    rows = [line for line in text(lesson, "table").splitlines() if re.match(r"\| (digits|MNIST-1D) ", line)]
    assert len(rows) == 6 and benchmark["seeds"] == list(range(5)) and benchmark["command"].startswith("python bench")
    for line in rows:
        _, name, sparsity, *cells, _ = (cell.strip() for cell in line.split("|"))
        data = {"digits": "digits", "MNIST-1D": "mnist1d"}[name]
        for way, cell in zip(("static", "SET", "RigL", "gradual", "small dense"), cells, strict=True):
            found = figures(benchmark, data, f"{sparsity.replace(' ', '')} {way}")
            assert cell == f"{statistics.median(found):.1f} ({min(found):.1f}–{max(found):.1f})"
    assert f"on an {benchmark['machine']} computer" in text(lesson, "table")
    for name, data in (("digits", "digits"), ("MNIST-1D", "mnist1d")):
        assert f"{name} {statistics.median(figures(benchmark, data, '0% dense')):.1f}" in text(lesson, "table")
    for way in ("static", "SET", "RigL", "gradual"):
        assert all(abs(run["kept"] - 1003) <= 2 for run in benchmark["tasks"]["digits"]["runs"][f"98% {way}"])


def test_what_the_text_reads_from_the_table(benchmark, claim):
    def lead(data, sparsity, way, other):
        return np.subtract(*(figures(benchmark, data, f"{sparsity}% {each}") for each in (way, other)))

    for way in ("SET", "RigL"):
        claim.median(lead("digits", 95, "static", way), above=-1)  # no update is needed
    for data in ("digits", "mnist1d"):
        gains, looks = ([lead(data, sparsity, "RigL", other) for sparsity in (95, 98, 99)]
                        for other in ("static", "SET"))
        for more, fewer in itertools.pairwise(gains):
            claim.median(fewer - more, above=0)  # the fewer weights, the more it helps to move
        assert [np.median(each) for each in looks] == sorted(np.median(each) for each in looks)
        claim.median(looks[2] - looks[0], above=0)  # … and to look
    rows = [(data, sparsity) for data in ("digits", "mnist1d") for sparsity in (95, 98, 99)]
    small, ahead = ({row: lead(*row, way, "RigL") for row in rows} for way in ("small dense", "gradual"))
    assert all(np.median(each) > -0.1 for each in small.values())
    claim.median(np.concatenate(list(small.values())), above=0)
    claim.median(-ahead.pop(("mnist1d", 99)), above=0)
    assert all(np.median(each) > 0 for each in ahead.values())
    claim.median(np.concatenate(list(ahead.values())), above=0)


def test_resnet_50_has_the_order_of_the_digits_at_99_per_cent_and_the_figures_of_the_paper(lesson, benchmark):
    ways = "static", "SET", "RigL", "gradual"
    here = [statistics.median(figures(benchmark, "digits", f"99% {way}")) for way in ways]
    assert all(better > worse + 3 for worse, better in itertools.pairwise(here))
    assert "at 99 % on the digits is also that of the paper" in " ".join(text(lesson, "table").split())
    said = text(lesson, "table").split("ResNet-50")[1]
    found = [float(number) for number in re.findall(r"(\d\d\.\d) %", said)]
    assert found == [65.8, 69.6, 72.0, 73.9, 76.8] == sorted(found)


def test_a_small_dense_network_is_as_good(lesson, right, digits, claim):
    claim.every(lesson.value("mn.accuracy(small, digits.val)"), above=0.93)
    assert lesson.value("29 * -(-len(digits.train) // 32)") == pytest.approx(1000, abs=20)
    small = [mn.models.mlp(64, 14, 10, rng=seed) for seed in SEEDS]
    for seed, net in zip(SEEDS, small, strict=True):
        mn.fit(net, digits.train, epochs=29, rng=seed, progress=False)
    claim.median(accuracies(small, digits) - right["RigL"], above=-0.01)


# ---- where connections go -------------------------------------------------------------------------------


def test_a_third_or_more_is_at_new_places(lesson, ways, claim):
    for way in ("SET", "RigL"):
        parts = [int(part) for part in re.findall(rf"{way} .* (\d+)% are at new", printed(lesson, "new"))]
        assert len(parts) == 3
        claim.every(parts, above=30)
        claim.every([at_new_places(net, seed) for seed, net in zip(SEEDS, ways[way], strict=True)], above=0.3)


def test_they_leave_the_white_dots_but_not_all(lesson, ways, digits, claim):
    white = np.mean(digits.train.x > 0, axis=0) < 0.05
    rows, columns = np.nonzero(white.reshape(8, 8))
    assert set(columns) == {0, 7} and len(rows) >= 13  # the two outer columns
    stays, moved, looked = (white_parts(ways[way], digits) for way in ("stays", "SET", "RigL"))
    assert stays.mean() == pytest.approx(white.mean(), abs=0.02)
    claim.every(stays - looked, above=0.02)
    claim.median(stays - moved, above=0.005)
    claim.median(moved - looked, above=0.005)
    claim.every(looked, above=0.08)  # a good number stays
    here = {way: lesson.value(f"[links(net)[white].sum() / links(net).sum() for net in ways[{way!r}]]") for way in ways}
    for way in ("stays", "SET", "RigL"):
        assert f"{way:6} {np.mean(here[way]):4.0%}" in printed(lesson, "white")
    claim.every(np.mean(here["stays"]) - np.mean(here["SET"]), above=0.005)
    claim.every(np.mean(here["SET"]) - np.mean(here["RigL"]), above=0.005)


def test_those_that_stay_there_are_large_and_have_never_changed(ways, digits, claim):
    """Weights of pixels that are blank in every image keep their initial values."""
    never = digits.train.x.max(axis=0) == 0
    assert never.sum() >= 3
    larger = []
    for seed, net in zip(SEEDS, ways["RigL"], strict=True):
        first, start = net.params()[0], sparse(seed).params()[0]
        kept = first.mask & never[:, None] & start.mask
        assert kept.any() and np.array_equal(first.data[kept], start.data[kept])
        gone = start.mask & never[:, None] & ~first.mask
        assert gone.any()
        larger.append(np.abs(start.data[kept]).mean() - np.abs(start.data[gone]).mean())
    claim.every(larger, above=0.02)


def test_moving_more_sweeps_them_out(lesson, ways, right, digits, claim):
    nets = [train(digits, seed, "RigL", start=0.8) for seed in SEEDS]
    claim.every(white_parts(ways["RigL"], digits) - white_parts(nets, digits), above=0.04)
    claim.median(accuracies(nets, digits) - right["RigL"], above=-0.02, below=0.04)  # it is as good
    here = lesson.value("part")
    claim.every(np.mean(here), below=0.08)
    assert f"{np.mean(here):.0%} of the connections" in printed(lesson, "sweep")


def test_rigl_uses_fewer_neurons(lesson, ways, claim):
    sizes = {way: np.array([mn.compact(net).params()[0].shape[1] for net in nets]) for way, nets in ways.items()}
    claim.every(sizes["SET"] - sizes["RigL"], above=1)
    claim.every(sizes["stays"] - sizes["SET"], above=1)
    here = {way: lesson.value(f"[mn.compact(net).params()[0].shape[1] for net in ways[{way!r}]]") for way in sizes}
    for way, found in here.items():
        assert re.search(rf"{way} .*{re.escape(str(found))}", printed(lesson, "neurons"))
    assert here["stays"][0] == 169
    claim.every(np.subtract(here["SET"], here["RigL"]), above=1)


# ---- pitfalls -------------------------------------------------------------------------------------------


def test_moving_until_the_end_costs(lesson, right, digits, claim):
    late = accuracies([train(digits, seed, "RigL", stop=None) for seed in SEEDS], digits)
    claim.median(right["RigL"] - late, above=0.005)
    here = np.array(lesson.value("[mn.accuracy(net, digits.val) for net in late]"))
    claim.every((lesson.value("found['RigL']") - here).mean(), above=0.01)
    assert all(f"{each:.1%}" in printed(lesson, "late") for each in here)


def test_what_has_just_grown_is_dropped_again(lesson, claim):
    parts = [lesson.value(f"survivors({every})") for every in (1, 25, 100)]
    claim.every(parts[0], below=0.005)  # nothing
    claim.every(parts[1], below=0.1)
    claim.every(parts[2] - parts[1], above=0.05)
    lines = printed(lesson, "churn-see").splitlines()
    assert all(f"{part:4.0%} survive" in line for part, line in zip(parts, lines, strict=True))


def test_few_tries_are_bad_for_set(right, digits, claim):
    lost = {way: right[way] - accuracies([train(digits, seed, way, every=200) for seed in SEEDS], digits)
            for way in ("SET", "RigL")}
    claim.every(lost["SET"], above=0.01)
    claim.every(lost["SET"].mean() - lost["RigL"].mean(), above=0.01)  # for SET in particular


def test_old_momentum_throws_a_weight_away(lesson):
    rest, thrown = lesson.value("[path(0.0), path(-0.3)]")
    assert all(0 < w < 0.2 for w in rest) and min(thrown) < -0.5
    assert max(map(abs, thrown)) > 4 * max(map(abs, rest))


def test_set_and_rigl_go_with_sparse_steps(lesson):
    said = printed(lesson, "cost")
    assert "301 weights have moved by SET" in said and "301 weights have moved by RigL" in said
    assert f"it saw {lesson.value('sum(p.size for p in net.params() if p.prunable)')} slopes" in said


def test_the_cost_of_looking(lesson):
    def cost(density, every):
        return ((every - 1) * 3 * density + 2 * density + 1) / every / 3

    assert cost(0.02, 1) == pytest.approx(0.35, abs=0.01)  # a third of a dense step
    assert cost(0.02, 25) < 2 * 0.02  # costs little
    assert "third" in text(lesson, "cost-text")


# ---- the explorer ---------------------------------------------------------------------------------------


def test_what_there_is_to_try_in_the_explorer(lesson, claim):
    def ends(**state):
        lesson.run(f"explorer.set(**{state})\nexplorer.train()\nassert explorer.wait(170)")
        courses = lesson.value("{way: course[-1].accuracy for way, course in explorer.shown.courses.items()}")
        part = lesson.value("explorer.shown.links[explorer.shown.empty].sum() / explorer.shown.links.sum()")
        return courses, part

    assert "Not trained yet" in lesson.value("explorer._sentence.value")
    first, part = ends()
    assert first["RigL"] == pytest.approx(lesson.value("found['RigL'][0]"))  # the same training
    assert first["static"] == pytest.approx(lesson.value("found['stays'][0]"))
    many, less = ends(fraction=80)
    claim.every(part - less, above=0.04)
    claim.every(many["RigL"] - first["RigL"], above=-0.05, below=0.05)
    easy, _ = ends(fraction=30, final=95)
    claim.every(max(easy.values()) - easy["static"], below=0.05)
    hard, _ = ends(final=99)
    claim.every(hard["RigL"] - hard["static"], above=0.3)
    lesson.run("explorer.set(final=98, every=1)")
    assert "dropped at the next move" in lesson.value("explorer._message.value")
    lesson.run("explorer.reset()")
    assert lesson.value("[str(error) for error in explorer.errors]") == []


def test_controls_that_the_text_names_exist(lesson):
    labels = {state.get("description") for state in lesson.widgets.values()}
    assert {"Train all four", "Step", "Every … steps", "Seed", "Look at"} <= labels


# ---- exercises: each mistake is named ---------------------------------------------------------------------


def fraction(step, start, stop, turn=np.pi):
    return start / 2 * (1 + np.cos(turn * step / stop))


def move(w, gradient, mask, count, *, among_all=False, signed=False, steep=True, late=False, keep=False, every=False):
    used, free = np.flatnonzero(mask), np.flatnonzero(~mask)
    size = w if signed else np.abs(w)
    dropped = np.argsort(size)[:count] if among_all else used[np.argsort(size[used])[:count]]
    w, mask = w.copy(), mask.copy()
    if late:
        mask[dropped] = False
        free = np.flatnonzero(~mask)
    size_of_gradient = np.abs(gradient) if steep else gradient
    grown = np.argsort(-size_of_gradient)[:count] if every else free[np.argsort(-size_of_gradient[free])[:count]]
    if not keep:
        w[grown] = 0
    mask[dropped], mask[grown] = False, True
    return w, mask


@pytest.mark.parametrize("id, slip, message", [
    ("12.fraction", fraction, "the cosine rises again"),
    ("12.fraction", lambda step, start, stop: fraction(step, start, stop, 180) if step < stop else 0, "radians"),
    ("12.fraction", lambda step, start, stop: start * max(1 - step / stop, 0), "straight line"),
    ("12.fraction", lambda step, start, stop: start, "it should be"),
    ("12.move", lambda w, g, m, n: move(w, g, m, n, among_all=True), "Only those in use can be dropped"),
    ("12.move", lambda w, g, m, n: move(w, g, m, n, signed=True), "small without the sign"),
    ("12.move", lambda w, g, m, n: move(w, g, m, n, steep=False), "whatever its sign"),
    ("12.move", lambda w, g, m, n: move(w, g, m, n, keep=True), "starts from 0"),
    ("12.move", lambda w, g, m, n: (move(w, g, m, n)[0], move(w, g, m, n)[1].astype(int)), "of type bool"),
    ("12.move", lambda w, g, m, n: move(w, g, m, n)[1], "two arrays"),
    ("12.move", lambda w, g, m, n: (2 * move(w, g, m, n)[0], move(w, g, m, n)[1]), "keep their numbers"),
    ("12.move", lambda w, g, m, n: move(w, g, m, n + 1), "nearest to zero"),
    ("12.cost", lambda density, every: density, "are missing"),
    ("12.cost", lambda density, every: ((every - 1) * 3 * density + 2 * density + 1) / every, "divide by 3"),
    ("12.cost", lambda density, every: ((every - 1) * 3 * density + 3) / every / 3, "Only the slopes"),
    ("12.cost", lambda density, every: density + 1 / 3 / every, "*instead*"),
    ("12.cost", lambda density, every: density / every, "it should be"),
])
def test_slips_are_named(id, slip, message):
    note = mn.check(id, slip)
    assert not note.right and message in note.text


def test_growing_where_a_weight_was_just_dropped_is_named():
    def late(w, gradient, mask, count):
        gradient = gradient + 10 * mask  # so steep where a weight is in use that it would grow there again
        return move(w, gradient, mask, count, late=True)

    note = mn.check("12.move", late)
    assert not note.right and "Find the free places before" in note.text
