"""Attention maps: for one sample, the attention weights of every head.

A row is a query token, a column a key token; the darker a square, the larger the attention weight, and each row sums
to 1.  Each layer is a row of maps; a removed head is grey.
"""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from minnet.draw import palette
from minnet.draw.figure import DPI, Drawing, on_white_paper
from minnet.messages import sequence, short, text, whole
from minnet.nn.attention import patterns, removed_heads

LINE = 15.5  # pixels that a line of small print takes
GAP = 14  # pixels between two heads
LEFT = 60  # pixels for the names of the query tokens
OVER, UNDER = 2.4 * LINE, 2.6 * LINE  # pixels for the names above a row of maps, and for the token names below


@on_white_paper
def attention(net, x, ax=None, *, words=None, mark=None, title=None):
    """Draw one map for each head of a network, for one sample.

    Parameters
    ----------
    net : Layer
        With `Attention` somewhere inside.
    x : ndarray
        One sample.
    ax : matplotlib.axes.Axes, optional
        By default a new `Picture`.
    words : sequence of str, optional
        A name for each token; by default its number, from 1.
    mark : (int, int), optional
        Query and key token: a square to be framed in every map.
    title : str, optional

    Returns
    -------
    AttentionMaps
    """
    return AttentionMaps(net, x, ax, words=words, mark=mark, title=title)


def _texts(row, name):
    return sequence(row, name, text, '["a", "b"]')


class AttentionMaps(Drawing):
    """Drawn maps.

    Attributes
    ----------
    maps : list of ndarray, (heads, tokens, tokens)
        Attention weights of each attention layer; the row is the query, the column the key.
    removed : list of ndarray of bool, (heads,)
    """

    def __init__(self, net, x, ax=None, *, words=None, mark=None, title=None):
        super().__init__(ax, size=(9, 5), title=title)
        self.net, self._x = net, x
        self.maps, self.removed = patterns(net, x), removed_heads(net)
        self._tokens = self.maps[0].shape[1]
        self._look_at(words, mark, None)
        self.ax.set_axis_off()
        self._unit = self._scale()
        self._tiles = [[self._tile(row, column) for column in range(len(heads))]
                       for row, heads in enumerate(self.maps)]
        self._words = self._margins()
        self.artists = [artist for row in self._tiles for tile in row for artist in tile] + self._words
        if title:
            self.ax.set_title(title, fontsize=palette.TITLE, color=palette.INK, loc="left")
        self._about = None, None, None
        self.update(words=words, mark=mark)

    def update(self, source=None, x=None, *, words=None, mark=None, notes=None):
        """Show the present maps.

        Parameters
        ----------
        source : Layer, optional
            A network with as many heads; by default the one that was drawn.
        x : ndarray, optional
            Another sample.
        words, mark
            As in `attention`; by default as before.
        notes : list of list of str, optional
            A line over each map; by default as before.
        """
        self._look_at(words, mark, notes)
        net, x = self.net if source is None else source, self._x if x is None else x
        maps = patterns(net, x)
        if [each.shape for each in maps] != [each.shape for each in self.maps]:
            raise ValueError("this network has other heads or tokens than the one that was drawn; draw it by itself")
        self.net, self._x, self.maps, self.removed = net, x, maps, removed_heads(net)
        self._about = tuple(new if new is not None else old
                            for new, old in zip((words, mark, notes), self._about, strict=True))
        self.show(self.maps, self.removed, *self._about)

    def _look_at(self, words, mark, notes):
        words = tuple(words) if isinstance(words, str) else words
        if words is not None and len(sequence(words, "words", text, '("a", "b")')) != self._tokens:
            raise ValueError(f"words are one for each of {self._tokens} tokens, got {len(words)}")
        if mark is not None and (len(sequence(mark, "mark", whole, "(0, 2)")) != 2 or max(mark) >= self._tokens):
            raise ValueError(f"mark is a pair (query, key) of the tokens 0 to {self._tokens - 1}, got {short(mark)}")
        if notes is not None and [len(row) for row in sequence(notes, "notes", _texts, '[["a", "b"]]')] != [
                len(heads) for heads in self.maps]:
            raise ValueError("notes are a list for each layer, with a text for each head")

    def show(self, maps, removed, words=None, mark=None, notes=None):
        """Put maps into the picture that were computed elsewhere."""
        for row, heads in enumerate(self._tiles):
            for column, (image, name, frame, word, _) in enumerate(heads):
                colours = palette.shades(maps[row][column])
                grey = removed[row][column]
                image.set_data(np.broadcast_to(to_rgb(palette.REMOVED), colours.shape) if grey else colours)
                word.set_visible(grey)
                note = f"\n{notes[row][column]}" if notes else ""
                _set_text(name, f"layer {row + 1}, head {column + 1}{note}")
                frame.set_visible(mark is not None and not grey)
                if mark is not None:
                    frame.set_xy(self._corner(row, column, *mark))
        words = words or [str(number + 1) for number in range(self._tokens)]
        fits = max(int((self._unit - 4) / 8.5), 2)  # letters next to each other; at the left there is always room
        for number, label in enumerate(self._words):
            word, below = words[number % self._tokens], number >= len(self.maps) * self._tokens
            _set_text(label, word[:fits].rstrip("→") if below and len(word) > fits else word)

    # ---- positions: in pixels, from the top left ----------------------------------------------------

    def _scale(self):
        """Set the Axes to pixels (of the size for a desk); returns the width of a square in pixels."""
        figure = self.ax.figure
        if self._own is not None:
            figure.canvas.draw()  # settles the layout
        wide, high = figure.get_size_inches() * DPI * self.ax.get_position().size
        self.ax.set(xlim=(0, wide), ylim=(high, 0))
        rows, columns = len(self.maps), max(map(len, self.maps))
        across = (wide - LEFT - (columns - 1) * GAP) / (columns * self._tokens)
        down = (high - rows * OVER - UNDER) / (rows * self._tokens)
        return min(across, down)

    def _corner(self, row, column, query=0, key=0):
        """The upper left corner of a square."""
        side = self._tokens * self._unit
        return (LEFT + column * (side + GAP) + key * self._unit,
                (row + 1) * OVER + row * side + query * self._unit)

    def _tile(self, row, column):
        """One head: its map, its name, the frame around a marked square, the word "removed", and its edge."""
        left, top = self._corner(row, column)
        side = self._tokens * self._unit
        image = self.ax.imshow(np.ones((self._tokens, self._tokens, 3)), interpolation="nearest", aspect="auto",
                               extent=(left, left + side, top + side, top))
        edge = self.ax.add_patch(Rectangle((left, top), side, side, fill=False, edgecolor=palette.FAINT, linewidth=0.8))
        name = self.ax.text(left, top - 3, "", fontsize=palette.SMALL, color=palette.INK, linespacing=1.15)
        frame = self.ax.add_patch(Rectangle((left, top), self._unit, self._unit, fill=False, edgecolor=palette.NEGATIVE,
                                            linewidth=2))
        word = self.ax.text(left + side / 2, top + side / 2, "removed", fontsize=palette.TEXT, color=palette.INK,
                            ha="center", va="center")
        return image, name, frame, word, edge

    def _margins(self):
        """The token names at the left of each row of maps and under the lowest; returns those that can change."""
        middle, found = (np.arange(self._tokens) + 0.5) * self._unit, []
        for row in range(len(self.maps)):
            left, top = self._corner(row, 0)
            self.ax.text(left - 6, top - 3, "asks:", fontsize=palette.SMALL, color=palette.FAINT, ha="right")
            found += [self.ax.text(left - 6, top + y, "", fontsize=palette.SMALL, color=palette.INK, ha="right",
                                   va="center")
                      for y in middle]
        last = len(self.maps) - 1
        for column in range(len(self.maps[last])):
            left, top = self._corner(last, column, query=self._tokens)
            found += [self.ax.text(left + x, top + 4, "", fontsize=palette.SMALL, color=palette.INK, ha="center",
                                   va="top")
                      for x in middle]
        self.ax.text(LEFT - 6, top + 4, "is asked:", fontsize=palette.SMALL, color=palette.FAINT, ha="right", va="top")
        self.ax.text(LEFT, top + 4 + 1.25 * LINE, "A row adds up to 1: white is 0, full blue is 1.",
                     fontsize=palette.SMALL, color=palette.FAINT, va="top")
        return found


def _set_text(artist, text):
    if artist.get_text() != text:
        artist.set_text(text)
