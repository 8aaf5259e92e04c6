"""Stop a training at any moment: the network then holds a completed step, predicts, and trains on."""

import signal
import threading

import numpy as np
import pytest

import minnet as mn


def numbers(net):
    return b"".join(p.data.tobytes() for p in net.params())


@pytest.fixture
def alarm():
    """``alarm(seconds)`` raises KeyboardInterrupt in this thread after some seconds, as Ctrl-C does."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        pytest.skip("this system has no interval timer to interrupt with")
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("optimiser", [mn.SGD(0.05, momentum=0.9), mn.SGD(0.05, momentum=0.9, l1=1e-4), mn.Adam(1e-3)],
                         ids=["momentum", "l1", "adam"])  # fmt: skip
def test_interrupt_at_a_hundred_random_instants(optimiser, alarm):
    rng, steps = np.random.default_rng(0), 400
    data = rng.normal(size=(64, 20)).astype(np.float32), rng.integers(0, 5, 64)
    settings = {"epochs": steps // 4, "batch": 16, "optimiser": optimiser, "rng": 0, "progress": False}

    def fresh():
        net = mn.models.mlp(20, 30, 5, rng=0)
        mn.prune(net, 0.3)
        return net

    net = fresh()
    complete = {numbers(net)}
    for _ in mn.steps(net, data, optimiser, count=steps, batch=16, rng=0):
        complete.add(numbers(net))
    interrupted = 0
    while interrupted < 100:
        net = fresh()
        try:
            alarm(rng.uniform(1e-4, 0.02))
            mn.fit(net, data, **settings)
            alarm(0)
        except KeyboardInterrupt:
            interrupted += 1
        assert numbers(net) in complete  # exactly what some completed step of an undisturbed run holds
        assert np.isfinite(net(data[0])).all()
        assert mn.fit(net, data, **{**settings, "epochs": 1}).steps == 4
        assert abs(mn.sparsity(net) - 0.3) < 0.01


def test_stop_from_another_thread():
    rng = np.random.default_rng(0)
    data = rng.normal(size=(64, 20)).astype(np.float32), rng.integers(0, 5, 64)
    net, stop = mn.models.mlp(20, 30, 5, rng=0), threading.Event()
    timer = threading.Timer(0.05, stop.set)
    timer.start()
    history = mn.fit(net, data, epochs=10**6, batch=16, rng=0, progress=False, stop=stop)
    assert 0 < history.steps < 4 * 10**6
    timer.join()
