"""What a person draws on one face, as an immutable state: shapes, and the polygon in the making.

Each edit returns a new state, so undo goes back to the one before. Points are pixels of the frame,
like those of the labels that come of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from facelib import geometry, mask_label
from facelib.faceinfo import FaceInfo
from facelib.mask_label import MOST_POINTS, MOST_SHAPES, POLYGON, STROKE, MaskLabel, Shape
from utils.errors import InputError

MOST_UNDONE = 200
LEAST_POINTS = 3
TOLERANCE = 0.5  # pixels of the aligned image by which a suggested outline is simplified
LEAST_AREA = 1e-3  # of the image: smaller specks of a suggestion are left out
LEAST_SIDE = 512  # pixels; smaller masks are enlarged to be outlined

Shapes = tuple[Shape, ...]


@dataclass(frozen=True, eq=False)
class Drawing:
    """The shapes of a face while a person draws.

    Attributes
    ----------
    shapes : tuple of Shape
        In the order drawn.
    corners : tuple of (float, float)
        The polygon that is not closed yet.
    include : bool
        Whether the next shape says that the face is visible there, or that something hides it.
    past, future : tuple of tuple of Shape
        Earlier shapes for undo, the latest last; and those undone.
    """

    shapes: Shapes = ()
    corners: tuple[tuple[float, float], ...] = ()
    include: bool = False
    past: tuple[Shapes, ...] = ()
    future: tuple[Shapes, ...] = ()

    def __post_init__(self) -> None:
        count = sum(len(shape.points) for shape in self.shapes) + len(self.corners)
        if count > MOST_POINTS:
            raise InputError(f"a face has up to {MOST_POINTS:,} points drawn on it")
        if len(self.shapes) > MOST_SHAPES:
            raise InputError(f"a face has up to {MOST_SHAPES} shapes drawn on it")

    @classmethod
    def of(cls, label: MaskLabel | None) -> Drawing:
        """Start with what was drawn before."""
        return cls(() if label is None else label.shapes)

    @property
    def label(self) -> MaskLabel:
        """What was drawn, to be kept; a polygon of two corners and fewer is dropped."""
        return MaskLabel(self.closed().shapes)

    def changed(self, shapes: Shapes) -> Drawing:
        """Return other shapes, so that undo brings these back."""
        past = (*self.past, self.shapes)[-MOST_UNDONE:]
        return replace(self, shapes=shapes, corners=(), past=past, future=())

    def with_corner(self, x: float, y: float) -> Drawing:
        """Add a corner to the polygon in the making."""
        return replace(self, corners=(*self.corners, (x, y)))

    def closed(self) -> Drawing:
        """End the polygon in the making."""
        if len(self.corners) < LEAST_POINTS:
            return replace(self, corners=())
        return self.changed((
            *self.shapes,
            Shape(POLYGON, self.include, np.array(self.corners, np.float64)),
        ))

    def with_stroke(self, points: np.ndarray, width: float) -> Drawing:
        """Add a stroke of the brush; points are (n, 2) float64."""
        begun = self.closed()
        return begun.changed((*begun.shapes, Shape(STROKE, self.include, points, width)))

    def moved(self, shape: int, point: int, x: float, y: float) -> Drawing:
        """Move a point of a shape."""
        points = self._shape(shape).points.copy()
        if not 0 <= point < len(points):
            raise InputError(f"that shape has {len(points)} points, not {point + 1}")
        points[point] = (x, y)
        return self.changed(self._with(shape, replace(self.shapes[shape], points=points)))

    def divided(self, shape: int, point: int, x: float, y: float) -> Drawing:
        """Add a point to a shape, after another."""
        points = self._shape(shape).points
        points = np.insert(points, min(max(point, -1), len(points) - 1) + 1, (x, y), axis=0)
        return self.changed(self._with(shape, replace(self.shapes[shape], points=points)))

    def without(self, shape: int, point: int | None = None) -> Drawing:
        """Remove a shape, or one of its points; of three corners all go."""
        old = self._shape(shape)
        least = LEAST_POINTS if old.kind == POLYGON else 1
        if point is None or len(old.points) <= least:
            return self.changed((*self.shapes[:shape], *self.shapes[shape + 1 :]))
        if not 0 <= point < len(old.points):
            raise InputError(f"that shape has {len(old.points)} points, not {point + 1}")
        points = np.delete(old.points, point, axis=0)
        return self.changed(self._with(shape, replace(old, points=points)))

    def turned(self, shape: int) -> Drawing:
        """Let a shape include what it excluded, or the reverse."""
        old = self._shape(shape)
        return self.changed(self._with(shape, replace(old, include=not old.include)))

    def undone(self) -> Drawing:
        """Take back the last corner, or else the last change."""
        if self.corners:
            return replace(self, corners=self.corners[:-1])
        if not self.past:
            return self
        future = (*self.future, self.shapes)
        return replace(self, shapes=self.past[-1], past=self.past[:-1], future=future)

    def redone(self) -> Drawing:
        """Do again what was undone last."""
        if not self.future:
            return self
        past = (*self.past, self.shapes)
        return replace(self, shapes=self.future[-1], past=past, future=self.future[:-1])

    def _shape(self, number: int) -> Shape:
        if not 0 <= number < len(self.shapes):
            raise InputError(f"there are {len(self.shapes)} shapes, not {number + 1}")
        return self.shapes[number]

    def _with(self, number: int, shape: Shape) -> Shapes:
        return (*self.shapes[:number], shape, *self.shapes[number + 1 :])


def carried(shapes: Shapes, landmarks: np.ndarray, target: np.ndarray) -> Shapes:
    """Return shapes of one face as they lie on another, moved and turned like its landmarks.

    Parameters
    ----------
    landmarks, target : (68, 2) float
        Of both, pixels of their frames.
    """
    matrix = geometry.fit_similarity(landmarks, target)
    scale = float(np.sqrt(np.linalg.det(matrix[:, :2])))
    return tuple(
        replace(
            shape,
            points=shape.points @ matrix[:, :2].T + matrix[:, 2],
            width=shape.width * scale,
        )
        for shape in shapes
    )


def outlined(mask: np.ndarray, info: FaceInfo) -> tuple[Shape, ...]:
    """Return a mask as polygons: its outlines, which include, then its holes, which exclude.

    Parameters
    ----------
    mask : (n, n) float32
        Covers the aligned image from edge to edge.
    info : FaceInfo
        Of the face.
    """
    side = max(len(mask), LEAST_SIDE)  # contours run through the centers of pixels
    large = cv2.resize(mask, (side, side), interpolation=cv2.INTER_CUBIC)
    found, tree = cv2.findContours(
        (large >= 0.5).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE
    )
    to_frame = geometry.invert(mask_label.matrix_to(info, side))
    shapes = []
    for number, contour in enumerate(found):
        if cv2.contourArea(contour) < LEAST_AREA * side * side:
            continue
        simple = cv2.approxPolyDP(contour, TOLERANCE * side / info.size, closed=True)[:, 0]
        if len(simple) < 3:
            continue
        is_hole = tree[0][number][3] >= 0
        points = simple @ to_frame[:, :2].T + to_frame[:, 2]
        shapes.append(Shape(POLYGON, not is_hole, points))
    return tuple(sorted(shapes, key=lambda shape: not shape.include))
