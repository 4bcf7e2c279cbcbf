"""The motion of faces from frame to frame, by their landmarks."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from facelib.faceset import FaceInfo

MAX_MOTION = 0.5  # of the face's size: farther away is another face, or a cut

Motions = dict[FaceInfo, tuple[float, float]]
"""Motion of each face in frame pixels per frame."""


def find_motions(infos: Iterable[FaceInfo]) -> Motions:
    """Return the motion of each face.

    It is the mean of the motion from the previous frame and to the next one, or the one of them
    that is known; 0 where neither is.
    """
    frames: dict[int, list[FaceInfo]] = defaultdict(list)
    for info in infos:
        frames[info.frame_index].append(info)
    return {info: _motion(info, frames) for faces in list(frames.values()) for info in faces}


def _motion(info: FaceInfo, frames: dict[int, list[FaceInfo]]) -> tuple[float, float]:
    here, size = _center(info), float(np.ptp(info.source_landmarks, axis=0).max())
    motions = []
    for step in (-1, 1):
        offsets = [_center(other) - here for other in frames.get(info.frame_index + step, ())]
        nearest = min(offsets, key=lambda offset: np.hypot(*offset), default=None)
        if nearest is not None and np.hypot(*nearest) < MAX_MOTION * size:
            motions.append(nearest * step)
    x, y = np.mean(motions, axis=0) if motions else (0.0, 0.0)
    return float(x), float(y)


def _center(info: FaceInfo) -> np.ndarray:
    return info.source_landmarks.mean(axis=0, dtype=np.float64)
