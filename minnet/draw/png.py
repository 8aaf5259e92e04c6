"""A PNG file, written quickly: for pictures that live for a moment under a learner's hand.

Every pixel is noted as its difference from the one on its left, so that plain areas become rows of zeros, and runs of
equal bytes are packed.  That takes a third of the time of the usual search for the smallest file.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from PIL import Image

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LEFT = 1  # the filter "difference from the pixel on the left"


def encode(canvas):
    """What an Agg canvas shows, as the bytes of a PNG file."""
    pixels = np.asarray(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))
    height, width, _ = pixels.shape
    rows = pixels.reshape(height, 3 * width)
    filtered = np.empty((height, 1 + 3 * width), np.uint8)
    filtered[:, 0] = _LEFT
    filtered[:, 1:4] = rows[:, :3]
    np.subtract(rows[:, 3:], rows[:, :-3], out=filtered[:, 4:])
    packer = zlib.compressobj(level=1, memLevel=9, strategy=zlib.Z_RLE)
    packed = packer.compress(filtered) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits for each of three colours
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
