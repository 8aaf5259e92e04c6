"""*How often*: prune and retrain once (one-shot), or in many rounds (iterative) at the same cost.

Prune a little, let the network recover, prune again.  What distinguishes one-shot pruning, iterative pruning and
lottery tickets is an argument each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minnet.messages import fraction, generator, keywords, number, sequence
from minnet.nn import arguments
from minnet.nn.checkpoint import rewind
from minnet.nn.evaluation import accuracy
from minnet.nn.layer import the_network
from minnet.nn.losses import cross_entropy
from minnet.nn.train import checked, steps, steps_for
from minnet.pruning.ranking import prune, rank, sparsity
from minnet.pruning.schedule import geometric
from minnet.pruning.scope import layer


@dataclass(frozen=True)
class Round:
    """One round of `iterate`: ``accuracy`` is None where no validation data were given."""

    index: int
    sparsity: float
    loss: float
    accuracy: float | None


def iterate(net, data, *, rounds=5, final=0.9, epochs=20, optimiser=None, batch=32, rewind_to=None,
            validation=None, rng=None, loss=cross_entropy, **how):
    """Prune and retrain, in rounds.

    The retraining budget is fixed: ``epochs`` in all, divided equally between the rounds, so that one round and
    twenty rounds can be compared fairly.  There are three common ways to retrain:

    - *fine-tuning*: an optimiser with a small constant learning rate;
    - *learning-rate rewinding*: the learning-rate schedule of the first training, which starts again in each round
      (Renda et al. 2020);
    - *weight rewinding*: ``rewind_to=mn.snapshot(net)``, taken at or near the start of training: after each pruning
      step the weights return to it, the masks stay (Frankle & Carbin 2019).

    Parameters
    ----------
    net : Layer
        Trained; changed in place.
    data : data
        Training data.
    rounds : int
    final : float
        Sparsity after the last round; each round removes the same fraction of what is left.
    epochs : float
        Epochs of retraining, in all rounds together.
    optimiser, batch, loss
        As in `steps`.
    rewind_to : snapshot, optional
    validation : data, optional
    rng : numpy.random.Generator, seed or None
    **how
        ``criterion``, ``structure``, ``scope`` and ``combine``, as in `prune`.

    Yields
    ------
    Round
    """
    running = step_by_step(net, data, rounds=rounds, final=final, epochs=epochs, optimiser=optimiser, batch=batch,
                           rewind_to=rewind_to, validation=validation, rng=rng, loss=loss, **how)
    return (done for done in running if isinstance(done, Round))


def step_by_step(net, data, *, rounds=5, final=0.9, epochs=20, optimiser=None, batch=32, rewind_to=None,
                 validation=None, rng=None, loss=cross_entropy, **how):
    """`iterate` step by step, so that you can watch and stop it within a round.

    Yields
    ------
    Step or Round
        Every step of training, and each round when it is done.
    """
    # All of this is looked at now, and not when the first round begins.
    levels, rng = geometric(final, rounds), generator(rng)
    budget = round(steps_for(data, number(epochs, "epochs"), batch))
    checked(net, data, budget, batch, loss)
    if optimiser is not None:
        arguments.optimiser(optimiser)
    if rewind_to is not None:
        arguments.snapshot(net, rewind_to)
    if validation is not None:
        arguments.measurable(net, validation)
    keywords(how, ("criterion", "structure", "scope", "combine"), "iterate")
    rank(net, data=data, rng=0, loss=loss, **how)
    return _rounds(net, data, levels, budget, optimiser, batch, rewind_to, validation, rng, loss, how)


def _rounds(net, data, levels, budget, optimiser, batch, rewind_to, validation, rng, loss, how):
    rounds = len(levels)
    for index, target in enumerate(levels):
        prune(net, target, data=data, rng=rng, loss=loss, **how)
        if rewind_to is not None:
            rewind(net, rewind_to)
        count, losses = budget * (index + 1) // rounds - budget * index // rounds, []
        for step in steps(net, data, optimiser, count=count, batch=batch, rng=rng, loss=loss):
            losses.append(step.loss)
            yield step
        yield Round(index, sparsity(net), float(np.mean(losses[-20:])) if losses else float("nan"),
                    None if validation is None else accuracy(net, validation))


def sensitivity(net, data, sparsities=(0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99), *, validation=None, **how):
    """Accuracy when each layer is pruned alone: which layers are sensitive to pruning?

    Parameters
    ----------
    net : Layer
        Left as it is.
    data : data
        For criteria that look at data.
    sparsities : sequence of float
    validation : data, optional
        The data to measure accuracy on; by default ``data``.
    **how
        ``criterion``, ``structure``, ``combine`` and ``rng``, as in `rank`.

    Returns
    -------
    dict of {layer: list of float}
        The accuracy at each sparsity.
    """
    keywords(how, ("criterion", "structure", "combine", "rng", "loss"), "sensitivity")
    copy, sparsities = the_network(net).copy(), sequence(sparsities, "sparsities", fraction, "(0, 0.5, 0.9)")
    return scan(rank(copy, scope=layer, data=data, **how), copy, data if validation is None else validation, sparsities)


def scan(ranking, net, data, sparsities):
    """`sensitivity` of a network that is already ranked; its masks are changed."""
    found = {}
    for name in ranking.units.layer_names.values():
        found[name] = []
        for target in sparsities:
            ranking.apply({name: target})
            found[name].append(accuracy(net, data))
    return found
