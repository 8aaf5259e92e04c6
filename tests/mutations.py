"""Do the claims still say something? Each mutation replaces a cause of an effect; the test of the claim has to fail.

    python -m tests.mutations              # all of them; a few minutes
    python -m tests.mutations -k dropout   # those whose test has this in its name

A claim that holds on every computer must not hold for every network. So here magnitude becomes random pruning, training
is left out, a schedule becomes another one, in a copy of the project; every test named here is then red.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.notebooks import ROOT

MUTATIONS = [  # (file, what stands there once, what replaces it, the test that has to fail)
]


def red(folder, file, old, new, test):
    """Does the test fail in the copy, once the text is replaced?"""
    path = folder / file
    source = path.read_text()
    assert source.count(old) == 1, f"{file} has {source.count(old)} times: {old}"
    path.write_text(source.replace(old, new))
    try:
        command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", f"{file}::{test}"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    finally:
        path.write_text(source)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.returncode == 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-k", default="", help="only tests with this in their name")
    wanted = parser.parse_args().k
    passed = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "minnet"
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache"))
        for file, old, new, test in MUTATIONS:
            if wanted in test:
                failed = red(folder, file, old, new, test)
                passed += not failed
                print(f"| {'red' if failed else 'STILL GREEN'} | {file}::{test} | `{old}` → `{new}` |", flush=True)
    return 1 if passed else 0


if __name__ == "__main__":
    sys.exit(main())
