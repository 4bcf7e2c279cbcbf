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
from utils.images import Image
from utils.video.av_types import VideoFrame

RGB, BT709, UNSPECIFIED, BT601, BT2020, BT2020_CONSTANT = 0, 1, 2, 6, 9, 10
PRIMARIES = frozenset(int(known) for known in ColorPrimaries)
CURVES = frozenset(int(known) for known in ColorTrc)
HDR_CURVES = frozenset({int(ColorTrc.SMPTE2084), int(ColorTrc.ARIB_STD_B67)})  # PQ and HLG

SWSCALE_MATRIX = {BT709: 1, 4: 4, 5: 5, BT601: 5, 7: 7, BT2020: 9, BT2020_CONSTANT: 9}
"""H.273 matrix -> libswscale's number; both code points of BT.601 share one."""
QUALITY = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
"""Without the two flags every conversion and back darkens by 1 to 3 levels."""

EXPANDED = np.rint(np.clip((np.arange(256) - 16) * 255 / 219, 0, 255)).astype(np.uint8)
"""Limited to full range for gray frames, whose values libswscale does not convert."""


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
        self.color = _color(first)
        self._matrix = None if first.format.is_rgb else SWSCALE_MATRIX[self.color.matrix]
        if self.hdr:
            self.color = ColorSpace(BT709, BT709, BT709)
        self.depth = max(component.bits for component in first.format.components)
        limited = first.color_range == ColorRange.MPEG
        self._expand = limited and first.format.name.startswith("gray")
        self._reformatter, self._packer = VideoReformatter(), VideoReformatter()

    def __call__(self, frame: VideoFrame) -> Image:
        """Convert one frame; InputError if libswscale cannot."""
        image = self._convert(frame, "bgr24").to_ndarray()
        if self._expand:
            image = cv2.LUT(image, EXPANDED)
        return np.ascontiguousarray(self._upright(image))

    def to_16_bit(self, frame: VideoFrame) -> Image:
        """Convert one frame to (H, W, 3) uint16 BGR, 0..65535."""
        # in two steps: from 4:2:0 straight to packed 48 bits libswscale 9 makes gross errors
        planes = self._convert(frame, "gbrp16le")
        image = self._packer.reformat(planes, format="bgr48le").to_ndarray()
        return np.ascontiguousarray(self._upright(image))

    def _convert(self, frame: VideoFrame, pixels: str) -> VideoFrame:
        try:
            return self._reformatter.reformat(
                frame,
                *self._shape,
                pixels,
                src_colorspace=self._matrix,
                dst_colorspace=self._matrix,
                dst_color_range=ColorRange.JPEG,
                interpolation=QUALITY,
                dst_color_trc=ColorTrc.BT709 if self.hdr else None,
                dst_color_primaries=ColorPrimaries.BT709 if self.hdr else None,
            )
        except av.FFmpegError:
            raise InputError(
                f"frames of the pixel format {frame.format.name} cannot be converted to BGR"
            ) from None


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


SOURCES = {(1, 3): "bgr24", (1, 4): "bgra", (2, 3): "bgr48le", (2, 4): "bgra64le"}
"""Bytes per channel and number of channels -> FFmpeg's pixel format."""


class FromBgr:
    """Converts (H, W, 3 or 4) uint8 or uint16 BGR(A) to frames for a video encoder.

    YUV has limited range, RGB full range. Where chroma subsampling needs even sides, the last row
    or column is repeated. Not thread-safe.

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
        self._matrix = None if self.is_rgb else SWSCALE_MATRIX[matrix]
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
        name = SOURCES[image.itemsize, image.shape[2]]
        image = np.ascontiguousarray(image)
        if image.itemsize == 1:
            bgr = av.VideoFrame.from_numpy_buffer(image, format=name)
        else:
            bgr = av.VideoFrame.from_ndarray(image, format=name)
        return self._reformatter.reformat(
            bgr,
            format=self.pixels,
            dst_colorspace=self._matrix,
            dst_color_range=self._range,
            interpolation=QUALITY,
        )
