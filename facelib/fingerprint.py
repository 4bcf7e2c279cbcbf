"""A small image of a face and what is around it, which tells whether other footage shows the same.

It is a grid of mean gray values over a square around the landmarks. Means of whole cells survive
scaling, compression and noise, and correlation ignores brightness and contrast.
"""

from typing import NamedTuple

import cv2
import numpy as np

from facelib.types import Rect
from utils.images import Image

CELLS = 24
"""Along each side of the square."""
REACH = 2.0  # the square's side, in sizes of the face
LEAST_INSIDE = 0.25  # of the cells must lie within both frames
LEAST_CONTRAST = 1.5  # gray levels, standard deviation; less shows nothing
SAME = 0.85
"""Least correlation of one image with itself as a proxy: 0.99 at half the size and x264's crf 40.
Faces of two people, aligned, have 0.30 (99 % below 0.72; skimage's lfw_subset)."""
NOISE = 4.0  # gray levels: as much is lost in dark footage, whose correlation may be lower


def around(landmarks: np.ndarray) -> Rect:
    """Return the square around a face: (68, 2) landmarks."""
    low, high = landmarks.min(axis=0).astype(float), landmarks.max(axis=0).astype(float)
    (x, y), half = (low + high) / 2, REACH / 2 * float((high - low).max())
    return Rect(x - half, y - half, x + half, y + half)


def fingerprint(image: Image, rect: Rect) -> np.ndarray:
    """Return the mean gray value of each cell of a rectangle.

    Parameters
    ----------
    image : (H, W, 3) uint8 BGR
        A frame.
    rect : Rect
        Pixels of the frame; may extend beyond it.

    Returns
    -------
    cells : (24, 24) float32
        0..255; NaN where a cell lies beyond the frame's edge.
    """
    height, width = image.shape[:2]
    columns, rows = (
        _Edges.of(rect.left, rect.right, width),
        _Edges.of(rect.top, rect.bottom, height),
    )
    window = image[rows.start : rows.stop, columns.start : columns.stop]
    if window.size == 0:
        return np.full((CELLS, CELLS), np.nan, np.float32)
    sums = cv2.integral(cv2.cvtColor(window, cv2.COLOR_BGR2GRAY), sdepth=cv2.CV_64F)
    sums = columns.interpolate(rows.interpolate(sums).T).T
    areas = np.outer(np.diff(rows.places), np.diff(columns.places))
    whole = areas > 0.99 * rect.width * rect.height / CELLS**2
    cells = np.diff(np.diff(sums, axis=0), axis=1) / np.maximum(areas, 1e-9)
    return np.where(whole, cells, np.nan).astype(np.float32)


class _Edges(NamedTuple):
    """Where the edges of the cells lie on one axis, clipped to the frame."""

    start: int
    stop: int
    places: np.ndarray

    @classmethod
    def of(cls, low: float, high: float, length: int) -> "_Edges":
        # a pixel's edges lie half a pixel from its center
        edges = np.clip(np.linspace(low + 0.5, high + 0.5, CELLS + 1), 0, length)
        start, stop = int(edges[0]), int(np.ceil(edges[-1]))
        return cls(start, stop, edges - start)

    def interpolate(self, sums: np.ndarray) -> np.ndarray:
        """Read rows of cumulative sums at the edges, which lie between pixels."""
        below = np.minimum(self.places.astype(int), len(sums) - 2)
        share = (self.places - below)[:, None]
        return sums[below] * (1 - share) + sums[below + 1] * share


def to_bytes(cells: np.ndarray) -> np.ndarray:
    """Return a fingerprint as it is stored: uint8, 0 beyond the frame's edge."""
    return np.rint(np.nan_to_num(cells)).astype(np.uint8)


class Likeness(NamedTuple):
    """How alike two fingerprints are.

    Attributes
    ----------
    correlation : float
        -1..1; 1 is alike but for brightness and contrast.
    residual : float
        Gray levels of the first that the second does not explain, standard deviation.
    """

    correlation: float
    residual: float

    @property
    def fits(self) -> bool:
        """Whether both may show the same."""
        return self.correlation >= SAME or self.residual <= NOISE


def compare(expected: np.ndarray, shown: np.ndarray) -> Likeness | None:
    """Compare a stored fingerprint with another; None if they show too little.

    Parameters
    ----------
    expected : (24, 24) uint8 or float32
        Cells beyond the edge of its frame are 0, as in `shown` they are NaN.
    shown : (24, 24) float32
        As `fingerprint` returns it.
    """
    inside = np.isfinite(shown)
    if inside.mean() < LEAST_INSIDE:
        return None
    first, second = (cells[inside].astype(np.float64) for cells in (expected, shown))
    first, second = first - first.mean(), second - second.mean()
    if first.std() < LEAST_CONTRAST:
        return None
    shared = (first * second).mean() / max(first.std() * second.std(), 1e-9)
    return Likeness(float(shared), float(first.std() * np.sqrt(max(0.0, 1 - shared**2))))
