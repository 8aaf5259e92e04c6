"""Pictures as PNG files: in full colour for a still one, in 256 colours for one that a slider changes.

A picture that changes is compressed again at each move.  One byte per pixel instead of three takes half the time to
compress and a third of the bytes to send.  256 colours are enough, since everything is drawn with a few colours
(`minnet.draw.palette`) on white: besides these there are only their tints, and mixtures of two where lines cross.
"""

from __future__ import annotations

import io

import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image

from minnet.draw import palette

WHITE = "white"
# Two colours, and the number of steps from the first to the second.
_GRADIENTS = [
    ("black", palette.INK, 4), (palette.INK, palette.FAINT, 8), (palette.FAINT, palette.REMOVED, 9), (palette.REMOVED,
                                                                                                      palette.GRID, 5),
    (palette.GRID, WHITE, 4),
    *[(colour, WHITE, 24) for colour in (palette.POSITIVE, palette.NEGATIVE)],
    *[(colour, WHITE, 14) for colour in (palette.AFTER, palette.ROSE, palette.AMBER, palette.SKY, palette.PURPLE)],
    *[(colour, WHITE, 8) for colour in (palette.YELLOW, palette.WINE)],
    *[(colour, palette.INK, 8) for colour in (palette.POSITIVE, palette.NEGATIVE)],
    *[(colour, palette.INK, 4) for colour in (palette.AFTER, palette.ROSE, palette.AMBER, palette.SKY, palette.PURPLE,
                                              palette.YELLOW, palette.WINE)],
]
# Where two colours overlap: the pair, the fraction of the second, and the opacity of the mixture on white.
_MIXTURES = [
    (palette.POSITIVE, palette.NEGATIVE, (0.2, 0.35, 0.5, 0.65, 0.8), (1, 0.8, 0.6, 0.4)),
    (palette.NEGATIVE, palette.REMOVED, (0.35, 0.65), (1,)),
    (palette.NEGATIVE, palette.AMBER, (0.5,), (1,)),
    *[(palette.POSITIVE, other, (0.5,), (1, 0.6)) for other in (palette.AFTER, palette.REMOVED, palette.ROSE)],
]


def still(canvas):
    """What an Agg canvas shows, as the bytes of a PNG file: every pixel as it is."""
    return _packed(_pixels(canvas))


def moving(canvas):
    """The same quickly, each pixel in the nearest of 256 colours."""
    return _packed(_pixels(canvas).quantize(palette=_PALETTE, dither=Image.Dither.NONE), compress_level=1)


def _pixels(canvas):
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def _packed(image, **options):
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def _mixed(one, other, part):
    """A colour between two, as three numbers from 0 to 1."""
    return (1 - part) * np.array(to_rgb(one)) + part * np.array(to_rgb(other))


def _palette():
    colours = [_mixed(one, other, step / steps) for one, other, steps in _GRADIENTS for step in range(steps)]
    colours += [_mixed(WHITE, _mixed(one, other, part), strength)
                for one, other, parts, strengths in _MIXTURES for part in parts for strength in strengths]
    colours += [np.ones(3)] * (256 - len(colours))
    palette = Image.new("P", (1, 1))
    palette.putpalette((np.array(colours) * 255).round().astype(np.uint8).tobytes())
    return palette


_PALETTE = _palette()
