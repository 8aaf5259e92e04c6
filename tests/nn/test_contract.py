"""One suite for all layers: what each promises, tried on random examples of every kind in the registry."""

import numpy as np
import pytest

import minnet as mn
from minnet.nn.train import steps_for
from tests.closeness import assert_close
from tests.nn.trials import KINDS, remove_some, shake

EXAMPLES = 20
FORMS = [(kind, masked) for kind in KINDS for masked in (False, True)]
every_layer = pytest.mark.parametrize(("kind", "masked"), FORMS,
                                      ids=[f"{k.__name__}-{'masked' if m else 'dense'}" for k, m in FORMS])


def examples(kind, masked, count=EXAMPLES):
    rng = np.random.default_rng(0)
    for _ in range(count):
        layer, x = kind.example(rng)
        shake(layer, rng)
        if masked:
            remove_some(layer, rng)
        yield layer, x


def test_every_kind_is_tried():
    assert len(KINDS) >= 16
    for kind in KINDS:
        layer, x = kind.example(np.random.default_rng(0))
        assert type(layer) is kind
        assert x.dtype == np.float32


@every_layer
def test_leaves_its_input_alone(kind, masked):
    for layer, x in examples(kind, masked):
        before, rng = x.copy(), np.random.default_rng(1)
        y, back = layer.forward(x, rng)
        answer, dy = y.copy(), np.ones_like(y)
        back(dy)
        np.testing.assert_array_equal(x, before)
        np.testing.assert_array_equal(dy, np.ones_like(y))
        np.testing.assert_array_equal(y, answer)  # the backward pass does not write into the output


@every_layer
def test_keeps_the_number_type(kind, masked):
    for layer, x in examples(kind, masked):
        for dtype in ("float32", "float64"):
            net, sample = layer.astype(dtype), x.astype(dtype)
            y, back = net.forward(sample, np.random.default_rng(1))
            dx = back(np.ones_like(y))
            assert y.dtype == dx.dtype == dtype
            assert all(p.grad.dtype == dtype for p in net.params())
        if layer.params():  # a network computes in the type of its numbers, whatever comes in
            assert layer(x.astype("float64")).dtype == np.float32


@every_layer
def test_takes_read_only_and_strided_input(kind, masked):
    for layer, x in examples(kind, masked):
        expected = layer(x)
        wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
        wide[..., ::2] = x
        for form in (wide[..., ::2], np.asfortranarray(x), x[::-1].copy()[::-1]):
            form.flags.writeable = False
            y, back = layer.forward(form)
            assert_close(y, expected, terms=1)
            assert back(np.ones_like(y)).shape == x.shape
            back(np.broadcast_to(np.float32(1), y.shape))  # so does the backward pass


@every_layer
def test_predicts_the_same_twice(kind, masked):
    for layer, x in examples(kind, masked):
        first = layer(x)
        y, back = layer.forward(x, np.random.default_rng(1))
        back(np.ones_like(y))
        np.testing.assert_array_equal(layer(x), first)  # nothing stays behind, not even from training


@every_layer
def test_splitting_the_batch_changes_nothing(kind, masked):
    for layer, x in examples(kind, masked):
        cut = len(x) // 2
        whole = layer(x)
        assert_close(np.concatenate([layer(x[:cut]), layer(x[cut:])]), whole, terms=1)  # a half may be empty
        assert layer(x[:0]).shape == (0, *whole.shape[1:])


@every_layer
def test_empty_batch_goes_back_too(kind, masked):
    for layer, x in examples(kind, masked, 5):
        y, back = layer.forward(x[:0], np.random.default_rng(1))
        assert back(y).shape == x[:0].shape
        assert all(not p.grad.any() for p in layer.params())


@every_layer
def test_a_copy_is_equal_and_separate(kind, masked):
    for layer, x in examples(kind, masked):
        copy, before = layer.copy(), layer(x)
        np.testing.assert_array_equal(copy(x), before)
        shake(copy, np.random.default_rng(2))
        np.testing.assert_array_equal(layer(x), before)


@every_layer
def test_wrong_shapes_are_named(kind, masked):
    """A batch of another shape either works or raises a ValueError that says what came in."""
    for layer, x in examples(kind, masked):
        wrong = [x[0], x[..., :-1], x[..., None], x[None], np.zeros(0, np.float32), np.zeros((2, 3), np.float32)]
        refused = 0
        for sample in wrong:
            try:
                layer(sample)
            except ValueError as error:
                refused += 1
                assert "expect" in str(error) or "takes" in str(error) or "does not fit" in str(error), error
                assert str(sample.shape) in str(error) or "does not fit" in str(error), error
        assert refused or not layer.params()


@every_layer
def test_knows_its_own_arguments(kind, masked):
    """Constructor arguments are attributes of the same name, so that a layer can be built again from them."""
    layer, _ = next(examples(kind, masked))
    if kind in (mn.Sequential, mn.Residual):
        return  # their arguments are layers, and those are copied, not built again
    again = kind(**layer.config())
    assert [(p.axes, p.shape) for p in again.params()] == [(p.axes, p.shape) for p in layer.params()]
    assert repr(again) == repr(layer)


@every_layer
def test_removed_weights_have_no_say(kind, masked):
    for layer, x in examples(kind, masked):
        expected = layer(x)
        for param in layer.params():
            if param.mask is not None:
                param.data = np.where(param.mask, param.data, 1e3)
        np.testing.assert_array_equal(layer(x), expected)


@pytest.mark.parametrize("layer, x", [
    (mn.Dense(0, 3), (2, 0)), (mn.Dense(3, 0), (2, 3)), (mn.Conv2d(0, 2, 3), (2, 0, 5, 5)),
    (mn.Conv2d(2, 0, 3), (2, 2, 5, 5)), (mn.LayerNorm(0), (2, 0)), (mn.Attention(4, heads=0, dim=2), (2, 3, 4)),
    (mn.Attention(4, heads=2, dim=0), (2, 3, 4)), (mn.PatchEmbedding(3, 2, 0), (2, 3, 2)),
    (mn.MaxPool2d(2), (2, 0, 4, 4)), (mn.AvgPool2d(2), (2, 0, 4, 4)), (mn.Flatten(), (2, 0, 4, 4)),
    (mn.MeanPool(), (2, 3, 0)), (mn.ReLU(), (2, 0)),
], ids=repr)  # fmt: skip
def test_nothing_is_a_legal_width(layer, x):
    """Pruning may leave a layer without inputs or outputs: it still runs, forward and back."""
    y, back = layer.forward(np.ones(x, np.float32), np.random.default_rng(0))
    assert np.isfinite(y).all()
    assert back(np.ones_like(y)).shape == x


def test_weights_meet_their_input_where_observers_watch():
    """Every prunable weight of every model passes through `contract`, with matching shapes."""
    from tests.nn.trials import MODELS, batch_for

    for make in MODELS.values():
        net = make()
        with mn.observing() as seen:
            net(batch_for(net, 3, np.random.default_rng(0)))
        met = {id(source): (x, y) for source, x, y in seen if isinstance(source, mn.Param)}
        for param in net.params():
            if param.prunable:
                x, y = met[id(param)]
                assert (x.shape[1], y.shape[1]) == param.matrix(param.data).shape
                assert_close(y, x @ param.matrix(param.value) + _bias_of(net, param))
        patterns = [y for source, _, y in seen if isinstance(source, mn.Attention)]
        for pattern in patterns:
            np.testing.assert_allclose(pattern.sum(axis=-1), 1, rtol=1e-5)
        assert len(patterns) == sum(isinstance(layer, mn.Attention) for _, layer in net.walk())


def _bias_of(net, weight):
    for _, layer in net.walk():
        own = layer.own_params()
        for name, param in own.items():
            if param is weight:
                bias = own.get("bias" if name == "weight" else f"{name}_bias")
                return 0 if bias is None else bias.value.reshape(-1)


def test_dropconnect_silences_weights_and_keeps_the_mean():
    rng = np.random.default_rng(0)
    layer = mn.Dense(200, 300, drop=0.25, rng=0)
    eye = np.eye(200, dtype=np.float32)  # each row of the answer is then a row of the weight
    y, back = layer.forward(eye, rng)
    dropped = y == 0
    assert abs(dropped.mean() - 0.25) < 0.01
    assert_close(y[~dropped], (layer.weight.data / np.float32(0.75))[~dropped])
    back(np.ones_like(y))
    np.testing.assert_array_equal(layer.weight.grad == 0, dropped)  # a dropped weight gets no gradient
    assert_close(layer(eye), layer.weight.data)  # no random numbers in predicting


def test_dropout_shows_its_mask_in_the_backward_pass():
    x = np.ones((50, 100), np.float32)
    y, back = mn.Dropout(0.3).forward(x, np.random.default_rng(0))
    np.testing.assert_array_equal(back(np.ones_like(y)), y)
    assert abs((y == 0).mean() - 0.3) < 0.03
    assert abs(y.mean() - 1) < 0.05


def test_a_branch_without_parameters_is_the_identity():
    net = mn.models.tiny_transformer(rng=0)
    residual = net.layers[1]
    for param in residual.params():
        param.mask = np.zeros(param.shape, bool)
    x = np.random.default_rng(0).normal(size=(2, 8, 32)).astype(np.float32)
    np.testing.assert_array_equal(residual(x), x)


def test_two_threads_predict_with_one_network():
    from concurrent.futures import ThreadPoolExecutor

    from tests.nn.trials import MODELS, batch_for

    for make in MODELS.values():
        net, rng = make(), np.random.default_rng(0)
        batches = [batch_for(net, n, rng) for n in (1, 2, 3, 4) * 3]
        alone = [net(x) for x in batches]
        with ThreadPoolExecutor(2) as pool:
            for together, before in zip(pool.map(net, batches), alone, strict=True):
                assert_close(together, before)


@pytest.mark.parametrize("wrong, match", [
    (lambda: mn.Dense(3, 3, drop=1.0), "drop is a probability"), (lambda: mn.Dropout(-0.1), "p is a probability"),
    (lambda: mn.Dropout("0.5"), "p is a probability"), (lambda: mn.LayerNorm(3, "x"), "eps is a number, at least 0"),
    (lambda: mn.LayerNorm(3, float("nan")), "eps is a number, at least 0"),
    (lambda: mn.Residual(mn.Dense), "the branch of a Residual is a layer"),
    (lambda: mn.Residual(None), "got None"), (lambda: mn.Sequential(input_shape=64), r"write .* \(1, 28, 28\)"),
    (lambda: mn.Sequential(input_shape="64"), "got '64'"), (lambda: mn.Sequential(input_shape=(8.0,)), "whole number"),
    (lambda: mn.Conv2d(1, 1, 0), "size is a whole number"), (lambda: mn.Conv2d(1, 1, (1, 2, 3)), "pair"),
    (lambda: mn.Conv2d(1, 1, 3, padding=-1), "padding"), (lambda: mn.MaxPool2d(2, stride=0), "stride"),
])  # fmt: skip
def test_wrong_arguments_are_named(wrong, match):
    with pytest.raises((TypeError, ValueError), match=match):
        wrong()


def test_steps_for_counts_the_smaller_last_batch():
    data = np.zeros((70, 2)), np.zeros(70, int)
    assert [steps_for(data, epochs) for epochs in (0, 1, 3)] == [0, 3, 9]
    assert steps_for(data, 2, batch=100) == 2
    assert steps_for(len(data[0]), 3) == steps_for(data, 3)
