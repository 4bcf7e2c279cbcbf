"""The square of the frame that a landmarker processes, leveled with the eyes."""

from typing import NamedTuple

import numpy as np

from facelib.types import Detection


class Region(NamedTuple):
    """A square in the frame.

    Attributes
    ----------
    x, y : float
        Center, frame pixels.
    side : float
        Frame pixels.
    roll : float
        Angle of the line from the image-left to the image-right eye against the x axis, radians.
    """

    x: float
    y: float
    side: float
    roll: float

    def matrix(self, size: int) -> np.ndarray:
        """Return the (2, 3) float64 matrix from the frame to a (size, size) crop, eyes level."""
        zoom = size / self.side
        cos, sin = zoom * np.cos(self.roll), zoom * np.sin(self.roll)
        turn = np.array([[cos, sin], [-sin, cos]])
        shift = (size - 1) / 2 - turn @ (self.x, self.y)
        return np.column_stack([turn, shift])


def roll_of(left: np.ndarray, right: np.ndarray) -> float:
    """Return the angle of the line between two points (x, y), radians."""
    return float(np.arctan2(right[1] - left[1], right[0] - left[0]))


def turned(one: Region, other: Region) -> float:
    """Return the angle between two regions, 0..pi radians."""
    return abs((one.roll - other.roll + np.pi) % (2 * np.pi) - np.pi)


def region_of(detection: Detection, scale: float, down: float = 0.0) -> Region:
    """Return the region of a detected face.

    Parameters
    ----------
    detection : Detection
        Its key points determine the roll; without them the face is assumed to be upright.
    scale : float
        Side of the region, in longer sides of the rectangle.
    down : float
        How far the region's center lies below the rectangle's, in the rectangle's heights.
    """
    rect, points = detection.rect, detection.points
    roll = 0.0 if points is None else roll_of(points[0], points[1])
    x, y = rect.center
    # at least a pixel: a rectangle may be empty
    return Region(x, y + down * rect.height, max(1.0, scale * max(rect.width, rect.height)), roll)
