"""Pictures of formats against what is really stored: every byte is drawn, once, in the right order and colour."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex

import minnet as mn
from minnet.draw.memory_layout import ROWS, owners, strips
from minnet.formats import COO, CSR, NM, Bitmap, Blocks

FORMATS = {
    "COO": COO.from_dense, "CSR": CSR.from_dense, "Bitmap": Bitmap.from_dense,
    "Blocks of 2 × 3": lambda dense: Blocks.from_dense(dense, (2, 3)), "4:4": lambda dense: NM.from_dense(dense, 4, 4),
}
every = pytest.mark.parametrize("name", FORMATS)


@st.composite
def matrices(draw):
    rows, columns = draw(st.integers(1, 7)), draw(st.integers(1, 11))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dense = rng.integers(1, 10, (rows, columns)) * rng.choice([-1, 1], (rows, columns))
    return (dense * (rng.random((rows, columns)) < draw(st.sampled_from((0, 0.2, 0.7, 1))))).astype(np.float32)


def size(cells):
    return sum(cell.width for cell in cells)


@every
@settings(max_examples=40, deadline=None)
@given(dense=matrices())
def test_every_byte_that_is_stored_has_its_place(name, dense):
    stored = FORMATS[name](dense)
    drawn = strips(stored)
    assert list(drawn) == list(stored.arrays)
    for part, array in stored.arrays.items():
        assert size(drawn[part]) == array.nbytes
    assert [cell.text for cell in drawn["values"]] == [f"{v:g}".replace("-", "−") for v in stored.values.flat]
    assert sum(map(size, drawn.values())) == stored.nbytes


@every
@settings(max_examples=40, deadline=None)
@given(dense=matrices())
def test_the_colour_of_a_value_is_that_of_its_row(name, dense):
    """The values, put back row by row, are those of the matrix."""
    stored = FORMATS[name](dense)
    rows = owners(stored)
    assert rows.shape == stored.values.shape
    for row, numbers in enumerate(dense):
        here = stored.values[rows == row]
        assert sorted(here[here != 0]) == sorted(numbers[numbers != 0])


def test_a_bitmap_has_a_coloured_bit_for_each_number():
    dense = np.eye(3, 5, dtype=np.float32)
    bits = strips(Bitmap.from_dense(dense))["bits"]
    assert [cell.row for cell in bits] == [0, *[None] * 5, 1, *[None] * 5, 2, *[None] * 3]  # 15 bits, 1 is left over
    assert {cell.width for cell in bits} == {1 / 8}


def test_starts_have_the_colours_of_the_rows_that_begin_there():
    dense = np.eye(4, dtype=np.float32)
    assert [cell.row for cell in strips(CSR.from_dense(dense))["starts"]] == [0, 1, 2, 3, None]
    assert [cell.row for cell in strips(Blocks.from_dense(dense, (2, 2)))["starts"]] == [0, 2, None]


@every
def test_what_is_drawn(name):
    dense = np.zeros((3, 6), np.float32)
    dense[0, 1], dense[2, 4] = 5, -7
    stored = FORMATS[name](dense)
    drawing = mn.draw.layout(stored)
    assert drawing.ax.get_title(loc="left") == f"{name}: {stored.nbytes} bytes"
    patches = drawing.ax.patches
    assert len(patches) == dense.size + sum(map(len, drawing.strips.values()))
    colours = [to_hex(patch.get_facecolor()).upper() for patch in patches[:dense.size]]
    assert colours.count("#FFFFFF") == 16 and colours[1] == ROWS[0] and colours[16] == ROWS[2]
    said = [text.get_text() for text in drawing.ax.texts]
    for part, array in stored.arrays.items():
        assert part in said
        assert any(each.startswith(f"{array.nbytes} bytes") for each in said)
    left, right = drawing.ax.get_xlim()
    for patch in patches:
        assert left <= patch.get_x() and patch.get_x() + patch.get_width() <= right
    assert drawing._repr_png_()[0].startswith(b"\x89PNG")


def test_a_plain_matrix_is_stored_whole_and_can_be_followed_by_another():
    ax = mn.draw.Picture().axes[0]
    drawing = mn.draw.layout(np.eye(2, 3, dtype=np.float32), ax, title="identity")
    assert drawing._repr_png_() is None and ax.get_title(loc="left") == "identity"
    assert [cell.text for cell in drawing.strips["numbers"]] == ["1", "0", "0", "0", "1", "0"]
    drawing.update(CSR.from_dense(np.ones((1, 2))))
    assert size(drawing.strips["values"]) == 16 and len(ax.patches) == 2 + 2 + 2 + 2
