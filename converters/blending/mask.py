"""The mask of a face: where it comes from, and how it is made smaller and softer.

Everything happens in the crop, on a picture of fixed size, so its cost does not grow with the face
and its shape does not jump from frame to frame. Only the finished mask is shown in the frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from converters.blending.crop import Crop
from facelib import geometry, landmarks
from facelib.geometry import BORDERS
from facelib.types import FaceType

MASK_SIDE = 256
FADE = (
    1 / 64,
    3 / 64,
)  # of the crop's side: where masks begin to fade out toward its border, and end
LINEAR_FROM = 800.0  # pixels
# The shorter side of the box around a frontal face, brows to chin, in sides of the mean face's unit
# square; a half crop shows one unit square and cuts the rest off.
EXTENT = {FaceType.HALF: 1.0, FaceType.FULL: 1.1, FaceType.HEAD: 1.1}


@dataclass(frozen=True, eq=False)
class Swap:
    """A face of a frame and what the model made of it.

    Attributes
    ----------
    landmarks : (68, 2) float32, frame pixels
    crop : (R, R, 3) float32 0..1, the aligned dst face that went into the model
    face : (R, R, 3) float32 0..1, what came out
    mask : (R, R, 1) float32 0..1, and its mask; None when the model makes none
    face_type : how much of the head they show
    index : number of the face in its frame
    motion : (2,) float, its way from frame to frame, frame pixels
    masks : its masks in a few frames, this one's last, for what is averaged over frames, each
        (MASK_SIDE, MASK_SIDE) float32; none: nothing is averaged
    """

    landmarks: np.ndarray
    crop: np.ndarray
    face: np.ndarray
    mask: np.ndarray | None
    face_type: FaceType
    index: int = 0
    motion: tuple[float, float] = (0.0, 0.0)
    masks: tuple[np.ndarray, ...] = ()


def face_length(crop_side: float, face_type: FaceType) -> float:
    """Return about the shorter side of the box around a face's mask, in frame pixels.

    It follows from the alignment alone: a box around the mask itself would make it jump with every
    pixel that the mask gains or loses, and with the tilt of the head.
    """
    return crop_side * (1 - 2 * BORDERS[face_type]) * EXTENT[face_type]


def erode_size(length: float, percent: float) -> float:
    """Return the diameter of the erosion in frame pixels; below 0 it is a dilation.

    Up to a face of 800 pixels it is the classic length * (0.126 - 0.00004551365 * length). That
    curve has its peak at 1384 pixels and falls below 0 at 2768, so from 800 on its tangent takes
    over.
    """
    short = min(length, LINEAR_FROM)
    slope = 0.126 - 2 * 0.00004551365 * LINEAR_FROM
    size = short * (0.126 - 0.00004551365 * short) + (length - short) * slope
    return size * percent / 100


def blur_size(length: float, percent: float) -> float:
    """Return the width of the blur in frame pixels: that of a box; 0 for no blur."""
    return max(0.0, 0.10 * length * percent / 100)


def predicted_mask(swap: Swap) -> np.ndarray:
    """Return the model's mask, enlarged: (MASK_SIDE, MASK_SIDE) float32.

    Below 0.1 it counts as outside, above 0.9 as inside, with a ramp between, so that a faint veil
    over the background vanishes without an edge. A model without a mask gets the hull.
    """
    if swap.mask is None:
        return hull_mask(swap)
    large = cv2.resize(swap.mask[..., 0], (MASK_SIDE, MASK_SIDE), interpolation=cv2.INTER_CUBIC)
    return np.clip((large - 0.1) / 0.8, 0, 1)


def hull_mask(swap: Swap) -> np.ndarray:
    """Return the hull of the landmarks with a smooth outline: (MASK_SIDE, MASK_SIDE) float32."""
    fine = 2 * MASK_SIDE
    crop = Crop.of(swap.landmarks, swap.face.shape[0], swap.face_type)
    points = geometry.apply(crop.matrix(fine), swap.landmarks)
    hull = landmarks.hull_mask(points, (fine, fine))[..., 0]
    return cv2.resize(hull, (MASK_SIDE, MASK_SIDE), interpolation=cv2.INTER_AREA)


def product_mask(swap: Swap) -> np.ndarray:
    """Return the part of the model's mask that lies in the hull: (MASK_SIDE, MASK_SIDE) float32."""
    return predicted_mask(swap) * hull_mask(swap)


def union_mask(swap: Swap) -> np.ndarray:
    """Return the model's mask and the hull together: (MASK_SIDE, MASK_SIDE) float32."""
    return np.maximum(predicted_mask(swap), hull_mask(swap))


def erode(mask: np.ndarray, size: float) -> np.ndarray:
    """Shrink a mask (n, n) by an ellipse `size` mask pixels across; grow it if that is below 0.

    Beyond the mask's border all is 0, so it shrinks from there too.
    """
    radius = round(abs(size) / 2)
    if radius == 0:
        return mask
    # 8 bits are enough for a mask, and four times as fast
    levels = np.rint(mask * 255).astype(np.uint8)
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    change = cv2.erode if size > 0 else cv2.dilate
    changed = change(levels, element, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return changed.astype(np.float32) / np.float32(255)


def blur(mask: np.ndarray, size: float) -> np.ndarray:
    """Soften a mask (n, n) by a Gaussian as wide as a box of `size` mask pixels."""
    deviation = size / np.sqrt(12)  # that of a box
    if deviation < 0.3:
        return mask
    return cv2.GaussianBlur(mask, (0, 0), float(deviation), borderType=cv2.BORDER_CONSTANT)


def fade() -> np.ndarray:
    """Return 1 within the crop, falling to 0 before its border: (MASK_SIDE, MASK_SIDE) float32.

    A mask multiplied by it never shows the border of the crop.
    """
    place = (np.arange(MASK_SIDE) + 0.5) / MASK_SIDE
    distance = np.minimum(place, 1 - place)
    ramp = np.clip((distance - FADE[0]) / (FADE[1] - FADE[0]), 0, 1)
    return np.minimum.outer(ramp, ramp).astype(np.float32)
