"""Paths that the page may name: those below the workspace, and what its file picker has picked.

All links are resolved first. Windows has further names that lead elsewhere (devices, streams,
other machines); they are refused before the system sees them.
"""

import os
import re
import stat
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path, PurePath, PureWindowsPath

from utils.errors import InputError, UsageError
from utils.workspace import Workspace

SHOWN = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".gif": "image/gif",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/mp4",  # browsers play what is in it, but refuse its own name
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
}
"""What a browser may show; the rest could be a page with scripts, and is only downloaded."""

DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[1-9¹²³]) *(\..*)?", re.IGNORECASE)
FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]|[. ]$')
"""In a name on Windows; a colon begins a stream of a file, and dots at the end are dropped."""
NETWORK, DEVICES = "\\\\", ("\\\\.\\", "\\\\?\\")


def inside(home: Workspace, text: str, picked: Collection[Path] = ()) -> Path:
    """Return the absolute path that a text means in a workspace.

    Parameters
    ----------
    picked : collection of Path
        Files and folders outside, without links, that the page may name as well.

    Raises
    ------
    UsageError
        If it is outside of all of them, or leads there through a link.
    """
    try:
        root = home.folder.resolve()
        if os.name == "nt" and (fault := windows_fault(text, [root, *picked])):
            raise UsageError(f'"{text}" is not a path: {fault}')
        target = (root / Path(text).expanduser()).resolve()
    except (OSError, ValueError, RuntimeError):  # a loop of links, a NUL, a name too long
        raise UsageError(f'"{text}" is not a path') from None
    if not is_below(target, [root, *picked]):
        raise UsageError(
            f'"{text}" is outside of the workspace "{home.folder}"; choose it with "Browse", so '
            "that the page may use it, or type the command in a terminal"
        )
    return target


def is_below(path: PurePath, roots: Collection[PurePath]) -> bool:
    """Whether a path without links is one of some files and folders, or is in one of them."""
    return any(path.is_relative_to(root) for root in roots)


def windows_fault(text: str, roots: Collection[PurePath]) -> str:
    """Return what is wrong with a text as a path on Windows, "" for nothing.

    Parameters
    ----------
    roots : collection of PurePath
        Folders that may be used: only those of their other machines may be asked for.
    """
    path = PureWindowsPath(text)
    drives = {str(PureWindowsPath(root).drive).casefold() for root in roots}
    if path.drive.startswith(DEVICES):
        return "it names a device"
    if path.drive.startswith(NETWORK) and path.drive.casefold() not in drives:
        return "it is on another machine"
    names = path.parts[1:] if path.anchor else path.parts
    for name in names:
        if DEVICE.fullmatch(name):
            return f'"{name}" is the name of a device'
        if FORBIDDEN.search(name) and name not in (".", ".."):
            return f'Windows does not allow the name "{name}"'
    return ""


def is_hidden(path: Path) -> bool:
    """Whether a file or folder is hidden; on Windows an attribute says so as well."""
    if path.name.startswith("."):
        return True
    with suppress(OSError):
        attributes = getattr(path.lstat(), "st_file_attributes", 0)
        return bool(attributes & (stat.FILE_ATTRIBUTE_HIDDEN | stat.FILE_ATTRIBUTE_SYSTEM))
    return False


def served(home: Workspace, text: str) -> Path:
    """Return a file of the workspace that the page may show: none that is hidden.

    Raises
    ------
    InputError
        If there is no such file, or it is hidden or outside.
    """
    try:
        path = inside(home, text)
    except UsageError:
        raise InputError("there is no such file") from None
    root = home.folder.resolve()
    with suppress(OSError):  # a name that is too long
        within = [path, *path.parents][: len(path.relative_to(root).parts)]
        if path.is_file() and not any(map(is_hidden, within)):
            return path
    raise InputError("there is no such file")
