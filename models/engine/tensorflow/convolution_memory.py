"""What the faster convolutions keep in memory: rearranged copies, see `models.fast_convolution`."""

from typing import NamedTuple

import keras

from models import fast_convolution as fast
from models.winograd import POINTS, TILE

BYTES = 4  # they compute in float32


class Copies(NamedTuple):
    """Bytes of a batch.

    Attributes
    ----------
    kept : int
        For the backward pass, instead of the input.
    working : int
        While the layer, or its gradient, is computed.
    """

    kept: int
    working: int


def copies(operation: keras.Operation, count: int) -> Copies | None:
    """Return what a convolution copies of a batch; None for what copies nothing."""
    if not isinstance(operation, keras.layers.Conv2D) or not fast.is_accelerated(operation):
        return None
    _, size, _, channels = operation.input.shape
    side, depth, form = operation.kernel_size[0], operation.filters, fast.Geometry.of(operation)
    if depth < fast.FEW_CHANNELS:
        return None
    outputs = form.outputs(size, side)
    if count * outputs**2 <= fast.FEW_PIXELS[side]:
        columns = BYTES * count * outputs**2 * side**2 * channels
        return Copies(columns, 2 * columns)
    channels *= form.stride**2
    points = BYTES * POINTS**2
    weights = points * channels * depth
    points *= count * (-(-outputs // TILE)) ** 2
    return Copies(points * channels + weights, points * (channels + 2 * depth) + weights)
