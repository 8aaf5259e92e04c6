"""Exercises: reference solutions pass, stubs and typical slips do not, and nothing that a learner types raises."""

import ast
import inspect

import nbformat
import numpy as np
import pytest

import minnet as mn
from minnet.exercises import catalog, commands
from minnet.exercises.exercise import exercise
from minnet.messages import closest
from tests.notebooks import LESSONS

EXERCISES = catalog.exercises()
every = pytest.mark.parametrize("id", sorted(EXERCISES))


def run(code, **names):
    """Run a cell and return what its last line shows."""
    names |= {"mn": mn, "np": np}
    *body, last = ast.parse(code).body
    exec(compile(ast.Module(body, []), "cell", "exec"), names)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    exec(compile(ast.Module([last], []), "cell", "exec"), names)
    return names


def found_in_lesson(id):
    return run(EXERCISES[id].setting or "pass")


@pytest.fixture(autouse=True)
def no_hints_given():
    commands._hints_shown.clear()


@pytest.fixture
def pruned():
    net = mn.models.mlp(64, 32, 16, 10, rng=0)
    mn.prune(net, 0.9)
    return net


def test_ids_start_with_the_number_of_the_lesson():
    import importlib

    for id in EXERCISES:
        lesson = importlib.import_module(f"minnet.exercises.lesson{id.partition('.')[0]}")
        assert EXERCISES[id] in vars(lesson).values()


@every
def test_it_has_a_cell_and_a_text_in_its_lesson(id):
    (path,) = (path for path in LESSONS if path.name.startswith(id[:2]))
    cells = nbformat.read(path, 4).cells
    stubs = [cell.source.splitlines()[-1] for cell in cells if f'mn.check("{id}"' in cell.source]
    asked = "".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert stubs[:1] == [EXERCISES[id].call], f"{id} needs a cell in {path.name} that ends with {EXERCISES[id].call}"
    for help in (f'mn.hint("{id}")', f'mn.solution("{id}")'):
        assert help in asked, f"a text in {path.name} should mention {help}"


@every
def test_the_solution_passes(id):
    assert run(EXERCISES[id].solution, **found_in_lesson(id)).right


@every
def test_has_a_question_and_hints_in_steps(id):
    assert EXERCISES[id].question
    assert len(set(EXERCISES[id].hints)) >= 2


@every
@pytest.mark.parametrize("stub", [..., None, "a word", 42, -1.5, [], {}, object(), np.zeros((3, 3)), float("nan"),
                                  1 / 3, True, lambda: 1, lambda *_: ..., lambda *_: None,
                                  lambda *_: 1 / 0, lambda *_: "x"],
                         ids=lambda stub: type(stub).__name__)
def test_stubs_and_nonsense_fail_with_a_sentence(id, stub, pruned):
    given = [pruned] * (len(ast.parse(EXERCISES[id].call).body[0].value.args) - 2)
    note = mn.check(id, stub, *given)
    assert not note.right
    assert note.text.endswith(".")


@every
def test_without_anything_it_is_unfilled(id):
    assert mn.check(id).kind == mn.check(id, ...).kind == mn.check(id, ..., "more").kind == "unfilled"
    assert f'mn.hint("{id}")' in repr(mn.check(id))


@every
def test_an_answer_of_none_is_explained(id):
    net = mn.models.mlp(4, 3, 2, rng=0)
    for nothing in (mn.prune(net, 0.5), mn.cut(net), mn.restore(mn.models.mlp(4, 3, 2, rng=0))):
        note = mn.check(id, nothing)
        name = inspect.signature(EXERCISES[id].check).parameters
        assert note.kind == "off" and f"`{next(iter(name))}` is `None`" in note.text
        assert "Replace the" not in repr(note) and "`mn.prune` and `mn.cut`" in note.text


@every
def test_missing_or_strange_arguments_are_explained(id):
    assert EXERCISES[id].call in mn.check(id, 1, 2, 3, 4, 5).text
    assert not mn.check(id, [0.1, 0.2, 0.3], "not a network").right


@every
def test_hints_come_one_after_the_other_and_the_last_stays(id):
    hints = EXERCISES[id].hints
    seen = [mn.hint(id) for _ in range(len(hints) + 2)]
    assert all(hint in note.text for hint, note in zip(hints, seen, strict=False))
    assert seen[-1] == seen[-2] == seen[-3]
    assert "mn.solution" in seen[-1].text
    assert "mn.solution" not in seen[0].text


@every
def test_the_solution_is_shown_as_code(id):
    note = mn.solution(id)
    assert note.code == EXERCISES[id].solution
    assert note.code in repr(note)


@pytest.mark.parametrize("call", [mn.check, mn.hint, mn.solution])
@pytest.mark.parametrize("id", ["03.keptt", "kept", None, 3])
def test_unknown_ids_list_the_known(call, id):
    assert closest(id, EXERCISES) in call(id).text
    if id == "03.keptt":
        assert "Did you mean '03.kept'?" in call(id).text


# ---- how a note looks ---------------------------------------------------------------------------------


def test_notes_differ_without_colour():
    check = exercise("00.two", hints=["a", "b"], solution="2")(lambda n: None if n == 2 else "It is `1 < 2`.")
    texts = [repr(check.judge(answer)) for answer in (2, 3, ...)]
    assert [text[0] for text in texts] == ["✓", "✗", "…"]
    assert "It is <code>1 &lt; 2</code>." in check.judge(3)._repr_html_()
    assert 'role="status"' in check.judge(3)._repr_html_()


def test_a_check_that_stumbles_over_an_answer_says_so():
    check = exercise("00.two", hints=["a", "b"], solution="2")(lambda n: n + 1)
    assert "TypeError" in check.judge("a" * 100).text


# ---- lesson 03 ----------------------------------------------------------------------------------------


def test_kept_is_checked_against_the_learners_own_network(pruned):
    weights = [p for p in pruned.params() if p.prunable]
    kept = [p.kept / p.size for p in weights]
    assert mn.check("03.kept", kept, pruned).right
    assert mn.check("03.kept", np.round(kept, 2), pruned).right
    assert mn.check("03.kept", {p.path: p.kept / p.size for p in weights}, pruned).right
    assert not mn.check("03.kept", [0.1, 0.1, 0.1], pruned).right


@pytest.mark.parametrize("slip, message", [
    (lambda ps: [100 * p.kept / p.size for p in ps if p.prunable], "per cent"),
    (lambda ps: [p.kept for p in ps if p.prunable], "counts"),
    (lambda ps: [1 - p.kept / p.size for p in ps if p.prunable], "lost"),
    (lambda ps: [p.kept / 272 for p in ps if p.prunable], "share"),
    (lambda ps: [p.kept / p.size for p in ps], "biases"),
    (lambda ps: [0.5, 0.5], "2 numbers"),
    (lambda ps: [ps[0].kept / ps[0].size, 0.99, 0.99], "layer 2"),
    (lambda ps: 0.1, "in a list"),
    (lambda ps: [round(p.kept / p.size, 1) for p in ps if p.prunable], "at least two decimals"),
    (lambda ps: ["6%", "19%", "59%"], "a % sign"),
])
def test_slips_with_kept(slip, message, pruned):
    assert message in mn.check("03.kept", slip(pruned.params()), pruned).text


def test_kept_needs_a_network_at_90_per_cent():
    assert "0% of its weights" in mn.check("03.kept", [1, 1, 1], mn.models.mlp(64, 32, 16, 10, rng=0)).text


@pytest.mark.parametrize("sizes, how, message", [
    ((64, 32, 16, 10), {"scope": mn.layer}, "each layer on its own"),
    ((64, 32, 16, 10), {"criterion": mn.random, "rng": 0}, "nearest to zero"),
    ((64, 300, 100, 10), {}, "another network"),
    ((64, 20, 10), {}, "another network"),
])
def test_kept_needs_the_lessons_network_pruned_as_a_whole(sizes, how, message):
    net = mn.models.mlp(*sizes, rng=1)
    mn.prune(net, 0.9, **how)
    note = mn.check("03.kept", [p.kept / p.size for p in net.params() if p.prunable], net)
    assert not note.right and message in note.text


def lowest(scores, count):
    mask = np.ones(scores.size, bool)
    mask[np.argsort(scores, axis=None)[:count]] = False
    return mask.reshape(scores.shape)


def threshold(weights, sparsity):
    """The largest magnitude that is pruned: right, unless several weights are equal."""
    return np.sort(np.append(np.abs(weights), -1), axis=None)[round(sparsity * weights.size)]


def in_place(weights, sparsity):
    mask = lowest(np.abs(weights), round(sparsity * weights.size))
    weights *= mask
    return mask


@pytest.mark.parametrize("slip, message", [
    (lambda w, s: lowest(w, round(s * w.size)), "without their sign"),
    (lambda w, s: lowest(-np.abs(w), round(s * w.size)), "largest weights"),
    (lambda w, s: ~lowest(np.abs(w), round(s * w.size)), "True means keep"),
    (lambda w, s: lowest(np.abs(w), round(s * w.size)).astype(int), "bool"),
    (lambda w, s: lowest(np.abs(w), round(s * w.size)).ravel(), "shape"),
    (lambda w, s: lowest(np.abs(w - w.mean()), round(s * w.size)), "larger weights than it has to"),
    (lambda w, s: lowest(np.abs(w), 1), "should remove 5"),
    (lambda w, s: lowest(np.abs(w), int(s * w.size)), "should remove 4 weights; it removes 3"),
    (lambda w, s: np.abs(w) > threshold(w, s), "threshold"),
    (in_place, "changes the weights"),
    (lambda w: w > 0, "stopped with TypeError"),
])
def test_slips_with_largest(slip, message):
    assert message in mn.check("03.largest", slip).text
