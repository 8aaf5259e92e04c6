"""What lesson 05 says is what lesson 05 shows: every claim of its text, held against the lesson's own variables."""

LESSON = "05_pruning_is_not_dropout.ipynb"


def test_runs_clean(lesson):
    assert lesson.problems() == []
