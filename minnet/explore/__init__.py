"""Explorers: sliders and buttons that act on a real network while you watch.

Each takes a network and data, is shown by naming it on a cell's last line, and is one file: controls, the
numbers that follow from them, the picture that shows the numbers.
"""

from minnet.explore.ages_explorer import AgesExplorer as ages
from minnet.explore.criteria_explorer import CriteriaExplorer as criteria
from minnet.explore.dropout_explorer import DropoutExplorer as dropout_and_pruning
from minnet.explore.heads_explorer import HeadsExplorer as heads
from minnet.explore.iterations_explorer import IterationsExplorer as iterations
from minnet.explore.playground_explorer import PlaygroundExplorer as playground
from minnet.explore.rates_explorer import RatesExplorer as rates
from minnet.explore.regrowth_explorer import RegrowthExplorer as regrowth
from minnet.explore.sealed_test_set import SealedTestSet as open_test_set
from minnet.explore.sparsity_explorer import SparsityExplorer as sparsity
from minnet.explore.speed_explorer import SpeedExplorer as speed
from minnet.explore.structure_explorer import StructureExplorer as structure
from minnet.explore.tickets_explorer import TicketsExplorer as tickets
from minnet.explore.timing_explorer import TimingExplorer as timing
from minnet.explore.training_explorer import TrainingExplorer as training
from minnet.widgets.background_job import Job
from minnet.widgets.explorer_base import Explorer

__all__ = [
    "Explorer",
    "Job",
    "ages",
    "criteria",
    "dropout_and_pruning",
    "heads",
    "iterations",
    "open_test_set",
    "playground",
    "rates",
    "regrowth",
    "sparsity",
    "speed",
    "structure",
    "tickets",
    "timing",
    "training",
]


def __getattr__(name):
    from minnet.messages import closest

    raise AttributeError(f"minnet.explore has no {name!r}." + closest(name, __all__))
