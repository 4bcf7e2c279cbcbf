"""sot: the whole distribution, by sliced optimal transport (Rabin and others 2010).

idt matches three projections at once, which can tear smooth gradients apart. Here each step is the
mean of what many projections ask for, so neighboring colors stay neighbors.
"""

import numpy as np

from facelib.color_transfer.idt import random_rotations
from facelib.color_transfer.statistics import Colors
from facelib.color_transfer.subsample import sample_colors
from facelib.color_transfer.transport_1d import LineMaps

STEPS = 8
ROTATIONS = 4  # each with three orthogonal lines: twelve lines a step


def transfer(face: np.ndarray, source: Colors, reference: Colors) -> np.ndarray:
    """Give `face` (H, W, 3) float32 0..1 the distribution of `reference`."""
    samples, target = source.values.T, reference.values.T
    colors, apply_colors = sample_colors(face)
    steps = random_rotations(STEPS * ROTATIONS).reshape(STEPS, 3 * ROTATIONS, 3)
    for lines in steps:
        projected = lines @ samples
        maps = LineMaps(projected, source.weights, lines @ target, reference.weights)
        # the three lines of one rotation already make a whole step
        back_projection = lines.T / ROTATIONS
        samples = samples + back_projection @ maps.shifts(projected)
        colors = colors + back_projection @ maps.shifts(lines @ colors)
    return np.clip(apply_colors(colors), 0, 1)
