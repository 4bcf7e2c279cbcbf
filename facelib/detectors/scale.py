"""What the detectors share: detecting in a scaled image, reporting in the frame's pixels."""

from collections.abc import Iterable

import cv2
import numpy as np

from facelib.types import Detection, Rect

SMALLEST_SIDE = 24  # pixels; a network could not find a face in a narrower image


def shrink(image: np.ndarray, long_side: int) -> tuple[np.ndarray, float]:
    """Scale an image down to at most `long_side`; return it with the scale factor (<= 1)."""
    height, width = image.shape[:2]
    factor = min(1.0, long_side / max(height, width))
    if factor == 1.0:
        return image, factor
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), factor


def long_side(image: np.ndarray, usual: int, most: int, smallest: float, min_size: float) -> int:
    """Return the long side to which an image is scaled to find faces of `min_size`.

    Parameters
    ----------
    image : (H, W, 3)
        The image to search.
    usual, most : int
        Bounds of the result, pixels.
    smallest : float
        Pixels that a face needs in the scaled image.
    min_size : float
        Pixels of the smallest face that matters in `image`; 0 returns `usual`.
    """
    if not min_size:
        return usual
    return round(min(max(usual, max(image.shape[:2]) * smallest / min_size), most))


def to_frame(
    corners: np.ndarray, score: float, factor: float, points: np.ndarray | None
) -> Detection:
    """Convert a detection in a scaled image to the frame's pixels.

    Parameters
    ----------
    corners : (4,) float
        Left, top, right and bottom in the scaled image.
    score : float
        Is clipped to 0..1.
    factor : float
        By which the image was scaled.
    points : (5, 2) float or None
        Key points in the scaled image.
    """
    rect = Rect(*(float(value) for value in grow(corners, factor)))
    grown = None if points is None else grow(points, factor).astype(np.float32)
    return Detection(rect, min(1.0, max(0.0, float(score))), grown)


def grow(values: np.ndarray, factor: float) -> np.ndarray:
    """Map coordinates of an image that was scaled by `factor` back to the original."""
    # pixel centers are integers, so the image's edge, which scaling preserves, is at -0.5
    return (np.asarray(values, np.float64) + 0.5) / factor - 0.5


def largest_first(detections: Iterable[Detection]) -> list[Detection]:
    """Sort by area, the largest first."""
    return sorted(detections, key=lambda detection: detection.rect.area, reverse=True)
