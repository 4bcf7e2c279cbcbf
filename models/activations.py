"""What the operations of a network leave in memory for the backward pass."""

import math
from collections.abc import Iterable

from models.backend import Tensor, keras

# Their gradients read no tensor: they move, add or scale by constants.
READ_NOTHING = frozenset({
    "Add", "Average", "Cast", "Concatenate", "Cropping2D", "Dropout", "Flatten", "InputLayer",
    "Mean", "Permute", "Rescaling", "Reshape", "UpSampling2D", "ZeroPadding2D",
})  # fmt: skip
SAME_MEMORY = frozenset({"Cast", "Flatten", "Reshape"})
READ_INPUT = frozenset({"linear", "leaky_relu"})
"""Activations whose gradient does not read their output."""


class Kept(dict[int, int]):
    """Bytes of a sample that are kept for the backward pass, by the symbolic tensor's identity."""

    @property
    def size(self) -> int:
        """The sum."""
        return sum(self.values())


def kept(operations: "Iterable[keras.Operation]") -> Kept:
    """Return the tensors that the gradients of these operations read."""
    return Kept({id(owner(tensor)): size(tensor) for each in operations for tensor in _read(each)})


def owner(tensor: Tensor) -> Tensor:
    """Return the symbolic tensor whose memory another one shares."""
    operation = tensor._keras_history.operation
    while type(operation).__name__ in SAME_MEMORY:
        tensor = operation.input
        operation = tensor._keras_history.operation
    return tensor


def size(tensor: Tensor) -> int:
    """Return the bytes of a sample."""
    return math.prod(tensor.shape[1:]) * (2 if "16" in tensor.dtype else 4)


def flat(tensors: Tensor) -> list[Tensor]:
    """Return the tensors of an operation's input or output as a list."""
    return list(keras.tree.flatten(tensors))


def _read(operation: "keras.Operation") -> list[Tensor]:
    if type(operation).__name__ in READ_NOTHING:
        return []
    activation = getattr(getattr(operation, "activation", None), "__name__", "linear")
    output = [] if activation in READ_INPUT else flat(operation.output)
    return flat(operation.input) + output
