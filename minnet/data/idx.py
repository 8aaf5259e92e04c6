"""The IDX format, in which MNIST comes: a few bytes that say the shape, then the numbers.

Two zero bytes, one byte for the number type, one for the number of axes, four bytes (most significant first)
for the length of each axis, and the numbers in C order.  MNIST's are all unsigned bytes.
"""

from __future__ import annotations

import math

import numpy as np

UNSIGNED_BYTE = 0x08


def parse(content):
    """Turn the bytes of an IDX file into an array.

    Parameters
    ----------
    content : bytes

    Returns
    -------
    ndarray of uint8, read-only

    Raises
    ------
    ValueError
        If the bytes are not IDX, hold another number type, or are too few or too many for their shape.
    """
    if len(content) < 4 or content[:3] != bytes([0, 0, UNSIGNED_BYTE]):
        raise ValueError(f"an IDX file of bytes starts with 00 00 08, this one with "
                         f"{content[:3].hex(' ') or 'nothing'}; is it still compressed?")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise ValueError(f"an IDX file with {content[3]} axes has a head of {start} bytes, "
                         f"this one ends after {len(content)}")
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", content[3], offset=4))
    if len(content) - start != math.prod(shape):
        raise ValueError(f"an IDX file of shape {shape} holds {math.prod(shape)} numbers, "
                         f"this one {len(content) - start}; it was cut or joined")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
