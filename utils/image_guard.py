"""What the bytes of an image claim, checked before a decoder reserves memory for it.

A damaged file of a few bytes may state a chunk of gigabytes, or a hundred million pixels.
"""

import re
import struct
from collections.abc import Iterator

from utils.errors import InputError

PNG_START, JPEG_START = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
CHUNK = struct.Struct(">I4s")
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Of a PNG, by its color type."""
DEFLATED = 1032
"""Bytes that one byte of deflate can hold at most."""

END_OF_IMAGE = b"\xff\xd9"
START_OF_SCAN = 0xDA
FRAMES = frozenset({0xC0, 0xC1, 0xC2})
"""Markers of JPEG frames with Huffman codes: sequential and progressive."""
BLOCK = 64
"""Pixels; a Huffman code takes at least one bit for each block."""
NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""What ends the coded pixels of a scan: no stuffed byte, and no restart."""
FILLINGS = (b"\x00", b"\x55", b"\xaa", b"\xfe")
ALONE = frozenset({0x01, *range(0xD0, 0xDA)})
"""Markers without a segment."""


def unreadable(name: str) -> InputError:
    """Return what to raise for an image that is damaged."""
    return InputError(f'"{name}" is not a readable image; it may be truncated')


def too_large(name: str, limit: str) -> InputError:
    """Return what to raise for an image that states more pixels than the limit says."""
    return InputError(f'"{name}" claims more pixels than are allowed ({limit})')


def check_png(data: bytes, name: str) -> tuple[int, int, int]:
    """Return width, height and bits per channel of a PNG, after checking what it claims.

    Its chunks must be within it, and its pixels in their bytes.

    Raises
    ------
    InputError
        If it claims more than it holds.
    """
    at, packed, end = len(PNG_START), 0, len(data)
    if end < at + 25:
        raise unreadable(name)
    width, height, depth, color = struct.unpack_from(">IIBB", data, at + 8)
    while at + 12 <= end:
        length, kind = CHUNK.unpack_from(data, at)
        at += 12 + length
        if kind == b"IDAT":
            packed += length
        elif kind == b"IEND":
            break
    bits = width * height * depth * CHANNELS.get(color, 1)
    if at > end or bits > 8 * DEFLATED * packed:
        raise unreadable(name)
    return width, height, depth


def segments(jpeg: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and stop of each segment of a JPEG; coded pixels are skipped."""
    stop, end = 2, len(jpeg)
    while (found := NEXT_MARKER.search(jpeg, stop)) and (start := found.end() + 2) <= end:
        stop = start - 2
        marker = jpeg[stop - 1]
        if marker not in ALONE:
            stop += max(2, jpeg[stop] << 8 | jpeg[stop + 1])
            yield marker, start, stop


def check_jpeg(data: bytes, name: str) -> bool:
    """Return whether a JPEG has an end, after checking that its pixels can be in its bytes.

    Whatever follows the end, such as the video of a motion photo, is no part of the image.

    Raises
    ------
    InputError
        If it has no pixels, or claims more than its bytes can hold.
    """
    for marker, start, stop in segments(data):
        if marker in FRAMES and start + 5 <= len(data):
            height, width = struct.unpack_from(">HH", data, start + 1)
            if height * width > 8 * BLOCK * (len(data) - stop):
                break
        elif marker == START_OF_SCAN:
            # a stuffed byte follows every FF within the pixels, so this is the end
            return data.endswith(END_OF_IMAGE) or data.find(END_OF_IMAGE, stop) >= 0
    raise unreadable(name)


def with_ends(jpeg: bytes) -> list[bytes]:
    """Return a JPEG that has no end with several made-up ones; nothing if scans are missing.

    If its pixels are complete, no decoder reads what is inserted before the ends, so all decode to
    the same image; otherwise it becomes pixels, and they differ.
    """
    data = jpeg.rstrip(b"\0")  # what an interrupted copy is padded with
    if data.endswith(b"\xff"):
        data += b"\0"
    if not _all_scans(data):
        return []
    restarts = [bytes([0xFF, 0xD0 + number]) for number in range(8)]
    ends = []
    for first, filling in zip(range(0, 8, 2), FILLINGS, strict=True):
        turned = [*restarts[first:], *restarts[:first]]
        ends.append(b"".join(16 * filling + restart for restart in turned) + END_OF_IMAGE)
    return [data + end for end in ends]


def _all_scans(jpeg: bytes) -> bool:
    """Whether the scans of a JPEG give every bit of every coefficient of every component."""
    missing: dict[int, set[int]] = {}
    for marker, start, stop in segments(jpeg):
        body = jpeg[start:stop]
        if len(body) < stop - start:
            return False
        if marker in FRAMES:
            missing = {body[at]: set(range(64)) for at in range(6, len(body), 3)}
        elif marker == START_OF_SCAN:
            if len(body) < 4:  # the number of components, and what it says of all of them
                return False
            first, last, approximation = body[-3:]
            if approximation & 15 == 0:
                for component in body[1 : 1 + 2 * body[0] : 2]:
                    missing.get(component, set()).difference_update(range(first, last + 1))
    return bool(missing) and not any(missing.values())
