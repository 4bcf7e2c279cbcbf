"""The losses of the training recipe, which every model can use: pixels and structure together."""

from models.backend import Tensor, keras
from models.base import Batch
from models.losses import dssim, gaussian_blur, mean_square

EXPRESSION_WEIGHT = 4  # a lid that is misjudged by a fifth of its way counts like an image's error


def image_loss(side: Batch, image: Tensor, weight: float) -> Tensor:
    """Return structure + pixels + `weight` times the pixels of eyes and mouth, a scalar.

    Structure alone leaves a new model in the mean face for hundreds of iterations; pixels alone
    stay soft; and both hardly see the eyes, which are 2 % of a face.
    """
    soft = gaussian_blur(side.mask, max(1, side.mask.shape[1] / 32)) * side.in_frame
    target, predicted = side.target * soft, image * soft
    difference = keras.ops.abs(target - predicted)
    if side.priority is not None:
        difference *= 1 + weight * side.priority
    return keras.ops.mean(dssim(target, predicted)) + keras.ops.mean(difference)


def expression_loss(src: Batch, dst: Batch, predicted: Tensor) -> Tensor:
    """Return the weighted mean squared error of what src's and dst's faces express, a scalar."""
    known = keras.ops.concatenate([src.expression, dst.expression], axis=0)
    return EXPRESSION_WEIGHT * mean_square(known, predicted)
