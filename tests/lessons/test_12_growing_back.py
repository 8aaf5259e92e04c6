"""What lesson 12 says is what lesson 12 shows; what it says in general is held against several seeds."""

import json
import re
import statistics

import numpy as np
import pytest

import minnet as mn
from tests.lessons.running import printed, text
from tests.notebooks import ROOT

LESSON = "12_growing_back.ipynb"
SEEDS = range(3)


@pytest.fixture(scope="module")
def digits():
    return mn.data.digits()


def sparse(seed, sparsity=0.98):
    net = mn.models.mlp(64, 300, 100, 10, rng=seed)
    mn.prune(net, mn.erdos_renyi(net, sparsity), "random", scope=mn.layer, rng=seed)
    return net


def train(digits, seed, way, *, start=0.3, every=25, sparsity=0.98, stop=750):
    net, dice = sparse(seed, sparsity), np.random.default_rng(seed)
    fraction = mn.drop_fraction(start, stop=stop) if stop else lambda step: start
    for step in mn.steps(net, digits.train, count=1000, rng=seed):
        if way != "stays" and (step.index + 1) % every == 0:
            part = fraction(step.index + 1)
            mn.set_step(net, part, rng=dice) if way == "SET" else mn.rigl_step(net, part)
    return net


@pytest.fixture(scope="module")
def ways(digits):
    """Three networks of each way, with dice of their own."""
    return {way: [train(digits, seed, way) for seed in SEEDS] for way in ("stays", "SET", "RigL")}


@pytest.fixture(scope="module")
def right(ways, digits):
    return {way: np.array([mn.accuracy(net, digits.val) for net in nets]) for way, nets in ways.items()}


def white_part(net, digits):
    white = np.mean(digits.train.x > 0, axis=0) < 0.05
    mask = net.params()[0].mask
    return mask[white].sum() / mask.sum()


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


def test_the_fraction_falls_to_nothing(lesson):
    assert printed(lesson, "fraction").strip() == "['30%', '22%', '8%', '0%', '0%']"


# ---- which way is best ----------------------------------------------------------------------------------


def test_moving_brings_back_nearly_all(lesson, right):
    here = {way: np.array(lesson.value(f"found[{way!r}]")) for way in ("stays", "SET", "RigL", "gradual")}
    for found in (here, right):
        assert (found["SET"] > found["stays"] + 0.1).all() and (found["RigL"] > found["stays"] + 0.1).all()
        assert found["RigL"].min() > 0.9 and found["SET"].min() > 0.88
        assert np.ptp(found["stays"]) > 0.15 > 0.05 > np.ptp(found["RigL"])  # far apart
        assert -0.01 < found["RigL"].mean() - found["SET"].mean() < 0.05  # a little better
    assert here["stays"] == pytest.approx(right["stays"]) and here["RigL"] == pytest.approx(right["RigL"])
    assert -0.01 < here["gradual"].mean() - here["RigL"].mean() < 0.03
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
    for name, data in (("digits", "digits"), ("MNIST-1D", "mnist1d")):
        assert f"{name} {statistics.median(figures(benchmark, data, '0% dense')):.1f}" in text(lesson, "table")
    for way in ("static", "SET", "RigL", "gradual"):
        assert all(abs(run["kept"] - 1003) <= 2 for run in benchmark["tasks"]["digits"]["runs"][f"98% {way}"])


def test_what_the_text_reads_from_the_table(benchmark):
    middle = {(data, label): statistics.median(figures(benchmark, data, label))
              for data in ("digits", "mnist1d") for label in benchmark["tasks"][data]["runs"]}
    moving = max(middle["digits", f"95% {way}"] for way in ("SET", "RigL"))
    assert middle["digits", "95% static"] >= moving - 0.5  # nobody needs to move
    gains = {data: [middle[data, f"{s}% RigL"] - middle[data, f"{s}% static"] for s in (95, 98, 99)]
             for data in ("digits", "mnist1d")}
    looks = {data: [middle[data, f"{s}% RigL"] - middle[data, f"{s}% SET"] for s in (95, 98, 99)]
             for data in ("digits", "mnist1d")}
    for found in (*gains.values(), *looks.values()):
        assert found == sorted(found)  # the fewer weights, the more it helps
    ahead = {(data, s): middle[data, f"{s}% gradual"] - middle[data, f"{s}% RigL"]
             for data in ("digits", "mnist1d") for s in (95, 98, 99)}
    assert [key for key, lead in ahead.items() if lead < 0] == [("mnist1d", 99)]
    for data in ("digits", "mnist1d"):
        assert all(middle[data, f"{s}% small dense"] >= middle[data, f"{s}% RigL"] - 0.1 for s in (95, 98, 99))


def test_resnet_50_has_the_order_of_the_digits_at_98_per_cent_and_the_figures_of_the_paper(lesson, benchmark):
    ways = "static", "SET", "RigL", "gradual"
    here = [statistics.median(figures(benchmark, "digits", f"98% {way}")) for way in ways]
    assert here == sorted(here)
    said = text(lesson, "table").split("ResNet-50")[1]
    found = [float(number) for number in re.findall(r"(\d\d\.\d) %", said)]
    assert found == [65.8, 69.6, 72.0, 73.9, 76.8] == sorted(found)


def test_a_small_dense_network_is_as_good(lesson, right, digits):
    assert lesson.value("mn.accuracy(small, digits.val)") > 0.93
    assert lesson.value("29 * -(-len(digits.train) // 32)") == pytest.approx(1000, abs=20)
    small = []
    for seed in SEEDS:
        net = mn.models.mlp(64, 14, 10, rng=seed)
        mn.fit(net, digits.train, epochs=29, rng=seed, progress=False)
        small.append(mn.accuracy(net, digits.val))
    assert np.mean(small) > right["RigL"].mean() - 0.01


# ---- where connections go -------------------------------------------------------------------------------


def test_a_third_or_more_is_at_new_places(lesson):
    parts = [int(part) for part in re.findall(r"(\d+)% are at new", printed(lesson, "new"))]
    assert len(parts) == 6 and min(parts) >= 32


def test_they_leave_the_white_dots_but_not_all(lesson, ways, digits):
    white = np.mean(digits.train.x > 0, axis=0) < 0.05
    rows, columns = np.nonzero(white.reshape(8, 8))
    assert set(columns) == {0, 7} and len(rows) >= 13  # the two outer columns
    stays, moved, looked = (np.mean([white_part(net, digits) for net in ways[way]]) for way in ("stays", "SET", "RigL"))
    assert stays == pytest.approx(white.mean(), abs=0.02)
    assert looked < moved - 0.02 < stays - 0.04 and looked > 0.08
    assert f"RigL   {looked:4.0%}" in printed(lesson, "white")


def test_those_that_stay_there_are_large_and_have_never_changed(ways, digits):
    """At dots that are white in every image a weight never moves from where dice put it."""
    never = digits.train.x.max(axis=0) == 0
    assert never.sum() >= 3
    for seed, net in enumerate(ways["RigL"]):
        first, start = net.params()[0], sparse(seed).params()[0]
        kept = first.mask & never[:, None] & start.mask
        assert kept.any() and np.array_equal(first.data[kept], start.data[kept])
        gone = start.mask & never[:, None] & ~first.mask
        if gone.any():
            assert np.abs(start.data[kept]).mean() > np.abs(start.data[gone]).mean()


def test_moving_more_sweeps_them_out(lesson, right, digits):
    nets = [train(digits, seed, "RigL", start=0.8) for seed in SEEDS]
    assert np.mean([white_part(net, digits) for net in nets]) < 0.07
    assert np.mean([mn.accuracy(net, digits.val) for net in nets]) > right["RigL"].mean() - 0.01
    assert f"{np.mean([white_part(net, digits) for net in nets]):.0%} of the connections" in printed(lesson, "sweep")


def test_rigl_uses_fewer_neurons(lesson, ways):
    sizes = {way: [mn.compact(net).params()[0].shape[1] for net in nets] for way, nets in ways.items()}
    assert all(few < some < many for few, some, many in zip(sizes["RigL"], sizes["SET"], sizes["stays"], strict=True))
    for way in ("stays", "RigL"):
        assert f"{sizes[way]}" in printed(lesson, "neurons")


# ---- pitfalls -------------------------------------------------------------------------------------------


def test_moving_until_the_end_costs(lesson, right, digits):
    late = [mn.accuracy(train(digits, seed, "RigL", stop=None), digits.val) for seed in SEEDS]
    assert (right["RigL"] > np.array(late)).all() and right["RigL"].mean() > np.mean(late) + 0.03
    assert all(f"{each:.1%}" in printed(lesson, "late") for each in late)


def test_what_has_just_grown_falls_again(lesson):
    parts = [lesson.value(f"survivors({every})") for every in (1, 25, 100)]
    assert parts[0] < 0.01 and parts[1] < 0.1 < parts[2] < 0.5
    lines = printed(lesson, "churn-see").splitlines()
    assert all(f"{part:4.0%} survive" in line for part, line in zip(parts, lines, strict=True))


def test_few_tries_are_bad_for_set(right, digits):
    rare = [mn.accuracy(train(digits, seed, "SET", every=200), digits.val) for seed in SEEDS]
    assert np.mean(rare) < right["SET"].mean() - 0.05


def test_old_momentum_throws_a_weight_away(lesson):
    rest, thrown = lesson.value("[path(0.0), path(-0.3)]")
    assert all(0 < w < 0.2 for w in rest) and min(thrown) < -0.5
    assert max(map(abs, thrown)) > 4 * max(map(abs, rest))


def test_set_goes_with_sparse_steps_and_rigl_does_not(lesson):
    said = printed(lesson, "cost")
    assert "301 weights have moved by SET" in said and "RigL: dense1.weight has no gradient yet" in said


def test_the_cost_of_looking(lesson):
    def cost(density, every):
        return ((every - 1) * 3 * density + 2 * density + 1) / every / 3

    assert cost(0.02, 1) == pytest.approx(0.35, abs=0.01)  # a third of a dense step
    assert cost(0.02, 25) < 2 * 0.02  # costs little
    assert "third" in text(lesson, "cost-text")


# ---- the explorer ---------------------------------------------------------------------------------------


def test_what_there_is_to_try_in_the_explorer(lesson):
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
    assert less < part / 2 and many["RigL"] > first["RigL"] - 0.02
    easy, _ = ends(fraction=30, final=95)
    assert max(easy.values()) - easy["static"] < 0.04
    hard, _ = ends(final=99)
    assert hard["static"] < 0.45 and hard["RigL"] > hard["static"] + 0.4
    lesson.run("explorer.set(final=98, every=1)")
    assert "falls again" in lesson.value("explorer._message.value")
    lesson.run("explorer.reset()")
    assert lesson.value("[str(error) for error in explorer.errors]") == []


def test_controls_that_the_text_names_exist(lesson):
    labels = {state.get("description") for state in lesson.widgets.values()}
    assert {"Train all four", "Step", "Every … steps", "Seed", "Look at"} <= labels


# ---- exercises: each slip is told by its name -----------------------------------------------------------


def fraction(step, start, stop, turn=np.pi):
    return start / 2 * (1 + np.cos(turn * step / stop))


def move(w, gradient, mask, count, *, among_all=False, signed=False, steep=True, late=False, keep=False, every=False):
    used, free = np.flatnonzero(mask), np.flatnonzero(~mask)
    size = w if signed else np.abs(w)
    fallen = np.argsort(size)[:count] if among_all else used[np.argsort(size[used])[:count]]
    w, mask = w.copy(), mask.copy()
    if late:
        mask[fallen] = False
        free = np.flatnonzero(~mask)
    slope = np.abs(gradient) if steep else gradient
    grown = np.argsort(-slope)[:count] if every else free[np.argsort(-slope[free])[:count]]
    if not keep:
        w[grown] = 0
    mask[fallen], mask[grown] = False, True
    return w, mask


@pytest.mark.parametrize("id, slip, told", [
    ("12.fraction", fraction, "the cosine rises again"),
    ("12.fraction", lambda step, start, stop: fraction(step, start, stop, 180) if step < stop else 0, "radians"),
    ("12.fraction", lambda step, start, stop: start * max(1 - step / stop, 0), "straight line"),
    ("12.fraction", lambda step, start, stop: start, "it should be"),
    ("12.move", lambda w, g, m, n: move(w, g, m, n, among_all=True), "Only those in use can fall"),
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
def test_slips_are_told(id, slip, told):
    note = mn.check(id, slip)
    assert not note.right and told in note.text


def test_growing_where_something_has_just_fallen_is_told():
    def late(w, gradient, mask, count):
        gradient = gradient + 10 * mask  # so steep where a weight is in use that it would grow there again
        return move(w, gradient, mask, count, late=True)

    note = mn.check("12.move", late)
    assert not note.right and "Find the free places before" in note.text
