"""Save a network and load it again: one safetensors file with the architecture in its header.

The header names each layer and its constructor's arguments, so loading runs constructors of known layers and
nothing else (no pickle).  Pruned weights are not written: of a pruned parameter the file holds a mask, one bit for
each position, and the kept numbers.
"""

from __future__ import annotations

import inspect
import json
import math

import numpy as np

from minnet.files import atomic_write
from minnet.messages import closest, file
from minnet.nn.layer import Layer

__all__ = ["FormatError", "load", "save"]

VERSION = "1"
DEEPEST = 64  # layers within layers
MOST_VISITS = 20_000  # visits of inner layers by constructors; a shared layer counts each time
LONGEST_HEADER = 1 << 20  # bytes; some thousand layers, and far below what could fill the memory
FLOATS = {"float16", "float32", "float64"}


class FormatError(ValueError):
    """A file that is not what it should be: cut, changed, or of another kind."""


def save(net, path):
    """Write a network to a file, completely or not at all.

    Parameters
    ----------
    net : Layer
    path : str or path
        Usually ends in ``.safetensors``.  An existing file is replaced.

    Raises
    ------
    TypeError, ValueError
        If the network holds something that a file can't represent; no file is written then.
    OSError
        If the file can't be written; an existing file is then unchanged.

    Notes
    -----
    Loading also cuts (`minnet.cut`): the masks are the same as before, but the masked weights were not written, so
    `restore` refuses.  Gradients are not saved.
    """
    if not isinstance(net, Layer):
        raise TypeError(f"save takes a network first and then a path, got {type(net).__name__}; write save(net, path)")
    path, description = file(path), _describe(net)
    params = net.params()
    try:
        rebuilt = _build(_parse(description), limit=sum(p.size for p in params)).params()
    except FormatError as problem:
        rebuilt, found = None, problem
    else:
        found = "it has other parameters then"
    if rebuilt is None or [(p.path, p.shape) for p in rebuilt] != [(p.path, p.shape) for p in params]:
        raise ValueError("this network can't be built again from its constructors' arguments; a layer must keep each "
                         f"argument as an attribute of the same name, and own its parameters alone ({found})")
    types = {p.dtype.name for p in params}
    if len(types) > 1 or not types <= FLOATS:
        raise TypeError(f"all parameters of a network in a file have one number type, one of {sorted(FLOATS)}, got "
                        f"{sorted(types)}; write net.astype('float32') first")
    arrays = {}
    for param in params:
        if param.mask is None:
            arrays[param.path] = param.data
        else:
            arrays[f"{param.path}/kept"] = param.data[param.mask]
            arrays[f"{param.path}/mask"] = np.packbits(param.mask)
    atomic_write.put(path, _encode(arrays, {"minnet": VERSION, "architecture": description}))


def load(path):
    """Read a network that `save` has written.

    The file need not be trusted: it can't run code, and can't allocate more than about ten times its size in memory.

    Returns
    -------
    Layer
        With the same layers, numbers, number type and masks, and so the same predictions.  Pruned entries of
        ``data`` are 0.

    Raises
    ------
    FormatError
        A ValueError: the file was truncated or changed, is of another kind, or has a layer that is not known.  A
        layer of your own must be defined before you load it.
    OSError
        If there is no such file.
    """
    content = file(path).read_bytes()
    try:
        arrays, metadata = _decode(content)
        if metadata.get("minnet") != VERSION:
            raise FormatError("it holds no network of minnet, or one of a newer version; known is version " + VERSION)
        bits = 8 * sum(array.nbytes for array in arrays.values())  # a parameter costs at least one bit an entry
        net = _build(_parse(metadata.get("architecture", "")), limit=bits)
        _fill(net.params(), dict(arrays))
    except (FormatError, RecursionError) as problem:
        raise FormatError(f"{path}: {problem}") from problem
    return net


# ---- the safetensors format -----------------------------------------------------------------------------


def _encode(arrays, metadata):
    """Arrays and texts as the bytes of a safetensors file, the same bytes for the same network."""
    from safetensors.numpy import save  # only needed once a network is saved

    content = save({name: np.asarray(array, order="C") for name, array in arrays.items()}, metadata)
    if (length := _header_length(content)) > LONGEST_HEADER:
        raise ValueError(f"the description of this network takes {length} bytes, and at most {LONGEST_HEADER} fit")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = metadata  # whose entries the library writes in random order
    ordered = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return content[:8] + ordered.ljust(length) + content[8 + length :]


def _decode(content):
    """The arrays of a safetensors file, {name: ndarray}, and its metadata, {name: text}.

    The library checks shapes, number types and bytes against each other, and that each byte belongs to one array.
    What it ignores is refused here: a name that comes twice, other fields, a header too long, other number types.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    length = _header_length(content)
    if not 2 <= length <= min(len(content) - 8, LONGEST_HEADER):
        raise FormatError(f"it is not a safetensors file, or was cut: its {len(content)} bytes can't hold a header of "
                          f"{length} bytes; download or copy it again")
    header = _parse(content[8 : 8 + length])
    metadata = header.pop("__metadata__", None) or {}
    for name, entry in header.items():
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise FormatError(f"{name[:60]!r} needs dtype, shape and data_offsets, and no more")
        if entry["dtype"] not in ("F16", "F32", "F64", "U8"):
            raise FormatError(f"{name[:60]!r} holds {str(entry['dtype'])[:20]!r}; a network of minnet has "
                              "F16, F32, F64 and U8 only")
    try:
        return load(content), metadata
    except (SafetensorError, ValueError) as problem:  # ValueError: a shape that no array of NumPy can have
        raise FormatError(f"it is not a whole safetensors file; download or copy it again ({problem})") from problem


def _header_length(content):
    return int.from_bytes(content[:8], "little")


def _parse(text):
    """JSON as it should be: an object, no name twice, not nested without end."""
    try:
        tree = json.loads(bytes.decode(text) if isinstance(text, bytes) else text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as problem:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise FormatError(f"the header is not proper JSON: {problem}") from problem
    if not isinstance(tree, dict):
        raise FormatError("the header is not a JSON object")
    return tree


def _unique(pairs):
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise FormatError("the same name stands twice in the header")
    return tree


# ---- the architecture as text ---------------------------------------------------------------------------


def _describe(net):
    """All layers as JSON, inner ones first; inner layers are given by index, so a shared layer stays one."""
    table, numbers = [], {}

    def number(layer):
        if Layer.registry.get(type(layer).__name__) is not type(layer):
            raise TypeError(f"a file knows layers by their names, and {type(layer).__name__} is one of minnet's, too; "
                            "give your class another name")
        if id(layer) not in numbers:
            config = {name: plain(value, layer, name) for name, value in layer.config().items()}
            numbers[id(layer)] = len(table)
            table.append({"layer": type(layer).__name__, "config": config})
        return numbers[id(layer)]

    def plain(value, layer, name):
        if isinstance(value, Layer):
            return {"layer": number(value)}
        if isinstance(value, (list, tuple)):
            inside = [plain(v, layer, name) for v in value]
            return inside if isinstance(value, list) else {"tuple": inside}
        value = value.item() if isinstance(value, np.generic) else value
        if value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value)):
            return value
        raise TypeError(f"{type(layer).__name__} has {name}={value!r}, which can't be saved; arguments of a layer are "
                        "numbers, texts, layers, or lists of these")

    number(net)
    return json.dumps({"layers": table}, separators=(",", ":"), allow_nan=False)


class _Zeros(np.random.Generator):
    """A generator that returns only zeros: constructors get their arrays, unless these are larger than the limit."""

    def __init__(self, limit):
        super().__init__(np.random.PCG64(0))
        self.limit = limit

    def normal(self, loc=0.0, scale=1.0, size=None):
        shape = np.atleast_1d(1 if size is None else size).tolist()
        if math.prod(shape) > self.limit:
            raise FormatError(f"a parameter of shape {tuple(shape)} is larger than the file")
        return np.broadcast_to(0.0, shape)  # takes no memory

    def uniform(self, low=0.0, high=1.0, size=None):
        return self.normal(size=size)

    def standard_normal(self, size=None, dtype=np.float64, out=None):
        return self.normal(size=size)

    def random(self, size=None, dtype=np.float64, out=None):
        return self.normal(size=size)


def _build(description, limit):
    """The network of a description, with all parameters zero and at most ``limit`` numbers."""
    table = description.get("layers")
    if set(description) != {"layers"} or not isinstance(table, list) or not table:
        raise FormatError("the architecture is not a list of layers")
    rng = _Zeros(limit)
    built, visits, depths, held = [], [], [], 0
    for entry in table:
        if not isinstance(entry, dict) or set(entry) != {"layer", "config"} or not isinstance(entry["config"], dict):
            raise FormatError("each layer of the architecture needs its name and its config, and no more")
        inner = []
        config = {name: _value(value, built, inner, max(limit, 1 << 20)) for name, value in entry["config"].items()}
        # Checked before anything visits them: a few shared layers could unfold into billions.
        visits.append(1 + sum(visits[i] for i in inner))
        depths.append(1 + max((depths[i] for i in inner), default=0))
        if sum(visits) > MOST_VISITS or depths[-1] > DEEPEST:
            raise FormatError(f"its layers are nested deeper than {DEEPEST} or unfold into more than {MOST_VISITS}")
        built.append(_construct(entry["layer"], config, rng))
        held += sum(param.size for param in built[-1].own_params().values())
        if held > limit:
            raise FormatError("the layers hold more numbers than the file")
    return built[-1]


def _value(value, built, inner, largest):
    """A constructor's argument from its JSON form; the numbers of the layers that it names go to ``inner``."""
    if isinstance(value, list):
        return [_value(v, built, inner, largest) for v in value]
    if isinstance(value, dict):
        (kind, content), *more = value.items() or [(None, None)]
        if not more and kind == "tuple" and isinstance(content, list):
            return tuple(_value(v, built, inner, largest) for v in content)
        if not more and kind == "layer" and type(content) is int and 0 <= content < len(built):
            inner.append(content)
            return built[content]
        raise FormatError(f"an argument of a layer is neither a value nor an earlier layer: {str(value)[:60]}")
    if isinstance(value, float) and not math.isfinite(value):
        raise FormatError(f"a layer has the argument {value}, which is no finite number")
    if isinstance(value, int) and abs(value) > largest:
        raise FormatError(f"a layer has the argument {str(value)[:20]}, too large for this file")
    return value


def _construct(kind, config, rng):
    if not isinstance(kind, str) or kind not in Layer.registry:
        raise FormatError(f"the layer {str(kind)[:60]!r} is not known; define it before you load."
                          + closest(str(kind)[:60], sorted(Layer.registry)))
    make = Layer.registry[kind]
    signature = inspect.signature(make)
    if unknown := set(config) - set(signature.parameters) | {"rng"} & set(config):
        raise FormatError(f"{kind} takes no argument {min(unknown)[:60]!r} from a file")
    given = {"rng": rng, **config}
    given = inspect.BoundArguments(signature, {name: given[name] for name in signature.parameters if name in given})
    try:
        made = make(*given.args, **given.kwargs)
        kept = made.config()
    except FormatError:
        raise
    except Exception as problem:  # whatever error a constructor raises, the file is the cause
        raise FormatError(f"{kind} can't be built as the file says: {problem or type(problem).__name__}") from problem
    for name, value in config.items():
        if name not in kept or not _same(kept[name], value):
            raise FormatError(f"{kind} does not keep {name}={value!r:.60} as the file says, but as "
                              f"{kept.get(name)!r:.60}")
    return made


def _same(kept, given):
    """Whether an argument was kept as it was given; numbers of NumPy count as those of Python, None as False."""
    if isinstance(given, (list, tuple)):
        return type(kept) is type(given) and len(kept) == len(given) and all(map(_same, kept, given))
    kept = kept.item() if isinstance(kept, np.generic) else kept
    return kept is given or (type(kept) is type(given) and kept == given) or (kept is None and given is False)


# ---- the numbers ----------------------------------------------------------------------------------------


def _fill(params, arrays):
    """Set the numbers and the mask of each parameter; no array may be left over."""
    kinds = set()
    for param in params:
        path, shape = param.path, param.shape
        if path in arrays:
            data, mask = arrays.pop(path), None
        elif f"{path}/kept" in arrays and f"{path}/mask" in arrays:
            kept = arrays.pop(f"{path}/kept")
            mask = _mask(arrays.pop(f"{path}/mask"), shape, path)
            if kept.shape != (np.count_nonzero(mask),):
                raise FormatError(f"the mask of {path} leaves {np.count_nonzero(mask)} numbers, "
                                  f"and the file holds {kept.shape}")
            data = np.zeros(shape, kept.dtype)
            data[mask] = kept
        else:
            raise FormatError(f"the numbers of {path} are missing")
        if data.shape != shape or data.dtype.kind != "f":
            raise FormatError(f"{path} should be floating-point numbers of shape {shape}, and is {data.dtype} "
                              f"{data.shape}")
        kinds.add(data.dtype)
        param._data = np.array(data, order="C")
        param.mask = mask
        param.cut()  # what was pruned was not written, so it can't be restored
    if arrays:
        raise FormatError(f"no parameter is called {min(arrays)[:60]!r}")
    if len(kinds) > 1:
        raise FormatError(f"its numbers are of several types, {sorted(map(str, kinds))}")


def _mask(bits, shape, path):
    size = math.prod(shape)
    if bits.dtype != np.uint8 or bits.shape != (-(-size // 8),):
        raise FormatError(f"the mask of {path} should be {-(-size // 8)} bytes, and is {bits.dtype} {bits.shape}")
    every = np.unpackbits(bits).astype(bool)
    if every[size:].any():
        raise FormatError(f"the mask of {path} goes on behind its end")
    return every[:size].reshape(shape)
