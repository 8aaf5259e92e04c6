"""Long work in the background: one thread, with progress, cancel, and the latest request winning.

The work is a generator.  It may be stopped at each ``yield`` and nowhere else, so a step is always completed, and
what it yields is its progress.
"""

from __future__ import annotations

import os
import sys
import threading
from inspect import isgenerator
from time import monotonic, sleep

from minnet.messages import function, number, short
from minnet.threads import at_most

ALL_BUT_ONE = max(1, (os.cpu_count() or 1) - 1)  # cores for the work: one is for the browser
INTERVAL = 0.1  # seconds between two reports: each of them keeps the browser busy for a while
SWITCH = 0.0005  # seconds after which work gives way to another thread that waits, instead of Python's 0.005
SLOW = 1.0  # seconds after `rest` in which another move is likely, so that the work goes slowly
BREAKS = 3  # the break after each step meanwhile, as a multiple of the step's time: a quarter of the processor is used
DEFAULT_SWITCH = sys.getswitchinterval()


class Job:
    """Runs one generator at a time in the background.

    Its pace: at full speed, but no step while ``gate`` is cleared, nor in the time that `rest` asks for; and until
    `SLOW` seconds after `rest`, a break of `BREAKS` times the step after each step.

    Parameters
    ----------
    report : function
        ``report(progress)`` is called in the background thread with what the work yields, at most 10 times a
        second, and always with its last; ``report(None)`` once the thread has nothing left to do.
    gate : threading.Event, optional
        The work makes no step while it is cleared, so that a move of a control is answered first.

    Attributes
    ----------
    error : Exception or None
        What ended the latest work too early.
    """

    def __init__(self, report=lambda progress: None, gate=None):
        self._report, self._gate = function(report, "report", "report(progress)"), gate
        if gate is not None and not hasattr(gate, "wait"):
            raise TypeError(f"gate is a threading.Event, got {short(gate)}")
        self._lock = threading.Lock()
        self._work = self._thread = None
        self._rests_until = self._slow_until = 0.0
        self.error = None

    @property
    def running(self):
        """Whether there is work that was not cancelled."""
        return self._work is not None

    def start(self, work):
        """Run a generator; one that is still running stops at its next step and is forgotten."""
        if not isgenerator(work):
            raise TypeError(f"the work of a job is a generator, got {short(work)}; write for example start(train())")
        with self._lock:
            self._work, self.error = work, None
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="minnet job", daemon=True)
                self._thread.start()

    def cancel(self):
        """Stop at the next step."""
        with self._lock:
            self._work = None

    def rest(self, seconds):
        """Make no step for a while, and then go slowly at first: the processor is needed for the browser."""
        self._rests_until = monotonic() + number(seconds, "seconds")
        self._slow_until = monotonic() + SLOW

    def wait(self, timeout=None):
        """Wait until the work is done, and raise the error that ended it, if any.

        Returns
        -------
        bool
            False if there is still something to do after ``timeout`` seconds.
        """
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
            if thread.is_alive():
                return False
        if self.error is not None:
            raise self.error
        return True

    def close(self, timeout=5):
        """Cancel, and wait for the thread to end."""
        self.cancel()
        thread = self._thread
        if thread not in (None, threading.current_thread()):
            thread.join(timeout)

    def _run(self):
        sys.setswitchinterval(SWITCH)
        try:
            with at_most(ALL_BUT_ONE):
                self._run_all()
        finally:
            sys.setswitchinterval(DEFAULT_SWITCH)

    def _run_all(self):
        while (work := self._next()) is not None:
            try:
                self._run_one(work)
            except Exception as error:
                with self._lock:
                    if self._work is work:
                        self.error = error
            finally:
                work.close()
                with self._lock:
                    if self._work is work:
                        self._work = None

    def _next(self):
        """The work to do; None, and the thread ends, where there is none."""
        while (work := self._work) is None:
            self._report(None)
            with self._lock:
                if self._work is None:
                    self._thread = None
                    return None
        return work

    def _run_one(self, work):
        reported, progress, current = -INTERVAL, None, True
        for progress in self._paced(work):
            current = False
            if self._work is not work:
                return
            if monotonic() - reported >= INTERVAL:
                self._report(progress)
                reported, current = monotonic(), True
        if not current and self._work is work:
            self._report(progress)

    def _paced(self, work):
        """The steps of the work, each as soon as it may be made, until other work is asked for."""
        break_until = 0.0
        while self._work is work:
            if self._may_go_on(break_until):
                start = monotonic()
                try:
                    progress = next(work)
                except StopIteration:
                    return
                now = monotonic()
                break_until = min(now + BREAKS * (now - start), self._slow_until)
                yield progress

    def _may_go_on(self, break_until):
        """Wait a moment where the work has to; False if it still has to."""
        if self._gate is not None and not self._gate.wait(0.1):
            return False
        left = max(self._rests_until, break_until) - monotonic()
        if left > 0:
            sleep(min(left, 0.1))
        return left <= 0
