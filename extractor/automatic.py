"""Automatic extraction as one stream: decode, find faces, smooth landmarks, write, record.

This thread decodes video, restores the order of the results, smooths landmarks over time and keeps
the journal; one worker per core reads images and finds faces, and as many align and write them.
Only a few frames are in memory at any time, whatever the length of the footage, and each is decoded
once.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2

from extractor import journal
from extractor.face_finder import FaceFinder, FinderPool
from extractor.frames import Pending, SampledSource
from extractor.in_flight import InFlight, WorkerDiedError
from extractor.smoothing import Found, SmoothedFaces, frame_of, smoothed
from extractor.stretches import FollowingSearch
from extractor.writer import FaceWriter
from facelib.review import FaceSummary
from facelib.smoothing import REACH
from utils import console, parallel
from utils.errors import UserError
from utils.files import Manifest

MOST_IN_A_ROW = 20
"""So many frames that fail one after the other, for no reason in the frames, end the run."""

Finished = tuple[str, list[FaceSummary]] | parallel.Failure[Any]
"""A frame that is on disk, by name, with its faces; or one that failed."""


@dataclass(frozen=True, eq=False)
class AutomaticExtraction:
    """Finds and writes the faces of every unfinished frame.

    Attributes
    ----------
    finders : sequence of FaceFinder
        At least one per core.
    noise : float or None
        The landmarker's, by which landmarks are smoothed; None leaves them as measured.
    gap : int
        Frames from one search to the next (`tracking.py`); 1: all are searched.
    """

    footage: SampledSource
    finders: Sequence[FaceFinder]
    noise: float | None
    writer: FaceWriter
    in_flight: InFlight
    gap: int = 1

    def run(self, manifest: Manifest) -> list[str]:
        """Process all unfinished frames; return a sentence for everything that failed.

        Raises
        ------
        UserError
            If frame after frame fails for a reason that is not in the frame.
        """
        failures: list[str] = []
        if journal.complete(manifest):
            return failures
        neighbors = 0 if self.noise is None else REACH
        frames = self.footage.pending(manifest.done, failures, self.in_flight, neighbors, self.gap)
        count = self.footage.count
        left = None if count is None else max(0, count - len(manifest.done))
        with _one_opencv_thread():
            finished = self._written(self._smoothed(self._found(frames)))
            _record(console.progress(finished, left, "Extracting"), manifest, failures)
        if self.footage.source.is_video and not failures:
            journal.mark_complete(manifest)
        return failures

    def _found(self, frames: Iterable[Pending]) -> Iterator[SmoothedFaces]:
        if self.gap > 1:
            following = FollowingSearch(self.finders, self.in_flight, self.gap)
            return following.found(frames, self.footage.decoded_pixels)
        workers = parallel.cores()
        pool = FinderPool(self.finders)

        def find(frame: Pending) -> Found:
            with self.in_flight.hold(frame.name, frame.pixels()), pool.lend() as finder:
                image = frame.image()
                faces = finder.find(image)
            return Found(frame, self.in_flight.keep(image), faces)

        ahead = self.in_flight.ahead(2 * workers, self.footage.decoded_pixels)
        # whatever goes wrong while a frame is searched costs that frame only
        return parallel.ordered_map(find, frames, workers=workers, ahead=ahead, catch=Exception)

    def _smoothed(self, results: Iterator[SmoothedFaces]) -> Iterator[SmoothedFaces]:
        if self.noise is None:
            return (each for each in results if frame_of(each).wanted)
        return smoothed(results, self.footage.every, self.noise)

    def _written(self, results: Iterator[SmoothedFaces]) -> Iterator[Finished]:
        workers = parallel.cores()
        ahead = self.in_flight.ahead(workers, self.footage.decoded_pixels)
        return parallel.ordered_map(
            self._write, results, workers=workers, ahead=ahead, catch=(UserError, cv2.error)
        )

    def _write(self, result: SmoothedFaces) -> Finished:
        if not isinstance(result, Found):
            return result
        frame, image = result.frame, result.image
        if result.faces or self.writer.debug:  # otherwise there is nothing to write
            with self.in_flight.hold(frame.name, frame.pixels()):
                self.writer.write(frame, frame.image() if image is None else image, result.faces)
        return frame.name, journal.summaries(result.faces)


def _record(results: Iterable[Finished], manifest: Manifest, failures: list[str]) -> None:
    """Record finished frames in the journal, failed ones in `failures`.

    Raises
    ------
    UserError
        If frame after frame fails for a reason that is not in the frame.
    """
    in_a_row = 0
    for result in results:
        if not isinstance(result, parallel.Failure):
            in_a_row = 0
            journal.record(manifest, *result)
            continue
        error = result.error
        kind = (
            "" if isinstance(error, (UserError, WorkerDiedError)) else f"{type(error).__name__}: "
        )
        sentence = f"{kind}{error}"
        frame = result.item.frame if isinstance(result.item, Found) else result.item
        failures.append(f'"{frame.name}": {sentence}')
        in_a_row = 0 if isinstance(error, UserError) else in_a_row + 1
        if in_a_row == MOST_IN_A_ROW:
            raise UserError(
                f"{in_a_row} frames in a row failed, the last one with {sentence}; finished frames "
                "are kept"
            )


@contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """Keep OpenCV from starting threads of its own: there is a worker for every core already."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
