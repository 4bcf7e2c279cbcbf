"""What is known of colors: samples with weights.

Every color transfer is a function `transfer(face, seen, wanted)`: it gives `face`, whose colors
are distributed like `seen`, the colors of `wanted`. All work on BGR in 0..1.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

SAMPLE_SIDE = 64  # pixels; what is finer than that is detail, not color
LEAST_WEIGHT = 16.0  # samples; fewer say nothing about a distribution
LEAST_VARIANCE = 1e-5  # of colors in 0..1: below it there is nothing to stretch


class Colors(NamedTuple):
    """A distribution of colors: (n, 3) float32 BGR values in 0..1 and their (n,) weights."""

    values: np.ndarray
    weights: np.ndarray

    @property
    def usable(self) -> bool:
        """Whether there is enough to go by."""
        return float(self.weights.sum()) >= LEAST_WEIGHT


class Match(NamedTuple):
    """The colors of a predicted face and those of the dst face at the same place."""

    seen: Colors
    wanted: Colors


def measure(face: np.ndarray, dst: np.ndarray, mask: np.ndarray) -> Match:
    """Measure both faces where the mask says.

    Parameters
    ----------
    face, dst : (H, W, 3) float32 in 0..1
    mask : (h, w) float32 in 0..1, of the same area; it is the samples' weight
    """
    side = min(SAMPLE_SIDE, *face.shape[:2])
    weights = shrink(mask, side).ravel()
    counts = weights > 0
    seen, wanted = (shrink(image, side).reshape(-1, 3)[counts] for image in (face, dst))
    return Match(Colors(seen, weights[counts]), Colors(wanted, weights[counts]))


def shrink(image: np.ndarray, side: int) -> np.ndarray:
    """Return a picture at (side, side) pixels, each the mean over its area."""
    if image.shape[:2] == (side, side):
        return image
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def moments(colors: Colors) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted mean (3,) and covariance (3, 3), float64."""
    share = colors.weights / colors.weights.sum(dtype=np.float64)
    mean = share @ colors.values
    apart = colors.values - mean
    return mean, (apart * share[:, None]).T @ apart


def power(covariance: np.ndarray, exponent: float) -> np.ndarray:
    """Return a symmetric positive matrix (3, 3) to a power; no variance counts as less than some.

    Without that a picture of one color would be stretched without limit.
    """
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.maximum(values, LEAST_VARIANCE) ** exponent) @ vectors.T


def affine(
    face: np.ndarray, matrix: np.ndarray, before: np.ndarray, after: np.ndarray
) -> np.ndarray:
    """Return `matrix` (face - before) + after within 0..1, float32, for each pixel's color."""
    flat = face.reshape(-1, 3)
    changed = (flat - before.astype(np.float32)) @ matrix.T.astype(np.float32) + after
    return np.clip(changed, 0, 1).astype(np.float32).reshape(face.shape)
