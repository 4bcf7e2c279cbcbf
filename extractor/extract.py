"""The `extract` stage: finds the faces in footage, aligns them, and writes a picture of each.

One stream from the decoder to the disk: this thread decodes video, puts what was found in order,
smooths the landmarks over time and keeps the record; one worker a core reads pictures and finds
faces, and as many align and write them. Only a few frames are in memory at any time, whatever the
length of the footage, and each is decoded once.
"""

import queue
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from typing import Any

import cv2

from extractor import journal
from extractor.face_finder import FaceFinder, make_finders
from extractor.frames import Pending, pending
from extractor.in_flight import InFlight, WorkerDied
from extractor.manual import WINDOW, app
from extractor.options import MANUAL, ExtractOptions
from extractor.review import FaceSummary, doubtful
from extractor.smoothing import Found, SmoothedFaces, smoothed
from extractor.writer import FaceWriter
from facelib.detectors import DETECTORS
from facelib.landmarkers import LANDMARKERS
from utils import console, parallel
from utils.console import Report
from utils.errors import UserError
from utils.files import Manifest, natural_key
from utils.video.io import open_source
from utils.video.source import FrameSource

MOST_IN_A_ROW = 20


def run(options: ExtractOptions, hands: InFlight | None = None) -> Report:
    """Extract the faces of a folder of frames or a video, in this process.

    `supervisor.py` runs it in another one, and hears through `hands` how it goes on.

    Raises
    ------
    InputError
        If the input cannot be read, or the output folder belongs to another extraction.
    WeightsError
        If the weights of a network are missing.
    """
    hands = hands or InFlight()
    if options.manual_output_debug_fix:
        options = replace(options, debug=True)
    source = open_source(options.input_dir)
    finders: queue.SimpleQueue[FaceFinder] = queue.SimpleQueue()
    automatic = options.detector != MANUAL and not options.manual_output_debug_fix
    if automatic:
        for finder in make_finders(options):  # before anything is written: weights may be missing
            finders.put(finder)
        if options.cpu_only:
            console.say(f"Detector: {options.detector} ({DETECTORS[options.detector].help})")
    if app.wanted(options):
        app.check(options)
    report = Report()
    with journal.begin(options, source) as manifest:
        before = len(journal.frames_of(manifest))
        if before:
            console.say(f"{before} frames are done already; continuing")
        if automatic:
            with _one_thread_each():
                _work_through(options, source, finders, manifest, report, hands)
        if app.wanted(options):
            with hands.hold(WINDOW):
                app.work_through(options, source, manifest, report)
        _summarize(manifest, report, before)
    return report


def _work_through(
    options: ExtractOptions,
    source: FrameSource,
    finders: "queue.SimpleQueue[FaceFinder]",
    manifest: Manifest,
    report: Report,
    hands: InFlight,
) -> None:
    """Do every frame that is not done and record it."""
    if journal.complete(manifest):
        return
    writer = FaceWriter(options, source.path.name)

    def find(frame: Pending) -> Found:
        with hands.hold(frame.name, frame.pixels()):
            finder = finders.get()  # there are at least as many as workers; each has its turn
            try:
                image = frame.image()
                faces = finder.find(image)
            finally:
                finders.put(finder)
        return Found(frame, hands.keep(image), faces)

    def write(result: SmoothedFaces) -> SmoothedFaces | tuple[str, list[FaceSummary]]:
        if not isinstance(result, Found):
            return result
        frame, image = result.frame, result.image
        if result.faces or options.debug:  # else nothing is written, and nothing read again
            with hands.hold(frame.name, frame.pixels()):
                writer.write(frame, frame.image() if image is None else image, result.faces)
        marks = [FaceSummary(face.rect, face.score, face.quality) for face in result.faces]
        return frame.name, marks

    workers = parallel.cores()
    decoded = prod(source.size or ()) if source.is_video else 1  # a picture is read by a worker
    frames = pending(source, options, manifest.done, report.failures, hands)
    # whatever goes wrong while a frame is looked at costs that frame only
    found: Iterable[SmoothedFaces] = parallel.ordered_map(
        find, frames, workers=workers, ahead=hands.ahead(2 * workers, decoded), catch=Exception
    )
    if options.smooth:
        found = smoothed(found, options.every, LANDMARKERS.load(options.landmarker).noise)
    results = parallel.ordered_map(
        write,
        found,
        workers=workers,
        ahead=hands.ahead(workers, decoded),
        catch=(UserError, cv2.error),
    )
    wanted = None if source.count is None else -(-source.count // options.every)
    left = None if wanted is None else max(0, wanted - len(manifest.done))
    _record(console.progress(results, left, "Extracting"), manifest, report)
    if source.is_video and not report.failures:
        journal.mark_complete(manifest)


def _record(results: Iterable[Any], manifest: Manifest, report: Report) -> None:
    """Keep the record of what is finished and what failed.

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
        kind = "" if isinstance(error, (UserError, WorkerDied)) else f"{type(error).__name__}: "
        sentence = f"{kind}{error}"
        frame = result.item.frame if isinstance(result.item, Found) else result.item
        report.failures.append(f'"{frame.name}": {sentence}')
        in_a_row = 0 if isinstance(error, UserError) else in_a_row + 1
        if in_a_row == MOST_IN_A_ROW:
            raise UserError(
                f"{in_a_row} frames in a row could not be looked at, the last one because of "
                f"{sentence}; what was finished is kept"
            )


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Keep OpenCV from starting threads of its own: there is a worker for every core already."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def _summarize(manifest: Manifest, report: Report, before: int) -> None:
    frames = sorted(journal.frames_of(manifest), key=lambda frame: natural_key(frame[0]))
    faces = sum(len(marks) for _, marks in frames)
    report.counts = {"frames": len(frames), "faces": faces}
    if before:
        report.counts["frames done by an earlier run"] = before
    report.notes |= {
        "frames without a face": [name for name, marks in frames if not marks],
        "doubtful frames": doubtful(frames),
    }
    if frames and not faces and not journal.by_hand(manifest):
        report.failures.append(
            "no face was found in any frame; another --detector may find some, and "
            "--debug shows what was looked at"
        )
