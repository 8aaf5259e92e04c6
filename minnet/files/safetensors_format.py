"""The safetensors format: named arrays in one file, and nothing in it that could run.

Eight bytes say how long the header is; the header is JSON and says of each array its number type, its shape
and where its bytes stand; the bytes follow, little end first, in C order, without gaps.  A file from
elsewhere is not trusted: everything it claims is checked against its real size before memory is asked for.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from minnet.files import atomic_write

TYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "U8": "|u1"}
NAMES = {np.dtype(code): name for name, code in TYPES.items()}
LONGEST_HEADER = 1 << 20  # bytes; some thousand layers, and far below what could fill the memory


class FormatError(ValueError):
    """A file that is not what it should be: cut, changed, or of another kind."""


def write(path, arrays, metadata):
    """Write a safetensors file, all of it or nothing.

    Parameters
    ----------
    path : str or path
    arrays : dict of str to ndarray
        float16, float32, float64 or uint8.
    metadata : dict of str to str

    Raises
    ------
    TypeError
        For another number type.
    ValueError
        If the header gets longer than one MiB.
    OSError
        If the file can't be written; then nothing has changed.
    """
    for name, array in arrays.items():
        if array.dtype.newbyteorder("<") not in NAMES:
            raise TypeError(f"{name} holds {array.dtype}, which the file format does not know; "
                            "write net.astype('float32') first")
    header, pieces, end = {"__metadata__": metadata}, [], 0
    # The widest types first: then every array starts at a multiple of its own item size.
    for name, array in sorted(arrays.items(), key=lambda item: -item[1].itemsize):
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
        start, end = end, end + array.nbytes
        header[name] = {"dtype": NAMES[array.dtype], "shape": array.shape, "data_offsets": [start, end]}
        pieces.append(array.tobytes())
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    if len(head) > LONGEST_HEADER:
        raise ValueError(f"the description of this network takes {len(head)} bytes, and at most {LONGEST_HEADER} fit")
    atomic_write.put(path, len(head).to_bytes(8, "little"), head, *pieces)


def read(path):
    """Read a safetensors file.

    Returns
    -------
    arrays : dict of str to ndarray, read-only
    metadata : dict of str to str

    Raises
    ------
    FormatError
        If anything in the file contradicts the format or the rest of the file.
    OSError
        If there is no such file.
    """
    with Path(path).open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(0)
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or not 2 <= length <= min(size - 8, LONGEST_HEADER):
            raise FormatError(f"{path} is not a safetensors file, or was cut: its {size} bytes can't hold "
                              f"a header of {length} bytes")
        head, body = stream.read(length), stream.read()
    try:
        header = parse(head)
        metadata = _metadata(header.pop("__metadata__", {}))
        return _arrays(header, body), metadata
    except FormatError as problem:
        raise FormatError(f"{path}: {problem}") from problem


def parse(text):
    """JSON as it should be: an object, no name twice, no NaN, not nested without end."""
    try:
        tree = json.loads(bytes.decode(text) if isinstance(text, bytes) else text, object_pairs_hook=_once,
                          parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError) as problem:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise FormatError(f"the header is not proper JSON: {problem}") from problem
    if not isinstance(tree, dict):
        raise FormatError("the header is not a JSON object")
    return tree


def _once(pairs):
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise FormatError("the same name stands twice in the header")
    return tree


def _no_number(word):
    raise FormatError(f"{word} is not a number that may stand in the header")


def _finite(word):
    number = float(word)
    return number if math.isfinite(number) else _no_number(word)


def _metadata(metadata):
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise FormatError("its metadata are not pairs of texts")
    return metadata


def _arrays(header, body):
    arrays, spans = {}, []
    for name, entry in header.items():
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise FormatError(f"{name!r} needs dtype, shape and data_offsets")
        kind, shape, span = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(kind, str) or kind not in TYPES:
            raise FormatError(f"{name!r} holds {kind!r}; known are {', '.join(TYPES)}")
        if not _counts(shape) or len(shape) > 32 or not _counts(span) or len(span) != 2:
            raise FormatError(f"{name!r} has a shape or data_offsets that are not whole numbers from 0 up")
        dtype, (start, end) = np.dtype(TYPES[kind]), span
        if not start <= end <= len(body) or end - start != math.prod(shape) * dtype.itemsize:
            raise FormatError(f"{name!r} of shape {shape} can't be bytes {start} to {end} of {len(body)}")
        try:
            arrays[name] = np.ndarray(shape, dtype, body, start)
        except ValueError as problem:  # no numbers, but an axis longer than arrays can have
            raise FormatError(f"{name!r} has the impossible shape {shape}") from problem
        spans.append((start, end))
    last = 0
    for start, end in sorted(spans):
        if start != last:
            raise FormatError(f"bytes {min(last, start)} to {max(last, start)} belong to no array or to two")
        last = end
    if last != len(body):
        raise FormatError(f"{len(body) - last} bytes at the end belong to no array")
    return arrays


def _counts(numbers):
    return isinstance(numbers, list) and all(type(n) is int and 0 <= n < 1 << 62 for n in numbers)
