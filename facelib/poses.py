"""The poses of whole facesets: what `facelib.pose` estimates face by face, for many at once.

The same head, the same perspective and the same least squares; only the way to the minimum is
another: Gauss-Newton from the fit without perspective, in NumPy, nine times as fast. A face for
which that does not settle, or that is not like a head, is left to `facelib.pose`.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from facelib.pose import CENTERED, FIT, NEAREST, PRIOR, PROBES, RIGID, USUAL, pose
from utils.errors import InputError

CHUNK = 128  # faces whose derivatives fit into the processor's cache
MOST_STEPS = 9  # of Gauss-Newton; five are usual
SETTLED = 1e-5  # radians: the longest last step
NO_HEAD = 0.05  # error of points that are like no head (usual: 0.01), with several minima
DAMPING = 1e-12  # of the mean curvature, so that a degenerate face fails alone
UNIT = float(np.sqrt((CENTERED**2).sum(axis=1).mean()))
MODEL = CENTERED / UNIT
PARABOLA = np.linalg.inv(np.vander(PROBES))  # from the values at PROBES to the coefficients


def poses(landmarks: np.ndarray) -> np.ndarray:
    """Estimate the rotation of many heads.

    Parameters
    ----------
    landmarks : (n, 68, 2) float
        Pixels of any scale.

    Returns
    -------
    angles : (n, 3) float64
        Pitch, yaw and roll as in `Pose`; NaN for a face that has no pose.
    """
    landmarks = np.asarray(landmarks, np.float64)
    starts = range(0, len(landmarks), CHUNK)
    parts = [_chunk(landmarks[start : start + CHUNK]) for start in starts]
    return np.concatenate([np.empty((0, 3)), *parts])


def _chunk(landmarks: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):  # degenerate faces; they do not settle
        points = landmarks - landmarks.mean(axis=1, keepdims=True)
        points /= np.sqrt((points**2).sum(axis=2).mean(axis=1))[:, None, None]
        heads = _Heads(np.nan_to_num(points[:, RIGID]))
        heads.fit(_perspective(heads))
        angles = _angles(heads.rotation)
    for i in np.flatnonzero(~heads.settled):
        angles[i] = _single(landmarks[i])
    return angles


def _single(landmarks: np.ndarray) -> tuple[float, ...]:
    try:
        return tuple(pose(landmarks))
    except InputError:
        return (np.nan,) * 3


def _perspective(heads: "_Heads") -> np.ndarray:
    """Estimate the strength of each perspective, (n,), as `facelib.pose` does."""
    costs = []
    for strength in PROBES:
        heads.fit(np.full(len(heads.points), strength))
        costs.append(heads.error + PRIOR * (strength - USUAL) ** 2)
    curve, slope, _ = PARABOLA @ costs
    lowest = np.asarray(PROBES)[np.argmin(costs, axis=0)]
    return np.where(curve > 0, np.clip(-slope / (2 * curve), PROBES[0], NEAREST), lowest)


class _Heads:
    """The model head as it was fitted to each of n faces.

    A point X of the model is seen at (s Y + c) / (1 + k s Z), where (Y, Z) = rotation @ X and k is
    the strength of the perspective. That is the pinhole camera, divided by the distance, so that a
    fit without perspective is near to all others.

    Attributes
    ----------
    points : (n, 46, 2) float64
        The rigid landmarks, at unit size.
    rotation : (n, 3, 3) float64
        From the model to the camera.
    scale, center : (n,) and (n, 2) float64
        s and c.
    error : (n,) float64
        The mean squared distance between the points and where they should be seen.
    settled : (n,) bool
        Whether all fits came to a minimum, that of a head.
    """

    def __init__(self, points: np.ndarray) -> None:
        self.points = points
        self.center = points.mean(axis=1)
        fitted = np.swapaxes(FIT @ (points - self.center[:, None]), 1, 2) * UNIT
        left, sizes, right = np.linalg.svd(fitted, full_matrices=False)
        rows = left @ right
        away = np.cross(rows[:, 0], rows[:, 1])
        self.rotation = np.concatenate([rows, away[:, None]], axis=1)
        self.scale = sizes.mean(axis=1)
        self.settled = np.ones(len(points), bool)

    def fit(self, strength: np.ndarray) -> None:
        """Move to the least squares with perspectives of (n,) strengths."""
        for _ in range(MOST_STEPS):
            turned = self._step(strength)
            if (turned < SETTLED).all():
                break
        residuals, _ = self._look(strength)
        self.error = (residuals**2).sum(axis=(1, 2)) / len(MODEL)
        likely = (self.scale > 0) & (self.error < NO_HEAD)
        self.settled &= likely & (turned < SETTLED)  # False where not a number

    def _step(self, strength: np.ndarray) -> np.ndarray:
        """Do a step of Gauss-Newton and return how far each head turned, (n,) radians."""
        residuals, slopes = self._look(strength)
        slopes = slopes.reshape(len(slopes), 6, -1)
        curvature = slopes @ slopes.swapaxes(1, 2)
        damping = DAMPING * np.trace(curvature, axis1=1, axis2=2)
        curvature += damping[:, None, None] * np.eye(6)
        downhill = slopes @ residuals.reshape(len(slopes), -1, 1)
        move = np.linalg.solve(curvature, downhill)[..., 0]
        self.rotation = Rotation.from_rotvec(np.nan_to_num(move[:, :3])).as_matrix() @ self.rotation
        self.center = self.center + move[:, 3:5]
        self.scale = self.scale + move[:, 5]
        return np.sqrt((move[:, :3] ** 2).sum(axis=1))

    def _look(self, strength: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how far points are from where they are seen, and how what is seen changes.

        Returns
        -------
        residuals : (n, 2, 46) float64
            x and y.
        slopes : (n, 6, 2, 46) float64
            By a turn about x, y and z, the center's x and y, and the scale.
        """
        k, scale = strength[:, None], self.scale[:, None]
        x, y, z = np.moveaxis(self.rotation @ MODEL.T, 1, 0)
        near = 1 / (1 + k * scale * z)
        seen_x = (scale * x + self.center[:, :1]) * near
        seen_y = (scale * y + self.center[:, 1:]) * near
        residuals = self.points.swapaxes(1, 2) - np.stack([seen_x, seen_y], axis=1)
        zoom = scale * near
        slopes = np.zeros((len(x), 6, 2, len(MODEL)))
        slopes[:, 0, 0] = -zoom * k * seen_x * y
        slopes[:, 0, 1] = -zoom * (z + k * seen_y * y)
        slopes[:, 1, 0] = zoom * (z + k * seen_x * x)
        slopes[:, 1, 1] = zoom * k * seen_y * x
        slopes[:, 2, 0] = -zoom * y
        slopes[:, 2, 1] = zoom * x
        slopes[:, 3, 0] = slopes[:, 4, 1] = near
        slopes[:, 5, 0] = near * (x - k * seen_x * z)
        slopes[:, 5, 1] = near * (y - k * seen_y * z)
        return residuals, slopes


def _angles(rotation: np.ndarray) -> np.ndarray:
    """Decompose (n, 3, 3) rotations as `facelib.pose` does."""
    flat = np.hypot(rotation[:, 0, 0], rotation[:, 1, 0])
    yaw = np.arctan2(-rotation[:, 2, 0], flat)
    pitch = np.arctan2(rotation[:, 2, 1], rotation[:, 2, 2])
    roll = np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0])
    return np.degrees(np.stack([pitch, yaw, roll], axis=1))
