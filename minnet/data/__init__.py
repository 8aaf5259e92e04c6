"""Data to learn from.  Each function returns a `Dataset` with ``.train``, ``.val`` and ``.test``."""

from minnet.data.dataset import Dataset, Split
from minnet.data.handwriting import mnist
from minnet.data.optical import digits
from minnet.data.sequences import recall, spelled
from minnet.data.signals import mnist1d

__all__ = ["Dataset", "Split", "digits", "mnist", "mnist1d", "recall", "spelled"]
