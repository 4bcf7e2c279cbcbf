"""Paths that the page may name: those below the workspace, after all links are resolved."""

from contextlib import suppress
from pathlib import Path

from utils.errors import InputError, UsageError
from utils.workspace import Workspace


def inside(home: Workspace, text: str) -> Path:
    """Return the absolute path that a text means in a workspace.

    Raises
    ------
    UsageError
        If it is outside of the workspace, or leads there through a link.
    """
    try:
        root = home.folder.resolve()
        target = (root / Path(text).expanduser()).resolve()
    except (OSError, ValueError, RuntimeError):  # a loop of links, a NUL, a name too long
        raise UsageError(f'"{text}" is not a path') from None
    if not target.is_relative_to(root):
        raise UsageError(
            f'"{text}" is outside of the workspace "{home.folder}"; the page only uses what is in '
            "it. Copy it there, or type the command in a terminal"
        )
    return target


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
    parts = path.relative_to(home.folder.resolve()).parts
    with suppress(OSError):  # a name that is too long
        if path.is_file() and not any(part.startswith(".") for part in parts):
            return path
    raise InputError("there is no such file")
