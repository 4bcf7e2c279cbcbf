"""Changing the colors of a large picture by what becomes of a few thousand colors."""

from collections.abc import Callable
from itertools import product

import numpy as np

SIDE = 24
"""Grid points along each channel."""


def stand_ins(face: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return colors to change in place of a picture's, and what makes the picture of them.

    A small picture's are its own. Those of a large one are a grid over the range of its colors,
    and the picture is interpolated between what they have become.

    Parameters
    ----------
    face : (H, W, 3) float32

    Returns
    -------
    colors : (3, n) float32
    paint : changed colors (3, n) -> the changed picture (H, W, 3) float32
    """
    pixels = face.reshape(-1, 3)
    if len(pixels) <= SIDE**3:
        return pixels.T, lambda changed: changed.T.reshape(face.shape)
    low = pixels.min(axis=0)
    step = np.maximum((pixels.max(axis=0) - low) / (SIDE - 1), np.float32(1e-6))
    nodes = low[:, None] + step[:, None] * np.indices((SIDE,) * 3, np.float32).reshape(3, -1)

    def paint(changed: np.ndarray) -> np.ndarray:
        return _interpolated(changed.T, (pixels - low) / step).reshape(face.shape)

    return nodes, paint


def _interpolated(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return a grid's (SIDE³, 3) values at (n, 3) places, in grid steps, trilinearly."""
    corner = np.clip(places, 0, SIDE - 1.001).astype(np.intp)
    part = (places - corner).astype(np.float32)
    strides = np.array([SIDE * SIDE, SIDE, 1])
    first = corner @ strides
    table = np.ascontiguousarray(values, np.float32)
    total = np.zeros(places.shape, np.float32)
    for ends in product((0, 1), repeat=3):
        share = np.prod([part[:, i] if end else 1 - part[:, i] for i, end in enumerate(ends)], 0)
        total += share[:, None] * np.take(table, first + strides @ ends, axis=0)
    return total
