"""The `extract` stage: finds faces in footage, aligns them, and writes an image of each.

The options are turned into parts here; `automatic.py` and `manual/` do the work with those.
"""

from collections.abc import Iterable
from dataclasses import replace

from extractor import journal
from extractor.automatic import AutomaticExtraction
from extractor.checks import check_manual
from extractor.face_finder import FaceFinder, FaceSearch, choose_devices, make_finders
from extractor.frames import SampledSource
from extractor.in_flight import InFlight
from extractor.labels import Labels
from extractor.manual import WINDOW, app
from extractor.options import ExtractOptions, ManualMode, debug_dir
from extractor.review import frames_to_review
from extractor.writer import FaceWriter
from facelib.detectors import DETECTORS
from facelib.landmarkers import LANDMARKERS
from utils import console
from utils.console import Report
from utils.files import Manifest, natural_key
from utils.video.frame import WHOLE
from utils.video.io import open_source
from utils.wording import counted


def run(
    options: ExtractOptions,
    in_flight: InFlight | None = None,
    footage: SampledSource | None = None,
    labels: Labels | None = None,
) -> Report:
    """Extract the faces of a folder of frames or a video, in this process.

    `supervisor.py` runs it in another one, and follows the progress through `in_flight`; `split.py`
    gives it a part of the footage, and the labels that wait for its faces.

    Raises
    ------
    InputError
        If the input cannot be read, or the output folder belongs to another extraction.
    WeightsError
        If the weights of a network are missing.
    """
    in_flight = in_flight or InFlight()
    mode = options.manual_mode
    if mode is ManualMode.DEBUG_DELETED:
        options = replace(options, debug=True)
    footage = footage or open_footage(options)
    # before anything is written: weights or a display may be missing
    finders = [] if mode in (ManualMode.ALL, ManualMode.DEBUG_DELETED) else _finders(options)
    if mode is not None:
        check_manual(mode, options.output_dir, overwrite=options.overwrite)
    noise = LANDMARKERS.load(options.landmarker).noise if options.smooth and finders else None
    writer = face_writer(options, footage.path.name)
    header = journal.header(options, footage.source)
    gap = journal.gap_in(header)
    report = Report(made=[writer.folder, *([debug_dir(writer.folder)] if options.debug else [])])
    with journal.opened(
        writer.folder, header, footage.path, overwrite=options.overwrite
    ) as manifest:
        writer = replace(writer, labels=labels or Labels.kept_in(writer.folder))
        before = set(manifest.done)
        done_before = len(journal.frames_of(manifest))
        if done_before:
            console.say(f"continuing: {counted(done_before, 'frames')} finished already")
        if finders:
            automatic = AutomaticExtraction(footage, finders, noise, writer, in_flight, gap)
            report.failures += automatic.run(manifest)
        if mode is not None:
            with in_flight.hold(WINDOW):
                app.run(mode, footage, writer, manifest, report, options.manual_window_size)
        summarize(manifest, report, done_before, part=footage.span != WHOLE)
        _tell_labels(writer.labels, report, manifest.done.keys() - before)
        if writer.smaller:
            report.counts["faces with fewer pixels than --image-size"] = len(writer.smaller)
    report.notes["the footage"] = footage.source.notes
    return report


def open_footage(options: ExtractOptions) -> SampledSource:
    """Open what the options name."""
    return SampledSource(open_source(options.input_dir, square_pixels=True), options.every)


def face_search(options: ExtractOptions) -> FaceSearch:
    """Return which faces the options ask for."""
    return FaceSearch(
        detector=options.detector,
        landmarker=options.landmarker,
        min_score=options.min_score,
        rotated_search=options.rotated_search,
        min_face_size=options.min_face_size,
        max_faces=options.max_faces,
        person=options.person,
        not_person=options.not_person,
        cpu_only=options.cpu_only,
    )


def _finders(options: ExtractOptions) -> list[FaceFinder]:
    devices = choose_devices(
        multi_gpu=options.multi_gpu, cpu_only=options.cpu_only, gpu_index=options.force_gpu_idx
    )
    console.announce("loading the detector")
    finders = make_finders(face_search(options), devices)
    if options.cpu_only:
        console.say(f"Detector: {options.detector} ({DETECTORS[options.detector].help})")
    return finders


def face_writer(options: ExtractOptions, source: str) -> FaceWriter:
    """Return what writes the faces of a source as the options ask for."""
    return FaceWriter(
        folder=options.output_dir,
        source=source,
        face_type=options.face_type,
        image_size=options.image_size,
        detector=options.detector,
        landmarker=options.landmarker,
        debug=options.debug,
    )


def summarize(manifest: Manifest, report: Report, done_before: int = 0, part: bool = False) -> None:
    """Put what the journal knows into the report; only of a whole run a face is expected."""
    frames = sorted(journal.frames_of(manifest), key=lambda frame: natural_key(frame[0]))
    count = sum(len(faces) for _, faces in frames)
    report.counts = {"frames": len(frames), "faces": count}
    if done_before:
        report.counts["frames done by an earlier run"] = done_before
    report.notes |= {
        "frames without a face": [name for name, faces in frames if not faces],
        "frames to review": frames_to_review(frames),
    }
    if frames and not count and not part and not journal.manual_frames(manifest):
        report.failures.append(
            "no face was found in any frame; try another --detector, and use --debug to see what "
            "was searched"
        )


def _tell_labels(labels: Labels, report: Report, frames: Iterable[str]) -> None:
    if labels.carried:
        report.counts["labels of masks carried over"] = len(labels.carried)
    lost = sorted(labels.without_face(frames), key=natural_key)
    report.notes["frames in which a label fits no face"] = lost
    report.failures += labels.problems
