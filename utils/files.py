"""Files on disk: natural order, write-then-rename, trash, and a manifest of what is finished."""

import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from utils.errors import InputError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp"})
VIDEO_SUFFIXES = frozenset({
    ".mp4",
    ".mov",
    ".mkv",
    ".avi",
    ".webm",
    ".m4v",
    ".mpg",
    ".mpeg",
    ".mts",
    ".wmv",
})


TEMPORARY = re.compile(r"\..{1,40}\.[0-9a-f]{8}(\.\w+)?", re.DOTALL)
"""The names that `write_atomic` gives to what is not whole yet."""


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key under which "frame9" comes before "frame10"."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(1, int(part), part) if part.isdecimal() else (0, 0, part) for part in parts]


def list_images(folder: Path) -> list[Path]:
    """Return the images of a folder in natural order.

    Raises
    ------
    InputError
        If the folder does not exist, is not a folder, or holds no image.
    """
    if not folder.exists():
        raise InputError(f'there is no folder "{folder}"')
    if not folder.is_dir():
        raise InputError(f'"{folder}" is a file; a folder of images was expected')
    images = [
        p
        for p in folder.iterdir()
        if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith(".")
    ]
    if not images:
        raise InputError(f'"{folder}" holds no image ({", ".join(sorted(IMAGE_SUFFIXES))})')
    return sorted(images, key=lambda path: natural_key(path.name))


@contextmanager
def write_atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, with its suffix, that takes the name when all went well.

    A crash, a full disk or an exception leaves `path` as it was, never half-written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem[:40]}.{secrets.token_hex(4)}{path.suffix}")
    try:
        # made anew with the permissions of any new file; tempfile's are private
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield temporary
        sync(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what writers that were killed left half-written in a folder; there may be no folder.

    Only for a folder in which nobody is writing now.
    """
    if folder.is_dir():
        for path in folder.iterdir():
            if TEMPORARY.fullmatch(path.name):
                path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Flush a file to the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that a rename in it survives a power cut."""
    if os.name == "nt":  # Windows cannot open folders, and needs no such thing
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically."""
    with write_atomic(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: object) -> None:
    """Write JSON atomically, indented, Unicode as it is."""
    write_bytes(path, json.dumps(value, indent=1, ensure_ascii=False).encode())


def require_new(path: Path, overwrite: bool) -> None:
    """Refuse to replace a file without permission.

    Raises
    ------
    InputError
        If the path exists and `overwrite` is not set.
    """
    if path.exists() and not overwrite:
        raise InputError(f'"{path}" exists already; use --overwrite or another name')


def trash_dir(folder: Path) -> Path:
    """Where the files of `folder` go when a stage discards them: `<folder>_trash` beside it."""
    return folder.with_name(folder.name + "_trash")


def move_to_trash(path: Path) -> Path:
    """Move a file to its folder's trash under a name that is free there; return the new path."""
    trash = trash_dir(path.parent)
    trash.mkdir(exist_ok=True)
    target = free_name(trash / path.name)
    shutil.move(path, target)
    return target


def free_name(path: Path) -> Path:
    """Return `path`, or `stem_1.png`, `stem_2.png`, ... when it is taken."""
    candidate, number = path, 0
    while candidate.exists():
        number += 1
        candidate = path.with_stem(f"{path.stem}_{number}")
    return candidate


class Manifest:
    """A journal of finished items: one JSON object a line, so a crash costs at most the last line.

    `header` says what run it belongs to; a manifest with another header is not continued.
    """

    def __init__(self, path: Path, header: dict[str, object]) -> None:
        self.path = path
        self.header = header
        self.done: dict[str, dict[str, object]] = {}
        lines = (
            path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
        )
        records = [record for line in lines if (record := _json_object(line)) is not None]
        self.continues = bool(records) and records[0].get("header") == json.loads(
            json.dumps(header)
        )
        if self.continues:
            self.done = {str(record["item"]): record for record in records[1:] if "item" in record}

    def __enter__(self) -> "Manifest":
        if not self.continues:  # at once with its header: one without would be nobody's
            write_bytes(self.path, _line({"header": self.header}).encode())
        self._file = self.path.open("a", encoding="utf-8")
        self._file.write("\n")  # ends a line that a crash left half-written
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __contains__(self, item: str) -> bool:
        return item in self.done

    def add(self, item: str, **facts: object) -> None:
        """Record that `item` is finished."""
        record = {"item": item, **facts}
        self.done[item] = record
        self._file.write(_line(record))
        self._file.flush()


def _line(record: dict[str, object]) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"


def _json_object(line: str) -> dict[str, object] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
