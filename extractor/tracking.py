"""Following faces through a video: every few frames are searched, and what is between is measured.

Between two searched frames a face is where it was in the frame before, so one pass of the
landmarker finds it. That is trusted only where both searches show the same faces, each is clear in
every frame, and each arrives where the second search has it. Anything else, such as a cut or a face
that comes, goes, or is hidden, is a reason to search a frame between the two, and so on until
nothing is in doubt or every frame was searched.

Where frames are searched depends on their numbers alone, so a result depends neither on the number
of workers nor on where an interrupted run is continued.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations
from math import prod
from typing import NamedTuple

import numpy as np

from extractor.face_finder import FaceFinder
from extractor.frames import Pending
from extractor.options import ExtractOptions
from facelib.landmarkers import LANDMARKERS
from facelib.landmarkers.region import FaceTrace, Offset, Region
from facelib.types import Face, Rect, overlap
from utils.images import Image
from utils.parallel import Failure
from utils.video.source import FrameSource

GAP = 8
"""Frames from one search to the next."""
MOST_PIXELS = 25_000_000
"""Of the frames from one search to the next, which are in memory together."""
SAME_FACE = 0.3  # intersection over union of a face in two searches, at least
ONE_PLACE = 0.3  # and of two followed faces, at most
ALIKE = (0.02, 0.02, np.radians(1.2))
"""How far (sides, ratio, radians) two searches may differ in where they measure one face."""
ARRIVED = (0.25, 0.25, np.radians(20))
"""How far from where the next search has it a followed face may be in the frame before that."""
MOMENTUM = 0.5
NO_MOVEMENT = Offset(0.0, 0.0, 1.0, 0.0)

Search = list[Face] | Failure[Pending]
"""The faces of a frame, or what went wrong in it."""
Inspect = Callable[[Pending, Callable[[Image], list[Face]]], Search]


def gap_of(options: ExtractOptions, source: FrameSource) -> int:
    """Return how many frames there are from one search to the next; 1: every frame is searched."""
    if not (options.track and options.every == 1 and source.is_video):
        return 1
    if LANDMARKERS.load(options.landmarker).follow_above is None:
        return 1
    return max(1, min(GAP, MOST_PIXELS // prod(source.size or ())))


class Tracker:
    """Finds the faces of the frames between two searched ones.

    Parameters
    ----------
    finder : FaceFinder
        Searches frames and follows faces.
    look : callable
        Returns what a function finds in the image of a frame.
    """

    def __init__(self, finder: FaceFinder, look: Inspect) -> None:
        self._finder, self._look = finder, look

    def between(
        self, frames: Sequence[Pending], first: Search | None, last: Search
    ) -> list[Search]:
        """Return the faces of frames, given those of the frames right before and after them."""
        if not frames:
            return []
        found = self._followed(frames, first, last)
        if len(found) == len(frames):
            return found
        doubtful = len(found) or len(frames) // 2
        here = self._look(frames[doubtful], self._finder.search)
        before = found or self.between(frames[:doubtful], first, here)
        return [*before, here, *self.between(frames[doubtful + 1 :], here, last)]

    def _followed(
        self, frames: Sequence[Pending], first: Search | None, last: Search
    ) -> list[Search]:
        """Return the faces of the frames up to the first in doubt; none if they go elsewhere."""
        tracks = [_FollowedFace(*pair) for pair in self._pairs(first, last)]
        found: list[Search] = []
        for number, frame in enumerate(frames if tracks else (), 1):
            faces = self._look(frame, partial(self._follow, tracks, number, len(frames)))
            if isinstance(faces, Failure) or not self._are_clear(faces):
                return found
            found.append(faces)
        return found if all(track.has_arrived for track in tracks) else []

    def _follow(
        self, tracks: "list[_FollowedFace]", number: int, count: int, image: Image
    ) -> list[Face]:
        faces = [track.follow(self._finder, image, number, count) for track in tracks]
        return sorted(faces, key=lambda face: -face.rect.area)

    def _are_clear(self, faces: Sequence[Face]) -> bool:
        """Whether each can be followed, and none may be another, or hide it."""
        apart = (overlap(a.rect, b.rect) <= ONE_PLACE for a, b in combinations(faces, 2))
        return all(map(self._finder.can_follow, faces)) and all(apart)

    def _pairs(self, first: Search | None, last: Search) -> list[tuple[Face, Face]]:
        """Return the faces of two searches in pairs; none if they are not the same clear faces."""
        if not isinstance(first, list) or not isinstance(last, list) or len(first) != len(last):
            return []
        if not all(map(self._finder.can_follow, [*first, *last])):
            return []
        pairs = [(one, max(last, key=lambda other: overlap(one.rect, other.rect))) for one in first]
        one_to_one = len({id(other) for _, other in pairs}) == len(last)
        return pairs if one_to_one and all(_are_alike(*pair) for pair in pairs) else []


class _FollowedFace:
    """A face on its way from one search to the next."""

    def __init__(self, first: Face, last: Face) -> None:
        self._from, self._to = _Aim.of(first), _Aim.of(last)
        self._around = self._from.trace.around
        self._movement: Offset | None = None

    def follow(self, finder: FaceFinder, image: Image, number: int, count: int) -> Face:
        """Return the face in the next image, the `number`th of `count` between the searches."""
        share = number / (count + 1)
        offset = self._from.trace.offset.toward(self._to.trace.offset, share)
        expected = self._around.moved(self._next_movement(count + 2 - number))
        found = finder.follow(image, expected.moved(offset), offset)
        assert found.trace is not None
        self._movement = found.trace.around.seen_from(self._around)
        self._around = found.trace.around
        rect, score = self._from.toward(self._to, share, self._around)
        return Face(rect, found.landmarks, score, found.quality, False, found.iris, found.trace)

    def _next_movement(self, frames_left: int) -> Offset:
        """Return what is between the last movement and a steady way to the second search."""
        rest = self._to.trace.around.seen_from(self._around)
        steady = NO_MOVEMENT.toward(rest, 1 / frames_left)
        return steady if self._movement is None else steady.toward(self._movement, MOMENTUM)

    @property
    def has_arrived(self) -> bool:
        """Whether it is where the second search has it."""
        return self._around.seen_from(self._to.trace.around).is_within(*ARRIVED)


class _Aim(NamedTuple):
    """What a search tells of a face: how it was measured, its score, and its rectangle.

    The rectangle is told by center, width and height, relative to the region around the points.
    """

    trace: FaceTrace
    score: float
    box: np.ndarray

    @classmethod
    def of(cls, face: Face) -> "_Aim":
        assert face.trace is not None
        (x, y), around = face.rect.center, face.trace.around
        place = Region(x, y, around.side, around.roll).seen_from(around)
        size = face.rect.width / around.side, face.rect.height / around.side
        return cls(face.trace, face.score, np.array([place.x, place.y, *size]))

    def toward(self, other: "_Aim", share: float, around: Region) -> tuple[Rect, float]:
        """Return rectangle and score a share of the way to another, for the region it is in."""
        x, y, width, height = self.box + share * (other.box - self.box)
        center = around.moved(Offset(x, y, 1, 0))
        across, down = width * around.side / 2, height * around.side / 2
        corners = center.x - across, center.y - down, center.x + across, center.y + down
        return Rect(*map(float, corners)), self.score + share * (other.score - self.score)


def _are_alike(one: Face, other: Face) -> bool:
    """Whether faces of two searches may be one face, measured in the same way."""
    if overlap(one.rect, other.rect) < SAME_FACE or one.trace is None or other.trace is None:
        return False
    first, second = one.trace.offset, other.trace.offset
    apart = Offset(
        second.x - first.x, second.y - first.y, second.zoom / first.zoom, second.turn - first.turn
    )
    return apart.is_within(*ALIKE)
