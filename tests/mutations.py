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

L00, L01, L02 = (f"tests/lessons/test_{name}.py" for name in (
    "00_start_here", "01_synapses", "02_a_network_from_scratch"))
L03, L07, L08, L09 = (f"tests/lessons/test_{name}.py" for name in (
    "03_removing_weights", "07_how_to_choose", "08_when", "09_how_often"))

MUTATIONS = [  # (file, what stands there once, what replaces it, the test that has to fail)
    # random pruning in place of the smallest magnitude
    (L03, "    before = [pruned(net, 0.9) for net in nets]",
     "    before = [pruned(net, 0.9, criterion=mn.random, rng=0) for net in nets]",
     "test_retraining_brings_most_of_it_back"),
    (L03, "for criterion in (mn.magnitude, mn.random, largest_first)]",
     "for criterion in (mn.random, mn.random, largest_first)]",
     "test_magnitude_beats_random_and_the_largest_carry_the_network"),
    (L09, "return [in_rounds(net, digits, 5, seed) for seed, net in nets.items()]",
     "return [in_rounds(net, digits, 5, seed, criterion=mn.random) for seed, net in nets.items()]",
     "test_twenty_are_no_better_than_five"),
    # and the smallest magnitude in place of random pruning
    (L08, 'right(trials, criterion="random")', 'right(trials, criterion="magnitude")',
     "test_step_5_gradual_random_pruning_is_still_random"),
    (L09, "in_rounds(net, digits, 1, seed, criterion=mn.random)",
     "in_rounds(net, digits, 1, seed, criterion=mn.magnitude)",
     "test_after_one_cut_random_does_as_well_because_it_leaves_no_bottleneck"),
    # the gradient alone in place of the Hessian's diagonal; a trained network in place of a young one
    (L07, 'race("obd", 0.5) - race("magnitude", 0.5), above=0)',
     'race("gradient", 0.5) - race("magnitude", 0.5), above=0)', "test_curvature_and_wanda_beat_magnitude"),
    (L07, "make(digits, seed, epochs=3)", "make(digits, seed, epochs=40)",
     "test_while_there_is_a_gradient_snip_beats_magnitude"),
    (L07, 'race("taylor", level) - race("magnitude", level)', 'race("snip", level) - race("magnitude", level)',
     "test_to_square_first_makes_taylor_good"),
    # no retraining; no rewinding; no L1 penalty
    (L07, "            if epochs:", "            if False:", "test_with_retraining_the_differences_shrink"),
    (L09, "in_rounds(nets[seed], digits, rounds, seed, rewind_to=start)", "in_rounds(nets[seed], digits, rounds, seed)",
     "test_rewinding_in_twenty_short_rounds_fails"),
    (L03, "optimiser=mn.SGD(0.05, momentum=0.9, l1=0.003))", "optimiser=mn.SGD(0.05, momentum=0.9))",
     "test_plain_training_leaves_no_zero_and_l1_does"),
    # evidence from other data than those that judge; always eight neurons; no messages
    (L07, "data=(digits.val.x[seen], digits.val.y[seen]))", "data=(digits.train.x[seen], digits.train.y[seen]))",
     "test_evidence_from_the_data_that_judge_flatters"),
    (L02, "net = mn.models.mlp(2, hidden, 2, rng=seed)", "net = mn.models.mlp(2, 8, 2, rng=seed)",
     "test_two_lines_leave_a_gap_three_can_close_and_eight_always_do"),
    (L01, "    fast, even, slow = (arriving(rate, seeds=OTHER_SEEDS) for rate in RATES)",
     "    fast, even, slow = (arriving(rate, messages=0, seeds=OTHER_SEEDS) for rate in RATES)",
     "test_with_other_seeds_too"),
    (L00, "        mn.prune(net, 0.9)\n        pruned = mn", "        mn.prune(net, 0.3)\n        pruned = mn",
     "test_most_is_lost_at_once_and_most_comes_back"),
]


def red(folder, file, old, new, test):
    """Does the test fail in the copy, once the text is replaced?"""
    path = folder / file
    source = path.read_text()
    assert source.count(old) == 1, f"{file} has {source.count(old)} times: {old}"
    path.write_text(source.replace(old, new))
    try:
        command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-m", "", "-p", "no:cacheprovider"]
        done = subprocess.run([*command, f"{file}::{test}"], cwd=folder, capture_output=True, text=True, check=False)
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
