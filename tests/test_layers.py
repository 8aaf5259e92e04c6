"""Holds the layers of the package: imports go down only, and slow libraries stay where they are needed.

The files are read, not run, so that an import hidden inside a function counts as well.
"""

import ast
import subprocess
import sys

import pytest

from tests.notebooks import ROOT

# The layer of a module or of a package; the longest name that fits decides. A new file in a package needs no entry.
LAYERS = {
    "minnet.messages": 0, "minnet.threads": 0, "minnet.files.atomic_write": 0, "minnet.nn.param": 0,
    "minnet.nn": 1, "minnet.data": 1, "minnet.routing": 1,
    "minnet.nn.flat_params": 2, "minnet.nn.lr": 2, "minnet.nn.models": 2, "minnet.nn.optim": 2, "minnet.nn.train": 2,
    "minnet.formats": 2, "minnet.measure": 2, "minnet.files": 2, "minnet.pytorch": 2,
    "minnet.pruning": 3,
    "minnet.draw": 4, "minnet.sparse": 4,
    "minnet.experiments": 5, "minnet.widgets": 5, "minnet.system_check": 5, "minnet.jupyter_nodelay": 5,
    "minnet.handouts": 5,
    "minnet.explore": 6, "minnet.exercises": 6,
    "minnet": 7,  # minnet/__init__.py, which opens every package
}
# Packages that don't know each other.
INDEPENDENT = [{"minnet.draw", "minnet.sparse"}, {"minnet.nn", "minnet.data"}, {"minnet.explore", "minnet.exercises"},
               {"minnet.experiments", "minnet.widgets"}, {"minnet.experiments", "minnet.draw"}]
# Libraries that are slow to load, and the only packages that may ask for them.
HEAVY = {
    "numba": {"minnet.sparse"}, "llvmlite": {"minnet.sparse"},
    "matplotlib": {"minnet.draw", "minnet.widgets", "minnet.explore"},
    "ipywidgets": {"minnet.widgets", "minnet.explore", "minnet.exercises"},
    "IPython": {"minnet.widgets", "minnet.explore", "minnet.exercises"},
    "sklearn": {"minnet.data"}, "pooch": {"minnet.data"}, "safetensors": {"minnet.files"},
    "jupyter_server": {"minnet.jupyter_nodelay"}, "threadpoolctl": {"minnet.threads"},
    "scipy": set(), "torch": {"minnet.pytorch"},
}


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted((ROOT / "minnet").rglob("*.py"))}


def place(module):
    """The entry of LAYERS that a module belongs to."""
    names = [name for name in LAYERS if module == name or (name != "minnet" and module.startswith(name + "."))]
    assert names, f"{module} is in no layer: say in LAYERS which one"
    return max(names, key=len)


def package_of(module):
    return ".".join(module.split(".")[:2])


def imports(module):
    """The full names of all modules that a module imports, wherever in the file."""
    path = FILES[module]
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = package[:len(package) - node.level + 1] if node.level else []
            source = ".".join(source + (node.module.split(".") if node.module else []))
            for alias in node.names:  # `from package import x`: a module of that name, or a name inside the package
                inner = f"{source}.{alias.name}"
                yield inner if inner in FILES else source


@pytest.mark.parametrize("module", [name for name in FILES if name != "minnet"])
def test_imports_go_down_only(module):
    layer = LAYERS[place(module)]
    for other in imports(module):
        if package_of(other).startswith("minnet"):
            there = LAYERS[place(other)]
            assert there <= layer, f"{module} (layer {layer}) imports {other} (layer {there})"
            if package_of(module) != package_of(other):
                assert {package_of(module), package_of(other)} not in INDEPENDENT, f"{module} must not know {other}"
        for library, packages in HEAVY.items():
            if other.split(".")[0] == library:
                assert package_of(module) in packages, f"{module} imports {library}; only {sorted(packages)} may"


def test_import_minnet_loads_no_heavy_library():
    code = f"import sys, minnet; print(sorted({set(HEAVY)!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
