"""Inputs that once went wrong, with the right value: each stands for a kind of fault."""

import copy
import os
import pickle
import stat

import matplotlib.style
import numpy as np
import pytest
from matplotlib.figure import Figure

import minnet as mn
from minnet.routing import Web


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


@pytest.mark.parametrize("spoil", [lambda y: y[:, None], lambda y: y.astype(str), lambda y: y + 10])
@pytest.mark.parametrize("measure", [
    lambda net, data, wrong: mn.sensitivity(net, wrong),
    lambda net, data, wrong: mn.sensitivity(net, data, validation=wrong),
    lambda net, data, wrong: mn.iterate(net, data, rounds=2, validation=wrong),
    lambda net, data, wrong: mn.fit(net, data, validation=wrong, progress=False),
], ids=["sensitivity", "sensitivity on others", "iterate", "fit"])
def test_labels_are_looked_at_where_they_are_measured_on_the_way(measure, spoil, net, digits):
    before = state(net)
    with pytest.raises((TypeError, ValueError), match="labels"):
        measure(net, digits.val, (digits.val.x, spoil(digits.val.y)))
    assert unchanged(net, before)


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


def test_a_control_that_refuses_a_value_names_itself_and_all_stay(net, digits):
    explorer = mn.explore.sparsity(net, digits)
    before = explorer.state
    with pytest.raises(ValueError, match="sparsity can't be 'three'; it goes from 0 to 100"):
        explorer.set(sparsity="three", seed=3)
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


STYLES = ["dark_background", "ggplot", "bmh", "fivethirtyeight", "Solarize_Light2", "seaborn-v0_8-darkgrid"]
SEQUENCE = np.linspace(0, 1, 64, dtype=np.float32)
DRAWINGS = {
    "network": lambda ax=None: mn.draw.network(mn.models.mlp(64, 8, 10, rng=0), ax, title="Title"),
    "masks": lambda ax=None: mn.draw.masks(mn.models.mlp(64, 8, 10, rng=0), ax=ax, title="Title"),
    "histogram": lambda ax=None: mn.draw.histogram(mn.models.mlp(64, 8, 10, rng=0), ax, title="Title"),
    "surface": lambda ax=None: mn.draw.surface(
        mn.models.mlp(2, 8, 3, rng=0), SEQUENCE.reshape(32, 2), np.arange(32) % 3, ax, title="Title"),
    "layout": lambda ax=None: mn.draw.layout(np.eye(2, 3, dtype=np.float32), ax, title="Title"),
    "attention": lambda ax=None: mn.draw.attention(
        mn.models.tiny_transformer(tokens=4, n_in=16, n_out=10, rng=0), SEQUENCE, ax, title="Title"),
    "web": lambda ax=None: mn.draw.web(Web(20), ax, title="Title"),
}


def test_every_drawing_is_tried():
    assert set(DRAWINGS) == set(mn.draw.__all__) - {"Drawing", "Picture"}


@pytest.mark.walks
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("kind", DRAWINGS)
def test_a_style_is_for_the_learners_own_figures(kind, style):
    bright = DRAWINGS[kind]()._repr_png_()
    with matplotlib.style.context(style):
        assert DRAWINGS[kind]()._repr_png_() == bright
        sheet = mn.draw.Picture()
        DRAWINGS[kind](sheet.axes[0])
        assert sheet.axes[0].get_facecolor() == sheet.get_facecolor() == (1, 1, 1, 1)


@pytest.mark.parametrize("kind", DRAWINGS)
def test_a_drawing_can_be_read_in_a_dark_figure_of_the_learners(kind):
    with matplotlib.style.context("dark_background"):
        figure = Figure()
        own, ax = figure.subplots(1, 2)
        DRAWINGS[kind](ax)
    assert ax.axison and ax.get_facecolor() == (1, 1, 1, 1)
    assert {ax.title.get_color(), *(label.get_color() for label in ax.get_xticklabels())} == {"white"}
    assert figure.get_facecolor() == own.get_facecolor() == (0, 0, 0, 1)


# ---- regression -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("criterion", ["taylor", "obd", "snip", "gradient"])
def test_a_regression_network_can_be_pruned_by_its_own_loss(criterion):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 4)).astype(np.float32)
    data, net = (x, x @ rng.normal(size=(4, 1)).astype(np.float32)), mn.models.mlp(4, 16, 1, rng=0)
    how = {"criterion": criterion, "loss": mn.mean_squared_error}
    mn.prune(net.copy(), 0.5, data=data, **how)
    assert [done.sparsity for done in mn.iterate(net, data, rounds=2, final=0.75, epochs=1, rng=0, **how)][-1] == 0.75


# ---- numbers of a training --------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [
    lambda: mn.SGD(float("nan")), lambda: mn.SGD(-1), lambda: mn.SGD("0.1"), lambda: mn.SGD(momentum=1.5),
    lambda: mn.SGD(l1=-1), lambda: mn.Adam(beta1=None), lambda: mn.Adam(beta2=1), lambda: mn.AdamW(eps=-1),
    lambda: mn.Adam(weight_decay=float("inf")), lambda: mn.lr.warm_up(0.1, 0), lambda: mn.lr.cosine(0.1, 0),
    lambda: mn.lr.step(0.1, 0), lambda: mn.lr.constant(None), lambda: mn.lr.cosine(0.1, 10, final=-1),
    lambda: mn.LayerNorm(3, "x"), lambda: mn.Attention(2, heads=4),
])
def test_what_no_training_can_use_is_refused_at_once(make):
    with pytest.raises(ValueError, match=r"at least|above 0|don't suffice"):
        make()


def test_a_schedule_that_gives_no_number_is_refused_in_the_step_that_asks(net, digits):
    before = state(net)
    with pytest.raises(ValueError, match="learning rate of step 0"):
        mn.fit(net, digits.train, optimiser=mn.SGD(lambda index: float("nan")), progress=False)
    assert unchanged(net, before)


@pytest.mark.parametrize("make", [lambda: mn.Residual(mn.Dense), lambda: mn.Residual(None),
                                  lambda: mn.Sequential(mn.Dense)])
def test_a_layer_is_made_of_layers(make):
    with pytest.raises(TypeError, match=r"write (Residual|Sequential|input_shape)"):
        make()


@pytest.mark.parametrize("how, words", [
    ({"patience": "3", "validation": "val"}, "patience"), ({"patience": 2}, "validation"), ({"stop": 3}, "stop"),
    ({"validation": "column"}, r"write y\[:, 0\]"), ({"epochs": 2.0}, "epochs .* got 2.0"), ({"loss": None}, "loss"),
    ({"epochs": "3"}, "epochs .* got '3'"), ({"optimiser": mn.SGD}, "the class SGD"), ({"optimiser": 0.1}, "optimiser"),
    ({"rng": np.random.RandomState(0)}, "rng is a seed"), ({"validation": "none"}, "no samples"),
])
def test_everything_is_looked_at_before_the_first_step(how, words, net, digits):
    x, y = digits.val.x, digits.val.y
    data = {"val": digits.val, "column": (x, y[:, None]), "none": (x[:0], y[:0])}
    how = {key: data.get(value, value) if key == "validation" else value for key, value in how.items()}
    before = state(net)
    with pytest.raises((TypeError, ValueError), match=words):
        mn.fit(net, digits.train, progress=False, **how)
    assert unchanged(net, before)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("use", [
    lambda net, data: mn.fit(net, data, progress=False), lambda net, data: list(mn.steps(net, data, count=2)),
    lambda net, data: list(mn.sparse.steps(net, data, count=2)), lambda net, data: mn.iterate(net, data, rounds=2),
    lambda net, data: mn.prune(net, 0.5, "wanda", data=data), lambda net, data: mn.accuracy(net, data),
], ids=["fit", "steps", "sparse", "iterate", "prune", "accuracy"])
def test_one_pixel_that_is_no_number_is_found_before_anything_changes(use, odd, net, digits):
    x, before = digits.train.x.copy(), state(net)
    x[7, 3] = odd
    with pytest.raises(ValueError, match=r"NaN or infinite in 1 of 1,078 samples, as in x\[7\]"):
        use(net, (x, digits.train.y))
    assert unchanged(net, before)


def test_a_predictor_answers_what_is_not_finite_without_the_weights_that_are_gone(net, digits):
    mn.prune(net, 1.0)
    x = np.full((2, 64), np.nan, np.float32)
    assert np.isfinite(mn.sparse.compile(net)(x)).all() and "NaN" in mn.sparse.compile.__doc__


# ---- data of other libraries ------------------------------------------------------------------------------


USES = {"predict": mn.predict, "call": lambda net, x: net(x), "compiled": lambda net, x: mn.sparse.compile(net)(x)}


@pytest.mark.parametrize("use", USES)
def test_tensors_and_sparse_matrices_are_samples(use, net, digits, torch):
    scipy = pytest.importorskip("scipy.sparse")
    x, right = digits.val.x, USES[use](net, digits.val.x)
    for other in (torch.tensor(x, requires_grad=True), scipy.csr_matrix(x), scipy.csr_array(x)):
        assert np.array_equal(USES[use](net, other), right)
    assert mn.data.Split(torch.tensor(x, requires_grad=True), torch.tensor(digits.val.y)).x.shape == x.shape
    assert mn.accuracy(net, (scipy.csr_matrix(x), torch.tensor(digits.val.y))) == mn.accuracy(net, digits.val)


def test_a_file_of_arrays_is_data(net, digits, tmp_path):
    np.savez(tmp_path / "data.npz", x=digits.val.x, y=digits.val.y)
    with np.load(tmp_path / "data.npz") as data:
        assert mn.accuracy(net, data) == mn.accuracy(net, digits.val)
    np.savez(tmp_path / "other.npz", images=digits.val.x)
    with np.load(tmp_path / "other.npz") as data, pytest.raises(TypeError, match="'x' and 'y', got images"):
        mn.accuracy(net, data)


@pytest.mark.parametrize("taken", [None, 3, mn.models.mlp(64, 16, 10, rng=0)])
def test_a_snapshot_is_wanted(taken, net):
    with pytest.raises(TypeError, match="a snapshot is wanted"):
        mn.rewind(net, taken)
    with pytest.raises(TypeError, match="a network is wanted"):
        mn.snapshot(3)


@pytest.mark.parametrize("draw", [mn.draw.network, mn.draw.masks, mn.draw.histogram])
def test_a_network_without_weights_is_no_picture(draw):
    net = mn.models.mlp(64, 16, 16, 10, rng=0)
    mn.prune(net, 1.0)
    with pytest.raises(ValueError, match="no weights to draw"):
        draw(mn.compact(net))


def test_a_histogram_shows_numbers(net):
    net.layers[0].weight.data[0, 0] = np.inf
    with pytest.raises(ValueError, match="holds NaN or infinity"):
        mn.draw.histogram(net)


# ---- layers of your own -----------------------------------------------------------------------------------


@pytest.fixture
def holder():
    """A layer of the learner's that keeps two others in a container."""
    class Holder(mn.Layer):
        def __init__(self, hold):
            self.hold, self.inner = hold, hold(mn.Dense(64, 16, rng=0), mn.Dense(16, 10, rng=1))
            self.set_paths()

        def forward(self, x, rng=None):
            (_, one), (_, two) = self.children().items()
            middle, back = one.forward(x, rng)
            y, back_from_end = two.forward(middle, rng)
            return y, lambda dy, need_dx=True: back(back_from_end(dy), need_dx)

    yield Holder
    mn.Layer.registry.pop("Holder")


HELD = {"list": lambda *each: list(each), "tuple": lambda *each: each, "dict": lambda *each: dict(enumerate(each)),
        "nested": lambda one, two: {"all": [(one,), None, "x", {3: two}]}}


@pytest.mark.parametrize("how", HELD)
def test_layers_are_found_in_every_container(how, holder, digits):
    net = mn.Sequential(holder(HELD[how]))
    assert [p.path.split(".", 1)[1] for p in net.params()] == ["dense1.weight", "dense1.bias", "dense2.weight",
                                                               "dense2.bias"]
    before = state(net)
    mn.fit(net, digits.train, epochs=1, rng=0, progress=False)
    assert not any(np.array_equal(p.data, data) for p, (data, _) in zip(net.params(), before, strict=True))
    mn.prune(net, 0.5)
    assert mn.sparsity(net) == 0.5 and np.allclose(mn.compact(net)(digits.val.x), net(digits.val.x), atol=1e-5)


def test_what_has_no_order_is_refused(holder):
    with pytest.raises(TypeError, match="a set has no order"):
        holder(lambda *each: set(each))


def test_parameters_are_found_in_a_container():
    class Several(mn.Layer):
        def __init__(self):
            self.scales = [mn.Param(np.ones(3, np.float32), ("feature",), prunable=False) for _ in range(2)]

    assert list(Several().own_params()) == ["scales1", "scales2"]
    mn.Layer.registry.pop("Several")


def test_a_layer_that_multiplies_by_itself_is_named_where_evidence_is_wanted(digits):
    class OwnProduct(mn.Layer):
        def __init__(self):
            self.weight = mn.Param(np.ones((64, 10), np.float32), ("in", "out"))

        def forward(self, x, rng=None):
            return x @ self.weight.value, lambda dy, need_dx=True: self.weight.add_product(x, dy)

    for criterion in ("wanda", "apoz"):
        with pytest.raises(ValueError, match=r"weight is not seen: its layer multiplies without mn.nn.contract"):
            mn.prune(mn.Sequential(OwnProduct()), 0.5, criterion, data=digits.val)
    mn.Layer.registry.pop("OwnProduct")


# ---- copies -----------------------------------------------------------------------------------------------


COPIES = {"net.copy()": lambda net: net.copy(), "copy.copy": copy.copy, "copy.deepcopy": copy.deepcopy,
          "pickle": lambda net: pickle.loads(pickle.dumps(net)), "astype": lambda net: net.astype("float32")}


def tied_layer():
    shared = mn.Dense(64, 64, rng=0)
    return mn.Sequential(shared, mn.ReLU(), shared, mn.Dropout(0.5), mn.Dense(64, 10, rng=1))


def tied_param():
    one, two = mn.Dense(64, 64, rng=0), mn.Dense(64, 64, rng=2)
    two.weight = one.weight
    return mn.Sequential(one, mn.ReLU(), two, mn.Dropout(0.5), mn.Dense(64, 10, rng=1))


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("make", [tied_layer, tied_param, lambda: mn.models.tiny_transformer(tokens=4, n_in=16)])
def test_a_copy_keeps_what_the_original_promised_and_shares_nothing(make, how, digits):
    net = make()
    mn.fit(net, digits.train, epochs=1, rng=0, progress=False)
    mn.prune(net, 0.5)
    mn.cut(net)
    mn.prune(net, 0.7)
    new, before = COPIES[how](net), state(net)
    assert np.array_equal(new(digits.val.x), net(digits.val.x))
    for mine, its in zip(net.params(), new.params(), strict=True):  # as many: what was tied is tied
        for name in ("path", "axes", "contracted", "prunable", "cut_off", "kept"):
            assert getattr(mine, name) == getattr(its, name)
        assert not np.shares_memory(mine.data, its.data) and its.data.flags.writeable
        assert its.mask is None or not its.mask.flags.writeable  # written in place, it would not be seen
    for param in new.params():
        param.mask = None
    assert mn.sparsity(new) == pytest.approx(0.5, abs=0.01)  # what was cut stays so
    mn.prune(new, 0.9)
    mn.fit(new, digits.train, epochs=1, rng=0, progress=False)
    assert unchanged(net, before)
    drops = any(isinstance(layer, mn.Dropout) for _, layer in new.walk())
    in_training = new.forward(digits.val.x, np.random.default_rng(0))[0]
    assert np.array_equal(in_training, new(digits.val.x)) != drops  # dropout is for training, as before


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda split: pickle.loads(pickle.dumps(split))])
def test_a_copy_of_data_is_read_only_too(how, digits):
    new = how(digits)
    assert not any(array.flags.writeable for part in (new.train, new.val, new.test) for array in (part.x, part.y))


def test_what_a_file_cannot_hold_is_said_before_it_is_written(tmp_path):
    class Forgets(mn.Layer):
        def __init__(self, n):
            self.width, self.weight = n, mn.Param(np.ones((n, n), np.float32), ("in", "out"))

    for net in (tied_param(), mn.Sequential(Forgets(3))):
        with pytest.raises(ValueError, match="keep each argument as an attribute of the same name, and own its"):
            mn.save(net, tmp_path / "net.safetensors")
    assert not list(tmp_path.iterdir())
    mn.Layer.registry.pop("Forgets")


def test_a_pruned_module_can_be_copied_as_its_docstring_says(net, torch):
    mn.prune(net, 0.5)
    module = mn.to_torch(net)
    with pytest.raises(RuntimeError, match="deepcopy"):  # which lesson 13 says
        copy.deepcopy(module)
    for part in module.modules():
        if hasattr(part, "weight_mask"):
            torch.nn.utils.prune.remove(part, "weight")
    x = torch.zeros(1, 64)
    assert torch.equal(copy.deepcopy(module)(x), mn.to_torch(net)(x))
