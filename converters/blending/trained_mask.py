"""Masks of a trained mask model (`models/mask.py`): the face without what occludes it.

Such a mask says two things: how far the face reaches, and what lies before it. The outline may be
eroded and blurred like any other; a hand must not, or a rim of the old face would show around it.
So the two are taken apart here: holes and bays inside the hull of the landmarks are occlusions and
keep their edge, and the outline is the mask with those filled that lie deeper. Between the two
depths an occlusion is in both, so that nothing of the new face is left over it.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from converters.blending.crop import Crop
from converters.blending.mask import (
    MASK_SIDE,
    Swap,
    blur,
    erode,
    face_length,
    hull_mask,
    predicted_mask,
)
from facelib import geometry
from utils.errors import InputError

DEPTH = 1 / 32  # of the face
OCCLUSIONS, FILLED = 1.0, 2.5
"""Depths inside the hull, in DEPTH, from which what is no face is an occlusion, and is filled."""
STILL = 0.15
"""Difference of two masks, softened, above which something has moved and is not averaged."""
SOFT = 2.0  # mask pixels: standard deviation by which masks are softened to be compared


def trained_mask(swap: Swap) -> np.ndarray:
    """Return the outline of the trained mask, occlusions filled: (MASK_SIDE, MASK_SIDE) float32."""
    return np.maximum(_trained(swap), _inside(swap, FILLED))


def trained_predicted_mask(swap: Swap) -> np.ndarray:
    """Return the product of the trained outline and the model's own mask."""
    return trained_mask(swap) * predicted_mask(swap)


def trained_hull_mask(swap: Swap) -> np.ndarray:
    """Return the product of the trained outline and the hull."""
    return trained_mask(swap) * hull_mask(swap)


def unoccluded(swap: Swap) -> np.ndarray:
    """Return 0 where something lies before the face, else 1: (MASK_SIDE, MASK_SIDE) float32.

    At the rim of the hull it is 1 everywhere, since there the outline decides.
    """
    return 1 - _inside(swap, OCCLUSIONS) * (1 - _trained(swap))


def _trained(swap: Swap) -> np.ndarray:
    if swap.trained is None:
        raise InputError("its mask type needs a trained mask model: name one by --mask-model-dir")
    return swap.trained


def _inside(swap: Swap, depth: float) -> np.ndarray:
    """Return the part of the hull that lies so deep in it, softened."""
    width = DEPTH * face_length(MASK_SIDE, swap.face_type)
    return blur(erode(hull_mask(swap), 2 * depth * width), width / 2)


def into_crop(mask: np.ndarray, own: Crop, crop: Crop) -> np.ndarray:
    """Return a mask of one crop of a frame as another crop of it shows it.

    Parameters
    ----------
    mask : (n, n) float32
        A mask of the crop `own`.
    own, crop : Crop
        Where both lie in the frame.

    Returns
    -------
    moved : (MASK_SIDE, MASK_SIDE) float32
        The mask; 0 where `own` does not reach.
    """
    if len(mask) == MASK_SIDE and np.allclose(own.unit, crop.unit, rtol=1e-6, atol=1e-9):
        return mask
    to_own = np.vstack([own.matrix(len(mask)), (0, 0, 1)])
    matrix = to_own[:2] @ np.vstack([geometry.invert(crop.matrix(MASK_SIDE)), (0, 0, 1)])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(mask, matrix, (MASK_SIDE, MASK_SIDE), flags=flags)


def steadied(masks: Sequence[np.ndarray]) -> np.ndarray:
    """Return the newest of some masks of consecutive frames without the flicker of its edge.

    It is averaged with those before it where they agree with it but for a wobble of the edge;
    where something moves it stays as it is, so that no hand leaves a trace (a bilateral filter
    over time, Tomasi and Manduchi 1998).

    Parameters
    ----------
    masks : sequence of (n, n) float32
        The newest last.
    """
    newest = masks[-1]
    soft = cv2.GaussianBlur(newest, (0, 0), SOFT)
    total, weights = newest.copy(), np.ones_like(newest)
    for mask in masks[:-1]:
        difference = cv2.GaussianBlur(mask, (0, 0), SOFT) - soft
        weight = np.exp(-((difference / STILL) ** 2) / 2)
        total += mask * weight
        weights += weight
    return total / weights
