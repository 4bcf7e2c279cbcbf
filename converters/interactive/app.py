"""`convert --interactive`: a window in which the look of each frame is chosen before rendering.

The window only passes keys and mouse events on to `state` and shows the result; previews are
rendered beside it (`preview_worker`), and every change of settings is saved at once.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from converters.blending.occlusion import OcclusionMasks
from converters.footage import Footage
from converters.interactive import keymap, screen, session_file
from converters.interactive.preview import PreviewRenderer, PreviewRequest
from converters.interactive.preview_worker import PreviewWorker
from converters.interactive.session_file import SavedSession, SessionFile
from converters.interactive.state import EditorState, FootageIndex, handle_key, handle_mouse
from converters.look import Look
from converters.look_timeline import LookTimeline
from converters.predictor import Predictor
from facelib.faceset import FaceInfo
from utils import console
from utils.errors import UserError
from utils.video.seekable import open_random
from utils.window import Closed, Event, Key, Mouse, Window

TITLE = "Convert"
POLL_MS = 20
"""Milliseconds the event loop waits for events."""
REPEAT_SECONDS = 0.12
"""The same key again within this time is taken for a key that is held down."""
RETRY_SECONDS = 3.0
"""Time after which saving a session is tried again."""
ACTIONS = keymap.key_actions()


def choose(
    session: SessionFile,
    look: Look,
    footage: Footage,
    faces: Mapping[str, list[FaceInfo]],
    predictor: Predictor,
    visibility: OcclusionMasks | None,
) -> LookTimeline | None:
    """Let a person choose the looks; return None if nothing is to be rendered yet.

    Raises
    ------
    UserError
        The session cannot be used, or cannot be saved for later.
    """
    with open_random(footage.source, _known_times(footage.name, faces)) as frames:
        numbers = {name: index for index, name in enumerate(frames.names)}
        saved = begin(session, look, footage.name, numbers)
        face_frames = tuple(i for i, name in enumerate(frames.names) if Path(name).stem in faces)
        index = FootageIndex(len(frames), face_frames)
        state = EditorState(index, saved.timeline, saved.frame)
        autosave = Autosave(session.path, footage.name, frames.names)
        renderer = PreviewRenderer(frames, faces, predictor, visibility)
        with Window(TITLE, screen.SIZE) as window, PreviewWorker(renderer) as previews:
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
        result = previews(PreviewRequest.of(state))
        current = (state, result, previews.late, autosave.problem)
        if current != shown:
            problem = autosave.problem or result.problem
            window.show(screen.draw(result.preview, state, problem, previews.late))
            shown = current
        for event in window.events(POLL_MS):
            state = handler.handle(state, event)
            if state.outcome:
                break
        autosave.update(state)
    return state


class InputHandler:
    """Turns window events into states."""

    def __init__(self) -> None:
        self._last = ("", 0.0)

    def handle(self, state: EditorState, event: Event) -> EditorState:
        """Return the state after an event."""
        if isinstance(event, Closed):
            return replace(state, outcome="quit")
        if isinstance(event, Mouse):
            return handle_mouse(state, event.what, event.wheel)
        return handle_key(state, event.name, ACTIONS, self._held(event))

    def _held(self, key: Key) -> bool:
        (name, before), now = self._last, time.monotonic()
        self._last = (key.name, now)
        return name == key.name and now - before < REPEAT_SECONDS


class Autosave:
    """Saves the session whenever settings or the current frame change.

    Parameters
    ----------
    path : Path
        The session file.
    footage : str
        Name of the footage.
    names : sequence of str
        Names of its frames.

    Attributes
    ----------
    problem : str
        Why the latest session could not be saved; empty if it was.
    """

    def __init__(self, path: Path, footage: str, names: Sequence[str]) -> None:
        self._path, self._footage, self._names = path, footage, names
        self._session: SavedSession | None = None
        self._retry_at = 0.0
        self.problem = ""

    def update(self, state: EditorState) -> None:
        """Save the session if it has changed, or if saving failed a while ago."""
        session = SavedSession(state.timeline, state.frame)
        retry = self.problem and time.monotonic() > self._retry_at
        if session == self._session and not retry:
            return
        self._session, self._retry_at = session, time.monotonic() + RETRY_SECONDS
        self.problem = self._write(self._path)

    def finish(self, state: EditorState) -> None:
        """Save the session a last time, in the temporary folder if its own place fails.

        Raises
        ------
        UserError
            It is not in its own place, and nothing is rendered with it now.
        """
        self._retry_at = 0.0
        self.update(state)
        if not self.problem:
            console.say(f'The session is saved in "{self._path}".')
            return
        message, fallback = self.problem, Path(tempfile.gettempdir()) / self._path.name
        if not self._write(fallback):
            message += f'; it is saved in "{fallback}" instead: continue with --session'
        if state.outcome != "render":
            raise UserError(message)
        console.warn(message)

    def _write(self, path: Path) -> str:
        """Write the session; return why that failed, or an empty string."""
        if self._session is None:
            return ""
        try:
            session_file.save(path, self._session, self._footage, self._names)
        except OSError as problem:
            return f'the session "{path}" cannot be written: {problem.strerror}'
        return ""


def _known_times(footage: str, faces: Mapping[str, list[FaceInfo]]) -> dict[int, Fraction]:
    """Return the timestamps of frames that extraction, which decodes in order, has recorded."""
    infos = [info for found in faces.values() for info in found]
    return {
        info.frame_index: Fraction(info.time)
        for info in infos
        if info.time is not None and info.source == footage
    }
