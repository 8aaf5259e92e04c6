"""The quick PNG files hold every pixel."""

import io

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from minnet.draw.png import encode


@pytest.mark.parametrize("size", [(1, 1), (7, 1), (1, 2), (200, 131)])
def test_another_reader_finds_the_same_pixels(size):
    width, height = size
    canvas = FigureCanvasAgg(Figure(figsize=(width / 100, height / 100), dpi=100, facecolor="white"))
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    pixels[...] = np.random.default_rng(0).integers(0, 256, pixels.shape)
    pixels[..., 3] = 255
    picture = Image.open(io.BytesIO(encode(canvas)))
    picture.load()
    assert picture.size == size and picture.mode == "RGB"
    assert np.array_equal(np.asarray(picture), pixels[..., :3])
