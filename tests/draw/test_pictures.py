"""Every picture against the network that it shows: what is counted in the artists is what is in the masks."""

import io
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from PIL import Image

import minnet as mn
from minnet.draw import palette
from tests.notebooks import ROOT


def lines(collections):
    return sum(len(lines.get_segments()) for lines in collections)


@settings(max_examples=25)
@given(sparsity=st.floats(0, 1), criterion=st.sampled_from([mn.magnitude, mn.random]))
def test_as_many_connections_are_drawn_as_removed_as_are_removed(sparsity, criterion):
    net = mn.models.mlp(12, 9, 5, rng=1)
    drawing = mn.draw.network(net)
    mn.prune(net, sparsity, criterion=criterion, rng=2)
    drawing.update()
    gone = sum(np.count_nonzero(~param.mask) for param in net.params() if param.mask is not None)
    assert len(drawing.removed) == gone == round(sparsity * 153)
    assert lines(drawing.kept) == 153 - gone


@settings(max_examples=25)
@given(sparsity=st.floats(0, 1), seed=st.integers(0, 9))
def test_a_sample_has_the_removed_fraction_of_each_layer(sparsity, seed):
    net = mn.models.mlp(64, 60, 40, 10, rng=0)
    drawing = mn.draw.network(net, sample=1000, rng=seed)
    assert (drawing.drawn, drawing.connections) == (1000, 6640)
    mn.prune(net, sparsity)
    drawing.update()
    removed = drawing.removed
    assert lines(drawing.kept) + len(removed) == 1000
    assert len(removed) / 1000 == pytest.approx(mn.sparsity(net), abs=3 / 1000)
    for column, param in enumerate(p for p in net.params() if p.prunable):
        share = 1000 * param.size / 6640
        here = np.count_nonzero(removed[:, 0, 0] == column)
        assert here == pytest.approx(share * (1 - param.kept / param.size), abs=1.5)


def test_no_layer_is_left_out_of_a_sample():
    net = mn.models.lenet5(rng=0)
    drawing = mn.draw.network(net)
    mn.prune(net, 0.6, scope=mn.layer)
    drawing.update()
    drawn = [line for lines in [*drawing.kept, drawing.ghost] for line in lines.get_segments()]
    for left, right in drawing._ends:
        here = {tuple(line.ravel()) for line in drawn if line[0, 0] == drawing.columns[left][0]}
        assert len(here) >= min(30, len(drawing.columns[left][1]) * len(drawing.columns[right][1]))


def test_the_sample_is_said_in_the_picture_and_changes_little_when_the_masks_do():
    net = mn.models.mlp(64, 100, 10, rng=0)
    drawing = mn.draw.network(net)
    said = [text.get_text() for text in drawing.ax.texts]
    assert "1,500 of 7,400 connections drawn" in said
    ranking = mn.rank(net)
    ranking.apply(0.5)
    drawing.update()
    before = {tuple(line.ravel()) for line in drawing.ghost.get_segments()}
    ranking.apply(0.51)
    drawing.update()
    after = {tuple(line.ravel()) for line in drawing.ghost.get_segments()}
    assert len(before - after) < 60
    same = mn.draw.network(net)
    assert {tuple(line.ravel()) for line in same.ghost.get_segments()} == after  # seeded


def test_lines_stand_where_their_weights_do_and_show_sign_and_strength():
    net = mn.models.mlp(2, 2, rng=0)
    weight = net.params()[0]
    weight.data = np.array([[1.0, -0.5], [0.25, 0.0]])
    drawing = mn.draw.network(net)
    (_, left), (_, right) = drawing.columns
    found = {}
    for collection in drawing.kept:
        for line, colour, width in zip(collection.get_segments(), collection.get_colors(),
                                       collection.get_linewidths(), strict=True):
            i, o = list(left).index(line[0, 1]), list(right).index(line[1, 1])
            found[i, o] = (tuple(np.round(colour[:3], 3)), width)
    positive, negative = (tuple(np.round(to_rgb(c), 3)) for c in (palette.POSITIVE, palette.NEGATIVE))
    assert found[0, 0][0] == positive and found[0, 1][0] == negative and found[1, 0][0] == positive
    assert found[0, 0][1] > found[0, 1][1] > found[1, 0][1] > found[1, 1][1]


def test_a_neuron_without_connections_on_one_side_is_drawn_empty():
    net = mn.models.mlp(3, 2, 2, rng=0)
    first = net.params()[0]
    mask = np.ones(first.shape, bool)
    mask[:, 1] = mask[2] = False  # hidden neuron 1 hears nothing, input 2 is not heard
    first.mask = mask
    drawing = mn.draw.network(net)
    full = [tuple(face[:3]) == to_rgb(palette.INK) for face in drawing.neurons.get_facecolors()]
    assert full == [True, True, False, True, False, True, True]


def test_ghosts_can_be_switched_off_and_before_can_be_drawn_next_to_after(rng):
    net = mn.models.mlp(8, 8, rng=0)
    mn.prune(net, 0.75)
    picture = mn.draw.Picture(1, 2)
    before = mn.draw.network(net, ax=picture.axes[0], masks={})
    after = mn.draw.network(net, ax=picture.axes[1])
    assert (len(before.removed), len(after.removed)) == (0, 48)
    with_ghosts = picture.png()
    after.ghosts = False
    assert picture.png() != with_ghosts
    after.ghosts = True
    assert picture.png() == with_ghosts


def test_drawing_changes_neither_numbers_nor_masks():
    net = mn.models.mlp(16, 8, 4, rng=0)
    mn.prune(net, 0.5)
    before = [(param.data.copy(), param.mask) for param in net.params()]
    for draw in (mn.draw.network, mn.draw.histogram, mn.draw.masks):
        draw(net).update()
    for param, (data, mask) in zip(net.params(), before, strict=True):
        assert np.array_equal(param.data, data) and param.mask is mask


@settings(max_examples=25)
@given(st.floats(0, 1))
def test_the_histogram_counts_every_weight_once(sparsity):
    net = mn.models.mlp(12, 9, 5, rng=1)
    drawing = mn.draw.histogram(net)
    mn.prune(net, sparsity)
    drawing.update()
    assert drawing.total.sum() == 153
    assert drawing.counts.sum() == 153 - round(sparsity * 153)
    assert np.array_equal(drawing.after.get_data().values, drawing.counts)
    assert np.all(drawing.counts <= drawing.total)


def test_the_histogram_puts_exact_zeros_in_the_middle_bin():
    net = mn.models.mlp(12, 9, rng=1)
    net.params()[0].data = np.where(np.arange(108).reshape(12, 9) % 2, 0, 1)
    drawing = mn.draw.histogram(net, bins=20)  # becomes odd
    assert len(drawing.counts) % 2 == 1
    assert drawing.counts[len(drawing.counts) // 2] == 54


def test_the_legend_names_removed_weights_only_if_there_are_any():
    def named(**how):
        return [text.get_text() for text in mn.draw.histogram(net, **how).ax.get_legend().get_texts()]

    net = mn.models.mlp(12, 9, rng=1)
    assert named() == ["kept"] and named(removed=True) == ["kept", "removed"]
    mn.prune(net, 0.5)
    assert named() == ["kept", "removed"]


def test_the_histogram_compares_two_networks():
    old, new = mn.models.mlp(12, 9, rng=1), mn.models.mlp(12, 9, rng=2)
    drawing = mn.draw.histogram(new, before=old)
    weights = [net.params()[0].data for net in (old, new)]
    assert np.array_equal(drawing.total, np.histogram(weights[0], drawing.edges)[0])
    assert np.array_equal(drawing.counts, np.histogram(weights[1], drawing.edges)[0])


def test_masks_show_each_neurons_pixels_where_they_are():
    net = mn.models.mlp(6, 4, rng=0)
    weight = net.params()[0]
    weight.data = np.zeros((6, 4))
    weight.data[5, 0] = 1  # neuron 0 looks at the pixel in row 1, column 2
    mask = np.ones((6, 4), bool)
    mask[0, 0] = False
    weight.mask = mask
    sheet = mn.draw.masks(net, (2, 3)).image.get_array()[..., :3] / 255
    assert np.allclose(sheet[1, 2], to_rgb(palette.POSITIVE), atol=0.01)
    assert np.allclose(sheet[0, 0], to_rgb(palette.REMOVED), atol=0.01)
    assert np.all(sheet[0, 1] == 1)  # a weight of zero that is still there is white


def test_masks_say_which_shape_would_fit_and_how_many_are_drawn():
    with pytest.raises(ValueError, match=r"looks at 64 values.*\(8, 9\).*image_shape"):
        mn.draw.masks(mn.models.mlp(64, 4), (8, 9))
    drawing = mn.draw.masks(mn.models.mlp(10, 100), limit=12)  # not a square: one row each
    assert "12 of 100 drawn" in drawing.ax.get_title(loc="left")


def test_a_drawing_shows_itself_only_if_it_made_its_own_picture():
    net = mn.models.mlp(4, 3, rng=0)
    png = mn.draw.network(net)._repr_png_()[0]
    assert Image.open(io.BytesIO(png)).size == (700, 500)
    assert mn.draw.network(net, ax=mn.draw.Picture().axes[0])._repr_png_() is None


def test_the_quick_png_shows_what_the_canvas_shows():
    picture = mn.draw.Picture(size=(3, 2))
    picture.axes[0].plot([0, 1], [1, 0])
    shown = np.asarray(Image.open(io.BytesIO(picture.png())))
    assert np.array_equal(shown, np.asarray(picture.canvas.buffer_rgba())[:, :, :3])


def test_pyplot_is_never_loaded():
    code = """
import sys
import minnet as mn
net = mn.models.mlp(4, 3, rng=0)
for draw in (mn.draw.network, mn.draw.histogram, mn.draw.masks):
    draw(net)._repr_png_()
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_nets_without_weights_and_unknown_names_get_a_sentence():
    with pytest.raises(ValueError, match="no weights to draw"):
        mn.draw.network(mn.Sequential(mn.ReLU()))
    with pytest.raises(AttributeError, match="Did you mean 'network'"):
        mn.draw.netwrk  # noqa: B018


def test_a_still_picture_has_an_alternative_text():
    sheet = mn.draw.Picture(1, 2)
    sheet.axes[0].set_title("Before", loc="left")
    sheet.axes[1].set(title="After", xlabel="weight", ylabel="how many")
    png, metadata = sheet._repr_png_()
    assert png.startswith(b"\x89PNG") and metadata == {"alt": "2 panels. Before. After – across: weight, up: how many"}
    assert mn.draw.Picture()._repr_png_()[1]["alt"] == "1 panel. a picture without words"
