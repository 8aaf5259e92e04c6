"""Data sets.  Each function returns a `Dataset` with ``.train``, ``.val`` and ``.test``."""

from minnet.data.dataset import Dataset, Split
from minnet.data.mnist1d_signals import mnist1d
from minnet.data.mnist_files import mnist
from minnet.data.recall_sequences import recall, spelled
from minnet.data.sklearn_digits import digits

__all__ = ["Dataset", "Split", "digits", "mnist", "mnist1d", "recall", "spelled"]
