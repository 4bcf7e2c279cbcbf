"""Files on disk: natural order, write-then-rename, trash, and the manifest of a run."""

import errno
import json
import os
import re
import secrets
import shutil
import stat
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from utils.errors import InputError
from utils.records import holds, read_lines

if sys.platform != "win32":
    import fcntl

IMAGE_SUFFIXES = frozenset({
    ".png",
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".tif",
    ".tiff",
    ".webp",
    ".bmp",
    ".heic",
    ".heif",
    ".hif",
    ".avif",
    ".gif",
    ".jp2",
    ".j2k",
    ".tga",
})
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

SIDE_SUFFIXES = frozenset({".json", ".jsonl", ".html", ".txt", ".csv", ".xmp", ".aae", ".c2pa"})
"""What accompanies images and is none."""
SIDE_FILES = frozenset({"thumbs.db", "desktop.ini"})

OTHERS_SHOWN = 20

TEMPORARY = ".faceswap-tmp-"
"""What the names of incomplete files and folders begin with; nothing else is called that."""


ELSEWHERE = re.compile(r"[/\\]|^[A-Za-z]:")
"""What makes a name lead out of its folder, on any system."""

NAME_FAULTS = {"Cc": "control characters", "Cs": "bytes that are not valid text"} | dict.fromkeys(
    ("Zl", "Zp"), "line separators"
)
"""What a file name cannot have, by Unicode's category; all other characters are good text."""

LONGEST_STEM = 240
"""Bytes; numbers and a suffix that follow stay within the usual limit of 255."""

BUSY_SECONDS = 2.0 if os.name == "nt" else 0.0
"""How long to wait for a file that another program reads, which Windows does not rename then."""

NOT_HELD = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL})
"""What a file system answers to a name that it cannot hold."""


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key under which "frame9" comes before "frame10"."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(1, int(part), part) if part.isdecimal() else (0, 0, part) for part in parts]


def is_image(path: Path) -> bool:
    """Whether a name is that of an image, and not hidden."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def list_images(folder: Path) -> list[Path]:
    """Return the images of a folder in natural order.

    Raises
    ------
    InputError
        If the folder does not exist, is not a folder, or holds no image.
    """
    return images_and_others(folder)[0]


def images_and_others(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the images of a folder in natural order, and what is to be said of its other files.

    Hidden files and those that only accompany images are not mentioned.

    Raises
    ------
    InputError
        If the folder does not exist, is not a folder, or holds no image.
    """
    if not folder.exists():
        raise InputError(f'there is no folder "{folder}"')
    if not folder.is_dir():
        raise InputError(f'"{folder}" is a file; a folder of images was expected')
    paths = sorted(folder.iterdir(), key=lambda path: natural_key(path.name))
    images = [path for path in paths if is_image(path)]
    others = [path.name for path in paths if _is_passed_over(path)]
    more = f" and {len(others) - OTHERS_SHOWN} more" if len(others) > OTHERS_SHOWN else ""
    names = ", ".join(others[:OTHERS_SHOWN]) + more
    if not images:
        known = ", ".join(sorted(IMAGE_SUFFIXES))
        found = f", only {len(others)} other files: {names}" if others else ""
        raise InputError(f'"{folder}" holds no image ({known}){found}')
    notes = [f'passed over in "{folder.name}" ({len(others)}): {names}'] if others else []
    return images, notes


def _is_passed_over(path: Path) -> bool:
    accompanies = path.suffix.lower() in SIDE_SUFFIXES or path.name.lower() in SIDE_FILES
    hidden = path.name.startswith(".")
    return not (hidden or accompanies or is_image(path)) and path.is_file()


def name_fault(name: str) -> str:
    """Return why a file name cannot be used, as in "its name has control characters"; else ""."""
    if ELSEWHERE.search(name):
        return "its name has separators of folders"
    found = {unicodedata.category(char) for char in name} & NAME_FAULTS.keys()
    return f"its name has {NAME_FAULTS[min(found)]}" if found else ""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn the file system's refusal of a name into an InputError, which costs only this file."""
    try:
        yield
    except OSError as problem:
        if problem.errno not in NOT_HELD:
            raise
        raise InputError(
            f'the file system cannot hold a file called "{path.name}" ({problem.strerror}); '
            "rename what it is made from"
        ) from None


@contextmanager
def write_atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, with its suffix, that is renamed to it on success.

    A crash, a full disk or an exception leaves `path` as it was, never half-written.

    Raises
    ------
    InputError
        If the file system cannot hold the name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(4)
    temporary = path.with_name(f"{TEMPORARY}{path.stem[:40]}.{token}{path.suffix}")
    with naming(path):
        held = temporary.open("xb")  # default permissions, unlike those of tempfile
    try:
        with held:
            _lock(held)
            yield temporary
            sync(temporary)
            if sys.platform == "win32":  # which cannot rename an open file
                held.close()
            with naming(path):
                patiently(temporary.replace, path)
    finally:
        temporary.unlink(missing_ok=True)


def patiently(rename: Callable[[Path], object], new: Path) -> None:
    """Rename a file; on Windows wait a moment for a program that reads it, such as the workbench.

    Parameters
    ----------
    rename : callable
        `Path.replace` or `Path.rename` of the file.
    """
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            rename(new)
            return
        except PermissionError:
            if time.monotonic() >= until:
                raise
            time.sleep(0.05)


@contextmanager
def write_result(path: Path) -> Iterator[Path]:
    """`write_atomic`, after removing what killed writers left beside the file."""
    remove_leftovers(path.parent)
    with write_atomic(path) as temporary:
        yield temporary


def remove_leftovers(folder: Path) -> None:
    """Remove the incomplete files of killed writers from a folder, if it exists."""
    if folder.is_dir():
        remove_incomplete(folder.iterdir())


def remove_incomplete(paths: Iterable[Path]) -> None:
    """Remove those of some files that killed writers left incomplete, and no others.

    Other hidden files are the user's, in the folders of this program too.
    """
    for path in paths:
        if path.name.startswith(TEMPORARY):
            with suppress(OSError):  # gone already, or in a folder that cannot be written
                if stat.S_ISREG(path.lstat().st_mode) and _abandoned(path):
                    path.unlink()


def _lock(file: BinaryIO) -> None:
    """Lock an open file, so that `_abandoned` can tell that its writer is alive."""
    if sys.platform != "win32":
        with suppress(OSError):  # not every network drive has locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _abandoned(path: Path) -> bool:
    """Whether no process is writing a file; on Windows an open one cannot be removed anyway."""
    if sys.platform == "win32":
        return True
    with path.open("rb") as file, suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def sync(path: Path) -> None:
    """Flush a file to the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that renames in it survive a power failure."""
    if os.name == "nt":  # Windows cannot open folders, and does not need this
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
    """Write JSON atomically, indented, with Unicode unescaped."""
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


def no_link(path: Path) -> Path:
    """Return the path of a folder or file where this program keeps what is its own.

    Raises
    ------
    InputError
        If it is a link: what is written and removed there would be somewhere else.
    """
    if path.is_symlink() or (sys.version_info >= (3, 12) and path.is_junction()):
        raise InputError(
            f'"{path}" is a link to another place, and this program writes and removes files '
            "there; move the link away"
        )
    return path


def trash_dir(folder: Path) -> Path:
    """Return the folder for discarded files of `folder`: `<folder>_trash` beside it."""
    return no_link(folder.with_name(folder.name + "_trash"))


def move_to_trash(path: Path) -> Path:
    """Move a file to its folder's trash under a free name; return the new path."""
    trash = trash_dir(path.parent)
    trash.mkdir(exist_ok=True)
    target = free_name(trash / path.name)
    shutil.move(path, target)
    return target


def free_name(path: Path) -> Path:
    """Return `path`, or `stem_1.png`, `stem_2.png`, ... if it exists."""
    candidate, number = path, 0
    while candidate.exists():
        number += 1
        candidate = path.with_stem(f"{short_stem(path.stem)}_{number}")
    return candidate


def short_stem(stem: str) -> str:
    """Return a stem, or as much of it as leaves room for a number in the name of a file."""
    data = os.fsencode(stem)
    return stem if len(data) <= LONGEST_STEM else data[:LONGEST_STEM].decode(errors="ignore")


class Manifest:
    """A journal of finished items, one JSON object per line: a crash costs at most the last line.

    Parameters
    ----------
    header : dict or None
        Identifies the run; a manifest with another header is not continued, but None takes
        whichever there is.
    check : callable
        Called with each record; one for which it raises an error is damaged, and is left out, so
        that the item is done again.
    """

    def __init__(
        self,
        path: Path,
        header: dict[str, object] | None,
        check: Callable[[dict[str, Any]], object] = bool,
    ) -> None:
        self.path = no_link(path)
        self.header = header
        self.done: dict[str, dict[str, Any]] = {}
        records = list(read_lines(path)) if path.is_file() else []
        wanted = json.loads(json.dumps(header))
        self.continues = bool(records) and (header is None or records[0].get("header") == wanted)
        if self.continues:
            self.done = {
                record["item"]: record
                for record in records[1:]
                if isinstance(record.get("item"), str) and holds(check, record)
            }

    def __enter__(self) -> "Manifest":
        if not self.continues:  # atomically: a manifest without header cannot be continued
            write_bytes(self.path, _line({"header": self.header}).encode())
        self._file = self.path.open("a", encoding="utf-8")
        self._file.write("\n")  # terminates a line left incomplete by a crash
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
