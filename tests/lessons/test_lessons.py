"""Every lesson runs in a fresh kernel, offline, and shows neither an error nor a warning."""


def test_runs_clean(lesson):
    assert lesson.problems() == []
