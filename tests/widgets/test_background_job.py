"""Work in the background: it can be watched, stopped and replaced, and leaves no thread behind."""

import threading
from itertools import pairwise

import pytest

from minnet.explore import Job


def names():
    return [thread.name for thread in threading.enumerate()]


def forever(seen, event):
    while True:
        seen.append(1)
        event.set()
        yield len(seen)


def test_reports_the_last_progress_and_then_rest():
    reports = []
    job = Job(reports.append)
    job.start(iter_(range(500)))
    assert job.wait(10) and not job.running
    assert reports[-2:] == [499, None]
    assert "minnet job" not in names()


def iter_(numbers):
    yield from numbers


def test_reports_at_most_ten_times_a_second(monkeypatch):
    reports, clock = [], [0.0]
    monkeypatch.setattr("minnet.widgets.background_job.monotonic", lambda: clock[0])

    def busy():
        for step in range(1000):  # ten seconds of steps, by a clock that doesn't depend on the computer
            clock[0] = step / 100
            yield clock[0]

    job = Job(reports.append)
    job.start(busy())
    assert job.wait(10)
    times = reports[:-2]  # without the last one, which is always reported, and the rest
    assert 75 < len(times) <= 100
    assert min(b - a for a, b in pairwise(times)) >= 0.1 - 1e-9


def test_cancel_ends_the_work_at_its_next_step_and_closes_it():
    seen, started, closed = [], threading.Event(), threading.Event()

    def work():
        try:
            yield from forever(seen, started)
        finally:
            closed.set()

    job = Job()
    job.start(work())
    assert started.wait(10)
    job.cancel()
    assert job.wait(10) and closed.is_set()
    assert "minnet job" not in names()


def test_the_latest_request_wins():
    first, second, started = [], [], threading.Event()
    job = Job()
    job.start(forever(first, started))
    assert started.wait(10)

    def short():
        second.append("ran")
        yield 1

    for _ in range(20):
        job.start(short())
    assert job.wait(10)
    assert second and "minnet job" not in names()
    before = len(first)
    assert len(first) == before and not job.running


def test_an_error_is_kept_and_raised_by_wait():
    def broken():
        yield 1
        raise RuntimeError("the work broke")

    job = Job()
    job.start(broken())
    with pytest.raises(RuntimeError, match="the work broke"):
        job.wait(10)
    job.start(iter_([1]))
    assert job.wait(10)  # and is forgotten by the next


def test_makes_no_step_while_the_gate_is_closed():
    gate, seen, started, moved_on = threading.Event(), [], threading.Event(), threading.Event()

    def work():
        for step in forever(seen, started):
            if step > 1:
                moved_on.set()
            yield step

    job = Job(gate=gate)
    job.start(work())
    assert not job.wait(0.1) and seen == []
    gate.set()
    assert started.wait(10)
    assert moved_on.wait(10)  # closing at once would be in time to stop the thread before its next step
    job.close()
    assert len(seen) > 1


def test_close_also_ends_work_that_waits_at_the_gate():
    job = Job(gate=threading.Event())  # never opens
    job.start(forever([], threading.Event()))
    job.close()
    assert "minnet job" not in names()


def test_work_that_is_cancelled_before_its_first_step_also_ends_with_rest():
    reports, job = [], Job(lambda progress: reports.append(progress))

    class CancelledAtOnce:
        """A lock during whose first use in the background somebody cancels."""

        def __init__(self, lock):
            self.lock = lock

        def __enter__(self):
            if threading.current_thread().name == "minnet job":
                job._work = None
            return self.lock.__enter__()

        def __exit__(self, *error):
            return self.lock.__exit__(*error)

    job._lock = CancelledAtOnce(job._lock)
    job.start(iter_(range(3)))
    assert job.wait(10) and reports[-1] is None


def test_work_that_rests_makes_no_step_until_its_time_has_come(monkeypatch):
    seen, started, clock, slept = [], threading.Event(), [0.0], threading.Event()
    monkeypatch.setattr("minnet.widgets.background_job.monotonic", lambda: clock[0])
    monkeypatch.setattr("minnet.widgets.background_job.sleep", lambda seconds: slept.wait(0.001))
    job = Job()
    job.rest(5)
    job.start(forever(seen, started))
    assert not job.wait(0.2) and seen == []
    clock[0] = 5.0
    while len(seen) < 3:
        assert not job.wait(0.01)
    job.close()


def test_after_a_rest_work_makes_breaks_for_a_while(monkeypatch):
    made, clock = [], [0.0]
    monkeypatch.setattr("minnet.widgets.background_job.monotonic", lambda: clock[0])

    def sleep(seconds):
        clock[0] += max(seconds, 1e-3)

    def work():  # steps of 10 ms
        while clock[0] < 3:
            clock[0] += 0.01
            made.append(clock[0])
            yield None

    monkeypatch.setattr("minnet.widgets.background_job.sleep", sleep)
    job = Job()
    job.rest(0.5)
    job.start(work())
    assert job.wait(10)
    resting, gentle, fast = (sum(a < time <= b for time in made) for a, b in ((0, 0.5), (0.5, 1), (1.1, 2.1)))
    assert resting == 0
    assert gentle == pytest.approx(0.5 / 0.04, abs=2)  # a quarter of the time
    assert fast == pytest.approx(100, abs=2)


def test_work_that_rests_can_be_cancelled():
    seen = []
    job = Job()
    job.rest(1000)
    job.start(forever(seen, threading.Event()))
    job.cancel()
    assert job.wait(5) and seen == []
