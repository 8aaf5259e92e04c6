"""Small products get one BLAS thread, large ones as many as the user has set, and the user's setting comes back."""

import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import minnet as mn
from minnet import threads
from minnet.nn.contract import products
from minnet.threads import LARGE, at_most, for_products
from minnet.widgets.background_job import ALL_BUT_ONE, Job


def count():
    """Threads of NumPy's BLAS."""
    found = {each["num_threads"] for each in threadpool_info() if each["filepath"] in
             {library.filepath for library in threads._libraries()}}
    return found.pop() if len(found) == 1 else found


@pytest.fixture(autouse=True)
def two():
    with threadpool_limits(2):  # as on a computer with two cores
        if count() != 2:
            pytest.skip("these libraries don't let their threads be counted")
        yield
        assert count() == 2


class Watch(mn.Layer):
    """Passes everything on, and notes the number of threads on both ways; a copied network shares the notes."""

    def __init__(self):
        self.forth, self.back = set(), set()  # (a layer's lists are of layers)

    def __deepcopy__(self, memo):
        return self

    def forward(self, x, rng=None):
        self.forth.add(count())

        def back(dy):
            self.back.add(count())
            return dy

        return x, back


def watched(n_in=128, hidden=128):
    """A network, its `Watch`, and samples with two classes."""
    watch = Watch()
    net = mn.Sequential(mn.Dense(n_in, hidden, rng=0), mn.ReLU(), watch, mn.Dense(hidden, 2, rng=0))
    rng = np.random.default_rng(0)
    return net, watch, (rng.normal(size=(40, n_in)).astype(np.float32), rng.integers(0, 2, 40))


# ---- the limits themselves ------------------------------------------------------------------------------


def test_the_least_counts_and_blocks_end_in_any_order():
    one, other = at_most(1), at_most(2)
    one.__enter__()
    assert count() == 1
    other.__enter__()
    assert count() == 1
    one.__exit__(None, None, None)
    assert count() == 2
    again = at_most(1)
    again.__enter__()
    other.__exit__(None, None, None)
    assert count() == 1
    again.__exit__(None, None, None)
    assert count() == 2


def test_nested_blocks():
    with at_most(1):
        with at_most(1):
            assert count() == 1
        assert count() == 1
    assert count() == 2


def test_the_users_number_is_an_upper_bound():
    with at_most(64):
        assert count() == 2
    with threadpool_limits(1):
        with at_most(2):
            assert count() == 1
        assert count() == 1
    with at_most(1):
        assert count() == 1


def test_an_error_gives_the_threads_back():
    with pytest.raises(ZeroDivisionError), at_most(1):
        raise ZeroDivisionError
    assert count() == 2


def test_what_the_user_sets_meanwhile_stays():
    mine = threadpool_limits(2)
    with at_most(1):
        threadpool_limits(2)
        assert count() == 2
    assert count() == 2
    with at_most(1):
        assert count() == 1
    mine.restore_original_limits()


def test_the_users_limits_obey_in_another_python_thread_too():
    """threadpoolctl lets one Python thread alone set the number until it is cleared; a block must not keep that."""
    inside, leave = threading.Event(), threading.Event()

    def work():
        with at_most(2):
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    assert inside.wait(10)
    with threadpool_limits(1):
        assert count() == 1
    assert count() == 2
    leave.set()
    thread.join(10)


def test_two_python_threads_overlap():
    barrier, seen = threading.Barrier(2, timeout=10), []

    def first():
        with at_most(1):
            barrier.wait()  # both are inside
            barrier.wait()
        barrier.wait()  # only the second is
        barrier.wait()

    def second():
        with at_most(1):
            barrier.wait()
            seen.append(count())
            barrier.wait()
            barrier.wait()
            seen.append(count())
            barrier.wait()

    both = [threading.Thread(target=work) for work in (first, second)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(20)
    assert seen == [1, 1]


def test_many_python_threads_at_once():
    seen = set()

    def work():
        for _ in range(200):
            with at_most(1):
                seen.add(count())

    many = [threading.Thread(target=work) for _ in range(4)]
    for thread in many:
        thread.start()
    for thread in many:
        thread.join(60)
    assert seen == {1}


def test_openmp_has_a_number_for_each_python_thread(monkeypatch):
    """As OpenBLAS has on many Macs: a block in one Python thread leaves the others alone."""
    numbers = threading.local()
    library = SimpleNamespace(threading_layer="openmp", set_num_threads=lambda count: setattr(numbers, "here", count))
    kind = type("Library", (SimpleNamespace,), {"num_threads": property(lambda self: getattr(numbers, "here", 4))})
    library = kind(**vars(library))
    monkeypatch.setattr(threads, "_libraries", lambda: [library])
    monkeypatch.setattr(threads, "_of_thread", threading.local())
    seen = []

    def work():
        seen.append(library.num_threads)
        with at_most(3):
            seen.append(library.num_threads)
        seen.append(library.num_threads)

    with at_most(1):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(10)
        assert library.num_threads == 1
    assert library.num_threads == 4 and seen == [4, 3, 4]


def test_without_a_library_that_can_be_asked(monkeypatch):
    monkeypatch.setattr(threads, "_libraries", list)
    monkeypatch.setattr(threads, "_of_thread", threading.local())
    with at_most(1):
        assert count() == set()


def test_large_products_get_all_threads_and_so_do_those_too_small_for_them():
    for shape, expected in (((LARGE - 1, 1, 1), 1), ((100, 400, 400), 2), ((60, 64, 64), 2), ((100, 64, 64), 1),
                            ((1, 300, 100), 1)):
        with for_products([(2, 2, 2), shape]):
            assert count() == expected, shape
    with for_products([(100, 400, 400)]), at_most(1):
        assert count() == 1
    with for_products([]):
        assert count() == 1


@pytest.mark.parametrize(("net", "shape", "expected"), [
    (mn.models.mlp(64, 300, 10, rng=0), (64,), [(32, 64, 300), (32, 300, 10)]),
    (mn.Sequential(mn.Conv2d(1, 4, 3, rng=0), mn.ReLU(), mn.Conv2d(4, 6, 3, rng=0)), (1, 8, 8),
     [(32 * 36, 9, 4), (32 * 16, 36, 6)]),
    (mn.Sequential(mn.Attention(8, 2, dim=3, rng=0)), (5, 8), [(160, 8, 6)] * 3 + [(160, 6, 8)]),
    (mn.ReLU(), (3,), []),
])
def test_shapes_of_products(net, shape, expected):
    x = np.zeros((50, *shape), np.float32)
    assert products(net, x, 32) == expected
    assert [m for m, _, _ in products(net, x, 1024)] == [m // 32 * 50 for m, _, _ in expected]  # there are no more


def test_the_user_does_not_see_the_sample_that_is_predicted_to_see_the_shapes():
    net, _, (x, _) = watched()
    with mn.observing() as seen:
        mn.predict(net, x, batch=20)
    assert [len(rows) for _, rows, _ in seen] == [20, 20, 20, 20]


# ---- who asks for them ----------------------------------------------------------------------------------


def test_training_step_by_step():
    net, watch, data = watched()
    for _ in mn.steps(net, data, count=5, rng=0):
        assert count() == 2  # the loop's body is the user's
    assert watch.forth == watch.back == {1}


def test_a_training_that_is_given_up():
    net, watch, data = watched()
    training = mn.steps(net, data, count=5, rng=0)
    assert count() == 2
    next(training)
    assert count() == 2
    del training
    assert count() == 2 and watch.back == {1}


def test_a_training_that_fails():
    net, _, data = watched()
    calls = []

    def loss(y, target):
        calls.append(count())
        if len(calls) > 2:
            raise ZeroDivisionError
        return mn.cross_entropy(y, target)

    training = mn.steps(net, data, count=5, rng=0, loss=loss)
    next(training)
    with pytest.raises(ZeroDivisionError):
        next(training)
    assert count() == 2
    calls.clear()
    with pytest.raises(ZeroDivisionError):
        mn.fit(net, data, epochs=3, rng=0, progress=False, loss=loss)
    assert count() == 2 and set(calls) == {1}


def test_two_trainings_in_turn_and_one_inside_the_other():
    nets = [watched() for _ in range(2)]
    for _ in zip(*(mn.steps(net, data, count=4, rng=0) for net, _, data in nets), strict=True):
        assert count() == 2
        net, watch, data = watched()
        mn.fit(net, data, epochs=1, rng=0, progress=False)
        assert watch.forth == {1} and count() == 2


@pytest.mark.parametrize("run", [
    lambda net, data: mn.fit(net, data, epochs=2, rng=0, progress=False, validation=data),
    lambda net, data: mn.predict(net, data[0]),
    lambda net, data: mn.accuracy(net, data),
    lambda net, data: mn.evaluate(net, data),
    lambda net, data: mn.changed(net, net, data),
    lambda net, data: mn.accuracy(lambda x: net(x), data),
    lambda net, data: mn.rank(net, mn.taylor, data=data),
    lambda net, data: mn.rank(net, mn.wanda, data=data),
    lambda net, data: mn.prune(net, 0.5, mn.obd, data=data),
    lambda net, data: list(mn.iterate(net, data, rounds=2, epochs=2, rng=0, validation=data)),
    lambda net, data: mn.sensitivity(net, data, (0, 0.5)),
], ids=["fit", "predict", "accuracy", "evaluate", "changed", "a function", "gradients", "activations", "Hessian",
        "iterate", "sensitivity"])
@pytest.mark.parametrize("large", [False, True])
def test_everything_that_goes_through_data(run, large, monkeypatch):
    net, watch, data = watched()
    if large:
        monkeypatch.setattr(threads, "LARGE", 1)
    run(net, data)
    assert count() == 2
    assert watch.forth | watch.back == ({1, 2} if large else {1})  # 1 for the sample that shows the shapes


@pytest.mark.parametrize("users", [1, 2])
def test_the_users_own_limit_holds_in_training(users, monkeypatch):
    net, watch, data = watched()
    monkeypatch.setattr(threads, "LARGE", 1)
    with threadpool_limits(users):
        mn.fit(net, data, epochs=1, rng=0, progress=False)
        assert count() == users
    assert watch.back == {users}


def test_two_python_threads_train_at_once():
    nets = [watched() for _ in range(2)]

    def train(net, watch, data):
        for _ in mn.steps(net, data, count=200, rng=0):
            pass

    both = [threading.Thread(target=train, args=each) for each in nets]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(60)
    assert [watch.back for _, watch, _ in nets] == [{1}, {1}]


def test_a_background_job_leaves_a_core_to_the_browser():
    seen, before = [], sys.getswitchinterval()

    def work():
        seen.append((count(), sys.getswitchinterval()))
        yield 1

    job = Job()
    job.start(work())
    thread = job._thread
    assert job.wait(10)
    if thread is not None:
        thread.join(10)
    assert seen == [(min(2, ALL_BUT_ONE), pytest.approx(0.0005))]
    assert (count(), sys.getswitchinterval()) == (2, before)
