"""Explorers: sliders and buttons that act on a real network while you watch.

Each takes a network and data, is shown by naming it on a cell's last line, and is one file: controls, the
numbers that follow from them, the picture that shows the numbers.
"""

from minnet.explore.choosing import CriteriaExplorer as criteria
from minnet.explore.disuse import RatesExplorer as rates
from minnet.explore.explorer import Explorer
from minnet.explore.garden import PlaygroundExplorer as playground
from minnet.explore.job import Job
from minnet.explore.ladder import StructureExplorer as structure
from minnet.explore.lifetime import AgesExplorer as ages
from minnet.explore.live import TrainingExplorer as training
from minnet.explore.often import IterationsExplorer as iterations
from minnet.explore.race import SpeedExplorer as speed
from minnet.explore.sealed import SealedTest as open_test_set
from minnet.explore.sparsity_slider import SparsityExplorer as sparsity
from minnet.explore.ticket_office import TicketsExplorer as tickets
from minnet.explore.transformer import HeadsExplorer as heads
from minnet.explore.twins import TwinsExplorer as dropout_and_pruning
from minnet.explore.wandering import RegrowthExplorer as regrowth
from minnet.explore.when import TimingExplorer as timing

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
    from minnet.words import closest

    raise AttributeError(f"minnet.explore has no {name!r}." + closest(name, __all__))
