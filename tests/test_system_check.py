"""The check-up reports what is missing, too old or broken, and what to type."""

import time
from importlib import metadata

import minnet as mn
from minnet import system_check


def lines():
    return {line.what: line for line in mn.checkup().lines}


def test_here_everything_is_there():
    found = lines()
    assert all(line.fine for what, line in found.items() if what != "speed"), found  # a busy computer may be slow
    assert found["numpy"].said == metadata.version("numpy") and "compiled or loaded" in found["sparse kernels"].said
    assert f"OK     numpy: {metadata.version('numpy')}" in repr(mn.checkup())
    assert "✓ OK" in mn.checkup()._repr_html_()


def test_mnist_is_optional(monkeypatch):
    for there, said in ((True, "is on this computer"), (False, "not needed")):
        monkeypatch.setattr("minnet.data.mnist_files.at_hand", lambda there=there: there)
        line = lines()["MNIST (optional)"]
        assert line.fine and line.said.startswith(said)


def test_what_is_missing_or_too_old_is_reported_with_what_to_type(monkeypatch):
    def version(name):
        if name == "tqdm":
            raise metadata.PackageNotFoundError(name)
        return "0.1" if name == "numba" else "99.0"

    monkeypatch.setattr(system_check.metadata, "version", version)
    found = lines()
    assert not found["tqdm"].fine and 'is missing; type `pip install "tqdm' in found["tqdm"].said
    assert not found["numba"].fine and "0.1 is too old" in found["numba"].said
    assert found["matplotlib"].fine and not mn.checkup().fine
    assert "TO DO  numba" in repr(mn.checkup()) and "✗ To do" in mn.checkup()._repr_html_()


def test_a_compiler_that_fails_is_reported(monkeypatch):
    monkeypatch.setattr("minnet.sparse.compile", lambda net, format: 1 / 0)
    line = lines()["sparse kernels"]
    assert not line.fine and "ZeroDivisionError" in line.said and "pip install" in line.said


def test_used_from_a_folder(monkeypatch):
    def requires(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(system_check.metadata, "requires", requires)
    assert "pip install -e ." in lines()["minnet"].said


def test_a_slow_computer_gets_an_estimate(monkeypatch):
    monkeypatch.setattr(system_check, "REFERENCE", 1e-9)
    line = lines()["speed"]
    assert not line.fine and "nothing is broken" in line.said
    monkeypatch.setattr(system_check, "REFERENCE", 1e9)
    assert lines()["speed"].fine


def test_other_programs_are_told_apart_from_a_slow_computer(monkeypatch):
    """By a clock of this thread that says it ran a thousandth, or a thousand times, of the time that went by."""
    monkeypatch.setattr(system_check, "thread_time", lambda: time.perf_counter() / 1000)
    assert "× without the other programs" in lines()["speed"].said
    monkeypatch.setattr(system_check, "thread_time", lambda: time.perf_counter() * 1000)
    assert "other programs that are running" not in lines()["speed"].said
