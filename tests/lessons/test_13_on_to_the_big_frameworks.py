"""What lesson 13 says of PyTorch is what PyTorch does; without it the lesson runs too, and says what it skips."""

import nbformat
import numpy as np
import pytest

import minnet as mn
from tests.lessons.running import printed, run_lesson, text
from tests.notebooks import ROOT

LESSON = "13_on_to_the_big_frameworks.ipynb"
torch = pytest.importorskip("torch", reason="PyTorch is not installed: `pip install -e .[compare]` brings it")
prune = pytest.importorskip("torch.nn.utils.prune")

NOT_HERE = """
import sys

class NotHere:
    def find_spec(self, name, *where):
        if name.split(".")[0] == "torch":
            raise ImportError("not here")

sys.meta_path.insert(0, NotHere())
"""


def test_the_bridge_gives_the_same_answers(lesson):
    assert lesson.value("float(gap)") < 1e-4
    assert printed(lesson, "same").strip().endswith("True")
    assert lesson.value("mn.sparsity(ours)") == 0.9


def test_amounts_count_from_what_is_left_there_and_from_all_here(lesson):
    assert printed(lesson, "twice").splitlines()[:2] == ["after 1 × amount=0.5: 50% gone",
                                                         "after 2 × amount=0.5: 75% gone"]
    assert printed(lesson, "twice-here").strip().endswith("50% gone")
    for amount, gone in ((1, 1), (1.0, 100)):
        layer = torch.nn.Linear(10, 10)
        prune.l1_unstructured(layer, "weight", amount=amount)
        assert int((layer.weight_mask == 0).sum()) == gone


def test_a_pruned_network_holds_nearly_twice_the_numbers(lesson):
    whole, left = lesson.value("[numbers(whole), numbers(theirs)]")
    assert whole == left == sum(p.size for p in mn.models.mlp(64, 300, 100, 10).params())
    said = [int(line.split(":")[1].split()[0].replace(",", "")) for line in printed(lesson, "bytes").splitlines()]
    assert said[0] == said[2] == whole and 1.9 * whole < said[1] < 2 * whole
    dense, sparse = lesson.value("[dense.nbytes, fast.nbytes]")
    assert sparse < dense / 3


def test_after_remove_training_revives_the_zeros():
    layer = torch.nn.Linear(20, 3)
    prune.l1_unstructured(layer, "weight", amount=0.5)
    prune.remove(layer, "weight")
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.1)
    torch.nn.functional.cross_entropy(layer(torch.randn(30, 20)), torch.randint(3, (30,))).backward()
    optimiser.step()
    assert int((layer.weight == 0).sum()) == 0


def test_what_was_trained_there_comes_home_with_its_mask(lesson, claim):
    assert lesson.value("mn.sparsity(home)") == 0.9
    claim.every(lesson.value("mn.accuracy(home, digits.val) - mn.accuracy(ours, digits.val)"), above=0.05)


def test_wanda_with_a_window_as_wide_as_the_inputs_is_wanda(lesson):
    assert printed(lesson, "wanda").strip() == "the same mask: True"
    assert lesson.value("[int(n) for n in sorted(set(first.mask.sum(axis=0)))]") == [32]


def test_pitfalls_about_saving_biases_and_identity(lesson):
    assert "prune.identity" in text(lesson, "pitfalls")
    pruned, fresh = torch.nn.Linear(4, 3), torch.nn.Linear(4, 3)
    prune.ln_structured(pruned, "weight", 1, n=1, dim=0)
    assert {"weight_orig", "weight_mask"} < set(pruned.state_dict())
    with pytest.raises(RuntimeError, match="weight_orig"):
        fresh.load_state_dict(pruned.state_dict())
    prune.identity(fresh, "weight")
    fresh.load_state_dict(pruned.state_dict())
    gone = int(np.flatnonzero(pruned.weight_mask.sum(dim=1) == 0)[0])
    with torch.no_grad():
        assert fresh(torch.zeros(1, 4))[0, gone] == pruned.bias[gone] != 0  # it still says its bias


def test_it_runs_without_pytorch_and_says_what_it_skips(tmp_path):
    notebook = nbformat.read(ROOT / "lessons" / LESSON, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(NOT_HERE))
    (tmp_path / "lessons").mkdir()
    nbformat.write(notebook, tmp_path / "lessons" / LESSON)
    with run_lesson(tmp_path / "lessons" / LESSON, tmp_path / "run") as lesson:
        assert lesson.problems() == []
        assert "PyTorch is not here" in printed(lesson, "import")
        skipped = [cell.id for cell in lesson.notebook.cells
                   if cell.cell_type == "code" and "skipped: this cell needs PyTorch" in printed(lesson, cell.id)]
        assert skipped == ["bridge", "same", "twice", "bytes", "train"]
