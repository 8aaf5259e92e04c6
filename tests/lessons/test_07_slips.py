"""Lesson 07's exercises: each typical mistake is named, and other correct answers are accepted."""

import numpy as np
import pytest

import minnet as mn


def by(how, size=np.abs, sign=1):
    def weakest(first, second, count):
        return np.argsort(np.concatenate([sign * how(size(first)), sign * how(size(second))]))[:count]
    return weakest


def mean(table):
    return table.mean(axis=0)


def norm(x, axis=0):
    return np.sqrt((x**2).sum(axis=axis))


@pytest.mark.parametrize("id, slip, message", [
    ("07.slope", lambda w, g: (w * g).mean(axis=0), "as with SNIP"),
    ("07.slope", lambda w, g: abs((w * g).mean(axis=0)), "as with SNIP"),
    ("07.slope", lambda w, g: (w * g.mean(axis=0)) ** 2, "before the square"),
    ("07.slope", lambda w, g: ((w * g) ** 2).sum(axis=0), "sum over the batches"),
    ("07.slope", lambda w, g: abs(w * g).mean(axis=0), "absolute"),
    ("07.slope", lambda w, g: (g**2).mean(axis=0), "the slope alone"),
    ("07.slope", lambda w, g: w * (g**2).mean(axis=0), "Only one of the two"),
    ("07.slope", lambda w, g: w**2, "the mean over the batches of"),
    ("07.slope", lambda w, g: (w * g) ** 2, "shape"),
    ("07.flow", lambda w, x: w * norm(x)[:, None], "−3"),
    ("07.flow", lambda w, x: abs(w) * norm(x), "multiplies columns"),
    ("07.flow", lambda w, x: abs(w) * norm(x, axis=1)[:, None], "along the samples"),
    ("07.flow", lambda w, x: abs(w) * (x**2).sum(axis=0)[:, None], "root is missing"),
    ("07.flow", lambda w, x: abs(w) * abs(x).sum(axis=0)[:, None], "Square the inputs"),
    ("07.flow", lambda w, x: abs(w) * x.sum(axis=0)[:, None], "cancel"),
    ("07.flow", lambda w, x: abs(w) * np.sqrt((x**2).mean(axis=0))[:, None], "mean"),
    ("07.weakest", by(lambda table: table.sum(axis=0)), "still adds up"),
    ("07.weakest", by(mean, sign=-1), "strongest"),
    ("07.weakest", by(mean, size=lambda table: table), "−3"),
    ("07.weakest", by(lambda table: table.mean(axis=1)), "some are missing"),
    ("07.weakest", lambda first, second, count: by(mean)(first, second, count + 1), "places of 5"),
])
def test_slips_are_named(id, slip, message):
    note = mn.check(id, slip)
    assert not note.right and message in note.text


def test_other_right_ways_are_right():
    assert mn.check("07.flow", lambda w, x: np.linalg.norm(x, axis=0)[:, None] * abs(w)).right
    assert mn.check("07.weakest", lambda first, second, count: by(mean)(first, second, count).tolist()).right
