"""idt: the whole distribution, axis by axis in turned spaces (Pitie, Kokaram and Dahyot 2007)."""

import numpy as np

from converters.color.lines import LineMap
from converters.color.statistics import Colors

ROUNDS = 12


def transfer(face: np.ndarray, seen: Colors, wanted: Colors) -> np.ndarray:
    """Give `face` (H, W, 3) float32 0..1 the distribution of `wanted`.

    A distribution all of whose one-dimensional views agree with another's is that other. Each round
    makes three views at right angles agree, and the next one looks from elsewhere.
    """
    samples, pixels = seen.values, face.reshape(-1, 3)
    for axes in turns(ROUNDS):
        along, aim, here = samples @ axes.T, wanted.values @ axes.T, pixels @ axes.T
        moved, shown = np.empty_like(along), np.empty_like(here)
        for axis in range(3):
            line = LineMap(along[:, axis], seen.weights, aim[:, axis], wanted.weights)
            moved[:, axis] = line.moves(along[:, axis])
            shown[:, axis] = line.moves(here[:, axis])
        samples, pixels = samples + moved @ axes, pixels + shown @ axes
    return np.clip(pixels, 0, 1).reshape(face.shape)


def turns(count: int) -> np.ndarray:
    """Return `count` rotations, (count, 3, 3) float32, the first of them none; always the same."""
    normal = np.random.default_rng(0).normal(size=(count, 3, 3))
    axes = np.linalg.qr(normal).Q
    axes[0] = np.eye(3)
    return axes.astype(np.float32)
