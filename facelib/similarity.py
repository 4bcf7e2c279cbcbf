"""Similarity of face images and masks: pure functions shared by training and evaluation.

NaN means that a metric is undefined.
"""

from collections.abc import Callable

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
