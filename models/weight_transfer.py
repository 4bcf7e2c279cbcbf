"""Beginning a model with what another one has learned: every layer that both have alike."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from models import checkpoint
from models.backend import keras
from models.base import ModelBase
from models.checkpoint import Generation
from utils.errors import ModelError


class Taken(NamedTuple):
    """How many of a network's layers were taken."""

    layers: int
    of: int


def load_weights(model: ModelBase, folder: Path) -> dict[str, Taken]:
    """Take the weights that fit from the model in a folder; return what was taken by network.

    A layer fits when the other model has one of the same name, in a network of the same name, with
    weights of the same shapes. The models may be of different kinds.

    Raises
    ------
    ModelError
        If the folder holds no usable model, or nothing fits.
    """
    generation = checkpoint.load_newest(folder)
    if generation is None:
        raise ModelError(f'there is no trained model in "{folder}" to load weights from')
    saved = _saved_layers(generation)
    taken = {name: _take(net, saved.get(name, {})) for name, net in model.networks.items()}
    if not any(part.layers for part in taken.values()):
        raise ModelError(
            f'no layer of the {generation.model} model in "{folder}" fits this one; choose another '
            "folder or other settings"
        )
    return taken


def describe(taken: Mapping[str, Taken]) -> str:
    """Say what was taken and what was not."""
    lines = [f"  {name:16}{part.layers} of {part.of} layers" for name, part in taken.items()]
    return "\n".join(["weights taken from the other model; the rest begins untrained", *lines])


def _take(network: "keras.Model", saved: Mapping[str, list[Any]]) -> Taken:
    taken = of = 0
    for layer in _layers(network):
        of += 1
        arrays = saved.get(layer.name, [])
        if [array.shape for array in arrays] == [tuple(w.shape) for w in layer.weights]:
            layer.set_weights(arrays)
            taken += 1
    return Taken(taken, of)


def _saved_layers(generation: Generation) -> dict[str, dict[str, list[Any]]]:
    """Return a generation's arrays by network and layer.

    The file has them by network only; the model, built without memory for weights, knows the rest.
    """
    with keras.StatelessScope(initialize_variables=False):
        model = checkpoint.build_model(generation.model, generation.options)
    networks: dict[str, dict[str, list[Any]]] = {}
    for name, arrays in generation.weights().items():
        rest = iter(arrays)
        if name in model.networks:
            layers = _layers(model.networks[name])
            networks[name] = {layer.name: [next(rest) for _ in layer.weights] for layer in layers}
    return networks


def _layers(network: "keras.Model") -> Iterator[Any]:
    """Yield the layers that have weights, in the order of the network's weights."""
    return (layer for layer in network.layers if layer.weights)
