"""Landmarks that do not tremble: each is taken from the curve that its neighbors in time lie on.

A window of frames is centered on the frame in question, so nothing lags. In it a parabola is fitted
to each landmark's way by least squares (Savitzky, Golay 1964); where the way is straight, within
the noise, the plain mean takes its place, which is steadier. A window counts only as far as its
parabola explains what was seen: from narrow to wide, each replaces the result before it unless the
landmarks lie farther off than the landmarker's noise explains. So a jump, a cut, a blink or a shake
of the head stays as it was measured.
"""

from functools import lru_cache

import numpy as np

from facelib.landmarks import inter_ocular

REACH = 4
"""Frames before and after that count, at most."""
NARROWEST = 2  # a parabola goes through any three points

# Of the noise: up to the first number a fit is taken for true, from the second on it is not.
FIT = (1.5, 3.0)
BEND = (1.5, 2.5)  # the same for "the way is straight"


def steady(track: np.ndarray, here: int, noise: float) -> np.ndarray:
    """Return the landmarks of one frame, (68, 2) float32, without their tremble.

    Parameters
    ----------
    track : (n, 68, 2) float, the landmarks of one face in consecutive frames
    here : the frame's place in the track
    noise : standard deviation of a coordinate on a still face, in distances of the eye corners
    """
    found = np.asarray(track[here], np.float64)
    noise = noise * max(inter_ocular(found), 1e-6)
    trust = np.ones(len(found))
    for reach in range(NARROWEST, reach_of(len(track), here) + 1):
        window = np.asarray(track[here - reach : here + reach + 1], np.float64)
        parabola, bend = _projection(reach)
        curve = np.tensordot(parabola, window, 1)
        freedom = 2 * (len(window) - 3)
        off = np.sqrt(((window - curve) ** 2).sum(axis=(0, 2)) / freedom) / noise
        trust = np.minimum(trust, _fade(off, FIT))
        at_apex, mean = curve[reach], window.mean(axis=0)
        bent = (at_apex - mean) / (noise * bend)
        # the head moves all landmarks at once, which is seen clearer in all of them together
        straight = _fade(np.maximum(_rms(bent, axis=-1), _rms(bent)), BEND)
        fitted = at_apex + straight[:, None] * (mean - at_apex)
        found = found + trust[:, None] * (fitted - found)
    return found.astype(np.float32)


def reach_of(length: int, here: int) -> int:
    """Return how many frames on each side count, at a place in a track of some length."""
    return min(here, length - 1 - here, REACH)


@lru_cache
def _projection(reach: int) -> tuple[np.ndarray, float]:
    """Return the (n, n) matrix from n = 2 reach + 1 values to those of their parabola.

    And the standard deviation of parabola - mean in the middle, for values with one of 1.
    """
    powers = np.vander(np.arange(-reach, reach + 1.0), 3)
    matrix = powers @ np.linalg.pinv(powers)
    return matrix, float(np.linalg.norm(matrix[reach] - 1 / len(matrix)))


def _rms(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    return np.sqrt((values**2).mean(axis=axis))


def _fade(values: np.ndarray, between: tuple[float, float]) -> np.ndarray:
    """1 up to the first limit, 0 from the second one on."""
    first, second = between
    return np.clip((second - values) / (second - first), 0, 1)
