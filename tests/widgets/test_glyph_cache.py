"""Words from the store look as freshly drawn ones, to the pixel."""

import numpy as np
import pytest

from minnet.draw import Picture
from minnet.widgets import canvas
from minnet.widgets.canvas import GlyphCache

CHANGES = [
    {"text": "12 of 200"}, {"text": ""}, {"text": "two\nlines"}, {"text": "$x_1$ and more"}, {"color": "#D55E00"},
    {"rotation": 30}, {"fontsize": 17}, {"weight": "bold"}, {"position": (0.97, 0.99)}, {"position": (-0.1, 0.02)},
    {"ha": "right"}, {"va": "top"}, {"alpha": 0.4}, {"clip_on": True}, {"visible": False},
    {"bbox": {"facecolor": "yellow"}},
]


@pytest.fixture
def desk():
    figure = Picture(0, 0, size=(4, 3))
    ax = figure.add_subplot()
    ax.imshow(np.random.default_rng(0).random((9, 9)))
    text = ax.text(3.3, 4.7, "words", animated=True)
    figure.canvas.draw()
    figure.set_layout_engine("none")
    return figure, text, figure.canvas.copy_from_bbox(figure.bbox)


def drawn(desk, how):
    figure, _, empty = desk
    figure.canvas.restore_region(empty)
    how()
    return np.asarray(figure.canvas.buffer_rgba()).copy()


def test_every_look_is_drawn_as_it_is(desk):
    figure, text, _ = desk
    store = GlyphCache(figure)
    for change in [{}, *CHANGES]:
        text.set(**change)
        fresh = drawn(desk, lambda: text.draw(figure.canvas.get_renderer()))
        for _ in range(2):  # drawn, then remembered
            assert np.abs(drawn(desk, lambda: store.draw(text)).astype(int) - fresh).max() <= 1, change  # of 255
        if change in ({"text": ""}, {"visible": False}):
            assert np.array_equal(fresh, drawn(desk, lambda: None))
            text.set(text="words", visible=True)


def test_no_more_is_kept_than_said(desk, monkeypatch):
    monkeypatch.setattr(canvas, "KEPT", 3)
    figure, text, _ = desk
    store = GlyphCache(figure)
    for number in (1, 2, 3, 4, 5, 1, 5):
        text.set_text(str(number))
        fresh = drawn(desk, lambda: text.draw(figure.canvas.get_renderer()))
        assert np.array_equal(drawn(desk, lambda: store.draw(text)), fresh)
    assert len(store._kept) <= 3
