"""Manual extraction on the screen of another program: JSON lines out, events in.

What the lines mean is in docs/progress.md. The other program draws the faces, and enlarges the
frame as it likes: here the whole frame is visible, and mouse events say how much it was enlarged.
"""

import base64
import json
import math
import queue
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, TextIO

import cv2
import numpy as np

from extractor.frames import Pending
from extractor.manual.controls import KEYS
from extractor.manual.editor import Editor
from extractor.manual.screen import GoTo, Scaled, ScreenEvent
from facelib import geometry
from facelib.types import Face, FaceType
from utils import console
from utils.errors import InputError
from utils.images import encode_image
from utils.window import MOUSE, Closed, Key, Mouse

LONGEST_SIDE = 2560  # pixels of the image that is sent
QUALITY = 90  # JPEG: to look at
LONGEST_LINE = 1 << 16  # characters
LEAST_SCALE, MOST_SCALE = 0.01, 100.0
FARTHEST = 1e6  # pixels
VIEW_KEYS = frozenset({"z", "+", "=", "-", "h"})
"""Keys that change only what is visible, which is up to the other program."""


class RemoteScreen:
    """A screen at the other end of stdin and stdout.

    Parameters
    ----------
    face_type : FaceType
        How much of the head will be cropped.
    given : TextIO
        The events, a JSON object each line; its end means that the person has left.
    """

    def __init__(self, face_type: FaceType, given: TextIO | None = None) -> None:
        self.closed = False
        self._face_type = face_type
        self._given = sys.stdin if given is None else given
        self._events: queue.SimpleQueue[ScreenEvent] = queue.SimpleQueue()
        self._shown: dict[str, Any] = {}

    def __enter__(self) -> "RemoteScreen":
        # a daemon: reading cannot be interrupted
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def begin(self, frame: Pending, image: np.ndarray, position: int) -> None:
        """Send another frame."""
        height, width = image.shape[:2]
        picture = base64.b64encode(encode_image(_shrunk(image), ".jpg", QUALITY)).decode()
        facts = {"position": position, "name": frame.name, "width": width, "height": height}
        self._shown = {}
        console.tell("frame", {**facts, "jpeg": picture})

    def show(self, editor: Editor) -> None:
        """Send the faces, if they are others than before."""
        state = self._state(editor)
        if state != self._shown:
            self._shown = state
            console.tell("state", state)

    def events(self, milliseconds: int) -> Iterator[ScreenEvent]:
        """Wait for an event; yield all that have come."""
        until = time.monotonic() + milliseconds / 1000
        while not self.closed:
            try:
                event = self._events.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                return
            self.closed = isinstance(event, Closed)
            until = 0.0
            yield event

    def saved(self, name: str, faces: int) -> None:
        """Tell that a frame is decided."""
        console.tell("saved", {"name": name, "faces": faces})

    def _read(self) -> None:
        """Queue the events until there are no more."""
        try:
            while line := self._given.readline(LONGEST_LINE):
                for event in events_of(line):
                    self._events.put(event)
        except (OSError, ValueError):  # closed, or no text
            pass
        self._events.put(Closed())

    def _state(self, editor: Editor) -> dict[str, Any]:
        state = editor.state
        visible = editor.entered or state.locked
        return {
            "kept": [self._face(face) for face in state.kept],
            "current": None if state.current is None else self._face(state.current),
            "rect": _rounded(np.array(editor.rect)) if visible else None,
            "locked": state.locked,
            "dragged": editor.dragged,
            "dragging": editor.drag is not None,
            "mouse": _rounded(np.array(editor.view.to_frame(editor.tool.x, editor.tool.y))),
            "previous": len(editor.previous),
            "message": editor.message,
        }

    def _face(self, face: Face) -> dict[str, Any]:
        return {
            "rect": _rounded(np.array(face.rect)),
            "landmarks": _rounded(face.landmarks),
            "crop": self._crop(face),
            "sure": bool(face.quality > 0),
        }

    def _crop(self, face: Face) -> list[Any] | None:
        """Return the corners of the square that will be cropped; None if there is none."""
        if self._face_type is FaceType.MARK_ONLY:
            return None
        try:
            crop = geometry.crop_matrix(face.landmarks, 256, self._face_type)
        except InputError:  # all points were dragged to one place
            return None
        return _rounded(geometry.crop_corners(crop, 256))


def events_of(line: str) -> list[ScreenEvent]:
    """Return what a line means; nothing if it is no event."""
    try:
        given = json.loads(line)
    except (ValueError, RecursionError):
        given = None
    if isinstance(given, dict):
        key = given.get("key")
        if isinstance(key, str) and key in KEYS.keys() - VIEW_KEYS:
            return [Key(key)]
        if given.get("mouse") in MOUSE.values():
            return _mouse(given)
        if type(position := given.get("go")) is int and position >= 0:
            return [GoTo(position)]
    console.warn(f"this is no event: {console.quoted(line.strip())}")
    return []


def _mouse(given: dict[str, Any]) -> list[ScreenEvent]:
    x, y, scale = (_number(given.get(name)) for name in ("x", "y", "scale"))
    if x is None or y is None or scale is None:
        console.warn("a mouse event has the numbers x, y and scale")
        return []
    scale = min(max(LEAST_SCALE, scale), MOST_SCALE)
    # outside of the frame is not outside of the window
    x, y = (min(max(0.0, at), FARTHEST) for at in (x, y))
    wheel = _number(given.get("wheel")) or 0
    direction = (wheel > 0) - (wheel < 0)
    return [Scaled(scale), Mouse(given["mouse"], x, y, direction, shift=bool(given.get("shift")))]


def _number(value: object) -> float | None:
    if not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _shrunk(image: np.ndarray) -> np.ndarray:
    shrink = min(1.0, LONGEST_SIDE / max(image.shape[:2]))
    if shrink == 1:
        return image
    return cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)


def _rounded(values: np.ndarray) -> list[Any]:
    found: list[Any] = np.round(values.astype(float), 2).tolist()
    return found
