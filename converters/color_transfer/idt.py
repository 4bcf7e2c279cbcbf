"""idt: the whole distribution, axis by axis in turned spaces (Pitie, Kokaram and Dahyot 2007)."""

import numpy as np

from converters.color_transfer.statistics import Colors
from converters.color_transfer.subsample import stand_ins
from converters.color_transfer.transport_1d import LineMaps

ROUNDS = 12


def transfer(face: np.ndarray, seen: Colors, wanted: Colors) -> np.ndarray:
    """Give `face` (H, W, 3) float32 0..1 the distribution of `wanted`.

    A distribution all of whose one-dimensional views agree with another's is that other. Each round
    makes three views at right angles agree, and the next one looks from elsewhere.
    """
    samples, aim = seen.values.T, wanted.values.T
    colors, paint = stand_ins(face)
    for axes in turns(ROUNDS):
        along = axes @ samples
        maps = LineMaps(along, seen.weights, axes @ aim, wanted.weights)
        samples = samples + axes.T @ maps.moves(along)
        colors = colors + axes.T @ maps.moves(axes @ colors)
    return np.clip(paint(colors), 0, 1)


def turns(count: int) -> np.ndarray:
    """Return `count` rotations, (count, 3, 3) float32, the first of them none; always the same."""
    normal = np.random.default_rng(0).normal(size=(count, 3, 3))
    axes = np.linalg.qr(normal).Q
    axes[0] = np.eye(3)
    return axes.astype(np.float32)
