"""What all members must have alike: weights, averages, and the state of all optimizers."""

from itertools import chain

import numpy as np

from models.backend import Variable, keras
from models.engine.step import TrainStep
from trainer.cluster.group import Group
from utils.errors import ModelError


def send(group: Group, step: TrainStep) -> None:
    """Give all others the state of this member."""
    arrays = [_contiguous(variable) for variable in _variables(step)]
    group.tell({"do": "restore", "shapes": [_shape(array) for array in arrays]}, arrays)


def receive(group: Group, step: TrainStep, shapes: object) -> None:
    """Take the state of rank 0.

    Parameters
    ----------
    shapes : list
        What it says of its arrays.

    Raises
    ------
    ModelError
        If the networks are not the same.
    """
    variables = _variables(step)
    arrays = [np.empty_like(_contiguous(variable)) for variable in variables]
    if shapes != [_shape(array) for array in arrays]:
        raise ModelError(
            "the network of rank 0 has another shape than this one; install the same versions of "
            "all libraries on all machines"
        )
    group.peers[0].receive_into(arrays)
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _variables(step: TrainStep) -> list[Variable]:
    networks = [*step.model.trained.values()]
    counts = [optimizer.steps for optimizer in step.optimizers]
    if step.average is not None:
        networks += step.average.model.networks.values()
        counts.append(step.average.steps)
    moments = chain.from_iterable(
        chain.from_iterable(optimizer.moments) for optimizer in step.optimizers
    )
    return [*chain.from_iterable(network.variables for network in networks), *counts, *moments]


def _contiguous(variable: Variable) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(variable), order="C")


def _shape(array: np.ndarray) -> list[object]:
    return [str(array.dtype), *array.shape]
