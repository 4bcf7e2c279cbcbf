"""What the faster convolutions keep in memory: rearranged copies, see `fast_convolution`."""

import keras

from models.engine import convolution
from models.engine.base import Copies
from models.engine.winograd import POINTS, TILE

BYTES = 4  # they compute in float32


def copies(operation: keras.Operation, count: int) -> Copies | None:
    """Return what a convolution copies of a batch; None for what copies nothing."""
    if not isinstance(operation, keras.layers.Conv2D) or not convolution.is_accelerated(operation):
        return None
    _, size, _, channels = operation.input.shape
    side, depth, form = (
        operation.kernel_size[0],
        operation.filters,
        convolution.Geometry.of(operation),
    )
    if depth < convolution.FEW_CHANNELS:
        return None
    outputs = form.outputs(size, side)
    if count * outputs**2 <= convolution.FEW_PIXELS[side]:
        columns = BYTES * count * outputs**2 * side**2 * channels
        return Copies(columns, 2 * columns)
    channels *= form.stride**2
    points = BYTES * POINTS**2
    weights = points * channels * depth
    points *= count * (-(-outputs // TILE)) ** 2
    return Copies(points * channels + weights, points * (channels + 2 * depth) + weights)
