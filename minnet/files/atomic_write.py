"""Atomic writes: a reader sees either the complete new file or the old one.

The bytes are written to a temporary file in the same folder, which is then renamed.  A full disk, a crash or an
interrupt leaves the old file unchanged.
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from minnet.messages import file


def put(path, *pieces):
    """Write pieces of bytes, one after another, as the whole content of a file.

    Parameters
    ----------
    path : str or path
        In a folder that exists.  A link is followed.  What exists there must be a regular file; its permissions stay.
    *pieces : bytes-like

    Raises
    ------
    OSError
        If it can't be written; nothing has changed then.
    """
    path = Path(os.path.realpath(file(path)))
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to put {path.name} into; make it first")
    if path.is_symlink():
        raise OSError(f"{path} is a link that leads back to itself; write to another name")
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is no regular file and stays as it is; write to another name")
    temporary = path.with_name(f".minnet-{secrets.token_hex(8)}")  # whatever fits as a name fits this one, too
    try:
        with temporary.open("xb") as stream:
            for piece in pieces:
                stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())  # the content is on disk before the rename
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
