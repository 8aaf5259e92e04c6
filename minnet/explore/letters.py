"""Words that are drawn once and then laid into the picture again and again.

To draw a line of text takes a millisecond, to lay down its pixels a fiftieth of that; and under a slider the same
words come back, because what lies below them has changed, or because the slider comes back.
"""

from __future__ import annotations

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg

KEPT = 400  # lines of text
EDGE = 2  # pixels around a text: letters may reach out of its box


class Letters:
    """Draws texts on an Agg canvas, each look of a text only once.

    Parameters
    ----------
    figure : Figure
    """

    def __init__(self, figure):
        self._figure, self._kept, self._sheet = figure, {}, None

    def draw(self, text):
        """As ``text.draw(renderer)``."""
        if not (text.get_visible() and text.get_text()):
            return
        renderer = self._figure.canvas.get_renderer()
        if text.get_bbox_patch() is not None:  # more than letters
            text.draw(renderer)
            return
        look = (text.get_text(), text.get_color(), text.get_alpha(), text.get_clip_on(), text.get_rotation(),
                text.get_horizontalalignment(), text.get_verticalalignment(), hash(text.get_fontproperties()),
                *text.get_transform().transform(text.get_unitless_position()))
        if look not in self._kept:
            if len(self._kept) == KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[look] = self._drawn(text, renderer)
        pixels, left, bottom = self._kept[look]
        plain = renderer.new_gc()
        renderer.draw_image(plain, left, bottom, pixels)
        plain.restore()

    def _drawn(self, text, renderer):
        """The pixels of a text on nothing, the lowest first, and where their lower left corner lies."""
        height, width = int(renderer.height), int(renderer.width)
        if self._sheet is None:
            self._sheet = RendererAgg(width, height, renderer.dpi)
        self._sheet.clear()
        text.draw(self._sheet)
        box = text.get_window_extent(self._sheet).padded(EDGE)
        left, bottom, right, top = (int(side) for side in np.clip(box.extents, 0, (width, height, width, height)))
        pixels = np.asarray(self._sheet.buffer_rgba())[height - top : height - bottom, left:right]
        return pixels[::-1].copy(), left, bottom
