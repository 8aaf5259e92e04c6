"""A PNG file, written quickly: for pictures that live for a moment under a learner's hand.

Pixels are packed as they are, by the quickest search for what has been there before: lines and letters on white pack
as well as after any of the format's filters, and sooner; fewer bytes also reach the browser sooner.  The lower half
is packed by a second thread.
"""

from __future__ import annotations

import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def encode(canvas):
    """What an Agg canvas shows, as the bytes of a PNG file."""
    pixels = np.asarray(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each begins with a 0: no filter
    rows[:, 1:] = pixels.reshape(height, 3 * width)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits for each of three colours
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", _zlib(rows)) + _chunk(b"IEND", b"")


def _zlib(rows):
    """What `zlib.compress` makes of them, in two pieces that are made at the same time."""
    half = len(rows) // 2
    with ThreadPoolExecutor(1) as other:
        lower = other.submit(_deflate, rows[half:], zlib.Z_FINISH)
        upper = _deflate(rows[:half], zlib.Z_SYNC_FLUSH)  # to the byte, so that the other piece can follow
    return b"\x78\x01" + upper + lower.result() + struct.pack(">I", zlib.adler32(rows))


def _deflate(rows, end):
    packer = zlib.compressobj(level=1, wbits=-zlib.MAX_WBITS, memLevel=9)
    return packer.compress(rows) + packer.flush(end)


def _chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
