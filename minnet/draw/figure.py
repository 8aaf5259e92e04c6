"""A figure that displays itself in a notebook, and drawings in it that can be updated.

`Picture` is a matplotlib Figure without pyplot: no global list keeps it alive, and any thread may draw it.
`Drawing` is what the functions of this package return: a few artists that show a network.
"""

from __future__ import annotations

import io
import threading
from contextlib import contextmanager
from functools import wraps

import numpy as np
from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from PIL import Image

from minnet.draw import lecture_mode
from minnet.messages import number, numbers, sequence, short, text, wholes
from minnet.nn.layer import the_network

DPI = 100  # pixels per inch, at the size for a desk
_styling = threading.RLock()  # styles are global: two threads that put back in another order would lose one


@contextmanager
def white_paper():
    """``with white_paper():`` what is drawn inside is black on white; a style of the learner's, such as a dark one,
    is for the learner's own figures."""
    with _styling, style.context("default"):
        yield


def on_white_paper(draw):
    """Decorator for a function that takes Axes and returns a `Drawing`: it may be called in any style."""
    @wraps(draw)
    def drawn(*arguments, **named):
        with white_paper():
            drawing = draw(*arguments, **named)
        _fit_into(drawing.ax.figure, drawing.ax)
        return drawing
    return drawn


def _fit_into(figure, ax):
    """On a dark figure of the learner's: white Axes, and around them white words."""
    red, green, blue, alpha = to_rgba(figure.get_facecolor())
    if alpha * (1 - (red + green + blue) / 3) < 0.5:
        return
    if not ax.axison:  # then there would be nothing behind it
        ax.set_axis_on()
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    ax.set_facecolor("white")
    ax.tick_params(which="both", colors="white")
    for label in (*(ax.set_title(ax.get_title(side), loc=side) for side in ("left", "center", "right")),
                  ax.xaxis.label, ax.yaxis.label):
        label.set_color("white")


def _inches(side, name):
    return number(side, name, above=0)


class Picture(Figure):
    """A figure with rows × columns of Axes.

    Parameters
    ----------
    rows, columns : int
        ``Picture(1, 2).axes`` are two Axes next to each other; ``Picture(0, 0)`` is empty.
    size : (float, float), optional
        Width and height in inches of 100 pixels; by default 5 × 4 for each Axes.
    room : Room, optional
        Where it will be looked at; by default what `mn.lecture` has said last.
    """

    def __init__(self, rows=1, columns=1, size=None, room=None):
        rows, columns = wholes(rows=rows, columns=columns)
        size = (5 * max(columns, 1), 4 * max(rows, 1)) if size is None else sequence(size, "size", _inches, "(5, 4)")
        room = lecture_mode.room() if room is None else room
        if len(size) != 2 or not isinstance(room, lecture_mode.Room):
            raise ValueError(f"a picture has a size (width, height) in inches and a Room, got {size} and {short(room)}")
        # Everything in a figure grows with the DPI; fewer inches keep the size of the figure.
        with white_paper():
            super().__init__(figsize=[side * room.sheet / room.ink for side in size], dpi=DPI * room.ink,
                             layout="constrained")
        FigureCanvasAgg(self)
        if rows and columns:
            self.subplots(rows, columns)

    def add_subplot(self, *arguments, **named):
        with white_paper():
            return super().add_subplot(*arguments, **named)

    def png(self):
        """The picture as the bytes of a PNG file."""
        self.canvas.draw()
        return png_file(canvas_image(self.canvas))

    @property
    def alt(self):
        """Alternative text for screen readers: the titles and the axis labels."""
        panels = []
        for ax in self.axes:
            title = next(filter(None, (ax.get_title(loc=side) for side in ("left", "center", "right"))), "")
            labels = ("across", ax.get_xlabel()), ("up", ax.get_ylabel())
            axes = ", ".join(f"{name}: {label}" for name, label in labels if label)
            panels.append(" – ".join(filter(None, (title, axes))) or "a picture without words")
        return f"{len(panels)} panel{'s' * (len(panels) != 1)}. " + ". ".join(panels)

    def _repr_png_(self):
        return self.png(), {"alt": self.alt}


class Drawing:
    """Artists in an Axes that show a network.

    Attributes
    ----------
    ax : matplotlib.axes.Axes
    artists : list of Artist
        Those that ``update`` changes; the rest of the Axes stays as it is.
    """

    def __init__(self, ax=None, size=None, title=None):
        text(title, "title")
        self._own = Picture(size=size) if ax is None else None  # else the owner of the Axes shows the figure
        self.ax = self._own.axes[0] if ax is None else ax
        self.artists = []

    def update(self, source=None):
        """Update the artists to the present masks.

        Parameters
        ----------
        source : Layer or dict of {path: mask}, optional
            A network of the same shape, or masks; by default the network that was drawn.
        """
        raise NotImplementedError

    def _repr_png_(self):
        return None if self._own is None else self._own._repr_png_()


def weights(net):
    """The parameters whose numbers are drawn."""
    found = [param for param in the_network(net).params() if param.prunable]
    if not sum(param.size for param in found):
        raise ValueError(f"there are no weights to draw in {net!r}")
    return found


def masks_of(source, net):
    """``{path: mask or None}`` from a network of the shape of ``net``, or from masks."""
    masks = source if isinstance(source, dict) else {param.path: param.mask for param in the_network(source).params()}
    for param in net.params():
        mask = masks.get(param.path)
        if mask is not None and numbers(mask, "a mask").shape != param.shape:
            raise ValueError(f"the mask of {param.path} has shape {param.shape}, got {short(mask)}")
    return masks


def canvas_image(canvas):
    """What an Agg canvas shows, as an image without transparency."""
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def png_file(image, **options):
    """An image as the bytes of a PNG file."""
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()
