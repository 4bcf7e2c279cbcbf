"""TIFF: what its directory says about the layout of the pixels, and reading every layout right.

Pillow reads 8 bits per sample. OpenCV reads 16 bits, but only interleaved, and neither inverts
them where 0 is white nor divides colors by their alpha: that is done here.
"""

import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

import cv2
import numpy as np

from utils.image_guard import unreadable

STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
BIG = 43
WHOLE = {1: "B", 3: "H", 4: "I", 16: "Q"}
"""The types that are whole numbers, by their code."""
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4,
         16: 8, 17: 8, 18: 8}  # fmt: skip
"""Bytes of a value, by the code of its type."""

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
ORIENTATION, SAMPLES, ROWS_PER_STRIP, PLANES, PREDICTOR = 274, 277, 278, 284, 317
TILE_WIDTH, TILE_HEIGHT, EXTRA, SAMPLE_FORMAT = 322, 323, 338, 339
STRIPS, TILES = (273, 279), (324, 325)
"""Where the parts are, and how many bytes each has."""
KEPT = (WIDTH, HEIGHT, COMPRESSION, FILL_ORDER, ORIENTATION, ROWS_PER_STRIP, PREDICTOR,
        TILE_WIDTH, TILE_HEIGHT)  # fmt: skip
"""What a directory of one plane takes over."""
DEFAULTS = {BITS: (1,), COMPRESSION: (1,), SAMPLES: (1,), PLANES: (1,), ORIENTATION: (1,),
            EXTRA: (), SAMPLE_FORMAT: (1,), ROWS_PER_STRIP: (1 << 32,)}  # fmt: skip
WHITE_IS_0, BLACK_IS_0, RGB = 0, 1, 2
UNSIGNED = frozenset({1, 4})
FORMATS = {2: "signed samples", 3: "floating-point samples"}
CODECS = {1: "no", 2: "CCITT", 3: "CCITT", 4: "CCITT", 5: "LZW", 6: "JPEG", 7: "JPEG", 8: "Deflate",
          32773: "PackBits", 32946: "Deflate", 34925: "LZMA", 50000: "Zstandard",
          50001: "WebP"}  # fmt: skip
COLORS = {WHITE_IS_0: "gray", BLACK_IS_0: "gray", RGB: "RGB", 3: "a palette", 5: "CMYK", 6: "YCbCr",
          8: "CIELab"}  # fmt: skip
"""What Pillow reads of 8 bits per sample, at most."""
DEEP_CODECS = frozenset({1, 5, 8, 32773, 32946})
DEEP_COLORS = {WHITE_IS_0: (1,), BLACK_IS_0: (1,), RGB: (3, 4)}
"""What is read of 16 bits per sample; with the possible numbers of samples per pixel."""
PLAIN_COLORS = frozenset({WHITE_IS_0, BLACK_IS_0, RGB, 3})
SEPARATE, MULTIPLIED = 2, 1

Decode = Callable[[bytes], np.ndarray]


@dataclass(frozen=True)
class TiffLayout:
    """How the pixels of a TIFF lie in the file: the values of its tags."""

    tags: Mapping[int, tuple[int, ...]]
    order: str

    def one(self, tag: int) -> int:
        """Return the only value of a tag."""
        return self[tag][0]

    def __getitem__(self, tag: int) -> tuple[int, ...]:
        return self.tags[tag] if tag in self.tags else DEFAULTS[tag]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the image as it is read: turned upright."""
        size = self.one(WIDTH), self.one(HEIGHT)
        return size[::-1] if self.one(ORIENTATION) in range(5, 9) else size

    @property
    def parts(self) -> tuple[int, int]:
        """The tags that say where the pixels are: in strips or in tiles."""
        return STRIPS if self.tags.keys() >= {*STRIPS} else TILES

    def covered(self) -> bool:
        """Whether the parts are enough for the whole image."""
        width, height = self.one(WIDTH), self.one(HEIGHT)
        if self.parts is STRIPS:
            across, down = 1, -(-height // min(height, *self[ROWS_PER_STRIP]))
        else:
            across, down = -(-width // self.one(TILE_WIDTH)), -(-height // self.one(TILE_HEIGHT))
        planes = self.one(SAMPLES) if self.separate else 1
        return min(len(self[tag]) for tag in self.parts) >= across * down * planes

    @property
    def bits(self) -> int:
        """The largest number of bits of a sample."""
        return max(self[BITS])

    @property
    def separate(self) -> bool:
        """Whether each channel has a plane of its own."""
        return self.one(SAMPLES) > 1 and self.one(PLANES) == SEPARATE

    @property
    def multiplied(self) -> bool:
        """Whether colors were multiplied with an alpha."""
        return self.one(SAMPLES) == 4 and self[EXTRA] == (MULTIPLIED,)

    @property
    def plain(self) -> bool:
        """Whether OpenCV reads it rightly as an image of 8 bits."""
        codec, kind = self.one(COMPRESSION), self.one(PHOTOMETRIC)
        interleaved = not self[EXTRA] and not self.separate and self.parts is STRIPS
        return interleaved and codec in DEEP_CODECS and kind in PLAIN_COLORS

    @property
    def in_8_bit_planes(self) -> bool:
        """Whether it has 8 bits, which Pillow reads, but not in all such layouts of planes."""
        colors = DEEP_COLORS.get(self.one(PHOTOMETRIC), ())
        known = self.one(COMPRESSION) in DEEP_CODECS and self.one(SAMPLES) in colors
        return self.separate and self.parts is STRIPS and {*self[BITS]} == {8} and known

    def fault(self) -> str:
        """Return what makes this layout one that is not read; empty if it is."""
        if not {*self[SAMPLE_FORMAT]} <= UNSIGNED:
            return FORMATS.get(max(self[SAMPLE_FORMAT]), "complex samples")
        bits, deep = self.bits, self.bits > 8
        if deep and {*self[BITS]} != {16}:
            return f"{bits} bits per sample"
        codec, kind, samples = self.one(COMPRESSION), self.one(PHOTOMETRIC), self.one(SAMPLES)
        if codec not in (DEEP_CODECS if deep else CODECS):
            return f"{bits} bits per sample and {CODECS.get(codec, f'method {codec}')} compression"
        if kind not in (DEEP_COLORS if deep else COLORS):
            return f"{bits} bits per sample and {COLORS.get(kind, f'color space {kind}')}"
        if deep and samples not in DEEP_COLORS[kind]:
            return f"{bits} bits per sample and {samples} samples per pixel"
        return ""


def read_layout(file: BinaryIO, name: str) -> TiffLayout:
    """Read the directory of a TIFF's first image; `name` is the file's.

    Raises
    ------
    InputError
        If it is damaged: tags are missing, or longer than the file.
    """
    try:
        layout = _directory(file)
        if min(layout.size) > 0 and layout[PHOTOMETRIC] and layout.covered():
            return layout
    except (struct.error, KeyError, ValueError, ArithmeticError):
        pass
    raise unreadable(name)


def _directory(file: BinaryIO) -> TiffLayout:
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(16)
    order = "<" if head.startswith(b"II") else ">"
    kind = "Q" if BIG in head[2:4] else "I"
    (place,) = struct.unpack_from(order + kind, head, 8 if kind == "Q" else 4)
    file.seek(place)
    counter = struct.Struct(order + ("Q" if kind == "Q" else "H"))
    (count,) = counter.unpack(file.read(counter.size))
    entry = struct.Struct(order + "HH" + kind)
    cell = struct.calcsize(kind)
    tags, total = {}, 0
    for _ in range(min(count, 1 << 16)):
        tag, code, number = entry.unpack(file.read(entry.size))
        values, after = file.read(cell), file.tell()
        size = SIZES.get(code, 1) * number
        total += size
        if total > end:
            raise ValueError(f"the tags have {total} bytes, and the file {end}")
        if code in WHOLE and number:
            if size > cell:
                file.seek(*struct.unpack(order + kind, values))
                values = file.read(size)
                file.seek(after)
            tags[tag] = struct.unpack_from(f"{order}{number}{WHOLE[code]}", values)
    return TiffLayout(tags, order)


def read_samples(data: bytes, layout: TiffLayout, name: str, decode: Decode) -> np.ndarray:
    """Return the image of a TIFF of the kinds in `DEEP_COLORS`: (H, W, 3) BGR, upright.

    Parameters
    ----------
    decode : callable
        Decodes a TIFF without changing its samples.

    Raises
    ------
    InputError
        If it is cut off.
    """
    parts = zip(*(layout[tag] for tag in layout.parts), strict=False)
    if layout.separate and max(start + length for start, length in parts) > len(data):
        raise unreadable(name)
    try:
        samples = _samples(data, layout, decode)
    except struct.error:  # a number of 64 bits that no such file needs
        raise unreadable(name) from None
    most = 2**layout.bits - 1
    image = np.ascontiguousarray(samples[..., :3]) if samples.ndim == 3 else samples
    if layout.one(PHOTOMETRIC) == WHITE_IS_0:
        image = most - image
    if layout.multiplied:
        for row, alpha in zip(image, samples[..., 3:].astype(np.uint32), strict=True):
            divisor = np.maximum(alpha, 1)
            row[:] = np.minimum((row * np.uint32(most) + divisor // 2) // divisor, most)
    return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image


def _samples(data: bytes, layout: TiffLayout, decode: Decode) -> np.ndarray:
    """Return the samples as they are stored: (H, W) or (H, W, 3 or 4), blue first."""
    if not layout.separate:
        return decode(data)
    planes = (2, 1, 0, 3)[: layout.one(SAMPLES)]
    return np.dstack([decode(_plane(data, layout, number)) for number in planes])


def _plane(data: bytes, layout: TiffLayout, number: int) -> bytes:
    """Return a TIFF of one plane: the same bytes with another directory, behind them."""
    fields = {tag: layout.tags[tag] for tag in KEPT if tag in layout.tags}
    fields |= {BITS: (layout.bits,), PHOTOMETRIC: (BLACK_IS_0,), SAMPLES: (1,)}
    for tag in layout.parts:
        count = len(layout[tag]) // layout.one(SAMPLES)
        fields[tag] = layout[tag][number * count : (number + 1) * count]
    start = len(data) + len(data) % 2
    entries, values = b"", b""
    behind = start + 2 + 12 * len(fields) + 4
    for tag, numbers in sorted(fields.items()):
        packed = struct.pack(f"{layout.order}{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            packed, values = struct.pack(layout.order + "I", behind + len(values)), values + packed
        entries += struct.pack(layout.order + "HHI", tag, 4, len(numbers)) + packed
    head = data[:2] + struct.pack(layout.order + "HI", 42, start)
    entries = struct.pack(layout.order + "H", len(fields)) + entries + bytes(4)
    return b"".join([head, data[8:], bytes(start - len(data)), entries, values])
