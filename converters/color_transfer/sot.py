"""sot: the whole distribution, in small steps along many lines (Rabin and others 2010).

Unlike idt, which makes three views agree at once and can tear smooth shades apart, each step is the
mean of what many views ask for, so that neighboring colors stay neighbors.
"""

import numpy as np

from converters.color_transfer.idt import turns
from converters.color_transfer.statistics import Colors
from converters.color_transfer.subsample import stand_ins
from converters.color_transfer.transport_1d import LineMaps

STEPS = 8
FRAMES = 4  # orthogonal frames a step looks along: twelve lines


def transfer(face: np.ndarray, seen: Colors, wanted: Colors) -> np.ndarray:
    """Give `face` (H, W, 3) float32 0..1 the distribution of `wanted`."""
    samples, aim = seen.values.T, wanted.values.T
    colors, paint = stand_ins(face)
    lines = turns(STEPS * FRAMES).reshape(STEPS, 3 * FRAMES, 3)
    for directions in lines:
        along = directions @ samples
        maps = LineMaps(along, seen.weights, directions @ aim, wanted.weights)
        # each frame of three lines alone would be a whole step
        back = directions.T / FRAMES
        samples = samples + back @ maps.moves(along)
        colors = colors + back @ maps.moves(directions @ colors)
    return np.clip(paint(colors), 0, 1)
