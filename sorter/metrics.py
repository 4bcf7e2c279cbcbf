"""Distances between faces: in color, and in the shape of their landmarks."""

from typing import Protocol

import cv2
import numpy as np
from scipy.spatial.distance import cdist

from facelib import geometry
from facelib.faceset import FaceInfo
from facelib.types import FaceType

STRIP = 32  # rows that are processed at a time: they fit into the CPU's cache
FEW = 8  # items that are compared one by one, which is as fast


class Metric(Protocol):
    """Distances between n items, which are known by number.

    Attributes
    ----------
    tolerance : float
        By how much `rows` may differ from `exact`.
    """

    tolerance: float

    def __len__(self) -> int: ...

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Return distances (stop - start, n - start) float32 to all items from `start` on."""

    def exact(self, here: int, others: np.ndarray) -> np.ndarray:
        """Return distances (m,) float64 from one item to some: these decide the order."""

    def vectors(self) -> np.ndarray:
        """Return points whose nearest neighbors are likely to be those by `exact`."""

    def subset(self, indices: np.ndarray) -> "Metric":
        """Return the metric of some of the items."""


class Bhattacharyya:
    """The sum over the channels of the Bhattacharyya distances of two sets of histograms.

    As `cv2.compareHist` defines it: with p, q the square roots of histograms that sum to 1, it is
    sqrt(1 - p . q), so all distances of a channel are one matrix product.

    Parameters
    ----------
    histograms : (n, channels, bins) float32
        Counts of each item.
    """

    # Near 0 the square root turns an error of 3e-7 in a product into 5e-4, in each of three
    # channels, above or below.
    tolerance = 4e-3
    # The same for float64 and `compareHist`, which add up in different orders.
    _exact_tolerance = 3e-7

    def __init__(self, histograms: np.ndarray) -> None:
        self._histograms = histograms
        totals = np.maximum(histograms.sum(axis=2, keepdims=True), 1)
        roots = np.sqrt(histograms / totals)
        self._roots = np.ascontiguousarray(roots.transpose(1, 0, 2))  # (channels, n, bins)
        self._totals = histograms.sum(axis=2, dtype=np.float64)

    def __len__(self) -> int:
        return len(self._histograms)

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Return distances (stop - start, n - start) float32."""
        total = np.zeros((stop - start, len(self) - start), np.float32)
        for roots in self._roots:
            products = roots[start:stop] @ roots[start:].T
            for top in range(0, len(products), STRIP):
                strip = products[top : top + STRIP]
                np.subtract(1, strip, out=strip)
                np.maximum(strip, 0, out=strip)
                total[top : top + STRIP] += np.sqrt(strip, out=strip)
        return total

    def exact(self, here: int, others: np.ndarray) -> np.ndarray:
        """Return distances (m,) float64; the smallest equal `cv2.compareHist`'s bit by bit."""
        theirs = self._histograms[others]
        if len(others) <= FEW:
            return np.array([compare(self._histograms[here], other) for other in theirs])
        mine = self._histograms[here].astype(np.float64)
        totals = np.sqrt(self._totals[here] * self._totals[others])
        overlap = np.sqrt(mine * theirs).sum(axis=2) / np.where(totals > 0, totals, 1)
        distances = np.sqrt(np.maximum(1 - overlap, 0)).sum(axis=1)
        close = np.flatnonzero(distances <= distances.min() + self._exact_tolerance)
        for i in close:
            distances[i] = compare(self._histograms[here], theirs[i])
        return distances

    def vectors(self) -> np.ndarray:
        """Return the square roots of all channels, (n, channels * bins) float32."""
        return self._roots.transpose(1, 0, 2).reshape(len(self), -1)

    def subset(self, indices: np.ndarray) -> "Bhattacharyya":
        """Return the metric of some of the items."""
        return Bhattacharyya(self._histograms[indices])


def compare(a: np.ndarray, b: np.ndarray) -> float:
    """Add up the Bhattacharyya distances of two sets of histograms, (channels, bins) float32."""
    return sum(cv2.compareHist(x, y, cv2.HISTCMP_BHATTACHARYYA) for x, y in zip(a, b, strict=True))


class CityBlock:
    """The sum of the absolute differences of all coordinates; (n, d) float."""

    tolerance = 1e-4  # ten times the rounding of 136 float32 coordinates around 1

    def __init__(self, points: np.ndarray) -> None:
        self._points = np.asarray(points, np.float64)

    def __len__(self) -> int:
        return len(self._points)

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Return distances (stop - start, n - start) float32."""
        mine, theirs = self._points[start:stop], self._points[start:]
        return cdist(mine, theirs, "cityblock").astype(np.float32)

    def exact(self, here: int, others: np.ndarray) -> np.ndarray:
        """Return distances (m,) float64."""
        return np.abs(self._points[others] - self._points[here]).sum(axis=1)

    def vectors(self) -> np.ndarray:
        """Return the points, (n, d) float32."""
        return self._points.astype(np.float32)

    def subset(self, indices: np.ndarray) -> "CityBlock":
        """Return the metric of some of the items."""
        return CityBlock(self._points[indices])


def bhattacharyya_sums(histograms: np.ndarray, block: int = 1024) -> np.ndarray:
    """Return the sum of the Bhattacharyya distances of each item to all others, (n,) float64.

    Parameters
    ----------
    histograms : (n, bins) float32
        Counts of each item.
    block : int
        Distances are computed in squares of this side.
    """
    n = len(histograms)
    totals = np.maximum(histograms.sum(axis=1, keepdims=True, dtype=np.float64), 1)
    roots = np.sqrt(histograms / totals)  # float64, because small errors would change the order
    sums = np.zeros(n)
    for start in range(0, n, block):
        for left in range(start, n, block):  # each pair once: the distance is symmetric
            distances = roots[start : start + block] @ roots[left : left + block].T
            np.subtract(1, distances, out=distances)
            np.maximum(distances, 0, out=distances)
            np.sqrt(distances, out=distances)
            if left == start:
                np.fill_diagonal(distances, 0)  # an item and itself, up to rounding
            else:
                sums[left : left + block] += distances.sum(axis=0)
            sums[start : start + block] += distances.sum(axis=1)
    return sums


def city_block_sums(points: np.ndarray) -> np.ndarray:
    """Return the sum of the city-block distances of each item to all others, (n,) float64.

    In one coordinate the distances to the values below x add up to (their number) x - (their sum),
    and likewise above, so sorting replaces comparing all pairs.

    Parameters
    ----------
    points : (n, d) float
        Coordinates of each item.
    """
    n = len(points)
    sums = np.zeros(n)
    below = np.arange(n)
    for column in np.asarray(points, np.float64).T:
        order = np.argsort(column, kind="stable")
        values = column[order]
        before = np.concatenate([[0.0], np.cumsum(values)])
        total = before[-1]
        sums[order] += (
            below * values - before[:-1] + (total - before[1:]) - (n - 1 - below) * values
        )
    return sums


def shape_of(info: FaceInfo) -> np.ndarray:
    """Return the landmarks in the mean face's unit square, (136,) float64.

    So images of any size and face type can be compared; among images of one size and type the
    distances are proportional to those of the aligned landmarks.
    """
    shape = geometry.SHAPES.get(info.face_type)
    if shape is None or shape.points is not geometry.BELOW_JAW:  # not aligned, or not by all points
        matrix = geometry.crop_matrix(info.landmarks, 1, FaceType.HALF)
        return geometry.apply(matrix, info.landmarks).astype(np.float64).ravel()
    points = np.asarray(info.landmarks, np.float64) / info.size
    return ((points - shape.border) / (1 - 2 * shape.border)).ravel()
