"""Where an aligned image reaches beyond the frame, and what stands there: a mirror image.

Extraction leaves black beyond the edge of a frame that cuts a face off. Conversion mirrors the
frame there (`converters.blending.crop`), so everything that shows faces to a model mirrors, too.
"""

import cv2
import numpy as np

from facelib.geometry import invert

BLACK = 4  # levels; cubic interpolation overshoots so far beyond the edge


def mirror_beyond_frame(
    image: np.ndarray, matrix: np.ndarray, frame_size: tuple[int, int] | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Replace the black of an aligned image beyond the frame by the frame's mirror image.

    Parameters
    ----------
    image : (n, n, 3) uint8
        The aligned image.
    matrix : (2, 3) float64
        From the frame to the aligned image.
    frame_size : (int, int) or None
        Width and height of the frame; None takes what is black up to the image's edge for what lies
        beyond the frame.

    Returns
    -------
    filled : (n, n, 3) uint8
        The image itself when the frame contains it.
    in_frame : (n, n) bool or None
        False beyond the frame; None when the frame contains the whole image.
    """
    to_frame = invert(matrix)
    corners = _frame_points(len(image), to_frame, step=len(image) - 1)
    if frame_size is not None:
        low, high = np.zeros(2), np.array(frame_size, np.float64) - 1
    elif (image[:: len(image) - 1, :: len(image) - 1].max(axis=2) > BLACK).all():
        return image, None  # whatever lies beyond an edge contains a corner, and is black
    else:
        low, high = _visible_part(image, to_frame)
    if (corners >= low).all() and (corners <= high).all():
        return image, None
    places = _frame_points(len(image), to_frame)
    in_frame = np.all((places >= low) & (places <= high), axis=2)
    if in_frame.all() or not in_frame.any():
        return image, None
    mirrored = np.where(places < low, 2 * low - places, places)
    mirrored = np.where(mirrored > high, 2 * high - mirrored, mirrored)
    points = np.clip(mirrored, low, high) @ matrix[:, :2].T + matrix[:, 2]
    border = cv2.BORDER_REPLICATE
    filled = cv2.remap(image, points.astype(np.float32), None, cv2.INTER_LINEAR, borderMode=border)
    return np.where(in_frame[..., None], image, filled), in_frame


def _frame_points(size: int, to_frame: np.ndarray, step: int = 1) -> np.ndarray:
    """Return (n, n, 2) float64: the x and y in the frame of every `step`th pixel."""
    rows, columns = np.indices((size, size), np.float64)[:, ::step, ::step]
    return np.stack([columns, rows], axis=2) @ to_frame[:, :2].T + to_frame[:, 2]


def _visible_part(image: np.ndarray, to_frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the last column and row of the frame that the image shows.

    They are infinite where the image is not black beyond that.
    """
    places = _frame_points(len(image), to_frame)
    seen = places[image.max(axis=2) > BLACK]
    if not len(seen):
        return np.full(2, -np.inf), np.full(2, np.inf)
    first, last = seen.min(axis=0), seen.max(axis=0)
    # interpolation fades out over one pixel
    low = np.where((first > -1) & (places.min(axis=(0, 1)) < -1), 0.0, -np.inf)
    high = np.where(places.max(axis=(0, 1)) > last + 1, np.ceil(last) - 1, np.inf)
    return low, high
