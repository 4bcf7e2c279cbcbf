"""lct: mean and covariance, by whitening and coloring (Xiao and Ma 2006; Hertzmann 2001)."""

import numpy as np

from facelib.color_transfer.statistics import Colors, affine, matrix_power, moments


def transfer(face: np.ndarray, source: Colors, reference: Colors) -> np.ndarray:
    """Give `face` (H, W, 3) float32 0..1 the mean and covariance of `reference`."""
    (mean, covariance), (new_mean, new_covariance) = moments(source), moments(reference)
    whitening, coloring = matrix_power(covariance, -0.5), matrix_power(new_covariance, 0.5)
    return affine(face, coloring @ whitening, mean, new_mean)
