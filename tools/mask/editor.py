"""Drawing masks face by face: which face is shown, its drawing, and what is written.

Nothing here knows how it is shown: `tools.mask.draw` brings it to another program's page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from facelib import geometry, mask_label, mask_png
from facelib.face_mask import face_mask, mask_from, source_of
from facelib.faceset import FaceInfo, change_info, read_face, read_info
from facelib.mask_label import MaskLabel, Shape
from tools.mask.apply import to_aligned, to_crop
from tools.mask.drawing import LEAST_POINTS, Drawing, carried, outlined
from tools.mask.given import Given
from utils.errors import InputError, UsageError
from utils.images import Image

PREVIEW_SIDE = 256


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

    @classmethod
    def of(cls, path: Path, info: FaceInfo, doubt: float = 0.0) -> Row:
        """Return the row of a face; `doubt` is how unsure a model is of it."""
        label = info.mask_label
        return cls(path, label is not None, label is not None and label.moved, doubt)


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
        self._suggestion: np.ndarray | None = None
        self._copied: tuple[FaceInfo, tuple[Shape, ...]] | None = None
        if not self._go_to_first(range(len(rows))):
            self.go(0)  # says what is wrong

    def go(self, position: int) -> None:
        """Show another face; what was not kept of this one is dropped.

        Raises
        ------
        InputError
            If it cannot be read; the same face is shown as before.
        """
        position = min(max(position, 0), len(self.rows) - 1)
        row = self.rows[position]
        self.image, self.info = read_face(row.path)
        self.position = position
        self.rows[position] = Row.of(row.path, self.info, row.doubt)  # others may have drawn on it
        self.drawing = Drawing.of(self.info.mask_label)
        self._suggestion = None
        self.message = ""

    def _go_to_first(self, positions: Iterable[int]) -> bool:
        """Show the first of some faces, those without a label before others, that can be read."""
        for position in sorted(positions, key=lambda n: self.rows[n].labeled):
            with suppress(InputError):
                self.go(position)
                return True
        return False

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
        action(self, Given(event))

    # What a person draws.

    def corner(self, given: Given) -> None:
        """Add a corner to the polygon in the making; within `reach` of its first, close it."""
        place = self._frame(*given.place)
        corners = self.drawing.corners
        if len(corners) >= LEAST_POINTS and "reach" in given.event:
            away = float(np.hypot(*np.subtract(place, corners[0]))) * self._scale
            if away <= given.number("reach"):
                self.drawing = self.drawing.closed()
                return
        self.drawing = self.drawing.with_corner(*place)

    def close(self, _: Given) -> None:
        """End the polygon."""
        if 0 < len(self.drawing.corners) < LEAST_POINTS:
            self.message = "a polygon needs three corners"
        self.drawing = self.drawing.closed()

    def drop(self, _: Given) -> None:
        """Remove the polygon in the making."""
        self.drawing = replace(self.drawing, corners=())

    def stroke(self, given: Given) -> None:
        """Add a stroke of the brush."""
        points = self._frames(given.points)
        width = given.number("width") / self._scale
        self.drawing = self.drawing.with_stroke(points, min(width, mask_label.WIDEST))

    def move(self, given: Given) -> None:
        """Drag a point of a shape to a place; one drag is one step of undo."""
        moved = self.drawing.moved(
            given.whole("shape"), given.whole("point"), *self._frame(*given.place)
        )
        if given.flag("continues") and self.drawing.past:
            moved = replace(moved, past=self.drawing.past)
        self.drawing = moved

    def divide(self, given: Given) -> None:
        """Add a point to a shape, after another."""
        place = self._frame(*given.place)
        self.drawing = self.drawing.divided(given.whole("shape"), given.whole("point"), *place)

    def remove(self, given: Given) -> None:
        """Remove a shape, or one point of it."""
        point = given.whole("point") if "point" in given.event else None
        self.drawing = self.drawing.without(given.whole("shape"), point)

    def turn(self, given: Given) -> None:
        """Let a shape include what it excluded."""
        self.drawing = self.drawing.turned(given.whole("shape"))

    def include(self, given: Given) -> None:
        """Say whether the next shapes include or exclude."""
        self.drawing = replace(self.drawing, include=given.flag("value"))

    def undo(self, _: Given) -> None:
        """Take back the last step."""
        before, self.drawing = self.drawing, self.drawing.undone()
        self.message = "nothing to undo" if self.drawing is before else ""

    def redo(self, _: Given) -> None:
        """Do again what was undone."""
        self.drawing = self.drawing.redone()

    def clear(self, _: Given) -> None:
        """Remove all shapes."""
        self.drawing = self.drawing.changed(())

    def copy(self, _: Given) -> None:
        """Take the shapes of the face that was kept last, moved with the landmarks."""
        if self._copied is None:
            self.message = "nothing was kept yet that could be copied"
            return
        info, shapes = self._copied
        moved = carried(shapes, info.source_landmarks, self.info.source_landmarks)
        self.drawing = self.drawing.changed((*self.drawing.shapes, *moved))

    def accept(self, _: Given) -> None:
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

    def keep(self, _: Given) -> None:
        """Write the label, and show the next face without one, or else the next face."""
        self._write(self.drawing.label)
        self._next()

    def enter(self, given: Given) -> None:
        """Close the polygon in the making, or keep the label if there is none."""
        (self.close if self.drawing.corners else self.keep)(given)

    def forget(self, _: Given) -> None:
        """Remove the label from the file."""
        self._write(None)
        self.drawing = self.drawing.changed(())  # which undo brings back

    def show(self, given: Given) -> None:
        """Show another face of the list."""
        self.go(given.whole("position"))

    def _write(self, label: MaskLabel | None) -> None:
        row, path = self.rows[self.position], self._file()
        if label is not None:
            label = mask_label.within_limits(label, self.info)
        now = read_info(path)
        if not mask_label.alike(now.mask_label, self.info.mask_label):
            self.info = now
            raise InputError(
                f'someone else has drawn on "{path.name}" since it was opened; keep this again to '
                "replace that"
            )
        self.info = change_info(path, now, mask_label=label)
        self.rows[self.position] = Row.of(path, self.info, row.doubt)
        self.written += 1
        if label is not None:
            self._copied = (self.info, label.shapes)

    def _file(self) -> Path:
        """Return the file of the face that is shown, which a sort may have renamed."""
        known = self.rows[self.position].path
        for path in (known, *known.parent.glob("*.png")):
            with suppress(InputError):
                if read_info(path).is_same(self.info):
                    return path
        raise InputError(
            f'"{known.name}" was deleted, or extracted again, since it was opened; what is drawn '
            "can be kept when it is back"
        )

    def _next(self) -> None:
        if not self._go_to_first(range(self.position + 1, len(self.rows))):
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
        if self._predict is None:
            applied = replace(self.info, mask_label=None)
            return face_mask(applied, mask_png.SIDE) if self.info.mask is not None else None
        if self._suggestion is None:
            crop = to_crop(self.image, self.info, self._predict.side, self._predict.face_type)
            [mask] = self._predict(crop[None])
            self._suggestion = to_aligned(mask, self.info, self._predict.face_type)
        return self._suggestion

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


_ACTIONS = {
    "corner": MaskEditor.corner,
    "close": MaskEditor.close,
    "drop": MaskEditor.drop,
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
