"""A picture that changes quickly: only the artists that have changed are drawn again.

What stays is drawn once.  Upon it, the moving artists of each Axes form a pile, and the picture is kept
above those that take long, and below the lowest that has changed, for it may soon change again.  Drawing then goes
on from there: a slider that removes a few weak lines never waits for thousands of strong ones.
"""

from __future__ import annotations

import gc

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.collections import Collection
from matplotlib.colors import to_rgb
from matplotlib.image import AxesImage
from matplotlib.text import Text
from PIL import Image

from minnet.draw import palette
from minnet.draw.figure import canvas_image, png_file

EDGE = 2  # pixels around an Axes: a marker on its border reaches into the next pixel


class Canvas:
    """Keeps a figure's picture up to date.

    Parameters
    ----------
    figure : Picture
    moving : list of Artist
        Those that change, from the bottom of the pile to its top.  They stay inside their Axes, and different
        Axes don't overlap.
    """

    def __init__(self, figure, moving):
        self.figure = figure
        self._piles, self._letters = {}, GlyphCache(figure)
        for artist in moving:
            artist.set_animated(True)
            self._piles.setdefault(artist.axes, []).append(artist)
        figure.canvas.draw()  # everything that doesn't move
        figure.set_layout_engine("none")
        # {Axes: {i: what it looks like before pile[i] is drawn}}
        self._below = {ax: {0: self._copy(ax)} for ax in self._piles}

    def close(self):
        """Give the memory of all pictures back at once."""
        self._piles, self._below, self._letters = {}, {}, None
        self.figure.clear()
        FigureCanvasAgg(self.figure)  # in place of the one that holds the pixels
        gc.collect(1)  # what was drawn points at each other in circles, and Python looks for all of those late

    def _copy(self, ax):
        return self.figure.canvas.copy_from_bbox(ax.bbox.padded(EDGE))

    def png(self):
        """The present picture as the bytes of a PNG file."""
        for ax, pile in self._piles.items():
            stale = next((number for number, artist in enumerate(pile) if artist.stale), None)
            if stale is not None:
                self._draw(ax, pile, stale)
        return palette_png(self.figure.canvas)

    def _draw(self, ax, pile, stale):
        """Draw a pile from an artist that has changed upwards."""
        below = self._below[ax] = {number: region for number, region in self._below[ax].items() if number <= stale}
        start = max(below)
        self.figure.canvas.restore_region(below[start])
        for number, artist in enumerate(pile[start:], start):
            if number > start and (number == stale or _takes_long(pile[number - 1])):
                below[number] = self._copy(ax)
            if isinstance(artist, Text):
                self._letters.draw(artist)
            elif artist.get_visible():
                ax.draw_artist(artist)
            artist.stale = False


def _takes_long(artist):
    """Longer to draw than to copy the pixels."""
    return isinstance(artist, (Collection, AxesImage)) and artist.get_visible()


# ---- Glyph cache -------------------------------------------------------------------------------------


KEPT = 400  # lines of text
MARGIN = 2  # pixels around a text: letters may reach out of its box


class GlyphCache:
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
        box = text.get_window_extent(self._sheet).padded(MARGIN)
        left, bottom, right, top = (int(side) for side in np.clip(box.extents, 0, (width, height, width, height)))
        pixels = np.asarray(self._sheet.buffer_rgba())[height - top : height - bottom, left:right]
        return pixels[::-1].copy(), left, bottom


# ---- PNG with a palette ------------------------------------------------------------------------------
# A picture is compressed again at each move of a slider.  One byte per pixel instead of three takes half the time to
# compress and a third of the bytes to send.  256 colours are enough, since everything is drawn with the few colours of
# `minnet.draw.palette` on white: besides these there are only their tints, and mixtures of two where lines cross.

# Two colours, and the number of steps from the first to the second.
_GRADIENTS = [
    ("black", palette.INK, 4), (palette.INK, palette.FAINT, 8), (palette.FAINT, palette.REMOVED, 9),
    (palette.REMOVED, palette.GRID, 5), (palette.GRID, "white", 4),
    *[(colour, "white", 24) for colour in (palette.POSITIVE, palette.NEGATIVE)],
    *[(colour, "white", 14) for colour in (palette.AFTER, palette.ROSE, palette.AMBER, palette.SKY, palette.PURPLE)],
    *[(colour, "white", 8) for colour in (palette.YELLOW, palette.WINE)],
    *[(colour, palette.INK, 8) for colour in (palette.POSITIVE, palette.NEGATIVE)],
    *[(colour, palette.INK, 4) for colour in (palette.AFTER, palette.ROSE, palette.AMBER, palette.SKY, palette.PURPLE,
                                              palette.YELLOW, palette.WINE)],
]
# What two colours make where lines cross: the pair, how much of the second, and how strong the mixture is on white.
_MIXTURES = [
    (palette.POSITIVE, palette.NEGATIVE, (0.2, 0.35, 0.5, 0.65, 0.8), (1, 0.8, 0.6, 0.4)),
    (palette.NEGATIVE, palette.REMOVED, (0.35, 0.65), (1,)),
    (palette.NEGATIVE, palette.AMBER, (0.5,), (1,)),
    *[(palette.POSITIVE, other, (0.5,), (1, 0.6)) for other in (palette.AFTER, palette.REMOVED, palette.ROSE)],
]


def palette_png(canvas):
    """What an Agg canvas shows as the bytes of a PNG file, each pixel in the nearest of 256 colours."""
    return png_file(canvas_image(canvas).quantize(palette=_PALETTE, dither=Image.Dither.NONE), compress_level=1)


def _mixed(one, other, part):
    """A colour between two, as three numbers from 0 to 1."""
    return (1 - part) * np.array(to_rgb(one)) + part * np.array(to_rgb(other))


def _palette():
    colours = [_mixed(one, other, step / steps) for one, other, steps in _GRADIENTS for step in range(steps)]
    colours += [_mixed("white", _mixed(one, other, part), strength)
                for one, other, parts, strengths in _MIXTURES for part in parts for strength in strengths]
    colours += [np.ones(3)] * (256 - len(colours))
    image = Image.new("P", (1, 1))
    image.putpalette((np.array(colours) * 255).round().astype(np.uint8).tobytes())
    return image


_PALETTE = _palette()
