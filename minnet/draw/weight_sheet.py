"""A map of all weights of a network: which are kept, which are only masked, and which can be deleted.

A mask alone deletes nothing: the array keeps its size, and a masked weight is grey.  Only where whole rows or
columns are pruned does `mn.compact` make the arrays smaller; these weights are white.
"""

from __future__ import annotations

import math
import string
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from minnet.draw import palette

GAP = 8  # empty cells between two layers


@dataclass(frozen=True)
class Place:
    """Where one layer is on the sheet, in cells of one weight."""

    path: str
    top: int
    left: int
    height: int
    width: int


class WeightSheet:
    """The map: one row per input, one column per output; a kernel is a small tile.

    Parameters
    ----------
    net : Layer
    ax : Axes
    title : str
    image_shape : tuple of int, optional
        Of a sample, (rows, columns).  A first layer on such images is drawn as one image per neuron.

    Attributes
    ----------
    image : AxesImage
    """

    def __init__(self, net, ax, title, image_shape=None):
        self._images = _first_on_images(net, image_shape)
        self._params = {p.path: p for p in net.params() if p.prunable}
        box = ax.get_position()
        wide, high = ax.figure.get_size_inches() * (box.width, box.height)
        sizes = {path: self._flat(p, np.zeros(p.shape)).shape for path, p in self._params.items()}
        self.places, shape = _arrange(sizes, wide / high)
        self._pixels = np.ones((*shape, 4), np.float32)
        self._pixels[..., 3] = 0  # transparent between the layers, where the names are
        self._largest = max(float(np.abs(p.data).max(initial=0)) for p in self._params.values()) or 1.0
        self.image = ax.imshow(self._pixels, interpolation="nearest", vmin=0, vmax=1)
        self.artists = [self.image]
        ax.set_axis_off()
        ax.set_anchor("NW")  # else the title of a narrow sheet would run into its neighbour's
        ax.set_title(title, fontsize=palette.TITLE, color=palette.INK, loc="left")
        for place in self.places:
            ax.add_patch(Rectangle((place.left - 1, place.top - 1), place.width + 1, place.height + 1, fill=False,
                                   edgecolor=palette.FAINT, linewidth=0.8))
            ax.text(place.left - 1, place.top - 1.6, _name(place.path), fontsize=palette.SMALL,
                    color=palette.INK, va="bottom")

    def update(self, masks, stored):
        """Show masks, {path: bool}, and which weights are stored, {path: bool}."""
        sheet = {}
        for path, param in self._params.items():
            strength = param.data / self._largest
            sheet[path] = palette.shades(np.sign(strength) * (0.25 + 0.75 * np.abs(strength)))
            sheet[path][~masks[path]] = to_rgb(palette.REMOVED)
            sheet[path][~stored[path]] = 1.0
        self.colour(sheet)

    def colour(self, colours):
        """Colour every weight: {path: array (…, 3)}, the weight's shape and RGB."""
        for place in self.places:
            param = self._params[place.path]
            area = np.s_[place.top : place.top + place.height, place.left : place.left + place.width]
            self._pixels[(*area, 3)] = 1
            for channel in range(3):
                self._pixels[(*area, channel)] = self._flat(param, colours[place.path][..., channel])
        self.image.set_data(self._pixels)

    def _flat(self, param, array):
        """A weight as a matrix, inputs × outputs; each entry of a convolution is a kernel of rows × columns."""
        if param.path == self._images[0]:
            return _mosaic(param.matrix(array), self._images[1])
        if "row" not in param.axes:
            return param.matrix(array)
        order = [param.axes.index(axis) for axis in ("in", "row", "out", "col")]
        tiles = array.transpose(order)
        tiles = np.pad(tiles, [(0, 0), (0, 1), (0, 0), (0, 1)], constant_values=1.0)  # an empty line between
        inputs, rows, outputs, columns = tiles.shape
        return tiles.reshape(inputs * rows, outputs * columns)


def _first_on_images(net, image_shape):
    """The path of the first weight and the shape of a sample, if it is a dense layer on images."""
    first = next(p for p in net.params() if p.prunable)
    seen = image_shape is not None and math.prod(image_shape) == len(first.matrix(first.data))
    return (first.path, image_shape) if seen and len(image_shape) == 2 and "row" not in first.axes else (None, None)


def _mosaic(matrix, image_shape):
    """A matrix inputs × outputs as a grid of images, one per output, with an empty line between."""
    rows, columns = (n + 1 for n in image_shape)
    tiles = matrix.T.reshape(-1, *image_shape)
    across = min(len(tiles), math.ceil(math.sqrt(1.8 * len(tiles) * rows / columns)))  # a bit wider than high
    down = -(-len(tiles) // across)
    sheet = np.ones((down * across, rows, columns), matrix.dtype)
    sheet[: len(tiles), :-1, :-1] = tiles
    return sheet.reshape(down, across, rows, columns).swapaxes(1, 2).reshape(down * rows, across * columns)


def _name(path):
    """``residual1.branch.dense2.weight`` → ``branch 1.2``, ``….attention1.out`` → ``branch 1.o``: space is scarce."""
    *outer, last = path.removesuffix(".weight").split(".")
    branches = [part.replace("residual", "branch ") for part in outer if part.startswith("residual")]
    if not branches:
        return last.replace("patchembedding1", "patches")
    return f"{branches[-1]}.{last.lstrip(string.ascii_letters) or last[0]}"


def _arrange(sizes, aspect):
    """Arrange matrices of these sizes in rows, in order, so that they can be drawn as large as possible."""
    best = None
    widest = max(width for _, width in sizes.values())
    for limit in range(widest, widest + sum(width + GAP for _, width in sizes.values()) + 1, 2):
        places, shape = _stack(sizes, limit)
        scale = min(aspect / shape[1], 1 / shape[0])
        if best is None or scale > best[0]:
            best = scale, places, shape
    return best[1:]


def _stack(sizes, limit):
    places, top, left, tallest, right = [], GAP, 1, 0, 0
    for path, (height, width) in sizes.items():
        if left > 1 and left + width > limit + 1:
            top, left, tallest = top + tallest + GAP, 1, 0
        places.append(Place(path, top, left, height, width))
        left += width + GAP
        tallest, right = max(tallest, height), max(right, left - GAP)
    return places, (top + tallest + 1, right + 1)
