"""Weight initialization of the preset `fast`, with which a network learns from the first step.

Keras's default (Glorot) averages over a convolution's inputs and outputs and ignores the activation
that follows: through twelve layers the signal shrinks to a few percent. Here each layer preserves
the variance of its input (He et al. 2015, for LeakyReLU), and the four channels that a
depth-to-space puts side by side start equal (Aitken et al. 2017, "ICNR"), so there is no
checkerboard to unlearn.
"""

from collections.abc import Iterable

import numpy as np

from models.backend import keras
from models.blocks import LEAK


def initialize(networks: Iterable["keras.Model"], seed: int) -> None:
    """Draw new kernels for all convolutions and dense layers; biases stay 0."""
    rng = np.random.default_rng([seed, 1])
    for network in networks:
        for layer in network.layers:
            if isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)):
                layer.kernel.assign(kernel(layer, _followers(network, layer), rng))


def kernel(layer: "keras.Layer", followers: set[str], rng: np.random.Generator) -> np.ndarray:
    """Return a kernel for a layer.

    Parameters
    ----------
    followers : set of str
        What follows the layer: "leaky" (LeakyReLU), "split" (of a depth-to-space).
    """
    shape = tuple(layer.kernel.shape)
    inputs, outputs = int(np.prod(shape[:-1])), shape[-1]
    spread = np.sqrt((2 / (1 + LEAK**2) if "leaky" in followers else 1) / inputs)
    repeats = 4 if "split" in followers else 1
    weights = rng.standard_normal((inputs, outputs // repeats), np.float32) * np.float32(spread)
    return np.tile(weights, repeats).reshape(shape)


def _followers(network: "keras.Model", layer: "keras.Layer") -> set[str]:
    """Return what `models/blocks.py` put after a convolution, by the names it gave."""
    names = {other.name for other in network.layers}
    stem = layer.name.removesuffix("_conv")
    return {part for part in ("leaky", "split") if f"{stem}_{part}" in names}
