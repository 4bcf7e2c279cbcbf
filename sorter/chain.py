"""A greedy chain through all faces: each is followed by the nearest one that is left.

Up to `EXACT_FACES` the chain is exact, from a matrix of all distances. Beyond that, candidates come
from the nearest cells (an inverted file: Sivic and Zisserman 2003), and the exact distance decides
among the most promising; memory and time stay nearly linear.
"""

from dataclasses import dataclass

import numpy as np

from sorter.metrics import Metric
from utils import console

EXACT_FACES = 20_000
"""4 bytes per pair: 1.6 GB."""
ROWS = 1024
SAMPLE = 2_000
"""Faces on which the chain through cells is compared with the exact one."""

DIMENSIONS = 64
PROBES = 8  # cells that are searched, at least
SHORTLIST = 48  # candidates that the exact distance decides between
ROUNDS = 6


@dataclass(frozen=True, eq=False)
class Chain:
    """An order of items.

    Attributes
    ----------
    order : (n,) int
        The items, each once.
    steps : (n,) float64
        Distance of each to the item before it.
    exact : bool
        Whether each item is followed by the nearest one that was left.
    """

    order: np.ndarray
    steps: np.ndarray
    exact: bool

    @property
    def mean_step(self) -> float:
        """Mean distance of neighbors."""
        return float(self.steps[1:].mean()) if len(self.steps) > 1 else 0.0


def chain(metric: Metric) -> Chain:
    """Chain items from item 0 on, each followed by the nearest one that is left.

    Of equally near items the first is taken.
    """
    return exact_chain(metric) if len(metric) <= EXACT_FACES else cell_chain(metric)


def quality(metric: Metric) -> tuple[float, float]:
    """Return the mean steps of both chains, exact and through cells, on an even sample."""
    sample = np.unique(np.linspace(0, len(metric) - 1, SAMPLE).astype(int))
    few = metric.subset(sample)
    return exact_chain(few).mean_step, cell_chain(few).mean_step


def exact_chain(metric: Metric) -> Chain:
    """Chain by a matrix of all distances in float32; the exact distance decides close calls."""
    n = len(metric)
    matrix = np.empty((n, n), np.float32)
    for start in range(0, n, ROWS):  # the distance is symmetric: each pair once
        stop = min(start + ROWS, n)
        matrix[start:stop, start:] = metric.rows(start, stop)
        matrix[stop:, start:stop] = matrix[start:stop, stop:].T
    visited = np.zeros(n, np.float32)  # infinity for items in the chain
    order, steps = np.zeros(n, int), np.zeros(n)
    estimates = np.empty(n, np.float32)
    for number in range(1, n):
        here = order[number - 1]
        visited[here] = np.inf
        np.add(matrix[here], visited, out=estimates)
        close = np.flatnonzero(estimates <= estimates.min() + metric.tolerance)
        distances = metric.exact(here, close)
        best = int(np.argmin(distances))
        order[number], steps[number] = close[best], distances[best]
    return Chain(order, steps, exact=True)


def cell_chain(metric: Metric) -> Chain:
    """Chain by searching the nearest cells only."""
    n = len(metric)
    cells = Cells(reduced(metric.vectors()))
    order, steps = np.zeros(n, int), np.zeros(n)
    cells.remove(0)
    for number in console.progress(range(1, n), n - 1, "Ordering", "face"):
        here = order[number - 1]
        found = cells.nearest(here)
        distances = metric.exact(here, found)
        best = int(np.argmin(distances))
        order[number], steps[number] = found[best], distances[best]
        cells.remove(found[best])
    return Chain(order, steps, exact=False)


def reduced(vectors: np.ndarray) -> np.ndarray:
    """Project (n, d) float32 onto about its `DIMENSIONS` principal axes, from up to 20,000 items.

    Uses the subspace iteration of Halko, Martinsson and Tropp (2011), 4.5.
    """
    if vectors.shape[1] <= DIMENSIONS:
        return vectors - vectors.mean(axis=0)
    sample = vectors[:: -(-len(vectors) // 20_000)]
    mean = sample.mean(axis=0)
    spread = np.cov(sample - mean, rowvar=False)
    axes = np.random.default_rng(0).normal(size=(len(mean), DIMENSIONS))
    for _ in range(ROUNDS):
        axes, _ = np.linalg.qr(spread @ axes)
    return (vectors - mean) @ axes.astype(np.float32)


class Cells:
    """Points (n, d) float32 in about sqrt(n) cells; points are removed as they are chained."""

    def __init__(self, points: np.ndarray) -> None:
        self._points = points
        self._cell, centers = k_means(points, max(1, round(len(points) ** 0.5)))
        self._near = np.argsort(squared_distances(centers, centers), axis=1, kind="stable")
        members = np.argsort(self._cell, kind="stable")
        counts = np.bincount(self._cell, minlength=len(centers))
        self._members = np.split(members, np.cumsum(counts)[:-1])
        self._vectors = [points[own] for own in self._members]
        self._norms = [(own**2).sum(axis=1) for own in self._vectors]
        self._left = counts.tolist()
        self._place = np.empty(len(points), int)
        for own in self._members:
            self._place[own] = np.arange(len(own))

    def nearest(self, here: int) -> np.ndarray:
        """Return up to `SHORTLIST` of the remaining items near item `here`, ascending."""
        point = self._points[here]
        items, distances = [], []
        seen = probes = 0
        for cell in self._near[self._cell[here]]:
            left = self._left[cell]
            if not left:
                continue
            items.append(self._members[cell][:left])
            distances.append(self._norms[cell][:left] - 2 * (self._vectors[cell][:left] @ point))
            seen, probes = seen + left, probes + 1
            if probes >= PROBES and seen >= SHORTLIST:
                break
        found = np.concatenate(items)
        if len(found) > SHORTLIST:
            found = found[np.argpartition(np.concatenate(distances), SHORTLIST)[:SHORTLIST]]
        return np.sort(found)

    def remove(self, item: int) -> None:
        """Remove an item: the cell's last one takes its place."""
        cell, place = self._cell[item], self._place[item]
        self._left[cell] -= 1
        last = self._left[cell]
        for column in (self._members, self._vectors, self._norms):
            column[cell][place] = column[cell][last]
        self._place[self._members[cell][place]] = place


def k_means(points: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide points (n, d) into at most `count` cells (Lloyd 1982), deterministically.

    Returns
    -------
    cell : (n,) int
        The cell of each point.
    centers : (k, d) float32
        The mean of each cell.
    """
    centers = points[np.linspace(0, len(points) - 1, count).astype(int)]
    for _ in range(ROUNDS):
        cell = nearest_center(points, centers)
        filled, cell = np.unique(cell, return_inverse=True)
        order = np.argsort(cell, kind="stable")
        starts = np.searchsorted(cell[order], np.arange(len(filled)))
        sums = np.add.reduceat(points[order], starts, axis=0)
        centers = sums / np.bincount(cell)[:, None].astype(np.float32)
    return nearest_center(points, centers), centers


def nearest_center(points: np.ndarray, centers: np.ndarray, block: int = 8192) -> np.ndarray:
    """Return the number of the nearest center of each point, (n,) int."""
    return np.concatenate([
        squared_distances(points[start : start + block], centers).argmin(axis=1)
        for start in range(0, len(points), block)
    ])


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return squared Euclidean distances (len(a), len(b)), up to rounding."""
    return (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * (a @ b.T)
