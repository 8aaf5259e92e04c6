"""How many bytes the weights of a network take, in each format and at every sparsity.

A note of where a number stood costs bytes as well. So a sparse format is larger than the dense matrix at first, and
there is a sparsity, its break-even, from which on it is smaller. All bytes are those of arrays that were really made.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from minnet.formats import COO, CSR, NM, Bitmap, Blocks

FORMATS = {
    "COO": COO.from_dense,
    "CSR": CSR.from_dense,
    "bitmap": Bitmap.from_dense,
    "blocks of 4": partial(Blocks.from_dense, block=(4, 1)),  # four outputs, one input
}
HALF = "2:4"


class Scales:
    """Weighs a network at given sparsities.

    Parameters
    ----------
    runners : Runners
        Whose networks are weighed.
    places : sequence of int
        Sparsities in percent.

    Attributes
    ----------
    dense : int
        Bytes of all weights as plain arrays.
    half : int
        Bytes of the 2:4 network, whose sparsity is always one half.
    bytes : dict of {format: ndarray of int, (places,)}
    """

    def __init__(self, runners, places):
        self.places = tuple(places)
        self.dense = sum(param.data.nbytes for param in runners.whole.params() if param.prunable)
        self.half = weigh(runners.half, NM.from_dense)
        self.bytes = {name: np.zeros(len(self.places), np.int64) for name in FORMATS}
        for place, percent in enumerate(self.places):
            single, fours = (runners.pruned(percent / 100, blocks) for blocks in (False, True))
            for name, convert in FORMATS.items():
                self.bytes[name][place] = weigh(fours if name == "blocks of 4" else single, convert)

    def at(self, percent):
        """{format: bytes} at one of the places."""
        return {name: int(many[self.places.index(percent)]) for name, many in self.bytes.items()}

    def break_even(self, name):
        """The percentage from which on a format is smaller than dense; None if it never is."""
        gap = self.bytes[name] - self.dense
        if gap[-1] > 0:
            return None
        above = np.flatnonzero(gap > 0)
        if not len(above):
            return float(self.places[0])
        left, right = above[-1], above[-1] + 1
        share = gap[left] / (gap[left] - gap[right])
        return self.places[left] + share * (self.places[right] - self.places[left])


def weigh(net, convert):
    """Bytes of all weights of a network in a format."""
    return sum(convert(param.value.T).nbytes for param in net.params() if param.prunable)
