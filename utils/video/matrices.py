"""Color matrices between RGB and YUV, as exact as their standards state them.

Code points are those of ITU-T H.273, and so are the equations.
"""

from functools import lru_cache

import numpy as np

RGB, BT709, UNSPECIFIED, BT601, YCGCO, BT2020, BT2020_CONSTANT = 0, 1, 2, 6, 8, 9, 10
BY_PRIMARIES = 12  # weights follow from the primaries
WEIGHTS = {
    BT709: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    BT601: (0.299, 0.114),
    7: (0.212, 0.087),
    BT2020: (0.2627, 0.0593),
}
"""Matrix -> the shares of red and blue in luma."""
REFUSED = {
    11: "SMPTE ST 2085",
    BY_PRIMARIES: "by the primaries",
    13: "chromaticity-derived constant luminance",
    14: "ICtCp",
    15: "IPT-C2",
    16: "YCgCo-Re",
    17: "YCgCo-Ro",
}
"""Matrices that cannot be read; to take another one in their place would give wrong colors."""
DEEPEST = 0xFFFF


def _yuv_of_bgr(matrix: int) -> np.ndarray:
    """Return (3, 3) float64: blue, green, red 0..1 -> luma 0..1, chroma -0.5..0.5."""
    if matrix == YCGCO:
        return np.array([[0.25, 0.5, 0.25], [-0.25, 0.5, -0.25], [-0.5, 0, 0.5]])
    red, blue = WEIGHTS[matrix]
    luma = np.array([blue, 1 - red - blue, red])
    u = (np.array([1.0, 0, 0]) - luma) / (2 - 2 * blue)
    v = (np.array([0, 0, 1.0]) - luma) / (2 - 2 * red)
    return np.stack([luma, u, v])


def _range(bits: int, full: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the size of 1 and the place of 0 of each component, in steps of `bits` bits."""
    step = 2.0 ** (bits - 8)
    middle = 128 * step
    if full:
        return np.full(3, 2.0**bits - 1), np.array([0, middle, middle])
    return np.array([219, 224, 224]) * step, np.array([16 * step, middle, middle])


@lru_cache(maxsize=8)
def bgr_of_yuv(matrix: int, bits: int, full: bool) -> np.ndarray:
    """Return the (3, 4) matrix for cv2.transform: YUV samples -> BGR 0..65535.

    Samples are of `bits` bits, moved up to 16.
    """
    size, zero = (part * 2.0 ** (16 - bits) for part in _range(bits, full))
    linear = np.linalg.inv(_yuv_of_bgr(matrix)) * DEEPEST / size
    return np.column_stack([linear, -linear @ zero])


@lru_cache(maxsize=8)
def yuv_of_bgr(matrix: int, bits: int) -> np.ndarray:
    """Return the (3, 4) matrix for cv2.transform: BGR 0..65535 -> limited-range YUV samples."""
    size, zero = _range(bits, full=False)
    linear = size[:, None] * _yuv_of_bgr(matrix) / DEEPEST
    return np.column_stack([linear, zero])
