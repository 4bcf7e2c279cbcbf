"""Mode seamless: the face keeps its detail but takes its colours from the frame around it.

The gradients of the predicted face are kept inside the mask and those of the frame outside, and the
picture that has them is found by solving Poisson's equation (Perez, Gangnet and Blake 2003). What
that changes is smooth, so it is solved on a crop of fixed size and only the change is enlarged: the
face's own detail, and where it lies, are not touched by the solver.
"""

import cv2
import numpy as np
from scipy import fft

from converters.blend import Blend, Work
from converters.mask import MASK_SIDE, erode, erode_size
from converters.region import Box

SOLVE_SIDE = MASK_SIDE + 1
"""Side of the solved square: sine transforms of 256 - 1 points are the fast ones."""


class Seamless(Blend):
    """Poisson blending of the face into the frame; the mask then blends the result."""

    def picture(self, work: Work, box: Box) -> np.ndarray:
        """Return the face, softly composed with the frame, plus the change that hides its edge."""
        region = work.frame[box.area].astype(np.float32) / np.float32(255)
        soft = work.show_mask(work.soft, box)[..., None]
        composed = region + (work.crop.place(work.face, box) - region) * soft
        return np.clip(composed + place_change(work, box), 0, 1)


def place_change(work: Work, box: Box) -> np.ndarray:
    """Return what Poisson blending adds to the composed picture in a box: float32, around 0."""
    around = work.crop.cut(work.frame, SOLVE_SIDE).astype(np.float32) / np.float32(255)
    face, soft, core = (_fit(image) for image in (work.face, work.bare, _core(work)))
    composed = around + (face - around) * soft[..., None]
    change = poisson_clone(composed, around, core > 0.5) - composed
    # `place` is for pictures, 0..1
    return work.crop.place(change / 2 + 0.5, box) * 2 - 1


def _core(work: Work) -> np.ndarray:
    """Return the area whose inside keeps the face's gradients: where the mask is surely 1."""
    size = erode_size(work.length, work.look.seamless_erode_modifier)
    return erode((work.bare > 0.9).astype(np.float32), work.in_mask(size))


def _fit(image: np.ndarray) -> np.ndarray:
    method = cv2.INTER_AREA if image.shape[0] > SOLVE_SIDE else cv2.INTER_LINEAR
    return cv2.resize(image, (SOLVE_SIDE, SOLVE_SIDE), interpolation=method)


def poisson_clone(source: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Put the masked part of `source` into `target` so that no edge shows.

    Finds the picture that equals `target` on its border and whose gradients are, in the sense of
    least squares, those of `source` where both pixels are in the mask and of `target` elsewhere.

    Parameters
    ----------
    source, target : (H, W, C) float32
    mask : (H, W) bool

    Returns
    -------
    cloned : (H, W, C) float32
    """
    # The unknown is the difference to the target, which is 0 on the border.
    extra = source - target
    inside = mask[..., None]
    across = np.diff(extra, axis=1) * (inside[:, 1:] & inside[:, :-1])
    down = np.diff(extra, axis=0) * (inside[1:] & inside[:-1])
    divergence = np.diff(across, axis=1)[1:-1] + np.diff(down, axis=0)[:, 1:-1]
    # The sine transform diagonalises the five-point Laplacian with a border of 0.
    spectrum = fft.dstn(divergence, type=1, axes=(0, 1))
    spectrum /= np.add.outer(*(_eigenvalues(n) for n in divergence.shape[:2]))[..., None]
    cloned = target.copy()
    cloned[1:-1, 1:-1] += fft.idstn(spectrum, type=1, axes=(0, 1))
    return cloned


def _eigenvalues(count: int) -> np.ndarray:
    """Eigenvalues of the second difference on `count` points between two zeros."""
    return (2 * np.cos(np.pi * np.arange(1, count + 1) / (count + 1)) - 2).astype(np.float32)
