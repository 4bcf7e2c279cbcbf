"""lct: mean and covariance, first whitening, then coloring (Xiao and Ma 2006; Hertzmann 2001)."""

import numpy as np

from converters.color_transfer.statistics import Colors, affine, moments, power


def transfer(face: np.ndarray, seen: Colors, wanted: Colors) -> np.ndarray:
    """Give `face` (H, W, 3) float32 0..1 the mean and covariance of `wanted`."""
    (mean, covariance), (new_mean, new_covariance) = moments(seen), moments(wanted)
    return affine(face, power(new_covariance, 0.5) @ power(covariance, -0.5), mean, new_mean)
