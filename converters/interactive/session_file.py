"""The session file of an interactive conversion: the look of each frame, and the current frame.

It lies beside the output, is rewritten as a whole on every change, and is validated when read:
people edit it by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from converters.look import Look, look_from_json, look_to_json, session_path
from converters.look_timeline import LookTimeline
from utils import console
from utils.errors import InputError, UsageError
from utils.files import write_json

VERSION = 1
KIND = "interactive conversion"
MAX_BYTES = 100_000_000
REPAIR_HINT = "repair it, or move it away to start a new session"


@dataclass(frozen=True)
class SavedSession:
    """What a session file holds.

    Attributes
    ----------
    timeline : LookTimeline
        The settings of all frames.
    frame : int
        Number of the frame that was shown last.
    missing : tuple of str
        Names of frames that have settings but are not in the footage.
    """

    timeline: LookTimeline
    frame: int = 0
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class SessionFile:
    """Where the session of a run is kept, and whether there is one to continue."""

    path: Path
    resume: bool

    @classmethod
    def find(cls, named: Path | None, use_session: bool, output: Path) -> SessionFile:
        """Return the session file that was named, or else the one of an output.

        Raises
        ------
        InputError
            The named file does not exist.
        """
        if named is not None and use_session and not named.is_file():
            raise InputError(f'there is no session "{named}"')
        path = named or session_path(output)
        return cls(path, use_session and path.is_file())


def save(path: Path, session: SavedSession, footage: str, names: Sequence[str]) -> None:
    """Write a session; `footage` is the name of the footage, `names` are those of its frames."""
    looks = {
        names[index]: look_to_json(look)
        for index, look in session.timeline.own.items()
        if index < len(names)
    }
    value = {"version": VERSION, "kind": KIND, "footage": footage, "at": names[session.frame]}
    write_json(path, value | {"looks": looks})


def load(path: Path, footage: str, number_of: Callable[[str], int | None]) -> SavedSession:
    """Read a session.

    Parameters
    ----------
    path : Path
        The session file.
    footage : str
        Name of the footage it must belong to.
    number_of : callable
        Returns the number of a frame by name; None if the footage has no such frame.

    Raises
    ------
    InputError
        The file is damaged, newer than this program, or belongs to other footage.
    """
    record = _read(path)
    if record.get("footage") != footage:
        raise InputError(
            f'the session "{path}" is for the footage "{record.get("footage")}", not for '
            f'"{footage}"; use --no-use-session, another --output-dir, or move it away'
        )
    looks = record.get("looks")
    if not isinstance(looks, dict) or not looks:
        raise InputError(f'the session "{path}" has no settings; {REPAIR_HINT}')
    own = {name: _look(path, name, value) for name, value in looks.items()}
    numbers = {name: number_of(name) for name in own}
    known = {number: own[name] for name, number in numbers.items() if number is not None}
    if not known:
        raise InputError(
            f'the session "{path}" has settings for frames such as "{next(iter(own))}", which are '
            f"not in the footage; {REPAIR_HINT}"
        )
    at = record.get("at")
    return SavedSession(
        LookTimeline({0: known[min(known)], **known}),
        (number_of(at) if isinstance(at, str) else 0) or 0,
        tuple(name for name, number in numbers.items() if number is None),
    )


def warn_of_missing(session: SavedSession) -> None:
    """Warn of frames that have settings but are not in the footage."""
    if session.missing:
        console.warn(
            f"{len(session.missing)} frame(s) with settings of their own are no longer in the "
            f"footage, such as {session.missing[0]}"
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f'"{path}" is too large for a session; {REPAIR_HINT}')
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise InputError(f'cannot read the session "{path}": {problem.strerror}') from None
    except (ValueError, RecursionError):
        raise InputError(
            f'the session "{path}" is damaged: it is not JSON; {REPAIR_HINT}'
        ) from None
    version = record.get("version") if isinstance(record, dict) else None
    if not isinstance(record, dict) or record.get("kind") != KIND or type(version) is not int:
        raise InputError(f'"{path}" is not a session file of convert --interactive')
    if version > VERSION:
        raise InputError(
            f'the session "{path}" was written by a newer version of this program; update it'
        )
    return record


def _look(path: Path, name: str, value: object) -> Look:
    if not isinstance(value, dict):
        raise InputError(f'the session "{path}" has no settings for {name}; {REPAIR_HINT}')
    try:
        return look_from_json(value)
    except UsageError as problem:
        raise InputError(f'the session "{path}", frame {name}: {problem}; {REPAIR_HINT}') from None
