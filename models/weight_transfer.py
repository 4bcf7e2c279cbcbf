"""`--load-weights`: starts a model with every layer that fits of another model.

Of a base model, which was trained on many people as both sides, all but the bottleneck is taken
over, as DeepFaceLab does it. Both decoders of such a model can draw anyone from a code. If the
codes kept their meaning, src's decoder would draw dst from dst's code, and nothing in the training
of a pair would teach it otherwise; with new codes it learns what they mean from src alone, while
what makes a face of them stays.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models import checkpoint, model_folder
from models.backend import keras
from models.base import ModelBase
from models.checkpoint import Generation
from utils.errors import ModelError

BETWEEN = "inter"
"""Begins the names of the networks and layers of the bottleneck, in all models."""
LayerArrays = Mapping[str, Mapping[str, list[np.ndarray]]]
"""The arrays of each layer of each network, by names."""


class LoadedLayers(NamedTuple):
    """How many of a network's layers were loaded."""

    loaded: int
    total: int


def load_weights(
    model: ModelBase, folder: Path, *, for_base: bool = False
) -> dict[str, LoadedLayers]:
    """Load the weights that fit from the model in a folder; return how many, by network.

    A layer fits when the other model has one of the same name, in a network of the same name, with
    weights of the same shapes. The models may be of different kinds. The bottleneck of a base model
    is left out.

    Parameters
    ----------
    for_base : bool
        Whether the model becomes a base itself, whose codes may keep their meaning.

    Raises
    ------
    ModelError
        If the folder holds no usable model, or nothing fits.
    """
    generation = checkpoint.load_newest(folder)
    if generation is None:
        raise ModelError(f'there is no trained model in "{folder}" to load weights from')
    saved = _saved_layers(generation)
    if model_folder.is_pretrained(generation.state) and not for_base:
        saved = _without_bottleneck(saved)
    layers = {name: _load(net, saved.get(name, {})) for name, net in model.networks.items()}
    if not any(part.loaded for part in layers.values()):
        raise ModelError(
            f'no layer of the {generation.model} model in "{folder}" fits this one; choose another '
            "folder or other settings"
        )
    return layers


def _without_bottleneck(saved: LayerArrays) -> LayerArrays:
    """Leave out the networks and layers between the encoder and the decoders, by their names."""
    return {
        network: {name: arrays for name, arrays in layers.items() if not name.startswith(BETWEEN)}
        for network, layers in saved.items()
        if not network.startswith(BETWEEN)
    }


def without_weights(build: Callable[[], ModelBase]) -> ModelBase:
    """Return the model that `build` makes; its weights have shapes but take no memory.

    Keras keeps a list, one a thread, of weights without memory, and the end of any later
    `StatelessScope` allocates all of them. So the model is built in a thread that ends.
    """

    def build_in_scope() -> ModelBase:
        with keras.StatelessScope(initialize_variables=False):
            return build()

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(build_in_scope).result()


def describe(layers: Mapping[str, LoadedLayers]) -> str:
    """Say how many layers of each network were loaded."""
    lines = [f"  {name:16}{part.loaded} of {part.total} layers" for name, part in layers.items()]
    return "\n".join(["weights loaded from the other model; the rest starts untrained", *lines])


def _load(network: "keras.Model", saved: Mapping[str, list[np.ndarray]]) -> LoadedLayers:
    loaded = total = 0
    for layer in _layers(network):
        total += 1
        arrays = saved.get(layer.name, [])
        if [array.shape for array in arrays] == [tuple(w.shape) for w in layer.weights]:
            layer.set_weights(arrays)
            loaded += 1
    return LoadedLayers(loaded, total)


def _saved_layers(generation: Generation) -> LayerArrays:
    """Return a generation's arrays by network and layer.

    The file only names the networks; the layers come from the model, built without weights.
    """
    model = without_weights(lambda: checkpoint.build_model(generation.model, generation.options))
    networks: dict[str, Mapping[str, list[np.ndarray]]] = {}
    for name, arrays in generation.weights().items():
        rest = iter(arrays)
        if name in model.networks:
            layers = _layers(model.networks[name])
            networks[name] = {
                layer.name: list(islice(rest, len(layer.weights))) for layer in layers
            }
    return networks


def _layers(network: "keras.Model") -> "Iterator[keras.Layer]":
    """Yield the layers that have weights, in the order of the network's weights."""
    return (layer for layer in network.layers if layer.weights)
