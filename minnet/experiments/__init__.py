"""Experiments: what the lessons, the explorers, the exercises and the benchmarks compute, numbers only.

Each is an object that keeps what it has trained so far; what takes long is a generator that can be stopped between two
steps. Nothing here knows of matplotlib or ipywidgets.
"""

from minnet import measure
from minnet.data.dataset import Split
from minnet.nn.arguments import finite, measurable, samples
from minnet.pruning import scope

BATCH = 64  # samples in a prediction that is measured: few enough for the caches of a processor
SCOPES = {"network": scope.network, "layer": scope.layer}  # which units compete, by name


def parts(data, *nets, whole=False):
    """What an experiment trains on and what it measures on, looked at before anything is trained.

    Parameters
    ----------
    data : Dataset, or one part of it: Split or pair (x, y)
    *nets : Layer
        Every part has to fit them: samples of their shape, labels among their classes.
    whole : bool
        Whether it must be a whole data set.

    Returns
    -------
    train : Split or None
        None where there is only one part.
    split : Split

    Raises
    ------
    TypeError, ValueError
    """
    for net in nets:
        prunable(net)
    if hasattr(data, "train") and hasattr(data, "val"):
        found = data.train, data.val
    elif whole:
        raise TypeError(f"this trains and measures and takes a whole data set, got {type(data).__name__}; write for "
                        "example digits = mn.data.digits(), and pass digits, not digits.train")
    else:
        found = None, Split(*samples(data))
    for part in found:
        for net in nets if part is not None else ():
            measurable(net, part)
    return found


def prunable(net):
    """A network that has weights, all of them numbers."""
    if not measure.parameters(finite(net)).weights:
        raise ValueError(f"{net!r:.60} has no weights; pruned and compacted to nothing, it can't be pruned again")
    return net
