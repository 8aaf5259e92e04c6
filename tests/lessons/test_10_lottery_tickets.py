"""What lesson 10 says is what lesson 10 shows; what it says in general is held against several seeds.  (The figures
of the long measurement: test_10_long_measurement.py.)"""

import re
from statistics import median

import numpy as np
import pytest

import minnet as mn
from minnet.explore.lottery import Lottery, together
from tests.lessons.running import printed, text

LESSON = "10_lottery_tickets.ipynb"
SEEDS = range(3)
LAST = 12  # rounds


class Short(Lottery):
    """The search of the lesson; the rivals run in the last round only."""

    def __init__(self, data, seed):
        super().__init__(make, data, seed, rounds=LAST, final=0.92, count=400, rate=0.02, batch=100)
        list(self.play())

    def entrants(self, number):
        return super().entrants(number) if number in (0, LAST) else ("ticket",)

    def end(self, start):
        return self.trained[start, 0 if start == "dense" else LAST][-1]

    def mask(self):
        return self.masks[LAST]["dense1.weight"]


def make(seed):
    return mn.models.mlp(40, 200, 200, 10, rng=seed)


def near(mask):
    return together(mask, 4).mean()


@pytest.fixture(scope="module")
def signals():
    return mn.data.mnist1d()


@pytest.fixture(scope="module")
def mixed():
    return mn.data.mnist1d(shuffled=True)


@pytest.fixture(scope="module")
def short(signals):
    return [Short(signals, seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def short_mixed(mixed):
    return [Short(mixed, seed) for seed in SEEDS]


def trained(net, data, seed=0, rate=0.02, count=400):
    for _ in mn.steps(net, data.train, mn.Adam(rate), count=count, batch=100, rng=seed):
        pass
    return mn.accuracy(net, data.val)


# ---- train, prune, rewind -------------------------------------------------------------------------------


def test_the_numbers_of_the_text(lesson, signals):
    assert sum(param.size for param in make(0).params() if param.prunable) == 50_000
    assert lesson.value("sum(p.kept for p in ticket.params() if p.prunable)") == 4_000
    assert mn.geometric(0.92, LAST)[0] == pytest.approx(0.19, abs=0.001)
    assert (len(signals.train), len(signals.val), len(signals.test)) == (4000, 1000, 1000)
    small = mn.models.mlp(40, 43, 43, 10)
    assert sum(param.size for param in small.params() if param.prunable) == 3_999


def test_a_rewound_weight_is_as_it_was_and_what_is_removed_had_become_small(lesson):
    before, trained, rewound = (np.array(lesson.value(name)) for name in ("before", "trained.value", "rewound.value"))
    kept = np.array(lesson.value("rewound.mask"))
    assert np.array_equal(rewound[kept], before[kept]) and (rewound[~kept] == 0).all()
    assert np.abs(trained[~kept]).max() <= np.abs(trained[kept]).min()
    assert (np.abs(before[~kept]).max() > np.abs(before[kept])).any()  # by what they became, not by what they were
    assert 0 < (~kept[:6, 0]).sum() < 6  # the cell shows one that is gone


def test_the_search_ends_where_the_text_says(lesson, short):
    assert printed(lesson, "search").count("removed") == LAST and "92% removed" in printed(lesson, "search")
    assert lesson.value("found['ticket']") == pytest.approx(short[0].end("ticket"))
    for each in short:
        assert each.end("ticket") > each.end("dense")  # "it even works better than with all 50,000"


def test_iterate_is_the_same_loop(signals):
    net = make(0)
    start = mn.snapshot(net)
    trained(net, signals)
    mine = net.copy()
    first = next(mn.iterate(net, signals.train, rounds=LAST, final=0.92, epochs=LAST / 4, batch=100, scope=mn.layer,
                            rewind_to=start, optimiser=mn.Adam(0.02), rng=0))
    mn.prune(mine, mn.geometric(0.92, LAST)[0], scope=mn.layer)
    assert first.sparsity == mn.sparsity(mine)
    assert all(np.array_equal(p.mask, q.mask) for p, q in zip(net.params(), mine.params(), strict=True) if p.prunable)


# ---- the controls ---------------------------------------------------------------------------------------


def test_places_and_first_numbers_both_matter(lesson, short):
    found = lesson.value("found")
    assert found["random mask"] < found["re-initialised"] < found["ticket"]
    for each in short:
        assert each.end("ticket") > each.end("re-initialised") + 0.02
        assert each.end("re-initialised") > each.end("random mask") + 0.01
    for start, lead in (("re-initialised", 0.05), ("random mask", 0.1)):
        assert median(each.end("ticket") - each.end(start) for each in short) > lead


def test_all_three_keep_as_many_weights_in_each_layer(lesson):
    counts = lesson.value("{name: [p.kept for p in net.params() if p.prunable] for name, net in starts.items()}")
    assert counts["ticket"] == counts["re-initialised"] == counts["random mask"] == [640, 3200, 160]


# ---- what the mask has found out --------------------------------------------------------------------------


def test_near_inputs_are_kept_together(lesson, short):
    assert "3.2 on average" in printed(lesson, "look")
    assert lesson.value("near(ticket.layers[0].weight.mask)") == pytest.approx(near(short[0].mask()))
    for each in short:
        assert near(each.mask()) > 1.3
        assert 0.7 < near(each.net("random mask", LAST).params()[0].mask) < 1.3


def test_shuffled_signals_have_tickets_too_but_the_old_one_is_worth_less(lesson, short, short_mixed, mixed):
    runs = lesson.value("[mn.accuracy(net, mixed.val) for net in runs.values()]")
    ticket, fresh, dice, old = runs
    assert dice < fresh < ticket and old < ticket - 0.05 and old < fresh + 0.02
    for plain, anew in zip(short, short_mixed, strict=True):
        assert anew.end("ticket") > anew.end("re-initialised") + 0.02
        assert anew.end("re-initialised") > anew.end("random mask")
        carried = trained(plain.net("ticket", LAST), mixed, plain.seed)
        assert carried < anew.end("ticket") - 0.04
        assert carried < anew.end("re-initialised") + 0.03  # its advantage over new numbers is gone


def test_in_the_old_order_the_near_inputs_are_back(lesson, short_mixed, signals, mixed):
    order = lesson.value("[int(place) for place in order]")
    assert sorted(order) == list(range(40))
    assert np.array_equal(signals.train.x[:, order], mixed.train.x)
    for each in short_mixed:
        back = np.empty_like(each.mask())
        back[order] = each.mask()
        assert near(back) > 1.3 > near(each.mask()) > 0.7


# ---- the explorer -----------------------------------------------------------------------------------------


def test_the_explorer_finds_the_ticket_of_the_lesson(lesson, short):
    assert lesson.value("explorer.shown.done") == 0 and "not found yet" in lesson.value("explorer._sentence.value")
    for label in ("Find the ticket", "Cancel", "Reset"):
        assert any(state.get("description") == label for state in lesson.widgets.values())
    lesson.run("explorer.train()\nassert explorer.wait(170)")
    ends = lesson.value("explorer.shown.ends")
    for start in ("ticket", "re-initialised", "random mask", "dense"):
        assert ends[start][-1][1] == pytest.approx(short[0].end(start))
    found = lesson.value("found")
    assert ends["ticket"][-1][1] == found["ticket"] and ends["dense"][-1][1] == found["dense"]
    assert lesson.value("explorer.shown.total") == 37


def test_who_is_ahead_early_and_who_is_better_than_chance_untrained(short):
    for each in short:
        first, early = (
            {start: each.trained[start, 0 if start == "dense" else LAST][look]
             for start in ("ticket", "re-initialised", "random mask", "dense")} for look in (0, 1))
        assert each.looks[1] == 50 and max(early, key=early.get) == "ticket"
        assert first["ticket"] > 0.15 > max(first["re-initialised"], first["random mask"], first["dense"])


# ---- where it ends, and pitfalls --------------------------------------------------------------------------


def test_the_lines_for_rewinding_later_run(lesson):
    (snippet,) = re.findall(r"```python\n(.*?)```", text(lesson, "early-text"), re.DOTALL)
    lesson.run(f"kept = start\n{snippet}\nlater, start = start, kept")
    assert lesson.value("set(later) == set(start) and any((later[path] != start[path]).any() for path in start)")


def test_a_dense_network_with_a_fair_chance_is_no_worse(lesson, short, signals):
    said = re.findall(r"([\d.]+)%", printed(lesson, "fair"))
    slow, dropped, ticket = (float(said[place]) for place in (2, 3, 4))
    assert slow > ticket - 1 and dropped > ticket
    for each in short:
        assert trained(make(each.seed), signals, each.seed, rate=0.005) > each.end("ticket") - 0.04
        drops = mn.models.mlp(40, 200, 200, 10, dropout=0.2, rng=each.seed)
        assert trained(drops, signals, each.seed, rate=0.005, count=1600) > each.end("ticket") + 0.01


# ---- exercises --------------------------------------------------------------------------------------------


def without_biases(net, start):
    for param in net.params():
        if param.prunable:
            param.data = start[param.path]
    return net


def everything_back(net, start):
    mn.rewind(net, start)
    mn.restore(net)
    return net


def only_a_name(net, start):
    for param in net.params():
        data = start[param.path]  # noqa: F841
    return net


def start_too(net, start):
    for param in net.params():
        if param.mask is not None:
            start[param.path] *= param.mask
        param.data = start[param.path]
    return net


def rounds(final, part):
    return np.log(1 - final) / np.log(1 - part)


@pytest.mark.parametrize("id, slip, told", [
    ("10.rewind", without_biases, "the biases are not"),
    ("10.rewind", everything_back, "has to stay removed"),
    ("10.rewind", only_a_name, "still the trained ones"),
    ("10.rewind", start_too, "changes the numbers in `start`"),
    ("10.rewind", lambda net, start: start, "Return the network"),
    ("10.rewind", lambda net, start: mn.models.mlp(4, 3, 2), "the network that was given"),
    ("10.random_mask", lambda mask, rng: rng.random(mask.shape) < mask.mean(), "another number each time"),
    ("10.random_mask", lambda mask, rng: rng.permutation(mask), "only move whole rows"),
    ("10.random_mask", lambda mask, rng: rng.permutation(mask.T).T, "Whole columns"),
    ("10.random_mask", lambda mask, rng: mask, "the mask of the ticket itself"),
    ("10.random_mask", lambda mask, rng: ~mask, "exactly 88 weights; yours keeps 1112"),
    ("10.random_mask", lambda mask, rng: rng.permutation(mask.ravel()), "the shape of the mask"),
    ("10.random_mask", lambda mask, rng: mask.astype(int), "bool"),
    ("10.random_mask", lambda mask, rng: np.random.default_rng(0).permutation(mask.ravel()).reshape(mask.shape),
     "use `rng`"),
    ("10.cost", lambda final, part, steps: np.ceil(rounds(final, part)) * steps, "before the first of them"),
    ("10.cost", lambda final, part, steps: (1 + int(rounds(final, part))) * steps, "11 rounds, which do not get so"),
    ("10.cost", lambda final, part, steps: (1 + rounds(final, part)) * steps, "a round is whole"),
    ("10.cost", lambda final, part, steps: (1 + final / part) * steps, "of what is *left*"),
    ("10.cost", lambda final, part, steps: 1 + np.ceil(rounds(final, part)), "a number of trainings"),
])
def test_slips_are_told(id, slip, told):
    note = mn.check(id, slip)
    assert not note.right and told in note.text
