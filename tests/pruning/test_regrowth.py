"""Dynamic sparse training: exact counts, which weights are dropped and grown, and that a grown one starts from zero."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minnet as mn
from minnet.nn.flat_params import Flat
from tests.pruning.trials import NETS, batch_for, cases, masks_of, small_net, some_net

STEPS = {"set": lambda net, fraction: mn.set_step(net, fraction, rng=0), "rigl": mn.rigl_step}
every_step = pytest.mark.parametrize("name", STEPS)


def with_gradients(net, seed=0):
    rng = np.random.default_rng(seed)
    for param in net.params():
        param.grad = rng.normal(size=param.shape)
    return net


def sparse(net, sparsity=0.8, scope=mn.layer):
    mn.prune(net, sparsity, "random", scope=scope, rng=0)
    return with_gradients(net)


def weights(net):
    return [param for param in net.params() if param.prunable]


@every_step
@pytest.mark.parametrize("kind", NETS)
@given(sparsity=st.floats(0.05, 0.99), fraction=st.floats(0, 1), seed=st.integers(0, 9))
@cases(10, 300)
def test_every_table_keeps_its_number_of_weights_and_moves_the_rounded_fraction(name, kind, sparsity, fraction, seed):
    net = sparse(some_net(kind, seed), sparsity)
    before, data = masks_of(net), {p.path: p.data.copy() for p in net.params()}
    moved = STEPS[name](net, fraction)
    total = 0
    for param in net.params():
        old, new = before[param.path], masks_of(net)[param.path]
        wanted = min(round(fraction * old.sum()), (~old).sum()) if param.prunable else 0
        assert (old & ~new).sum() == (new & ~old).sum() == wanted
        assert not param.data[new & ~old].any()  # from zero
        assert np.array_equal(param.data[old | ~new], data[param.path][old | ~new])  # nothing else is touched
        total += wanted
    assert moved == total


@every_step
def test_the_smallest_magnitudes_are_dropped(name):
    net = sparse(small_net(0))
    before, sizes = masks_of(net), {p.path: np.abs(p.data) for p in net.params()}
    STEPS[name](net, 0.4)
    for param in weights(net):
        old = before[param.path]
        assert sizes[param.path][old & ~param.mask].max() <= sizes[param.path][old & param.mask].min()


def test_rigl_grows_where_the_gradient_is_largest():
    net = sparse(small_net(0))
    before, gradient = masks_of(net), {p.path: np.abs(p.grad) for p in net.params()}
    mn.rigl_step(net, 0.4)
    for param in weights(net):
        free = ~before[param.path]
        assert gradient[param.path][free & param.mask].min() >= gradient[param.path][free & ~param.mask].max()


def test_rigl_looks_at_the_gradient_of_the_batch_just_trained_on():
    """The gradient by which a weight grows is the numerical gradient at the weight 0."""
    net, (x, y) = small_net(0).astype("float64"), batch_for(small_net(0))
    mn.prune(net, 0.6, "random", scope=mn.layer, rng=0)
    for param in net.params():  # away from the kink of a neuron whose sum is exactly 0
        param.data = np.random.default_rng(1).normal(size=param.shape)
    before, still = masks_of(net), net.copy()
    for _ in mn.steps(net, (x, y), mn.SGD(0.0), count=1, batch=len(x), rng=0):
        mn.rigl_step(net, 0.3)
    for param, other in zip(weights(net), weights(still), strict=True):
        measured, free = np.zeros(other.shape), ~before[other.path]
        for place in zip(*np.nonzero(free), strict=True):
            losses = []
            for tiny in (1e-5, -1e-5):
                trial = still.copy()
                copied = next(p for p in trial.params() if p.path == other.path)
                mask, data = before[other.path].copy(), other.data.copy()
                mask[place], data[place] = True, tiny
                copied.mask, copied.data = mask, data
                losses.append(mn.cross_entropy(trial(x), y)[0])
            measured[place] = abs(losses[0] - losses[1]) / 2e-5
        grown = free & param.mask
        assert grown.sum() == round(0.3 * before[other.path].sum()) > 0
        assert measured[grown].min() >= measured[free & ~grown].max() - 1e-6


def test_set_grows_everywhere_with_equal_chances_and_by_its_seed():
    counts = np.zeros((12, 9))
    start = sparse(small_net(0))
    free = ~start.params()[0].mask
    for seed in range(600):
        net = start.copy()
        mn.set_step(net, 0.5, rng=seed)
        counts += net.params()[0].mask & free
    grown = round(0.5 * (~free).sum())
    expected = 600 * grown / free.sum()
    assert counts.sum() == 600 * grown
    assert np.abs(counts[free] - expected).max() < 5 * np.sqrt(expected)
    one, two, other = (start.copy() for _ in range(3))
    mn.set_step(one, 0.5, rng=7), mn.set_step(two, 0.5, rng=7), mn.set_step(other, 0.5, rng=8)
    assert np.array_equal(one.params()[0].mask, two.params()[0].mask)
    assert not np.array_equal(one.params()[0].mask, other.params()[0].mask)


@every_step
def test_equal_weights_and_gradients_still_move_exactly_that_many(name):
    net = small_net(0, levels=1)
    mn.prune(net, 0.7, "random", scope=mn.layer, rng=0)
    for param in net.params():
        param.grad = np.ones(param.shape)
    kept = [param.kept for param in weights(net)]
    assert STEPS[name](net, 0.5) == sum(round(0.5 * n) for n in kept)
    assert [param.kept for param in weights(net)] == kept


def test_a_dense_array_stays_dense_and_a_nearly_dense_one_moves_what_it_can():
    net = small_net(0)
    first, _, second = (p for p in net.params() if "weight" in p.path)
    mask = np.ones(first.shape, bool)
    mask[0, :2] = False
    first.mask = mask
    assert mn.set_step(net, 0.5, rng=0) == 2
    assert first.kept == first.size - 2 and first.mask[0, :2].all() and second.mask is None


@every_step
def test_what_was_cut_never_grows(name):
    net = sparse(small_net(0), 0.5)
    mn.cut(net)
    mn.prune(net, 0.8, scope=mn.layer)
    erased = {p.path: p.erased for p in net.params()}
    kept = [p.kept for p in weights(net)]
    STEPS[name](with_gradients(net), 1.0)
    assert [p.kept for p in weights(net)] == kept
    assert all(not (p.mask & erased[p.path]).any() for p in weights(net))


# ---- momentum -------------------------------------------------------------------------------------------


class Vectors:
    """Wraps an optimiser, and keeps the first vector of its state for the test."""

    def __init__(self, optimiser):
        self.optimiser = optimiser

    def begin(self, run):
        self.run, asked, honest = run, [], run.vector
        run.vector = lambda *a: (asked.append(honest(*a)), asked[-1])[1]
        update = self.optimiser.begin(run)
        run.vector, self.memory = honest, asked[0]
        return update


@every_step
@pytest.mark.parametrize("optimiser", [mn.SGD(0.05, momentum=0.9), mn.SGD(0.05, momentum=0.9, nesterov=True),
                                    mn.Adam(0.01), mn.AdamW(0.01, weight_decay=0.1)], ids=lambda r: type(r).__name__)
@pytest.mark.parametrize("flicker", [False, True], ids=["long gone", "gone and back between two steps"])
def test_momentum_of_what_grows_starts_at_zero(name, optimiser, flicker):
    net, data = small_net(0), batch_for(small_net(0), 40, 5)
    looked, grown = Vectors(optimiser), None
    if not flicker:
        mn.prune(net, 0.8, "random", scope=mn.layer, rng=0)
    for step in mn.steps(net, data, looked, count=12, batch=10, rng=0):
        net.params()  # names them
        memory = dict(zip((p.path for p in looked.run.params), looked.run.split(looked.memory), strict=True))
        if step.index == 10:
            if flicker:
                assert all(memory[p.path].all() for p in weights(net))  # there is a past to be forgotten
                mn.prune(net, 0.8, "random", scope=mn.layer, rng=0)
            before = masks_of(net)
            STEPS[name](net, 1.0)
            grown = {p.path: p.mask & ~before[p.path] for p in weights(net)}
        if step.index == 11:  # now it holds this step's gradient and nothing else
            for param in weights(net):
                new = grown[param.path]
                assert new.any()
                assert memory[param.path][new] == pytest.approx(param.grad[new], rel=1e-5, abs=1e-7)
                old = param.mask & ~new
                assert not old.any() or not np.allclose(memory[param.path][old], param.grad[old], rtol=0.01)


def test_what_is_restored_by_hand_has_no_past_either():
    net = small_net(0)
    run = Flat(net.params())
    memory, gradients = run.vector(), [np.ones(p.shape, p.dtype) for p in net.params()]
    for name in ("prune", "restore"):
        getattr(mn, name)(*((net, 0.5) if name == "prune" else (net,)))
        gone = run.vector(bool)
        for part, param in zip(run.split(gone), run.params, strict=True):
            part[...] = False if param.mask is None else ~param.mask
        was = gone if name == "prune" else was  # noqa: F821
    memory[:] = 1
    for param, gradient in zip(net.params(), gradients, strict=True):
        param.grad = gradient
    run.collect()
    run.reset_restored(memory)
    assert was.any() and not memory[was].any() and memory[~was].all()
    run.collect()
    memory[:] = 1
    run.reset_restored(memory)
    assert memory.all()  # only once


@pytest.mark.parametrize("optimiser", [mn.Adam(0.01), mn.AdamW(0.01, weight_decay=0.1)], ids=["Adam", "AdamW"])
def test_adam_takes_up_what_came_back_like_a_first_step(optimiser):
    """A first step of Adam moves by lr · sign(g), however large g is (Kingma & Ba 2015, section 2.1)."""
    net = mn.models.mlp(8, 12, 3, rng=0)
    data = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32), np.arange(60) % 3
    for step in mn.steps(net, data, optimiser, count=40, batch=20, rng=0):
        if step.index == 29:  # with a past in both moments
            weight = net.layers[0].weight
            mask = weight.kept_mask.copy()
            mn.prune(net, 0.5, "random", scope=mn.layer, rng=0)
            new = ~weight.mask
            weight.mask, weight.data[new] = mask, 0
        if step.index == 30:
            clear = new & (np.abs(weight.grad) > 1e-3)
            assert clear.any()
            assert weight.data[clear] == pytest.approx(-0.01 * np.sign(weight.grad[clear]), rel=1e-4)
        if step.index > 30:
            assert np.isfinite(weight.data).all()


# ---- in training ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STEPS)
def test_sparsity_stays_and_removed_weights_have_no_effect_through_a_training(name):
    digits = mn.data.digits()
    net = mn.models.mlp(64, 24, 10, rng=0)
    mn.prune(net, mn.erdos_renyi(net, 0.9), "random", scope=mn.layer, rng=0)
    kept, first, ever, start = [p.kept for p in weights(net)], masks_of(net), masks_of(net), mn.snapshot(net)
    fraction, rng = mn.drop_fraction(0.3, stop=150), np.random.default_rng(0)
    for step in mn.steps(net, digits.train, count=200, rng=0):
        if step.index % 20 == 19:
            if name == "set":
                mn.set_step(net, fraction(step.index), rng=rng)
            else:
                mn.rigl_step(net, fraction(step.index))
            assert [p.kept for p in weights(net)] == kept
            ever = {path: mask | ever[path] for path, mask in masks_of(net).items()}
            if step.index == 159:
                last = masks_of(net)
    assert all(np.array_equal(last[p.path], masks_of(net)[p.path]) for p in weights(net))  # nothing moves after stop
    assert any(not np.array_equal(first[p.path], last[p.path]) for p in weights(net))
    for param in weights(net):
        never = ~ever[param.path]
        assert never.any() and np.array_equal(param.data[never], start[param.path][never])


def test_the_fraction_falls_along_a_cosine():
    fraction = mn.drop_fraction(0.3, stop=75)
    assert [fraction(t) for t in (0, 25, 37.5, 50)] == pytest.approx([0.3, 0.225, 0.15, 0.075])
    assert fraction(75) == fraction(76) == fraction(1000) == pytest.approx(0)
    for t in range(75):
        assert fraction(t) == pytest.approx(0.3 / 2 * (1 + np.cos(np.pi * t / 75)))


# ---- mistakes -------------------------------------------------------------------------------------------


@every_step
def test_a_dense_network_has_nowhere_to_grow(name):
    net = with_gradients(small_net(0))
    with pytest.raises(ValueError, match="prune first"):
        STEPS[name](net, 0.3)


def test_without_a_gradient_it_says_where_to_call_it_and_changes_nothing():
    net = small_net(0)
    mn.prune(net, 0.8, scope=mn.layer)
    before = masks_of(net)
    net.params()[0].grad = np.ones(net.params()[0].shape)  # the first table has one, the others have not
    with pytest.raises(ValueError, match=r"dense2\.weight has no gradient yet.*inside the loop"):
        mn.rigl_step(net, 0.3)
    assert all(np.array_equal(before[path], mask) for path, mask in masks_of(net).items())


@every_step
@pytest.mark.parametrize("wrong, message", [(30, "did you mean 0.3"), (-0.1, "between 0 and 1"), (float("nan"), "NaN")])
def test_a_fraction_is_a_fraction(name, wrong, message):
    with pytest.raises(ValueError, match=message):
        STEPS[name](sparse(small_net(0)), wrong)


def test_slips_with_the_falling_fraction_and_the_network():
    with pytest.raises(ValueError, match=r"stop=0\.75"):
        mn.drop_fraction(0.3, stop=0)
    with pytest.raises(ValueError, match=r"did you mean 0\.3"):
        mn.drop_fraction(30, stop=100)
    with pytest.raises(TypeError, match="got None"):
        mn.set_step(None)
