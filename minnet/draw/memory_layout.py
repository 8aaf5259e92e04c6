"""How a sparse format lies in memory: a small matrix on the left, and on the right every byte that is stored.

Each array of the format is a strip, drawn to scale: a cell that is four times as wide takes four times as many bytes.
The colour of a cell is that of the matrix row to which it belongs. So you see the order in which a matrix is stored,
and what the indices cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.patches import Rectangle

from minnet.draw import palette
from minnet.draw.figure import Drawing, on_white_paper
from minnet.formats import COO, CSR, NM, Bitmap, Blocks, Format
from minnet.messages import numbers

ROWS = ("#A6D5F2", "#F7C99B", "#A3DCC8", "#F3E79B", "#E7BFD6", "#C9C9C9")  # light, and easy to tell apart
CELL = 2  # width of a cell of the matrix, in bytes of a strip
NAME = 9  # of the name of a strip
LINE = 48  # bytes in a line
SIZE = 11  # of the number of bytes behind a strip


@on_white_paper
def layout(stored, ax=None, *, title=None):
    """Draw a matrix and how it is stored in memory.

    Parameters
    ----------
    stored : Format or ndarray, (rows, columns)
        The result of a ``from_dense`` of `minnet.formats`, or an array, of which every number is stored.
    ax : matplotlib.axes.Axes, optional
        By default a new `Picture`.
    title : str, optional
        By default the name of the format and its bytes.

    Returns
    -------
    MemoryLayout
    """
    return MemoryLayout(stored, ax, title=title)


@dataclass(frozen=True)
class Cell:
    """The cell that one number in memory is drawn as.

    Attributes
    ----------
    text : str
    width : float
        In bytes; 1/8 is a bit.
    row : int or None
        The matrix row to which it belongs.
    """

    text: str
    width: float
    row: int | None = None


class MemoryLayout(Drawing):
    """A drawn matrix with its strips.

    Attributes
    ----------
    strips : dict of {name: list of Cell}
        What is drawn on the right.
    """

    def __init__(self, stored, ax=None, *, title=None):
        super().__init__(ax, size=(10, 1.7), title=title)
        self._title = title
        self.update(stored)

    def update(self, source):
        """Draw another matrix in the same Axes."""
        source = source if isinstance(source, Format) else np.atleast_2d(numbers(source, "stored"))
        dense = source.to_dense() if isinstance(source, Format) else source
        if dense.ndim != 2:
            raise ValueError(f"a matrix has 2 axes, got shape {dense.shape}; write weight.reshape(len(weight), -1)")
        self.strips, name = strips(source), _name(source)
        self.ax.clear()
        self.ax.set_axis_off()
        for (row, column), number in np.ndenumerate(dense):
            self._cell(CELL * column, row, Cell(_text(number) if number else "", CELL, row if number else None))
        left = CELL * dense.shape[1] + 2
        bottom = self._strips(left)
        self.ax.set(xlim=(-0.3, left + NAME + LINE + SIZE), ylim=(max(bottom, len(dense)) + 0.1, -0.1))
        self.ax.set_title(self._title or f"{name}: {source.nbytes:,} bytes", fontsize=palette.TITLE, color=palette.INK,
                          loc="left")
        self.artists = [*self.ax.patches, *self.ax.texts]

    def _strips(self, left):
        """All strips below each other; returns where they end."""
        top = 0.0
        for name, cells in self.strips.items():
            self.ax.text(left, top + 0.5, name, fontsize=palette.TEXT, color=palette.INK, va="center")
            at = 0.0
            for cell in cells:
                if at + cell.width > LINE:
                    top, at = top + 1, 0.0
                self._cell(left + NAME + at, top, cell)
                at += cell.width
            size = sum(cell.width for cell in cells)
            bits = f" = {8 * size:g} bits" if cells and cells[0].width < 1 else ""
            self.ax.text(left + NAME + at + 0.6, top + 0.5, f"{size:g} bytes{bits}", fontsize=palette.TEXT,
                         color=palette.FAINT, va="center")
            top += 1.3
        return top

    def _cell(self, x, y, cell):
        colour = "white" if cell.row is None else ROWS[cell.row % len(ROWS)]
        self.ax.add_patch(Rectangle((x, y), cell.width, 1, facecolor=colour, edgecolor=palette.FAINT,
                                    linewidth=0.6 if cell.width >= 1 else 0.2))
        if cell.text and cell.width >= 1:
            self.ax.text(x + cell.width / 2, y + 0.54, cell.text, fontsize=palette.SMALL, color=palette.INK,
                         ha="center",
                         va="center")


def strips(stored) -> dict[str, list[Cell]]:
    """Everything that is stored, array by array, as cells.

    Parameters
    ----------
    stored : Format or ndarray
    """
    if not isinstance(stored, Format):
        dense = np.atleast_2d(stored)
        return {"numbers": _cells(dense, np.indices(dense.shape)[0])}
    arrays = stored.arrays
    owner = owners(stored)
    found = {}
    for name, array in arrays.items():
        if name == "bits":
            found[name] = _bits(array, np.indices(stored.shape)[0].ravel(), 1)
        elif name == "positions":
            found[name] = _bits(array, owner.ravel(), 8 * array.size // max(stored.values.size, 1))
        elif name == "starts":
            height = stored.block[0] if isinstance(stored, Blocks) else 1  # of the rows that begin there
            found[name] = _cells(array, [*range(0, height * (len(array) - 1), height), None])
        else:
            found[name] = _cells(array, owner if owner.size == array.size else owner[:, 0, 0])
    return found


def owners(stored) -> np.ndarray:
    """The matrix row to which each stored value belongs, in the shape of ``stored.values``."""
    if isinstance(stored, COO):
        return stored.rows
    if isinstance(stored, CSR):
        return np.repeat(np.arange(stored.shape[0]), np.diff(stored.starts.astype(int)))
    if isinstance(stored, Bitmap):
        return np.nonzero(stored.to_dense())[0]
    if isinstance(stored, Blocks):
        above = np.repeat(np.arange(len(stored.starts) - 1), np.diff(stored.starts.astype(int)))
        rows = np.arange(stored.block[0])[:, None]
        return np.broadcast_to(above[:, None, None] * stored.block[0] + rows, stored.values.shape)
    return np.indices(stored.values.shape)[0]


def _cells(array, rows):
    return [Cell(_text(number), array.itemsize, row) for number, row in zip(array.flat, np.ravel(rows), strict=True)]


def _bits(array, rows, width):
    """Cells of `width` bits; padding bits in the last byte belong to no row."""
    bits = np.unpackbits(array)
    ones = bits[: len(rows) * width].reshape(len(rows), width)
    cells = [Cell("", width / 8, int(row) if one.any() or width > 1 else None)
             for one, row in zip(ones, rows, strict=True)]
    return cells + [Cell("", 1 / 8)] * (bits.size - ones.size)


def _name(source):
    if isinstance(source, NM):
        return f"{source.n}:{source.m}"
    if isinstance(source, Blocks):
        return f"Blocks of {source.block[0]} × {source.block[1]}"
    return type(source).__name__ if isinstance(source, Format) else "Dense"


def _text(number):
    return f"{number:.3g}".replace("-", "−")
