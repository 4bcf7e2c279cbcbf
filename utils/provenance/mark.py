"""Marks inside files that say their images are synthetic, written and read.

A PNG or JPEG carries an XMP packet with the IPTC property `DigitalSourceType`, a video the same
value in its container tags: the IPTC term for real footage composited with the output of a trained
model. No pixel changes. `utils.provenance.c2pa` adds the signature.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import av

from utils.errors import InputError
from utils.video.demux import open_input

DIGITAL_SOURCE_TYPE = (
    "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
)
WHAT = "Faces in this footage were put in by a trained model."

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEYWORD = b"XML:com.adobe.xmp"
JPEG_START = b"\xff\xd8"
XMP_SEGMENT = b"http://ns.adobe.com/xap/1.0/\0"
SCAN, END_OF_IMAGE = 0xDA, 0xD9
XMP_LIMIT = 1 << 20
"""Bytes; a larger XMP packet is not one of ours."""
IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
TERM = re.compile(r"https?://cv\.iptc\.org/newscodes/digitalsourcetype/\w+")

# `begin` holds a byte order mark, `id` is a constant: XMP specification, part 1, 7.3.2
PACKET = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="{RDF}">
  <rdf:Description rdf:about="" xmlns:Iptc4xmpExt="{IPTC}">
   <Iptc4xmpExt:DigitalSourceType>{DIGITAL_SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


def mark_image(data: bytes) -> bytes:
    """Return a PNG or JPEG with our XMP packet; InputError if it is neither."""
    return mark_jpeg(data) if data.startswith(JPEG_START) else mark_png(data)


def mark_jpeg(jpeg: bytes) -> bytes:
    """Return the JPEG with our XMP packet as its first segment, in place of an existing one.

    Raises
    ------
    InputError
        If the bytes are not a complete JPEG.
    """
    packet = XMP_SEGMENT + PACKET.encode()
    # marker, length with its own two bytes: JPEG (ISO 10918-1), B.1.1.4; XMP part 3, 1.1.3
    ours = b"\xff\xe1" + struct.pack(">H", len(packet) + 2) + packet
    kept = [segment for body, segment in segments(jpeg) if not body.startswith(XMP_SEGMENT)]
    return b"".join([JPEG_START, ours, *kept])


def mark_png(png: bytes) -> bytes:
    """Return the PNG with our XMP packet before its pixels, in place of an existing one.

    All other chunks stay as they are, so the pixels are bit-identical.

    Raises
    ------
    InputError
        If the bytes are not a complete PNG.
    """
    # keyword, no compression, no language, no translated keyword, text: PNG specification, 11.3.3.4
    ours = _chunk(b"iTXt", KEYWORD + b"\0\0\0\0\0" + PACKET.encode())
    parts = [SIGNATURE]
    for kind, body, chunk in chunks(png):
        if _is_xmp(kind, body):
            continue
        if kind == b"IDAT" and ours:
            parts.append(ours)
            ours = b""
        parts.append(chunk)
    if ours:
        raise InputError("a PNG without pixels (no IDAT chunk) cannot be marked")
    return b"".join(parts)


def video_tags() -> dict[str, str]:
    """Return the container tags of a synthetic video: the IPTC term, and a comment for players."""
    return {
        "DigitalSourceType": DIGITAL_SOURCE_TYPE,
        "comment": f"{WHAT} ({DIGITAL_SOURCE_TYPE})",
    }


def read_mark(path: Path) -> str | None:
    """Return the digital source type stated in an image's XMP or a video's tags, or None.

    Raises
    ------
    InputError
        If the file is missing, or neither a PNG or JPEG nor a readable video.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(SIGNATURE))
        if start == SIGNATURE:
            return _mark_in_png(path)
        if start.startswith(JPEG_START):
            return _mark_in_jpeg(path)
        return _mark_in_video(path)
    except av.FFmpegError:
        raise InputError(f'"{path}" is neither a PNG or JPEG nor a readable video') from None
    except OSError as problem:
        raise InputError(f'cannot read "{path}": {problem.strerror}') from None


def _mark_in_video(path: Path) -> str | None:
    with open_input(path) as container:
        # Matroska writes its keys in upper case
        tags = {key.lower(): value for key, value in container.metadata.items()}
    for key in ("digitalsourcetype", "comment"):
        if found := TERM.search(tags.get(key, "")):
            return found.group()
    return None


def _mark_in_png(path: Path) -> str | None:
    found = None
    for kind, body, chunk in chunks(path.read_bytes(), f'"{path}"'):
        if struct.unpack(">I", chunk[-4:])[0] != zlib.crc32(chunk[4:-4]):
            raise InputError(f'"{path}" is damaged: a checksum in it is wrong')
        if _is_xmp(kind, body):
            found = found or _mark_in_xmp(_text(body))
    return found


def _mark_in_jpeg(path: Path) -> str | None:
    for body, _ in segments(path.read_bytes(), f'"{path}"'):
        if body.startswith(XMP_SEGMENT) and (mark := _mark_in_xmp(body[len(XMP_SEGMENT) :])):
            return mark
    return None


def _mark_in_xmp(xmp: bytes) -> str | None:
    """Find the property, an element or an attribute, in XMP; None if it is damaged."""
    text = xmp.decode("utf-8", "replace")
    if "<!DOCTYPE" in text:  # it could define exponentially expanding entities; XMP needs none
        return None
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):
        return None
    name = f"{{{IPTC}}}DigitalSourceType"
    for element in root.iter():
        stated = element.get(name)
        if element.tag == name:
            stated = element.get(f"{{{RDF}}}resource") or element.text
        if stated and stated.strip():
            return stated.strip()
    return None


def segments(jpeg: bytes, name: str = "this file") -> Iterator[tuple[bytes, bytes]]:
    """Yield (body, segment) of a JPEG's head; the last one is all that follows."""
    at = len(JPEG_START)
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF:
        kind, (length,) = jpeg[at + 1], struct.unpack_from(">H", jpeg, at + 2)
        if kind in (SCAN, END_OF_IMAGE):
            yield b"", jpeg[at:]
            return
        if length < 2 or at + 2 + length > len(jpeg):
            break
        yield jpeg[at + 4 : at + 2 + length], jpeg[at : at + 2 + length]
        at += 2 + length
    raise InputError(f"{name} is a JPEG that is cut off or damaged")


def chunks(png: bytes, name: str = "this file") -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield (type, body, chunk) of a PNG up to IEND; InputError if it ends before that."""
    if not png.startswith(SIGNATURE):
        raise InputError(f"{name} is not a PNG")
    at, kind = len(SIGNATURE), b""
    while kind != b"IEND":
        if at + 12 > len(png):
            raise InputError(f"{name} is a PNG that is cut off")
        (length,) = struct.unpack_from(">I", png, at)
        kind, chunk = png[at + 4 : at + 8], png[at : at + 12 + length]
        if len(chunk) < 12 + length:
            raise InputError(f"{name} is a PNG that is cut off")
        yield kind, chunk[8:-4], chunk
        at += len(chunk)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _is_xmp(kind: bytes, body: bytes) -> bool:
    return kind == b"iTXt" and body.startswith(KEYWORD + b"\0")


def _text(body: bytes) -> bytes:
    """Return the decompressed text of an iTXt chunk; nothing if it is damaged or too large."""
    compressed = body[len(KEYWORD) + 1 : len(KEYWORD) + 2] == b"\1"
    parts = body[len(KEYWORD) + 3 :].split(b"\0", 2)  # language, translated keyword, text
    if len(parts) < 3:
        return b""
    text = parts[2]
    if compressed:
        try:
            text = zlib.decompressobj().decompress(text, XMP_LIMIT + 1)
        except zlib.error:
            return b""
    return text if len(text) <= XMP_LIMIT else b""
