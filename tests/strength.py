"""How many random cases the property tests try: few in every run, many where MINNET_STRENGTH says so.

    make strength                                                  # all of them at full strength: half an hour
    MINNET_STRENGTH=5 python -m pytest -m "" tests/properties      # five times as many cases as in every run
    MINNET_CASE=1234 python -m pytest tests/properties -k compact  # only this case, to see why it failed

A case is a number: all that is drawn for it comes from a generator with this seed. So what failed once fails again,
and the first cases are the same at every strength.
"""

import os
import time

import numpy as np

STRENGTH = int(os.environ.get("MINNET_STRENGTH", "1"))
FULL = 100  # of `make strength`
ONLY = os.environ.get("MINNET_CASE")


def cases(everyday, full):
    """The numbers of the cases: ``everyday`` of them at strength 1, ``full`` at the full strength of 100."""
    if ONLY is not None:
        return [int(ONLY)]
    return range(round(everyday + (full - everyday) * (STRENGTH - 1) / (FULL - 1)))


def every_case(check, everyday, full):
    """Call ``check(rng)`` for every case with a generator of its own; an error names the case that failed."""
    numbers, start, failed = cases(everyday, full), time.monotonic(), {}
    for number in numbers:
        try:
            check(np.random.default_rng(number))
        except Exception as problem:
            failed[number] = problem
            if len(failed) == 10:
                break
    print(f"{check.__name__}: {len(numbers)} cases, {len(failed)} failed, {(time.monotonic() - start) / 60:.1f} min")
    for number, problem in failed.items():
        said = " ".join(f"{type(problem).__name__}: {problem}".split())
        raise AssertionError(f"cases {', '.join(map(str, failed))} failed; MINNET_CASE={number} repeats one: "
                             f"{said[:300]}") from problem
