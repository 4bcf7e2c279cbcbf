"""Temporal smoothing of landmarks in the stream: a few frames wait until the next are known.

The result for a frame depends only on it and its `REACH` neighbors on each side. So an interrupted
run continues exactly, provided that the neighbors of the missing frames are processed again.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from extractor.frames import Pending
from facelib.smoothing import NARROWEST, REACH, reach_of, smooth_landmarks
from facelib.types import Face, overlap
from utils.images import Image
from utils.parallel import Failure

NO_IMAGE = np.zeros((0, 0, 3), np.uint8)
SAME_FACE = 0.3  # intersection over union of one face in two neighboring frames


@dataclass(frozen=True, eq=False)
class Found:
    """A frame with its faces.

    Attributes
    ----------
    image : (H, W, 3) uint8 BGR or None
        None when it was not kept in memory; `frame.image()` reads it again.
    """

    frame: Pending
    image: Image | None
    faces: Sequence[Face]


SmoothedFaces = Found | Failure[Pending]


def frame_of(result: SmoothedFaces) -> Pending:
    """Return the frame of a result."""
    return result.frame if isinstance(result, Found) else result.item


def smoothed(results: Iterable[SmoothedFaces], every: int, noise: float) -> Iterator[SmoothedFaces]:
    """Yield the wanted results with the landmarks of their faces smoothed over time.

    Parameters
    ----------
    results : iterable of Found or Failure
        Frames with their faces, in order; only direct neighbors belong together.
    every : int
        By how much the indices of direct neighbors differ.
    noise : float
        The landmarker's, see `facelib.smoothing`.
    """
    past: deque[SmoothedFaces] = deque(maxlen=REACH)  # without their images
    coming: deque[SmoothedFaces] = deque()
    source = iter(results)
    more = True
    while more or coming:
        while more and len(coming) <= REACH:
            result = next(source, None)
            more = result is not None
            coming += [result] if result is not None else []
        if coming:
            here = coming.popleft()
            if not isinstance(here, Found):
                if here.item.wanted:
                    yield here
            elif here.frame.wanted:
                before = _linked(here, reversed(past), -every)
                after = _linked(here, coming, every)
                faces = [_smooth(face, here.faces, before, after, noise) for face in here.faces]
                yield replace(here, faces=faces)
            past.append(_without_image(here))


def _without_image(result: SmoothedFaces) -> SmoothedFaces:
    if not isinstance(result, Found):
        return result
    return replace(result, frame=replace(result.frame, content=NO_IMAGE), image=None)


def _linked(here: Found, others: Iterable[SmoothedFaces], step: int) -> list[Sequence[Face]]:
    """Return the faces of the frames next to `here`, nearest first, up to the first gap."""
    index = here.frame.index
    faces: list[Sequence[Face]] = []
    for other in others:
        index += step
        if not isinstance(other, Found) or other.frame.index != index:
            break
        faces.append(other.faces)
    return faces[:REACH]


def _smooth(
    face: Face,
    faces: Sequence[Face],
    before: list[Sequence[Face]],
    after: list[Sequence[Face]],
    noise: float,
) -> Face:
    """Return one of the faces of a frame, smoothed over the frames before and after it."""
    past, future = list(_follow(face, faces, before)), list(_follow(face, faces, after))
    track = [*reversed(past), face, *future]
    if reach_of(len(track), len(past)) < NARROWEST:
        return face
    points = smooth_landmarks(np.stack([_points(each) for each in track]), len(past), noise)
    iris = None if face.iris is None else points[68:]
    return replace(face, landmarks=points[:68], iris=iris, smoothed=True)


def _points(face: Face) -> np.ndarray:
    """Return the landmarks and, if one landmarker measures them, the irises."""
    return face.landmarks if face.iris is None else np.concatenate([face.landmarks, face.iris])


def _follow(face: Face, faces: Sequence[Face], frames: Iterable[Sequence[Face]]) -> Iterator[Face]:
    """Yield the same face, one of `faces`, in frame after frame, until it is lost."""
    for others in frames:
        best = _most_overlapping(face, others)
        if best is None or overlap(face.rect, best.rect) < SAME_FACE:
            return
        if _most_overlapping(best, faces) is not face:  # that is the face beside it
            return
        yield best
        face, faces = best, others


def _most_overlapping(face: Face, others: Sequence[Face]) -> Face | None:
    return max(others, key=lambda other: overlap(face.rect, other.rect), default=None)
