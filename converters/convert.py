"""`convert`: put the predicted faces into the footage, frame by frame, and write the result."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from converters import predictor as predictors
from converters import split
from converters.blending.blender import Blender, Trace
from converters.checks import check_morph
from converters.footage import FacesByFrame, Footage
from converters.job import Job
from converters.look import save_look, settings_file
from converters.look_timeline import Blenders, LookTimeline
from converters.options import ConvertOptions
from converters.output.base import Output
from converters.output.folder import FolderOutput
from converters.output.journal import RunIdentity
from converters.output.request import OutputRequest
from converters.output.run_log import log, output_lock
from converters.output.video import VideoOutput
from converters.pipeline import Converted, Pipeline
from converters.predictor import Predictor
from facelib.faceset import FaceInfo
from models.mask_predictor import MaskPredictor
from utils import console, signals, spreading
from utils.console import Report
from utils.images import write_image
from utils.options import to_json
from utils.shares import JOIN
from utils.video.frame import WHOLE, Frame, Span

HIDDEN = "faces not converted, because they are occluded or out of the frame"
UNMARKED = "not marked as synthetic and not signed: --no-provenance"


def run(
    options: ConvertOptions,
    predictor: Predictor | None = None,
    masks: MaskPredictor | None = None,
) -> Report:
    """Convert the footage; `predictor` and `masks` replace those in the models' folders.

    Raises
    ------
    InputError
        If footage or faces are missing or do not belong together, or the output exists, or another
        run is writing it.
    UsageError
        If options contradict each other.
    ModelError
        If the model folder holds no usable model, or another one than asked for.
    """
    if options.ray is not None:
        footage = Footage.open(options.input_dir, options.from_, options.to)
        spreading.spread("convert", options, options.output_dir, footage.numbers)
        options = replace(options, ray=None, part=JOIN)
    job = Job.of(options)
    if options.part == JOIN:
        return split.join(job)
    result, signed = job.output.path, job.output.marker is not None
    with output_lock(job.written):
        predictor = predictor or predictors.load(
            options.model_dir, options.model, options.expression_gain
        )
        if job.look.mask_type == "predicted" and not predictor.has_mask:
            console.warn("this model has learned no mask; the landmarks' hull is used instead")
        if masks is None and job.mask_model_dir is not None:
            masks = MaskPredictor(job.mask_model_dir)
        plan = job.choose_plan(predictor, masks)
        if plan is None:
            return Report(made=[job.session.path], next_without=("--interactive", "--remote"))
        looks = plan.timeline.own.values()
        check_morph(looks, predictor.name, can=predictor.morphs)
        masks = masks if plan.wants_trained_masks else None
        identity = job.identity(plan, predictor.name, masks.name if masks else None)
        split.begin(job, identity)
        output = open_output(job.output, job.footage, identity)
        save_look(settings_file(result), plan.timeline.at(0))
        log(result, "begun", model=predictor.name, options=to_json(options))
        with output, signals.finishing(signals.finishing_frames):
            frames = RemainingFrames(job.footage, job.faces, output, plan.timeline.context_frames)
            pipeline = _pipeline(job, plan.timeline, predictor, masks, output)
            report = _convert(frames, pipeline, output, job.footage)
        marked = "marked and signed" if signed else UNMARKED
        log(result, "finished", provenance=marked, failed=len(report.failures), **report.counts)
    report.made = job.output.paths
    report.notes["the result"] = output.notes + ([] if signed else [UNMARKED])
    report.notes["the footage"] = job.footage.source.notes
    report.notes["the masks"] = job.visibility.notes if job.visibility else []
    report.notes["no face files, ignored"] = list(job.faces.skipped)
    report.notes["copies of faces, ignored"] = list(job.faces.copies)
    split.finish(job, report)
    return report


def open_output(request: OutputRequest, footage: Footage, identity: RunIdentity) -> Output:
    """Return what takes the converted frames.

    Raises
    ------
    InputError
        If another run's results are in its place.
    """
    return (VideoOutput if request.is_video else FolderOutput)(request, footage, identity)


class RemainingFrames:
    """The frames that are not finished yet, with their faces.

    Before each come up to `context_frames` finished ones: its colors and mask depend on them.

    Attributes
    ----------
    count : int or None
        About how many frames they are, if known.
    with_faces : set of str
        The stems of the frames so far, finished ones included, that have faces.
    """

    def __init__(
        self, footage: Footage, faces: FacesByFrame, output: Output, context_frames: int
    ) -> None:
        self._source, self._faces, self._output = footage.source, faces, output
        self._context_frames = context_frames
        self.count = output.span.count(footage.source.count, footage.source.rate)
        self.with_faces: set[str] = set()

    def __iter__(self) -> Iterator[tuple[Frame, list[FaceInfo]]]:
        context: deque[tuple[Frame, list[FaceInfo]]] = deque(maxlen=self._context_frames)
        span = self._output.span.begun_earlier(self._context_frames, self._source.rate)
        for frame in self._source.frames(span):
            infos = self._faces.of(frame)
            if infos:
                self.with_faces.add(Path(frame.name).stem)
            if self._output.has(frame):
                context.append((frame, infos))
                continue
            yield from context
            context.clear()
            yield frame, infos

    @property
    def failures(self) -> list[str]:
        """One sentence for each frame that could not be read."""
        return self._source.failures

    def missing(self, span: Span) -> list[str]:
        """Return the names of frames in a span that have faces but are not in the footage."""
        found = self._faces.by_frame
        names = sorted(found.keys() - self.with_faces)
        return [name for name in names if span.holds(found[name][0].frame_index, None)]


def _pipeline(
    job: Job,
    timeline: LookTimeline,
    predictor: Predictor,
    masks: MaskPredictor | None,
    output: Output,
) -> Pipeline:
    erode, blur = predictor.base_erode, predictor.base_blur
    return Pipeline(
        predictor,
        Blenders(timeline, lambda look: Blender(look, erode, blur)),
        job.batch_size,
        trace=_trace_to(job.output.debug_dir) if job.debug else None,
        save=output.save,
        with_face_alpha=job.output.mask_path is not None,
        visibility=job.visibility,
        motions=job.faces.motions(),
        context=output.has,
        masks=masks,
    )


def _convert(
    frames: RemainingFrames, pipeline: Pipeline, output: Output, footage: Footage
) -> Report:
    report = Report({"frames": 0, "converted faces": 0, "frames without a face": 0})
    report.notes = {"no face in": [], HIDDEN: []}
    with closing(pipeline.run(frames)) as results:
        for converted in console.progress(results, frames.count, "Converting"):
            output.add(converted)
            _count(report, converted)
    if output.finished:
        report.counts["frames finished before"] = output.finished
    if footage.whole == WHOLE and output.span == footage.span:
        report.notes["faces without their frame"] = frames.missing(footage.span)
    report.failures += output.failures + frames.failures
    is_part = footage.span != footage.whole
    if not frames.with_faces and not output.finished and not is_part:
        report.failures.append("no frame had a face: are these the faces of this footage?")
    return report


def _count(report: Report, converted: Converted) -> None:
    report.counts["frames"] += 1
    report.counts["converted faces"] += converted.faces
    report.failures += converted.failures
    if converted.hidden:
        report.notes[HIDDEN].append(converted.frame.name)
    elif not converted.faces and not converted.failures:
        report.counts["frames without a face"] += 1
        report.notes["no face in"].append(converted.frame.name)


def _trace_to(folder: Path) -> Callable[[Frame], Trace]:
    """Return what gives, for a frame, the function that writes its intermediate images."""

    def trace_of(frame: Frame) -> Trace:
        def write(face: int, step: str, image: np.ndarray) -> None:
            write_image(folder / f"{Path(frame.name).stem}_{face}_{step}.png", image)

        return write

    return trace_of
