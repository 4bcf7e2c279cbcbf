"""Decoded frames to upright BGR and back: color matrix, range, HDR, rotation.

Matrices, primaries and transfer curves are code points of ITU-T H.273, as in the files.
"""

from collections.abc import Callable
from typing import NamedTuple

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import (
    ColorPrimaries,
    ColorRange,
    ColorTrc,
    Interpolation,
    VideoReformatter,
)

from utils.errors import InputError
from utils.images import Image, to_8_bits
from utils.video.av_types import VideoFrame
from utils.video.matrices import (
    BT601,
    BT709,
    BT2020,
    BT2020_CONSTANT,
    BY_PRIMARIES,
    REFUSED,
    UNSPECIFIED,
    YCGCO,
    bgr_of_yuv,
    yuv_of_bgr,
)
from utils.video.pixel_formats import (
    BGR_IN_PLANES,
    Kind,
    pixel_format,
    plane_of,
    samples,
    to_16_bits,
)

PRIMARIES = frozenset(int(known) for known in ColorPrimaries)
CURVES = frozenset(int(known) for known in ColorTrc)
HDR_CURVES = frozenset({int(ColorTrc.SMPTE2084), int(ColorTrc.ARIB_STD_B67)})  # PQ and HLG

SWSCALE_MATRIX = {BT709: 1, 4: 4, 5: 5, BT601: 5, 7: 7, BT2020: 9, BT2020_CONSTANT: 9}
"""H.273 matrix -> libswscale's number; both code points of BT.601 share one."""
QUALITY = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
"""Without the two flags every conversion and back darkens by 1 to 3 levels."""


class ColorSpace(NamedTuple):
    """Color space of a video, as code points."""

    matrix: int
    primaries: int
    transfer: int


def usual_color(width: int, height: int) -> ColorSpace:
    """Return what players assume for untagged video: BT.601 up to PAL size, BT.709 above."""
    return ColorSpace(BT709 if width >= 1280 or height > 576 else BT601, UNSPECIFIED, UNSPECIFIED)


# The upper left 2 x 2 of a display matrix: where the x axis goes, where the y axis goes.
TURNS: dict[tuple[int, int, int, int], Callable[[Image], Image]] = {
    (1, 0, 0, 1): lambda image: image,
    (0, -1, 1, 0): lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
    (-1, 0, 0, -1): lambda image: cv2.rotate(image, cv2.ROTATE_180),
    (0, 1, -1, 0): lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
    (-1, 0, 0, 1): lambda image: cv2.flip(image, 1),
    (1, 0, 0, -1): lambda image: cv2.flip(image, 0),
    (0, 1, 1, 0): cv2.transpose,
    (0, -1, -1, 0): lambda image: cv2.flip(cv2.transpose(image), -1),
}
UPRIGHT, *_ = TURNS


def display_turn(frame: VideoFrame) -> tuple[int, int, int, int]:
    """Return how a frame is rotated for display, a key of `TURNS`; slants are ignored."""
    try:
        data = frame.side_data.get(Type.DISPLAYMATRIX)
    except ValueError:  # side data of a kind unknown to PyAV; it still knows the angle
        quarters = round(frame.rotation / 90) % 4  # anticlockwise, as the first four of TURNS
        return list(TURNS)[quarters]
    if data is None:
        return UPRIGHT
    numbers = np.frombuffer(bytes(data), np.int32)[[0, 1, 3, 4]]
    a, b, c, d = np.rint(numbers / max(1, np.abs(numbers).max())).astype(int).tolist()
    return (a, b, c, d) if (a, b, c, d) in TURNS else UPRIGHT


class ToBgr:
    """Converts decoded frames to (H, W, 3) uint8 BGR as displayed.

    Color space, rotation and size are those of the `first` frame; others are scaled to it. HDR (PQ
    or HLG) becomes BT.709, tone-mapped by libswscale (2 s once, then several times slower). Alpha
    is dropped. Not thread-safe.

    Attributes
    ----------
    size : tuple of int
        Width and height of the upright image.
    quarter_turn : bool
        Whether rotation swaps width and height.
    color : ColorSpace
        Color space to tag a video of these images with.
    depth : int
        Bits per channel.
    hdr : bool
        Whether frames are tone-mapped.
    """

    def __init__(self, first: VideoFrame) -> None:
        self._shape = first.width, first.height
        turn = display_turn(first)
        self._upright = TURNS[turn]
        self.quarter_turn = turn[0] == 0
        self.size = self._shape[::-1] if self.quarter_turn else self._shape
        self.hdr = first.color_trc in HDR_CURVES
        known = pixel_format(first.format.name)
        self.depth = known.bits
        self._matrix = _matrix(first) if known.kind is Kind.YUV else None
        self.color = ColorSpace(BT709, BT709, BT709) if self.hdr else _color(first)
        self._reformatter, self._upsampler = VideoReformatter(), VideoReformatter()

    def __call__(self, frame: VideoFrame) -> Image:
        """Convert one frame; InputError if its pixel format cannot be read."""
        kind = pixel_format(frame.format.name).kind
        if self.hdr or kind is Kind.SCALER or (kind is Kind.YUV and self._matrix != YCGCO):
            image = self._scaled(frame, "bgr24").to_ndarray()
        else:
            image = _three_channels(to_8_bits(self._exact(frame)))
        return np.ascontiguousarray(self._upright(image))

    def to_16_bit(self, frame: VideoFrame) -> Image:
        """Convert one frame to (H, W, 3) uint16 BGR, 0..65535, exactly rounded."""
        return np.ascontiguousarray(self._upright(_three_channels(self._exact(frame))))

    def _exact(self, frame: VideoFrame) -> Image:
        """Return (H, W) gray or (H, W, 3) BGR, uint16 0..65535."""
        known = pixel_format(frame.format.name)
        if self.hdr:
            # not at once: from 4:2:0 to packed 48 bits libswscale 9 makes gross errors
            planes = self._scaled(frame, "gbrp16le")
            return cv2.merge([plane_of(planes, index, "u2") for index in BGR_IN_PLANES])
        if known.kind is Kind.SCALER:
            return self._scaled(frame, "bgr24").to_ndarray() * np.uint16(257)
        if known.kind is Kind.YUV:
            return self._of_yuv(frame, known.bits)
        if known.kind is Kind.DEEP_SCALER:
            stored = self._scaled(frame, "bgr48le").to_ndarray()
        else:
            stored = samples(frame, known)
        limited = known.kind is Kind.GRAY and frame.color_range == ColorRange.MPEG
        image = to_16_bits(stored, known, limited)
        if image.shape[1::-1] != self._shape:
            image = cv2.resize(image, self._shape, interpolation=cv2.INTER_AREA)
        return image

    def _of_yuv(self, frame: VideoFrame, bits: int) -> Image:
        """Upsample the chroma with libswscale, then apply the color matrix."""
        jpeg = frame.format.name.startswith("yuvj")
        # with the same range at both ends samples are only moved up to 16 bits
        same_range = ColorRange.JPEG if jpeg else ColorRange.MPEG
        planes = self._upsampler.reformat(
            frame,
            *self._shape,
            "yuvj444p" if jpeg else "yuv444p16le",
            src_colorspace=SWSCALE_MATRIX[BT709],  # whatever it is; libswscale refuses some
            dst_colorspace=SWSCALE_MATRIX[BT709],
            src_color_range=same_range,
            dst_color_range=same_range,
            interpolation=QUALITY,
        )
        yuv = cv2.merge([plane_of(planes, index, "u1" if jpeg else "u2") for index in range(3)])
        if jpeg:
            yuv = yuv.astype(np.uint16) << 8
        full = jpeg or frame.color_range == ColorRange.JPEG
        return cv2.transform(yuv, bgr_of_yuv(self._matrix or BT709, bits, full))

    def _scaled(self, frame: VideoFrame, pixels: str) -> VideoFrame:
        matrix = SWSCALE_MATRIX.get(self._matrix) if self._matrix else None
        try:
            return self._reformatter.reformat(
                frame,
                *self._shape,
                pixels,
                src_colorspace=matrix,
                dst_colorspace=matrix,
                dst_color_range=ColorRange.JPEG,
                interpolation=QUALITY,
                dst_color_trc=ColorTrc.BT709 if self.hdr else None,
                dst_color_primaries=ColorPrimaries.BT709 if self.hdr else None,
            )
        except av.FFmpegError:
            raise InputError(
                f"frames of the pixel format {frame.format.name} cannot be converted to BGR"
            ) from None


def _three_channels(image: Image) -> Image:
    return cv2.merge([image] * 3) if image.ndim == 2 else image


def _matrix(frame: VideoFrame) -> int:
    """Return a YUV frame's color matrix, the usual one where it is untagged.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    code = frame.colorspace
    if code == BY_PRIMARIES and frame.color_primaries in {BT709, BT2020}:
        return int(frame.color_primaries)
    if code in REFUSED:
        raise InputError(
            f"the color matrix {REFUSED[code]} cannot be read; convert the video to BT.709 or "
            "BT.2020 first"
        )
    return YCGCO if code == YCGCO else _color(frame).matrix


def _color(frame: VideoFrame) -> ColorSpace:
    """Return a frame's color space, with the usual values where it is untagged."""
    color = usual_color(frame.width, frame.height)
    primaries, transfer = frame.color_primaries, frame.color_trc
    if frame.colorspace in SWSCALE_MATRIX:
        # constant-luminance BT.2020 is not used in practice, and libswscale does not have it
        code = BT2020 if frame.colorspace == BT2020_CONSTANT else frame.colorspace
        color = color._replace(matrix=code)
    elif primaries == ColorPrimaries.BT2020:
        color = color._replace(matrix=BT2020)
    if primaries in PRIMARIES:
        color = color._replace(primaries=primaries)
    if transfer in CURVES:
        color = color._replace(transfer=transfer)
    return color


SOURCES = {3: "bgr24", 4: "bgra"}
"""Number of channels -> FFmpeg's pixel format of 8 bits."""


class FromBgr:
    """Converts (H, W, 3 or 4) uint8 or uint16 BGR(A) to frames for a video encoder.

    YUV has limited range, RGB full range. Formats of more than 8 bits are exactly rounded. Where
    chroma subsampling needs even sides, the last row or column is repeated. Not thread-safe.

    Attributes
    ----------
    pixels : str
        Pixel format of the frames.
    is_rgb : bool
        Whether there is no color matrix.
    """

    def __init__(self, matrix: int, pixels: str = "yuv420p") -> None:
        self.pixels = pixels
        self.is_rgb = not pixels.startswith("yuv")
        self._even = "420p" in pixels
        self._matrix = matrix
        self._depth = max(component.bits for component in av.VideoFormat(pixels).components)
        self._range = ColorRange.JPEG if self.is_rgb else ColorRange.MPEG
        self._reformatter = VideoReformatter()

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return the size of the frames."""
        return (width + width % 2, height + height % 2) if self._even else (width, height)

    def __call__(self, image: Image) -> VideoFrame:
        """Convert one image."""
        height, width = image.shape[:2]
        wanted = self.size(width, height)
        if wanted != (width, height):
            border = (0, wanted[1] - height, 0, wanted[0] - width)
            image = cv2.copyMakeBorder(image, *border, cv2.BORDER_REPLICATE)
        if self._depth > 8:
            image16 = image if image.itemsize == 2 else image * np.uint16(257)
            return self._to_rgb(image16) if self.is_rgb else self._to_yuv(image16)
        image = np.ascontiguousarray(image if image.itemsize == 1 else to_8_bits(image))
        return self._reformat(
            av.VideoFrame.from_numpy_buffer(image, format=SOURCES[image.shape[2]])
        )

    def _to_rgb(self, image16: Image) -> VideoFrame:
        order = cv2.COLOR_BGRA2RGBA if image16.shape[2] == 4 else cv2.COLOR_BGR2RGB
        return av.VideoFrame.from_ndarray(cv2.cvtColor(image16, order), format=self.pixels)

    def _to_yuv(self, image16: Image) -> VideoFrame:
        bgr = cv2.cvtColor(image16, cv2.COLOR_BGRA2BGR) if image16.shape[2] == 4 else image16
        yuv = cv2.transform(np.ascontiguousarray(bgr), yuv_of_bgr(self._matrix, self._depth))
        planes = list(cv2.split(yuv))
        pixels = f"yuv444p{self._depth}le"
        if image16.shape[2] == 4:
            top = (1 << self._depth) - 1
            planes.append(np.rint(image16[..., 3] * (top / 0xFFFF)).astype(np.uint16))
            pixels = pixels.replace("yuv", "yuva")
        frame = av.VideoFrame(image16.shape[1], image16.shape[0], pixels)
        for index, values in enumerate(planes):
            plane_of(frame, index, "u2")[...] = values
        return self._reformat(frame)

    def _reformat(self, frame: VideoFrame) -> VideoFrame:
        is_yuv = frame.format.name.startswith("yuv")
        return self._reformatter.reformat(
            frame,
            format=self.pixels,
            src_color_range=self._range if is_yuv else None,
            dst_colorspace=None if self.is_rgb or is_yuv else SWSCALE_MATRIX[self._matrix],
            dst_color_range=self._range,
            interpolation=QUALITY,
        )
