"""The chunks of a PNG, read without decoding it; nothing is read before its length is known."""

import io
import os
import struct
import zlib
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from utils.errors import InputError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Lower-case f: other programs may ignore it; s: private; t: kept by those that edit the image.
CHUNK = b"fsMt"
"""Type of the chunk that holds the metadata of a face."""
MAX_FILE = 1 << 28  # bytes; a face image of 8192 x 8192 pixels has no more
MAX_CHUNKS = 1 << 16  # libpng writes chunks of 8 kB: enough for half a gigabyte


def chunks(file: BinaryIO, name: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, start, length of the data) of each chunk of a PNG, reading only the headers."""
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    if file.read(8) != SIGNATURE:
        raise InputError(f'"{name}" is not a PNG, so it holds no face data')
    if end > MAX_FILE:
        raise InputError(f'"{name}" is larger than a face image can be')
    start = 8
    for _ in range(MAX_CHUNKS):
        file.seek(start)
        head = file.read(8)
        if len(head) < 8:
            break
        length, kind = struct.unpack(">I4s", head)
        if start + 12 + length > end:
            break
        if (kind == b"IHDR") != (start == 8):
            break
        yield kind, start, length
        start += 12 + length
        if kind == b"IEND":
            return
    raise InputError(f'"{name}" is truncated or damaged; extract this face again')


def content(file: BinaryIO, start: int, length: int, name: str) -> bytes:
    """Return the data of the chunk at `start` after verifying its checksum."""
    file.seek(start + 4)
    body = file.read(4 + length)
    if file.read(4) != struct.pack(">I", zlib.crc32(body)):
        raise InputError(f'"{name}" is damaged (a checksum is wrong); extract this face again')
    return body[4:]


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return the bytes of a chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def check_sums(png: bytes, name: str) -> None:
    """Verify every checksum: the decoder may decode a damaged image without an error."""
    file = io.BytesIO(png)
    for _, start, length in chunks(file, name):
        content(file, start, length, name)


def fingerprint(path: Path) -> bytes:
    """Return 16 bytes that identify a file's content, independent of its name and date.

    A hash of the checksums that a PNG stores with each chunk, so no pixel is read.

    Raises
    ------
    InputError
        If the file is missing or not a complete PNG.
    """
    digest = blake2b(digest_size=16)
    try:
        with path.open("rb", buffering=0) as file:
            for kind, start, length in chunks(file, path.name):
                file.seek(start + 8 + length)
                digest.update(struct.pack(">4sI", kind, length) + file.read(4))
    except OSError as problem:
        raise unreadable(path, problem) from None
    return digest.digest()


def unreadable(path: Path, problem: OSError) -> InputError:
    """Return the error of a file that the system cannot read."""
    return InputError(f'cannot read "{path}": {problem.strerror}')
