"""Landmarks smoothed over time, in the stream: a few frames are held back until the next are known.

What becomes of a frame depends on it and its `REACH` neighbors on each side alone. So a run that
was stopped goes on exactly, if the neighbors of what is missing are looked at again.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from extractor.frames import Pending
from facelib.smoothing import NARROWEST, REACH, reach_of, steady
from facelib.types import Face, overlap
from utils.images import Image
from utils.parallel import Failure

NOTHING = np.zeros((0, 0, 3), np.uint8)
SAME = 0.3  # intersection over union of one face in two neighboring frames


@dataclass(frozen=True, eq=False)
class Found:
    """A frame with its faces.

    Attributes
    ----------
    image : (H, W, 3) uint8 BGR, or None: not kept, `frame.image()` gives it
    """

    frame: Pending
    image: Image | None
    faces: Sequence[Face]


SmoothedFaces = Found | Failure[Pending]


def smoothed(results: Iterable[SmoothedFaces], every: int, noise: float) -> Iterator[SmoothedFaces]:
    """Yield the wanted results with the landmarks of their faces smoothed over time.

    Parameters
    ----------
    results : frames with their faces, in order; only direct neighbors belong together
    every : by how much the indices of direct neighbors differ
    noise : the landmarker's, see `facelib.smoothing`
    """
    past: deque[SmoothedFaces] = deque(maxlen=REACH)  # without their pictures
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
                yield replace(here, faces=[_smooth(f, before, after, noise) for f in here.faces])
            past.append(_without_picture(here))


def _without_picture(result: SmoothedFaces) -> SmoothedFaces:
    if not isinstance(result, Found):
        return result
    return replace(result, frame=replace(result.frame, picture=NOTHING), image=None)


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
    face: Face, before: list[Sequence[Face]], after: list[Sequence[Face]], noise: float
) -> Face:
    past, future = list(_follow(face, before)), list(_follow(face, after))
    track = [*reversed(past), face, *future]
    if reach_of(len(track), len(past)) < NARROWEST:
        return face
    points = steady(np.stack([each.landmarks for each in track]), len(past), noise)
    return replace(face, landmarks=points, smoothed=True)


def _follow(face: Face, frames: Iterable[Sequence[Face]]) -> Iterator[Face]:
    """Yield the same face in frame after frame, until it is lost."""
    for faces in frames:
        best = max(faces, key=lambda other: overlap(face.rect, other.rect), default=None)
        if best is None or overlap(face.rect, best.rect) < SAME:
            return
        yield best
        face = best
