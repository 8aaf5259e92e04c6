"""The sparsity explorer without a browser: whatever is moved, what it says is what the network does."""

import re

import numpy as np
import pytest

import minnet as mn
from minnet.explore.sparsity_explorer import RETRAINED_AT


@pytest.fixture(scope="module")
def digits():
    return mn.data.digits()


@pytest.fixture(scope="module")
def trained(digits):
    net = mn.models.mlp(64, 16, 10, rng=0)
    mn.fit(net, digits.train, epochs=5, rng=0, progress=False)
    return net


@pytest.fixture
def net(trained):
    return trained.copy()


@pytest.fixture
def explorer(net, digits):
    explorer = mn.explore.sparsity(net, digits, epochs=1)
    yield explorer
    explorer.close()
    assert explorer.errors == []


def said(explorer):
    return re.sub("<[^>]+>", "", explorer._sentence.value)


def check(explorer, net, split):
    """Numbers, words and artists against the network itself."""
    shown, text = explorer.shown, said(explorer)
    weights = [param for param in net.params() if param.prunable]
    kept = sum(int(param.mask.sum()) if param.mask is not None else param.size for param in weights)
    total = sum(param.size for param in weights)
    accuracy = float(np.mean(net(split.x).argmax(1) == split.y))
    assert (shown.kept, shown.weights) == (kept, total)
    assert shown.sparsity == pytest.approx(1 - kept / total)
    assert shown.accuracy == accuracy
    assert f"{kept:,} of {total:,} weights kept, {1 - kept / total:.1%} removed" in text
    assert f"samples: {accuracy:.1%}" in text
    assert len(explorer._network.removed) == total - kept
    assert explorer._bars.counts.sum() == kept
    assert explorer._point.get_xydata() == pytest.approx(np.array([[100 * (1 - kept / total), 100 * accuracy]]))


@pytest.mark.walks
def test_a_random_walk_over_all_controls_ends_nowhere_else(explorer, net, digits):
    rng = np.random.default_rng(0)
    for _ in range(50):
        name = rng.choice(list(explorer.control))
        control = explorer.control[name]
        if name == "sparsity":
            control.value = int(rng.choice([0, 1, 50, 90, 99, 100, rng.integers(101)]))
        elif name == "seed":
            control.value = int(rng.integers(3))
        elif name == "ghosts":
            control.value = not control.value
        else:
            control.value = str(rng.choice(control.options))
        if rng.random() < 0.05:
            explorer._reset.click()
            assert explorer.state["sparsity"] == 0 and mn.sparsity(net) == 0
        assert explorer.errors == []
        check(explorer, net, digits.val)
        state = explorer.state
        expected = net.copy()
        mn.restore(expected)
        mn.prune(expected, state["sparsity"] / 100, criterion=getattr(mn, state["criterion"]),
                 scope=getattr(mn, state["scope"]), rng=state["seed"])
        for now, then in zip(net.params(), expected.params(), strict=True):
            assert np.array_equal(now.value, then.value)
        assert explorer._network.ghosts == state["ghosts"]


def test_the_curve_is_what_the_slider_would_find(explorer, net, digits):
    for percent in (0, 17, 60, 100):
        explorer.set(sparsity=percent)
        assert explorer.shown.curve[percent] == explorer.shown.accuracy


def test_a_pruned_network_is_found_as_it_is_and_given_back_so(net, digits):
    mn.prune(net, 0.6, criterion=mn.random, rng=5)
    masks = [param.mask for param in net.params()]
    explorer = mn.explore.sparsity(net, digits)
    assert explorer.state["sparsity"] == 60
    check(explorer, net, digits.val)
    assert all(now.mask is then for now, then in zip(net.params(), masks, strict=True))
    explorer.set(sparsity=20)
    assert mn.sparsity(net) == pytest.approx(0.2, abs=1e-3)
    explorer.reset()
    assert all(np.array_equal(now.mask, then) if then is not None else now.mask is None
               for now, then in zip(net.params(), masks, strict=True))
    check(explorer, net, digits.val)
    explorer.close()


def test_training_in_another_cell_makes_it_a_new_subject(explorer, net, digits):
    explorer.set(sparsity=50)
    old = explorer.shown.curve
    mn.fit(net, digits.train, epochs=1, rng=1, progress=False)
    explorer.set(sparsity=80)
    check(explorer, net, digits.val)
    assert not np.array_equal(explorer.shown.curve, old)
    expected = net.copy()
    mn.restore(expected)
    mn.prune(expected, 0.8)
    assert all(np.array_equal(a.value, b.value) for a, b in zip(net.params(), expected.params(), strict=True))


def test_retraining_runs_on_copies_and_its_curve_stays(explorer, net, digits):
    explorer.set(sparsity=90)
    numbers = [param.data.copy() for param in net.params()]
    explorer._training.start.click()
    explorer.wait(120)
    points = explorer.shown.retrained
    assert sorted(points) == sorted(RETRAINED_AT)
    assert all(np.array_equal(param.data, old) for param, old in zip(net.params(), numbers, strict=True))
    assert mn.sparsity(net) == pytest.approx(0.9, abs=1e-3)
    assert f"retrained at 90%: {points[90]:.1%}" in said(explorer)

    copy = net.copy()  # the point again, by hand
    mn.fit(copy, digits.train, epochs=1, rng=0, progress=False)
    assert points[90] == mn.accuracy(copy, digits.val)

    explorer.set(criterion="random")
    assert explorer.shown.retrained == {}
    explorer.set(criterion="magnitude", sparsity=10)
    assert explorer.shown.retrained == points
    assert explorer._after.get_xydata()[:, 0].tolist() == list(RETRAINED_AT)


def test_controls_answer_while_it_retrains_and_cancel_keeps_what_is_there(net, digits):
    explorer = mn.explore.sparsity(net, digits, epochs=30)
    explorer.train()
    while not explorer.experiment.retrained[("magnitude", "network", 0)]:
        explorer.set(sparsity=(explorer.state["sparsity"] + 7) % 101)
        check(explorer, net, digits.val)
    assert not explorer._training.cancel.disabled
    explorer._training.cancel.click()
    assert explorer.wait(30)
    kept = dict(explorer.experiment.retrained[("magnitude", "network", 0)])
    assert 0 < len(kept) < len(RETRAINED_AT)
    assert explorer._training.cancel.disabled and explorer.shown.retrained == kept
    explorer.close()
    assert explorer.errors == []


def test_one_part_of_the_data_is_measured_on_but_not_retrained(net, digits):
    explorer = mn.explore.sparsity(net, digits.test)
    assert explorer._training.start.disabled
    explorer.train()
    assert "pass the whole data set" in explorer._message.value
    explorer.set(sparsity=70)
    check(explorer, net, digits.test)
    explorer.close()


def test_the_test_set_is_opened_once(net, digits, monkeypatch):
    monkeypatch.setattr("minnet.explore.sealed_test_set._opened", set())
    dense = net.copy()
    mn.prune(net, 0.9)
    sealed = mn.explore.open_test_set(net, digits, before=dense)
    assert sealed.accuracies is None and "359 samples" in sealed._said.value
    sealed._button.click()
    assert sealed.accuracies == (mn.accuracy(dense, digits.test), mn.accuracy(net, digits.test))
    assert f"{sealed.accuracies[1]:.1%}" in sealed._said.value and "90.0%" in sealed._said.value
    assert sealed._button.disabled and "that nobody had looked at" in sealed._said.value
    mn.restore(net)
    sealed.unseal()
    assert sealed.accuracies[1] != sealed.accuracies[0]  # the first answer stands

    before = mn.explore.open_test_set(net, mn.data.digits())  # the cell again: the same samples
    assert "You have already looked at these 359 samples" in before._said.value
    before.unseal()
    assert "that you had looked at before" in before._said.value
    assert before.accuracies[0] == before.accuracies[1] and "nothing lost" in before._said.value
    with pytest.raises(TypeError, match="whole data set"):
        mn.explore.open_test_set(net, digits.test)


def test_a_report_between_a_move_and_its_answer_finds_nothing_retrained_yet(net, digits):
    """Another thread may have moved the seed, and waits until this report is done."""
    explorer = mn.explore.sparsity(net, digits, epochs=1)
    with explorer._silently():
        explorer.control["seed"].value = 7
    explorer._progress((0.5, "the network of seed 0"))
    assert explorer.errors == [] and explorer.shown.retrained == {}
    explorer.close()
