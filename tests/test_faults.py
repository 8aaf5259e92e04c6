"""Inputs that once went wrong, with the right value: each stands for a kind of fault."""

import os
import stat

import numpy as np
import pytest

import minnet as mn


@pytest.fixture(scope="module")
def digits():
    return mn.data.digits()


@pytest.fixture
def net(digits):
    net = mn.models.mlp(64, 16, 10, rng=0)
    mn.fit(net, digits.train, epochs=1, rng=0, progress=False)
    return net


def state(net):
    return [(p.data.copy(), None if p.mask is None else p.mask.copy()) for p in net.params()]


def unchanged(net, before):
    return all(np.array_equal(p.data, data) and (p.mask is None if mask is None else np.array_equal(p.mask, mask))
               for p, (data, mask) in zip(net.params(), before, strict=True))


# ---- labels and data that are only measured -------------------------------------------------------------


@pytest.mark.parametrize("measure", [mn.accuracy, mn.evaluate], ids=["accuracy", "evaluate"])
@pytest.mark.parametrize("spoil, error, words", [
    (lambda y: y[:, None], ValueError, r"write y\[:, 0\]"), (lambda y: np.eye(10)[y], ValueError, "argmax"),
    (lambda y: y.astype(str), TypeError, "np.unique"), (lambda y: y.astype(float), TypeError, r"astype\(int\)"),
    (lambda y: y + 10, ValueError, "10 to 19"), (lambda y: y - 1, ValueError, "-1 to 8"),
], ids=["column", "one-hot", "text", "float", "too large", "negative"])
def test_labels_are_looked_at_where_they_are_only_measured(measure, spoil, error, words, net, digits):
    with pytest.raises(error, match=words):
        measure(net, (digits.val.x, spoil(digits.val.y)))


@pytest.mark.parametrize("make", [
    lambda x, y: {"x": x, "y": y}, lambda x, y: (x.tolist(), y.tolist()),
    lambda x, y: mn.data.Split(x.copy(), y.copy()),
], ids=["mapping", "lists", "split"])
def test_data_of_every_clear_form_are_accepted(make, net, digits):
    assert mn.accuracy(net, make(digits.val.x, digits.val.y)) == mn.accuracy(net, digits.val)


@pytest.mark.parametrize("call, words", [
    (lambda net, d: mn.accuracy(d.val, net), "the network comes first"),
    (lambda net, d: mn.accuracy(mn.Dense, d.val), "the class Dense"),
    (lambda net, d: mn.accuracy(net, d), "digits.train"),
    (lambda net, d: mn.accuracy(net, {"images": d.val.x}), "'x' and 'y'"),
    (lambda net, d: mn.predict(net, [["a"]]), "holds numbers"),
    (lambda net, d: mn.models.mlp(3, 4, rng=-1), "rng is a seed"),
])
def test_what_was_passed_is_named(call, words, net, digits):
    with pytest.raises(TypeError, match=words):
        call(net, digits)


# ---- before the first change ----------------------------------------------------------------------------


WRONG = {
    "validation": ("digits", TypeError, "whole data set"), "optimiser": ("adam", TypeError, "mn.Adam"),
    "batch": (0, ValueError, "at least 1"), "epochs": (-1, ValueError, "at least 0"), "rng": (-1, TypeError, "seed"),
}


@pytest.mark.parametrize("argument", WRONG)
@pytest.mark.parametrize("train", ["fit", "iterate"])
def test_an_error_leaves_everything_as_it_was(train, argument, net, digits):
    wrong, error, words = WRONG[argument]
    before, how = state(net), {argument: digits if wrong == "digits" else wrong}
    with pytest.raises(error, match=words):
        if train == "fit":
            mn.fit(net, digits.train, progress=False, **how)
        else:
            mn.iterate(net, digits.train, rounds=2, **how)  # told when it is called, not when it is looped over
    assert unchanged(net, before)


@pytest.mark.parametrize("optimiser", [mn.SGD("0.1"), mn.Adam(1e-3, beta1=None), mn.AdamW(float("nan"))])
def test_the_numbers_of_an_optimiser_are_looked_at_before_the_first_step(optimiser, net, digits):
    before = state(net)
    with pytest.raises((TypeError, ValueError), match=r"(lr|beta1) of (SGD|AdamW?) is a number"):
        mn.steps(net, digits.train, optimiser, count=1)
    assert unchanged(net, before)


def test_a_control_that_refuses_a_value_names_itself_and_all_stay(net, digits):
    explorer = mn.explore.sparsity(net, digits)
    before = explorer.state
    with pytest.raises(ValueError, match="the control 'sparsity' can't be set to 'three'"):
        explorer.set(seed=3, sparsity="three")
    assert explorer.state == before and explorer.errors == []
    explorer.close()


@pytest.mark.parametrize("how, words", [
    ({"rewind_to": 3}, "snapshot"), ({"rounds": -5}, "rounds"), ({"epochs": float("nan")}, "epochs"),
    ({"criterion": lambda weight: weight[:3]}, "shape"), ({"structure": mn.blocks}, "blocks"),
])
def test_rounds_are_looked_at_before_the_first(how, words, net, digits):
    before = state(net)
    with pytest.raises((TypeError, ValueError), match=words):
        mn.iterate(net, digits.train, **how)
    assert unchanged(net, before)


def test_a_snapshot_of_another_network_is_refused_before_the_first_round(net, digits):
    before = state(net)
    with pytest.raises(ValueError, match="another network"):
        mn.iterate(net, digits.train, rewind_to=mn.snapshot(mn.models.mlp(64, 8, 10, rng=0)))
    assert unchanged(net, before)


# ---- number types ---------------------------------------------------------------------------------------


def test_whole_numbers_go_over_to_the_number_type_of_the_network():
    image = np.full((1, 1, 8, 8), 200, np.uint8)
    assert mn.AvgPool2d(2)(image)[0, 0, 0, 0] == 200
    assert mn.Residual(mn.ReLU())(np.array([[200]], np.uint8)) == 400
    assert mn.Tanh()(np.array([[1]], np.uint8)).dtype == np.float32
    assert mn.MeanPool()(np.full((1, 8, 2), 30000, np.float16)).max() == 30000


def test_whole_numbers_can_be_trained_on(digits):
    net = mn.Sequential(mn.Dropout(0.2), mn.Dense(64, 10, rng=0))
    data = (digits.train.x * 16).astype(np.uint8), digits.train.y
    assert np.isfinite(mn.fit(net, data, epochs=1, rng=0, progress=False).loss).all()


@pytest.mark.parametrize("dtype", ["int8", "bool", "complex64", object])
def test_a_network_computes_in_floats(dtype, net):
    with pytest.raises(TypeError, match="float16, float32 or float64"):
        net.astype(dtype)


def test_float16_can_be_trained(net, digits):
    half = net.astype("float16")
    assert np.isfinite(mn.fit(half, digits.train, epochs=1, rng=0, progress=False).loss).all()
    assert net.astype(">f4").dtype == np.float32


@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan])
def test_what_is_removed_is_0_whatever_it_holds(odd):
    weight = mn.Dense(2, 1, rng=0).weight
    weight.data[0, 0] = odd
    weight.mask = np.array([[False], [True]])
    assert weight.value[0, 0] == 0 and weight.value[1, 0] == weight.data[1, 0]


# ---- scores, structures and scopes ----------------------------------------------------------------------


def test_infinite_scores_are_the_lowest_and_the_highest(net):
    mn.prune(net, 0.5)
    with np.errstate(divide="ignore"):
        mn.prune(net, 0.9, lambda weight: np.log(np.abs(weight)), structure=mn.along("out"))
    assert all(p.kept for p in net.params() if p.prunable)  # each layer keeps a unit


def test_a_unit_with_both_infinities_has_no_score(net):
    with pytest.raises(ValueError, match="no mean"):
        mn.prune(net, 0.5, lambda weight: np.where(weight > 0, np.inf, -np.inf), structure=mn.along("out"))


@pytest.mark.parametrize("how, error, words", [
    ({"structure": lambda net: {"dense1": np.arange(16)}}, ValueError, "no parameter"),
    ({"structure": lambda net: {"dense1.weight": np.zeros((64, 16))}}, TypeError, "whole numbers"),
    ({"structure": lambda net: {"dense1.weight": np.arange(7)}}, ValueError, "shape"),
    ({"scope": lambda net: {"dense1.weight": np.zeros((1, 1), int)}}, ValueError, "leaves out"),
    ({"criterion": lambda weight: None}, TypeError, "a number for each weight"),
])
def test_what_names_nothing_or_has_the_wrong_shape_gives_a_message(how, error, words, net):
    before = state(net)
    with pytest.raises(error, match=words):
        mn.prune(net, 0.5, **how)
    assert unchanged(net, before)


@pytest.mark.parametrize("make", [lambda: mn.blocks(2.5, 1), lambda: mn.blocks("4", 4), lambda: mn.along("out", "out"),
                                  lambda: mn.along(["out"])])
def test_a_structure_is_made_of_whole_numbers_and_names(make):
    with pytest.raises(ValueError, match=r"whole number|each once"):
        make()


def test_a_criterion_may_have_settings(net):
    mn.prune(net, 0.5, lambda weight, power=2: np.abs(weight) ** power)
    assert mn.sparsity(net) == 0.5


@pytest.mark.parametrize("criterion", ["taylor", "wanda", "obd"])
def test_evidence_needs_samples_and_is_read_only(criterion, net, digits):
    with pytest.raises(ValueError, match="no samples"):
        mn.prune(net, 0.5, criterion, data=(digits.val.x[:0], digits.val.y[:0]))

    def spoils(weight):
        weight *= 0
        return weight

    with pytest.raises(ValueError, match="read-only"):
        mn.prune(net, 0.5, spoils)


# ---- files ----------------------------------------------------------------------------------------------


def test_what_is_no_regular_file_stays(net, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no regular file"):
        mn.save(net, tmp_path / "pipe")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_permissions_stay(net, tmp_path):
    file = tmp_path / "net.safetensors"
    mn.save(net, file)
    file.chmod(0o600)
    mn.save(net, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_long_names_and_links_in_a_circle(net, tmp_path):
    mn.save(net, tmp_path / ("ä" * 120 + ".safetensors"))
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    with pytest.raises(OSError, match="back to itself"):
        mn.save(net, tmp_path / "one")


def test_a_class_of_your_own_takes_no_place_of_minnets(net, digits, tmp_path):
    mn.save(net, tmp_path / "net.safetensors")

    class ReLU(mn.Layer):
        def forward(self, x, rng=None):
            return np.tanh(x), lambda dy: dy * (1 - np.tanh(x) ** 2)

    assert mn.accuracy(mn.load(tmp_path / "net.safetensors"), digits.val) == mn.accuracy(net, digits.val)
    with pytest.raises(TypeError, match="another name"):
        mn.save(mn.Sequential(mn.Dense(64, 10, rng=0), ReLU()), tmp_path / "own.safetensors")


# ---- compact and PyTorch --------------------------------------------------------------------------------


@pytest.mark.parametrize("act", [lambda x: np.where(x > 0, x, 0), lambda x: (x > 0).astype(x.dtype)],
                         ids=["relu", "step"])
def test_compact_asks_an_activation_only_about_constants(act, digits):
    class Mine(mn.Pointwise):
        def forward(self, x, rng=None):
            return act(x), lambda dy: dy

    net = mn.Sequential(mn.Dense(64, 32, rng=0), Mine(), mn.Dense(32, 10, rng=1))
    mn.prune(net, 0.5, structure=mn.along("out"))
    assert np.allclose(mn.compact(net)(digits.val.x), net(digits.val.x), atol=1e-4)
    mn.Layer.registry.pop("Mine")


@pytest.fixture
def torch():
    pytest.importorskip("torch.nn.utils.prune")
    return pytest.importorskip("torch")


def test_soft_masks_are_refused(torch):
    linear = torch.nn.Linear(4, 2)
    torch.nn.utils.prune.custom_from_mask(linear, "weight", torch.full((2, 4), 0.5))
    with pytest.raises(ValueError, match="between 0 and 1"):
        mn.from_torch(torch.nn.Sequential(linear))


def test_a_shared_parameter_stays_one_in_both_directions(torch):
    one, two = torch.nn.Linear(16, 16), torch.nn.Linear(16, 16)
    two.weight = one.weight
    net = mn.from_torch(torch.nn.Sequential(one, torch.nn.ReLU(), two))
    assert sum(p.size for p in net.params()) == 288
    assert sum(p.numel() for p in mn.to_torch(net).parameters()) == 288


def test_settings_of_pytorch_with_the_same_meaning(torch):
    norm = mn.from_torch(torch.nn.Sequential(torch.nn.LayerNorm(4, bias=False)))
    assert norm(np.ones((1, 4), np.float32)).shape == (1, 4)
    assert mn.from_torch(torch.nn.Linear(4, 2).bfloat16()).dtype == np.float32
    assert mn.from_torch(torch.nn.Conv2d(1, 2, 3, padding="valid")).layers[0].padding == (0, 0)
    for module, words in ((torch.nn.LayerNorm((8, 8)), "one axis"), (torch.nn.Conv2d(1, 2, 3, padding="same"), "same")):
        with pytest.raises(ValueError, match=words):
            mn.from_torch(module)


# ---- exercises and explorers ----------------------------------------------------------------------------


class Unsayable:
    def __repr__(self):
        raise ZeroDivisionError


@pytest.mark.parametrize("given", [("03.kept", Unsayable(), Unsayable()), (["03.kept"], 1), (None,)])
def test_check_never_raises(given):
    assert not mn.check(*given).right


def test_check_and_progress_where_the_folder_is_gone(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert not mn.check("03.kept", 1, 2).right and mn.progress().solved == 0


def test_a_sparsity_explorer_goes_not_below_what_was_cut(net, digits):
    mn.prune(net, 0.5)
    mn.cut(net)
    explorer = mn.explore.sparsity(net, digits)
    assert explorer.control["sparsity"].min == 50 and explorer.shown.sparsity == pytest.approx(0.5, abs=0.01)
    explorer.set(sparsity=80)
    assert mn.sparsity(net) == pytest.approx(0.8, abs=0.01)
    mn.cut(net)
    explorer.set(sparsity=60)
    assert explorer.errors == [] and explorer.shown.sparsity == mn.sparsity(net)
    explorer.close()


@pytest.mark.parametrize("open_one", [
    lambda net, d: mn.explore.sparsity(net, (d.val.x, d.val.y)), lambda net, d: mn.explore.structure([net], d),
    lambda net, d: mn.explore.criteria([net], (d.val.x, d.val.y)),
])
def test_explorers_take_pairs_and_lists(open_one, net, digits):
    open_one(net, digits).close()


def test_a_closed_explorer_stays_quiet_and_says_so_when_it_is_saved(net, digits, tmp_path):
    explorer = mn.explore.sparsity(net, digits)
    explorer.close()
    explorer.close()
    explorer.refresh()
    assert "image/png" in explorer._repr_mimebundle_()[0]
    for save in (lambda: explorer.savefig(tmp_path / "f.png"), lambda: explorer.save_html(tmp_path / "f.html")):
        with pytest.raises(RuntimeError, match="closed"):
            save()
    assert list(tmp_path.iterdir()) == [] and explorer.errors == []


def test_a_dark_style_is_for_the_learners_own_figures(net, digits):
    from matplotlib import style

    bright = mn.explore.sparsity(net.copy(), digits)
    with style.context("dark_background"):
        dark = mn.explore.sparsity(net.copy(), digits)
    assert dark.png() == bright.png()
    bright.close()
    dark.close()


# ---- regression -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("criterion", ["taylor", "obd", "snip", "gradient"])
def test_a_regression_network_can_be_pruned_by_its_own_loss(criterion):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 4)).astype(np.float32)
    data, net = (x, x @ rng.normal(size=(4, 1)).astype(np.float32)), mn.models.mlp(4, 16, 1, rng=0)
    how = {"criterion": criterion, "loss": mn.mean_squared_error}
    mn.prune(net.copy(), 0.5, data=data, **how)
    assert [done.sparsity for done in mn.iterate(net, data, rounds=2, final=0.75, epochs=1, rng=0, **how)][-1] == 0.75
