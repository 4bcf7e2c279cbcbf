"""mkl: mean and covariance, by the linear map that changes colors least (Pitie, Kokaram 2007)."""

import numpy as np

from facelib.color_transfer.statistics import Colors, affine, matrix_power, moments


def transfer(face: np.ndarray, source: Colors, reference: Colors) -> np.ndarray:
    """Give `face` (H, W, 3) float32 0..1 the mean and covariance of `reference`.

    The map is S^-1/2 (S^1/2 R S^1/2)^1/2 S^-1/2 with the covariances S of the source and R of the
    reference: the solution of the Monge-Kantorovich transport problem for normal distributions.
    """
    (mean, covariance), (new_mean, new_covariance) = moments(source), moments(reference)
    root, inverse_root = matrix_power(covariance, 0.5), matrix_power(covariance, -0.5)
    matrix = inverse_root @ _root(root @ matrix_power(new_covariance, 1) @ root) @ inverse_root
    return affine(face, matrix, mean, new_mean)


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
