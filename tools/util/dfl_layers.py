"""Where the weights of our SAEHD and AMP are in the files of DeepFaceLab 2.

Both have the same layers; here some are in another network, some are joined, and all images are
flattened with the channels last, there with the channels first.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from models.backend import keras
from models.base import ModelBase
from tools.util import dfl_model
from tools.util.dfl_model import DflModel
from utils.console import quoted
from utils.errors import InputError

NAMES = {
    r"down(\d)_conv": r"down\1/conv1",
    r"res(\d)_conv(\d)": r"res\1/conv\2",
    r"up(\d)_conv": r"upscale\1/conv1",
    r"mask_up(\d)_conv": r"upscalem\1/conv1",
    r"inter_code": "dense1",
    r"inter_dense": "dense2",
    r"inter_up_conv": "upscale1/conv1",
    r"image|image_first": "out_conv",
    r"image_others": "out_conv1 out_conv2 out_conv3",
    r"mask": "out_convm",
}
"""Our layers to theirs, of which several are joined along the last axis."""
FIRST_LETTERS = re.compile(r"down(\d)_conv")
"""Layers of an encoder, which have other names where it is not that of the letter t."""
PARTS = ("weight", "bias")


class Source(NamedTuple):
    """Where an array of ours comes from.

    Attributes
    ----------
    file : str
        The network, as their file calls it.
    names : tuple of str
        Their arrays, joined along the last axis.
    shape : tuple of int
        Of ours.
    rows, columns : (H, W, C) or None
        An image that the rows or the columns stand for; theirs are in the order (C, H, W).
    """

    file: str
    names: tuple[str, ...]
    shape: tuple[int, ...]
    rows: tuple[int, ...] | None = None
    columns: tuple[int, ...] | None = None

    @property
    def part(self) -> tuple[int, ...]:
        """The shape of each of their arrays."""
        *first, last = self.shape
        return (*first, last // len(self.names))

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return int(np.prod(self.shape))

    def of(self, arrays: Mapping[str, np.ndarray], path: str) -> np.ndarray:
        """Return our array.

        Parameters
        ----------
        path : str
            Their file, for messages.

        Raises
        ------
        InputError
            If theirs are missing, have another shape, or are not numbers.
        """
        found = [_checked(arrays.get(name), name, self.part, path) for name in self.names]
        array = found[0] if len(found) == 1 else np.concatenate(found, axis=-1)
        if self.rows:
            array = _channels_last(array.T, self.rows).T
        if self.columns:
            array = _channels_last(array, self.columns)
        return array.astype(np.float32, copy=False)


def sources(model: ModelBase) -> dict[str, list[Source]]:
    """Return where the arrays of each network come from, in Keras's order."""
    encoder = model.networks["encoder"]
    flat = tuple(encoder.get_layer("flatten").input.shape[1:])
    taller = any(layer.name == "res1_conv1" for layer in encoder.layers)
    return {
        name: [
            source
            for layer in network.layers
            if layer.weights
            for source in _sources_of(layer, network, name, flat, taller=taller)
        ]
        for name, network in model.networks.items()
    }


def _sources_of(
    layer: "keras.Layer", network: "keras.Model", name: str, flat: tuple[int, ...], *, taller: bool
) -> list[Source]:
    # df's encoder of ours goes on through what is in a file of its own there
    inter = layer.name.startswith("inter") and "inter_dense" in _names(network)
    file = "inter" if inter and name == "encoder" else name
    rows = flat if layer.name == "inter_code" else None
    columns = None
    if layer.name == "inter_dense":
        columns = tuple(network.get_layer("inter_reshape").output.shape[1:])
    return [
        Source(
            file,
            tuple(f"{theirs}/{part}" for theirs in their_names(layer.name, taller=taller)),
            tuple(variable.shape),
            rows if part == "weight" else None,
            columns,
        )
        for part, variable in zip(PARTS, layer.weights, strict=True)
    ]


def _names(network: "keras.Model") -> set[str]:
    return {layer.name for layer in network.layers}


def their_names(layer: str, *, taller: bool) -> tuple[str, ...]:
    """Return the layers of theirs that make one of ours."""
    if not taller and (match := FIRST_LETTERS.fullmatch(layer)):
        return (f"down1/downs_{int(match[1]) - 1}/conv1",)
    for pattern, names in NAMES.items():
        if match := re.fullmatch(pattern, layer):
            return tuple(match.expand(names).split())
    raise KeyError(layer)


def read_network(old: DflModel, wanted: Sequence[Source]) -> list[np.ndarray]:
    """Return the arrays of one of our networks; their files are read one after another.

    Raises
    ------
    InputError
        If a file is missing or damaged, or holds other weights.
    """
    arrays: list[np.ndarray] = [np.empty(0)] * len(wanted)
    for file in dict.fromkeys(source.file for source in wanted):
        here = {number: source for number, source in enumerate(wanted) if source.file == file}
        path = old.path(file)
        theirs = dfl_model.read_weights(path, [source.size for source in here.values()])
        names = {name for source in here.values() for name in source.names}
        if more := sorted(theirs.keys() - names):
            raise InputError(
                f'"{path.name}" holds weights that the model in "{old.data.name}" does not have, '
                f"such as {quoted(more[0])}; the two do not belong together"
            )
        for number, source in here.items():
            arrays[number] = source.of(theirs, path.name)
    return arrays


def _checked(array: np.ndarray | None, name: str, shape: tuple[int, ...], path: str) -> np.ndarray:
    if array is None:
        raise InputError(f'"{path}" lacks the weights {quoted(name)}; {dfl_model.REMEDY}')
    if array.shape != shape:
        raise InputError(
            f'"{path}" does not fit the options of its model: {name}. '
            f"Expected: {shape}. Received: {array.shape}"
        )
    if not np.isfinite(array).all():
        raise InputError(
            f'"{path}" holds numbers that are not finite, in {name}: that training had collapsed; '
            "take a backup of the model"
        )
    return array


def _channels_last(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Reorder the last axis from (C, H, W) to (H, W, C)."""
    height, width, channels = shape
    split = array.reshape(*array.shape[:-1], channels, height, width)
    return np.moveaxis(split, -3, -1).reshape(array.shape)
