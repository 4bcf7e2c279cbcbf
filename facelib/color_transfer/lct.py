"""lct: mean and covariance, by whitening and coloring (Xiao and Ma 2006; Hertzmann 2001)."""

import numpy as np

from facelib.color_transfer.statistics import Colors, affine, matrix_power, moments


def transfer(face: np.ndarray, source: Colors, reference: Colors) -> np.ndarray:
    """Give `face` (H, W, 3) float32 0..1 the mean and covariance of `reference`."""
    (mean, covariance), (new_mean, new_covariance) = moments(source), moments(reference)
    return affine(face, matrix(covariance, new_covariance), mean, new_mean)


def matrix(covariance: np.ndarray, new_covariance: np.ndarray) -> np.ndarray:
    """Return the matrix (3, 3) that turns one covariance (3, 3) into another."""
    return matrix_power(new_covariance, 0.5) @ matrix_power(covariance, -0.5)
