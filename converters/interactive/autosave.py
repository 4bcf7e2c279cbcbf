"""Saves the session of an interactive conversion on every change."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from converters.interactive import session_file
from converters.interactive.session_file import SavedSession
from converters.interactive.state import EditorState
from utils import console
from utils.errors import UserError

RETRY_SECONDS = 3.0
"""Time after which saving a session is tried again."""


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
        """Save the session if it has changed, or if saving failed a while ago.

        While the footage is played the frame changes all the time: it is saved at the end.
        """
        if state.playback is not None and not state.outcome:
            return
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
