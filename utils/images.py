"""Image files, and conversion between uint8 (stored) and float32 (computed with). Always BGR."""

import io
import os
from functools import partial
from math import prod
from pathlib import Path

import cv2
import numpy as np

from utils import MOST_PIXELS, tiff
from utils.errors import InputError
from utils.files import write_bytes
from utils.image_formats import read_with_pillow, size_in_header
from utils.image_guard import (
    JPEG_START,
    PNG_START,
    check_jpeg,
    check_png,
    too_large,
    unreadable,
    with_ends,
)

# Run-length coding and the "up" filter only: trying all filters on each row, as is usual, takes
# twice the time for files that are 5 to 20 % smaller.
PNG_SETTINGS = [cv2.IMWRITE_PNG_COMPRESSION, 1]
PNG_SETTINGS += [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
PNG_SETTINGS += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]

MAX_BYTES = 1 << 29
"""Largest image file that is read: 100 million pixels of 5 bytes."""
MOST_16_BIT_PIXELS = MOST_PIXELS // 2
"""Larger 16-bit images are read as 8 bits, truncated, because decoding would take 1 GB."""

LIMIT = "OPENCV_IO_MAX_IMAGE_PIXELS"  # set in utils/__init__.py

Image = np.ndarray
"""(H, W, C), uint8 0..255 or float32 0..1; BGR, or one channel for a mask."""


def decode_image(data: bytes, name: str) -> Image:
    """Decode an image to (H, W, 3) uint8 BGR; gray, 16-bit and alpha images are converted.

    Raises
    ------
    InputError
        If the bytes are not a complete image.
    """
    return to_8_bits(_decoded(data, name))


def _decoded(data: bytes, name: str) -> Image:
    """Return (H, W, 3) BGR, uint16 if the image has 16 bits per channel, else uint8."""
    if data.startswith(PNG_START):
        width, height, bits = check_png(data, name)
        deep = bits == 16 and width * height <= MOST_16_BIT_PIXELS
        return _read(data, name, cv2.IMREAD_COLOR | (cv2.IMREAD_ANYDEPTH if deep else 0))
    if data.startswith(JPEG_START):
        whole = check_jpeg(data, name)
        return _read(data, name, cv2.IMREAD_COLOR) if whole else _without_end(data, name)
    if data.startswith(tiff.STARTS):
        return _tiff(data, name)
    if data.startswith(b"BM") or (data.startswith(b"RIFF") and data[8:12] == b"WEBP"):
        return _read(data, name, cv2.IMREAD_COLOR)
    return read_with_pillow(data, name)


def _without_end(data: bytes, name: str) -> Image:
    """Decode a JPEG whose end is missing, if nothing else is."""
    images = (_read(complete, name, cv2.IMREAD_COLOR) for complete in with_ends(data))
    first = next(images, None)
    if first is None or not all(np.array_equal(first, other) for other in images):
        raise unreadable(name)
    return first


def _tiff(data: bytes, name: str) -> Image:
    layout = tiff.read_layout(io.BytesIO(data), name)
    fault = layout.fault()
    many = prod(layout.size) > MOST_16_BIT_PIXELS
    if not fault and layout.bits > 8:
        if not many:
            return tiff.read_samples(data, layout, name, partial(_read, name=name))
        if not layout.plain:
            fault = "16 bits per sample, such a layout and so many pixels"
    if fault:
        raise InputError(f'"{name}" is a TIFF with {fault}, which is not read; save it as PNG')
    if layout.plain:
        return _read(data, name, cv2.IMREAD_COLOR)
    if layout.in_8_bit_planes:
        return tiff.read_samples(data, layout, name, partial(_read, name=name))
    return read_with_pillow(data, name)


def to_8_bits(image: Image) -> Image:
    """Round uint16 0..65535 to uint8; uint8 is returned as it is.

    OpenCV's decoder truncates, which darkens by half a level.
    """
    return cv2.convertScaleAbs(image, alpha=1 / 257) if image.dtype == np.uint16 else image


def _read(data: bytes, name: str, flags: int = cv2.IMREAD_UNCHANGED) -> Image:
    buffer = np.frombuffer(data, np.uint8)
    try:
        image = cv2.imdecode(buffer, flags)
    except cv2.error as problem:
        if "MAX_IMAGE" in str(problem):
            raise too_large(name, f"{LIMIT} is {os.environ[LIMIT]}") from None
        image = None
    if image is None:
        raise unreadable(name)
    return image


def read_image(path: Path) -> Image:
    """Read an image at any path, Unicode included, as (H, W, 3) uint8 BGR.

    Raises
    ------
    InputError
        If the file is missing, empty or not an image.
    """
    return decode_image(read_file(path), path.name)


def pixels_in(file: Path | io.BytesIO) -> int:
    """Return the number of pixels stated in an image's header; 0 if that is unreadable."""
    return prod(_size(file, upright=False) or (0,))


def size_of(path: Path) -> tuple[int, int] | None:
    """Return width and height of an image as it is read, from its header; None if unreadable."""
    return _size(path, upright=True)


def _size(file: Path | io.BytesIO, *, upright: bool) -> tuple[int, int] | None:
    try:
        if isinstance(file, io.BytesIO):
            return size_in_header(file, "", upright=upright)
        with file.open("rb") as opened:
            return size_in_header(opened, file.name, upright=upright)
    except (OSError, InputError):
        return None


def read_image_and_16_bit(path: Path) -> tuple[Image, Image | None]:
    """Read an image as (H, W, 3) uint8 BGR, and if it has 16 bits per channel as uint16 too.

    Raises
    ------
    InputError
        If the file is missing, empty or not an image.
    """
    image = _decoded(read_file(path), path.name)
    return to_8_bits(image), image if image.dtype == np.uint16 else None


def bits_per_channel(path: Path) -> int:
    """Return 16 for an image that `read_image_and_16_bit` reads with 16 bits, else 8.

    Its header is enough. What cannot be read counts as 8.
    """
    try:
        with path.open("rb") as file:
            head = file.read(32)
            file.seek(0)
            if head.startswith(PNG_START):
                deep = head[24:25] == b"\x10"
            elif head.startswith(tiff.STARTS):
                layout = tiff.read_layout(file, path.name)
                deep = layout.bits == 16 and not layout.fault()
            else:
                return 8
        return 16 if deep and pixels_in(path) <= MOST_16_BIT_PIXELS else 8
    except (OSError, InputError):
        return 8


def read_file(path: Path) -> bytes:
    """Read the bytes of an image file.

    Raises
    ------
    InputError
        If it is missing, too large, or not a regular file (reading a pipe would block).
    """
    try:
        if path.exists() and not path.is_file():
            raise InputError(f'"{path.name}" is not a file')
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f'"{path.name}" is too large for an image')
        return path.read_bytes()
    except OSError as problem:
        raise InputError(f'cannot read "{path}": {problem.strerror}') from None


def encode_image(image: Image, suffix: str = ".png", quality: int = 95) -> bytes:
    """Encode (H, W, C) BGR(A) as PNG (uint8, uint16 or float32 0..1) or JPEG bytes."""
    settings = {".png": PNG_SETTINGS, ".jpg": [cv2.IMWRITE_JPEG_QUALITY, quality]}
    image = image if image.dtype == np.uint16 else to_uint8(image)
    done, data = cv2.imencode(suffix, image, settings.get(suffix, []))
    if not done:
        raise InputError(f"cannot encode an image of shape {image.shape} as {suffix}")
    return data.tobytes()


def write_image(path: Path, image: Image, quality: int = 95) -> None:
    """Write an image atomically; the format follows the suffix."""
    write_bytes(path, encode_image(image, path.suffix.lower(), quality))


def fitted(image: Image, width: int, height: int) -> Image:
    """Return an image (H, W, 3) uint8 as it fits into a size; a smaller one stays as it is."""
    scale = min(width / image.shape[1], height / image.shape[0])
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def to_float(image: Image) -> Image:
    """Convert uint8 0..255 to float32 0..1; float input is only cast."""
    if image.dtype == np.uint8:
        return image.astype(np.float32) / np.float32(255)
    return image.astype(np.float32, copy=False)


def to_uint8(image: Image) -> Image:
    """Convert float 0..1 to uint8, clipped and rounded; uint8 input is returned as it is."""
    if image.dtype == np.uint8:
        return image
    return np.rint(np.clip(image, 0, 1) * np.float32(255)).astype(np.uint8)
