"""`--uniform-pose`, `--uniform-expression`: rare directions and expressions are shown more often.

Most faces of a film look ahead with open eyes and a shut mouth. Shown as often as they are there,
the rest is learned last and least.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter

from facelib.expression import HALF_TURN, NAMES

DEGREES = 5.0  # of yaw and pitch, and ...
OPENING = 0.1  # of a person's range: faces nearer to each other than this are alike
LEAST, MOST = 1 / 3, 5.0  # weights; the mean is 1. A face shown more often would be memorized
CELLS = 2  # of the histogram, for each of these widths
ROUNDS = 4  # whose faces are kept
PURPOSE = 5  # of the random stream, beside the sampler's
GOLDEN = (5**0.5 - 1) / 2


def weights(numbers: np.ndarray, *, pose: bool, expression: bool) -> np.ndarray:
    """Return how often to show each face, (n,) float64 of mean 1, in `LEAST`..`MOST`.

    Parameters
    ----------
    numbers : (n, 10) float64
        Those of `facelib.expression`.
    pose, expression : bool
        Whether the directions, and the openings of eyes and mouth, are to be uniform.
    """
    column = dict(zip(NAMES, numbers.T, strict=True))
    rarity = np.ones(len(numbers))
    if pose:
        degrees = np.stack([column["yaw"], column["pitch"]], axis=1) * 2 * HALF_TURN
        rarity /= _density(degrees / DEGREES)
    if expression:
        eyes = (column["right lids"] + column["left lids"]) / 2
        rarity /= _density(np.stack([eyes, column["lips"]], axis=1) / OPENING)
    return _limited(rarity)


def _density(points: np.ndarray) -> np.ndarray:
    """Return the number of points within about 1 of each of (n, 2) points."""
    cells = np.floor((points - points.min(axis=0)) * CELLS).astype(int)
    counts = np.zeros(cells.max(axis=0) + 1)
    np.add.at(counts, tuple(cells.T), 1)
    return gaussian_filter(counts, CELLS, mode="constant")[tuple(cells.T)]


def _limited(values: np.ndarray) -> np.ndarray:
    """Return positive values times a number, clipped to `LEAST`..`MOST`, with a mean of 1."""
    low, high = LEAST / values.max(), MOST / values.min()
    for _ in range(60):
        factor = np.sqrt(low * high)
        if np.clip(values * factor, LEAST, MOST).mean() < 1:
            low = factor
        else:
            high = factor
    return np.clip(values * high, LEAST, MOST)


class WeightedRounds:
    """Chooses faces in rounds of as many samples as there are faces, each as often as it weighs.

    In a round a face comes `weight` times, rounded up or down; over the rounds it is rounded up as
    often as its fraction demands, at even distances.

    Parameters
    ----------
    weights : (n,) float64
        Of mean 1.
    seed : sequence of int
        The same numbers give the same choice.
    """

    def __init__(self, weights: np.ndarray, seed: Sequence[int]) -> None:
        self._ends = np.cumsum(weights)
        self._seed = tuple(seed)
        self._start = float(np.random.default_rng([*seed, PURPOSE]).random())
        self._round = lru_cache(ROUNDS)(self._faces)

    def __call__(self, first: int, count: int) -> list[int]:
        """Return the faces of samples first..first + count."""
        total = len(self._ends)
        rounds = range(first // total, (first + count - 1) // total + 1)
        faces = np.concatenate([self._round(number) for number in rounds])
        start = first % total
        return faces[start : start + count].tolist()

    def _faces(self, number: int) -> np.ndarray:
        """Return the faces of one round."""
        places = np.arange(len(self._ends)) + (self._start + number * GOLDEN) % 1
        faces = np.searchsorted(self._ends, places, side="right").clip(max=len(self._ends) - 1)
        return np.random.default_rng([*self._seed, PURPOSE, number]).permutation(faces)
