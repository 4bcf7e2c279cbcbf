"""How the weights of a new network begin, so that it learns from the first step on.

Keras' own (Glorot) counts a convolution's outputs as well as its inputs and knows nothing of the
activation behind it: through twelve layers the signal shrinks to a few percent. Here each layer
keeps the size of what passes through it (He et al. 2015, for LeakyReLU), and the four convolutions
behind a depth-to-space begin equal (Aitken et al. 2017, "ICNR"), so that no checkerboard has to be
unlearned.
"""

from collections.abc import Iterable

import numpy as np

from models.backend import keras
from models.blocks import LEAK


def begin(networks: Iterable["keras.Model"], seed: int) -> None:
    """Draw the kernels of all convolutions and dense layers anew; biases stay 0."""
    rng = np.random.default_rng([seed, 1])
    for network in networks:
        for layer in network.layers:
            if isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)):
                layer.kernel.assign(kernel(layer, _behind(network, layer), rng))


def kernel(layer: "keras.Layer", behind: set[str], rng: np.random.Generator) -> np.ndarray:
    """Return a kernel for a layer.

    Parameters
    ----------
    behind : what follows the layer: "leaky", "split" (of a depth-to-space)
    """
    shape = tuple(layer.kernel.shape)
    inputs, outputs = int(np.prod(shape[:-1])), shape[-1]
    spread = np.sqrt((2 / (1 + LEAK**2) if "leaky" in behind else 1) / inputs)
    repeats = 4 if "split" in behind else 1
    weights = rng.standard_normal((inputs, outputs // repeats), np.float32) * np.float32(spread)
    return np.tile(weights, repeats).reshape(shape)


def _behind(network: "keras.Model", layer: "keras.Layer") -> set[str]:
    """Return what `models/blocks.py` put behind a convolution, by the names it gave."""
    names = {other.name for other in network.layers}
    stem = layer.name.removesuffix("_conv")
    return {part for part in ("leaky", "split") if f"{stem}_{part}" in names}
