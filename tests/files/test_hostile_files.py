"""Files that are cut, changed or made to do harm: loading refuses them by name, quickly and with little memory."""

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minnet as mn


def edit(path, change=lambda header: None, body=lambda body: body):
    """Rewrite a file with its header and body changed, lengths put right."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header = change(header) or header
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + body(content[end:]))


def edit_layers(path, change):
    def inside(header):
        tree = json.loads(header["__metadata__"]["architecture"])
        tree = change(tree) or tree
        header["__metadata__"]["architecture"] = tree if isinstance(tree, str) else json.dumps(tree)

    edit(path, inside)


@pytest.fixture
def saved(tmp_path):
    """A pruned residual network in a file."""
    net = mn.models.residual_mlp(8, 6, 1, 3, rng=0)
    mn.prune(net, 0.5)
    mn.save(net, tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors"


# ---- files that are not what they should be ---------------------------------------------------------------


def refused(path):
    """Loading raises FormatError, and asks for little memory on the way."""
    tracemalloc.start()
    try:
        with pytest.raises(mn.FormatError) as caught:
            mn.load(path)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
    assert isinstance(caught.value, ValueError) and str(path) in str(caught.value)
    return str(caught.value)


def test_every_cut_is_noticed(saved):
    content = saved.read_bytes()
    for end in range(0, len(content), 7):
        saved.write_bytes(content[:end])
        refused(saved)
    saved.write_bytes(content + b"\0")
    refused(saved)


@pytest.mark.parametrize("content", [b"", b"\0" * 8, b"\0" * 7 + b"\x80", b"\xff" * 80, b"PK\x03\x04" * 30])
def test_other_files(content, tmp_path):
    (tmp_path / "file").write_bytes(content)
    refused(tmp_path / "file")


@pytest.mark.parametrize("head", [b"[]", b"{}", b"null", b"\xff" * 8, b"[" * 500_000, b'{"a":' * 100_000])
def test_headers_that_are_none(head, tmp_path):
    (tmp_path / "file").write_bytes(len(head).to_bytes(8, "little") + head)
    refused(tmp_path / "file")


W = "dense1.weight/kept"
M = "dense1.weight/mask"
B = "dense1.bias"


def _set(name, key, value):
    return lambda header: header[name].__setitem__(key, value)


POISONED_HEADERS = {
    "offsets behind the end": _set(B, "data_offsets", [10**15, 10**15 + 24]),
    "offsets the wrong way round": _set(B, "data_offsets", [24, 0]),
    "negative offsets": _set(B, "data_offsets", [-24, 0]),
    "offsets that are no integers": _set(B, "data_offsets", [0.0, 24.0]),
    "three offsets": _set(B, "data_offsets", [0, 24, 24]),
    "overlap": lambda h: h[B].update(h["dense2.bias"] | {"shape": [3]}),
    "huge shape": _set(B, "shape", [10**12, 10**12]),
    "huge shape of nothing": lambda h: h[B].update(shape=[0, 1 << 61, 8], data_offsets=[0, 0]),
    "shape wider than an integer": _set(B, "shape", [1 << 200, 0]),
    "negative shape": _set(B, "shape", [-2, -3]),
    "shape of booleans": _set(B, "shape", [True, 6]),
    "too many axes": _set(B, "shape", [1] * 80 + [6]),
    "other shape": _set(B, "shape", [2, 3]),
    "shape as text": _set(B, "shape", "6"),
    "unknown number type": _set(B, "dtype", "F128"),
    "number type as a list": _set(B, "dtype", ["F32"]),
    "number type that NumPy lacks": lambda h: h[B].update(dtype="BF16", shape=[12]),
    "complex numbers": lambda h: h[B].update(dtype="C64", shape=[3]),
    "signed whole numbers": _set(B, "dtype", "I32"),
    "mask of booleans": lambda h: h[M].update(dtype="BOOL"),
    "bytes of nobody in between": lambda h: h[B].update(shape=[5], data_offsets=[0, 20]),
    "whole numbers": lambda h: h[B].update(dtype="U8", shape=[24]),
    "wider numbers": lambda h: h[B].update(dtype="F64", shape=[3]),
    "narrower numbers": lambda h: h[B].update(dtype="F16", shape=[12]),
    "missing array": lambda h: h.pop(B),
    "missing mask": lambda h: h.pop(M),
    "array of another name": lambda h: h.update({"../../etc/passwd": h.pop(B)}),
    "array of no parameter": lambda h: h.update({"ghost": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}),
    "entry that is no object": lambda h: h.update({B: 3}),
    "entry as a list": lambda h: h.update({B: list(h[B].values())}),
    "entry with something else": _set(B, "code", "print()"),
    "no metadata": lambda h: h.pop("__metadata__"),
    "metadata that are no texts": lambda h: h["__metadata__"].update(minnet=1),
    "metadata as a list": lambda h: h.update(__metadata__=["minnet"]),
    "metadata as nothing": lambda h: h.update(__metadata__=None),
    "newer version": lambda h: h["__metadata__"].update(minnet="2"),
    "no architecture": lambda h: h["__metadata__"].pop("architecture"),
    "mask with too few numbers": lambda h: h.update({W: h[W] | {"shape": [h[W]["shape"][0] // 2, 2]}}),
    "name twice": lambda h: json.dumps(h).replace(f'"{M}"', f'"{W}"').encode(),
    "array twice": lambda h: (json.dumps(h)[:-1] + f', "{B}": {json.dumps(h[B])}}}').encode(),
    "metadata twice": lambda h: json.dumps(h).replace('"minnet": "1"', '"minnet": "1", "minnet": "1"').encode(),
    "header without end": lambda h: json.dumps(h).encode() + b" " * (1 << 20),
    "name twice inside": lambda h: json.dumps(h).replace('"shape"', '"dtype"').encode(),
    "NaN": lambda h: json.dumps(h).replace("[0, ", "[NaN, ").encode(),
    "not UTF-8": lambda h: json.dumps(h).encode().replace(b"dense2", b"dense\xff"),
    "number without end": lambda h: json.dumps(h).replace('offsets": [', 'offsets": [' + "9" * 100_000).encode(),
}


@pytest.mark.parametrize("change", POISONED_HEADERS.values(), ids=POISONED_HEADERS.keys())
def test_poisoned_header(change, saved):
    edit(saved, lambda header: (answer if isinstance(answer := change(header), bytes) else None))
    refused(saved)


def _argument(kind, name, value):
    def change(tree):
        next(entry for entry in tree["layers"] if entry["layer"] == kind)["config"][name] = value

    return change


def _bomb(levels):
    """A few layers, each holding the one before twice: 2^levels when walked through."""
    table = [{"layer": "ReLU", "config": {}}]
    table += [{"layer": "Sequential", "config": {"layers": [{"layer": i}, {"layer": i}]}} for i in range(levels)]
    return {"layers": table}


POISONED_LAYERS = {
    "unknown layer": lambda t: t["layers"][0].update(layer="Evil"),
    "class that is no layer": lambda t: t["layers"][0].update(layer="os.system"),
    "layer's name is no text": lambda t: t["layers"][0].update(layer=["Dense"]),
    "the base of all layers": lambda t: t["layers"].append({"layer": "Layer", "config": {}}),
    "NaN": lambda t: json.dumps(t).replace('"n_in": 8', '"n_in": NaN'),
    "infinity": lambda t: json.dumps(t).replace('"n_in": 8', '"n_in": 1e999'),
    "argument twice": lambda t: json.dumps(t).replace('"n_in": 8', '"n_in": 8, "n_in": 8'),
    "unknown argument": _argument("Dense", "evil", 1),
    "generator": _argument("Dense", "rng", 0),
    "self": _argument("Dense", "self", 0),
    "text for a number": _argument("Dense", "n_in", "8"),
    "negative size": _argument("Dense", "n_in", -8),
    "fractional size": _argument("Dense", "n_in", 8.5),
    "huge size": _argument("Dense", "n_in", 10**12),
    "huge size times nothing": lambda t: [_argument("Dense", "n_in", 0)(t), _argument("Dense", "n_out", 10**12)(t)],
    "large size": _argument("Dense", "n_in", 10**6),
    "text for a truth": _argument("Dense", "bias", "yes"),
    "text for a shape": _argument("Sequential", "input_shape", "8"),
    "list for a shape": _argument("Sequential", "input_shape", [8]),
    "number for a truth": _argument("Dense", "bias", 1),
    "other size": _argument("Dense", "n_in", 9),
    "size beyond all integers": _argument("Dense", "n_in", 10**400),
    "inner layers as a number": _argument("Sequential", "layers", 3),
    "inner layer of a later number": _argument("Residual", "branch", {"layer": 99}),
    "layer inside itself": _argument("Sequential", "layers", [{"layer": 2}, {"layer": 3}]),
    "negative number of a layer": _argument("Residual", "branch", {"layer": -1}),
    "layer number that is true": _argument("Residual", "branch", {"layer": True}),
    "inner object of another kind": _argument("Residual", "branch", {"class": "Dense"}),
    "empty object": _argument("Residual", "branch", {}),
    "no layers": lambda t: {"layers": []},
    "layers as an object": lambda t: {"layers": {}},
    "something else": lambda t: t.update(code="print()"),
    "not an object": lambda t: "[]",
    "not JSON": lambda t: "import os",
    "deeply nested text": lambda t: '{"layers":' + "[" * 100_000,
    "deeply nested argument": lambda t: '{"layers":[{"layer":"ReLU","config":{"a":' + "[" * 800 + "]" * 800 + "}}]}",
    "deeply nested layers": lambda t: {"layers": [{"layer": "ReLU", "config": {}}] + [
        {"layer": "Sequential", "config": {"layers": [{"layer": i}]}} for i in range(5000)]},
    "billions of layers from sixty": lambda t: _bomb(60),
    "millions of layers from thirty": lambda t: _bomb(30),
    "many large layers": lambda t: {"layers": [{"layer": "LayerNorm", "config": {"n": 1 << 20}}] * 5000},
}


@pytest.mark.parametrize("change", POISONED_LAYERS.values(), ids=POISONED_LAYERS.keys())
def test_poisoned_architecture(change, saved):
    edit_layers(saved, lambda tree: answer if isinstance(answer := change(tree), (str, dict)) else None)
    refused(saved)


def test_masks_that_count_wrong(tmp_path):
    net = mn.Dense(3, 3, bias=False, rng=0)  # 9 places: the mask has two bytes, of which seven bits are unused
    net.weight.mask = np.arange(9).reshape(3, 3) % 2 == 0
    for last in (0b0000_0000, 0b1000_0001, 0b1100_0000):
        mn.save(net, tmp_path / "net")
        edit(tmp_path / "net", body=lambda body: body[:-1] + bytes([last]))  # noqa: B023 — called at once
        assert "mask" in refused(tmp_path / "net")


@pytest.mark.parametrize("word", ["NaN", "-Infinity", "1e999"])
def test_arguments_that_are_no_finite_numbers(word, tmp_path):
    mn.save(mn.LayerNorm(3, 0.5), tmp_path / "net")  # a layer that takes any number
    edit_layers(tmp_path / "net", lambda tree: json.dumps(tree).replace("0.5", word))
    assert "no finite number" in refused(tmp_path / "net")


# ---- whatever else may come -------------------------------------------------------------------------------

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
                    | st.sampled_from([0, 1, -1, 2**31, 2**63, 10**30, "Dense", "Sequential", "F32", "U8"]),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
                        st.sampled_from(["layer", "tuple", "config", "layers", "n_in", "shape"]) | st.text(max_size=4),
                        inner, max_size=4), max_leaves=8)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    net = mn.Sequential(mn.PatchEmbedding(2, 3, 4, rng=0), mn.Residual(mn.Attention(4, 2, rng=0)), mn.MeanPool(),
                        mn.LayerNorm(4), mn.Dropout(0.1), mn.Dense(4, 2, rng=0), input_shape=(6,))
    mn.prune(net, 0.4)
    path = tmp_path_factory.mktemp("fuzz") / "net"
    mn.save(net, path)
    return path, path.read_bytes()


def harmless(path):
    """Whatever is in the file: a network or a FormatError, and little memory."""
    tracemalloc.start()
    try:
        net = mn.load(path)
        assert isinstance(net, mn.Layer)
    except mn.FormatError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 50e6


@settings(max_examples=150)
@given(data=st.data())
def test_any_bytes_changed(data, template):
    path, content = template
    content = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        gone = data.draw(st.integers(0, 3))
        content[at : at + gone] = data.draw(st.binary(max_size=4))
    path.write_bytes(bytes(content))
    harmless(path)


def _places(tree, way=()):
    yield way
    if isinstance(tree, (dict, list)):
        for key in tree if isinstance(tree, dict) else range(len(tree)):
            yield from _places(tree[key], (*way, key))


def _replaced(tree, way, new):
    if not way:
        return new
    tree = dict(tree) if isinstance(tree, dict) else list(tree)
    tree[way[0]] = _replaced(tree[way[0]], way[1:], new)
    return tree


@settings(max_examples=200)
@given(data=st.data())
def test_any_value_of_the_header_or_the_architecture_changed(data, template):
    path, content = template
    path.write_bytes(content)

    def change(tree):
        for _ in range(data.draw(st.integers(1, 2))):
            tree = _replaced(tree, data.draw(st.sampled_from(list(_places(tree)))), data.draw(JSON))
        return tree if isinstance(tree, dict) else json.dumps(tree).encode()

    if data.draw(st.booleans()):
        edit(path, change)
    else:
        edit_layers(path, lambda tree: tree if isinstance(tree := change(tree), dict) else tree.decode())
    harmless(path)
