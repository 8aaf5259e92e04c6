"""What lesson 10 says is what lesson 10 shows; what it says in general is tested with several seeds.  (The figures
of the long measurement: test_10_long_measurement.py.)"""

import re

import numpy as np
import pytest

import minnet as mn
from minnet.experiments.lottery_tickets import LotteryTickets, together
from tests.lessons.running import printed, text

LESSON = "10_lottery_tickets.ipynb"
SEEDS = range(100, 104)  # the reader sees 0
LAST = 12  # rounds


class Short(LotteryTickets):
    """The search of the lesson; the rivals run in the last round only."""

    def __init__(self, data, seed):
        super().__init__(make, data, seed, rounds=LAST, final=0.92, count=400, rate=0.02, batch=100)
        list(self.train())

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


def lead(runs, start, other):
    """By how much one start is ahead of another in the end, one number for each seed."""
    return np.array([each.end(start) - each.end(other) for each in runs])


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
    return [Short(mixed, seed) for seed in SEEDS[:3]]


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
    shown = kept[:6, lesson.value("int(neuron)")]
    assert (~shown).sum() == 2  # "a neuron that has lost two of them"


def test_the_search_ends_where_the_text_says(lesson, short, claim):
    assert printed(lesson, "search").count("removed") == LAST and "92% removed" in printed(lesson, "search")
    claim.every(lesson.value("found['ticket'] - found['dense']"), above=0.03)  # "by several points"
    claim.median(lead(short, "ticket", "dense"), above=0.01)


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


def test_places_and_first_numbers_both_matter(lesson, short, claim):
    found = lesson.value("found")
    claim.every(found["ticket"] - found["re-initialised"], above=0.01)
    claim.every(found["re-initialised"] - found["random mask"], above=0.01)
    claim.every(found["dense"] - found["random mask"], above=0.01)  # it does worst of the four
    claim.every(lead(short, "ticket", "re-initialised"), above=0.01)
    claim.every(lead(short, "ticket", "random mask"), above=0.05)
    claim.median(lead(short, "re-initialised", "random mask"), above=0.01)


def test_all_three_keep_as_many_weights_in_each_layer(lesson):
    counts = lesson.value("{name: [p.kept for p in net.params() if p.prunable] for name, net in starts.items()}")
    assert counts["ticket"] == counts["re-initialised"] == counts["random mask"] == [640, 3200, 160]


# ---- what the mask has found out --------------------------------------------------------------------------


def test_near_inputs_are_kept_together(lesson, short, claim):
    assert "3.2 on average" in printed(lesson, "look")
    here = "near({}.layers[0].weight.mask)"
    seen = np.array(lesson.value("ticket.layers[0].weight.mask"))
    assert lesson.value(here.format("ticket")) == pytest.approx(near(seen))
    claim.every(lesson.value(here.format("ticket")), above=1.4)
    assert lesson.value(here.format("at_random")) == pytest.approx(1, abs=0.3)
    claim.every([near(each.mask()) for each in short], above=1.4)
    claim.every([near(each.net("random mask", LAST).params()[0].mask) for each in short], above=0.7, below=1.3)


def test_shuffled_signals_have_tickets_too_but_the_old_one_is_worth_less(lesson, short, short_mixed, mixed, claim):
    ticket, fresh, at_random, old = lesson.value("[mn.accuracy(net, mixed.val) for net in runs.values()]")
    claim.every(ticket - fresh, above=0.01)
    claim.every(fresh - at_random, above=0.01)
    claim.every(ticket - old, above=0.03)
    claim.every(old - fresh, below=0.03)
    claim.every(lead(short_mixed, "ticket", "re-initialised"), above=0.01)
    claim.every(lead(short_mixed, "ticket", "random mask"), above=0.05)
    carried = np.array([trained(each.net("ticket", LAST), mixed, each.seed) for each in short[: len(short_mixed)]])
    claim.every([each.end("ticket") for each in short_mixed] - carried, above=0.02)
    claim.median(carried - [each.end("re-initialised") for each in short_mixed], below=0.03)  # its advantage is gone


def test_in_the_old_order_the_near_inputs_are_back(lesson, short_mixed, signals, mixed, claim):
    order = lesson.value("[int(place) for place in order]")
    assert sorted(order) == list(range(40))
    assert np.array_equal(signals.train.x[:, order], mixed.train.x)
    back = [np.empty_like(each.mask()) for each in short_mixed]
    for there, each in zip(back, short_mixed, strict=True):
        there[order] = each.mask()
    claim.every([near(mask) for mask in back], above=1.4)
    claim.every([near(each.mask()) for each in short_mixed], above=0.6, below=1.5)
    claim.every(lesson.value("near(back) - near(new_ticket.layers[0].weight.mask)"), above=0.4)


# ---- the explorer -----------------------------------------------------------------------------------------


def test_the_explorer_finds_the_ticket_of_the_lesson(lesson):
    assert lesson.value("explorer.shown.done") == 0 and "not found yet" in lesson.value("explorer._sentence.value")
    for label in ("Find the ticket", "Cancel", "Reset"):
        assert any(state.get("description") == label for state in lesson.widgets.values())
    lesson.run("explorer.train()\nassert explorer.wait(170)")
    ends = lesson.value("explorer.shown.ends")
    assert {start: end[-1][1] for start, end in ends.items()} == lesson.value("found")
    assert lesson.value("explorer.shown.total") == 37


def test_which_is_ahead_early_and_which_is_better_than_chance_untrained(short, claim):
    first, early = (
        {start: np.array([each.trained[start, 0 if start == "dense" else LAST][look] for each in short])
         for start in ("ticket", "re-initialised", "random mask", "dense")} for look in (0, 1))
    assert all(each.looks[1] == 50 for each in short)
    for rival in ("re-initialised", "random mask", "dense"):
        claim.every(early["ticket"] - early[rival], above=0.05)
        claim.every(first["ticket"] - first[rival], above=0.02)
    claim.every(first["ticket"], above=0.12)  # chance is 0.1


# ---- where it ends, and pitfalls --------------------------------------------------------------------------


def test_the_lines_for_rewinding_later_run(lesson):
    (snippet,) = re.findall(r"```python\n(.*?)```", text(lesson, "early-text"), re.DOTALL)
    lesson.run(f"kept = start\n{snippet}\nlater, start = start, kept")
    assert lesson.value("set(later) == set(start) and any((later[path] != start[path]).any() for path in start)")


def test_a_dense_network_with_a_fair_chance_is_no_worse(lesson, short, signals, claim):
    said = [float(number) / 100 for number in re.findall(r"([\d.]+)%", printed(lesson, "fair"))]
    dense, *slow, dropped, ticket = said
    claim.every(max(slow) - (dense + ticket) / 2, above=0)  # another rate, and most of the lead is gone
    claim.every(dropped - ticket, above=0.005)  # with dropout it is better
    tickets, dense = (np.array([each.end(start) for each in short]) for start in ("ticket", "dense"))
    slow = [[trained(make(each.seed), signals, each.seed, rate=rate) for each in short] for rate in (0.01, 0.005)]
    claim.median(np.max(slow, axis=0) - (dense + tickets) / 2, above=0)
    nets = [mn.models.mlp(40, 200, 200, 10, dropout=0.2, rng=each.seed) for each in short]
    dropped = [trained(net, signals, each.seed, rate=0.005, count=1600) for net, each in zip(nets, short, strict=True)]
    claim.median(dropped - tickets, above=0.005)


def test_the_lead_over_new_numbers_is_different_for_each_seed(short, claim):
    claim.every(np.ptp(lead(short, "ticket", "re-initialised")), above=0.01)


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


@pytest.mark.parametrize("id, slip, message", [
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
def test_slips_are_named(id, slip, message):
    note = mn.check(id, slip)
    assert not note.right and message in note.text
