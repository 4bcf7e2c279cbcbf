"""Mode seamless: the face keeps its detail but takes its colors from the frame around it.

Inside the mask the gradients of the predicted face are kept, outside those of the frame; the image
that has them is the solution of a Poisson equation (Perez, Gangnet and Blake 2003). The difference
to plain compositing is smooth, so it is solved on a crop of fixed size and only the difference is
enlarged: the solver touches neither the detail of the face nor its position.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from scipy import fft

from converters.blending.compositing import spread
from converters.blending.crop import Box
from converters.blending.hist_match import match_histograms
from converters.blending.mask import MASK_SIDE, erode, erode_size
from converters.blending.mask_history import average
from converters.blending.overlay import Blend, FaceBlend
from facelib.color_transfer.statistics import measure
from utils.errors import InputError
from utils.images import to_float

CORE_LEVEL = np.float32(0.9)
"""Mask values above this count as face for certain."""
SOLVE_SIDE = MASK_SIDE + 1
"""Side of the solved square, for which the sine transforms are fast: 256 - 1 points."""


class Seamless(Blend):
    """Poisson blending; the mask then blends its result into the frame."""

    def foreground(self, face: FaceBlend, box: Box) -> np.ndarray:
        """Return the face composited with the frame, plus the correction that hides its edge."""
        result = composite(face, box)
        result += place_correction(face, box)
        return np.clip(result, 0, 1, out=result)

    def debug_images(self, face: FaceBlend, box: Box) -> dict[str, np.ndarray]:
        """Return the core mask, the composited face and the correction (0.5: none)."""
        return {
            "seamless_core": core_mask(face),
            "composed": composite(face, box),
            "change": place_correction(face, box) / 2 + 0.5,
        }


def composite(face: FaceBlend, box: Box) -> np.ndarray:
    """Return a box of the frame with the face over it, by its mask: (h, w, 3) float32 0..1."""
    mask = face.place_mask(face.face_mask, box)
    return _over(to_float(face.frame[box.area]), face.crop.place(face.pixels, box), mask)


def _over(background: np.ndarray, foreground: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return background + (foreground - background) * mask."""
    mixed = foreground - background
    mixed *= spread(mask)
    mixed += background
    return mixed


def place_correction(face: FaceBlend, box: Box) -> np.ndarray:
    """Return what Poisson blending adds to the composited face in a box: float32, around 0.

    Raises
    ------
    InputError
        If the mask is certain nowhere: then the correction would take the whole face away.
    """
    certain = core_mask(face)
    if not certain.any() and not _core(face, [face.face_mask]).any():  # else it is occluded
        raise InputError(
            "its mask is nowhere above 0.9 (or nothing is left of that after erosion), so seamless "
            "would change nothing; use --mask-type hull, a smaller --seamless-erode-modifier, or "
            "--mode overlay"
        )
    target = to_float(face.crop.cut(face.frame, SOLVE_SIDE))
    pixels, mask = _fit(face.pixels), _fit(face.visible_masks[-1])
    core = _resize(certain, cv2.INTER_NEAREST_EXACT)
    # the core may reach beyond this frame's mask, so the source has no edge there
    source = _over(target, pixels, np.maximum(mask, CORE_LEVEL))
    correction = poisson_clone(source, target, core)
    correction -= _over(target, pixels, mask)
    correction /= 2  # `place` takes 0..1
    correction += np.float32(0.5)
    placed = face.crop.place(correction, box)
    placed *= 2
    placed -= 1
    return placed


def core_mask(face: FaceBlend) -> np.ndarray:
    """Return the share of the face's gradients to keep: (MASK_SIDE, MASK_SIDE) float32 0..1.

    For a single mask it is 1 where the mask is certain. The cloned image depends on it linearly
    (except where edges of masks cross), so averaging the masks of several frames gives about the
    average of the images that each mask would give of this frame. That keeps the colors from
    jumping with the mask's edge, while they still follow the light at once.
    """
    return _core(face, face.visible_masks)


def _core(face: FaceBlend, masks: Sequence[np.ndarray]) -> np.ndarray:
    size = erode_size(face.length, face.look.seamless_erode_modifier)
    core = average([mask > CORE_LEVEL for mask in masks])
    return erode(core, face.to_mask_pixels(size))


def _fit(image: np.ndarray) -> np.ndarray:
    method = cv2.INTER_AREA if image.shape[0] > SOLVE_SIDE else cv2.INTER_LINEAR
    return _resize(image, method)


def _resize(image: np.ndarray, method: int) -> np.ndarray:
    return cv2.resize(image, (SOLVE_SIDE, SOLVE_SIDE), interpolation=method)


def poisson_clone(source: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Clone the masked part of `source` into `target` without a visible edge.

    Finds the image that equals `target` on its border and whose gradients are, by least squares,
    those of `source` where both neighboring pixels are in the mask and those of `target` elsewhere,
    mixed where the mask is partial.

    Parameters
    ----------
    source, target : (H, W, C) float32
        The images.
    mask : (H, W) float32 in 0..1
        Share of the gradients taken from `source`.

    Returns
    -------
    cloned : (H, W, C) float32
        `target` with the masked part of `source`.
    """
    # The unknown is the difference to the target, which is 0 on the border.
    difference, weight = source - target, spread(mask.astype(np.float32, copy=False))
    across, down = np.diff(difference, axis=1), np.diff(difference, axis=0)
    across *= np.minimum(weight[:, 1:], weight[:, :-1])
    down *= np.minimum(weight[1:], weight[:-1])
    divergence = np.diff(across[1:-1], axis=1)
    divergence += np.diff(down[:, 1:-1], axis=0)
    # The sine transform diagonalizes the five-point Laplacian with a border of 0.
    spectrum = fft.dstn(divergence, type=1, axes=(0, 1), overwrite_x=True)
    spectrum /= spread(np.add.outer(*(_eigenvalues(n) for n in divergence.shape[:2])))
    cloned = target.copy()
    cloned[1:-1, 1:-1] += fft.idstn(spectrum, type=1, axes=(0, 1), overwrite_x=True)
    return cloned


def _eigenvalues(count: int) -> np.ndarray:
    """Eigenvalues of the second difference on `count` points between two zeros."""
    return (2 * np.cos(np.pi * np.arange(1, count + 1) / (count + 1)) - 2).astype(np.float32)


class SeamlessHistMatch(Seamless):
    """Matches the histograms of the seamless result to those of the frame in the same place."""

    def foreground(self, face: FaceBlend, box: Box) -> np.ndarray:
        """Return the seamless result with the histograms of the frame inside the mask."""
        result = super().foreground(face, box)
        frame = to_float(face.frame[box.area])
        mask = np.ones(result.shape[:2], np.float32)
        if face.look.masked_hist_match:
            mask = face.place_mask(face.color_mask, box)
        match = measure(result, frame, mask)
        if not match.source.usable:
            return result
        return match_histograms(result, match, face.look.hist_match_threshold)

    def debug_images(self, face: FaceBlend, box: Box) -> dict[str, np.ndarray]:
        """Return those of `seamless`, and its result before histogram matching."""
        return {**super().debug_images(face, box), "seamless": super().foreground(face, box)}
