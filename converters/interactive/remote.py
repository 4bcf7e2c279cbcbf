"""`convert --interactive --remote`: the window is another program's, such as the workbench's page.

Events come as JSON lines on stdin; the state and the images go out on stdout. The state machine is
that of the window. See docs/interactive.md.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from converters.interactive import edits, keymap, playback
from converters.interactive.autosave import Autosave
from converters.interactive.preview import PreviewImage, PreviewRequest
from converters.interactive.preview_worker import PreviewWorker
from converters.interactive.state import EditorState, go_to, handle_key, settle
from converters.look import look_to_json
from facelib import review
from facelib.faceset import FaceInfo
from utils import console
from utils.errors import UsageError
from utils.images import fitted
from utils.inbox import Inbox

ACTIONS = keymap.key_actions()
IDLE_SECONDS, PLAYING_SECONDS = 0.05, 0.004
"""How long the event loop waits for events, or for what is rendered."""
JPEG_QUALITY = 90
SIDES = (16, 4096)
"""Sides of the images that may be asked for, in pixels."""

PreviewEvent = Mapping[str, Any]


def tell_footage(
    name: str, names: Sequence[str], faces: Mapping[str, list[FaceInfo]], state: EditorState
) -> None:
    """Tell what does not change: the footage, its faces, and the keys."""
    facts = {
        "name": name,
        "count": state.footage.count,
        "faces": list(_runs(state.footage.face_frames)),
        "doubtful": list(_doubts([faces.get(Path(each).stem, []) for each in names])),
        "keys": [[group, rows] for group, rows in keymap.help_groups().items()],
        "keys_by_setting": keymap.keys_by_setting(),
    }
    console.tell("footage", facts)


def _doubts(frames: Sequence[Sequence[FaceInfo]]) -> Iterator[tuple[int, list[str]]]:
    """Yield the doubtful frames, with why their faces should be reviewed."""
    known = [
        [review.FaceSummary(info.source_rect, info.score, info.quality) for info in infos]
        for infos in frames
    ]
    for index, here in enumerate(known):
        before, after = (known[at] if 0 <= at < len(known) else () for at in (index - 1, index + 1))
        found = [reason for each in review.reasons_in_frame(before, here, after) for reason in each]
        if found:
            yield index, list(dict.fromkeys(found))


def _runs(frames: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of frames that follow each other."""
    for _, run in groupby(enumerate(frames), lambda pair: pair[1] - pair[0]):
        numbers = [frame for _, frame in run]
        yield numbers[0], numbers[-1]


def run_event_loop(previews: PreviewWorker, state: EditorState, autosave: Autosave) -> EditorState:
    """Handle events and tell what changes until stdin ends; return the last state."""
    inbox, view = Inbox(), RemoteView()
    previews.when_done(inbox.wake)
    while not inbox.ended:
        now = time.monotonic()
        state = playback.start_clock(state, now)
        result = previews(PreviewRequest.of(playback.due(state, now)))
        if result.request is not None:
            state = playback.show(state, result.request.frame, now)
        problem = autosave.problem or result.problem
        view.tell_state(state, problem, late=previews.late)
        if result.preview is not None and result.request is not None:
            view.tell_images(result.preview, result.request.view, state.zoomed)
        playing = state.playback is not None
        for event in inbox.wait(PLAYING_SECONDS if playing else IDLE_SECONDS):
            try:
                state = handle(view.resized(event, state), event)
            except UsageError as problem:
                state = replace(state, message=str(problem))
        if state.outcome == "render":
            console.tell("render", {})
        state = replace(state, outcome="")  # only the end of stdin ends it
        autosave.update(state)
    return replace(state, outcome="quit")


def handle(state: EditorState, event: PreviewEvent) -> EditorState:
    """Return the state after an event.

    Raises
    ------
    UsageError
        If there is no such event.
    """
    if isinstance(key := event.get("key"), str):
        return handle_key(state, key, ACTIONS, held=event.get("held") is True)
    if type(frame := event.get("go")) is int:
        return settle(state, go_to(replace(state, typed=None), frame))
    if isinstance(name := event.get("set"), str):
        return settle(state, _set(state, name, event))
    if event.keys() <= {"width", "height", "compare"}:
        return state
    raise UsageError("Expected key, go, set, or width, height and compare")


def _set(state: EditorState, name: str, event: PreviewEvent) -> EditorState:
    """Give a setting a value; one that `continues` the last change is undone together with it."""
    if name not in edits.names():
        raise UsageError(f"Expected a setting. Received: {console.quoted(name)}")
    value = edits.option_of(name).check(event.get("value"))
    after = edits.choose(name, value)(replace(state, typed=None))
    if event.get("continues") is True and state.undo_stack:
        return replace(after, undo_stack=state.undo_stack)
    return after


class RemoteView:
    """Tells the other program what it has to show, once.

    Attributes
    ----------
    size : tuple of int
        Width and height within which it shows images, in pixels.
    compare : bool
        Whether it shows the original beside the result.
    """

    def __init__(self) -> None:
        self.size = (1280, 720)
        self.compare = False
        self._state: object = None
        self._images: dict[str, object] = {}

    def resized(self, event: PreviewEvent, state: EditorState) -> EditorState:
        """Follow an event about the screen; return the state as it is."""
        if isinstance(compare := event.get("compare"), bool):
            self.compare = compare
        low, high = SIDES
        sides = [event.get("width"), event.get("height")]
        if all(type(side) is int for side in sides):
            width, height = (min(max(int(side or 0), low), high) for side in sides)
            self.size = (width, height)
        return state

    def tell_state(self, state: EditorState, problem: str, *, late: bool) -> None:
        """Tell the state if it has changed."""
        facts = describe(state) | {"problem": problem, "late": late}
        if facts != self._state:
            self._state = facts
            console.tell("state", facts)

    def tell_images(self, preview: PreviewImage, view: str, zoomed: bool) -> None:
        """Tell the images of a preview that have changed, the original first."""
        frame = preview.frame
        if self.compare:
            original = (frame.index, zoomed, self.size)
            self._tell_image("original", original, preview.part(frame.image, zoomed), preview)
        image = preview.part(preview.image, zoomed)
        self._tell_image(view, (preview, zoomed, self.size), image, preview)

    def _tell_image(self, view: str, key: object, image: np.ndarray, preview: PreviewImage) -> None:
        if self._images.get(view) == key:
            return
        self._images = {"original": self._images.get("original"), view: key}
        image = fitted(image, *self.size)
        height, width = image.shape[:2]
        jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
        facts = {"frame": preview.frame.index, "view": view, "width": width, "height": height}
        facts |= {"failures": preview.failures, "missing": len(preview.missing)}
        console.tell("image", facts, jpeg)


def describe(state: EditorState) -> dict[str, Any]:
    """Return the state as JSON values."""
    times = state.footage.times
    return {
        "frame": state.frame,
        "time": round(times[state.frame], 3) if times else None,
        "has_face": state.has_face,
        "view": state.view,
        "zoomed": state.zoomed,
        "look": look_to_json(state.look),
        "set_at": state.timeline.source(state.frame),
        "own": list(state.timeline.own),
        "this_frame_only": state.this_frame_only,
        "undo": len(state.undo_stack),
        "typed": state.typed,
        "playing": playback.describe(state),
        "message": state.message,
    }
