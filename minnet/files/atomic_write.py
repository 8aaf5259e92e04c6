"""Put a file into its place in one go: whoever looks sees all of it, or what was there before.

The bytes go into a second file in the same folder, which then takes the other's name.  A full disk, a
crash or an interrupt halfway leaves the old file as it was.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def put(path, *pieces):
    """Write pieces of bytes, one after another, as the whole content of a file.

    Parameters
    ----------
    path : str or path
        In a folder that exists.  A link is followed.
    *pieces : bytes-like

    Raises
    ------
    OSError
        If it can't be written; then nothing has changed.
    """
    path = Path(os.path.realpath(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to put {path.name} into; make it first")
    half = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}")
    try:
        with half.open("xb") as stream:
            for piece in pieces:
                stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())  # the bytes reach the disk before the name does
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)
