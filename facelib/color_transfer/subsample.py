"""Color transfer of a large image by way of a few thousand colors and interpolation."""

from collections.abc import Callable
from itertools import product

import numpy as np

SIDE = 24
"""Grid points along each channel."""


def sample_colors(face: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return colors to transform in place of an image's, and a function that applies the result.

    For a small image these are its own colors. For a large one they are a grid over the range of
    its colors, and the result is interpolated on the grid, as with a 3-D lookup table.

    Parameters
    ----------
    face : (H, W, 3) float32
        The image.

    Returns
    -------
    colors : (3, n) float32
        The colors to transform.
    apply_colors : callable
        Turns transformed colors (3, n) into the transformed image (H, W, 3) float32.
    """
    pixels = face.reshape(-1, 3)
    if len(pixels) <= SIDE**3:
        return pixels.T, lambda transformed: transformed.T.reshape(face.shape)
    low = pixels.min(axis=0)
    step = np.maximum((pixels.max(axis=0) - low) / (SIDE - 1), np.float32(1e-6))
    nodes = low[:, None] + step[:, None] * np.indices((SIDE,) * 3, np.float32).reshape(3, -1)

    def apply_colors(transformed: np.ndarray) -> np.ndarray:
        return _interpolate(transformed.T, (pixels - low) / step).reshape(face.shape)

    return nodes, apply_colors


def _interpolate(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Interpolate a grid's (SIDE³, 3) values at (n, 3) positions, in grid steps, trilinearly."""
    corner = np.clip(positions, 0, SIDE - 1.001).astype(np.intp)
    fraction = (positions - corner).astype(np.float32)
    strides = np.array([SIDE * SIDE, SIDE, 1])
    first = corner @ strides
    table = np.ascontiguousarray(values, np.float32)
    result = np.zeros(positions.shape, np.float32)
    for offset in product((0, 1), repeat=3):
        weights = np.prod(
            [fraction[:, i] if upper else 1 - fraction[:, i] for i, upper in enumerate(offset)], 0
        )
        result += weights[:, None] * np.take(table, first + strides @ offset, axis=0)
    return result
