"""Files that are too big to ship: looked for on this computer first, then fetched from one of several mirrors.

A file counts only if the SHA-256 of its decompressed bytes is the expected one, wherever it came from.  A
download is checked in memory and put into its place in one go, so nothing half-written is ever left behind.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

from minnet.files import atomic_write

TIMEOUT = 20  # seconds without a single byte after which a mirror is given up


@dataclass(frozen=True)
class Checked:
    """A compressed file that is known by what is inside: name, SHA-256 and size of the decompressed bytes."""

    name: str  # with .gz
    sha256: str
    size: int

    def open(self, stream):
        """The decompressed bytes of a gzipped or plain stream.

        Raises
        ------
        ValueError
            If it is cut, damaged, or simply another file.
        """
        packed = stream.read(2) == b"\x1f\x8b"
        stream.seek(0)
        try:
            # One byte more than expected is enough to see that it's too long: a small file can't fill the memory.
            content = (gzip.GzipFile(fileobj=stream) if packed else stream).read(self.size + 1)
        except (EOFError, OSError, zlib.error) as problem:
            raise ValueError(f"damaged or cut short ({problem})") from problem
        if len(content) != self.size or hashlib.sha256(content).hexdigest() != self.sha256:
            raise ValueError(f"not the expected file (its {self.size} bytes have SHA-256 {self.sha256[:12]}…)")
        return content


def find(file, folder):
    """The bytes of a checked file in a folder, gzipped or not; None if it isn't there.

    Raises
    ------
    ValueError
        If it is there, but isn't what it should be.
    """
    for path in (Path(folder) / file.name, Path(folder) / file.name.removesuffix(".gz")):
        if path.is_file():
            with path.open("rb") as stream:
                try:
                    return file.open(stream)
                except ValueError as problem:
                    raise ValueError(f"{path} is {problem}; delete it, and put the right one there") from problem
    return None


def fetch(file, mirrors, folder, timeout=TIMEOUT):
    """Download a checked file from the first mirror that has it, and keep it in a folder.

    Parameters
    ----------
    file : Checked
    mirrors : sequence of str
        Addresses to which the file's name is appended.
    folder : path
        Made if need be.
    timeout : float
        Seconds without an answer before the next mirror is asked.

    Returns
    -------
    bytes

    Raises
    ------
    OSError
        If no mirror has it; says what happened at each.
    """
    import pooch

    failures = []
    for mirror in mirrors:
        url = f"{mirror.rstrip('/')}/{file.name}"
        arrived = _Arriving(file.size + 1_000_000)
        try:
            pooch.HTTPDownloader(timeout=timeout)(url, arrived, None)
            arrived.seek(0)
            content = file.open(arrived)
        except (OSError, ValueError) as problem:  # what requests raises is an OSError
            failures.append(f"  {url}: {problem}")
            continue
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            atomic_write.put(Path(folder) / file.name, arrived.getvalue())
        except OSError as problem:
            warnings.warn(f"{file.name} can't be kept for the next time ({problem})", stacklevel=2)
        return content
    raise OSError(f"no mirror gave {file.name}:\n" + "\n".join(failures))


class _Arriving(io.BytesIO):
    """Takes what a mirror sends, up to a limit: a mirror that never stops is cut off."""

    def __init__(self, limit):
        super().__init__()
        self.limit = limit

    def write(self, more):
        if self.tell() + len(more) > self.limit:
            raise ValueError(f"sent more than {self.limit:,} bytes")
        return super().write(more)
