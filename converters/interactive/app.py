"""`convert --interactive`: a window in which the look of each frame is chosen before rendering.

The window only passes keys and mouse events on to `state` and shows the result; previews are
rendered beside it (`preview_worker`), and every change of settings is saved at once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from converters.interactive import keymap, playback, remote, screen, session_file
from converters.interactive.autosave import Autosave
from converters.interactive.layout import SIZE, Layout
from converters.interactive.mouse import handle_mouse
from converters.interactive.preview import PreviewRenderer, PreviewRequest
from converters.interactive.preview_worker import PreviewWorker
from converters.interactive.session_file import SavedSession, SessionFile
from converters.interactive.state import EditorState, FootageIndex, handle_key
from converters.look import Look
from converters.look_timeline import LookTimeline
from converters.predictor import Predictor
from facelib.faceset import FaceInfo
from models.mask_predictor import MaskPredictor
from utils.video.seekable import open_random
from utils.window import Closed, Event, Key, Mouse, Window

if TYPE_CHECKING:
    from converters.job import Job  # which imports this module for a window

TITLE = "Convert"
POLL_MS, PLAYING_POLL_MS = 20, 4
"""Milliseconds the event loop waits for events."""
REPEAT_SECONDS = 0.12
"""The same key again within this time is taken for a key that is held down."""
ACTIONS = keymap.key_actions()


def choose(
    job: Job, predictor: Predictor, masks: MaskPredictor | None = None
) -> LookTimeline | None:
    """Let a person choose the looks; return None if nothing is to be rendered here and now.

    Raises
    ------
    UserError
        The session cannot be used, or cannot be saved for later.
    """
    footage, faces = job.footage, job.faces.by_frame
    with open_random(footage.source, _known_times(footage.name, faces)) as frames:
        numbers = {name: index for index, name in enumerate(frames.names)}
        saved = begin(job.session, job.look, footage.name, numbers)
        face_frames = tuple(i for i, name in enumerate(frames.names) if Path(name).stem in faces)
        times = playback.frame_times(frames.times, len(frames), job.output.rate)
        state = EditorState(
            FootageIndex(len(frames), face_frames, times),
            saved.timeline,
            saved.frame,
            can_have_alpha=job.can_have_alpha,
            has_mask_model=masks is not None,
            model_morphs=predictor.morphs,
        )
        autosave = Autosave(job.session.path, footage.name, frames.names)
        renderer = PreviewRenderer(frames, faces, predictor, job.visibility, masks)
        previews = PreviewWorker(renderer)
        if job.remote:
            remote.tell_footage(footage.name, frames.names, faces, state)
            with previews:
                state = remote.run_event_loop(previews, state, autosave)
        else:
            with Window(TITLE, SIZE, any_shape=True) as window, previews:
                state = run_event_loop(window, previews, state, autosave)
    autosave.finish(state)
    return state.timeline if state.outcome == "render" else None


def begin(
    session: SessionFile, look: Look, footage: str, numbers: Mapping[str, int]
) -> SavedSession:
    """Return the session to continue, or a new one with one look for all frames."""
    if not session.resume:
        return SavedSession(LookTimeline.all_alike(look))
    saved = session_file.load(session.path, footage, numbers.get)
    session_file.warn_of_missing(saved)
    return saved


def run_event_loop(
    window: Window, previews: PreviewWorker, state: EditorState, autosave: Autosave
) -> EditorState:
    """Show frames and handle events until the session ends; return the last state."""
    handler = InputHandler()
    shown: object = None
    while not state.outcome:
        now = time.monotonic()
        state = playback.start_clock(state, now)
        result = previews(PreviewRequest.of(playback.due(state, now)))
        if result.request is not None:
            state = playback.show(state, result.request.frame, now)
        handler.layout = Layout.of_window(window.size)
        current = (handler.layout, state, result, previews.late, autosave.problem)
        if current != shown:
            problem = autosave.problem or result.problem
            window.show(screen.draw(handler.layout, result.preview, state, problem, previews.late))
            shown = current
        for event in window.events(POLL_MS if state.playback is None else PLAYING_POLL_MS):
            state = handler.handle(state, event)
            if state.outcome:
                break
        autosave.update(state)
    return state


class InputHandler:
    """Turns window events into states.

    Attributes
    ----------
    layout : Layout
        That of the content on the screen, in which the mouse has its position.
    """

    def __init__(self) -> None:
        self.layout = Layout(*SIZE)
        self._last = ("", 0.0)

    def handle(self, state: EditorState, event: Event) -> EditorState:
        """Return the state after an event."""
        if isinstance(event, Closed):
            return replace(state, outcome="quit")
        if isinstance(event, Mouse):
            return handle_mouse(
                state,
                event.what,
                self.layout.place_at(event.x, event.y, state.footage.count),
                event.wheel,
                large=event.ctrl or event.shift,
            )
        return handle_key(state, event.name, ACTIONS, self._held(event))

    def _held(self, key: Key) -> bool:
        (name, before), now = self._last, time.monotonic()
        self._last = (key.name, now)
        return name == key.name and now - before < REPEAT_SECONDS


def _known_times(footage: str, faces: Mapping[str, list[FaceInfo]]) -> dict[int, Fraction]:
    """Return the timestamps of frames that extraction, which decodes in order, has recorded."""
    infos = [info for found in faces.values() for info in found]
    return {
        info.frame_index: Fraction(info.time)
        for info in infos
        if info.time is not None and info.source == footage
    }
