"""A way to be another computer: ``MINNET_ROUNDING=k`` rounds every product as another processor might.

The last bits of a matrix product depend on the processor, on the BLAS library and on the number of threads, for sums
are added up in another order. Training amplifies them. With the environment variable set to a whole number k, each
number that comes out of a product may move by one unit in the last place, up, down or not at all. Which of the three
follows from the number itself and from k: the same product gives the same result twice, as on any real computer.
Numbers whose last eight bits are 0 stay as they are: small whole numbers are exact on every processor.

It works by rewriting ``a @ b``, ``np.dot(…)`` and ``np.matmul(…)`` while minnet's modules and the cells of a lesson are
loaded, so that nothing in the package knows of it; the compiled kernels of sparse training are wrapped. Importing this
module, before minnet, is enough:

    MINNET_ROUNDING=3 make test                                   # tests/conftest.py imports it
    MINNET_ROUNDING=3 python -m tests.rounding benchmarks/dropout.py --seeds 2
"""

import ast
import importlib.machinery
import os
import re
import runpy
import sys
from pathlib import Path

import numba
import numpy as np

NAME = "MINNET_ROUNDING"
PRODUCTS = "dot", "matmul"
KERNELS = "narrow_forward", "wide_forward", "narrow_back", "wide_back"

_FLOATS = {np.dtype(np.float32): (np.uint32, 0x9E3779B1), np.dtype(np.float64): (np.uint64, 0x9E3779B97F4A7C15)}


class Rounding:
    """Moves floating-point numbers by at most one unit in the last place.

    Parameters
    ----------
    seed : int
        Other seeds move other numbers.
    """

    def __init__(self, seed):
        self.seed = seed
        rng = np.random.default_rng(seed)
        self._factors = {dtype: kind(factor ^ (int(rng.integers(2**29)) << 1))
                         for dtype, (kind, factor) in _FLOATS.items()}

    def __call__(self, product):
        """Round an array in place and return it; a single number comes back as a new one."""
        if not isinstance(product, np.ndarray):
            return self(np.array([product]))[0] if getattr(product, "dtype", None) in _FLOATS else product
        if product.dtype in _FLOATS and product.size:
            bits = product.view(_FLOATS[product.dtype][0])
            rows = bits.T if bits.flags.f_contiguous else bits
            flat = rows.ravel()     # a view where the numbers lie next to each other, else a copy
            _move(flat, self._factors[product.dtype], np.uint64(8 * bits.itemsize))
            rows[...] = flat.reshape(rows.shape)
        return product


@numba.njit(nogil=True)
def _move(bits, factor, width):
    """Of four draws, made from the number's own bits without the sign, one goes down, two stay and one goes up."""
    one, whole = np.uint64(1), ~np.uint64(0) >> (np.uint64(64) - width)
    for place in range(len(bits)):
        number = np.uint64(bits[place])
        if number & np.uint64(0xFF):     # else it is short, such as 0, 2 or 0.75, and exact everywhere
            draw = (((number & (whole >> one)) * np.uint64(factor)) & whole) >> (width - np.uint64(2))
            bits[place] = number + ((draw + one) >> one) - one


def seed():
    """k, or None where this computer's own rounding is wanted."""
    asked = os.environ.get(NAME, "")
    return int(asked) if asked else None


class _Products(ast.NodeTransformer):
    """Puts ``_rounded(…)`` around each product; a function that numba compiles is left alone."""

    def visit_FunctionDef(self, node):
        return node if _compiled(node) else self.generic_visit(node)

    def visit_BinOp(self, node):
        self.generic_visit(node)
        return _around(node) if isinstance(node.op, ast.MatMult) else node

    def visit_Call(self, node):
        self.generic_visit(node)
        called = node.func
        known = (isinstance(called, ast.Attribute) and called.attr in PRODUCTS
                 and isinstance(called.value, ast.Name) and called.value.id == "np")
        return _around(node) if known else node


def _around(node):
    call = ast.Call(ast.Name("_rounded", ast.Load()), [node], [])
    return ast.fix_missing_locations(ast.copy_location(call, node))


def _compiled(function):
    decorators = " ".join(map(ast.unparse, function.decorator_list))
    return re.search(r"\b(njit|jit|entry|inner|vectorize)\b", decorators) is not None


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module with its products rounded, from the source each time: nothing is kept on disk."""

    rounding = None

    def get_code(self, fullname):
        source = self.get_source(fullname)
        if " @ " not in source and not any(f"np.{product}(" in source for product in PRODUCTS):
            return super().get_code(fullname)
        return compile(_Products().visit(ast.parse(source)), self.path, "exec", dont_inherit=True)

    def exec_module(self, module):
        module._rounded = self.rounding
        super().exec_module(module)
        if module.__name__ == "minnet.sparse.training":
            for name in KERNELS:
                setattr(module, name, _Kernel(getattr(module, name), self.rounding))


class _Kernel:
    """A kernel that writes into its second argument, which is rounded afterwards."""

    def __init__(self, kernel, rounding):
        self._kernel, self._rounding = kernel, rounding

    def __getattr__(self, name):
        return getattr(self._kernel, name)

    def call(self, *arguments):
        self._kernel.call(*arguments)
        self._rounding(arguments[1])


class _Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] != "minnet":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is importlib.machinery.SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def install():
    """Round from now on, in this process, as the environment asks; without ``MINNET_ROUNDING`` nothing changes."""
    if seed() is None or _Loader.rounding is not None:
        return
    if any(name.partition(".")[0] == "minnet" for name in sys.modules):
        raise RuntimeError(f"{NAME} is set, but minnet is imported already; import tests.rounding first")
    _Loader.rounding = Rounding(seed())
    sys.meta_path.insert(0, _Finder)
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:       # the kernel of a lesson: its cells multiply, too
        shell.ast_transformers.append(_Products())
        shell.user_ns["_rounded"] = _Loader.rounding


install()

if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    sys.path[:0] = [str(Path(sys.argv[0]).parent), os.getcwd()]
    runpy.run_path(sys.argv[0], run_name="__main__")
