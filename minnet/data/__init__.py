"""Real data to learn from.  Each function returns a `Dataset` with ``.train``, ``.val`` and ``.test``."""

from minnet.data.dataset import Dataset, Split
from minnet.data.optical import digits

__all__ = ["Dataset", "Split", "digits"]
