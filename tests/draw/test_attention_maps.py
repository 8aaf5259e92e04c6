"""The drawn maps against the networks that they show: every square is what one token takes from another."""

import io

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

import minnet as mn
from minnet.draw import palette
from minnet.nn.attention import patterns, removed_heads


@pytest.fixture
def net():
    return mn.models.tiny_transformer(tokens=5, n_in=3, width=8, heads=2, blocks=3, n_out=4, rng=0)


@pytest.fixture
def x(rng):
    return rng.normal(size=15).astype(np.float32)


def by_hand(layer, tokens):
    """Softmax of questions times answers, with loops."""
    maps = np.zeros((layer.heads, len(tokens), len(tokens)))
    for head in range(layer.heads):
        q = tokens @ layer.q.value[:, head] + layer.q_bias.value[head]
        k = tokens @ layer.k.value[:, head] + layer.k_bias.value[head]
        for asking in range(len(tokens)):
            fit = np.exp([q[asking] @ k[asked] / np.sqrt(layer.dim) for asked in range(len(tokens))])
            maps[head, asking] = fit / fit.sum()
    return maps


def test_maps_are_those_of_the_formula(net, x):
    found = patterns(net, x)
    assert [each.shape for each in found] == [(2, 5, 5)] * 3
    tokens = net.layers[0](x[None])
    np.testing.assert_allclose(found[0], by_hand(net.layers[1].branch.layers[1],
                                                 net.layers[1].branch.layers[0](tokens)[0]), atol=1e-5)
    for each in found:
        np.testing.assert_allclose(each.sum(axis=2), 1, atol=1e-5)


def test_each_map_stands_in_its_row_and_place_and_is_blue_where_it_is_strong(net, x):
    drawing = mn.draw.attention(net, x)
    corners = {}
    for row, heads in enumerate(drawing._tiles):
        for column, (image, name, *_) in enumerate(heads):
            np.testing.assert_allclose(image.get_array(), palette.shades(drawing.maps[row][column]), atol=1e-6)
            assert name.get_text() == f"layer {row + 1}, head {column + 1}"
            left, _, _, top = image.get_extent()
            corners[row, column] = left, top
    assert corners[0, 1][0] > corners[0, 0][0] and corners[1, 0][1] > corners[0, 0][1]


def test_removed_heads_are_grey_and_say_so(net, x):
    drawing = mn.draw.attention(net, x, mark=(4, 1))
    mn.prune(net, 0.5, structure=mn.along("head"), criterion=mn.random, rng=1)
    drawing.update()
    assert sum(map(np.sum, drawing.removed)) == 3
    for heads, removed in zip(drawing._tiles, drawing.removed, strict=True):
        for (image, _, frame, word, _), grey in zip(heads, removed, strict=True):
            assert np.allclose(image.get_array(), to_rgb(palette.REMOVED)) == grey == word.get_visible()
            assert frame.get_visible() != grey
    mn.restore(net)
    drawing.update()
    assert not any(map(np.any, drawing.removed))


def test_a_head_whose_output_is_not_read_counts_as_removed(net):
    layers = [layer for _, layer in net.walk() if isinstance(layer, mn.Attention)]
    second = np.array([False, True])
    layers[0].out.mask = np.broadcast_to(second[:, None, None], (2, 4, 8))
    layers[1].v.mask = np.broadcast_to(second[:, None], (8, 2, 4))
    assert [each.tolist() for each in removed_heads(net)] == [[True, False], [True, False], [False, False]]


def test_words_mark_and_notes(net, x):
    drawing = mn.draw.attention(net, x, words="abcde", mark=(4, 1))
    assert [text.get_text() for text in drawing._words] == list("abcde") * 5  # at the left of 3 rows, below 2 columns
    for heads in drawing._tiles:
        for image, _, frame, *_ in heads:
            left, right, _, high = image.get_extent()
            square = (right - left) / 5
            assert frame.get_xy() == pytest.approx((left + square, high + 4 * square))
    drawing.update(notes=[["one", "two"]] * 3)
    assert drawing._tiles[2][1][1].get_text() == "layer 3, head 2\ntwo"
    assert [text.get_text() for text in drawing._words[:5]] == list("abcde")  # as before
    assert [text.get_text() for text in mn.draw.attention(net, x)._words[:5]] == list("12345")


def test_another_sample_and_another_network(net, x):
    drawing = mn.draw.attention(net, x)
    before = drawing.maps
    drawing.update(x=x + 1)
    assert not np.allclose(before[0], drawing.maps[0])
    other = mn.models.tiny_transformer(tokens=5, n_in=3, width=8, heads=2, blocks=3, n_out=4, rng=1)
    drawing.update(other)
    np.testing.assert_allclose(drawing.maps[2], patterns(other, x + 1)[2])


def test_everything_stays_on_the_sheet(x):
    net = mn.models.tiny_transformer(tokens=5, n_in=3, width=12, heads=6, blocks=1, n_out=4, rng=0)
    for drawing in (mn.draw.attention(net, x), mn.draw.attention(net, x, mn.draw.Picture(1, 2).axes[1])):
        figure = drawing.ax.figure
        figure.canvas.draw()
        left, bottom, right, top = figure.get_tightbbox().extents
        assert left >= 0 and bottom >= 0 and right <= figure.get_figwidth() and top <= figure.get_figheight()
    assert Image.open(io.BytesIO(mn.draw.attention(net, x)._repr_png_()[0])).size == (900, 500)


def test_what_cannot_be_drawn_is_said(net, x):
    with pytest.raises(ValueError, match="no attention to draw"):
        mn.draw.attention(mn.models.mlp(15, 4, rng=0), x)
    with pytest.raises(ValueError, match=r"one sample of 15 numbers, got an array of shape \(2, 15\)"):
        mn.draw.attention(net, np.stack([x, x]))
