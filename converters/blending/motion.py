"""The motion of faces from frame to frame, by their landmarks."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

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
    size = float(np.ptp(info.source_landmarks, axis=0).max())
    motions = []
    for step in (-1, 1):
        other = _nearest(info, frames.get(info.frame_index + step, []))
        if other is None or _nearest(other, frames[info.frame_index]) is not info:
            continue  # that is another face, which was nearer to it
        offset = _center(other) - _center(info)
        if np.hypot(*offset) < MAX_MOTION * size:
            motions.append(offset * step)
    x, y = np.mean(motions, axis=0) if motions else (0.0, 0.0)
    return float(x), float(y)


def _nearest(info: FaceInfo, others: Sequence[FaceInfo]) -> FaceInfo | None:
    if len(others) <= 1:
        return others[0] if others else None
    here = _center(info)
    return min(others, key=lambda other: float(np.hypot(*(_center(other) - here))))


def _center(info: FaceInfo) -> np.ndarray:
    return info.source_landmarks.mean(axis=0, dtype=np.float64)
