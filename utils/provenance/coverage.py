"""Which bytes of a file a signature inside it covers, and what follows the end of its content.

C2PA leaves out the block that holds the statement itself. In a PNG or JPEG that is all; in an MP4
or MOV it may also leave out boxes that hold neither images nor sound.
"""

import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from utils.provenance.mark import JPEG_START, SIGNATURE, chunks, segments
from utils.video.boxes import top_level

STATEMENT_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
"""Type of the `uuid` box that holds the statement: C2PA specification, A.5.1."""
WITHOUT_CONTENT = (b"ftyp", b"mfra", b"free", b"skip")
"""Boxes that a signature may leave out, besides the statement: types, an index, padding."""
LATE_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
END_OF_IMAGE = 0xD9


class FilePart(NamedTuple):
    """A part of a file: a chunk, segment or box.

    Attributes
    ----------
    name : str
        Its type.
    start, size : int
        In bytes.
    covered : bool
        Whether a C2PA signature covers it.
    """

    name: str
    start: int
    size: int
    covered: bool


def uncovered(path: Path) -> list[FilePart]:
    """Return the boxes of an MP4 or MOV that no signature covers; none for other files."""
    return [part for part in _boxes_of(path) if not part.covered]


def after_end(path: Path) -> int:
    """Return how many bytes follow the end of a PNG, JPEG, MP4 or MOV.

    The end of the latter is that of the last box that a signature covers.

    Raises
    ------
    InputError
        If a PNG or JPEG is damaged.
    """
    with path.open("rb") as file:
        head = file.read(12)
    size = path.stat().st_size
    if head.startswith(SIGNATURE):
        return size - len(SIGNATURE) - sum(len(c) for _, _, c in chunks(path.read_bytes()))
    if head.startswith(JPEG_START):
        return size - _end_of_jpeg(path.read_bytes())
    covered = [part.start + part.size for part in _boxes_of(path) if part.covered]
    return size - covered[-1] if covered else 0


def chosen_gaps(path: Path, assertions: Mapping[str, Any]) -> list[str]:
    """Return what of the content a signer chose to leave out of the signature.

    Parameters
    ----------
    assertions : mapping of str to values
        The assertions of a C2PA manifest by label, as its detailed JSON has them.

    Raises
    ------
    KeyError, TypeError, ValueError, AttributeError
        If the assertions are not as C2PA defines them.
    InputError
        If a PNG or JPEG is damaged.
    """
    gaps = []
    for label, facts in assertions.items():
        if label.startswith("c2pa.hash.bmff"):
            paths = [str(gap["xpath"]) for gap in facts.get("exclusions") or ()]
            usual = {"/uuid", *(f"/{kind.decode()}" for kind in WITHOUT_CONTENT)}
            gaps += [where for where in paths if where not in usual]
        elif label.startswith("c2pa.hash.data"):
            blocks = _statement_blocks(path)
            for gap in facts.get("exclusions") or ():
                start, end = gap["start"], gap["start"] + gap["length"]
                if not any(first <= start <= end <= last for first, last in blocks):
                    gaps.append(f"bytes {start} to {end}")
    return gaps


def _statement_blocks(path: Path) -> list[tuple[int, int]]:
    """Return start and end of the parts of a PNG or JPEG that hold a statement, joined."""
    blocks: list[tuple[int, int]] = []
    for part in _image_parts(path.read_bytes()):
        end = part.start + part.size
        if not part.covered and blocks and blocks[-1][1] == part.start:
            blocks[-1] = blocks[-1][0], end
        elif not part.covered:
            blocks.append((part.start, end))
    return blocks


def _image_parts(data: bytes) -> Iterator[FilePart]:
    """Yield the chunks of a PNG or the segments of a JPEG."""
    if data.startswith(SIGNATURE):
        at, parts = len(SIGNATURE), ((chunk[4:8], chunk) for _, _, chunk in chunks(data))
    else:
        at, parts = len(JPEG_START), ((segment[:2], segment) for _, segment in segments(data))
    for kind, part in parts:
        yield FilePart(kind.decode("latin-1"), at, len(part), kind not in (b"caBX", b"\xff\xeb"))
        at += len(part)


def _end_of_jpeg(data: bytes) -> int:
    """Return where the image ends; at the end of the data if it has no end marker."""
    *_, (_, rest) = segments(data)
    at = len(data) - len(rest)
    while found := LATE_MARKER.search(data, at):
        if data[found.start() + 1] == END_OF_IMAGE:
            return found.end()
        length = data[found.end() : found.end() + 2]  # tables and scans of a progressive image
        at = found.end() + (struct.unpack(">H", length)[0] if len(length) == 2 else 0)
    return len(data)


def _boxes_of(path: Path) -> list[FilePart]:
    """Return the boxes of an MP4 or MOV at the top level; none for other files."""
    parts = []
    with path.open("rb") as file:
        for box in top_level(path):
            file.seek(box.start + box.header)
            statement = box.kind == b"uuid" and file.read(16) == STATEMENT_BOX
            covered = not statement and box.kind not in WITHOUT_CONTENT
            parts.append(FilePart(box.kind.decode("latin-1"), box.start, box.size, covered))
    return parts
