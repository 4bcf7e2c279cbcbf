"""`convert`: put the predicted faces into the footage, frame by frame, and write the result."""

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from converters import plan as plans
from converters import predictor as predictors
from converters.blending.blender import Blender, Trace
from converters.blending.motion import find_motions
from converters.blending.occlusion import OcclusionMasks
from converters.checks import FacesByFrame, check_names, check_output, is_video, span_of
from converters.look import color_context_frames, save_look, settings_file
from converters.look_timeline import Blenders, LookTimeline
from converters.options import ConvertOptions
from converters.output.base import Output, OutputRequest
from converters.output.folder import FolderOutput
from converters.output.journal import run_header
from converters.output.run_log import log, output_lock
from converters.output.video import VideoOutput
from converters.pipeline import Converted, Pipeline
from converters.predictor import Predictor
from facelib.faceset import FaceInfo, Faceset
from utils import console
from utils.console import Report
from utils.images import write_image
from utils.options import to_json
from utils.provenance.c2pa import Marker
from utils.video.frame import WHOLE, Frame, Span
from utils.video.io import open_source
from utils.video.source import FrameSource

UNMARKED = "not marked as synthetic and not signed: --no-provenance"


def run(options: ConvertOptions, predictor: Predictor | None = None) -> Report:
    """Convert the footage; `predictor` replaces the one in the model folder.

    Raises
    ------
    InputError
        If footage or faces are missing or do not belong together, or the output exists, or another
        run is at work on it.
    UsageError
        If options contradict each other.
    ModelError
        If the model folder holds no usable model, or another one than asked for.
    """
    check_output(options)
    source = open_source(options.input_dir)
    span = span_of(options, source)
    faceset = Faceset.open(options.aligned_dir)
    check_names(options, source, faceset.by_frame())
    plans.check(options)
    with output_lock(options.output_dir, options.mask_output):
        return _run(options, predictor, source, span, faceset)


def _run(
    options: ConvertOptions,
    predictor: Predictor | None,
    source: FrameSource,
    span: Span,
    faceset: Faceset,
) -> Report:
    """Load the model, choose the looks, convert, and keep a record beside the result."""
    marker = Marker() if options.provenance else None
    # what can fail cheaply has failed by now: TensorFlow takes seconds to load
    predictor = predictor or predictors.load(options.model_dir, options.model)
    if options.mask_type == "predicted" and not predictor.has_mask:
        console.warn("this model has learned no mask; the hull of the landmarks is used instead")
    faces = faceset.by_frame()
    plan = plans.choose(options, predictor, source, faces)
    if plan is None:
        return Report()
    for look in set(plan.looks.own.values()):
        check_output(replace(options, **vars(look)))
    header = run_header(options, faceset, predictor.name)
    header |= plan.facts(as_whole=is_video(options.output_dir))
    output = open_output(
        OutputRequest(options, source, span, header, marker, plan.look_fingerprint)
    )
    save_look(settings_file(options.output_dir), options)
    log(options.output_dir, "begun", model=predictor.name, options=to_json(options))
    with output:
        report = _convert(options, predictor, source, faces, output, plan.looks)
    report.notes["the result"] = output.notes + ([] if marker else [UNMARKED])
    marked = "marked and signed" if marker else UNMARKED
    log(options.output_dir, "finished", provenance=marked, failed=len(report.failures),
        **report.counts)  # fmt: skip
    if faceset.skipped:
        report.notes["no face files, ignored"] = faceset.skipped
    return report


def open_output(order: OutputRequest) -> Output:
    """Return the place for the results.

    Raises
    ------
    InputError
        If it holds another run's results.
    """
    return (VideoOutput if is_video(order.options.output_dir) else FolderOutput)(order)


def _convert(
    options: ConvertOptions,
    predictor: Predictor,
    source: FrameSource,
    faces: FacesByFrame,
    output: Output,
    looks: LookTimeline,
) -> Report:
    report = Report({"frames": 0, "converted faces": 0, "frames without a face": 0})
    report.notes = {"no face in": []}
    matched: set[str] = set()
    erode, blur = predictor.base_erode, predictor.base_blur
    blenders = Blenders(looks, lambda look: Blender(look, erode, blur))
    pipeline = Pipeline(
        predictor, blenders, options.batch_size,
        trace=(lambda frame: _tracer(options.output_dir, frame)) if options.debug else None,
        save=output.save,
        with_face_alpha=options.mask_output is not None,
        visibility=OcclusionMasks(options.mask_dir) if options.mask_dir else None,
        motions=find_motions(info for infos in faces.values() for info in infos),
        context=lambda frame: _finished(frame, output),
    )  # fmt: skip
    context_frames = max(color_context_frames(look) for look in looks.own.values())
    total = output.span.count(source.count, source.rate)
    with closing(pipeline.run(_wanted(source, faces, output, matched, context_frames))) as results:
        for done in console.progress(results, total, "convert"):
            output.add(done)
            _count(report, done)
    if output.finished:
        report.counts["frames finished before"] = output.finished
    if output.span == WHOLE:
        report.notes["faces without their frame"] = sorted(faces.keys() - matched)
    report.failures += output.failures + source.failures
    if not matched and not output.finished:
        report.failures.append("no frame had a face: are these the faces of this footage?")
    return report


def _wanted(
    source: FrameSource, faces: FacesByFrame, output: Output, matched: set[str], context_frames: int
) -> Iterator[tuple[Frame, list[FaceInfo]]]:
    """Yield the frames that are not finished yet, with their faces; note which names had faces.

    Before each come up to `context_frames` frames that are finished: its colors depend on them.
    """
    earlier: deque[tuple[Frame, list[FaceInfo]]] = deque(maxlen=context_frames)
    for frame in source.frames(output.span.begun_earlier(context_frames, source.rate)):
        stem = Path(frame.name).stem
        if stem in faces:
            matched.add(stem)
        item = frame, faces.get(stem, [])
        if _finished(frame, output):
            earlier.append(item)
            continue
        yield from earlier
        earlier.clear()
        yield item


def _finished(frame: Frame, output: Output) -> bool:
    return output.span.before(frame.index, frame.time) or frame.name in output


def _count(report: Report, done: Converted) -> None:
    report.counts["frames"] += 1
    report.counts["converted faces"] += done.faces
    report.failures += done.failures
    if not done.faces and not done.failures:
        report.counts["frames without a face"] += 1
        report.notes["no face in"].append(done.frame.name)


def _tracer(output: Path, frame: Frame) -> Trace:
    """Return what writes the intermediate pictures of a frame to `<output>_debug`."""
    folder = output.with_name(output.with_suffix("").name if is_video(output) else output.name)
    folder = folder.with_name(folder.name + "_debug")

    def write(number: int, what: str, image: np.ndarray) -> None:
        write_image(folder / f"{Path(frame.name).stem}_{number}_{what}.png", image)

    return write
