"""What a person draws on a face to say where it is visible: polygons and strokes of a brush.

The shapes apply in the order drawn. Without a polygon that includes, the mask begins with the hull
of the landmarks, so an occlusion alone may be outlined; otherwise with nothing. Points are pixels
of the frame, so they stay right when the face is cut again, and may lie outside of the picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from facelib import face_values, landmarks
from facelib.face_values import UnfitError
from utils.errors import InputError

if TYPE_CHECKING:  # which reads labels through this file
    from facelib.faceinfo import FaceInfo

POLYGON, STROKE = "polygon", "stroke"
LEAST_POINTS = {POLYGON: 3, STROKE: 1}
MOST_SHAPES = 200
MOST_POINTS = 10_000  # of a face
WIDEST = 10_000.0  # pixels of the frame
TOLERANCE = 0.25  # pixels of the aligned image, by which points that are too many may be moved

FINE = 2048  # pixels; masks are drawn about so large, and reduced
SAMPLES = (2, 8)  # least and most along each side of a pixel
MARGIN = 16  # of those, around what is drawn: a polygon is cut off where that does not show
FRACTION_BITS = 4  # OpenCV draws at 1/16 pixel
FARTHEST = 100_000  # pixels; keeps a stroke from overflowing OpenCV's integers
THICKEST = 32_767  # for OpenCV


@dataclass(frozen=True, eq=False)
class Shape:
    """A polygon, or a stroke of a round brush.

    Attributes
    ----------
    kind : str
        POLYGON, which is filled by the even-odd rule where it crosses itself; or STROKE.
    include : bool
        Whether the face is visible there; otherwise something hides it.
    points : (n, 2) float64
        Pixels of the frame.
    width : float
        The brush's, pixels of the frame; 0 for a polygon.
    """

    kind: str
    include: bool
    points: np.ndarray
    width: float = 0.0


@dataclass(frozen=True, eq=False)
class MaskLabel:
    """What was drawn on a face.

    Attributes
    ----------
    shapes : tuple of Shape
        In the order drawn.
    moved : bool
        Whether it was taken over from a face whose landmarks differ, and should be looked at.
    """

    shapes: tuple[Shape, ...]
    moved: bool = False

    @property
    def outlines(self) -> bool:
        """Whether the face itself is outlined; otherwise the mask begins with the hull."""
        return any(shape.kind == POLYGON and shape.include for shape in self.shapes)


def read(value: object) -> MaskLabel | None:
    """Return the label in a face's metadata, or None.

    Raises
    ------
    UnfitError
        If it is not as expected.
    """
    if value is None:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("shapes"), list):
        raise UnfitError("an object with a list of shapes")
    if len(value["shapes"]) > MOST_SHAPES:
        raise UnfitError(f"up to {MOST_SHAPES} shapes")
    shapes = tuple(map(_shape, value["shapes"]))
    if _count(shapes) > MOST_POINTS:
        raise UnfitError(f"up to {MOST_POINTS} points")
    return MaskLabel(shapes, face_values.flag(value.get("moved")))


def _shape(value: object) -> Shape:
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(value, dict) or kind not in (POLYGON, STROKE):
        raise UnfitError(f"shapes whose kind is {POLYGON} or {STROKE}")
    points, least = value.get("points"), LEAST_POINTS[kind]
    if not isinstance(points, list) or not least <= len(points) <= MOST_POINTS:
        raise UnfitError(f"{least} to {MOST_POINTS} points of a {kind}")
    if type(value.get("include")) is not bool:
        raise UnfitError("include of a shape: true or false")
    width = face_values.number(0, WIDEST)(value.get("width")) if kind == STROKE else 0.0
    return Shape(kind, value["include"], face_values.table(points, len(points), 2), width)


def _count(shapes: Iterable[Shape]) -> int:
    return sum(len(shape.points) for shape in shapes)


def to_record(label: MaskLabel) -> dict[str, Any]:
    """Return a label as JSON has it; points are rounded to 0.001 pixel."""
    shapes = []
    for shape in label.shapes:
        points = shape.points.astype(np.float64).round(3).tolist()
        record = {"kind": shape.kind, "include": bool(shape.include), "points": points}
        if shape.kind == STROKE:
            record["width"] = round(float(shape.width), 3)
        shapes.append(record)
    return {"shapes": shapes, "moved": bool(label.moved)}


def alike(one: MaskLabel | None, other: MaskLabel | None) -> bool:
    """Whether two labels are the same in a file."""
    return (one and to_record(one)) == (other and to_record(other))


def transformed(label: MaskLabel, matrix: np.ndarray) -> MaskLabel:
    """Return a label in other pixels: those of a (2, 3) matrix from the frame's."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    shapes = tuple(
        replace(
            shape,
            points=shape.points @ matrix[:, :2].T + matrix[:, 2],
            width=min(shape.width * scale, WIDEST),
        )
        for shape in label.shapes
    )
    return replace(label, shapes=shapes)


def within_limits(label: MaskLabel, info: FaceInfo) -> MaskLabel:
    """Return a label with no more points than a face may have; itself, if it has no more.

    Points are left out that change nothing by more than a quarter of the aligned image's pixel,
    and if those are not enough by more.

    Raises
    ------
    InputError
        If there are too many shapes.
    """
    if len(label.shapes) > MOST_SHAPES:
        raise InputError(
            f"a face has up to {MOST_SHAPES} shapes drawn on it, not {len(label.shapes)}"
        )
    if _count(label.shapes) <= MOST_POINTS:
        return label
    tolerance = TOLERANCE / np.sqrt(np.linalg.det(info.matrix[:, :2]))
    shapes = label.shapes
    while _count(shapes) > MOST_POINTS:
        shapes = tuple(_simplified(shape, tolerance) for shape in label.shapes)
        tolerance *= 2
    return replace(label, shapes=shapes)


def _simplified(shape: Shape, tolerance: float) -> Shape:
    """Return a shape with fewer points (Douglas and Peucker, 1973)."""
    origin = shape.points[0]  # OpenCV computes in float32
    points = (shape.points - origin).astype(np.float32)
    kept = cv2.approxPolyDP(points, tolerance, closed=shape.kind == POLYGON)[:, 0]
    if len(kept) < LEAST_POINTS[shape.kind]:  # all lie in a line
        kept = points[np.linspace(0, len(points) - 1, LEAST_POINTS[shape.kind]).astype(int)]
    return replace(shape, points=kept + origin)


def draw(label: MaskLabel, info: FaceInfo, side: int) -> np.ndarray:
    """Draw a label, antialiased.

    Parameters
    ----------
    label : MaskLabel
        The label.
    info : FaceInfo
        The face that it was drawn on.
    side : int
        Of the mask, in pixels; it covers the aligned image from edge to edge.

    Returns
    -------
    mask : (side, side) float32
        1 where the face is visible, 0 elsewhere.
    """
    fine = side * samples_of(side)
    canvas = np.zeros((fine, fine), np.uint8) if label.outlines else fine_hull(info, side)
    matrix = matrix_to(info, fine)
    for shape in label.shapes:
        _add(canvas, shape, matrix)
    return reduced(canvas, side)


def fine_hull(info: FaceInfo, side: int) -> np.ndarray:
    """Return the hull of a face in samples of a mask of `side` pixels: (n, n) uint8, 0 or 255."""
    fine = side * samples_of(side)
    matrix = matrix_to(info, fine)
    points = info.source_landmarks @ matrix[:, :2].T + matrix[:, 2]
    return landmarks.fill_hull(points, (fine, fine), 255)


def samples_of(side: int) -> int:
    """Return how many samples are drawn along each side of a pixel of a mask."""
    least, most = SAMPLES
    return min(max(FINE // side, least), most)


def matrix_to(info: FaceInfo, side: int) -> np.ndarray:
    """Return the (2, 3) matrix from the frame to the aligned image, scaled to a side by its edges.

    So `cv2.resize` scales an image.
    """
    scale = side / info.size
    matrix = np.asarray(info.matrix, np.float64) * scale
    matrix[:, 2] += (scale - 1) / 2
    return matrix


def reduced(canvas: np.ndarray, side: int) -> np.ndarray:
    """Return the means of samples 0..255 in each pixel: (side, side) float32 in 0..1."""
    mask = cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA)
    return mask.astype(np.float32) / np.float32(255)


def _add(canvas: np.ndarray, shape: Shape, matrix: np.ndarray) -> None:
    """Draw a shape; the matrix is from the frame to the canvas."""
    points = shape.points @ matrix[:, :2].T + matrix[:, 2]
    value = 255 if shape.include else 0
    if shape.kind == POLYGON:
        inside = _cut_off(points, canvas.shape[0])
        if len(inside):
            cv2.fillPoly(canvas, [_fixed(inside)], value, shift=FRACTION_BITS)
        return
    width = shape.width * float(np.sqrt(np.linalg.det(matrix[:, :2])))
    path = _fixed(np.clip(points, -FARTHEST, FARTHEST))
    thickness = min(max(round(width), 1), THICKEST)
    # closed, for OpenCV draws nothing of a path of one point
    cv2.polylines(canvas, [path], len(path) == 1, value, thickness, shift=FRACTION_BITS)


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.rint(points * (1 << FRACTION_BITS)).astype(np.int32)


def _cut_off(points: np.ndarray, side: int) -> np.ndarray:
    """Return a polygon without what is far outside of a square canvas (Sutherland and Hodgman).

    What remains may have pieces that are joined along the border, where nothing shows.
    """
    for axis, sign in ((0, 1), (0, -1), (1, 1), (1, -1)):
        edge = -MARGIN if sign > 0 else side - 1 + MARGIN
        depth = sign * (points[:, axis] - edge)
        inside, beyond = depth >= 0, np.roll(depth, -1)
        crossing = inside != (beyond >= 0)
        along = np.divide(depth, depth - beyond, out=np.zeros_like(depth), where=crossing)
        met = points + along[:, None] * (np.roll(points, -1, axis=0) - points)
        points = np.stack([points, met], axis=1)[np.stack([inside, crossing], axis=1)]
    return points
