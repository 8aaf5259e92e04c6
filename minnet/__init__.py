"""minnet: see and feel how neural networks are pruned.

``import minnet as mn`` gives the network, the training loop and pruning, in NumPy alone.  The rooms with
heavier furniture, `data`, `sparse`, `draw` and `explore`, open when they are first touched.
"""

from __future__ import annotations

import importlib

from minnet.nn import lr, models
from minnet.nn.contract import observing
from minnet.nn.layer import Layer
from minnet.nn.layers import Dense, Dropout, ReLU, Sequential
from minnet.nn.losses import cross_entropy, mean_squared_error
from minnet.nn.optim import SGD, Adam, AdamW
from minnet.nn.param import Param
from minnet.nn.train import History, Step, accuracy, fit, predict, steps
from minnet.pruning.criteria import magnitude, random
from minnet.pruning.ranking import Ranking, prune, rank, restore, sparsity
from minnet.pruning.schedule import cubic, geometric, linear, one_shot
from minnet.pruning.scope import layer, network, window
from minnet.pruning.structure import along, blocks, branches, weights
from minnet.words import closest

__version__ = "0.1.0"

_ROOMS = {"data", "sparse", "draw", "explore"}
_LAZY = {"check": "exercises", "hint": "exercises", "solution": "exercises"}

__all__ = [name for name in dir() if not name.startswith("_") and name not in ("annotations", "closest", "importlib",
                                                                               "nn", "pruning", "words")]
__all__ += sorted(_ROOMS | set(_LAZY))


def __getattr__(name):
    if name in _ROOMS:
        return importlib.import_module(f"minnet.{name}")
    if name in _LAZY:
        return getattr(importlib.import_module(f"minnet.{_LAZY[name]}"), name)
    raise AttributeError(f"minnet has no {name!r}." + closest(name, __all__).split(" There are")[0])


def __dir__():
    return __all__
