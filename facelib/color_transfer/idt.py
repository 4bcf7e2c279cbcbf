"""idt: the whole distribution, by iterative distribution transfer (Pitie and others 2007)."""

import numpy as np

from facelib.color_transfer.statistics import Colors
from facelib.color_transfer.subsample import sample_colors
from facelib.color_transfer.transport_1d import LineMaps

ITERATIONS = 12


def transfer(face: np.ndarray, source: Colors, reference: Colors) -> np.ndarray:
    """Give `face` (H, W, 3) float32 0..1 the distribution of `reference`.

    Two distributions are equal if all their one-dimensional projections are. Each iteration matches
    the projections on three orthogonal axes, and the next one rotates the axes.
    """
    samples, target = source.values.T, reference.values.T
    colors, apply_colors = sample_colors(face)
    for axes in random_rotations(ITERATIONS):
        projected = axes @ samples
        maps = LineMaps(projected, source.weights, axes @ target, reference.weights)
        samples = samples + axes.T @ maps.shifts(projected)
        colors = colors + axes.T @ maps.shifts(axes @ colors)
    return np.clip(apply_colors(colors), 0, 1)


def random_rotations(count: int) -> np.ndarray:
    """Return the same rotations on every call, the identity first: (count, 3, 3) float32."""
    normal = np.random.default_rng(0).normal(size=(count, 3, 3))
    axes = np.linalg.qr(normal).Q
    axes[0] = np.eye(3)
    return axes.astype(np.float32)
