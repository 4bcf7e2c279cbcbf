"""Clips that the page sends: streamed to the disk, of bounded size, under a name of ours."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path, PurePath

from utils.errors import InputError, UsageError
from utils.files import VIDEO_SUFFIXES, free_name, no_link, write_result
from utils.workspace import Workspace

LARGEST = 50 << 30
"""Bytes."""
SPARE = 1 << 30
"""Bytes of the disk that an upload leaves free."""
PUT_AWAY = "footage_trash"
"""The folder of the workspace for clips that were the wrong ones."""


async def receive(
    home: Workspace, side: str, name: str, size: int, body: AsyncIterator[bytes]
) -> str:
    """Store a clip as the footage of a side; return the name it got.

    Parameters
    ----------
    name : str
        What the browser calls it; only its suffix counts.
    size : int
        Bytes that are announced; not one more is read.

    Raises
    ------
    UsageError
        If the kind of file is unknown.
    InputError
        If there is footage already, it is too large, or ends early.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix not in VIDEO_SUFFIXES:
        known = ", ".join(sorted(VIDEO_SUFFIXES))
        raise UsageError(f"a clip is a file of one of the kinds {known}. Received: {suffix}")
    _check_place(home, side)
    _check_size(home, size)
    target = home.folder / f"data_{side}{suffix}"
    with write_result(target) as temporary, temporary.open("wb") as file:
        left = size
        async for chunk in body:
            left -= len(chunk)
            if left < 0:
                raise InputError("more was sent than announced; nothing was kept")
            file.write(chunk)
        if left:
            raise InputError("the clip ended early; nothing was kept, send it again")
        _check_place(home, side)  # another page may have sent one meanwhile
    return target.name


def put_away(home: Workspace, side: str) -> Path:
    """Move the clip of a side out of the way; return where it is now.

    Raises
    ------
    InputError
        If there is none in the workspace, or faces were found in it already.
    """
    clip = home.clip(side)
    if not clip.is_file():
        raise InputError(f"there is no clip of {side} in the workspace")
    if home.faces(side).exists():
        raise InputError(
            f'"{home.faces(side)}" holds the faces of this clip; move that folder away first'
        )
    away = no_link(home.folder / PUT_AWAY)
    away.mkdir(exist_ok=True)
    return clip.rename(free_name(away / clip.name))


def _check_place(home: Workspace, side: str) -> None:
    if home.clip(side).exists():
        raise InputError(f'"{home.clip(side)}" is there already; put it away first')


def _check_size(home: Workspace, size: int) -> None:
    if not 0 < size <= LARGEST:
        raise InputError(f"a clip may have up to {LARGEST >> 30} GB; this one has {size:,} bytes")
    free = shutil.disk_usage(home.folder).free
    if size + SPARE > free:
        raise InputError(
            f"the disk has {free >> 20:,} MB left, too little for this clip; free some space"
        )
