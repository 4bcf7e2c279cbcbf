"""The `extract` stage: finds the faces in footage, aligns them, and writes a picture of each.

One stream from the decoder to the disk: this thread decodes video and keeps the record, and one
worker a core reads a picture, finds its faces and writes them. Only a few frames are in memory at
any time, whatever the length of the footage, and each is decoded once.
"""

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import cv2

from extractor import journal
from extractor.byhand import session
from extractor.doubts import Mark, doubtful
from extractor.finder import FaceFinder, make_finders
from extractor.frames import Pending, pending
from extractor.options import MANUAL, ExtractOptions
from extractor.writer import FaceWriter
from facelib.detectors import DETECTORS
from utils import console, parallel
from utils.console import Report
from utils.errors import UserError
from utils.files import Manifest, natural_key
from utils.video import FrameSource, open_source


def run(options: ExtractOptions) -> Report:
    """Extract the faces of a folder of frames or a video.

    Raises
    ------
    InputError
        If the input cannot be read, or the output folder belongs to another extraction.
    WeightsError
        If the weights of a network are missing.
    """
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
    if session.wanted(options):
        session.check(options)
    report = Report()
    with journal.begin(options, source) as manifest:
        before = len(journal.frames_of(manifest))
        if before:
            console.say(f"{before} frames are done already; continuing")
        if automatic:
            with _one_thread_each():
                _work_through(options, source, finders, manifest, report)
        if session.wanted(options):
            session.work_through(options, source, manifest, report)
        _summarise(manifest, report, before)
    return report


def _work_through(
    options: ExtractOptions,
    source: FrameSource,
    finders: "queue.SimpleQueue[FaceFinder]",
    manifest: Manifest,
    report: Report,
) -> None:
    """Do every frame that is not done and record it."""
    writer = FaceWriter(options, source.path.name)

    def work(frame: Pending) -> tuple[str, list[Mark]]:
        finder = finders.get()  # there are as many as workers
        try:
            image = frame.image()
            faces = finder.find(image)
            writer.write(frame, image, faces)
        finally:
            finders.put(finder)
        return frame.name, [Mark(face.rect, face.score, face.quality) for face in faces]

    if journal.complete(manifest):
        return
    frames = pending(source, options.every, manifest.done, report.failures)
    results = parallel.ordered_map(
        work, frames, workers=parallel.cores(), catch=(UserError, cv2.error)
    )
    wanted = None if source.count is None else -(-source.count // options.every)
    left = None if wanted is None else max(0, wanted - len(manifest.done))
    for result in console.progress(results, left, "Extracting"):
        if isinstance(result, parallel.Failure):
            report.failures.append(f'"{result.item.name}": {result.error}')
        else:
            journal.record(manifest, *result)
    if source.is_video and not report.failures:
        journal.mark_complete(manifest)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Keep OpenCV from starting threads of its own: there is a worker for every core already."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def _summarise(manifest: Manifest, report: Report, before: int) -> None:
    frames = sorted(journal.frames_of(manifest), key=lambda frame: natural_key(frame[0]))
    faces = sum(len(marks) for _, marks in frames)
    report.counts = {"frames": len(frames), "faces": faces}
    if before:
        report.counts["frames done by an earlier run"] = before
    report.remarks |= {
        "frames without a face": [name for name, marks in frames if not marks],
        "doubtful frames": doubtful(frames),
    }
    if frames and not faces and not journal.by_hand(manifest):
        report.failures.append(
            "no face was found in any frame; another --detector may find some, and "
            "--debug shows what was looked at"
        )
