"""The same seed gives the same network, bit for bit, in any process; NumPy's global generator is never used."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minnet as mn
from tests.nn.trials import MODELS, batch_for
from tests.strength import cases

pytestmark = pytest.mark.processes

SCRIPT = """
import hashlib
import sys
import numpy as np
import minnet as mn

digits = mn.data.digits()
digest = hashlib.sha256()
for seed in map(int, sys.argv[1:]):
    conv = mn.Sequential(mn.Conv2d(1, 6, 3, rng=seed), mn.ReLU(), mn.MaxPool2d(2), mn.Flatten(),
                         mn.Dense(54, 10, rng=seed), input_shape=(1, 8, 8))
    large = mn.models.mlp(64, 300, 100, 10, rng=seed)  # wide enough for several threads
    for net in (mn.models.mlp(64, 40, 10, dropout=0.2, rng=seed), mn.models.tiny_transformer(rng=seed), conv, large):
        for step in mn.steps(net, digits.train, mn.SGD(0.05, momentum=0.9), count=30, batch=64, rng=seed):
            mn.prune(net, mn.cubic(0.8, start=5, stop=25)(step.index))
        mn.fit(net, digits.train, epochs=1, rng=seed, progress=False)
        if net is large:
            for step in mn.sparse.steps(net, digits.train, count=30, rng=seed):
                digest.update(np.float64(step.loss).tobytes())
        for param in net.params():
            digest.update(param.data.tobytes() + (b"" if param.mask is None else param.mask.tobytes()))
        digest.update(mn.sparse.compile(net)(digits.test.x).tobytes())
print(digest.hexdigest())
"""


@pytest.mark.parametrize("threads", ["1", "2"])
def test_two_processes_with_as_many_threads_agree_to_the_bit(threads):
    root = Path(mn.__file__).parents[1]
    digests, cpus = set(), {f"{library}_NUM_THREADS": threads for library in ("OPENBLAS", "MKL", "OMP")}
    command = [sys.executable, "-c", SCRIPT, *map(str, cases(everyday=1, full=20))]
    for seed in ("0", "1234"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root), **cpus}
        run = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=root)
        assert run.returncode == 0, run.stderr
        digests.add(run.stdout.strip())
    assert len(digests) == 1
    assert len(digests.pop()) == 64


def test_the_global_generator_is_unchanged():
    before = np.random.get_state()  # noqa: NPY002 - the state that must not change
    for make in MODELS.values():
        net = make()
        x = batch_for(net, 8, np.random.default_rng(0))
        for _ in mn.steps(net, (x, np.arange(8)), count=2, batch=4):
            mn.prune(net, 0.5, criterion=mn.random)
        net(x)
    mn.models.mlp(4, 3, 2, dropout=0.5)
    after = np.random.get_state()  # noqa: NPY002
    assert before[0] == after[0]
    assert np.array_equal(before[1], after[1])
    assert before[2:] == after[2:]


def test_dropout_does_not_change_the_batches():
    """Batches and dropout draw from two streams."""
    seen = {}
    for dropout in (0.0, 0.5):
        rows = []
        net = mn.models.mlp(3, 4, 2, dropout=dropout, rng=0)
        forward = net.forward

        def watched(x, rng=None, forward=forward, rows=rows):
            rows.append(np.array(x))
            return forward(x, rng)

        net.forward = watched
        data = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32), np.arange(20) % 2
        for _ in mn.steps(net, data, count=10, batch=4, rng=5):
            pass
        seen[dropout] = np.concatenate(rows)
    np.testing.assert_array_equal(seen[0.0], seen[0.5])


def test_rng_may_be_a_generator_or_a_seed():
    a = mn.models.mlp(4, 3, 2, rng=7)
    b = mn.models.mlp(4, 3, 2, rng=np.random.default_rng(7))
    assert all(np.array_equal(p.data, q.data) for p, q in zip(a.params(), b.params(), strict=True))
