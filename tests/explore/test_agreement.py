"""What is shown is what the network is, at once after each move, also where the event loop of a notebook runs."""

import asyncio
import threading

import pytest

import minnet as mn
from minnet.explore import sparsity, structure
from tests.explore.walking import KINDS

# The controls that change what the figure is drawn for.
SUBJECTS = {"StructureExplorer": {"network"}, "TrainingExplorer": {"hidden"}, "PlaygroundExplorer": {"subject", "seed"}}

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def in_a_notebook(act):
    """Run it inside a running event loop, as a widget's callback does."""
    async def cell():
        act()
    asyncio.run(cell())


@pytest.mark.parametrize("values", [(10, 11, 12, 11, 90, 91), (99, 98, 0, 1)])
def test_the_network_follows_each_step_of_the_sparsity_slider(values):
    explorer = sparsity.example()

    def move():
        for value in values:
            explorer.control["sparsity"].value = value
            assert explorer.shown.sparsity == mn.sparsity(explorer.net) == pytest.approx(value / 100, abs=0.01)
            assert explorer.shown.accuracy == mn.accuracy(explorer.net, explorer.split)

    in_a_notebook(move)
    explorer.close()


def test_the_network_follows_each_step_of_the_structure_explorer():
    explorer = structure.example()

    def move():
        for value in (50, 55, 60, 55):
            explorer.control["percent"].value = value
            for param in explorer.net.params():
                if param.prunable:
                    kept = explorer.shown.masks[param.path]
                    assert (param.kept == param.size) if param.mask is None else (param.mask == kept).all()

    in_a_notebook(move)
    explorer.close()


def counted(explorer, monkeypatch):
    """The list of what the explorer does from now on in this thread, job aside."""
    done = []

    def note(step, act):
        def noted(what):
            if threading.current_thread() is threading.main_thread():
                done.append(step)
            return act(what)
        return noted

    for step in ("draw", "frame", "paint"):
        monkeypatch.setattr(explorer, step, note(step, getattr(explorer, step)))
    return done


def elsewhere(control):
    """Move a control to another place; False if there is none."""
    if control.disabled or len(getattr(control, "options", (1, 2))) < 2:
        return False
    if hasattr(control, "options"):
        control.index = control.index - 1 if control.index else len(control.options) - 1
    elif isinstance(control.value, bool):
        control.value = not control.value
    else:
        control.value = control.min if control.value != control.min else control.min + control.step
    return True


@every_kind
def test_a_move_draws_computes_and_paints_once_at_most(kind, monkeypatch):
    explorer = kind.example()
    assert explorer.wait(60)
    done, drawn = counted(explorer, monkeypatch), set()

    def move():
        for name, control in explorer.control.items():
            before = explorer.subject(explorer.state)
            if elsewhere(control):
                changed = explorer.subject(explorer.state) != before
                assert done == ["draw"] * changed + ["frame", "paint"], name
                drawn.update([name] * changed)
            done.clear()

    in_a_notebook(move)
    assert drawn == SUBJECTS.get(kind.__name__, set())
    explorer.close()


def test_a_network_that_was_trained_further_is_drawn_once(monkeypatch):
    explorer = sparsity.example()
    done = counted(explorer, monkeypatch)
    mn.fit(explorer.net, explorer.experiment.train, epochs=1, rng=1, progress=False)
    explorer.control["sparsity"].value = 50
    assert done == ["draw", "frame", "paint"]
    explorer.close()


def test_a_saved_figure_shows_the_present_state(tmp_path):
    explorer = sparsity.example()
    in_a_notebook(lambda: setattr(explorer.control["sparsity"], "value", 90))
    explorer.savefig(tmp_path / "moved.png", dpi=50)
    explorer.set(sparsity=10)
    explorer.savefig(tmp_path / "other.png", dpi=50)
    explorer.set(sparsity=90)
    explorer.savefig(tmp_path / "again.png", dpi=50)
    moved, other, again = ((tmp_path / f"{name}.png").read_bytes() for name in ("moved", "other", "again"))
    assert moved == again != other
    explorer.close()
