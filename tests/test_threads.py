"""A request for fewer cores is granted, and afterwards there are as many as before."""

import sys

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from minnet.explore import Job
from minnet.threads import ALL_BUT_ONE, at_most


@pytest.fixture(autouse=True)
def two():
    with threadpool_limits(2):  # as on a computer with two cores
        if cores() != {2}:
            pytest.skip("these libraries don't let their threads be counted")
        yield


def cores():
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


def test_the_least_counts_and_they_leave_in_any_order():
    one, other = at_most(1), at_most(2)
    one.__enter__()
    assert cores() == {1}
    other.__enter__()
    assert cores() == {1}
    one.__exit__(None, None, None)
    assert cores() == {2}
    again = at_most(1)
    again.__enter__()
    other.__exit__(None, None, None)
    assert cores() == {1}
    again.__exit__(None, None, None)
    assert cores() == {2}


def test_more_than_there_are_cannot_be_had():
    with at_most(64):
        assert cores() == {2}


def test_an_error_gives_them_back():
    with pytest.raises(ZeroDivisionError), at_most(1):
        raise ZeroDivisionError
    assert cores() == {2}


def test_a_background_job_leaves_a_core_to_the_browser():
    seen, before = [], sys.getswitchinterval()

    def work():
        seen.append((cores(), sys.getswitchinterval()))
        yield 1

    job = Job()
    job.start(work())
    thread = job._thread
    assert job.wait(10)
    if thread is not None:
        thread.join(10)
    assert seen == [({min(2, ALL_BUT_ONE)}, pytest.approx(0.0005))]
    assert (cores(), sys.getswitchinterval()) == ({2}, before)
