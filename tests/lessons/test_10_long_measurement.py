"""Every figure that lesson 10 quotes from the long measurement is in the committed results, and these follow from the
measurements by the rules that the lesson states."""

import json
from statistics import median
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest

from minnet.data.mnist1d_signals import SEED
from tests.lessons.running import text
from tests.notebooks import ROOT

RATES, DENSE = (0.005, 0.01, 0.02, 0.04), (0.0025, 0.005, 0.01, 0.02)

FULL = {
    "**ticket**": "ticket 92%, 500 steps",
    "its mask, its numbers shuffled among its places": "numbers shuffled 92%, 500 steps",
    "its mask **re-initialised**": "re-initialised 92%, 500 steps",
    "**random mask**": "random mask 92%, 500 steps",
    "a small *dense* network, 40-43-43-10": "small dense, 500 steps",
    "all 50,000 weights": "dense, 500 steps",
}
FAIR = {
    "ticket, 4,000 weights": "ticket 92%, stopped early",
    "its mask re-initialised": "re-initialised 92%, stopped early",
    "random mask": "random mask 92%, stopped early",
    "dense, 50,000 weights": "dense, stopped early",
    "dense, dropout 0.2": "dense, dropout 0.2, stopped early",
    "a small dense network, 3,999 weights": "small dense, stopped early",
}


def found(name):
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def unrun():
    """The lesson's text; nothing here needs it to have been run."""
    return SimpleNamespace(notebook=nbformat.read(ROOT / "lessons" / "10_lottery_tickets.ipynb", as_version=4))


@pytest.fixture(scope="module")
def results():
    return found("tickets")


def rows(cell):
    """{first column: the other columns} of the tables in a cell."""
    lines = [line.strip("|").split("|") for line in cell.splitlines() if line.startswith("|")]
    return {first.strip(): [each.strip() for each in rest] for first, *rest in lines}


@pytest.mark.parametrize(("name", "seeds"), [("tickets", [0, 1, 2, 3, 4]), ("tickets_again", [5, 6, 7, 8, 9])])
def test_promised_points(name, seeds, claim):
    """Medians of five seeds on the test part; rates chosen on the validation part."""
    results = found(name)
    assert results["seeds"] == seeds
    ticket, fresh, random = (np.array([test for _, test in results["table"][f"{start} 92%, 500 steps"]])
                             for start in ("ticket", "re-initialised", "random mask"))
    assert median(ticket) >= median(fresh) + 0.05 and median(ticket) >= median(random) + 0.1
    claim.every(ticket - fresh, above=0)
    claim.every(ticket - random, above=0.05)


def test_the_computer_of_the_measurement_is_named(unrun, results):
    kind = results["machine"].split(",")[0]
    assert f"on an {kind} computer" in " ".join(text(unrun, "full-text").split())


def test_the_figures_of_the_repetition_are_its_results(unrun):
    again = found("tickets_again")
    assert again["signals"] != SEED  # other signals than the lesson's
    said = " ".join(text(unrun, "full-text").split())
    middle = {name: spoken(again["table"][f"{name} 92%, 500 steps"])[0]
              for name in ("ticket", "re-initialised", "random mask")}
    assert ("the ticket recognises {ticket}, its mask re-initialised {re-initialised}, "
            "a random mask {random mask}: the leads hold".format(**middle)) in said


def at(points, step):
    return next(rest for index, *rest in points if index == step)


def stopped(points):
    return max((rest for _, *rest in points), key=lambda pair: pair[0])


@pytest.mark.parametrize("name", ["ticket 92%", "re-initialised 92%", "numbers shuffled 92%", "random mask 92%",
                                  "dense", "small dense", "dense, dropout 0.2"])
def test_the_table_of_the_results_is_made_from_what_was_found(results, name):
    rates = DENSE if "dense" in name else RATES
    for said, end in ((f"{name}, 500 steps", lambda points: at(points, 500)), (f"{name}, stopped early", stopped)):
        ends = {rate: [end(results["found"][f"{name} rate {rate} seed {seed}"]) for seed in range(5)] for rate in rates}
        best = max(rates, key=lambda rate: np.median([val for val, _ in ends[rate]]))
        assert results["chosen"][said] == best
        assert np.allclose(results["table"][said], ends[best], atol=1e-4)


def spoken(pairs):
    test = [100 * test for _, test in pairs]
    return [f"{median(test):.1f} %", f"{min(test):.1f}–{max(test):.1f}"]


@pytest.mark.parametrize("cell", ["full-text", "fair-after"])
def test_the_figures_of_the_tables_are_those_of_the_results(unrun, results, cell):
    shown = rows(text(unrun, cell))
    for row, name in {"full-text": FULL, "fair-after": FAIR}[cell].items():
        assert shown.pop(row) == spoken(results["table"][name]), row
    assert len(shown) == 2  # the head, and the line below it


def test_the_figures_in_the_sentences_are_those_of_the_results(unrun, results):
    table = {name: spoken(pairs) for name, pairs in results["table"].items()}
    said = " ".join(text(unrun, "full-text").split())
    assert f"even a random mask has {table['random mask 80%, 500 steps'][0]}" in said
    percent = f"{results['chosen']['sparsity']:.0%}"
    assert f"has {percent[:-1]} % removed" in said
    assert f"it then recognises {table[f'ticket {percent}, 500 steps'][0]}" in said
    assert f"its mask re-initialised {table[f're-initialised {percent}, 500 steps'][0]}" in said
    assert f"a random mask {table[f'random mask {percent}, 500 steps'][0]}" in said
    said = " ".join(text(unrun, "early-text").split())
    for step, words in ((50, "reach"), (0, "the first numbers")):
        middle, between = table[f"rewound to step {step}, 92%"]
        assert f"{words} {middle} ({between}" in said


def test_the_figures_of_the_lead_by_length_are_those_of_the_results(unrun, results):
    def end(name, step):
        ends = {rate: [at(results["found"][f"{name} 92% rate {rate} seed {seed}"], step) for seed in range(5)]
                for rate in RATES}
        return median(test for _, test in ends[max(RATES, key=lambda rate: np.median([val for val, _ in ends[rate]]))])

    said = " ".join(text(unrun, "full-text").split())
    for rival, words in (
            ("re-initialised", "re-initialised is {:.1f} points after 500 steps, {:.1f} after 1,000, {:.1f}"),
            ("random mask", "over a random mask {:.1f}, {:.1f} and {:.1f}.")):
        leads = [100 * (end("ticket", step) - end(rival, step)) for step in (500, 1000, 3000)]
        assert words.format(*leads) in said


def test_what_the_text_says_about_the_long_measurement(results):
    test = {name: median(test for _, test in pairs) for name, pairs in results["table"].items()}
    short = {name.removesuffix(", 500 steps"): value for name, value in test.items() if name.endswith(", 500 steps")}
    assert abs(short["numbers shuffled 92%"] - short["re-initialised 92%"]) < 0.02  # costs as much as new numbers
    assert abs(short["ticket 92%"] - short["dense"]) < 0.02  # level with the whole network
    chosen = short[f"ticket {results['chosen']['sparsity']:.0%}"]
    assert short["dense"] - 0.03 < chosen < short["dense"]  # a little behind
    long = {name.removesuffix(", stopped early"): value for name, value in test.items() if name.endswith("early")}
    of_its_size = {"re-initialised 92%", "numbers shuffled 92%", "random mask 92%", "small dense"}
    assert long["ticket 92%"] > 0.03 + max(long[name] for name in of_its_size)
    assert long["dense, dropout 0.2"] > long["dense"] + 0.02 > long["ticket 92%"] + 0.03
    later, first = (results["table"][f"rewound to step {step}, 92%"] for step in (50, 0))
    assert max(min(test for _, test in each) for each in (later, first)) < \
        min(max(test for _, test in each) for each in (later, first))  # no clear difference: the ranges overlap
    validation = {p: np.median([val for val, _ in results["table"][f"dense, dropout {p}, stopped early"]])
                  for p in (0.1, 0.2, 0.4)}
    assert max(validation, key=validation.get) == 0.2


def test_the_chosen_sparsity_is_the_sparsest_that_is_as_good_as_the_dense_network(results):
    dense = np.median([val for val, _ in results["table"]["dense, 500 steps"]])
    runs = [results["found"][f"rounds rate 0.02 seed {seed}"] for seed in range(5)]
    good = [np.median([run[number][1] for run in runs]) >= dense for number in range(len(runs[0]))]
    last = max(number for number, each in enumerate(good) if each)
    assert results["chosen"]["round"] == last and results["chosen"]["sparsity"] == runs[0][last][0]


def test_masks_of_the_long_measurement(results):
    looks = {name: np.median(many, axis=0)[:4].mean()
             for name, many in results["found"]["kept together, by places apart"].items()}
    assert looks["plain"] > 1.5 and looks["shuffled, put back in order"] > 1.5
    assert looks["shuffled"] == pytest.approx(1, abs=0.2) == looks["random mask"]
    test = {name: median(test for _, test in pairs) for name, pairs in results["table"].items()}
    carried = test["shuffled signals: ticket of the plain ones"]
    assert test["shuffled signals: ticket"] > test["shuffled signals: re-initialised"] + 0.05 > carried + 0.03


def test_the_lead_by_learning_rate(unrun, results):
    shown = rows(text(unrun, "early-text"))
    for row, step in (("lead after 500 steps, in points", 500), ("lead after 3,000 steps", 3000)):
        ticket, fresh = ([median(at(results["found"][f"{name} 92% rate {rate} seed {seed}"], step)[1]
                                 for seed in range(5)) for rate in RATES] for name in ("ticket", "re-initialised"))
        assert all(one > other + 0.01 for one, other in zip(ticket, fresh, strict=True))
        assert shown[row] == [f"{100 * (one - other):.1f}" for one, other in zip(ticket, fresh, strict=True)]
