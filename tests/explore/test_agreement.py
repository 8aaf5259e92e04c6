"""What is shown is what the network is, at once after each move, also where the event loop of a notebook runs."""

import asyncio

import pytest

import minnet as mn
from minnet.explore import sparsity, structure
from tests.explore.walking import KINDS

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


@every_kind
def test_a_move_computes_and_paints_once(kind, monkeypatch):
    explorer = kind.example()
    assert explorer.wait(60)
    name = next(iter(explorer.recorded or explorer.control))
    control, done = explorer.control[name], []
    for step in ("frame", "paint"):
        ours = getattr(explorer, step)
        monkeypatch.setattr(explorer, step, lambda what, step=step, ours=ours: done.append(step) or ours(what))

    def move():
        if hasattr(control, "options"):
            control.index = (control.index or 0) - 1 if control.index else len(control.options) - 1
        else:
            control.value = control.min if control.value != control.min else control.max

    in_a_notebook(move)
    assert done == ["frame", "paint"]
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
