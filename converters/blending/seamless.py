"""Mode seamless: the face keeps its detail but takes its colors from the frame around it.

The gradients of the predicted face are kept inside the mask and those of the frame outside, and the
picture that has them is found by solving Poisson's equation (Perez, Gangnet and Blake 2003). What
that changes is smooth, so it is solved on a crop of fixed size and only the change is enlarged: the
face's own detail, and where it lies, are not touched by the solver.
"""

import cv2
import numpy as np
from scipy import fft

from converters.blending.blender import Blend, FaceBlend
from converters.blending.crop import Box
from converters.blending.hist_match import match_histograms
from converters.blending.mask import MASK_SIDE, erode, erode_size
from converters.blending.mask_history import average
from converters.color_transfer.statistics import measure

SURE = np.float32(0.9)
SOLVE_SIDE = MASK_SIDE + 1
"""Side of the solved square: sine transforms of 256 - 1 points are the fast ones."""


class Seamless(Blend):
    """Poisson blending of the face into the frame; the mask then blends the result."""

    def picture(self, work: FaceBlend, box: Box) -> np.ndarray:
        """Return the face, softly composed with the frame, plus the change that hides its edge."""
        return np.clip(compose(work, box) + place_change(work, box), 0, 1)

    def steps(self, work: FaceBlend, box: Box) -> dict[str, np.ndarray]:
        """Return where gradients are kept, the face as composed, what is added (0.5: nothing)."""
        return {
            "seamless_core": find_core(work),
            "composed": compose(work, box),
            "change": place_change(work, box) / 2 + 0.5,
        }


def compose(work: FaceBlend, box: Box) -> np.ndarray:
    """Return a box of the frame with the face laid softly over it: (h, w, 3) float32 0..1."""
    region = work.frame[box.area].astype(np.float32) / np.float32(255)
    soft = work.show_mask(work.soft, box)[..., None]
    return region + (work.crop.place(work.face, box) - region) * soft


def place_change(work: FaceBlend, box: Box) -> np.ndarray:
    """Return what Poisson blending adds to the composed picture in a box: float32, around 0."""
    around = work.crop.cut(work.frame, SOLVE_SIDE).astype(np.float32) / np.float32(255)
    face, soft = _fit(work.face), _fit(work.visible_masks[-1])
    core = _resize(find_core(work), cv2.INTER_NEAREST_EXACT)
    sure = np.maximum(soft, SURE)  # the core may reach beyond this frame's mask, but has no edge
    source, composed = (around + (face - around) * mask[..., None] for mask in (sure, soft))
    change = poisson_clone(source, around, core) - composed
    # `place` is for pictures, 0..1
    return work.crop.place(change / 2 + 0.5, box) * 2 - 1


def find_core(work: FaceBlend) -> np.ndarray:
    """Return how much of the face's gradients is kept where, (MASK_SIDE, MASK_SIDE) float32 0..1.

    For one mask that is 1 where it surely shows the face. The cloned picture depends on it linearly
    (but for the edges of masks that cross): the average of several frames' masks gives about the
    average of the pictures that each of them would give of this frame. So the colors do not jump
    with a mask's edge, and still follow the light at once.
    """
    size = erode_size(work.length, work.look.seamless_erode_modifier)
    return erode(average([mask > SURE for mask in work.visible_masks]), work.in_mask(size))


def _fit(image: np.ndarray) -> np.ndarray:
    method = cv2.INTER_AREA if image.shape[0] > SOLVE_SIDE else cv2.INTER_LINEAR
    return _resize(image, method)


def _resize(image: np.ndarray, method: int) -> np.ndarray:
    return cv2.resize(image, (SOLVE_SIDE, SOLVE_SIDE), interpolation=method)


def poisson_clone(source: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Put the masked part of `source` into `target` so that no edge shows.

    Finds the picture that equals `target` on its border and whose gradients are, in the sense of
    least squares, those of `source` where both pixels are in the mask and of `target` elsewhere;
    between, where they are partly in it.

    Parameters
    ----------
    source, target : (H, W, C) float32
    mask : (H, W) float32 in 0..1: how much of the gradients of `source` is taken

    Returns
    -------
    cloned : (H, W, C) float32
    """
    # The unknown is the difference to the target, which is 0 on the border.
    extra = source - target
    inside = mask[..., None]
    across = np.diff(extra, axis=1) * np.minimum(inside[:, 1:], inside[:, :-1])
    down = np.diff(extra, axis=0) * np.minimum(inside[1:], inside[:-1])
    divergence = np.diff(across, axis=1)[1:-1] + np.diff(down, axis=0)[:, 1:-1]
    # The sine transform diagonalizes the five-point Laplacian with a border of 0.
    spectrum = fft.dstn(divergence, type=1, axes=(0, 1))
    spectrum /= np.add.outer(*(_eigenvalues(n) for n in divergence.shape[:2]))[..., None]
    cloned = target.copy()
    cloned[1:-1, 1:-1] += fft.idstn(spectrum, type=1, axes=(0, 1))
    return cloned


def _eigenvalues(count: int) -> np.ndarray:
    """Eigenvalues of the second difference on `count` points between two zeros."""
    return (2 * np.cos(np.pi * np.arange(1, count + 1) / (count + 1)) - 2).astype(np.float32)


class SeamlessHistMatch(Seamless):
    """Matches the histograms of the seamless picture and of the frame in the same place."""

    def picture(self, work: FaceBlend, box: Box) -> np.ndarray:
        """Return the seamless picture in the frame's colors, by what lies inside the mask."""
        picture = super().picture(work, box)
        frame = work.frame[box.area].astype(np.float32) / np.float32(255)
        mask = np.ones(picture.shape[:2], np.float32)
        if work.look.masked_hist_match:
            mask = work.show_mask(work.counted, box)
        match = measure(picture, frame, mask)
        if not match.seen.usable:
            return picture
        return match_histograms(picture, match, work.look.hist_match_threshold)

    def steps(self, work: FaceBlend, box: Box) -> dict[str, np.ndarray]:
        """Return those of `seamless`, and its picture before the histograms are matched."""
        return {**super().steps(work, box), "seamless": super().picture(work, box)}
