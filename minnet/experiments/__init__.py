"""Experiments: what the lessons, the explorers, the exercises and the benchmarks compute, numbers only.

Each is an object that keeps what it has trained so far; what takes long is a generator that can be stopped between two
steps. Nothing here knows of matplotlib or ipywidgets.
"""

from minnet import measure
from minnet.data.dataset import Split
from minnet.messages import flag, sequence, short, whole
from minnet.nn.arguments import finite, measurable, samples
from minnet.nn.layer import Layer
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


def networks(nets):
    """Trained networks as {name: network}, from one of them, a list, or a dict."""
    if isinstance(nets, (list, tuple)):
        nets = {f"network {number}": net for number, net in enumerate(nets, 1)}
    nets = nets if isinstance(nets, dict) else {"network": nets}
    for name, net in nets.items():
        if not isinstance(net, Layer):
            raise TypeError(f"trained networks are wanted, got {name!r}: {type(net).__name__}; write for example "
                            '{"dense": net}')
    if not nets:
        raise ValueError('at least one network is needed; write for example {"dense": net}')
    return nets


def untrained(make, seed=0, *, dense=False):
    """The network that ``make(seed)`` gives; ``dense`` says whether its first layer has to be so."""
    net = make(seed) if callable(make) and not isinstance(make, (Layer, type)) else None
    if not isinstance(net, Layer):
        raise TypeError(f"make is a function that makes an untrained network from a seed, got {short(make)}; write for "
                        "example lambda seed: mn.models.mlp(64, 300, 100, 10, rng=seed)")
    if flag(dense, "dense") and [len(param.shape) for param in net.params()[:1]] != [2]:
        raise TypeError("what the neurons of the first layer look at is drawn, so that has to be a dense layer; write "
                        "for example lambda seed: mn.models.mlp(64, 300, 100, 10, rng=seed)")
    return net


def at_least_one(seeds):
    """Seeds as a tuple."""
    seeds = sequence(seeds, "seeds", whole, "(0, 1, 2)")
    if not seeds:
        raise ValueError("at least one seed is needed; write for example seeds=(0, 1, 2)")
    return seeds
