"""The network, from scratch in NumPy: parameters, layers, losses, optimisers, the training loop, ready models."""
