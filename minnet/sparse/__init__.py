"""Sparse networks: store and multiply only the weights that are left, with numba.

`compile(net)` turns a pruned network into a predictor: call it like the network, it gives the same answers, and from
a certain sparsity on it is faster. The files, from the outside in: `predictor` takes the network apart into steps
(`runs`, `image_run`), `shrinking` leaves out what has no work, `choice` decides how each layer is computed, `packing`
writes its weights down, `kernels` multiplies them for `tiles` of samples and `single` for one sample, `images` does so
for convolutions, `vectors` gives the kernels 8 or 16 numbers at a time, and `jit` hands them to numba. `naive` is the
textbook loop that this improves on, `roofline` measures what a computer can do at best.

`steps` is the loop of `mn.steps` for pruned networks: `training` keeps the run, `slopes` multiplies on the way forward
and back.
"""

from minnet.sparse.predictor import Predictor, compile
from minnet.sparse.training import steps

__all__ = ["Predictor", "compile", "steps"]
