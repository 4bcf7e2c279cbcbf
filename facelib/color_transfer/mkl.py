"""mkl: mean and covariance, by the linear map that changes colors least (Pitie, Kokaram 2007)."""

import numpy as np

from facelib.color_transfer.statistics import Colors, affine, matrix_power, moments


def transfer(face: np.ndarray, source: Colors, reference: Colors) -> np.ndarray:
    """Give `face` (H, W, 3) float32 0..1 the mean and covariance of `reference`."""
    (mean, covariance), (new_mean, new_covariance) = moments(source), moments(reference)
    return affine(face, matrix(covariance, new_covariance), mean, new_mean)


def matrix(covariance: np.ndarray, new_covariance: np.ndarray) -> np.ndarray:
    """Return the matrix (3, 3) that turns one covariance (3, 3) into another.

    It is S^-1/2 (S^1/2 R S^1/2)^1/2 S^-1/2 with the covariances S of the source and R of the
    reference: the solution of the Monge-Kantorovich transport problem for normal distributions.
    """
    root, inverse_root = matrix_power(covariance, 0.5), matrix_power(covariance, -0.5)
    return inverse_root @ _root(root @ matrix_power(new_covariance, 1) @ root) @ inverse_root


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
