"""The pixel formats that frames are read from, by FFmpeg's names; others are refused.

libswscale converts YUV to RGB at 8 bits exactly enough, but it shows limited-range gray as if it
were full-range, its RGB of 16 bits is too dark by up to a level of 8 bits, and it does not know
YCgCo. So gray and deep RGB are read here, and of deep YUV it only upsamples the chroma.
"""

from dataclasses import dataclass
from enum import Enum, auto

import cv2
import numpy as np

from utils.errors import InputError
from utils.images import Image
from utils.video.av_types import VideoFrame


class Kind(Enum):
    """Who turns a format into BGR."""

    SCALER = auto()  # libswscale alone: RGB of up to 8 bits
    YUV = auto()
    GRAY = auto()
    PLANES = auto()  # deep RGB: green, blue, red
    PACKED = auto()  # deep RGB: all channels of a pixel side by side
    TEN_IN_32 = auto()  # RGB of 10 bits, a pixel in 32 bits
    DEEP_SCALER = auto()  # libswscale as RGB of 16 bits, right but for `shift`


@dataclass(frozen=True)
class PixelFormat:
    """How the samples of a frame are stored.

    Attributes
    ----------
    bits : int
        Of a sample; 16 or 32 with a floating-point `dtype`, whose samples are 0..1.
    dtype : str
        numpy's code of a sample without byte order, for what is read here.
    order : tuple of int
        Where blue, green and red are among the channels, planes or bits of a pixel; where gray is.
    channels : int
        Samples of a pixel that stand side by side in a plane.
    shift : int
        Unused bits below those of a sample.
    """

    kind: Kind
    bits: int = 8
    dtype: str = ""
    order: tuple[int, ...] = ()
    channels: int = 1
    shift: int = 0


SCALER = """
    rgb24 bgr24 argb rgba abgr bgra 0rgb rgb0 0bgr bgr0 gbrp gbrap pal8 monow monob rgb8 bgr8
    rgb4_byte bgr4_byte rgb565 bgr565 rgb555 bgr555 rgb444 bgr444
"""
YUV = {
    8: """
        yuv410p yuv411p yuv420p yuv422p yuv440p yuv444p yuvj411p yuvj420p yuvj422p yuvj440p yuvj444p
        yuva420p yuva422p yuva444p nv12 nv21 nv16 nv24 nv42 yuyv422 yvyu422 uyvy422
        ayuv vuya vuyx vyu444 uyva
    """,
    9: "yuv420p9 yuv422p9 yuv444p9 yuva420p9 yuva422p9 yuva444p9",
    10: """
        yuv420p10 yuv422p10 yuv440p10 yuv444p10 yuv444p10msb yuva420p10 yuva422p10 yuva444p10
        nv20 p010 p210 p410 y210le xv30le v30xle
    """,
    12: """
        yuv420p12 yuv422p12 yuv440p12 yuv444p12 yuv444p12msb yuva422p12 yuva444p12
        p012 p212 p412 y212le xv36
    """,
    14: "yuv420p14 yuv422p14 yuv444p14",
    16: """
        yuv420p16 yuv422p16 yuv444p16 yuva420p16 yuva422p16 yuva444p16
        p016 p216 p416 y216le xv48 ayuv64
    """,
}
"""Bits -> names."""
BGR_IN_PLANES = (1, 0, 2)
"""Which planes of planar RGB are blue, green and red."""
SAMPLES = {"": (8, "u1"), "f16": (16, "f2"), "f32": (32, "f4")}
SAMPLES |= {str(bits): (bits, "u2") for bits in (9, 10, 12, 14, 16)}
"""What ends the name of a format -> bits and type of its samples."""


def _table() -> dict[str, PixelFormat]:
    """Return what is known by the formats' names, without the byte order where both are read."""
    table = {name: PixelFormat(Kind.SCALER) for name in SCALER.split()}
    table |= {
        name: PixelFormat(Kind.YUV, bits) for bits, names in YUV.items() for name in names.split()
    }
    for end, sample in SAMPLES.items():
        table["gray" + end] = PixelFormat(Kind.GRAY, *sample, (0,))
        if end in ("16", "f16", "f32"):
            table["ya" + end] = PixelFormat(Kind.GRAY, *sample, (0,), 2)
        if end:
            table["gbrp" + end] = PixelFormat(Kind.PLANES, *sample, BGR_IN_PLANES)
        if end not in ("", "9"):
            table["gbrap" + end] = PixelFormat(Kind.PLANES, *sample, BGR_IN_PLANES)
        if end in ("f16", "f32"):
            table["rgb" + end] = PixelFormat(Kind.PACKED, *sample, (2, 1, 0), 3)
            table["rgba" + end] = PixelFormat(Kind.PACKED, *sample, (2, 1, 0), 4)
    table["ya8"] = PixelFormat(Kind.GRAY, 8, "u1", (0,), 2)
    for bits in (10, 12):
        table[f"gbrp{bits}msb"] = PixelFormat(
            Kind.PLANES, bits, "u2", BGR_IN_PLANES, shift=16 - bits
        )
    table["rgb48"] = PixelFormat(Kind.PACKED, 16, "u2", (2, 1, 0), 3)
    table["bgr48"] = PixelFormat(Kind.PACKED, 16, "u2", (0, 1, 2), 3)
    table["rgba64"] = PixelFormat(Kind.PACKED, 16, "u2", (2, 1, 0), 4)
    table["bgra64"] = PixelFormat(Kind.PACKED, 16, "u2", (0, 1, 2), 4)
    table["x2rgb10le"] = PixelFormat(Kind.TEN_IN_32, 10, "u4", (0, 10, 20))
    table["x2bgr10le"] = PixelFormat(Kind.TEN_IN_32, 10, "u4", (20, 10, 0))
    table["xyz12"] = PixelFormat(Kind.DEEP_SCALER, 12, "u2", shift=4)
    for mosaic in ("bggr", "rggb", "gbrg", "grbg"):
        table[f"bayer_{mosaic}8"] = PixelFormat(Kind.SCALER)
        table[f"bayer_{mosaic}16"] = PixelFormat(Kind.DEEP_SCALER, 16, "u2")
    return table


PIXEL_FORMATS = _table()


def pixel_format(name: str) -> PixelFormat:
    """Return what is known of a format.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    found = PIXEL_FORMATS.get(name) or PIXEL_FORMATS.get(_any_order(name))
    if found is None:
        raise InputError(f"frames of the pixel format {name} cannot be converted to BGR")
    return found


def _any_order(name: str) -> str:
    return name[:-2] if name.endswith(("le", "be")) else name


def samples(frame: VideoFrame, known: PixelFormat) -> Image:
    """Return a frame's samples as they are stored, (H, W) gray or (H, W, 3) BGR.

    For all kinds but SCALER and YUV.
    """
    if known.kind is Kind.PLANES:
        return cv2.merge([plane_of(frame, place, known.dtype) for place in known.order])
    stored = plane_of(frame, 0, known.dtype, known.channels)
    if known.kind is Kind.TEN_IN_32:
        channels = [(stored >> place & 1023).astype(np.uint16) for place in known.order]
        return cv2.merge(channels)
    if known.kind is Kind.GRAY:
        return stored[..., 0] if known.channels > 1 else stored
    return cv2.merge([stored[..., place] for place in known.order])


def plane_of(frame: VideoFrame, index: int, dtype: str, channels: int = 1) -> np.ndarray:
    """Return a plane, (H, W) or (H, W, channels), in this machine's byte order.

    In a frame of that order it is the frame's memory, and can be written to.
    """
    plane = frame.planes[index]
    stored = np.dtype(dtype).newbyteorder(">" if frame.format.name.endswith("be") else "<")
    rows = np.frombuffer(memoryview(plane), stored).reshape(plane.height, -1)
    pixels = rows[:, : plane.width * channels]
    if channels > 1:
        pixels = pixels.reshape(plane.height, plane.width, channels)
    return pixels.astype(dtype, copy=False)


def to_16_bits(stored: Image, known: PixelFormat, limited: bool) -> Image:
    """Return samples as uint16 0..65535, full range, exactly rounded."""
    if known.dtype.startswith("f"):
        stored = np.nan_to_num(stored.astype(np.float32))
        return np.rint(np.clip(stored, 0, 1) * np.float32(0xFFFF)).astype(np.uint16)
    if known.bits == 16 and not limited:
        return stored
    black, white = (16, 235) if limited else (0, 255)
    unit = (1 << known.bits) / 256 if limited else ((1 << known.bits) - 1) / 255
    unit *= 1 << known.shift
    scale = 0xFFFF / ((white - black) * unit)
    channels = 1 if stored.ndim == 2 else stored.shape[2]
    offset = np.full((channels, 1), -black * unit * scale)
    return cv2.transform(
        stored.astype(np.uint16, copy=False), np.hstack([np.eye(channels) * scale, offset])
    )
