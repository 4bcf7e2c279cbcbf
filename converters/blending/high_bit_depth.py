"""High bit depth: faces are blended in 8 bits, the footage around them keeps its own depth."""

import cv2
import numpy as np

LEVEL = 257  # one level of 8 bits in 16: 255 becomes 65535


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
    result = image16.copy()
    difference = cv2.absdiff(before, after[..., :3]).max(axis=2)
    left, top, width, height = cv2.boundingRect(difference)
    if width:
        area = slice(top, top + height), slice(left, left + width)
        old, new = before[area].astype(np.int32), after[area][..., :3]
        sum_ = image16[area] + (new - old) * LEVEL
        pure = (new != old) & ((new == 0) | (new == 255))
        result[area] = np.where(pure, new.astype(np.int32) * LEVEL, np.clip(sum_, 0, 65535))
    if after.shape[2] == 4:
        return np.dstack([result, after[..., 3].astype(np.uint16) * LEVEL])
    return result
