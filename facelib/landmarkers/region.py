"""The square of the frame that a landmarker processes, leveled with the eyes; how it moves."""

from typing import NamedTuple

import numpy as np

from facelib.types import Detection


class Offset(NamedTuple):
    """How one region lies relative to another.

    Attributes
    ----------
    x, y : float
        From center to center along the other's sides, in its sides.
    zoom : float
        The ratio of the sides.
    turn : float
        Radians.
    """

    x: float
    y: float
    zoom: float
    turn: float

    def toward(self, other: "Offset", share: float) -> "Offset":
        """Return what lies between two offsets: at 0 this one, at 1 the other."""
        return Offset(*(a + share * (b - a) for a, b in zip(self, other, strict=True)))

    def is_within(self, shift: float, zoom: float, turn: float) -> bool:
        """Whether the regions are apart by no more than that."""
        near = np.hypot(self.x, self.y) <= shift and abs(np.log(self.zoom)) <= zoom
        return bool(near and abs(self.turn) <= turn)


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

    def seen_from(self, other: "Region") -> Offset:
        """Return where this region is, seen from another."""
        cos, sin = np.cos(other.roll), np.sin(other.roll)
        right, down = self.x - other.x, self.y - other.y
        x, y = (cos * right + sin * down) / other.side, (cos * down - sin * right) / other.side
        turn = (self.roll - other.roll + np.pi) % (2 * np.pi) - np.pi
        return Offset(x, y, self.side / other.side, turn)

    def moved(self, offset: Offset) -> "Region":
        """Return the region that is at an offset from this one."""
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        return Region(
            self.x + self.side * (cos * offset.x - sin * offset.y),
            self.y + self.side * (sin * offset.x + cos * offset.y),
            self.side * offset.zoom,
            self.roll + offset.turn,
        )


class Trace(NamedTuple):
    """How a face was measured, from which it can be followed.

    Attributes
    ----------
    region : Region
        Where it was measured.
    around : Region
        The region around the points that were found there. On a still face, too, it is not the
        same: the points lie a little differently in another region.
    """

    region: Region
    around: Region

    @property
    def offset(self) -> Offset:
        """The region that was measured, seen from the one around the points."""
        return self.region.seen_from(self.around)


def roll_of(left: np.ndarray, right: np.ndarray) -> float:
    """Return the angle of the line between two points (x, y), radians."""
    return float(np.arctan2(right[1] - left[1], right[0] - left[0]))


def turned(one: Region, other: Region) -> float:
    """Return the angle between two regions, 0..pi radians."""
    return abs(one.seen_from(other).turn)


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
