"""The mask of a face: where it is visible, as a person drew it, a network computed it, or the hull.

Masks cover the aligned image from edge to edge, at any size.
"""

import cv2
import numpy as np

from facelib import mask_label, mask_png
from facelib.faceinfo import FaceInfo

LABEL, APPLIED, HULL = "label", "applied", "hull"
"""Where a mask comes from; the first that a face has counts."""


def source_of(info: FaceInfo) -> str:
    """Return which mask of a face counts: LABEL, APPLIED or HULL."""
    if info.mask_label is not None:
        return LABEL
    return HULL if info.mask is None else APPLIED


def face_mask(info: FaceInfo, side: int, name: str = "") -> np.ndarray:
    """Return the mask of a face that counts; `name` is the file's, for messages.

    Returns
    -------
    mask : (side, side) float32
        1 where the face is visible and to be swapped, 0 elsewhere.

    Raises
    ------
    InputError
        If the applied mask counts and is damaged.
    """
    return mask_from(source_of(info), info, side, name)


def mask_from(source: str, info: FaceInfo, side: int, name: str = "") -> np.ndarray:
    """Return the mask of a face from one source, which it must have; see `face_mask`."""
    if source == LABEL and info.mask_label is not None:
        return mask_label.draw(info.mask_label, info, side)
    if source == APPLIED and info.mask is not None:
        return _resized(mask_png.decode(info.mask, name or info.source_name), side)
    return mask_label.reduced(mask_label.fine_hull(info, side), side)


def _resized(mask: np.ndarray, side: int) -> np.ndarray:
    """Return a mask (n, n) uint8 at another size: (side, side) float32 in 0..1."""
    method = cv2.INTER_AREA if side < len(mask) else cv2.INTER_LINEAR
    whole = mask.astype(np.float32) / np.float32(255)
    return whole if side == len(mask) else cv2.resize(whole, (side, side), interpolation=method)
