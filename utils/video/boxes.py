"""The boxes of MP4 and MOV files (ISO 14496-12, 4.2), read without decoding anything."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from utils.errors import InputError

FIRST = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"uuid", b"styp"})
"""What an MP4 or MOV begins with."""
CONTAINERS = frozenset({
    b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta", b"meta", b"moof", b"traf",
    b"mvex",
})  # fmt: skip
DEEPEST = 10


class FileBox(NamedTuple):
    """A box.

    Attributes
    ----------
    kind : bytes
        Its type.
    start, size : int
        In bytes, of the box with its header.
    header : int
        Size of the header.
    """

    kind: bytes
    start: int
    size: int
    header: int


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[FileBox]:
    """Yield the boxes of a part of a file; the last one may be cut off."""
    while start + 8 <= end:
        file.seek(start)
        head = file.read(16)
        size, header = int.from_bytes(head[:4]), 8
        if size == 1:
            size, header = int.from_bytes(head[8:]), 16
        elif size == 0:
            size = end - start
        if size < header:
            return
        yield FileBox(head[4:8], start, min(size, end - start), header)
        start += size


def top_level(path: Path) -> list[FileBox]:
    """Return the boxes of an MP4 or MOV at the top level; none for other files."""
    with path.open("rb") as file:
        return list(_top_level(file))


def check_tables(path: Path) -> None:
    """Refuse an MP4 or MOV with a table that claims more than the file holds.

    FFmpeg takes memory for what is claimed: a file of 5 kB could have gigabytes.

    Raises
    ------
    InputError
    """
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        for box in _nested(file, list(_top_level(file)), DEEPEST):
            file.seek(box.start + box.header + 4)  # after version and flags
            first, second = (int.from_bytes(file.read(4)) for _ in range(2))
            keys = box.kind == b"keys" and first * 8 > box.size
            # those of one size (`first`) are not listed; compressed sound has up to 4 a byte
            samples = box.kind == b"stsz" and second > (8 * end if first else end)
            if keys or samples:
                raise InputError(f'"{path}" is damaged: a table in it claims more than it holds')


def _top_level(file: BinaryIO) -> Iterator[FileBox]:
    end = file.seek(0, os.SEEK_END)
    file.seek(4)
    return boxes(file, 0, end) if file.read(4) in FIRST else iter(())


def _nested(file: BinaryIO, found: list[FileBox], depth: int) -> Iterator[FileBox]:
    """Yield boxes and all that they contain."""
    for box in found:
        yield box
        if box.kind in CONTAINERS and depth:
            start = box.start + box.header
            if box.kind == b"meta" and not _is_quicktime(file, start):
                start += 4  # version and flags
            yield from _nested(file, list(boxes(file, start, box.start + box.size)), depth - 1)


def _is_quicktime(file: BinaryIO, start: int) -> bool:
    """Whether boxes follow the header of a `meta` box at once."""
    file.seek(start + 4)
    return file.read(4) == b"hdlr"
