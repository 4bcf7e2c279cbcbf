"""Folders of the machine that the server runs on, as the file picker lists them."""

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path, PureWindowsPath
from typing import Any

import psutil

from facelib.face_folder import holds_face
from models.model_folder import GENERATIONS
from utils.errors import UsageError
from utils.files import IMAGE_SUFFIXES, VIDEO_SUFFIXES, is_image, natural_key
from utils.workspace import Workspace
from workbench.paths import is_hidden, windows_fault

TAKES = {
    "footage": ("video", "frames"),
    "faces": ("faces",),
    "model": ("model",),
    "video": ("video",),
    "image": ("image",),
    "folder": ("folder", "frames", "faces", "model"),
    "any": ("folder", "frames", "faces", "model", "video", "image", "file"),
}
"""By kind of an option: what may be picked for it."""
FOLDERS = ("folder", "frames", "faces", "model")
MOST = 5000
"""Entries of a folder that are listed."""
LOOKED_INTO = 300
"""Folders in it that are looked into, to say what they hold."""
IMAGES_LOOKED_AT = 50
WANTED = {
    "footage": "a video or a folder of frames",
    "faces": "a folder of faces that extract made",
    "model": "the folder of a model",
    "video": "a video",
    "image": "an image",
    "folder": "a folder",
    "any": "a file or a folder",
}


def listed(text: str, takes: str, *, hidden: bool) -> dict[str, Any]:
    """Return what a folder holds, as JSON values; links are followed.

    Raises
    ------
    UsageError
        If it is no folder, or one may not look into it.
    """
    folder = resolved(text)
    try:
        paths = sorted(folder.iterdir(), key=lambda path: natural_key(path.name))
    except NotADirectoryError:
        raise UsageError(f'"{folder}" is a file; choose its folder') from None
    except OSError as problem:
        raise not_seen(folder, problem) from None
    seen = [path for path in paths if hidden or not is_hidden(path)]
    looks = LOOKED_INTO
    entries, others = [], 0
    for path in seen[:MOST]:
        typed = str(path).isprintable()  # or no command line could name it
        kind = kind_of(path, look=looks > 0) if typed else ""
        looks -= kind in FOLDERS
        if kind in FOLDERS or kind in TAKES[takes]:
            size = None if kind in FOLDERS else _size(path)
            entries.append({"name": path.name, "path": str(path), "kind": kind, "size": size,
                            "opens": kind in FOLDERS, "picks": kind in TAKES[takes]})  # fmt: skip
        else:
            others += 1
    entries.sort(key=lambda entry: not entry["opens"])
    kind = kind_of(folder)
    return {
        "folder": str(folder),
        "kind": kind,
        "parent": None if folder.parent == folder else str(folder.parent),
        "picks": kind in TAKES[takes],
        "wanted": WANTED[takes],
        "entries": entries,
        "others": others,
        "hidden": len(paths) - len(seen),
        "left": max(0, len(seen) - MOST),
    }


def kind_of(path: Path, *, look: bool = True) -> str:
    """Return what a path is, "" if it cannot be told; without `look` a folder is only that."""
    try:
        if not path.is_dir():
            suffix = path.suffix.lower()
            kinds = {"video": VIDEO_SUFFIXES, "image": IMAGE_SUFFIXES}
            known = next((kind for kind, those in kinds.items() if suffix in those), "file")
            return known if path.is_file() else ""
        return _folder_kind(path) if look else "folder"
    except OSError:
        return "folder"  # one may not look into it


def _folder_kind(folder: Path) -> str:
    if (folder / GENERATIONS).is_dir():
        return "model"
    images = list(islice(filter(is_image, islice(folder.iterdir(), MOST)), IMAGES_LOOKED_AT))
    if not images:
        return "folder"
    return "faces" if any(map(holds_face, images)) else "frames"


def places(home: Workspace) -> list[dict[str, str]]:
    """Return where one may begin to look: at home, in the workspace, and on each disk."""
    known = {str(Path.home()): "Home", str(home.folder): "Workspace"}
    for disk in [Path(Path.home().anchor), *_disks()]:
        known.setdefault(str(disk), str(disk))
    return [{"path": path, "name": name} for path, name in known.items()]


def _disks() -> Iterator[Path]:
    """Yield where disks are mounted; on Windows the drives."""
    with suppress(OSError, psutil.Error):
        for disk in psutil.disk_partitions():
            path = Path(disk.mountpoint)
            if path.is_dir() and not str(path).startswith(("/boot", "/snap", "/etc", "/proc")):
                yield path


def resolved(text: str) -> Path:
    """Return the path without links that a text means.

    Raises
    ------
    UsageError
        If it is none.
    """
    try:
        path = Path(text).expanduser()
        if os.name == "nt" and windows_fault(text, [PureWindowsPath(text)]):
            raise ValueError(text)
        if not text or not path.is_absolute():
            raise ValueError(text)
        return path.resolve()
    except (OSError, ValueError, RuntimeError):  # a loop of links, a NUL, no such user
        raise UsageError(f'"{text}" is not the whole path of a file or folder') from None


def _size(path: Path) -> int | None:
    with suppress(OSError):
        return path.stat().st_size
    return None


def not_seen(path: Path, problem: OSError) -> UsageError:
    """Return what to say of a path that cannot be looked at."""
    if isinstance(problem, FileNotFoundError):
        return UsageError(f'there is no "{path}"')
    return UsageError(f'you may not look into "{path}": {problem.strerror or problem}')
