"""The drawn plane against the network: its colours are the network's answers, its lines are where neurons turn."""

import numpy as np
import pytest

import minnet as mn
from minnet.draw.decision_surface import COLOURS

RINGS = np.arange(40) % 2


@pytest.fixture
def x(rng):
    angle = rng.uniform(0, 2 * np.pi, 40)
    return np.column_stack([np.cos(angle), np.sin(angle)]) * (1 + RINGS)[:, None]


@pytest.fixture
def net():
    net = mn.models.mlp(2, 5, 2, rng=1)
    net.layers[0].bias.data = np.linspace(-0.5, 0.5, 5, dtype=np.float32)
    return net


def test_the_background_has_the_colour_of_the_class(net, x):
    drawing = mn.draw.surface(net, x, RINGS)
    left, right, low, high = drawing.image.get_extent()
    assert left < x[:, 0].min() and right > x[:, 0].max() and low < x[:, 1].min() and high > x[:, 1].max()
    n = len(drawing.answers)
    for row, column in [(0, 0), (0, n - 1), (n - 1, 0), (20, 70), (n // 2, n // 3)]:
        point = [[left + (right - left) * column / (n - 1), low + (high - low) * row / (n - 1)]]
        scores = net(np.array(point, np.float32))[0]
        assert drawing.answers[row, column] == scores.argmax()
        red, _, blue = drawing.image.get_array()[row, column].astype(int)
        assert abs(scores[0] - scores[1]) < 0.05 or (blue > red) == (scores[0] > scores[1])  # blue is class 0


def test_where_all_logits_are_equal_the_background_is_white(x):
    drawing = mn.draw.surface(lambda points: np.zeros((len(points), 3)), x, RINGS)
    assert (drawing.image.get_array() == 255).all()
    certain = mn.draw.surface(lambda points: np.tile([0, 50.0, 0], (len(points), 1)), x, RINGS)
    assert (certain.answers == 1).all() and len(np.unique(certain.image.get_array())) > 1


def test_along_its_line_a_neurons_input_is_zero(net, x):
    drawing = mn.draw.surface(net, x, RINGS)
    lines = np.array(drawing.folds.get_segments())
    assert lines.shape == (5, 2, 2)
    weight, bias = net.layers[0].weight.data.astype(float), net.layers[0].bias.data
    for neuron, line in enumerate(lines):
        np.testing.assert_allclose(line @ weight[:, neuron] + bias[neuron], 0, atol=1e-4)


def test_follows_training_masks_and_another_network(net, x):
    drawing = mn.draw.surface(net, x, RINGS)
    before = drawing.image.get_array().copy()
    net.layers[0].weight.mask = np.repeat([[True, True, False, True, True]], 2, axis=0)
    drawing.update()
    assert len(drawing.folds.get_segments()) == 4  # a neuron without weights has no direction
    drawing.update(mn.models.mlp(2, 3, 2, rng=5))
    assert len(drawing.folds.get_segments()) == 3
    assert not np.array_equal(drawing.image.get_array(), before)


def test_a_function_draws_lines_only_if_it_says_which(net, x):
    def predict(points):
        return net(points)

    assert mn.draw.surface(predict, x, RINGS).folds.get_segments() == []
    first = net.layers[0]
    given = mn.draw.surface(predict, x, RINGS, folds=(first.weight.data, first.bias.data))
    assert np.array_equal(given.folds.get_segments(), mn.draw.surface(net, x, RINGS).folds.get_segments())


def test_infinite_numbers_are_drawn_without_a_word(net, x, recwarn):
    net.layers[2].weight.data = np.full((5, 2), np.inf, np.float32)
    drawing = mn.draw.surface(net, x, RINGS)
    assert np.isfinite(drawing.image.get_array()).all()
    assert not recwarn.list


def test_says_what_it_cannot_draw(net, x):
    with pytest.raises(ValueError, match="points x"):
        mn.draw.surface(net, np.zeros((4, 64)), np.zeros(4, int))
    with pytest.raises(ValueError, match="classes 0 to 7"):
        mn.draw.surface(net, x, np.full(40, len(COLOURS)))
