"""The mask of a face: its sources, erosion and blur.

Everything happens in the crop at a fixed size, so the cost does not grow with the face and the
shape does not jump from frame to frame. Only the finished mask is warped into the frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from converters.blending.crop import Crop
from facelib import geometry, landmarks
from facelib.geometry import SHAPES
from facelib.types import FaceType

MASK_SIDE = 256
FADE = (1 / 64, 3 / 64)
"""Distance from the crop's border, relative to its side, where masks reach 0 and are unchanged."""
LINEAR_FROM = 800.0  # pixels
EXTENT = 1.1
"""The shorter side of the bounding box of a frontal face, eyebrows to chin, in sides of the mean
face's unit square; a half crop shows one unit square and cuts off the rest."""


@dataclass(frozen=True, eq=False)
class Swap:
    """A face of a frame and the model's prediction for it.

    Attributes
    ----------
    landmarks : (68, 2) float32
        Landmarks in frame pixels.
    crop : (R, R, 3) float32 in 0..1
        The aligned dst face, which is the model's input.
    face : (R, R, 3) float32 in 0..1
        The predicted face.
    mask : (R, R, 1) float32 in 0..1 or None
        The predicted mask; None when the model predicts none.
    face_type : FaceType
        How much of the head the crop shows.
    index : int
        Number of the face in its frame.
    motion : (float, float)
        Its motion from frame to frame in pixels.
    masks : tuple of (MASK_SIDE, MASK_SIDE) float32
        Its masks in recent frames, this one's last, to be averaged; empty when nothing is.
    trained : (MASK_SIDE, MASK_SIDE) float32 or None
        The mask of a trained mask model, in this crop; None without one.
    """

    landmarks: np.ndarray
    crop: np.ndarray
    face: np.ndarray
    mask: np.ndarray | None
    face_type: FaceType
    index: int = 0
    motion: tuple[float, float] = (0.0, 0.0)
    masks: tuple[np.ndarray, ...] = ()
    trained: np.ndarray | None = None


def face_length(crop_side: float, face_type: FaceType) -> float:
    """Return about the shorter side of the bounding box of a face's mask, in frame pixels.

    It depends on the alignment alone: the mask's own bounding box would jump with every pixel that
    the mask gains or loses, and with the tilt of the head.
    """
    shape = SHAPES[face_type]
    return crop_side * (1 - 2 * shape.border) * min(EXTENT, shape.side)


def erode_size(length: float, percent: float) -> float:
    """Return the diameter of the erosion in frame pixels; negative for a dilation.

    Up to a face of 800 pixels it is DeepFaceLab's length * (0.126 - 0.00004551365 * length). That
    curve peaks at 1384 pixels and falls below 0 at 2768, so from 800 on it continues as its
    tangent.
    """
    short = min(length, LINEAR_FROM)
    slope = 0.126 - 2 * 0.00004551365 * LINEAR_FROM
    size = short * (0.126 - 0.00004551365 * short) + (length - short) * slope
    return size * percent / 100


def blur_size(length: float, percent: float) -> float:
    """Return the width of the box blur in frame pixels; 0 for none."""
    return max(0.0, 0.10 * length * percent / 100)


def predicted_mask(swap: Swap) -> np.ndarray:
    """Return the model's mask, enlarged: (MASK_SIDE, MASK_SIDE) float32.

    Values below 0.1 become 0 and values above 0.9 become 1, with a ramp between, so that faint
    values over the background vanish without an edge. Without a predicted mask it is the hull.
    """
    if swap.mask is None:
        return hull_mask(swap)
    large = cv2.resize(swap.mask[..., 0], (MASK_SIDE, MASK_SIDE), interpolation=cv2.INTER_CUBIC)
    return np.clip((large - 0.1) / 0.8, 0, 1)


def hull_mask(swap: Swap) -> np.ndarray:
    """Return the antialiased hull of the landmarks: (MASK_SIDE, MASK_SIDE) float32."""
    fine = 2 * MASK_SIDE
    crop = Crop.of(swap.landmarks, swap.face.shape[0], swap.face_type)
    points = geometry.apply(crop.matrix(fine), swap.landmarks)
    hull = landmarks.hull_mask(points, (fine, fine))[..., 0]
    return cv2.resize(hull, (MASK_SIDE, MASK_SIDE), interpolation=cv2.INTER_AREA)


def product_mask(swap: Swap) -> np.ndarray:
    """Return the product of the model's mask and the hull: (MASK_SIDE, MASK_SIDE) float32."""
    return predicted_mask(swap) * hull_mask(swap)


def union_mask(swap: Swap) -> np.ndarray:
    """Return the union of the model's mask and the hull: (MASK_SIDE, MASK_SIDE) float32."""
    return np.maximum(predicted_mask(swap), hull_mask(swap))


def erode(mask: np.ndarray, size: float) -> np.ndarray:
    """Erode a mask (n, n) by a disc `size` mask pixels across; dilate it if that is negative.

    The mask is 0 beyond its border, so it shrinks from there too.
    """
    radius = round(abs(size) / 2)
    if radius == 0:
        return mask
    # 8 bits are enough for a mask and four times as fast
    levels = np.rint(mask * 255).astype(np.uint8)
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    operation = cv2.erode if size > 0 else cv2.dilate
    changed = operation(levels, element, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return changed.astype(np.float32) / np.float32(255)


def blur(mask: np.ndarray, size: float) -> np.ndarray:
    """Blur a mask (n, n) by a Gaussian as wide as a box of `size` mask pixels."""
    sigma = size / np.sqrt(12)  # the standard deviation of a box
    if sigma < 0.3:
        return mask
    return cv2.GaussianBlur(mask, (0, 0), float(sigma), borderType=cv2.BORDER_CONSTANT)


def fade() -> np.ndarray:
    """Return 1 inside the crop, falling to 0 at its border: (MASK_SIDE, MASK_SIDE) float32.

    A mask multiplied by it never shows the border of the crop.
    """
    position = (np.arange(MASK_SIDE) + 0.5) / MASK_SIDE
    distance = np.minimum(position, 1 - position)
    ramp = np.clip((distance - FADE[0]) / (FADE[1] - FADE[0]), 0, 1)
    return np.minimum.outer(ramp, ramp).astype(np.float32)
