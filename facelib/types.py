"""Basic records of a face: plain data without behavior."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # this file is imported by options modules, which must stay light
    import numpy as np

    from facelib.landmarkers.region import Trace


EXPRESSION = (
    "right lids",
    "left lids",
    "lips",
    "mouth width",
    "right brow",
    "left brow",
    "yaw",
    "pitch",
    "gaze across",
    "gaze down",
)
"""The numbers of `facelib.expression`, in order."""


class FaceType(Enum):
    """How much of the head an aligned image shows, from least to most, by DeepFaceLab's names.

    Those of 2020 show as much as the ones before them, fitted as DeepFaceLab has fitted them since
    then: some models are made for that. Files have the plain names, and their own matrix.
    """

    HALF = "half_face"
    HALF_2020 = "half_face_2020"
    MID_FULL = "midfull_face"
    FULL = "full_face"
    FULL_2020 = "full_face_2020"
    WHOLE = "whole_face"  # with the forehead
    HEAD = "head"
    MARK_ONLY = "mark_only"  # no crop: the whole frame, with landmarks

    @property
    def extracted(self) -> FaceType:
        """The type of the files that show as much."""
        return FaceType(self.value.removesuffix("_2020"))

    @property
    def extent(self) -> int:
        """Its place among the types of files; images of a higher one show more."""
        return EXTRACTED.index(self.extracted)


EXTRACTED = tuple(kind for kind in FaceType if kind is kind.extracted)
"""The types that face files have."""


class Rect(NamedTuple):
    """An axis-parallel rectangle in frame pixels."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.bottom - self.top

    @property
    def area(self) -> float:
        """Area in square pixels; 0 for an empty rectangle."""
        return max(0.0, self.width) * max(0.0, self.height)

    @property
    def center(self) -> tuple[float, float]:
        """The middle, (x, y)."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


def overlap(a: Rect, b: Rect) -> float:
    """Intersection over union of two rectangles, 0..1."""
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    shared = max(0.0, width) * max(0.0, height)
    union = a.area + b.area - shared
    return shared / union if union > 0 else 0.0


@dataclass(frozen=True, eq=False)
class Detection:
    """What a detector found.

    Attributes
    ----------
    rect : Rect
        Frame pixels; may extend beyond the frame.
    score : float
        0..1.
    points : (5, 2) float32 or None
        Eye, eye, nose, mouth corner, mouth corner; image-left first.
    """

    rect: Rect
    score: float
    points: np.ndarray | None = None


class LocatedFace(NamedTuple):
    """What a landmarker measured.

    Attributes
    ----------
    landmarks : (68, 2) float32
        Frame pixels, iBUG order, image-left first; not rounded, may lie outside the frame.
    quality : float
        The landmarker's confidence, a logit; below 0 the landmarks are uncertain.
    iris : (2, 2) float32 or None
        Centers of the irises, frame pixels: the person's right eye (image-left) first, as among the
        landmarks. None if the landmarker does not measure them.
    trace : Trace or None
        Where it was measured; None if the landmarker cannot follow a face.
    """

    landmarks: np.ndarray
    quality: float
    iris: np.ndarray | None = None
    trace: Trace | None = None


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a frame.

    Attributes
    ----------
    rect : Rect
        Frame pixels.
    landmarks : (68, 2) float32
        Frame pixels, iBUG order, image-left first.
    score : float
        The detector's confidence, 0..1.
    quality : float
        The landmarker's confidence, a logit; below 0 the landmarks are uncertain.
    smoothed : bool
        Whether the landmarks were smoothed over time.
    iris : (2, 2) float32 or None
        Centers of the irises, frame pixels, the person's right eye first; None if unknown.
    trace : Trace or None
        Where the landmarker measured it; None if it cannot be followed from here.
    """

    rect: Rect
    landmarks: np.ndarray
    score: float
    quality: float = 0.0
    smoothed: bool = False
    iris: np.ndarray | None = None
    trace: Trace | None = None
