"""The catalogue of all exercises: those of every `lessonNN.py` in this folder, by id."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import minnet.exercises
from minnet.exercises.exercise import Exercise


@cache
def exercises() -> dict[str, Exercise]:
    """All exercises of all lessons, by id."""
    found = {}
    for module in pkgutil.iter_modules(minnet.exercises.__path__):
        if module.name.startswith("lesson"):
            for thing in vars(importlib.import_module(f"minnet.exercises.{module.name}")).values():
                if isinstance(thing, Exercise):
                    found[thing.id] = thing
    return found
