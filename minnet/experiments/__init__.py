"""Experiments: what the lessons, the explorers, the exercises and the benchmarks compute, numbers only.

Each is an object that keeps what it has trained so far; what takes long is a generator that can be stopped between two
steps. Nothing here knows of matplotlib or ipywidgets.
"""

from minnet.data.dataset import Split
from minnet.messages import function, short
from minnet.nn.arguments import samples
from minnet.nn.layer import the_network

BATCH = 64  # samples in a prediction that is measured: few enough for the caches of a processor


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
        samples(data.train, "train on"), samples(data.val)
        return data.train, data.val
    return None, Split(*samples(data))


def whole_set(data):
    """A data set, for experiments that train on one part and measure on another."""
    if parts(data)[0] is None:
        raise TypeError(f"a whole data set is wanted, with .train and .val, got {type(data).__name__}; write for "
                        "example mn.data.digits()")
    return data


def networks(nets):
    """Several networks, as a list or as {name: network}."""
    if not isinstance(nets, (list, tuple, dict)) or not nets:
        raise TypeError(f"several networks are wanted, got {short(nets)}; write for example [net]")
    for net in nets.values() if isinstance(nets, dict) else nets:
        the_network(net)
    return nets


def maker(make, seed=0):
    """A function that makes an untrained network from a seed; it is tried out."""
    the_network(function(make, "make", "make(seed) -> an untrained network")(seed))
    return make
