"""Images at any path: uint8 at the file's edge, float32 where something computes. Always BGR."""

import io
import os
import struct
import warnings
from pathlib import Path

import cv2
import numpy as np

from utils import MOST_PIXELS
from utils.errors import InputError
from utils.files import write_bytes

# Run lengths only, and each row as its difference to the one above: to try all filters on each row,
# as is usual, takes twice the time for files that are 5 to 20 % smaller.
PNG_SETTINGS = [cv2.IMWRITE_PNG_COMPRESSION, 1]
PNG_SETTINGS += [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
PNG_SETTINGS += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]

MAX_BYTES = 1 << 29
"""A larger file is no picture that could be used here: 100 million pixels of 5 bytes."""
MOST_16_BIT_PIXELS = MOST_PIXELS // 2
"""Larger ones are read as 8 bits at once, the bits below cut off: they would take 1 GB."""
LIMIT = "OPENCV_IO_MAX_IMAGE_PIXELS"  # set in utils/__init__.py

Image = np.ndarray
"""An (H, W, C) array: uint8 0..255 or float32 0..1; BGR, one channel for a mask."""


def decode_image(data: bytes, name: str) -> Image:
    """Decode a picture to (H, W, 3) uint8 BGR; gray, 16-bit and alpha pictures are converted.

    Raises
    ------
    InputError
        If the bytes are not a whole picture.
    """
    return _to_8_bits(_decoded(data, name))


def _decoded(data: bytes, name: str) -> Image:
    """Return (H, W, 3) BGR, uint16 where the picture has 16 bits a channel, else uint8."""
    if has_16_bits(data) and pixels_in(io.BytesIO(data)) <= MOST_16_BIT_PIXELS:
        image = _read(data, name, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        if image.dtype in (np.uint8, np.uint16):
            return image
    return _read(data, name, cv2.IMREAD_COLOR)


def _to_8_bits(image: Image) -> Image:
    """Round; OpenCV's own way while decoding cuts off, which is darker by half a level."""
    return cv2.convertScaleAbs(image, alpha=1 / 257) if image.dtype == np.uint16 else image


def _read(data: bytes, name: str, flags: int) -> Image:
    buffer = np.frombuffer(data, np.uint8)
    try:
        image = cv2.imdecode(buffer, flags) if buffer.size else None
    except cv2.error as problem:
        if "MAX_IMAGE" in str(problem):
            raise InputError(
                f'"{name}" claims more pixels than are allowed ({LIMIT} is {os.environ[LIMIT]})'
            ) from None
        image = None
    if image is None or _cut_off(data):
        raise InputError(f'"{name}" is not a readable picture; it may be truncated')
    return image


def _cut_off(data: bytes) -> bool:
    """Whether a JPEG ends within its pixels: OpenCV shows what is missing as gray."""
    return data.startswith(b"\xff\xd8") and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")


def read_image(path: Path) -> Image:
    """Read a picture at any path, Unicode included, as (H, W, 3) uint8 BGR.

    Raises
    ------
    InputError
        If the file is missing, empty or not a picture.
    """
    return decode_image(read_file(path), path.name)


def pixels_in(picture: Path | io.BytesIO) -> int:
    """Return how many pixels a picture's header claims; 0 if it has none that can be read."""
    from PIL import Image as Pillow  # not at the top: most programs that read pictures need it not

    warnings.simplefilter("ignore", Pillow.DecompressionBombWarning)  # the limit is our own
    try:
        with Pillow.open(picture) as opened:  # nothing is decoded yet
            return opened.width * opened.height
    except Pillow.DecompressionBombError:
        return MOST_PIXELS
    except (OSError, ValueError, SyntaxError, struct.error):
        return 0


def read_deep(path: Path) -> tuple[Image, Image | None]:
    """Read a picture as (H, W, 3) uint8 BGR, and if it has 16 bits a channel as uint16 too.

    Raises
    ------
    InputError
        If the file is missing, empty or not a picture.
    """
    image = _decoded(read_file(path), path.name)
    return _to_8_bits(image), image if image.dtype == np.uint16 else None


def has_16_bits(data: bytes) -> bool:
    """Whether a file says that it is a PNG or TIFF that may have 16 bits a channel."""
    if data.startswith(b"\x89PNG"):
        return data[24:25] == b"\x10"  # the header's bit depth: PNG specification, 11.2.2
    return data.startswith((b"II*\0", b"MM\0*"))


def read_file(path: Path) -> bytes:
    """Read the bytes of a picture's file.

    Raises
    ------
    InputError
        If it is missing, no file (a pipe would be waited for), or larger than a picture can be.
    """
    try:
        if path.exists() and not path.is_file():
            raise InputError(f'"{path.name}" is not a file')
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f'"{path.name}" is larger than any picture can be')
        return path.read_bytes()
    except OSError as problem:
        raise InputError(f'cannot read "{path}": {problem.strerror}') from None


def encode_image(image: Image, suffix: str = ".png", quality: int = 95) -> bytes:
    """Encode (H, W, C) BGR(A) as PNG (uint8, uint16 or float32 0..1) or JPEG bytes."""
    settings = {".png": PNG_SETTINGS, ".jpg": [cv2.IMWRITE_JPEG_QUALITY, quality]}
    image = image if image.dtype == np.uint16 else to_uint8(image)
    done, data = cv2.imencode(suffix, image, settings.get(suffix, []))
    if not done:
        raise InputError(f"cannot encode a picture of shape {image.shape} as {suffix}")
    return data.tobytes()


def write_image(path: Path, image: Image, quality: int = 95) -> None:
    """Write a picture atomically; the format follows the suffix."""
    write_bytes(path, encode_image(image, path.suffix.lower(), quality))


def to_float(image: Image) -> Image:
    """Return uint8 0..255 as float32 0..1 (float input is passed through as float32)."""
    if image.dtype == np.uint8:
        return image.astype(np.float32) / np.float32(255)
    return image.astype(np.float32, copy=False)


def to_uint8(image: Image) -> Image:
    """Return float 0..1 as uint8, clipped and rounded (uint8 input is passed through)."""
    if image.dtype == np.uint8:
        return image
    return np.rint(np.clip(image, 0, 1) * np.float32(255)).astype(np.uint8)
