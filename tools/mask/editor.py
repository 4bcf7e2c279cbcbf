"""Drawing masks face by face: which face is shown, its drawing, and what is written.

Nothing here knows how it is shown: `tools.mask.remote` brings it to another program's page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np

from facelib import geometry, mask_label, mask_png
from facelib.face_mask import face_mask, mask_from, source_of
from facelib.faceset import FaceInfo, change_info, read_face
from facelib.mask_label import POLYGON, MaskLabel, Shape
from tools.mask.apply import to_aligned, to_crop
from tools.mask.drawing import LEAST_POINTS, Drawing, carried
from utils.errors import UsageError
from utils.images import Image

PREVIEW_SIDE = 256
TOLERANCE = 0.5  # pixels of the aligned image by which a suggested outline is simplified
LEAST_AREA = 1e-3  # of the image: smaller specks of a suggestion are left out


class Predict(Protocol):
    """The part of `models.mask_predictor.MaskPredictor` that is used here."""

    side: int
    face_type: Any

    def __call__(self, crops: Image) -> np.ndarray:
        """Return the masks of some faces."""


class Row(NamedTuple):
    """A face in the list: its file, whether it has a label, and whether that should be checked."""

    path: Path
    labeled: bool
    moved: bool
    doubt: float


class MaskEditor:
    """The faces that a person draws on, and the drawing of the one that is shown.

    Parameters
    ----------
    rows : sequence of Row
        The faces to show; not empty.
    predict : Predict or None
        Suggests masks; None without a trained model.

    Attributes
    ----------
    position : int
        Which face is shown.
    image, info : (n, n, 3) uint8 BGR, FaceInfo
        That face.
    message : str
        Feedback on the last event.
    """

    def __init__(self, rows: Sequence[Row], predict: Predict | None = None) -> None:
        self.rows = list(rows)
        self.message = ""
        self.written = 0
        self._predict = predict
        self._suggestions: dict[Path, np.ndarray] = {}
        self._copied: tuple[FaceInfo, tuple[Shape, ...]] | None = None
        self.position = 0
        self.go(next((n for n, row in enumerate(rows) if not row.labeled), 0))

    def go(self, position: int) -> None:
        """Show another face; what was not kept of this one is dropped."""
        self.position = min(max(position, 0), len(self.rows) - 1)
        self.image, self.info = read_face(self.rows[self.position].path)
        self.drawing = Drawing.of(self.info.mask_label)
        self.message = ""

    @property
    def changed(self) -> bool:
        """Whether the drawing differs from what is in the file."""
        kept = () if self.info.mask_label is None else self.info.mask_label.shapes
        return self.drawing.shapes is not kept and (self.drawing.shapes != () or kept != ())

    def act(self, event: Mapping[str, Any]) -> None:
        """Do what an event asks for.

        Raises
        ------
        UsageError
            If there is no such event, or it lacks something.
        InputError
            If it cannot be done, or a face cannot be read or written.
        """
        name = event.get("do")
        action = _ACTIONS.get(name) if isinstance(name, str) else None
        if action is None:
            raise UsageError(f"Expected one of {', '.join(_ACTIONS)}. Received: {name}")
        self.message = ""
        action(self, _Given(event))

    # What a person draws.

    def corner(self, given: _Given) -> None:
        """Add a corner to the polygon in the making; within `reach` of its first, close it."""
        place = self._frame(*given.place)
        corners = self.drawing.corners
        if len(corners) >= LEAST_POINTS and "reach" in given.event:
            away = float(np.hypot(*np.subtract(place, corners[0]))) * self._scale
            if away <= given.number("reach"):
                self.drawing = self.drawing.closed()
                return
        self.drawing = self.drawing.with_corner(*place)

    def close(self, _: _Given) -> None:
        """End the polygon."""
        if 0 < len(self.drawing.corners) < LEAST_POINTS:
            self.message = "a polygon needs three corners"
        self.drawing = self.drawing.closed()

    def stroke(self, given: _Given) -> None:
        """Add a stroke of the brush."""
        points = self._frames(given.points)
        width = given.number("width") / self._scale
        self.drawing = self.drawing.with_stroke(points, min(width, mask_label.WIDEST))

    def move(self, given: _Given) -> None:
        """Drag a point of a shape to a place; one drag is one step of undo."""
        moved = self.drawing.moved(
            given.whole("shape"), given.whole("point"), *self._frame(*given.place)
        )
        if given.flag("continues") and self.drawing.past:
            moved = replace(moved, past=self.drawing.past)
        self.drawing = moved

    def divide(self, given: _Given) -> None:
        """Add a point to a shape, after another."""
        place = self._frame(*given.place)
        self.drawing = self.drawing.divided(given.whole("shape"), given.whole("point"), *place)

    def remove(self, given: _Given) -> None:
        """Remove a shape, or one point of it."""
        point = given.whole("point") if "point" in given.event else None
        self.drawing = self.drawing.without(given.whole("shape"), point)

    def turn(self, given: _Given) -> None:
        """Let a shape include what it excluded."""
        self.drawing = self.drawing.turned(given.whole("shape"))

    def include(self, given: _Given) -> None:
        """Say whether the next shapes include or exclude."""
        self.drawing = replace(self.drawing, include=given.flag("value"))

    def undo(self, _: _Given) -> None:
        """Take back the last step."""
        before, self.drawing = self.drawing, self.drawing.undone()
        self.message = "nothing to undo" if self.drawing is before else ""

    def redo(self, _: _Given) -> None:
        """Do again what was undone."""
        self.drawing = self.drawing.redone()

    def clear(self, _: _Given) -> None:
        """Remove all shapes."""
        self.drawing = self.drawing.changed(())

    def copy(self, _: _Given) -> None:
        """Take the shapes of the face that was kept last, moved with the landmarks."""
        if self._copied is None:
            self.message = "nothing was kept yet that could be copied"
            return
        info, shapes = self._copied
        moved = carried(shapes, info.source_landmarks, self.info.source_landmarks)
        self.drawing = self.drawing.changed((*self.drawing.shapes, *moved))

    def accept(self, _: _Given) -> None:
        """Take the outline that the trained model suggests in place of the drawing."""
        suggestion = self.suggestion()
        if suggestion is None:
            self.message = "there is no trained mask model yet that could suggest a mask"
            return
        shapes = outlined(suggestion, self.info)
        if not shapes:
            self.message = "the model sees no face here; draw it"
            return
        self.drawing = self.drawing.changed(shapes)

    # What is kept.

    def keep(self, _: _Given) -> None:
        """Write the label, and show the next face without one, or else the next face."""
        self._write(self.drawing.label)
        self._next()

    def enter(self, given: _Given) -> None:
        """Close the polygon in the making, or keep the label if there is none."""
        (self.close if self.drawing.corners else self.keep)(given)

    def forget(self, _: _Given) -> None:
        """Remove the label from the file."""
        self._write(None)
        self.drawing = Drawing()

    def show(self, given: _Given) -> None:
        """Show another face of the list."""
        self.go(given.whole("position"))

    def _write(self, label: MaskLabel | None) -> None:
        row = self.rows[self.position]
        if label is not None:
            label = mask_label.within_limits(label, self.info)
        self.info = change_info(row.path, mask_label=label)
        self.rows[self.position] = row._replace(labeled=label is not None, moved=False)
        self.written += 1
        if label is not None:
            self._copied = (self.info, label.shapes)

    def _next(self) -> None:
        later = range(self.position + 1, len(self.rows))
        following = next((n for n in later if not self.rows[n].labeled), self.position + 1)
        if following < len(self.rows):
            self.go(following)
        else:
            self.go(self.position)
            self.message = "kept; that was the last face"

    # What is shown.

    def mask(self) -> np.ndarray:
        """Return the mask that the drawing makes, (PREVIEW_SIDE, PREVIEW_SIDE) float32."""
        if not self.drawing.shapes and self.info.mask_label is None:
            return face_mask(self.info, PREVIEW_SIDE)
        drawn = replace(self.info, mask_label=MaskLabel(self.drawing.shapes))
        return mask_from("label", drawn, PREVIEW_SIDE)

    @property
    def source(self) -> str:
        """Where the mask that is shown comes from: label, applied or hull."""
        return "label" if self.drawing.shapes else source_of(self.info)

    def suggestion(self) -> np.ndarray | None:
        """Return the mask that the trained model suggests, (SIDE, SIDE) float32; None without."""
        path = self.rows[self.position].path
        if self._predict is None:
            applied = replace(self.info, mask_label=None)
            return face_mask(applied, mask_png.SIDE) if self.info.mask is not None else None
        if path not in self._suggestions:
            crop = to_crop(self.image, self.info, self._predict.side, self._predict.face_type)
            [mask] = self._predict(crop[None])
            self._suggestions = {path: to_aligned(mask, self.info, self._predict.face_type)}
        return self._suggestions[path]

    def on_image(self, points: np.ndarray) -> np.ndarray:
        """Return points of the frame, (n, 2), in pixels of the image that is shown."""
        return points @ self.info.matrix[:, :2].T + self.info.matrix[:, 2]

    @property
    def _scale(self) -> float:
        """Pixels of the image for each of the frame."""
        return float(np.sqrt(np.linalg.det(self.info.matrix[:, :2])))

    def _frames(self, points: np.ndarray) -> np.ndarray:
        matrix = geometry.invert(self.info.matrix)
        return points @ matrix[:, :2].T + matrix[:, 2]

    def _frame(self, x: float, y: float) -> tuple[float, float]:
        [(left, top)] = self._frames(np.array([(x, y)], np.float64)).tolist()
        return left, top


def outlined(mask: np.ndarray, info: FaceInfo) -> tuple[Shape, ...]:
    """Return a mask as polygons: its outlines, which include, then its holes, which exclude.

    Parameters
    ----------
    mask : (n, n) float32
        Covers the aligned image from edge to edge.
    info : FaceInfo
        Of the face.
    """
    side = max(len(mask), 2 * PREVIEW_SIDE)  # enlarged: contours run through centers of pixels
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


class _Given:
    """What an event has, checked when it is asked for."""

    def __init__(self, event: Mapping[str, Any]) -> None:
        self.event = event

    def number(self, name: str) -> float:
        value: Any = self.event.get(name)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not -mask_label.FARTHEST <= value <= mask_label.FARTHEST:
            raise UsageError(f"{name}: Expected a number. Received: {value}")
        return float(value)

    def whole(self, name: str) -> int:
        value = self.event.get(name)
        if type(value) is not int or abs(value) > 1 << 30:
            raise UsageError(f"{name}: Expected a whole number. Received: {value}")
        return value

    def flag(self, name: str) -> bool:
        return self.event.get(name) is True

    @property
    def place(self) -> tuple[float, float]:
        return self.number("x"), self.number("y")

    @property
    def points(self) -> np.ndarray:
        given = self.event.get("points")
        if not isinstance(given, list) or not 1 <= len(given) <= mask_label.MOST_POINTS:
            raise UsageError(f"points: Expected 1 to {mask_label.MOST_POINTS} of them")
        pairs = [_Given(dict(zip("xy", pair, strict=False))).place for pair in given]
        return np.array(pairs, np.float64)


_ACTIONS = {
    "corner": MaskEditor.corner,
    "close": MaskEditor.close,
    "stroke": MaskEditor.stroke,
    "move": MaskEditor.move,
    "divide": MaskEditor.divide,
    "remove": MaskEditor.remove,
    "turn": MaskEditor.turn,
    "include": MaskEditor.include,
    "undo": MaskEditor.undo,
    "redo": MaskEditor.redo,
    "clear": MaskEditor.clear,
    "copy": MaskEditor.copy,
    "accept": MaskEditor.accept,
    "keep": MaskEditor.keep,
    "enter": MaskEditor.enter,
    "forget": MaskEditor.forget,
    "show": MaskEditor.show,
}
