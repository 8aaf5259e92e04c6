"""In lecture mode everything grows together, and each picture keeps the size that it was made for."""

import io

import pytest
from PIL import Image

import minnet as mn
from minnet.draw import Picture


@pytest.fixture
def lecture():
    mn.lecture()
    yield
    mn.lecture(False)


def pixels(picture):
    return Image.open(io.BytesIO(picture.png())).size


def letters(picture):
    """Height of a title in pixels."""
    picture.axes[0].set_title("Title", fontsize=11.5)
    picture.canvas.draw()
    return picture.axes[0].title.get_window_extent().height


def test_sheet_and_letters_grow_and_shrink_again():
    desk = Picture(1, 2, size=(8, 4))
    mn.lecture()
    large = Picture(1, 2, size=(8, 4))
    assert pixels(desk) == (800, 400) and pixels(large) == (1000, 500)
    assert letters(large) == pytest.approx(1.4 * letters(desk), rel=0.05)
    mn.lecture(False)
    assert pixels(Picture(1, 2, size=(8, 4))) == (800, 400)


def test_drawings_follow(lecture):
    assert Image.open(io.BytesIO(mn.draw.network(mn.models.mlp(4, 3, 2, rng=0))._repr_png_()[0])).size[1] > 400


def test_an_explorer_keeps_the_room_that_it_was_opened_in(lecture):
    explorer = mn.explore.Explorer.registry["TrainingExplorer"].example()
    width, height = explorer.size
    assert "minnet-lecture" in explorer.widget._dom_classes
    mn.lecture(False)
    explorer.redraw()
    assert Image.open(io.BytesIO(explorer.png())).size == pytest.approx((125 * width, 125 * height))
    explorer.close()
    other = mn.explore.Explorer.registry["TrainingExplorer"].example()
    assert "minnet-lecture" not in other.widget._dom_classes
    assert Image.open(io.BytesIO(other.png())).size == pytest.approx((100 * width, 100 * height))
    other.close()


def test_other_values_than_true_and_false_raise():
    with pytest.raises(TypeError, match=r"mn\.lecture\(False\)"):
        mn.lecture("off")
