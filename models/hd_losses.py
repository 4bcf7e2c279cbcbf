"""The losses of SAEHD, by default those that DeepFaceLab 2 minimizes, so that its models go on.

They differ where it is at fault: its blur darkens the mask at the border of the image, what is
beyond the frame's edge counts there, and its background style looks outside of src's mask, not
dst's. Its switch for eyes and mouth is --eyes-mouth-priority 6 here; the map falls off softly.
"""

from models.backend import Tensor, keras
from models.base import Batch
from models.losses import dssim, gaussian_blur, mean_square, style

STRUCTURE_WEIGHT = PIXEL_WEIGHT = MASK_WEIGHT = 10
PRIORITY_WEIGHT = 50
PUBLISHED_PRIORITY = 6.0  # the priority of eyes and mouth that is DeepFaceLab's switch
STYLE_WEIGHT = 10_000 / 3
LARGE = 256  # pixels, from which structure counts in windows of two sizes


def seen(side: Batch, *, masked: bool) -> Tensor:
    """Return how much each pixel counts, (N, R, R, 1): those near the mask, or all in the frame."""
    return soft_mask(side) * side.in_frame if masked else side.in_frame


def soft_mask(side: Batch) -> Tensor:
    """Return the mask, (N, R, R, 1), falling to 0 around itself."""
    blurred = gaussian_blur(side.mask, max(1, side.mask.shape[1] // 32))
    return 2 * keras.ops.minimum(blurred, 0.5)


def image_loss(side: Batch, image: Tensor, weight: Tensor, priority: float = 0.0) -> Tensor:
    """Return structure + pixels + `priority` times the pixels of eyes and mouth, a scalar.

    Parameters
    ----------
    weight : (N, R, R, 1) float32
        How much each pixel counts, see `seen`; eyes and mouth count in any case.
    """
    loss = difference(side.target * weight, image * weight)
    if priority:
        spots = side.priority * side.in_frame
        apart = keras.ops.mean(keras.ops.abs(side.target - image) * spots)
        loss += PRIORITY_WEIGHT * priority * apart
    return loss


def mask_loss(side: Batch, mask: Tensor) -> Tensor:
    """Return the weighted mean squared error of masks within the frame, a scalar."""
    return MASK_WEIGHT * mean_square(side.mask * side.in_frame, mask * side.in_frame)


def difference(target: Tensor, predicted: Tensor) -> Tensor:
    """Return the distance of images in structure and pixels, a scalar."""
    windows = _windows(target.shape[1])
    structure = sum(keras.ops.mean(dssim(target, predicted, side)) for side in windows)
    pixels = mean_square(target, predicted)
    return STRUCTURE_WEIGHT * structure / len(windows) + PIXEL_WEIGHT * pixels


def style_loss(target: Tensor, swapped: Tensor) -> Tensor:
    """Return the distance of (N, R, R, 3) faces in color and contrast, a scalar."""
    faces = (gaussian_blur(x, target.shape[1] // 8) for x in (target, swapped))
    return STYLE_WEIGHT * keras.ops.mean(style(*faces))


def _windows(resolution: int) -> list[int]:
    """Return the sides of DSSIM's windows, pixels: 11 for images of 128."""
    shares = [11.6] if resolution < LARGE else [11.6, 23.2]
    return [int(resolution / share) for share in shares]
