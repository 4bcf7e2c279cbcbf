"""sot: the whole distribution, in small steps along many lines (Rabin and others 2010).

Unlike idt, which makes three views agree at once and can tear smooth shades apart, each step is the
mean of what many views ask for, so that neighbouring colours stay neighbours.
"""

import numpy as np

from converters.color.idt import turns
from converters.color.lines import LineMap
from converters.color.statistics import Colors

STEPS = 8
FRAMES = 4  # orthogonal frames a step looks along: twelve lines


def transfer(face: np.ndarray, seen: Colors, wanted: Colors) -> np.ndarray:
    """Give `face` (H, W, 3) float32 0..1 the distribution of `wanted`."""
    samples, pixels = seen.values, face.reshape(-1, 3)
    lines = turns(STEPS * FRAMES).reshape(STEPS, 3 * FRAMES, 3)
    for directions in lines:
        along, aim = samples @ directions.T, wanted.values @ directions.T
        here = pixels @ directions.T
        moved, shown = np.empty_like(along), np.empty_like(here)
        for number in range(len(directions)):
            line = LineMap(along[:, number], seen.weights, aim[:, number], wanted.weights)
            moved[:, number] = line.moves(along[:, number])
            shown[:, number] = line.moves(here[:, number])
        # each frame of three lines alone would be a whole step
        samples = samples + moved @ directions / FRAMES
        pixels = pixels + shown @ directions / FRAMES
    return np.clip(pixels, 0, 1).reshape(face.shape)
