"""The weights of each neuron of the first layer as a small image.

A pixel is blue where its weight is positive, vermilion where it is negative, white where it is close to zero, and grey
where the connection has been removed.  For a convolution, the images are its kernels.
"""

from __future__ import annotations

import math

import numpy as np
from matplotlib.colors import to_rgb

from minnet.draw import palette
from minnet.draw.figure import Drawing, masks_of, on_white_paper, weights
from minnet.messages import sequence, whole

LIMIT = 64


@on_white_paper
def masks(net, image_shape=None, ax=None, *, limit=LIMIT, title=None):
    """Draw the first layer's weights as images, one for each neuron.

    Parameters
    ----------
    net : Layer
    image_shape : tuple of int, optional
        Shape of a sample, for example ``digits.image_shape``.  By default a square if there is one.
    ax : matplotlib.axes.Axes, optional
        By default a new `Picture`.
    limit : int
        Maximum number of neurons to draw, the first ones.
    title : str, optional

    Returns
    -------
    WeightImages
    """
    return WeightImages(net, image_shape, ax, limit=limit, title=title)


class WeightImages(Drawing):
    """Drawn images of neurons.

    Attributes
    ----------
    image : AxesImage
        All tiles in one.
    drawn, neurons : int
        How many neurons are drawn, and how many there are.
    largest : float
        The weight that is drawn in full colour; assign another one, and ``update`` uses it.
    """

    def __init__(self, net, image_shape=None, ax=None, *, limit=LIMIT, title=None):
        super().__init__(ax, size=(5, 5), title=title)
        limit = whole(limit, "limit", least=1)
        self.net = net
        self._param = weights(net)[0]
        self._shape = _tile(self._param, image_shape)
        tiles = self._tiles(self._param.data)
        self.neurons, self.drawn = self._param.size // math.prod(self._shape), len(tiles[:limit])
        rows, columns = self._shape
        self._across = self._best_width()
        down = -(-self.drawn // self._across)
        # Four bytes per pixel, the last one for "opaque": matplotlib scales that up several times as fast as RGB.
        self._sheet = np.full((down * (rows + 1) - 1, self._across * (columns + 1) - 1, 4), 255, np.uint8)
        self.largest = float(np.abs(tiles[:limit]).max(initial=0)) or 1.0
        self.image = self.ax.imshow(self._sheet, interpolation="nearest")
        self.artists = [self.image]
        self.ax.set_axis_off()
        if self.drawn < self.neurons:
            title = f"{title or ''} ({self.drawn} of {self.neurons} drawn)".strip()
        if title:
            self.ax.set_title(title, fontsize=palette.TITLE, color=palette.INK, loc="left")
        self.update()

    def update(self, source=None):
        mask = masks_of(self.net if source is None else source, self.net).get(self._param.path)
        if source is not None and not isinstance(source, dict):
            first = weights(source)[0]
            if first.shape != self._param.shape:
                raise ValueError(f"the first layer drawn has shape {self._param.shape}, and that of the other network "
                                 f"{first.shape}; draw that by itself")
            self._param = first
        colours = palette.shades(self._tiles(self._param.data)[: self.drawn] / self.largest)
        if mask is not None:
            colours[~self._tiles(mask)[: self.drawn]] = to_rgb(palette.REMOVED)
        rows, columns = self._shape
        for index, tile in enumerate(np.rint(255 * colours)):
            top, left = (index // self._across) * (rows + 1), (index % self._across) * (columns + 1)
            self._sheet[top : top + rows, left : left + columns, :3] = tile
        self.image.set_data(self._sheet)

    def _best_width(self):
        """The number of tiles per row that makes them as large as the Axes allows."""
        rows, columns = (n + 1 for n in self._shape)
        box = self.ax.get_position()
        wide, high = self.ax.figure.get_size_inches() * (box.width, box.height)

        def scale(across):
            return min(wide / (across * columns), high / (-(-self.drawn // across) * rows))

        return max(range(1, self.drawn + 1), key=scale)

    def _tiles(self, array):
        """The numbers of each neuron, or of each kernel, as (tiles, rows, columns)."""
        return np.ascontiguousarray(self._param.matrix(array).T).reshape(-1, *self._shape)


def _tile(param, image_shape):
    """Rows and columns of one image."""
    sizes = dict(zip(param.axes, param.shape, strict=True))
    if "row" in sizes:
        return sizes["row"], sizes["col"]
    return tile_shape(param.matrix(param.data).shape[0], image_shape)


def tile_shape(inputs, image_shape=None):
    """Rows and columns of a picture of so many inputs, for samples of this shape; by default a square if there is one.

    Channels stand below each other.
    """
    if image_shape is None:
        side = math.isqrt(inputs)
        image_shape = (side, side) if side * side == inputs else (1, inputs)
    image_shape = sequence(image_shape, "image_shape", whole, "(8, 8)")
    if math.prod(image_shape) != inputs:
        raise ValueError(f"the first layer looks at {inputs} values, which do not fill images of shape {image_shape}; "
                         "pass the shape of your samples, for example digits.image_shape")
    return (1, *image_shape)[-2:] if len(image_shape) < 3 else (math.prod(image_shape[:-1]), image_shape[-1])
