"""The session file of an interactive conversion: which frame has which look, and where one was.

It lies beside the output, is written whole at each change, and is checked when it is read: anybody
may have edited it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from converters.look import Look, look_from_json, look_to_json
from converters.look_timeline import LookTimeline
from utils import console
from utils.errors import InputError, UsageError
from utils.files import write_json

VERSION = 1
KIND = "interactive conversion"
LARGEST = 100_000_000  # bytes
WAY_OUT = "mend it, or move it away to begin anew"


@dataclass(frozen=True)
class SavedSession:
    """What is kept of an interactive conversion.

    Attributes
    ----------
    looks : the settings of the frames
    at : number of the frame that was shown last
    lost : names of frames that had settings and are not in the footage
    """

    looks: LookTimeline
    at: int = 0
    lost: tuple[str, ...] = ()


@dataclass(frozen=True)
class SessionFile:
    """Where the session of a run is kept, and whether one is there to continue."""

    path: Path
    resume: bool

    @classmethod
    def find(cls, named: Path | None, use_session: bool, output: Path) -> SessionFile:
        """Return the session that was named, or else the one of an output.

        Raises
        ------
        InputError
            If one is named that does not exist.
        """
        if named is not None and use_session and not named.is_file():
            raise InputError(f'there is no session "{named}"')
        path = named or session_path(output)
        return cls(path, use_session and path.is_file())


def session_path(output: Path) -> Path:
    """Return where the session of an output is kept."""
    return output.with_name(output.name + ".session.json")


def save(path: Path, session: SavedSession, footage: str, names: Sequence[str]) -> None:
    """Write a session; `footage` is the footage's name, `names` those of its frames."""
    looks = {
        names[index]: look_to_json(look)
        for index, look in session.looks.own.items()
        if index < len(names)
    }
    value = {"version": VERSION, "kind": KIND, "footage": footage, "at": names[session.at]}
    write_json(path, value | {"looks": looks})


def load(path: Path, footage: str, number_of: Callable[[str], int | None]) -> SavedSession:
    """Read a session.

    Parameters
    ----------
    footage : the name of the footage it is wanted for
    number_of : name of a frame -> its number; None if the footage has no such frame

    Raises
    ------
    InputError
        If it is damaged, newer than this program, or belongs to other footage.
    """
    record = _read(path)
    if record.get("footage") != footage:
        raise InputError(
            f'the session "{path}" is for the footage "{record.get("footage")}", not for '
            f'"{footage}"; use --no-use-session, another --output-dir, or move it away'
        )
    looks = record.get("looks")
    if not isinstance(looks, dict) or not looks:
        raise InputError(f'the session "{path}" holds no settings; {WAY_OUT}')
    own = {name: _look(path, name, value) for name, value in looks.items()}
    numbers = {name: number_of(name) for name in own}
    known = {number: own[name] for name, number in numbers.items() if number is not None}
    if not known:
        raise InputError(
            f'the session "{path}" has settings for frames such as "{next(iter(own))}", which are '
            f"not in the footage; {WAY_OUT}"
        )
    at = record.get("at")
    return SavedSession(
        LookTimeline({0: known[min(known)], **known}),
        (number_of(at) if isinstance(at, str) else 0) or 0,
        tuple(name for name, number in numbers.items() if number is None),
    )


def warn_of_lost(session: SavedSession) -> None:
    """Say which frames had settings and are gone."""
    if session.lost:
        console.warn(
            f"{len(session.lost)} frame(s) with settings of their own are no longer in the "
            f"footage, such as {session.lost[0]}"
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST:
            raise InputError(f'"{path}" is too large for a session; {WAY_OUT}')
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise InputError(f'cannot read the session "{path}": {problem.strerror}') from None
    except (ValueError, RecursionError):
        raise InputError(f'the session "{path}" is damaged: it is not JSON; {WAY_OUT}') from None
    version = record.get("version") if isinstance(record, dict) else None
    if not isinstance(record, dict) or record.get("kind") != KIND or type(version) is not int:
        raise InputError(f'"{path}" is not a session of convert --interactive')
    if version > VERSION:
        raise InputError(
            f'the session "{path}" was written by a newer version of this program; update it'
        )
    return record


def _look(path: Path, name: str, value: object) -> Look:
    if not isinstance(value, dict):
        raise InputError(f'the session "{path}" holds no settings for {name}; {WAY_OUT}')
    try:
        return look_from_json(value)
    except UsageError as problem:
        raise InputError(f'the session "{path}", frame {name}: {problem}; {WAY_OUT}') from None
