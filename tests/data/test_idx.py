"""The IDX format: what it reads, and what it refuses."""

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minnet.data import idx


def written(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@given(st.lists(st.integers(0, 5), max_size=4))
def test_reads_what_was_written(shape):
    array = np.arange(math.prod(shape), dtype=np.uint8).reshape(shape)
    read = idx.parse(written(array))
    assert read.shape == array.shape and read.dtype == np.uint8
    np.testing.assert_array_equal(read, array)


@given(st.binary(max_size=40))
def test_anything_else_is_refused_by_name(content):
    try:
        array = idx.parse(content)
    except ValueError as problem:
        assert "IDX" in str(problem)
    else:
        assert written(array) == content


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b + b"\0", lambda b: b[:6],
                                    lambda b: b[:2] + b"\x0d" + b[3:], lambda b: b[:4] + b"\xff" * 8 + b[12:]])
def test_cut_joined_and_mislabelled_files_are_refused(change):
    content = written(np.zeros((3, 2), np.uint8))
    with pytest.raises(ValueError, match="IDX"):
        idx.parse(change(content))
