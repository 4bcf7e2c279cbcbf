"""Footage whose pixels are not square (DVD, DV, HDV): enlarged for the work, then written back.

Networks and geometry know faces from square pixels only. Enlarging one axis loses nothing.
"""

from fractions import Fraction

import cv2
import numpy as np

from utils.images import Image

REPLACED = 16
"""From so many gray levels of change on, a pixel keeps nothing of what the scaling lost."""


def square_size(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """Return the size of an image with square pixels.

    Parameters
    ----------
    aspect : Fraction or None
        Width / height of a pixel; None if they are square already.
    """
    if aspect is None:
        return width, height
    return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))


def to_square(image: Image, aspect: Fraction | None) -> Image:
    """Enlarge an image to square pixels; one that has them is returned as it is."""
    height, width = image.shape[:2]
    size = square_size(width, height, aspect)
    if size == (width, height):
        return image
    return cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)


def write_back(own: Image, before: Image, after: Image) -> Image:
    """Return an image in the footage's own pixels with the changes made in square ones.

    A pixel that has not changed keeps its value. Where the change is small, what was lost by
    enlarging and reducing the image is added again.

    Parameters
    ----------
    own : (h, w, 3) uint8
        The original.
    before, after : (H, W, 3) uint8
        `own` enlarged, and what has become of it; `after` may have an alpha channel.
    """
    if after.shape == before.shape and np.array_equal(before, after):
        return own
    new = reduce(after, own.shape[1::-1]).astype(np.float32)
    old = reduce(before, own.shape[1::-1]).astype(np.float32)
    change = np.abs(new[..., :3] - old).max(axis=2, keepdims=True)
    lost = own.astype(np.float32) - old
    new[..., :3] += lost * np.clip(1 - change / REPLACED, 0, 1)
    return np.clip(np.rint(new), 0, 255).astype(np.uint8)


def reduce(image: Image, size: tuple[int, int]) -> Image:
    """Reduce an image to a size, (width, height), as it was enlarged."""
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
