"""Experiments: what the lessons, the explorers, the exercises and the benchmarks compute, numbers only.

Each is an object that keeps what it has trained so far; what takes long is a generator that can be stopped between two
steps. Nothing here knows of matplotlib or ipywidgets.
"""

BATCH = 64  # samples in a prediction that is measured: few enough for the caches of a processor
