"""mkl: mean and covariance by the linear map that moves colors least (Pitie and Kokaram 2007)."""

import numpy as np

from converters.color_transfer.statistics import Colors, affine, moments, power


def transfer(face: np.ndarray, seen: Colors, wanted: Colors) -> np.ndarray:
    """Give `face` (H, W, 3) float32 0..1 the mean and covariance of `wanted`.

    The map is S^-1/2 (S^1/2 W S^1/2)^1/2 S^-1/2, S and W the covariances: the solution of Monge's
    and Kantorovich's transport problem for normal distributions.
    """
    (mean, covariance), (new_mean, new_covariance) = moments(seen), moments(wanted)
    root, back = power(covariance, 0.5), power(covariance, -0.5)
    matrix = back @ _root(root @ power(new_covariance, 1) @ root) @ back
    return affine(face, matrix, mean, new_mean)


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
