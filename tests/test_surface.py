"""The contract of the public surface: whatever is passed, a call works, or minnet says in its own words what is wrong.

Every public callable is found by looking: what `mn.<Tab>` shows, what the public modules export, the experiments, what
a lesson imports, and the public methods of all these classes.  Each of their arguments is replaced by each value of
`BAD`, while the others stay good.  Then

- either the call works (a generator gives its first two items, a schedule its value at a step, …),
- or an error comes from a ``raise`` in a file of minnet: never from the inside of NumPy or Python; and nothing has
  changed: networks with their masks, data, optimisers, explorers, and the files in the working folder.

Something new is in by itself.  A parameter of a new name needs a good value in `GOOD`.

    pytest -m "" tests/test_surface.py -k fit      one callable
    python -m tests.test_surface                   the figures, by folder
    python -m tests.test_surface fit               each fault of the callables whose name contains "fit"
"""

import ast
import importlib
import inspect
import json
import os
import pkgutil
import re
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, is_dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from types import FunctionType

import numpy as np
import pytest

import minnet
import minnet as mn
import minnet.experiments as experiments
from minnet.experiments import (
    criteria_comparison,
    dropout_comparison,
    dynamic_sparse_training,
    inference_backends,
    iterative_pruning,
    lottery_tickets,
    playground,
    pruning_granularity,
    pruning_schedules,
    sparsity_sweep,
)
from minnet.formats import CSR
from minnet.pruning.units import Units

pytestmark = pytest.mark.walks

PACKAGE = Path(minnet.__file__).parent
LESSONS = PACKAGE.parent / "lessons"
SECONDS = 10  # after which a call is endless
RAW, CHANGED = "raw errors", "changed states"
ERRORS = (TypeError, ValueError, LookupError, AttributeError, OSError, RuntimeError)  # FormatError is a ValueError


# ---- deliberate exceptions ------------------------------------------------------------------------------

NOT_ASKED = {  # callables that are no door, by name: why
    "example": "written for the tests, called by the tests",
    "Drawing.update|Explorer.__init__": "abstract: what is made of it is tried",
    "forward|survey|begin|add|add_product|move_into|matrix|grad_later": "called by the training loop in every step",
    "add_subplot": "matplotlib's own",
    "controls|draw|frame|paint|sentence|subject|prepare|rows|moved|progress|texts": "hooks, called by the engine",
    "bring_back|AttentionMaps.show": "called by an explorer with what it has made itself",
    "criteria": "formulas as in the papers: `mn.rank` passes arrays, and looks at what they give",
}
NOT_REPLACED = {  # parameters that are left as they are: why
    "ax": "anything that draws as matplotlib's Axes do is one",
}
OWN_WORDS = {  # parameters for which an error may come from elsewhere: from where, and why
    "path": (OSError, "the operating system knows best why a file can't be opened"),
}
UNCOUNTED = {  # how much there is to do or to make: 10**30 would be asked for in earnest
    "sizes", "n", "n_in", "n_out", "size", "heads", "dim", "tokens", "width", "blocks", "hidden", "nodes", "rows",
    "columns", "bins", "epochs", "rounds", "count", "steps", "messages", "samples", "pairs", "keys", "values",
    "repeats", "padding", "input_shape", "stop", "start", "every", "patience", "m", "sample", "timeout", "limit",
}  # fmt: skip


# ---- values that are wrong almost everywhere ------------------------------------------------------------

FEATURES, CLASSES, SAMPLES = 6, 3, 12
X = np.random.default_rng(0).normal(size=(SAMPLES, FEATURES)).astype(np.float32)
Y = np.arange(SAMPLES) % CLASSES

BAD = {
    "None": lambda: None, "text": lambda: "three", "bytes": lambda: b"x", "-1": lambda: -1, "0": lambda: 0,
    "1.5": lambda: 1.5, "nan": lambda: np.nan, "inf": lambda: np.inf, "10**30": lambda: 10**30, "True": lambda: True,
    "[]": list, "{}": dict, "{'x': 1}": lambda: {"x": 1}, "object()": object, "a class": lambda: mn.Dense,
    "a function": lambda: lambda *given, **named: None, "an empty array": lambda: np.zeros(0),
    "a 0-d array": lambda: np.array(1.0), "another shape": lambda: np.zeros((2, 3, 4)),
    "objects": lambda: np.array([["a", None]], object), "NaN numbers": lambda: np.full_like(X, np.nan),
    "complex": lambda: X + 1j, "another network": lambda: mn.models.mlp(4, 7, 2, rng=0),
    "a data set": lambda: data_set(X, Y), "text labels": lambda: mn.data.Split(X.copy(), Y.astype(str)),
    "one-hot labels": lambda: mn.data.Split(X.copy(), np.eye(CLASSES)[Y]),
    "float labels": lambda: mn.data.Split(X.copy(), Y + 0.5), "unequal lengths": lambda: (X.copy(), Y[:-1]),
    "no samples": lambda: (X[:0], Y[:0]), "a folder": lambda: Path.cwd(), "NUL": lambda: "a\0b",
}  # fmt: skip


# ---- arguments that are right ---------------------------------------------------------------------------

def data_set(x, y):
    return mn.data.Dataset("tiny", *(mn.data.Split(x.copy(), y.copy()) for _ in range(3)), (2, 3), ("a", "b", "c"))


def make(seed):
    return mn.models.mlp(FEATURES, 5, CLASSES, rng=seed)


@cache
def trained():
    net = make(0)
    mn.prune(net, 0.4, scope=mn.layer)
    list(mn.steps(net, (X, Y), count=1, rng=0))
    return net


def transformer():
    return mn.models.tiny_transformer(2, 3, 4, 2, 1, CLASSES, rng=0)


def saved():
    mn.save(make(0), "saved.safetensors")
    return "saved.safetensors"


def plane(points):
    return points @ np.ones((2, CLASSES))


def regrowth_recipe():
    return dynamic_sparse_training.Recipe(final=50, fraction=30, every=1, until=75, seed=0)


def plan():
    return pruning_schedules.Plan("cubic", 10, 70, "80%", "magnitude", "all compete")


def playground_recipe():
    subject = playground.Subject("mn.data.digits()", "mn.models.mlp(64, 4, 10, rng={seed})", 0)
    return playground.Recipe(subject, "weights", "magnitude", "network", "rounds", 1, 50, 0, 0)


def tried_playground():
    tried = playground.Playground({"tiny": playground_recipe().subject})
    list(tried.prune(playground_recipe()))
    return tried


def torch_model():
    torch = pytest.importorskip("torch")
    return torch.nn.Sequential(torch.nn.Linear(FEATURES, CLASSES))


GOOD = {  # what is passed for a parameter of this name, wherever it has no default; made again for every call
    # networks, and what they are made of
    "net": lambda: trained().copy(), "before": lambda: make(1), "after": lambda: make(2), "nets": lambda: make(0),
    "make": lambda: make, "model": torch_model, "candidates": lambda: make(0), "branch": lambda: mn.Dense(4, 4, rng=0),
    "layers": mn.ReLU, "axes": lambda: "out", "sizes": lambda: FEATURES, "n": lambda: 4, "n_in": lambda: 4,
    "n_out": lambda: 4, "size": lambda: 2, "tokens": lambda: 2, "hidden": lambda: 4, "dtype": lambda: "float64",
    # data
    "data": lambda: mn.data.Split(X.copy(), Y.copy()), "split": lambda: mn.data.Split(X.copy(), Y.copy()),
    "train": lambda: mn.data.Split(X.copy(), Y.copy()), "val": lambda: mn.data.Split(X.copy(), Y.copy()),
    "test": lambda: mn.data.Split(X.copy(), Y.copy()), "image_shape": lambda: (2, 3), "x": X.copy, "y": Y.copy,
    "labels": Y.copy, "class_names": lambda: ("a", "b", "c"), "target": X.copy, "samples": lambda: (20, 5, 5),
    "pairs": lambda: 2, "keys": lambda: 3, "values": lambda: 2,
    # training
    "epochs": lambda: 1, "count": lambda: 3, "batch": lambda: 4, "steps": lambda: 3, "lr": lambda: 0.1,
    "rate": lambda: 0.1, "schedule": lambda: 0.1, "every": lambda: 2, "stop": lambda: 4, "at": lambda: 2,
    "progress": lambda: False, "taken": lambda: mn.snapshot(make(0)), "rng": lambda: 0, "seed": lambda: 0,
    "seeds": lambda: (0,),
    # pruning
    "criterion": lambda: "magnitude", "sparsity": lambda: 0.5, "sparsities": lambda: (0, 0.5), "final": lambda: 0.9,
    "fraction": lambda: 0.3, "rounds": lambda: 2, "rows": lambda: 2, "columns": lambda: 2, "m": lambda: 4,
    "weight": X.copy, "grad": X.copy, "squared_grad": X.copy, "fisher": X.copy, "act": X.copy, "active": X.copy,
    "units": lambda: Units(make(0), mn.weights, mn.network), "scan": lambda: {"dense1": [0.9, 0.9]},
    "scores": lambda: {p.path: p.data for p in make(0).params() if p.prunable},
    # everything else
    "path": lambda: "file", "id": lambda: "03.kept", "answer": lambda: 1, "given": lambda: 1,
    "run": lambda: list("ab").copy, "web": lambda: mn.routing.Web(6, rng=0), "left": lambda: 10, "full": lambda: 20,
    "messages": lambda: 4, "links": lambda: ~np.eye(4, dtype=bool), "stored": lambda: CSR.from_dense(X),
    "dense": X.copy, "shapes": lambda: [(2, 3, 4)], "label": lambda: "Go", "message": lambda: "well",
    "seconds": lambda: 0, "work": lambda: (letter for letter in "ab"), "libraries": tuple, "places": lambda: (0, 50),
    "visible": lambda: True, "start": lambda: False, "source": lambda: make(3),
    "backends": lambda: inference_backends.Backends(make(0), ()),
}  # fmt: skip
BRIEF = {"epochs", "rounds", "count", "batch", "seeds", "hidden", "samples", "pairs", "keys", "values", "progress",
         "libraries", "messages"}  # passed also where there is a default, which would take longer

HERE = {  # where it is something else: {callable, all methods of a class, or folder: {parameter: value}}
    "explore": {"data": lambda: data_set(X, Y)}, "experiments": {"data": lambda: data_set(X, Y)},
    "mn.Attention": {"heads": lambda: 2}, "mn.Param": {"data": X.copy, "axes": lambda: ("in", "out")},
    "mn.measure.summary": {"samples": lambda: [0.1, 0.3], "clock": lambda: time.thread_time},
    "mn.Param.data=": {"new": lambda: np.ones((FEATURES, 5))},
    "mn.Param.grad=": {"new": lambda: np.ones((FEATURES, 5))},
    "mn.Param.mask=": {"new": lambda: np.ones((FEATURES, 5), bool)},
    "mn.cross_entropy": {"y": lambda: X[:, :CLASSES]}, "mn.mean_squared_error": {"y": X.copy},
    "mn.random": {"rng": lambda: np.random.default_rng(0)}, "mn.load": {"path": saved},
    "mn.Ranking.apply": {"sparsity": lambda: 0.5}, "mn.Ranking.masks": {"sparsity": lambda: 0.5},
    "mn.branches": {"net": lambda: mn.models.residual_mlp(4, 3, 1, 2)},
    "mn.data.spelled": {"data": lambda: mn.data.recall(2, 3, 2, (9, 1, 1)), "x": lambda: np.eye(3, 5)},
    "mn.draw.attention": {"net": transformer, "x": lambda: X[0]}, "mn.draw.Drawing": {"size": lambda: (3, 3)},
    "mn.draw.AttentionMaps.update": {"source": transformer},
    "mn.draw.surface": {"net": lambda: plane, "x": lambda: X[:, :2]}, "mn.draw.Picture": {"size": lambda: (3, 3)},
    "mn.draw.DecisionSurface.update": {"source": lambda: plane}, "mn.draw.MemoryLayout.update": {"source": X.copy},
    "mn.draw.RoutingGraph.update": {"source": lambda: mn.routing.Web(6, rng=1)},
    "mn.explore.heads": {"net": transformer}, "mn.explore.rates": {"nodes": lambda: 8},
    "mn.explore.speed": {"start": lambda: False},
    "mn.explore.dropout_and_pruning": {"net": lambda: make(0)},
    "mn.explore.Explorer.save_html": {"path": lambda: "page.html"},
    "mn.measure.latency": {"x": X.copy, "rounds": lambda: 1, "sample": lambda: 0},
    "minnet.formats.NM.from_dense": {"dense": lambda: np.eye(4)},
    "mn.routing.plan": {"rate": lambda: "constant"}, "mn.routing.prune_in_rounds": {"rate": lambda: "constant"},
    "mn.sparse.Predictor": {"steps": tuple},
    "lottery_tickets.TicketRuns": {"data": lambda: {"tiny": data_set(X, Y)}, "how": lambda: {
        "rounds": 2, "final": 0.9, "count": 3, "rate": 0.1, "batch": 4}},
    "criteria_comparison.CriteriaComparison": {"nets": lambda: [make(0)]},
    "dropout_comparison.DropoutComparison": {"net": lambda: make(0)},
    "dropout_comparison.DropoutComparison.*": {
        "choice": lambda: dropout_comparison.Choice(20, "neurons", "magnitude"), "step": lambda: 1,
        "signal": lambda: 1, "name": lambda: "whole"},
    "inference_backends.StorageSizes.*": {"percent": lambda: 50, "name": lambda: "CSR"},
    "inference_backends.Backends.*": {"part": lambda: 0.5},
    "head_ablation.HeadAblation": {"net": transformer},
    "lottery_tickets.LotteryTickets": {"final": lambda: 0.9},
    "pruning_granularity.PruningGranularity": {"nets": lambda: {"one": make(0)}},
    "criteria_comparison.CriteriaComparison.*": {
        "way": criteria_comparison.Way, "percent": lambda: 50, "number": lambda: 0},
    "criteria_comparison.Way.*": {"percent": lambda: 50, "train": lambda: "digits.train"},
    "pruning_granularity.PruningGranularity.*": {
        "network": lambda: "one", "scope": lambda: "layer", "granularity": lambda: pruning_granularity.GRANULARITIES[0],
        "percent": lambda: 50, "small": lambda: make(0)},
    "pruning_granularity.Granularity.*": {"percent": lambda: 50, "scope": lambda: "layer"},
    "sparsity_sweep.SparsitySweep.*": {"method": sparsity_sweep.Method, "percent": lambda: 50},
    "head_ablation.HeadAblation.*": {"off": lambda: {"head_1_1"}, "count": lambda: 1},
    "lottery_tickets.LotteryTickets.*": {"start": lambda: "ticket", "number": lambda: 0},
    "lottery_tickets.TicketRuns.*": {"name": lambda: "tiny"},
    "dynamic_sparse_training.DynamicSparseTraining.*": {"method": lambda: "SET", "recipe": regrowth_recipe},
    "dynamic_sparse_training.TrainingPoint.*": {"neurons": lambda: (0, 1)},
    "inference_timing.InferenceTiming.*": {
        "percent": lambda: 50, "here": lambda: 50, "batch": lambda: 1, "batches": lambda: (1,), "places": lambda: (0,)},
    "iterative_pruning.IterativePruning.*": {
        "recipe": lambda: iterative_pruning.Recipe(2, "80%", "fine-tune", "network", 1)},
    "playground.Playground.*": {"recipe": playground_recipe},
    "playground.Recipe.*": {
        "samples": lambda: 20, "net": lambda: make(0), "data": lambda: data_set(X, Y), "error": lambda: "no such unit"},
    "pruning_schedules.Plan.*": {"level": lambda: 0.5, "state": lambda: plan()._asdict()},
    "pruning_schedules.PruningSchedules.*": {"plan": plan},
    "pruning_schedules.Trial.*": {"name": lambda: "loss"},
}  # fmt: skip
KEYWORDS = {  # for ``**how``, by its name or by that of the callable
    "how": ("criterion", "structure", "scope", "combine", "no_such_word"), "values": ("age", "no_such_word"),
    "options": ("dpi", "no_such_word"), "chosen": ("in", "no_such_word"),
}
RECEIVERS = {  # what methods are called on, by class; layers and explorers have an example of their own
    "Param": lambda: trained().copy().params()[0], "Ranking": lambda: mn.rank(trained().copy()),
    "Predictor": lambda: mn.sparse.compile(trained()), "Web": lambda: mn.routing.Web(6, rng=0),
    "Picture": mn.draw.Picture, "Job": mn.explore.Job, "Explorer": mn.explore.ages.example,
    "AttentionMaps": lambda: mn.draw.attention(transformer(), X[0]), "MemoryLayout": lambda: mn.draw.layout(X[:2]),
    "DecisionSurface": lambda: mn.draw.surface(plane, X[:, :2], Y), "WeightImages": lambda: mn.draw.masks(make(0)),
    "NetworkDiagram": lambda: mn.draw.network(make(0)), "WeightHistogram": lambda: mn.draw.histogram(make(0)),
    "RoutingGraph": lambda: mn.draw.web(mn.routing.Web(6, rng=0)),
    "Way": criteria_comparison.Way, "Granularity": lambda: pruning_granularity.GRANULARITIES[0],
    "TrainingPoint": lambda: dynamic_sparse_training.DynamicSparseTraining(make, data_set(X, Y), 3).course(
        "SET", regrowth_recipe())[0],
    "Recipe": playground_recipe, "Playground": tried_playground, "Plan": plan,
    "Result": lambda: iterative_pruning.Result(1, 2), "Trial": lambda: pruning_schedules.Trial(
        0, ((pruning_schedules.TrainingPoint(0, 0.0, 0.1, 2.3, (5,)),),), 3),
    "TicketRuns": lambda: lottery_tickets.TicketRuns(
        make, {"tiny": data_set(X, Y)}, rounds=2, final=0.9, count=3, rate=0.1, batch=4),
}  # fmt: skip


def many(name, value):
    """The values of ``*sizes``: those that are needed, then this one."""
    return {"sizes": (6, 5, value), "axes": (value,), "layers": (value,)}.get(name, (value,))


# ---- what is public -------------------------------------------------------------------------------------

def exported(module):
    """The public names of a module: what its ``__all__`` lists, else what is defined in it."""
    names = getattr(module, "__all__", None) or [
        name for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__]
    return {name: getattr(module, name) for name in names}


def in_lessons():
    """What the lessons import from minnet's own files, {name: object}."""
    cells = [cell for lesson in sorted(LESSONS.glob("*.ipynb")) for cell in json.loads(lesson.read_text())["cells"]]
    said = "\n".join("".join(cell["source"]) for cell in cells)
    for module, names in re.findall(r"^\s*from (minnet[\w.]*) import (\([^)]*\)|[^\n#]+)", said, re.M):
        for name in re.findall(r"(\w+)(?: as \w+)?", names):
            value = getattr(importlib.import_module(module), name, None)
            within = exported(value) if inspect.ismodule(value) and module == "minnet" else {"": value}
            yield from ((f"{module}.{name}.{inner}".strip("."), each) for inner, each in within.items())


def named():
    """Everything public that can be called, as (name, function or class)."""
    yield from ((f"mn.{name}", getattr(mn, name)) for name in dir(mn))
    for name in sorted({"lr", "models"} | mn._SUBPACKAGES):
        yield from ((f"mn.{name}.{inner}", value) for inner, value in exported(getattr(mn, name)).items())
    for file in pkgutil.iter_modules(experiments.__path__):
        found = exported(importlib.import_module(f"minnet.experiments.{file.name}"))
        yield from ((f"{file.name}.{name}", value) for name, value in found.items() if inspect.isclass(value))
    yield from ((f"mn.draw.{kind.__name__}", kind) for kind in mn.draw.Drawing.__subclasses__())
    yield from in_lessons()


@dataclass(frozen=True)
class Door:
    """One public callable."""

    name: str
    function: object  # a function, a class, or a function of a class that takes self
    owner: type | None = None

    @property
    def folder(self):
        return inspect.unwrap(self.function).__module__.split(".")[1]

    @property
    def kind(self):
        """The name of its class, if it is a method."""
        return self.name.rpartition(".")[0]

    @cached_property
    def parameters(self):
        """The names of its parameters and their kinds; of ``**how`` those that are in `KEYWORDS`."""
        found = dict(inspect.signature(self.function).parameters)
        if self.owner:
            found.pop(next(iter(found)))
        return found

    def good(self):
        """Arguments with which it works, {parameter: value}."""
        own = {**HERE.get(self.folder, {}), **HERE.get(f"{self.kind}.*", {}), **HERE.get(self.name, {})}
        if self.name.endswith(".__call__") and issubclass(self.owner, mn.Layer):
            own["x"] = lambda: self.owner.example(np.random.default_rng(0))[1]
        given = {}
        for name, parameter in self.parameters.items():
            if name in own:
                given[name] = own[name]()
            elif parameter.kind is parameter.VAR_KEYWORD:
                continue
            elif parameter.default is parameter.empty or name in BRIEF:
                if name not in GOOD:
                    pytest.fail(f"{self.name} has a parameter {name!r}, for which there is no good value; add one to "
                                f"GOOD (or to HERE[{self.name!r}], if it is only right there) in {__file__}")
                given[name] = GOOD[name]()
        return given

    def substituted(self):
        """What is replaced, one after the other: each parameter, and each word of ``**how``."""
        for name, parameter in self.parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                yield from ((name, word) for word in KEYWORDS.get(name, ("no_such_word",)))
            elif name not in NOT_REPLACED:
                yield name, None

    def receiver(self):
        """An object to call it on."""
        kind = self.owner
        if kind.__name__ in RECEIVERS:
            return RECEIVERS[kind.__name__]()
        if issubclass(kind, mn.Layer):
            return kind.example(np.random.default_rng(0))[0]
        if issubclass(kind, mn.explore.Explorer):
            return kind.example()
        if kind.__module__.startswith("minnet.experiments.") and not holds_what_it_is_given(kind):
            return kind(**Door(self.kind, kind).good())
        pytest.fail(f"{self.name} is a method, and there is no {kind.__name__} to call it on; add one to RECEIVERS in "
                    f"{__file__}")


def doors():
    """All public callables with parameters, once each."""
    found = {}
    for name, value in named():
        if not (getattr(value, "__module__", None) or "").startswith("minnet.") or not asked(value):
            continue
        if inspect.isfunction(value):
            found.setdefault(value, Door(name, value))
        elif inspect.isclass(value) and not issubclass(value, BaseException):
            if not holds_what_it_is_given(value):
                found.setdefault(value, Door(name, value))
            for word, function in methods(value):
                owner = value if inspect.isfunction(function) else None  # a class method needs no object
                found.setdefault((function, word == "__call__" and value), Door(f"{name}.{word}", function, owner))
    return {door.name: door for door in found.values() if door.parameters}


def asked(function):
    """Whether it is none of the exceptions, by its name, or by that of its class or its file."""
    names = {function.__name__, function.__qualname__, function.__module__.rpartition(".")[2]}
    return not names & {word for words in NOT_ASKED for word in words.split("|")}


def holds_what_it_is_given(kind):
    """Whether a class is a record of results: its constructor was generated and looks at nothing."""
    fields = inspect.signature(kind).parameters.values()
    return hasattr(kind, "_fields") or kind is mn.explore.Explorer or (
        issubclass(kind, mn.draw.Drawing) and kind is not mn.draw.Drawing) or (
        is_dataclass(kind) and not hasattr(kind, "__post_init__") and any(p.default is p.empty for p in fields))


def methods(kind):
    """Public methods and setters of a class that were written in minnet, as (name, function that takes self)."""
    computes = getattr(kind, "example", None) is not mn.Layer.example  # no base of layers
    for word in dir(kind):
        static = inspect.getattr_static(kind, word)
        if isinstance(static, property) and static.fset and static.fset.__module__.startswith("minnet."):
            yield f"{word}=", static.fset
        elif isinstance(static, classmethod) and static.__func__.__module__.startswith("minnet.") and word[0] != "_":
            yield word, getattr(kind, word)
        elif (isinstance(static, FunctionType) and (static.__module__ or "").startswith("minnet.") and asked(static)
              and (word[0] != "_" or (word == "__call__" and computes))):
            yield word, static


DOORS = doors()


# ---- one call -------------------------------------------------------------------------------------------

class Endless(BaseException):
    """A call has taken too long."""


@contextmanager
def limited():
    def stop(*_):
        raise Endless

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def use(result, door):
    """Use what a call has given, a little; what is wrong with its arguments is said before."""
    if inspect.isgenerator(result):
        for _ in zip(range(2), result, strict=False):
            pass
    elif isinstance(result, AbstractContextManager) and not hasattr(result, "shape"):
        with result:
            pass
    elif isinstance(result, (FunctionType, partial)) and door.folder in ("nn", "pruning"):
        takes_a_net = door.function.__module__.endswith(("structure", "scope"))
        result(trained().copy() if takes_a_net else 3)


def public_state(value, inside=()):
    """What of an object must not change when a call ends in an error, in a form that can be compared."""
    if id(value) in inside:
        return None
    inside = (*inside, id(value))
    if isinstance(value, np.ndarray):
        numbers = repr(value) if value.dtype == object else value.tobytes()
        return value.shape, value.dtype.str, value.flags.writeable, numbers
    if isinstance(value, mn.Param):
        names = "data", "mask", "grad", "erased", "axes", "prunable"
        return [public_state(getattr(value, name), inside) for name in names]
    if isinstance(value, mn.Layer):
        return repr(value), [public_state(param, inside) for param in value.params()]
    if isinstance(value, mn.explore.Explorer):
        return value.state, len(value.errors), public_state(value.experiment, inside)
    if isinstance(value, dict):
        return [(repr(key), public_state(each, inside)) for key, each in value.items()]
    if isinstance(value, (list, tuple)):
        return [public_state(each, inside) for each in value]
    if type(value).__module__.startswith("minnet.") and hasattr(value, "__dict__"):
        return {name: public_state(each, inside) for name, each in vars(value).items() if not name.startswith("_")}
    return repr(value) if isinstance(value, (int, float, str, bytes, set, frozenset)) else None


def files():
    return sorted((str(path), path.stat().st_size) for path in Path().rglob("*"))


@cache
def raising(file):
    """The lines of a file that belong to a ``raise``."""
    return {line for node in ast.walk(ast.parse(Path(file).read_text())) if isinstance(node, ast.Raise)
            for line in range(node.lineno, node.end_lineno + 1)}


def is_own(error, parameter):
    """Whether minnet raised it."""
    kind, _ = OWN_WORDS.get(parameter, ((), None))
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    file = Path(frame.f_code.co_filename)
    explicit = file.is_relative_to(PACKAGE) and line in raising(file)
    return isinstance(error, kind) or (explicit and isinstance(error, ERRORS))


def call(door, given, self_):
    """Call it; what went wrong, or None."""
    signature = inspect.signature(door.function)
    bound = inspect.BoundArguments(signature, dict(given))
    if door.owner:
        bound.arguments = {next(iter(signature.parameters)): self_, **given}
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL and name in bound.arguments:
            bound.arguments[name] = many(name, bound.arguments[name])
    bound.apply_defaults()
    try:
        with limited(), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            result = door.function(*bound.args, **bound.kwargs)
            try:
                use(result, door)
            finally:
                if hasattr(result, "close"):
                    result.close()
    except (Exception, Endless) as error:
        return error
    finally:
        mn.lecture(False)
    return None


def takes_long(receiver):
    """Whether it is made only once for all values."""
    return isinstance(receiver, mn.explore.Explorer) or type(receiver).__module__.startswith("minnet.experiments.")


def tried(door):
    """Call it with each bad value; what has happened, {(parameter, value): None, or what is wrong}."""
    self_ = door.owner and door.receiver()
    error = call(door, door.good(), self_)
    if error is not None:
        raise AssertionError(f"{door.name} does not work with what should be good arguments, {door.good()}; correct "
                             "GOOD, HERE or RECEIVERS") from error
    found = {}
    for name, word in door.substituted():
        for said, bad in BAD.items():
            if said == "10**30" and (word or name) in UNCOUNTED:
                continue
            self_ = door.owner and (self_ if takes_long(self_) else door.receiver())
            given = door.good()
            given[name] = {**given.get(name, {}), word: bad()} if word else bad()
            kept = public_state([self_, given]), files()
            error = call(door, given, self_)
            found[word or name, said] = None
            if error is not None:
                if not is_own(error, word or name):
                    *_, frame = traceback.extract_tb(error.__traceback__)
                    what = f"{type(error).__name__}: {error}".splitlines()[0][:100]
                    found[word or name, said] = f"{RAW}: {what} ({Path(frame.filename).name}:{frame.lineno})"
                elif (public_state([self_, given]), files()) != kept:
                    found[word or name, said] = f"{CHANGED}: {type(error).__name__}: {error}"
    return found


# ---- the test, and the figures --------------------------------------------------------------------------

@pytest.mark.parametrize("name", DOORS)
def test_a_wrong_argument_works_or_is_named(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wrong = [f"{parameter}={value}: {what}" for (parameter, value), what in tried(DOORS[name]).items() if what]
    assert not wrong, f"{name} ends in errors that are not minnet's own, or changes something:\n" + "\n".join(wrong)


def figures(part=None):
    """Print callables × values = calls, raw errors and changed states, by folder; of a part, each fault as well."""
    rows = {}
    for name, door in DOORS.items():
        if part is None or part in name:
            found = tried(door)
            row = rows.setdefault(door.folder, Counter())
            row.update(callables=1, parameters=len({parameter for parameter, _ in found}), calls=len(found))
            for (parameter, value), what in found.items():
                if what:
                    row.update([what.partition(":")[0]])
                    if part is not None:
                        print(f"{name}({parameter}={value}): {what}", flush=True)
    heads = "callables", "parameters", "calls", RAW, CHANGED
    print(f"{'folder':14}" + "".join(f"{head:>14}" for head in heads))
    for folder, row in [*sorted(rows.items()), ("all", sum(rows.values(), Counter()))]:
        print(f"{folder:14}" + "".join(f"{row[head]:14,}" for head in heads))
    print(f"Each parameter is replaced by each of {len(BAD)} values, but a number of things to do never by 10**30.")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        figures(*sys.argv[1:2])
