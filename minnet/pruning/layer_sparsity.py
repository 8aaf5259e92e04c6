"""How a network's sparsity is distributed over its layers.

`mn.prune` takes one sparsity for all layers, or a dict with one for each layer; these functions return such dicts.
"""

from __future__ import annotations

from minnet.messages import fraction, number, sequence
from minnet.nn.layer import the_network


def erdos_renyi(net, sparsity):
    """Let small layers keep more: density ∝ (n_in + n_out) / (n_in · n_out).

    Mocanu et al. 2018; for convolutions, the kernel's height and width are part of both terms (Evci et al. 2020).  A
    layer whose density would exceed 1 stays dense, and the others become sparser to compensate.

    Parameters
    ----------
    net : Layer
    sparsity : float
        Of the whole network.

    Returns
    -------
    dict of {layer: float}
    """
    to_keep = 1 - fraction(sparsity)
    layers = {}
    for param in the_network(net).params():
        if param.prunable:
            size, sides = layers.get(name := param.path.rpartition(".")[0], (0, 0))
            layers[name] = size + param.size, sides + sum(param.shape)
    left = to_keep * sum(size for size, _ in layers.values())
    density = dict.fromkeys(layers, 1.0)
    open_ones = set(layers)
    while open_ones:
        share = left / sum(layers[name][1] for name in open_ones)
        full = {name for name in open_ones if share * layers[name][1] >= layers[name][0]}
        if not full:
            for name in open_ones:
                density[name] = share * layers[name][1] / layers[name][0]
            break
        left -= sum(layers[name][0] for name in full)
        open_ones -= full
    return {name: 1 - density[name] for name in layers}


def tolerated(scan, sparsities, drop=0.02):
    """For each layer, the largest sparsity at which the network, otherwise dense, loses at most ``drop``.

    Parameters
    ----------
    scan : dict of {layer: list of float}
        From `sensitivity`, starting with the accuracy of the dense network (sparsity 0).
    sparsities : sequence of float
        The sparsities of the scan.
    drop : float
        In accuracy, 0 to 1.

    Returns
    -------
    dict of {layer: float}
    """
    sparsities, drop = sequence(sparsities, "sparsities", fraction, "(0, 0.5, 0.9)"), number(drop, "drop")
    if not sparsities or sparsities[0] != 0:
        raise ValueError(f"the scan has to begin with sparsity 0, the whole network; its sparsities are {sparsities}")
    if not isinstance(scan, dict) or any(len(sequence(each, name, number, "[0.9, 0.8]")) != len(sparsities)
                                         for name, each in scan.items()):
        raise TypeError("a scan is {layer: accuracies}, one for each sparsity, as mn.sensitivity gives it")
    return {name: max(s for s, a in zip(sparsities, found, strict=True) if a >= found[0] - drop)
            for name, found in scan.items()}
