"""How far one face's expression follows another's: pure functions on arrays.

Arrays have one row per face; `shots` labels those of an uninterrupted take with one number. NaN
means that something is undefined.
"""

import numpy as np

from facelib.landmarks import eye_opening, gaze

# dst must move by more than the landmarker's own noise, or the correlation is one of noise
LEAST_MOVEMENT = 0.008  # of the inter-ocular distance, standard deviation within shots
LEAST_FRAMES = 10  # fewer say nothing about a correlation
LEAST_GAZE = 0.02  # the same for the gaze, in eye widths: encoding it again moves it by 0.007
SHUT_EYES = 0.04  # openings below this, about half of the usual, leave too little of an iris


def within_shots(values: np.ndarray, shots: np.ndarray) -> np.ndarray:
    """Return `values` minus the mean of their shot.

    So only movement counts when shots are pooled: two shots with a wide and a closed mouth would
    otherwise give a high correlation to a result that never moves.
    """
    values = np.array(values, float)
    for shot in np.unique(shots):
        values[shots == shot] -= values[shots == shot].mean(axis=0)
    return values


def following(
    result: np.ndarray, dst: np.ndarray, shots: np.ndarray, least: float = LEAST_MOVEMENT
) -> tuple[float, float]:
    """Return how dst's movement is followed: Pearson correlation, and gain (1 = as far as dst).

    Both are NaN with too few frames or when dst moves less than `least`, and 0 when the result does
    not move. Of vectors, (n, 2), both directions count together: the one that moves more, more.
    """
    if len(dst) < LEAST_FRAMES:
        return np.nan, np.nan
    ours, theirs = within_shots(result, shots), within_shots(dst, shots)
    if theirs.std() < least:
        return np.nan, np.nan
    if ours.std() < 1e-9:  # rounding leaves a little even of a constant
        return 0.0, 0.0
    shared = float((ours * theirs).mean())
    return shared / float(ours.std() * theirs.std()), shared / float(theirs.var())


def is_known(values: np.ndarray) -> np.ndarray:
    """Return which of (n,) values or (n, 2) vectors are numbers, (n,) bool."""
    return np.asarray(np.isfinite(values).all(axis=tuple(range(1, np.ndim(values)))))


def standing_still(values: np.ndarray, shots: np.ndarray) -> np.ndarray:
    """Return `values`, (n,) or (n, 2), with the mean of their shot where they are NaN."""
    still = np.array(values, float)
    known = is_known(still)
    for shot in np.unique(shots):
        here = shots == shot
        still[here & ~known] = still[here & known].mean(axis=0) if (here & known).any() else 0.0
    return still


def open_eyes_gaze(landmarks: np.ndarray, iris: np.ndarray | None) -> np.ndarray:
    """Return `facelib.landmarks.gaze`, (2,), or NaN without irises and where eyes are shut."""
    if iris is None or eye_opening(landmarks) < SHUT_EYES:
        return np.full(2, np.nan)
    return gaze(landmarks, iris)
