"""Network files with changed bytes, header or architecture: refused in one sentence, or loaded exactly as they say.

A change may make another legal file, with other weights or another activation. So what was loaded is compared with
what the file says, which is read here without minnet.
"""

import json

import numpy as np
import pytest

import minnet as mn
from minnet.files.network_file import _describe
from tests.properties.random_networks import batch, draw
from tests.strength import every_case

pytestmark = pytest.mark.walks

CHANGES = 10  # of each network
TYPES = {"F16": np.float16, "F32": np.float32, "F64": np.float64, "U8": np.uint8}
VALUES = [None, True, False, 0, 1, -1, 2, 3, 1.5, 0.1, -0.0, 1e-5, 1e308, "", "6", "Dense", "ReLU", "GELU", "Dropout",
          "Sequential", "OwnLeaky", "OwnPair", "F16", "F32", "U8", 2**31, 2**63, 10**30, [], {}, [1, 2], [0, 4], [[1]],
          {"layer": 0}, {"layer": 1}, [{"layer": 0}],
          {"tuple": [2, 2]}, {"tuple": []}, {"tuple": [-1]}, {"tuple": ["a"]}]


def test_a_changed_file_is_refused_or_is_what_it_says(tmp_path):
    path, loaded, refused = tmp_path / "net.safetensors", [0], [0]

    def changed(rng):
        net, shape, tied = draw(rng)
        while tied:
            net, shape, tied = draw(rng)
        mn.save(net, path)
        content, x = path.read_bytes(), batch(rng, shape)
        wanted = net(x)
        for _ in range(CHANGES):
            other = CHANGED[rng.choice(3, p=[0.4, 0.3, 0.3])](content, rng)
            path.write_bytes(other)
            try:
                found = mn.load(path)
            except mn.FormatError as problem:
                refused[0] += 1
                said = str(problem)
                assert said.startswith(f"{path}: ") and "\n" not in said
                assert len(said.split(" There are: ")[0]) < len(str(path)) + 400, said  # (other tests have layers, too)
                continue
            loaded[0] += 1
            arrays, architecture = read(other)
            as_read(found, arrays, architecture)
            try:
                found(x)
            except (ValueError, TypeError) as problem:  # layers that don't fit each other: said when they are used
                said = any(words in str(problem) for words in ("expects", "takes", "must answer", "does not fit"))
                assert said or "Own" in repr(found), problem  # a layer of one's own looks at no argument
            if (arrays, architecture) == read(content):
                assert found(x).tobytes() == wanted.tobytes()

    every_case(changed, everyday=25, full=3000)
    print(f"{loaded[0]} loaded, {refused[0]} refused")
    assert min(loaded[0], refused[0]) > 0


def read(content):
    """What a file says: {name: (type, shape, bytes)} and the table of layers."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    layers = json.loads(header.pop("__metadata__")["architecture"])["layers"]
    arrays = {}
    for name, entry in header.items():
        start, stop = entry["data_offsets"]
        arrays[name] = np.dtype(TYPES[entry["dtype"]]), tuple(entry["shape"]), content[end + start : end + stop]
    return arrays, layers


def as_read(net, arrays, layers):
    """Assert that a network has these numbers, all of them, and these layers with these arguments."""
    arrays = dict(arrays)
    for param in net.params():
        if param.mask is None:
            assert arrays.pop(param.path) == (param.dtype, param.shape, param.data.tobytes())
        else:
            kept, bits = param.data[param.mask], np.packbits(param.mask)
            assert arrays.pop(f"{param.path}/kept") == (kept.dtype, kept.shape, kept.tobytes())
            assert arrays.pop(f"{param.path}/mask") == (bits.dtype, bits.shape, bits.tobytes())
            assert not param.value[~param.mask].any()
    assert not arrays
    same_layer(layers, len(layers) - 1, (table := json.loads(_describe(net))["layers"]), len(table) - 1)


def same_layer(said, i, found, j):
    """Assert that layer i of a file is layer j of the network; what the file leaves out has its default."""
    assert said[i]["layer"] == found[j]["layer"]
    for name, value in said[i]["config"].items():
        same_value(said, value, found, found[j]["config"][name])


def same_value(said, one, found, other):
    if isinstance(one, dict) and set(one) == {"layer"}:
        same_layer(said, one["layer"], found, other["layer"])
    elif isinstance(one, dict) and set(one) == {"tuple"}:
        same_value(said, one["tuple"], found, other["tuple"])
    elif isinstance(one, list):
        assert len(one) == len(other), (one, other)
        for pair in zip(one, other, strict=True):
            same_value(said, pair[0], found, pair[1])
    elif one is not False or other is not None:  # no bias
        assert (type(one), one) == (type(other), other), (one, other)


# ---- changes --------------------------------------------------------------------------------------------


def other_bytes(content, rng):
    """One to three bytes or pieces changed, mostly of the header."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        end = 8 + int.from_bytes(content[:8], "little") if rng.random() < 0.7 else len(content)
        at, more = (int(n) for n in rng.integers(0, max(min(end, len(content)), 1), 2))
        size = int(rng.integers(1, 9))
        match rng.integers(8):
            case 0 if content:
                content[at] ^= 1 << int(rng.integers(8))
            case 1:
                content[at : at + 1] = rng.bytes(1)
            case 2:
                del content[at : at + size]
            case 3:
                content[at:at] = rng.bytes(size)
            case 4:
                content[at : at + size], content[more : more + size] = (content[more : more + size],
                                                                        content[at : at + size])
            case 5:
                content[at:at] = content[more : more + size]
            case 6:
                del content[at:]
            case 7:
                content[at : at + 1] = str(rng.integers(10)).encode()
    return bytes(content)


def other_header(content, rng):
    """A value of the header changed, lengths put right."""
    end = 8 + int.from_bytes(content[:8], "little")
    head = json.dumps(other_tree(json.loads(content[8:end]), rng)).encode()
    return len(head).to_bytes(8, "little") + head + content[end:]


def other_architecture(content, rng):
    """A value of the architecture changed, which stands as text in the header."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    meta = header["__metadata__"]
    meta["architecture"] = json.dumps(other_tree(json.loads(meta["architecture"]), rng))
    head = json.dumps(header).encode()
    return len(head).to_bytes(8, "little") + head + content[end:]


CHANGED = other_bytes, other_header, other_architecture


def other_tree(tree, rng):
    """JSON with one or two places replaced, taken away, named otherwise or exchanged."""
    for _ in range(rng.integers(1, 3)):
        inside = [node for node in nodes(tree) if len(node)]
        node = inside[rng.integers(len(inside))]
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key, another = (keys[i] for i in rng.integers(0, len(keys), 2))
        new = VALUES[rng.integers(len(VALUES))]
        match rng.integers(6):
            case 0 | 1:
                node[key] = json.loads(json.dumps(new))
            case 2:
                del node[key]
            case 3:
                node[key], node[another] = node[another], node[key]
            case 4 if isinstance(node, dict):
                node[str(new)[:8]] = node.pop(key)
            case 5 if isinstance(node[key], int):
                node[key] = node[key] + int(rng.integers(-2, 3))
            case _:
                node[key] = json.loads(json.dumps(node[another]))
        if not any(len(node) for node in nodes(tree)):
            break
    return tree


def nodes(tree):
    """All objects and lists of a JSON tree."""
    if isinstance(tree, (dict, list)):
        yield tree
        for inner in tree.values() if isinstance(tree, dict) else tree:
            yield from nodes(inner)
