"""`convert --interactive`: a window in which the look of each frame is chosen before rendering.

The window only hands keys to `state` and shows what that says; pictures are made beside it
(`preview_worker`). Settings are on the disk after every change.
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
from converters.interactive.preview import Preview, PreviewRequest
from converters.interactive.preview_worker import PreviewWorker
from converters.interactive.session_file import SavedSession, SessionFile
from converters.interactive.state import EditorState, FootageIndex, mouse, press
from converters.look import Look
from converters.look_timeline import LookTimeline
from converters.predictor import Predictor
from facelib.faceset import FaceInfo
from utils import console, window
from utils.errors import UserError
from utils.video.seekable import open_random
from utils.window import Closed, Event, Key, Mouse, Window

TITLE = "Convert"
TICK = 20  # milliseconds between two looks at the window
HELD = 0.12
"""Seconds; the same key again within them comes from a key that is held down."""
RETRY = 3.0
"""Seconds after which a session that could not be written is tried again."""
STEPS = keymap.steps()


def check_screen() -> None:
    """Refuse to begin without a screen.

    Raises
    ------
    UserError
    """
    if not window.available():
        raise UserError(
            "no window can be opened here: --interactive needs a desktop. Choose the look with "
            "flags (see convert --help), or on another computer and bring the session's file"
        )


def choose(
    session: SessionFile,
    look: Look,
    footage: Footage,
    faces: Mapping[str, list[FaceInfo]],
    predictor: Predictor,
    visibility: OcclusionMasks | None,
) -> LookTimeline | None:
    """Let the user choose the looks; None if everything is not to be rendered yet.

    Raises
    ------
    UserError
        If the session cannot be used, or cannot be written when everything is to be rendered later.
    """
    with open_random(footage.source, _known_times(footage.name, faces)) as frames:
        numbers = {name: index for index, name in enumerate(frames.names)}
        start = begin(session, look, footage.name, numbers)
        with_face = tuple(i for i, name in enumerate(frames.names) if Path(name).stem in faces)
        desk = EditorState(FootageIndex(len(frames), with_face), start.looks, start.at)
        keeper = Autosave(session.path, footage.name, frames.names)
        preview = Preview(frames, faces, predictor, visibility)
        with Window(TITLE, screen.SIZE) as shown, PreviewWorker(preview) as painter:
            desk = work(shown, painter, desk, keeper)
    keeper.finish(desk)
    return desk.looks if desk.end == "render" else None


def begin(
    session: SessionFile, look: Look, footage: str, numbers: Mapping[str, int]
) -> SavedSession:
    """Return the session to continue, or a new one with one look for all frames."""
    if not session.resume:
        return SavedSession(LookTimeline.all_alike(look))
    saved = session_file.load(session.path, footage, numbers.get)
    session_file.warn_of_lost(saved)
    return saved


def work(shown: Window, painter: PreviewWorker, desk: EditorState, keeper: Autosave) -> EditorState:
    """Show frames and take keys until the person is done; return the state then."""
    hands = InputHandler()
    on_screen: object = None
    while not desk.end:
        painted = painter(PreviewRequest.of(desk))
        wanted = (desk, painted, painter.late, keeper.alarm)
        if wanted != on_screen:
            alarm = keeper.alarm or painted.trouble
            shown.show(screen.draw(painted.seen, desk, alarm, painter.late))
            on_screen = wanted
        for event in shown.events(TICK):
            desk = hands.take(desk, event)
            if desk.end:
                break
        keeper.keep(desk)
    return desk


class InputHandler:
    """Turns events of a window into states."""

    def __init__(self) -> None:
        self._last = ("", 0.0)

    def take(self, desk: EditorState, event: Event) -> EditorState:
        """Return the state after an event."""
        if isinstance(event, Closed):
            return replace(desk, end="quit")
        if isinstance(event, Mouse):
            return mouse(desk, event.what, event.wheel)
        return press(desk, event.name, STEPS, self._held(event))

    def _held(self, key: Key) -> bool:
        (name, before), now = self._last, time.monotonic()
        self._last = (key.name, now)
        return name == key.name and now - before < HELD


class Autosave:
    """Writes the session whenever settings or the frame have changed.

    Parameters
    ----------
    path : of the session
    footage : the footage's name
    names : those of its frames

    Attributes
    ----------
    alarm : why the session as it is now is not on the disk; empty if it is
    """

    def __init__(self, path: Path, footage: str, names: Sequence[str]) -> None:
        self._path, self._footage, self._names = path, footage, names
        self._tried: SavedSession | None = None
        self._next = 0.0
        self.alarm = ""

    def keep(self, desk: EditorState) -> None:
        """Write the session if there is something new in it, or if that failed a while ago."""
        wanted = SavedSession(desk.looks, desk.frame)
        if wanted == self._tried and not (self.alarm and time.monotonic() > self._next):
            return
        self._tried, self._next = wanted, time.monotonic() + RETRY
        self.alarm = self._write(self._path)

    def finish(self, desk: EditorState) -> None:
        """Write the session for the last time: elsewhere, if it cannot be in its place.

        Raises
        ------
        UserError
            If it is not in its place, unless everything is rendered with it now.
        """
        self._next = 0.0
        self.keep(desk)
        if not self.alarm:
            console.say(f'The settings are kept in "{self._path}".')
            return
        told, other = self.alarm, Path(tempfile.gettempdir()) / self._path.name
        if not self._write(other):
            told += f'; the settings are kept in "{other}" instead: go on with --session'
        if desk.end != "render":
            raise UserError(told)
        console.warn(told)

    def _write(self, path: Path) -> str:
        """Write the session; return why that failed, or nothing."""
        if self._tried is None:
            return ""
        try:
            session_file.save(path, self._tried, self._footage, self._names)
        except OSError as problem:
            return f'the session "{path}" cannot be written: {problem.strerror}'
        return ""


def _known_times(footage: str, faces: Mapping[str, list[FaceInfo]]) -> dict[int, Fraction]:
    """Return the times of frames as extraction, which reads in order, has found them."""
    infos = [info for found in faces.values() for info in found]
    return {
        info.frame_index: Fraction(info.time)
        for info in infos
        if info.time is not None and info.source == footage
    }
