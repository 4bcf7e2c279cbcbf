"""Images of one size from a recording that changes its own, as broadcasts do."""

from fractions import Fraction

import cv2

from utils.images import Image
from utils.video.av_types import VideoFrame
from utils.video.color import ToBgr

SAME = Fraction(1, 50)
"""Relative difference of aspect ratios that is rounding."""


class SteadyBgr:
    """Converts decoded frames to BGR images of the size of the first one.

    Frames of another size are scaled, with black bars where their aspect ratio differs.

    Parameters
    ----------
    first : av.VideoFrame
        The first frame.
    aspect : Fraction
        Its pixel aspect ratio, width / height.

    Attributes
    ----------
    depth : int
        Bits per channel.
    """

    def __init__(self, first: VideoFrame, aspect: Fraction) -> None:
        self._first = ToBgr(first)
        self._converters = {(first.width, first.height): self._first}
        self._display = _display(first, aspect)
        self.depth = self._first.depth

    def __call__(self, frame: VideoFrame, aspect: Fraction) -> Image:
        """Return an (H, W, 3) uint8 image."""
        return self._fitted(self._converter(frame)(frame), frame, aspect)

    def to_16_bit(self, frame: VideoFrame, aspect: Fraction) -> Image:
        """Return an (H, W, 3) uint16 image."""
        return self._fitted(self._converter(frame).to_16_bit(frame), frame, aspect)

    def _converter(self, frame: VideoFrame) -> ToBgr:
        shape = frame.width, frame.height
        if shape not in self._converters:
            self._converters[shape] = ToBgr(frame)
        return self._converters[shape]

    def _fitted(self, image: Image, frame: VideoFrame, aspect: Fraction) -> Image:
        if self._converter(frame) is self._first:
            return image
        ratio = _display(frame, aspect) / self._display
        if self._first.quarter_turn:
            ratio = 1 / ratio
        return fit(image, self._first.size, ratio)


def fit(image: Image, size: tuple[int, int], ratio: Fraction) -> Image:
    """Return an image scaled into a size, with black bars.

    Parameters
    ----------
    size : (width, height)
        Size of the result.
    ratio : Fraction
        The image's aspect ratio divided by that of the result, both as displayed.
    """
    width, height = size
    inner = width, height
    if ratio > 1 + SAME:
        inner = width, max(1, round(height / ratio))
    elif ratio < 1 - SAME:
        inner = max(1, round(width * ratio)), height
    shrinks = inner[0] < image.shape[1]
    scaled = cv2.resize(image, inner, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    right, bottom = width - inner[0] - left, height - inner[1] - top
    return cv2.copyMakeBorder(scaled, top, bottom, left, right, cv2.BORDER_CONSTANT)


def _display(frame: VideoFrame, aspect: Fraction) -> Fraction:
    return Fraction(frame.width, frame.height) * aspect
