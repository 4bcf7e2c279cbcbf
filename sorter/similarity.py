"""Sort methods that chain similar faces: after each face comes the nearest one that is left."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from facelib.faceset import FaceInfo
from sorter.keys import Faces, measured
from utils.console import Report

MATRIX_FACES = 16_000
"""Up to so many faces all distances are held at once (4 bytes each, 1 GB)."""
BLOCK = 1024

# How far a float32 distance may be from the exact one: near 0 the square root turns an error of
# 3e-7 in the products into 5e-4, in each of three channels, above or below.
TOLERANCE = 4e-3


def hist(faces: Faces, report: Report) -> list[tuple[Path, float]]:
    """Chain by colour, from the first face on; the key is the distance to the face before.

    The distance is the sum of the Bhattacharyya distances of the blue, green and red histograms
    (256 bins, whole picture), and the order is the one a loop over `cv2.compareHist` finds.
    """

    def channels(image: np.ndarray, info: FaceInfo) -> np.ndarray:
        return np.stack([
            cv2.calcHist([image], [c], None, [256], [0, 256]).ravel() for c in range(3)
        ])

    measures = list(measured(faces, channels, report))
    if not measures:
        return []
    histograms = np.stack([histogram for _, histogram in measures])
    order, steps = chain(histograms, bhattacharyya)
    return [(measures[i][0], step) for i, step in zip(order, steps, strict=True)]


def bhattacharyya(a: np.ndarray, b: np.ndarray) -> float:
    """Add up the Bhattacharyya distances of two sets of histograms, (channels, bins) float32."""
    return sum(cv2.compareHist(x, y, cv2.HISTCMP_BHATTACHARYYA) for x, y in zip(a, b, strict=True))


def chain(
    histograms: np.ndarray, distance: Callable[[np.ndarray, np.ndarray], float]
) -> tuple[list[int], list[float]]:
    """Walk from item 0 to the nearest item not yet visited, until none is left.

    A float32 matrix product proposes the nearest items; `distance` decides between those that it
    cannot tell apart, so that the walk is the one `distance` alone would make. Of equally near
    items the first is taken.

    Parameters
    ----------
    histograms : (n, channels, bins) float32
    distance : the exact distance of two items

    Returns
    -------
    order : the indices in the order visited
    steps : the distance to the item before, 0 for the first
    """
    rows = _Rows(histograms)
    visited = np.zeros(len(histograms), np.float32)  # infinity where the walk has been
    order, steps = [0], [0.0]
    for _ in range(1, len(histograms)):
        here = order[-1]
        visited[here] = np.inf
        estimates = rows[here] + visited
        close = np.flatnonzero(estimates <= estimates.min() + TOLERANCE)
        exact = [distance(histograms[here], histograms[i]) for i in close]
        best = int(np.argmin(exact))
        order.append(int(close[best]))
        steps.append(exact[best])
    return order, steps


class _Rows:
    """Rows of the matrix of distances: all made at once while they fit in memory, else one by one.

    With p, q square roots of histograms that sum to 1, the Bhattacharyya distance is
    sqrt(1 - p . q): all distances of a channel are one matrix product.
    """

    def __init__(self, histograms: np.ndarray) -> None:
        total = np.maximum(histograms.sum(2, keepdims=True), 1)
        roots = np.sqrt(histograms / total)
        self._roots = np.ascontiguousarray(roots.transpose(1, 0, 2))  # (channels, n, bins)
        n = len(histograms)
        self._matrix: np.ndarray | None = None
        if n <= MATRIX_FACES:
            self._matrix = np.empty((n, n), np.float32)
            for start in range(0, n, BLOCK):
                self._matrix[start : start + BLOCK] = self._distances(slice(start, start + BLOCK))

    def __getitem__(self, index: int) -> np.ndarray:
        if self._matrix is not None:
            return self._matrix[index]
        return self._distances(slice(index, index + 1))[0]

    def _distances(self, items: slice) -> np.ndarray:
        total = np.zeros((1, self._roots.shape[1]), np.float32)
        for roots in self._roots:
            similarity = roots[items] @ roots.T
            np.subtract(1, similarity, out=similarity)
            np.maximum(similarity, 0, out=similarity)
            total = total + np.sqrt(similarity, out=similarity)
        return total
