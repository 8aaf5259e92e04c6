"""How much longer does `import minnet` take than `import numpy`?

    python benchmarks/import_time.py [rounds]

Every figure is from a fresh Python, the two in turn, measured inside it, so starting Python doesn't count. The first
round (cold disk) is thrown away. `import minnet` contains `import numpy`; what it adds should stay under 0.1 s.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = "from time import perf_counter as now; start = now(); import {}; print(now() - start)"


def seconds(module):
    """How long a fresh Python needs to import a module."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", CODE.format(module)], env=environment, check=True,
                          capture_output=True, text=True)
    return float(done.stdout)


def main(rounds=15):
    pairs = [(seconds("numpy"), seconds("minnet")) for _ in range(rounds + 1)][1:]
    columns = {"import numpy": [a for a, _ in pairs], "import minnet": [b for _, b in pairs],
               "minnet adds": [b - a for a, b in pairs]}
    print(f"seconds, {rounds} rounds   median   middle half")
    for name, values in columns.items():
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        print(f"{name:<20} {median:9.3f}   {low:.3f}–{high:.3f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
