"""How faces move from frame to frame, by their landmarks."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from facelib.faceset import FaceInfo

FARTHEST = 0.5  # of the face's size: farther away in the next frame it is another face, or a cut

Motions = dict[FaceInfo, tuple[float, float]]


def find_motions(infos: Iterable[FaceInfo]) -> Motions:
    """Return each face's way from frame to frame, in frame pixels.

    It is the mean of the ways from the frame before and to the frame after, or the one that is
    known; 0 where neither is.
    """
    frames: dict[int, list[FaceInfo]] = defaultdict(list)
    for info in infos:
        frames[info.frame_index].append(info)
    return {info: _way(info, frames) for row in list(frames.values()) for info in row}


def _way(info: FaceInfo, frames: dict[int, list[FaceInfo]]) -> tuple[float, float]:
    here, size = _center(info), float(np.ptp(info.source_landmarks, axis=0).max())
    motions = []
    for step in (-1, 1):
        others = [_center(other) - here for other in frames.get(info.frame_index + step, ())]
        near = min(others, key=lambda way: np.hypot(*way), default=None)
        if near is not None and np.hypot(*near) < FARTHEST * size:
            motions.append(near * step)
    x, y = np.mean(motions, axis=0) if motions else (0.0, 0.0)
    return float(x), float(y)


def _center(info: FaceInfo) -> np.ndarray:
    return info.source_landmarks.mean(axis=0, dtype=np.float64)
