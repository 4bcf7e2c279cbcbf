"""Similarity of face images and masks: pure functions shared by training and evaluation.

NaN means that a metric is undefined.
"""

from collections.abc import Callable

import cv2
import numpy as np
from skimage.metrics import structural_similarity


def masked_ssim(first: np.ndarray, second: np.ndarray, mask: np.ndarray) -> float:
    """Return the mean SSIM (Wang 2004: Gaussian of 1.5 pixels) of two images inside a mask.

    The outside is set to black in both first, so that it does not matter at the edge either.

    Parameters
    ----------
    first, second : (H, W, 3) float32, 0..1
        The images.
    mask : (H, W)
        1 inside.
    """
    inside = mask[..., None] > 0
    _, ssim = structural_similarity(
        first * inside,
        second * inside,
        data_range=1.0,
        channel_axis=2,
        full=True,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return float(ssim[mask > 0].mean()) if inside.any() else np.nan


def medoid(vectors: np.ndarray, distance: Callable[[np.ndarray, np.ndarray], float]) -> np.ndarray:
    """Return the row with the smallest sum of distances to the others: a typical one."""
    sums = [sum(distance(row, other) for other in vectors) for row in vectors]
    return np.asarray(vectors[int(np.argmin(sums))])


def spread_out(count: int, most: int) -> np.ndarray:
    """Return at most `most` indices below `count`, evenly spread from the first to the last."""
    return np.unique(np.linspace(0, max(count - 1, 0), min(count, most)).round().astype(int))


def mask_overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Return the intersection over union of two masks; NaN for two empty ones.

    Parameters
    ----------
    first, second : arrays of equal shape, 0..1
        A pixel belongs to a mask from 0.5 on.
    """
    one, other = first >= 0.5, second >= 0.5
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else np.nan


def boundary_score(first: np.ndarray, second: np.ndarray, tolerance: float = 2.0) -> float:
    """Return how well the edges of two masks agree, 0..1; NaN for two without edges.

    The harmonic mean of precision and recall, which are the shares of one mask's edge pixels within
    `tolerance` pixels of the other's edge (Csurka et al. 2013, "What is a good evaluation measure
    for semantic segmentation?"; Perazzi et al. 2016). The image's border is no edge.

    Parameters
    ----------
    first, second : (H, W), 0..1
        A pixel belongs to a mask from 0.5 on.
    tolerance : float
        Pixels.
    """
    edges = _edge(first >= 0.5), _edge(second >= 0.5)
    counts = [np.count_nonzero(edge) for edge in edges]
    if not all(counts):
        return 0.0 if any(counts) else np.nan
    away = [cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, 5) for edge in edges]
    near = [
        np.count_nonzero(away[1 - number][edge] <= tolerance) / count
        for number, (edge, count) in enumerate(zip(edges, counts, strict=True))
    ]
    return 2 * near[0] * near[1] / sum(near) if sum(near) else 0.0


def _edge(mask: np.ndarray) -> np.ndarray:
    """Return the pixels of a mask (H, W) bool that have a neighbor outside of it, (H, W) bool."""
    padded = np.pad(mask, 1, mode="edge")
    whole = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(mask & ~whole)
