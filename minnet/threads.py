"""How many threads the BLAS library behind NumPy uses for a matrix product.

Several threads make large products faster. Small ones gain nothing from them, and on a busy computer they get up to
40 times slower, because every thread waits for a core that another program has. So small products get one thread:
training and evaluation ask `for_products` once a step, not once a product. The user's own setting (an environment
variable such as OPENBLAS_NUM_THREADS, or threadpoolctl) is an upper bound, and comes back afterwards.
"""

from __future__ import annotations

import threading
from contextlib import nullcontext
from functools import cache
from math import inf, prod

from minnet.messages import whole

# Multiply-adds. Below this OpenBLAS itself uses one thread, so there is nothing to limit, which would take 10 µs.
SMALL = 2**18
# From here on several threads are worth while. Measured with OpenBLAS on 2 cores, one thread and two in turn: two make
# a step of training 0.93 to 1.03 times as fast up to 8 million, 1.0 to 1.2 times from 10 to 30 million, and 1.2 to 1.3
# times at 60 million. (A prediction alone gains 1.3 times from 8 million on, but that is 0.1 ms.)
LARGE = 16_000_000

_lock = threading.Lock()
_of_thread = threading.local()


def for_products(shapes):
    """``with for_products(shapes):`` one thread, unless the largest product inside the block gains from several.

    Parameters
    ----------
    shapes : list of (m, k, n)
        Of the products (m, k) @ (k, n). Without any they are not known, and count as small.
    """
    size = max(map(prod, shapes), default=SMALL)
    with_vector = any(1 in shape for shape in shapes)  # then OpenBLAS uses threads for much smaller products, too
    return nullcontext() if size >= LARGE or (size < SMALL and not with_vector) else at_most(1)


class at_most:
    """``with at_most(1):`` products inside the block use one thread; of several blocks, the least counts.

    Blocks may be nested, and may begin and end in any order in several Python threads. Most libraries have one number
    for the whole process, so meanwhile it holds for the other Python threads, too.
    """

    def __init__(self, count):
        self.count = whole(count, "threads", least=1)

    def __enter__(self):
        with _lock:
            for setting in _settings():
                setting.limits.append(self.count)
                setting.update()

    def __exit__(self, *error):
        with _lock:
            for setting in _settings():
                setting.limits.remove(self.count)
                setting.update()


class _Setting:
    """A library's number of threads: the user's own, or less inside `at_most`."""

    def __init__(self, library):
        self.library, self.limits, self.least = library, [], inf
        self.users = self.present = library.num_threads

    def update(self):
        before, self.least = self.least, min(self.limits, default=inf)
        if self.least == before or (self.least > before and self.present == self.users):
            return  # it is inside another block, or there is nothing to give back
        found = self.library.num_threads
        if found != self.present:  # then it was not set here: it is the user's own
            self.users = found
        self.present = min(self.users, self.least)
        if self.present != found:
            _set(self.library, self.present)


def _settings():
    """One for each library, the same in all Python threads, except for OpenMP, which has a number for each of them."""
    if not hasattr(_of_thread, "settings"):
        _of_thread.settings = [_Setting(library) if getattr(library, "threading_layer", None) == "openmp" else
                               _of_process(library) for library in _libraries()]
    return _of_thread.settings


_of_process = cache(_Setting)


@cache
def _libraries():
    """Of NumPy; it has loaded them before there is any product, so to look once is enough."""
    from threadpoolctl import ThreadpoolController  # takes 10 ms, which `import minnet` should not

    return [each for each in ThreadpoolController().lib_controllers if each.user_api == "blas" and each.num_threads]


def _set(library, count):
    """Newer versions of threadpoolctl obey only the first Python thread that sets a number, until that is cleared."""
    clear = getattr(library, "clear_controlling_thread", lambda force: None)
    clear(force=True)
    library.set_num_threads(count)
    clear(force=True)
