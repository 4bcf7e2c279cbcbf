"""Temporal smoothing of landmarks by local curve fitting, without lag.

The window is centered on the frame. In it a parabola is fitted to each landmark's trajectory by
least squares (Savitzky, Golay 1964); where the trajectory is straight within the noise, the plain
mean is used instead, which has less variance. Windows grow from narrow to wide, and each result
replaces the one before unless the landmarks lie farther from the parabola than the landmarker's
noise explains. So a jump, a cut, a blink or a shake of the head stays as it was measured.
"""

from functools import lru_cache

import numpy as np

from facelib.landmarks import inter_ocular

REACH = 4
"""Frames before and after that count, at most."""
NARROWEST = 2  # a parabola fits any three points exactly

# In units of the noise: up to the first number a fit is accepted, from the second on rejected.
FIT = (1.5, 3.0)
BEND = (1.5, 2.5)  # the same for "the trajectory is straight"


def smooth_landmarks(track: np.ndarray, here: int, noise: float) -> np.ndarray:
    """Smooth the landmarks of one frame.

    Parameters
    ----------
    track : (n, 68 + m, 2) float
        The landmarks of one face in consecutive frames; further points, such as the irises, are
        smoothed like them without any influence on them.
    here : int
        The frame's index in the track.
    noise : float
        Standard deviation of a coordinate on a still face, in outer eye corner distances.

    Returns
    -------
    landmarks : (68 + m, 2) float32
        The smoothed points of that frame.
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
        # a moving head moves all landmarks, which is clearer in all of them together
        straight = _fade(np.maximum(_rms(bent, axis=-1), _rms(bent[:68])), BEND)
        fitted = at_apex + straight[:, None] * (mean - at_apex)
        found = found + trust[:, None] * (fitted - found)
    return found.astype(np.float32)


def reach_of(length: int, here: int) -> int:
    """Return how many frames on each side are used at an index of a track of some length."""
    return min(here, length - 1 - here, REACH)


@lru_cache
def _projection(reach: int) -> tuple[np.ndarray, float]:
    """Return the (n, n) matrix that projects n = 2 reach + 1 values onto their parabola.

    And the standard deviation of parabola minus mean at the center, for values with one of 1.
    """
    powers = np.vander(np.arange(-reach, reach + 1.0), 3)
    matrix = powers @ np.linalg.pinv(powers)
    return matrix, float(np.linalg.norm(matrix[reach] - 1 / len(matrix)))


def _rms(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    return np.sqrt((values**2).mean(axis=axis))


def _fade(values: np.ndarray, between: tuple[float, float]) -> np.ndarray:
    """Return 1 up to the first limit, 0 from the second one on."""
    first, second = between
    return np.clip((second - values) / (second - first), 0, 1)
