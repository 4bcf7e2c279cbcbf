"""Distributions of colors: weighted samples, their mean and covariance.

Every color transfer is a function `transfer(face, source, reference)`: it gives `face`, whose
colors are distributed like `source`, the distribution of `reference`. All work on BGR in 0..1.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

SAMPLE_SIDE = 64  # pixels; anything finer is detail, not color
MIN_WEIGHT = 16.0  # samples; fewer do not describe a distribution
MIN_VARIANCE = 1e-5  # of colors in 0..1; less is not stretched


class Colors(NamedTuple):
    """A distribution of colors.

    Attributes
    ----------
    values : (n, 3) float32 in 0..1
        BGR samples.
    weights : (n,) float32
        Their weights.
    """

    values: np.ndarray
    weights: np.ndarray

    @property
    def usable(self) -> bool:
        """Whether there are enough samples."""
        return float(self.weights.sum()) >= MIN_WEIGHT


class Match(NamedTuple):
    """The colors of a predicted face (source) and of the dst face in the same area (reference)."""

    source: Colors
    reference: Colors


def measure(face: np.ndarray, dst: np.ndarray, mask: np.ndarray) -> Match:
    """Sample the colors of both faces inside a mask.

    Parameters
    ----------
    face, dst : (H, W, 3) float32 in 0..1
        The predicted face and the original one.
    mask : (h, w) float32 in 0..1
        Mask of the same area; the weight of the samples.
    """
    side = min(SAMPLE_SIDE, *face.shape[:2])
    weights = downscale(mask, side).ravel()
    inside = weights > 0
    source, reference = (downscale(image, side).reshape(-1, 3)[inside] for image in (face, dst))
    return Match(Colors(source, weights[inside]), Colors(reference, weights[inside]))


def downscale(image: np.ndarray, side: int) -> np.ndarray:
    """Return an image at (side, side) pixels, each the mean over its area."""
    if image.shape[:2] == (side, side):
        return image
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def moments(colors: Colors) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted mean (3,) and covariance (3, 3), float64."""
    weights = colors.weights / colors.weights.sum(dtype=np.float64)
    mean = weights @ colors.values
    centered = colors.values - mean
    return mean, (centered * weights[:, None]).T @ centered


def matrix_power(covariance: np.ndarray, exponent: float) -> np.ndarray:
    """Return a covariance matrix (3, 3) to a power, with variances of at least `MIN_VARIANCE`.

    Without that limit an image of a single color would be stretched without bound.
    """
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.maximum(values, MIN_VARIANCE) ** exponent) @ vectors.T


def affine(
    face: np.ndarray, matrix: np.ndarray, mean: np.ndarray, new_mean: np.ndarray
) -> np.ndarray:
    """Return `matrix` (color - mean) + new_mean of each pixel, clipped to 0..1; float32."""
    flat = face.reshape(-1, 3)
    changed = (flat - mean.astype(np.float32)) @ matrix.T.astype(np.float32) + new_mean
    return np.clip(changed, 0, 1).astype(np.float32).reshape(face.shape)
