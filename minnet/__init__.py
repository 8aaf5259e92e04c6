"""minnet: see and feel how neural networks are pruned.

``import minnet as mn`` gives the network, the training loop and pruning, in NumPy alone.  Subpackages with slower
imports, such as `data`, `sparse`, `draw` and `explore`, are imported when they are first used.
"""

from __future__ import annotations

import importlib

import numpy as _np

from minnet.files.network_file import FormatError, load, save
from minnet.messages import closest as _closest
from minnet.messages import functions_of as _functions_of
from minnet.nn import lr, models
from minnet.nn.activations import GELU, ReLU, Sigmoid, Tanh
from minnet.nn.attention import Attention
from minnet.nn.checkpoint import rewind, snapshot
from minnet.nn.contract import observing
from minnet.nn.conv import Conv2d
from minnet.nn.embedding import MeanPool, PatchEmbedding
from minnet.nn.evaluation import accuracy, changed, evaluate, predict
from minnet.nn.layer import Layer
from minnet.nn.layers import Dense, Dropout, Flatten, Sequential
from minnet.nn.losses import cross_entropy, mean_squared_error
from minnet.nn.norm import LayerNorm
from minnet.nn.optim import SGD, Adam, AdamW
from minnet.nn.param import Param
from minnet.nn.pool import AvgPool2d, MaxPool2d
from minnet.nn.residual import Residual
from minnet.nn.train import History, Step, fit, steps
from minnet.pruning import criteria as _criteria
from minnet.pruning import schedule as _schedule
from minnet.pruning import scope as _scope
from minnet.pruning import structure as _structure
from minnet.pruning.compaction import compact, explain_compact
from minnet.pruning.iterative import Round, iterate, sensitivity
from minnet.pruning.layer_sparsity import erdos_renyi, tolerated
from minnet.pruning.ranking import Ranking, cut, prune, rank, restore, sparsity
from minnet.pruning.regrowth import drop_fraction, rigl_step, set_step

__version__ = "0.1.0"

# Where the C library is glibc it gives the memory of each step back to the system and fetches it again for the next,
# page by page: up to half of a small network's time.  Once something large has been freed it keeps what it has.
_np.empty(31 << 20, _np.uint8)

# Write a layer in one of the files above or a function in one of these, and it is here: mn.magnitude, mn.along …
globals().update(Layer.registry)
for _module in (_criteria, _structure, _scope, _schedule):
    globals().update(_functions_of(_module))

_SUBPACKAGES = {"data", "measure", "routing", "sparse", "draw", "experiments", "explore", "widgets"}
_LAZY = {"check": "exercises", "hint": "exercises", "solution": "exercises", "progress": "exercises",
         "checkup": "system_check", "from_torch": "pytorch", "to_torch": "pytorch", "lecture": "draw.lecture_mode"}


def __getattr__(name):
    if name in _SUBPACKAGES:
        return importlib.import_module(f"minnet.{name}")
    if name in _LAZY:
        return getattr(importlib.import_module(f"minnet.{_LAZY[name]}"), name)
    raise AttributeError(f"minnet has no {name!r}." + _closest(name, __dir__()).split(" There are")[0])


def __dir__():
    hidden = {"annotations", "files", "importlib", "messages", "nn", "pruning"}
    return sorted({n for n in globals() if not n.startswith("_")} - hidden | _SUBPACKAGES | set(_LAZY))
