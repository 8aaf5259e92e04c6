"""The tickets explorer without a browser: what it trains is what the loop of lesson 10 trains."""

import re
import threading

import numpy as np
import pytest

import minnet as mn
from minnet.experiments.lottery_tickets import STARTS, LotteryTickets, together
from minnet.widgets.controls import few

HOW = {"rounds": 3, "final": 0.9, "count": 30, "rate": 0.02, "batch": 50}


def make(seed):
    return mn.models.mlp(40, 20, 16, 10, rng=seed)


@pytest.fixture(scope="module")
def signals():
    return few(mn.data.mnist1d(), train=200, val=100)


@pytest.fixture
def explorer(signals):
    mixed = few(mn.data.mnist1d(shuffled=True), train=200, val=100)
    explorer = mn.explore.tickets(make, {"in order": signals, "shuffled": mixed}, **HOW)
    yield explorer
    explorer.close()
    assert explorer.errors == []


def said(explorer):
    return re.sub("<[^>]+>", "", explorer._sentence.value)


def find(explorer, **state):
    explorer.set(**state)
    explorer._training.start.click()
    assert explorer.wait(60)


def train(net, data, seed):
    for _ in mn.steps(net, data.train, mn.Adam(HOW["rate"]), count=HOW["count"], batch=HOW["batch"], rng=seed):
        pass
    return mn.accuracy(net, data.val)


def by_hand(data, seed):
    """The loop of the lesson: the masks of all rounds, and the accuracies of all starts."""
    net = make(seed)
    start = mn.snapshot(net)
    dense = train(net, data, seed)
    masks, found = [], {start: [dense] for start in STARTS}
    for level in mn.geometric(HOW["final"], HOW["rounds"]):
        mn.prune(net, level, scope=mn.layer)
        mn.rewind(net, start)
        masks.append({param.path: param.mask for param in net.params()})
        found["ticket"].append(train(net, data, seed))
        other, elsewhere, rng = make(seed + 1000), make(seed), np.random.default_rng(seed)
        for param, rival in zip(other.params(), elsewhere.params(), strict=True):
            param.mask = masks[-1][param.path]
            if param.prunable:
                rival.mask = rng.permutation(param.mask.ravel()).reshape(param.shape)
        found["re-initialised"].append(train(other, data, seed))
        found["random mask"].append(train(elsewhere, data, seed))
        found["dense"].append(dense)
    return masks, found


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize("which", ["in order", "shuffled"])
def test_it_trains_what_the_lesson_trains(explorer, seed, which):
    find(explorer, seed=seed, signals=which)
    masks, found = by_hand(explorer.experiment.data[which], seed)
    for start in STARTS:
        levels, accuracies = zip(*explorer.shown.ends[start], strict=True)
        assert levels == (0, *mn.geometric(HOW["final"], HOW["rounds"]))
        assert list(accuracies) == found[start]
    for number, wanted in enumerate(masks, start=1):
        explorer.set(round=number)
        net = explorer._run(explorer.state).net("ticket", number)
        assert all(np.array_equal(param.mask, wanted[param.path]) for param in net.params() if param.prunable)
        assert all(np.array_equal(param.data, first.data)
                   for param, first in zip(net.params(), make(seed).params(), strict=True))


def test_all_masks_of_a_round_keep_as_many_weights_in_each_layer(explorer):
    find(explorer)
    lottery = explorer._run(explorer.state)
    for number in range(1, HOW["rounds"] + 1):
        kept = {start: [param.kept for param in lottery.net(start, number).params()] for start in STARTS}
        assert kept["ticket"] == kept["re-initialised"] == kept["random mask"]
        assert sum(kept["ticket"]) < sum(kept["dense"])
    one, other = (lottery.net(start, 3).params()[0] for start in ("ticket", "re-initialised"))
    assert np.array_equal(one.mask, other.mask) and not np.array_equal(one.data, other.data)
    assert not np.array_equal(one.mask, lottery.net("random mask", 3).params()[0].mask)


def test_before_the_search_it_says_what_to_press(explorer):
    assert "press Find the ticket" in said(explorer) and "10 trainings of 30 steps" in said(explorer)
    assert explorer.shown.sparsity is explorer.shown.numbers is explorer.shown.together is None
    explorer.set(round=0, start="dense")  # the whole network is known from the beginning
    assert explorer.shown.sparsity == 0 and explorer.shown.left == 40 * 20 + 20 * 16 + 16 * 10


def test_numbers_words_and_picture_agree(explorer):
    find(explorer)
    for start in STARTS:
        explorer.set(start=start, round=2)
        shown = explorer.shown
        assert f"{shown.sparsity:.1%} removed" in said(explorer) and f"{shown.left:,} weights left" in said(explorer)
        for other in STARTS:
            end = explorer.shown.learning[other][-1]
            assert f"{other} {end:.1%}" in said(explorer)
            assert explorer._learning[other].get_ydata()[-1] == pytest.approx(100 * end)
            assert len(explorer._learning[other].get_xdata()) == len(shown.looks)
            if other != "dense":
                assert explorer._ends[other].get_ydata()[2] == pytest.approx(100 * end)
        sheet = explorer._sheet.get_array()
        assert sheet.shape == (20, 40, 3)
        grey = np.isclose(sheet, 0.88).all(axis=2)
        assert np.array_equal(grey, np.isnan(shown.numbers))
        assert f"together {shown.together[:4].mean():.1f} times" in said(explorer) or start == "dense"
        heights = [bar.get_height() for bar in explorer._bars]
        assert heights == pytest.approx(np.minimum(shown.together, 3))
        at = 100 if start == "dense" else 100 * (1 - shown.sparsity)
        assert explorer._here.get_xdata()[0] == pytest.approx(at)


def test_the_sentence_counts_the_lead_for_each_seed(explorer):
    for seed in (0, 1):
        find(explorer, seed=seed)
    leads = [100 * (each["ticket"] - each["random mask"]) for each in explorer.shown.seeds.values()]
    assert list(explorer.shown.seeds) == [0, 1]
    assert "random mask " + ", ".join(f"{lead:+.1f}" for lead in leads).replace("-", "−") in said(explorer)
    explorer.set(signals="shuffled")
    assert explorer.shown.seeds == {}


def test_cancelled_in_the_middle_it_goes_on_where_it_was(explorer, signals):
    lottery = explorer._run(explorer.state)
    work = lottery.train()
    for _ in range(4 * HOW["count"] + 7):  # the whole network, a round, and a piece of the next
        next(work)
    work.close()
    assert lottery.finished == (4, 10)
    explorer.refresh()
    explorer.set(round=3)
    assert "not found yet" in said(explorer)
    find(explorer)
    whole = LotteryTickets(make, signals, 0, **HOW)
    list(whole.train())
    assert lottery.trained == whole.trained


def test_controls_answer_while_it_trains(signals):
    explorer = mn.explore.tickets(make, signals, **HOW | {"count": 2000})
    explorer._training.start.click()
    explorer.set(round=0, start="dense")
    assert explorer.job.running and explorer.shown.round == 0
    explorer._training.cancel.click()
    assert explorer.wait(10) and explorer._training.cancel.disabled and "stopped" in explorer._training.text.value
    explorer.close()
    assert explorer.errors == []
    assert "minnet job" not in [thread.name for thread in threading.enumerate()]


def test_a_page_of_it_is_trained_first(explorer, tmp_path):
    explorer.rehearse()
    assert set(explorer.experiment.runs) == {("in order", 0), ("shuffled", 0)} and explorer.shown.signals == "in order"
    explorer.save_html(tmp_path / "tickets.html")
    page = (tmp_path / "tickets.html").read_text()
    assert "weights left" in page and "not found yet" not in page


def test_one_data_set_needs_no_choice(signals):
    explorer = mn.explore.tickets(make, signals, **HOW)
    assert explorer.control["signals"].layout.display == "none" and explorer.shown.signals == "mnist1d"
    explorer.close()


def test_another_one_shows_what_was_found_here(explorer):
    other = explorer.another()
    find(explorer)
    other.refresh()
    assert other.shown.ends == explorer.shown.ends
    find(explorer, seed=5)
    assert list(other.shown.seeds) == [0]  # as it was painted
    other.refresh()
    assert list(other.shown.seeds) == [0, 5]
    other.close()


@pytest.mark.parametrize("wrong, message", [
    ((3, None), "lambda seed"), ((make(0), None), "lambda seed"), ((lambda seed: seed, None), "lambda seed"),
    ((make, "train"), "whole data set"), ((lambda seed: mn.models.signal_conv(seed), None), "dense layer"),
])
def test_what_cannot_be_done_gives_a_message(wrong, message, signals):
    make, part = wrong
    with pytest.raises(TypeError, match=message):
        mn.explore.tickets(make, getattr(signals, part) if part else signals)


def test_kept_together_is_counted_by_hand():
    mask = np.zeros((5, 2), bool)
    mask[[0, 1], 0] = mask[[1, 3], 1] = True  # density 0.4
    assert together(mask, 3) == pytest.approx([1 / 8 / 0.16, 1 / 6 / 0.16, 0])
    assert together(np.ones((6, 3), bool), 2) == pytest.approx([1, 1])
    assert (together(np.zeros((6, 3), bool), 2) == 0).all()
    mask = np.random.default_rng(0).random((40, 5000)) < 0.1
    assert together(mask) == pytest.approx(np.ones(10), abs=0.1)
