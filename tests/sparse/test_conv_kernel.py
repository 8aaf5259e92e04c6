"""Compiled convolutions against the network's own, which unfold every window."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minnet.sparse
from minnet.nn.activations import ReLU, Tanh
from minnet.nn.conv import Conv2d
from minnet.nn.layers import Dense, Dropout, Flatten, Sequential
from minnet.nn.models import lenet5, signal_conv
from minnet.nn.pool import AvgPool2d, MaxPool2d
from tests.closeness import assert_close


def randomise(net, sparsity, rng, block=1):
    """Random masks and biases; `block` filters or neurons that follow each other share their mask."""
    for param in net.params():
        if param.prunable:
            axis = param.axes.index("out")
            shape = list(param.shape)
            shape[axis] = -(-shape[axis] // block)
            kept = np.repeat(rng.random(shape) >= sparsity, block, axis=axis)
            param.mask = np.take(kept, range(param.shape[axis]), axis=axis)
        else:
            param.data = rng.normal(size=param.shape)
    return net


def agree(predict, net, x):
    found = predict(x)
    assert found.dtype == np.float32
    assert_close(found, net(x), terms=1)


PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    image=st.tuples(st.integers(1, 4), st.integers(7, 11), st.integers(7, 11)),
    filters=st.integers(1, 9), window=PAIRS, stride=PAIRS, padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    pool=PAIRS, pool_stride=PAIRS, sparsity=st.sampled_from((0, 0.5, 0.9, 1)), block=st.sampled_from((1, 4)),
    format=st.sampled_from(("auto", "rows", "blocks")), n=st.sampled_from((0, 1, 7, 8, 19, 40)),
    seed=st.integers(0, 2**32 - 1),
)
def test_random_convolutions(image, filters, window, stride, padding, pool, pool_stride, sparsity, block, format, n,
                             seed):
    rng = np.random.default_rng(seed)
    net = randomise(Sequential(
        Conv2d(image[0], filters, window, stride, padding, bias=seed % 3 > 0, rng=rng), ReLU(),
        MaxPool2d(pool, pool_stride) if seed % 2 else Dropout(0.5),
        Conv2d(filters, 5, 1, rng=rng), Flatten(), input_shape=image), sparsity, rng, block)
    try:
        net(np.zeros((1, *image), np.float32))
    except ValueError:
        return                                                  # the window is larger than what is left of the image
    x = rng.normal(size=(n, *image)).astype(np.float32)
    predict = minnet.sparse.compile(net, format)
    agree(predict, net, x)
    assert "own" not in predict.formats.values()


@pytest.mark.parametrize("model", [lenet5, signal_conv])
@pytest.mark.parametrize("sparsity", [0, 0.9])
def test_whole_models(model, sparsity):
    rng = np.random.default_rng(0)
    net = randomise(model(rng=0), sparsity, rng)
    predict = minnet.sparse.compile(net)
    assert len(predict.steps) == 1
    for n in (1, 20):
        x = rng.random((n, *net.input_shape), np.float32)
        agree(predict, net, x)
        np.testing.assert_array_equal(predict(x.reshape(n, -1)), predict(x))    # flat samples will do as well
    assert list(predict.formats) == list(dict.fromkeys(param.path.rsplit(".", 1)[0] for param in net.params()))
    assert len(predict.explain().splitlines()) == len(predict.formats)


def test_a_sample_does_not_depend_on_its_company():
    rng = np.random.default_rng(1)
    net = randomise(signal_conv(rng=0), 0.7, rng)
    predict = minnet.sparse.compile(net, "rows")
    x = rng.random((50, *net.input_shape), np.float32)
    together = predict(x)
    for step in (1, 8, 17):
        np.testing.assert_array_equal(np.concatenate([predict(x[i:i + step]) for i in range(0, 50, step)]), together)


@pytest.mark.parametrize("layers", [
    (Conv2d(2, 3, 3, rng=0), Tanh(), Conv2d(3, 4, 2, rng=1), Flatten(), Dense(5 * 5 * 4, 3, rng=2)),
    (Conv2d(2, 3, 3, rng=0), AvgPool2d(2), ReLU(), Flatten(), Dense(27, 6, rng=1), ReLU(), Dense(6, 2, rng=2)),
    (AvgPool2d(2), Conv2d(2, 3, 3, rng=0)),
    (Dense(8, 5, rng=0), ReLU()),
    (Flatten(), Dense(128, 5, rng=0)),
], ids=["tanh between", "mean pooling", "mean pooling first", "dense over columns", "no convolution"])
def test_what_is_not_compiled_is_called(layers):
    net = Sequential(*layers, input_shape=(2, 8, 8))
    x = np.random.default_rng(0).normal(size=(9, 2, 8, 8)).astype(np.float32)
    for format in ("auto", "rows", "dense", "csr"):
        agree(minnet.sparse.compile(net, format), net, x)


def test_wrong_images_raise():
    predict = minnet.sparse.compile(lenet5(rng=0))
    for shape in ((3, 1, 28, 27), (3, 783), (784,)):
        with pytest.raises(ValueError, match=r"1, 28, 28"):
            predict(np.zeros(shape, np.float32))


def test_no_channel_left():
    net = Sequential(Conv2d(1, 0, 3, rng=0), ReLU(), Conv2d(0, 2, 2, rng=0), Flatten(), input_shape=(1, 6, 6))
    net.params()[-1].data = [1, -2]
    agree(minnet.sparse.compile(net), net, np.ones((3, 1, 6, 6), np.float32))
