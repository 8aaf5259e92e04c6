"""How long until the first sparse prediction? With an empty cache folder, and with one that an earlier process filled.

    python benchmarks/first_call.py

Counted from behind `import minnet`: loading numba, building the predictor, compiling (or loading) its kernel, and the
prediction itself. Seconds on the clock, and in brackets those that the processor worked, for a busy computer.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

FIRST = """
import minnet
import time; start, worked = time.perf_counter(), time.process_time()
import numpy as np
from minnet import sparse
net = minnet.models.mlp(64, 32, 16, 10, rng=0)
net.params()[0].mask = np.random.default_rng(0).random((64, 32)) > 0.9
sparse.compile(net, "rows")(np.zeros(({n}, 64), np.float32))
print(time.perf_counter() - start, time.process_time() - worked)
"""


def main():
    with tempfile.TemporaryDirectory() as folder:
        for n in (1, 8, 64):
            environment = {**os.environ, "NUMBA_CACHE_DIR": str(Path(folder) / str(n))}
            for cache in ("an empty cache", "a filled one"):
                run = subprocess.run([sys.executable, "-c", FIRST.format(n=n)], env=environment, check=True,
                                     capture_output=True, text=True)
                seconds, worked = map(float, run.stdout.split())
                print(f"first prediction, batch {n}, {cache}: {seconds:.2f} s ({worked:.2f} s)", flush=True)


if __name__ == "__main__":
    main()
