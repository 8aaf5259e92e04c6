"""PNG files: a still picture's holds every pixel, a moving one's the palette, and everything else nearly."""

import io

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from minnet.draw import palette
from minnet.draw.figure import canvas_image, png_file
from minnet.widgets.canvas import palette_png

INKS = [colour for name, colour in vars(palette).items() if name.isupper() and isinstance(colour, str)]


def canvas(pixels):
    """An Agg canvas that shows these pixels, (rows, columns, 3)."""
    height, width, _ = pixels.shape
    made = FigureCanvasAgg(Figure(figsize=(width / 100, height / 100), dpi=100, facecolor="white"))
    made.draw()
    np.asarray(made.buffer_rgba())[..., :3] = pixels
    return made


def read(file):
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB")).astype(int)


@pytest.mark.parametrize("size", [(1, 1), (7, 1), (1, 2), (200, 131)])
def test_another_reader_finds_the_same_pixels(size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3))
    assert np.array_equal(read(png_file(canvas_image(canvas(pixels)))), pixels)


def test_a_moving_picture_keeps_white_and_every_ink():
    assert len(INKS) >= 12
    pixels = (np.array([[to_rgb(colour) for colour in ["white", *INKS]]]) * 255).round().astype(int)
    assert np.abs(read(palette_png(canvas(pixels))) - pixels).max() <= 2
    assert (read(palette_png(canvas(pixels)))[0, 0] == 255).all()


def test_a_moving_picture_keeps_every_tint_nearly():
    strength = np.linspace(0, 1, 101)[:, None]
    pixels = np.stack([1 - strength * (1 - np.array(to_rgb(colour))) for colour in INKS])
    pixels = (255 * pixels).round().astype(int)
    away = np.abs(read(palette_png(canvas(pixels))) - pixels)
    assert away.max() <= 20 and away.mean() < 4


def test_a_moving_picture_is_smaller():
    figure = Figure(figsize=(5, 4), dpi=100, facecolor="white")
    drawn = FigureCanvasAgg(figure)
    figure.subplots().plot(np.random.default_rng(0).normal(size=400), color=palette.POSITIVE, alpha=0.5)
    drawn.draw()
    assert len(palette_png(drawn)) < len(png_file(canvas_image(drawn)))
