"""A video in stretches: each ends with a frame that is searched, and one worker does all of it.

A stretch begins where the one before it ended, so each but the first waits for what that search has
found. As every worker searches the end of its stretch first, that is there almost always.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import chain

from extractor.face_finder import FaceFinder, FinderPool
from extractor.frames import Pending
from extractor.in_flight import InFlight
from extractor.smoothing import Found, SmoothedFaces
from extractor.tracking import Search, Tracker
from facelib.types import Face
from utils import parallel
from utils.images import Image
from utils.parallel import Failure


@dataclass(frozen=True, eq=False)
class Stretch:
    """Consecutive frames of a video.

    Attributes
    ----------
    frames : sequence of Pending
        The last one is searched.
    before : Future or None
        What was found in the searched frame right before them, unless they are the first.
    end : Future
        What is found in the last one.
    """

    frames: Sequence[Pending]
    before: "Future[Search] | None"
    end: "Future[Search]"


def stretches(frames: Iterable[Pending], gap: int) -> Iterator[Stretch]:
    """Yield the frames in stretches, which end with the multiples of `gap` or where no more come.

    What goes wrong in `frames` is raised after the stretch before it.
    """
    before: Future[Search] | None = None
    next_index = -1
    for each in _groups(frames, gap):
        end = Future[Search]()
        yield Stretch(each, before if each[0].index == next_index else None, end)
        before, next_index = end, each[-1].index + 1


def _groups(frames: Iterable[Pending], gap: int) -> Iterator[list[Pending]]:
    """Yield the frames up to each multiple of `gap`; before an error, what came before it."""
    group: list[Pending] = []
    try:
        for frame in frames:
            if group and -(-frame.index // gap) != -(-group[0].index // gap):
                yield group
                group = []
            group.append(frame)
    except Exception:
        if group:
            yield group
        raise
    if group:
        yield group


@dataclass(frozen=True, eq=False)
class FollowingSearch:
    """Finds the faces of a video's frames by searching some and following the faces between.

    Attributes
    ----------
    finders : sequence of FaceFinder
        At least one per worker.
    gap : int
        Frames from one search to the next.
    """

    finders: Sequence[FaceFinder]
    in_flight: InFlight
    gap: int

    def found(self, frames: Iterable[Pending], pixels: int) -> Iterator[SmoothedFaces]:
        """Yield the faces of the frames, which have so many pixels, in order."""
        workers = parallel.cores()
        pool = FinderPool(self.finders)

        def find(stretch: Stretch) -> list[SmoothedFaces]:
            with pool.lend() as finder:
                return self._found(stretch, finder)

        ahead = self.in_flight.ahead(workers + 1, self.gap * pixels)
        groups = stretches(frames, self.gap)
        results = parallel.ordered_map(find, groups, workers=workers, ahead=ahead, catch=())
        return chain.from_iterable(each for each in results if not isinstance(each, Failure))

    def _found(self, stretch: Stretch, finder: FaceFinder) -> list[SmoothedFaces]:
        *between, last = stretch.frames
        end = self._look(last, finder.search)
        stretch.end.set_result(end)
        tracker = Tracker(finder, self._look)
        start = stretch.before.result() if stretch.before and between else None
        found = [*tracker.between(between, start, end), end]
        return [self._wanted(*each, finder) for each in zip(stretch.frames, found, strict=True)]

    def _look(self, frame: Pending, work: Callable[[Image], list[Face]]) -> Search:
        """Return the faces of a frame; whatever goes wrong meanwhile costs that frame only."""
        try:
            with self.in_flight.hold(frame.name, frame.pixels()):
                return work(frame.image())
        except Exception as problem:  # noqa: BLE001 - reported with the frame
            return Failure(frame, problem)

    def _wanted(self, frame: Pending, faces: Search, finder: FaceFinder) -> SmoothedFaces:
        if finder.chooses and not isinstance(faces, Failure):
            everyone = faces
            faces = self._look(frame, lambda image: finder.wanted(image, everyone))
        return faces if isinstance(faces, Failure) else Found(frame, None, faces)
