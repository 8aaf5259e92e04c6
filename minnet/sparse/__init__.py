"""Sparse networks: store and multiply only the weights that are left, with numba.

`compile(net)` turns a pruned network into a predictor: you call it like the network, it returns the same outputs, and
above a certain sparsity it is faster. The files, from the outside in: `predictor` splits the network into steps
(`predictor_steps`, `conv_step`), `idle_neurons` leaves out what does not affect the output, `cost_model` decides how
each layer is computed, `packing` stores its weights, `tile_kernel` multiplies them for `tiles` of samples,
`single_sample_kernel` for one sample and `conv_kernel` for convolutions, `simd` gives the kernels vectors of 8 or 16
numbers, and `jit` compiles them with numba. `naive_csr` is the textbook loop that this improves on, and `roofline`
measures the limits of the computer.

`steps` is the loop of `mn.steps` for pruned networks: `training` manages the run, `training_kernel` computes the
forward and backward passes.
"""

from minnet.sparse.predictor import Predictor, compile
from minnet.sparse.training import steps

__all__ = ["Predictor", "compile", "steps"]
