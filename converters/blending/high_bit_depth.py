"""High bit depth: faces are blended in 8 bits, the footage around them keeps its own depth."""

import cv2
import numpy as np

LEVEL = 257  # one level of 8 bits in 16: 255 becomes 65535
FACTORS = np.full(256, LEVEL, np.int32)
"""By which a change to each 8-bit value is multiplied; one to pure black or white saturates."""
FACTORS[[0, 255]] = 65535


def restore_16_bit(image16: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return the converted frame with the footage's own depth.

    The change that conversion made to the 8-bit frame is added to the 16-bit one. Unchanged pixels
    keep their value; soft edges keep their gradients; a face differs by at most half an 8-bit level
    from a 16-bit computation. Pure black and white stay pure.

    Parameters
    ----------
    image16 : (H, W, 3) uint16
        The original frame.
    before : (H, W, 3) uint8
        The original frame in 8 bits.
    after : (H, W, 3 or 4) uint8
        The converted frame, perhaps with alpha.

    Returns
    -------
    restored : (H, W, 3 or 4) uint16
        The converted frame, with the alpha channel of `after`.
    """
    with_alpha = after.shape[2] == 4
    color = cv2.cvtColor(after, cv2.COLOR_BGRA2BGR) if with_alpha else after
    result = cv2.cvtColor(image16, cv2.COLOR_BGR2BGRA) if with_alpha else image16.copy()
    area = _changed(before, color)
    if color[area].size:
        result[(*area, slice(3))] = _shifted(image16[area], before[area], color[area])
    if with_alpha:
        result[..., 3] = after[..., 3] * np.uint16(LEVEL)
    return result


def _changed(before: np.ndarray, after: np.ndarray) -> tuple[slice, slice]:
    """Return the index of the rectangle around all pixels that differ."""
    difference = cv2.absdiff(before, after)
    # side by side: the maximum over three channels takes fifty times as long
    channels = difference.reshape(difference.shape[0], -1)
    left, top, width, height = cv2.boundingRect(channels)
    return slice(top, top + height), slice(left // 3, -(-(left + width) // 3))


def _shifted(image16: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return pixels with 16 bits, changed as those with 8 bits have changed from old to new."""
    change = cv2.subtract(new, old, dtype=cv2.CV_32S)
    change *= cv2.LUT(new, FACTORS)
    return cv2.add(image16, change, dtype=cv2.CV_16U)  # saturates
