"""Runs tests as other computers would, and lists what failed and how much room each claim had.

    python -m tests.computers                                     # the claims, on ten roundings and other processors
    python -m tests.computers --only "rounding 3" --only "two threads" -- tests/nn      # any arguments of pytest
    python -m tests.computers --margins                           # only print the margins of what ran last

A computer is a set of environment variables: another rounding (`tests.rounding`), another kind of processor for the
BLAS library, another number of its threads, or numba compiling for any processor. What does not run here is left out.
"""

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.claims import FOLDER, bounds, margin
from tests.rounding import NAME

KINDS = "Haswell", "Zen", "Sandybridge", "Nehalem", "Prescott"      # from newer to older; each rounds otherwise
COMPUTERS = {
    "this one": {},
    **{f"rounding {k}": {NAME: str(k)} for k in range(10)},
    **{f"processor {kind}": {"OPENBLAS_CORETYPE": kind} for kind in KINDS},
    "two threads": {f"{library}_NUM_THREADS": "2" for library in ("OPENBLAS", "MKL", "OMP")},
    "numba for any processor": {"NUMBA_CPU_NAME": "generic"},
}
LAST = Path(tempfile.gettempdir()) / "minnet-claims"


def runs(environment):
    """Can NumPy multiply as this computer would?"""
    return not subprocess.run([sys.executable, "-c", "import numpy as np; a = np.eye(64); assert (a @ a == a).all()"],
                              env=os.environ | environment, capture_output=True, check=False).returncode


def run(name, arguments, folder):
    """Run pytest as one computer; returns (passed, failed tests, seconds)."""
    claims = folder / re.sub(r"\W+", "-", name)
    claims.mkdir(parents=True, exist_ok=True)
    for old in claims.glob("*.jsonl"):
        old.unlink()
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "pytest", "-n", "2", "-q", "-rfE", "-m", "", *arguments], text=True,
                          env=os.environ | COMPUTERS[name] | {FOLDER: str(claims)}, capture_output=True, check=False)
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+(?: .*)?)$", done.stdout, re.MULTILINE)
    passed = re.search(r"(\d+) passed", done.stdout)
    (claims / "output.txt").write_text(done.stdout + done.stderr)
    return int(passed[1]) if passed else 0, failed, time.monotonic() - start


def margins(folder):
    """Every claim that was written down in a folder, the one with least room first.

    Returns
    -------
    list of (margin, test, number, form, value, spread, above, below, seeds, computers)
    """
    found = collections.defaultdict(list)
    for file in sorted(folder.glob("*/*.jsonl")):
        for line in file.read_text().splitlines():
            claim = json.loads(line)
            found[claim["test"], claim["number"], claim["form"]].append(claim)
    rows = []
    for (test, number, form), claims in found.items():
        count = min(len(claim["values"]) for claim in claims)
        values = np.array([claim["values"][:count] for claim in claims])
        # On each computer the bound may be another one, where it was measured there, too: compare with the hardest.
        above, below = max(claim["above"] for claim in claims), min(claim["below"] for claim in claims)
        value, spread, room = margin(form, values, above, below, claims[0].get("share", 0.9))
        rows.append((room, test, number, form, value, spread, above, below, count, len(claims)))
    return sorted(rows, key=lambda row: row[0])


def show_margins(folder):
    print("| margin | claim | form | value | spread | bound | seeds × computers |\n|--:|---|---|--:|--:|---|---|")
    for room, test, number, form, value, spread, above, below, seeds, computers in margins(folder):
        name = test.split("/")[-1].replace(".py::", " ")
        print(f"| {room:.1f} | {name} ({number}) | {form} | {value:.4g} | {spread:.2g} | {bounds(above, below)} "
              f"| {seeds} × {computers} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=COMPUTERS, help="this computer (may be given several times)")
    parser.add_argument("--margins", action="store_true", help="print the margins of what ran last, and run nothing")
    parser.add_argument("--folder", type=Path, default=LAST, help="where what was found is written (%(default)s)")
    options, arguments = parser.parse_known_args()
    arguments = [each for each in arguments if each != "--"] or ["-m", "claims"]
    failures = 0
    if not options.margins:
        print("| computer | passed | failed | minutes |\n|---|--:|--:|--:|")
        for name in options.only or COMPUTERS:
            if not runs(COMPUTERS[name]):
                print(f"| {name} | does not run here | | |", flush=True)
                continue
            passed, failed, took = run(name, arguments, options.folder)
            failures += len(failed)
            print(f"| {name} | {passed} | {len(failed)} | {took / 60:.1f} |", flush=True)
            for test in failed:
                print(f"|   {test[:150]} | | | |", flush=True)
        print()
    show_margins(options.folder)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
