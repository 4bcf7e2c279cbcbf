"""The 68 landmarks: which is which, masks, mirror image, drawing, openings of mouth and eyes, gaze.

"Right" is the person's right, which is image-left; the indices follow iBUG.
"""

from typing import Any

import cv2
import numpy as np

from utils.errors import InputError

JAW = np.arange(17)
RIGHT_BROW = np.arange(17, 22)
LEFT_BROW = np.arange(22, 27)
NOSE = np.arange(27, 36)
RIGHT_EYE = np.arange(36, 42)
LEFT_EYE = np.arange(42, 48)
MOUTH = np.arange(48, 68)

# Three convex parts cover the face below the brows.
HULLS = (
    np.r_[JAW, MOUTH],
    np.r_[27:31, 33],
    np.r_[RIGHT_BROW, LEFT_BROW, 0, 27, 16, 33],
)
EYES = (RIGHT_EYE, LEFT_EYE)

# Each row lists points from image-left to image-right, so its reverse is its mirror image.
_SYMMETRIC = (
    JAW,
    np.r_[RIGHT_BROW, LEFT_BROW],
    np.r_[31:36],
    np.r_[36:40, 42:46],
    np.r_[41, 40, 47, 46],
    np.r_[48:55],
    np.r_[59, 58, 57, 56, 55],
    np.r_[60:65],
    np.r_[67, 66, 65],
)


def _mirror_table() -> np.ndarray:
    table = np.arange(68)
    for row in _SYMMETRIC:
        table[row] = row[::-1]
    return table


MIRROR = _mirror_table()
"""(68,) int: landmark i of the mirrored image is landmark MIRROR[i] of the original."""

SPOT_REACH = (0.6, 0.9)  # of a spot of `priority_map`, in widths and heights of its part
SPOT_LEAST = 0.15  # distances of the eye corners: so high is even a shut eye
FRACTION_BITS = 4  # drawing has a resolution of 1/16 pixel
FARTHEST = 100_000  # pixels; keeps an outlier from overflowing the drawing's integers


def hull_mask(landmarks: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Fill the face from the brows to the chin.

    Parameters
    ----------
    landmarks : (68, 2) float
        Pixels.
    shape : (height, width)
        Size of the mask.

    Returns
    -------
    mask : (height, width, 1) float32
        1 inside, 0 outside.
    """
    return fill_hull(landmarks, shape)[..., None].astype(np.float32)


def fill_hull(landmarks: np.ndarray, shape: tuple[int, int], value: int = 1) -> np.ndarray:
    """Return `hull_mask` as (height, width) uint8, `value` inside."""
    return _fill(landmarks, HULLS, shape, value)


def eye_mask(landmarks: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Fill both eyes; arguments and result as `hull_mask`."""
    return _fill(landmarks, EYES, shape)[..., None].astype(np.float32)


def priority_map(landmarks: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Draw a soft spot on each eye and on the mouth: what a viewer looks at.

    Parameters
    ----------
    landmarks : (68, 2) float
        Pixels.
    shape : (height, width)
        Size of the map.

    Returns
    -------
    weights : (height, width, 1) float32
        1 in the middle of a spot, 1/e where eye or mouth end, 0 far away.
    """
    points = np.asarray(landmarks, np.float32)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    weights = np.zeros(shape[:2], np.float32)
    least = SPOT_LEAST * inter_ocular(points)
    for part in (*EYES, MOUTH):
        x, y = points[part].mean(axis=0)
        reach = np.maximum(np.ptp(points[part], axis=0), max(least, 1e-3)) * SPOT_REACH
        away = ((columns - x) / reach[0]) ** 2 + ((rows - y) / reach[1]) ** 2
        np.maximum(weights, np.exp(-away), out=weights)
    return weights[..., None]


def _fill(
    landmarks: np.ndarray, parts: tuple[np.ndarray, ...], shape: tuple[int, int], value: int = 1
) -> np.ndarray:
    mask = np.zeros(shape[:2], np.uint8)
    points = _fixed_point(landmarks)
    for part in parts:
        cv2.fillConvexPoly(mask, cv2.convexHull(points[part]), value, shift=FRACTION_BITS)
    return mask


def _fixed_point(points: np.ndarray) -> np.ndarray:
    """Return points in the fixed-point numbers, 1/16 pixel, that OpenCV draws with."""
    points = np.asarray(points, np.float64)
    if not np.isfinite(points).all():
        raise InputError("the landmarks of this face are not numbers, so it cannot be drawn")
    scaled = np.clip(points, -FARTHEST, FARTHEST) * (1 << FRACTION_BITS)
    return np.rint(scaled).astype(np.int32)


def mirror(landmarks: np.ndarray, width: int) -> np.ndarray:
    """Return the landmarks (68, 2) of the mirrored image, whose width is `width`."""
    mirrored = landmarks[MIRROR].copy()
    mirrored[:, 0] = width - 1 - mirrored[:, 0]
    return mirrored


def mirror_iris(iris: np.ndarray, width: int) -> np.ndarray:
    """Return the iris centers (2, 2) of the mirrored image, whose width is `width`."""
    mirrored = iris[::-1].copy()
    mirrored[:, 0] = width - 1 - mirrored[:, 0]
    return mirrored


def draw(
    image: np.ndarray, landmarks: np.ndarray, color: tuple[int, int, int] = (0, 255, 0)
) -> np.ndarray:
    """Draw the landmarks on a copy of an image: lines along every part, and dots.

    Parameters
    ----------
    image : (H, W, 3) uint8 BGR
        Is not changed.
    landmarks : (68, 2) float
        Pixels.
    color : (blue, green, red)
        0..255 each.

    Returns
    -------
    drawn : (H, W, 3) uint8 BGR
        The copy.
    """
    drawn = image.copy()
    points = _fixed_point(landmarks)
    style: dict[str, Any] = {"color": color, "lineType": cv2.LINE_AA, "shift": FRACTION_BITS}
    lines = [points[part] for part in (RIGHT_BROW, JAW, LEFT_BROW, np.r_[NOSE, 30])]
    rings = [points[part] for part in (RIGHT_EYE, LEFT_EYE, MOUTH)]
    cv2.polylines(drawn, lines, isClosed=False, **style)
    cv2.polylines(drawn, rings, isClosed=True, **style)
    for number, point in enumerate(points):
        radius = 2 if number < len(JAW) else 1  # the jaw is the least certain part
        cv2.circle(drawn, point.tolist(), radius << FRACTION_BITS, **style)
    return drawn


def inter_ocular(landmarks: np.ndarray) -> float:
    """Return the distance of the outer eye corners in pixels."""
    return _mean_distance(landmarks, [36], [45])


def mouth_opening(landmarks: np.ndarray) -> float:
    """Return the mean gap between the inner lips, in distances of the outer eye corners."""
    return opening(landmarks, [61, 62, 63], [67, 66, 65])


def eye_opening(landmarks: np.ndarray) -> float:
    """Return the mean gap between the lids of both eyes, in distances of the outer eye corners."""
    return opening(landmarks, [37, 38, 43, 44], [41, 40, 47, 46])


def gaze(landmarks: np.ndarray, iris: np.ndarray) -> np.ndarray:
    """Return where the eyes look relative to the head, whatever the image's scale and rotation.

    Each iris is measured from the middle between the corners of its eye, along and across the line
    through them, in widths of that eye.

    Parameters
    ----------
    landmarks : (68, 2) float
        Pixels.
    iris : (2, 2) float
        Centers, pixels of the same image; the person's right eye first.

    Returns
    -------
    gaze : (2,) float64
        Mean of both eyes: to the image's right (about -0.3..0.3), and down. Mirroring the image
        negates the first and keeps the second.
    """
    points = np.asarray(landmarks, np.float64)
    left, right = points[[36, 42]], points[[39, 45]]  # corners of both eyes, image-left first
    line = right - left
    offset = np.asarray(iris, np.float64) - (left + right) / 2
    square = np.maximum((line**2).sum(axis=1), 1e-12)
    along = (offset * line).sum(axis=1) / square
    across = (line[:, 0] * offset[:, 1] - line[:, 1] * offset[:, 0]) / square
    return np.array([along.mean(), across.mean()])


def opening(landmarks: np.ndarray, upper: list[int], lower: list[int]) -> float:
    """Return the mean distance of pairs of landmarks, in distances of the outer eye corners."""
    return _mean_distance(landmarks, upper, lower) / max(inter_ocular(landmarks), 1e-6)


def _mean_distance(landmarks: np.ndarray, one: list[int], other: list[int]) -> float:
    apart = np.asarray(landmarks, np.float64)[one] - np.asarray(landmarks, np.float64)[other]
    return float(np.hypot(apart[:, 0], apart[:, 1]).mean())
