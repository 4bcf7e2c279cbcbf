"""What the window shows of a frame and its faces."""

from contextlib import suppress
from functools import lru_cache

import cv2
import numpy as np

from extractor.manual.editor import SMALL, Editor
from extractor.manual.viewport import Viewport
from facelib import geometry, landmarks
from facelib.types import Face, FaceType, Rect
from utils.errors import InputError
from utils.text import BgrColor, panel

BLUE, RED, BLACK = (255, 80, 40), (0, 0, 255), (0, 0, 0)
GREEN, CYAN, YELLOW = (0, 255, 0), (255, 255, 0), (0, 220, 255)  # current, locked, kept
HANDLE_SIDE = 150  # side of a face from which its points are marked, window pixels
LINE = 20  # height of a line of text, window pixels
HELP = (
    "mouse\tmoves the rectangle; landmarks are located in it",
    "wheel\tresizes the rectangle",
    "left click\tlocks the face; again: unlocks it",
    "Enter\tkeeps the locked faces, or the one under the mouse; next frame",
    "Space\tno face in this frame; next frame",
    ". and ,\tnext and previous frame; only locked faces are kept",
    "q\tquits; undecided frames are shown again in the next run",
    "drag a point\tmoves a landmark of a locked face; with Shift the whole face",
    "a\tadds another face; click on a kept one: edits that again",
    "x\tremoves the face",
    "c\tcopies the faces of the previous frame",
    "u\tundoes the last change",
    "z\tzooms in on the face, and out again; + and -: by steps",
    "right drag\tmoves the zoomed frame",
    "h\thides this list",
)


class FrameDrawing:
    """Draws one frame (H, W, 3) uint8 BGR with its faces, whatever part of it is visible."""

    def __init__(self, image: np.ndarray, face_type: FaceType) -> None:
        self._image = image
        self._face_type = face_type
        self._background = lru_cache(maxsize=1)(self._scaled)

    def draw(self, editor: Editor, caption: str) -> np.ndarray:
        """Return the image for the window, (H, W, 3) uint8 BGR; `caption` names the frame."""
        view, state = editor.view, editor.state
        drawn: np.ndarray = self._background(view).copy()
        for face in state.kept:
            _rectangle(drawn, view, face.rect, YELLOW)
            drawn = self._draw_face(drawn, view, face, YELLOW, YELLOW)
        if editor.entered or state.locked:
            _rectangle(drawn, view, editor.rect, BLUE)
        if state.current is not None:
            color = CYAN if state.locked else GREEN
            drawn = self._draw_face(drawn, view, state.current, color, RED)
            if state.locked:
                _handles(drawn, view, state.current, editor.dragged)
        drawn = panel(drawn, _status(editor, caption), height=LINE)
        return panel(drawn, HELP if editor.tool.help else ["h: help"], at=(0, -1), height=LINE)

    def _scaled(self, view: Viewport) -> np.ndarray:
        if view.zoom == 1 and view.fit < 1:
            return cv2.resize(self._image, view.size, interpolation=cv2.INTER_AREA)
        flags = cv2.INTER_CUBIC if view.scale > 1 else cv2.INTER_LINEAR
        return cv2.warpAffine(
            self._image, view.matrix(), view.size, flags=flags, borderMode=cv2.BORDER_REPLICATE
        )

    def _draw_face(
        self, drawn: np.ndarray, view: Viewport, face: Face, color: BgrColor, edge: BgrColor
    ) -> np.ndarray:
        """Return a copy with the landmarks, and the edge of the square that will be cropped."""
        if self._face_type is not FaceType.MARK_ONLY:
            with suppress(InputError):  # all points were dragged to one place
                crop = geometry.crop_matrix(face.landmarks, 256, self._face_type)
                _outline(drawn, view, geometry.crop_corners(crop, 256), edge)
        return landmarks.draw(drawn, geometry.apply(view.matrix(), face.landmarks), color)


def _outline(drawn: np.ndarray, view: Viewport, corners: np.ndarray, color: BgrColor) -> None:
    points = np.clip(geometry.apply(view.matrix(), corners), -30_000, 30_000)
    cv2.polylines(drawn, [np.rint(points).astype(np.int32)], True, color, 1, cv2.LINE_AA)


def _rectangle(drawn: np.ndarray, view: Viewport, rect: Rect, color: BgrColor) -> None:
    left, top, right, bottom = rect
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    _outline(drawn, view, corners, color)


def _handles(drawn: np.ndarray, view: Viewport, face: Face, dragged: int | None) -> None:
    """Mark the points that can be dragged, unless they would hide a small face."""
    points = np.clip(geometry.apply(view.matrix(), face.landmarks), -30_000, 30_000)
    if dragged is None and np.ptp(points, axis=0).max() < HANDLE_SIDE:
        return
    for number, point in enumerate(np.rint(points).astype(int).tolist()):
        cv2.circle(drawn, point, 6 if number == dragged else 3, BLACK, -1, cv2.LINE_AA)
        cv2.circle(drawn, point, 5 if number == dragged else 2, CYAN, -1, cv2.LINE_AA)


def _status(editor: Editor, caption: str) -> list[str]:
    state = editor.state
    facts = [caption]
    if state.current is not None:
        sure = "" if state.current.quality > 0 else " (landmarks uncertain)"
        facts.append(("locked" if state.locked else "not locked") + sure)
    if state.kept:
        facts.append(f"{len(state.kept)} more kept")
    if editor.view.zoom > 1:
        facts.append(f"zoom {editor.view.scale:.1f}")
    elif max(editor.rect.width, editor.rect.height) / 2 < SMALL:
        facts.append("a small face: z zooms in")
    lines = ["   ".join(facts)]
    return [*lines, editor.message] if editor.message else lines
