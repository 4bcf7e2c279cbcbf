"""The metrics of `evaluate`: pure functions on arrays. NaN means that a metric is undefined.

Time series have one row per measured frame. `shots` labels the frames of an uninterrupted take with
one number; `runs` does so for frames that are direct neighbors in time as well.
"""

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from facelib.landmarks import inter_ocular

INNER = slice(17, 68)  # brows, nose, eyes, mouth: what a swap changes; the jaw is mostly dst's
EYE_CORNERS = (36, 45)

CUT_DIFFERENCE = 25  # mean absolute gray difference of neighboring thumbnails that makes a cut
CUT_JUMP = 2.0  # ... or the followed face jumps this many inter-ocular distances

# The bands of detail that count as sharpness, as standard deviations of two Gaussians in shares of
# the crop's side: finer is noise and beyond a 64 pixel model, coarser is shading. There are two, so
# that too much of the coarser one does not make up for a lack of the finer one.
BANDS = ((0.005, 0.0087), (0.0087, 0.015))
COARSE = BANDS[-1][1]
NEIGHBORHOOD = 0.03  # of the crop's side: where dst's detail lies is known as exactly as this

RIM_CELLS = 32  # of the crop, along each side, for the mask's edge
RIM = 0.08  # of the crop's side: half the width of the band around the hull that is its rim
CHANGED = 16 / 255  # by which a pixel of an occlusion differs from dst's, beyond an encoder's noise

COLOR_CELLS = 8  # of the crop, along each side, for local changes of color
LEAST_OF_CELL = 0.5  # of a cell must be face


def label_shots(thumbnails: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Number the takes of a clip: a new one starts where the image or the face jumps.

    Parameters
    ----------
    thumbnails : (n, h, w) uint8
        The whole frames in gray, scaled down.
    landmarks : (n, 68, 2) float
        The followed face.

    Returns
    -------
    shots : (n,) int
        From 0, never decreasing.
    """
    change = np.abs(np.diff(thumbnails.astype(np.float32), axis=0)).mean(axis=(1, 2))
    jump = np.linalg.norm(np.diff(landmarks.mean(axis=1), axis=0), axis=1)
    cuts = (change > CUT_DIFFERENCE) | (jump > CUT_JUMP * eye_distances(landmarks)[:-1])
    return np.concatenate([[0], np.cumsum(cuts)]).astype(int)[: len(landmarks)]


def label_runs(indices: np.ndarray, shots: np.ndarray) -> np.ndarray:
    """Number the stretches of a shot in which no frame is missing; `indices` are frame numbers."""
    breaks = (np.diff(indices) != 1) | (np.diff(shots) != 0)
    return np.concatenate([[0], np.cumsum(breaks)]).astype(int)[: len(indices)]


def eye_distances(landmarks: np.ndarray) -> np.ndarray:
    """Return the inter-ocular distance of each of (n, 68, 2) faces, (n,) float."""
    return np.array([inter_ocular(face) for face in landmarks], float)


def pose_error(result: np.ndarray, dst: np.ndarray) -> np.ndarray:
    """Return the angle by which one head must turn to look like the other, (n,) degrees.

    Parameters
    ----------
    result, dst : (n, 3) float
        Pitch, yaw and roll in degrees, as `facelib.geometry.pose` returns them.
    """
    # pose() decomposes Rz(roll) Ry(yaw) Rx(pitch)
    turns = [Rotation.from_euler("ZYX", angles[:, ::-1], degrees=True) for angles in (result, dst)]
    return np.degrees((turns[0].inv() * turns[1]).magnitude())


def offsets(result: np.ndarray, dst: np.ndarray) -> np.ndarray:
    """Return how far result's inner landmarks lie from dst's, in the coordinates of dst's face.

    Dividing by the vector from eye to eye (as a complex number) removes size and roll.

    Returns
    -------
    offsets : (n, 51) complex
        Inter-ocular distances; the real axis is the line of the eyes.
    """
    points = _complex(dst)
    eyes = points[:, EYE_CORNERS[1]] - points[:, EYE_CORNERS[0]]
    return (_complex(result) - points)[:, INNER] / eyes[:, None]


def _complex(points: np.ndarray) -> np.ndarray:
    return points[..., 0].astype(float) + 1j * points[..., 1].astype(float)


def landmark_error(result: np.ndarray, dst: np.ndarray) -> np.ndarray:
    """Return the mean distance of result's inner landmarks from dst's, (n,) % of inter-ocular."""
    return 100 * np.abs(offsets(result, dst)).mean(axis=1)


def movement_error(result: np.ndarray, dst: np.ndarray, shots: np.ndarray) -> np.ndarray:
    """Return `landmark_error` without what is constant in a shot, (n,) % of inter-ocular.

    What is constant is mostly the other person's face shape, which a swap is meant to transfer.
    """
    away = offsets(result, dst)
    for shot in np.unique(shots):
        here = away[shots == shot]
        usual = np.median(here.real, axis=0) + 1j * np.median(here.imag, axis=0)
        away[shots == shot] = here - usual
    return 100 * np.abs(away).mean(axis=1)


def jitter(landmarks: np.ndarray, runs: np.ndarray) -> float:
    """Return landmark jitter in % of the inter-ocular distance; NaN without 3 adjacent frames.

    The root mean square of the second difference over time, divided by sqrt(6), averaged over the
    frames. The second difference p[t-1] - 2 p[t] + p[t+1] of white noise has 1 + 4 + 1 times its
    variance, so noise of standard deviation s gives s, and uniform movement 0.
    """
    whole = runs[2:] == runs[:-2]
    if not whole.any():
        return np.nan
    second = (landmarks[:-2] - 2.0 * landmarks[1:-1] + landmarks[2:])[whole]
    rms = np.sqrt((second**2).mean(axis=(1, 2)) / 6)
    return 100 * float((rms / eye_distances(landmarks)[1:-1][whole]).mean())


def flicker(colors: np.ndarray, runs: np.ndarray) -> float:
    """Return the mean change between neighboring frames of (n, 3) Lab colors, or NaN."""
    return _mean_step(np.diff(colors.astype(float), axis=0), runs)


def local_flicker(result: np.ndarray, dst: np.ndarray, runs: np.ndarray) -> float:
    """Return how much the colors of parts of the face change between neighboring frames, or NaN.

    The changes that dst's colors make in the same place, as its mouth opens or its light changes,
    do not count.

    Parameters
    ----------
    result, dst : (n, 8, 8, 3) float32
        As `cell_colors` returns them.
    """
    return _mean_step(np.diff(result.astype(float) - dst, axis=0), runs)


def _mean_step(steps: np.ndarray, runs: np.ndarray) -> float:
    """Return the mean length of the color steps within runs; NaN if there are none."""
    lengths = np.linalg.norm(steps, axis=-1)[np.diff(runs) == 0]
    known = np.isfinite(lengths)
    return float(lengths[known].mean()) if known.any() else np.nan


def rim_change(face: np.ndarray, dst: np.ndarray, hull: np.ndarray) -> np.ndarray:
    """Return how much a face differs from dst along the rim of its hull, where masks end.

    Parameters
    ----------
    face, dst : (S, S, 3) float32 BGR, 0..1
        Aligned crops of one place.
    hull : (S, S) float32
        1 inside.

    Returns
    -------
    change : (32, 32) float16
        Mean absolute difference in each cell; NaN beside the rim.
    """
    side = hull.shape[0]
    inside = (hull > 0).astype(np.uint8)
    depth, away = (cv2.distanceTransform(area, cv2.DIST_L2, 5) for area in (inside, 1 - inside))
    rim = (np.maximum(depth, away) < RIM * side).astype(np.float32)
    cells = (RIM_CELLS, RIM_CELLS)
    share = cv2.resize(rim, cells, interpolation=cv2.INTER_AREA)
    difference = np.abs(face - dst).mean(axis=2) * rim
    total = cv2.resize(difference, cells, interpolation=cv2.INTER_AREA)
    change = np.where(share >= LEAST_OF_CELL, total / np.maximum(share, 1e-6), np.nan)
    return change.astype(np.float16)


def edge_flicker(changes: np.ndarray, runs: np.ndarray) -> float:
    """Return by how much `rim_change` differs between neighboring frames, % of white, or NaN.

    A mask whose edge wobbles lets dst through in one frame and not in the next.

    Parameters
    ----------
    changes : (n, 32, 32) float
        Of each frame.
    """
    steps = np.abs(np.diff(changes.astype(float), axis=0))[np.diff(runs) == 0]
    known = np.isfinite(steps)
    return 100 * float(steps[known].mean()) if known.any() else np.nan


def changed_share(face: np.ndarray, dst: np.ndarray, hidden: np.ndarray) -> float:
    """Return the share of what lies before the face that a result has changed; NaN for nothing.

    Parameters
    ----------
    face, dst : (S, S, 3) float32 BGR, 0..1
        Aligned crops of one place.
    hidden : (S, S) bool
        Where something lies before the face.
    """
    # its edge belongs to neither: a pixel there is partly face
    core = cv2.erode(hidden.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=1) > 0
    if not core.any():
        return np.nan
    difference = cv2.blur(np.abs(face - dst), (3, 3)).max(axis=2)
    return float((difference[core] > CHANGED).mean())


def mean_lab(face: np.ndarray, hull: np.ndarray) -> np.ndarray:
    """Return the mean CIE Lab color, (3,), of an (H, W, 3) float32 BGR image inside a hull."""
    return cv2.cvtColor(face, cv2.COLOR_BGR2Lab)[hull > 0].mean(axis=0)


def cell_colors(face: np.ndarray, hull: np.ndarray) -> np.ndarray:
    """Return the mean CIE Lab color of each cell of a grid; NaN where it is not mostly face.

    Parameters
    ----------
    face : (S, S, 3) float32 BGR, 0..1
        An aligned crop.
    hull : (S, S) float32
        1 inside.

    Returns
    -------
    colors : (8, 8, 3) float32
        L is 0..100.
    """
    inside = (hull > 0).astype(np.float32)[..., None]
    lab = cv2.cvtColor(face, cv2.COLOR_BGR2Lab) * inside
    size = (COLOR_CELLS, COLOR_CELLS)
    share = cv2.resize(inside, size, interpolation=cv2.INTER_AREA)[..., None]
    total = cv2.resize(lab, size, interpolation=cv2.INTER_AREA)
    return np.where(share >= LEAST_OF_CELL, total / np.maximum(share, 1e-6), np.nan)


def sharpness(face: np.ndarray, dst: np.ndarray, hull: np.ndarray) -> float:
    """Return the fine detail of a face where dst has some, as a share of dst's; NaN without any.

    The detail is a difference of Gaussians on gray values. Counted is by how much stronger it is
    where dst's is strong (eyes, brows, lips) than where dst's is weak: grain, which is everywhere,
    cancels. More detail than dst's counts like as much less, so that sharpening does not pay. The
    hull is eroded first, so that the blending seam does not count.

    Parameters
    ----------
    face, dst : (S, S, 3) float32 BGR, 0..1
        Aligned crops of one place.
    hull : (S, S) float32
        1 inside.

    Returns
    -------
    share : float
        0..1; 1 is as sharp as dst.
    """
    side = face.shape[0]
    reach = 2 * round(2 * COARSE * side) + 1
    shape = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    inside = cv2.erode(hull, shape, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    shares = [_detail_share(face, dst, inside, band) for band in BANDS] if inside.any() else []
    return float(np.mean([min(share, 1 / max(share, 1e-9)) for share in shares] or [np.nan]))


def _detail_share(
    face: np.ndarray, dst: np.ndarray, inside: np.ndarray, band: tuple[float, float]
) -> float:
    energy, dst_energy = _energy(face, band), _energy(dst, band)
    blurred = cv2.GaussianBlur(dst_energy, (0, 0), NEIGHBORHOOD * face.shape[0])
    low, high = np.quantile(blurred[inside], (1 / 3, 2 / 3))
    strong, weak = inside & (blurred >= high), inside & (blurred <= low)
    own, dsts = (e[strong].mean() - e[weak].mean() for e in (energy, dst_energy))
    return float(np.sqrt(max(own, 0.0) / dsts)) if dsts > 0 else np.nan


def _energy(face: np.ndarray, band: tuple[float, float]) -> np.ndarray:
    gray = cv2.cvtColor(face, cv2.COLOR_BGR2GRAY).astype(np.float64)
    fine, coarse = (cv2.GaussianBlur(gray, (0, 0), sigma * face.shape[0]) for sigma in band)
    return (fine - coarse) ** 2
