"""Experiments: what the lessons, the explorers, the exercises and the benchmarks compute, numbers only.

Each is an object that keeps what it has trained so far; what takes long is a generator that can be stopped between two
steps. Nothing here knows of matplotlib or ipywidgets.
"""

from minnet.data.dataset import Split
from minnet.nn.arguments import samples
from minnet.pruning import scope

BATCH = 64  # samples in a prediction that is measured: few enough for the caches of a processor
SCOPES = {"network": scope.network, "layer": scope.layer}  # which units compete, by name


def parts(data):
    """What an experiment trains on and what it measures on.

    Parameters
    ----------
    data : Dataset, or one part of it: Split or pair (x, y)

    Returns
    -------
    train : Split or None
        None where there is only one part.
    split : Split
    """
    if hasattr(data, "train") and hasattr(data, "val"):
        return data.train, data.val
    return None, Split(*samples(data))
