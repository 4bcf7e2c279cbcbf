"""What the detectors share: looking at a smaller picture, answering in the frame's pixels."""

from collections.abc import Iterable

import cv2
import numpy as np

from facelib.types import Detection, Rect

SMALLEST_SIDE = 24  # pixels; a picture narrower than that holds no face a network could find


def shrink(image: np.ndarray, long_side: int) -> tuple[np.ndarray, float]:
    """Return the image no longer than `long_side`, and the factor by which it was shrunk (<= 1)."""
    height, width = image.shape[:2]
    factor = min(1.0, long_side / max(height, width))
    if factor == 1.0:
        return image, factor
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), factor


def long_side(image: np.ndarray, usual: int, most: int, smallest: float, min_size: float) -> int:
    """Return how long the picture has to be looked at to find faces of `min_size`.

    Parameters
    ----------
    image : (H, W, 3)
    usual, most : bounds of the result, pixels
    smallest : pixels that a face needs in the picture that is looked at
    min_size : pixels of the smallest face that matters in `image`; 0 gives `usual`
    """
    if not min_size:
        return usual
    return round(min(max(usual, max(image.shape[:2]) * smallest / min_size), most))


def to_frame(
    corners: np.ndarray, score: float, factor: float, points: np.ndarray | None
) -> Detection:
    """Make a Detection of what was found in a shrunk picture.

    Parameters
    ----------
    corners : (4,) float: left, top, right, bottom in the shrunk picture
    score : any float; clipped to 0..1
    factor : by which the picture was shrunk
    points : (5, 2) float in the shrunk picture, or None
    """
    rect = Rect(*(float(value) for value in grow(corners, factor)))
    grown = None if points is None else grow(points, factor).astype(np.float32)
    return Detection(rect, min(1.0, max(0.0, float(score))), grown)


def grow(values: np.ndarray, factor: float) -> np.ndarray:
    """Return where places of a picture that was shrunk by `factor` are in the whole one."""
    # pixel centers are whole numbers, so the edge of the picture, which shrinking keeps, is at -0.5
    return (np.asarray(values, np.float64) + 0.5) / factor - 0.5


def largest_first(detections: Iterable[Detection]) -> list[Detection]:
    """Sort by area, the largest first."""
    return sorted(detections, key=lambda detection: detection.rect.area, reverse=True)
