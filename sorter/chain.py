"""A walk through all faces: after each comes the nearest that is left.

Up to `EXACT_FACES` it is exactly that walk, from a matrix of all distances. Beyond, the nearest is
looked for among the faces of the nearest cells (an inverted file: Sivic and Zisserman 2003), and
decided by the exact distance among the most promising; memory and time stay nearly linear.
"""

from dataclasses import dataclass

import numpy as np

from sorter.metrics import Metric
from utils import console

EXACT_FACES = 20_000
"""4 bytes for each pair: 1.6 GB."""
ROWS = 1024
SAMPLE = 2_000
"""Faces on which the walk through cells is compared with the exact one."""

DIMENSIONS = 64
PROBES = 8  # cells that are looked into, at least
SHORTLIST = 48  # items that the exact distance decides between
ROUNDS = 6


@dataclass(frozen=True, eq=False)
class Chain:
    """The result: `order` (n,) int, `steps` (n,) float64 distances to the item before."""

    order: np.ndarray
    steps: np.ndarray
    exact: bool

    @property
    def mean_step(self) -> float:
        """Mean distance of neighbors."""
        return float(self.steps[1:].mean()) if len(self.steps) > 1 else 0.0


def chain(metric: Metric) -> Chain:
    """Walk from item 0 to the nearest item not yet visited, until none is left.

    Of equally near items the first is taken.
    """
    return exact_chain(metric) if len(metric) <= EXACT_FACES else cell_chain(metric)


def quality(metric: Metric) -> tuple[float, float]:
    """Return the mean steps of both walks, exact and through cells, on an even sample of items."""
    sample = np.unique(np.linspace(0, len(metric) - 1, SAMPLE).astype(int))
    few = metric.subset(sample)
    return exact_chain(few).mean_step, cell_chain(few).mean_step


def exact_chain(metric: Metric) -> Chain:
    """Walk by a matrix of all distances in float32, deciding close calls by the exact distance."""
    n = len(metric)
    matrix = np.empty((n, n), np.float32)
    for start in range(0, n, ROWS):  # the distance is symmetric: each pair once
        stop = min(start + ROWS, n)
        matrix[start:stop, start:] = metric.rows(start, stop)
        matrix[stop:, start:stop] = matrix[start:stop, stop:].T
    visited = np.zeros(n, np.float32)  # infinity where the walk has been
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
    """Walk by looking into the nearest cells only."""
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
    """Turn (n, d) float32 to about its `DIMENSIONS` principal axes, found on up to 20,000 items.

    By the subspace iteration of Halko, Martinsson and Tropp (2011), 4.5.
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
    """Points (n, d) float32 in about sqrt(n) cells; points are removed when they are visited."""

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
        """Take an item out: the cell's last one takes its place."""
        cell, place = self._cell[item], self._place[item]
        self._left[cell] -= 1
        last = self._left[cell]
        for column in (self._members, self._vectors, self._norms):
            column[cell][place] = column[cell][last]
        self._place[self._members[cell][place]] = place


def k_means(points: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide points (n, d) into at most `count` cells (Lloyd 1982), always in the same way.

    Returns
    -------
    cell : (n,) int
    centers : (k, d) float32
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
