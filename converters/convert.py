"""`convert`: put the predicted faces into the footage, frame by frame, and write the result."""

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from converters import plan as plans
from converters import predictor as predictors
from converters.blend import Blender, Trace
from converters.film import VideoOutput
from converters.looks import Blenders, Looks
from converters.motion import find_ways
from converters.obstruction import Obstructions
from converters.options import (
    ConvertOptions,
    color_lead,
    has_alpha,
    save_look,
    settings_file,
)
from converters.output import FolderOutput, Order, Output, alone, log
from converters.pipeline import Converted, Pipeline
from converters.plan import VIDEO_FRAME
from converters.predictor import Predictor
from converters.resume import run_header
from facelib.faceset import FaceInfo, Faceset
from utils import console
from utils.console import Report
from utils.credentials import Marker
from utils.errors import InputError, UsageError
from utils.files import VIDEO_SUFFIXES, list_images
from utils.images import write_image
from utils.options import to_json
from utils.video import WHOLE, Coding, Frame, FrameSource, Span, open_source
from utils.video_coding import CODECS, container_of
from utils.video_source import span_between

Faces = dict[str, list[FaceInfo]]
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
    with alone(options.output_dir, options.mask_output):
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
    output = open_output(Order(options, source, span, header, marker, plan.stamp))
    save_look(settings_file(options.output_dir), options)
    log(options.output_dir, "begun", model=predictor.name, options=to_json(options))
    with output:
        report = _convert(options, predictor, source, faces, output, plan.looks)
    report.remarks["the result"] = output.remarks + ([] if marker else [UNMARKED])
    marked = "marked and signed" if marker else UNMARKED
    log(options.output_dir, "finished", provenance=marked, failed=len(report.failures),
        **report.counts)  # fmt: skip
    if faceset.skipped:
        report.remarks["no face files, ignored"] = faceset.skipped
    return report


def is_video(path: Path) -> bool:
    """Whether an output path means a video."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def check_output(options: ConvertOptions) -> None:
    """Refuse an output that would destroy an input or a finished video, or cannot hold the result.

    Raises
    ------
    UsageError, InputError
    """
    if options.mask_dir:
        list_images(options.mask_dir)
    output, mask = options.output_dir, options.mask_output
    for place in filter(None, (output, mask)):
        for name in ("input_dir", "aligned_dir", "model_dir"):
            if place.resolve() == getattr(options, name).resolve():
                raise UsageError(f"{place} is also the --{name.replace('_', '-')}")
        if not is_video(place) and place.exists() and not place.is_dir():
            raise InputError(
                f'"{place}" is a file, but no video (such as result.mp4); name another place'
            )
    if mask is not None and (is_video(mask) != is_video(output) or mask == output):
        raise UsageError(
            "--mask-output: Expected a folder if the result is one, else a video, and not the same "
            f"one. Received: {mask}"
        )
    if options.image_format == "jpg" and has_alpha(options):
        raise UsageError("a JPEG has no alpha channel: for --alpha or --raw-mode rgb+mask use png")
    if is_video(output):
        for place in filter(None, (output, mask)):
            check_video(place, options)


def check_video(path: Path, options: ConvertOptions) -> None:
    """Refuse a video that exists or cannot be written with these options.

    Raises
    ------
    UsageError, InputError
    """
    coding = Coding(options.codec)
    container_of(path.suffix, coding, path.name)
    if has_alpha(options) and not coding.kind.has_alpha:
        fitting = ", ".join(name for name, kind in CODECS.items() if kind.has_alpha)
        raise UsageError(
            f"{options.codec} has no alpha channel: for --alpha or --raw-mode rgb+mask, "
            "--output-dir must be a "
            f"folder, or --codec one of: {fitting}"
        )
    if path.exists() and not options.overwrite:
        raise InputError(f'"{path}" exists already; use --overwrite or another name')


def span_of(options: ConvertOptions, source: FrameSource) -> Span:
    """Return which part of the footage is wanted.

    Raises
    ------
    UsageError
        If it is written wrongly, is empty, or is in seconds although the footage is a folder.
    """
    span = span_between(options.from_, options.to)
    if span.uses_seconds and not source.is_video:
        raise UsageError("pictures in a folder have no times; give --from and --to as numbers")
    return span


def check_names(options: ConvertOptions, source: FrameSource, faces: Faces) -> None:
    """Refuse faces of which none can belong to a frame.

    Raises
    ------
    InputError
        With an example of both sides' names.
    """
    if source.is_video:
        example, fits = "000000", any(VIDEO_FRAME.fullmatch(name) for name in faces)
    else:
        frames = [path.stem for path in list_images(options.input_dir)]
        example, fits = frames[0], not faces.keys().isdisjoint(frames)
    if not fits:
        raise InputError(
            f'no face in "{options.aligned_dir}" belongs to a frame of "{options.input_dir}": '
            f'the faces are from frames with names such as "{next(iter(faces))}", the footage has '
            f'names such as "{example}"; use the faces that extract found in this footage'
        )
    origins = sorted({info.source for infos in faces.values() for info in infos})
    if options.input_dir.name not in origins:
        console.warn(
            f'the faces were found in "{origins[0]}", the footage is "{options.input_dir.name}"; '
            "if that is not the same footage, they will be put in the wrong places"
        )


def open_output(order: Order) -> Output:
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
    faces: Faces,
    output: Output,
    looks: Looks,
) -> Report:
    report = Report({"frames": 0, "converted faces": 0, "frames without a face": 0})
    report.remarks = {"no face in": []}
    matched: set[str] = set()
    erode, blur = predictor.base_erode, predictor.base_blur
    blenders = Blenders(looks, lambda look: Blender(look, erode, blur))
    pipeline = Pipeline(
        predictor, blenders, options.batch_size,
        trace=(lambda frame: _tracer(options.output_dir, frame)) if options.debug else None,
        save=output.save,
        covers=options.mask_output is not None,
        free=Obstructions(options.mask_dir) if options.mask_dir else None,
        ways=find_ways(info for infos in faces.values() for info in infos),
        context=lambda frame: _finished(frame, output),
    )  # fmt: skip
    lead = max(color_lead(look) for look in looks.own.values())
    total = output.span.count(source.count, source.rate)
    with closing(pipeline.run(_wanted(source, faces, output, matched, lead))) as results:
        for done in console.progress(results, total, "convert"):
            output.add(done)
            _count(report, done)
    if output.finished:
        report.counts["frames finished before"] = output.finished
    if output.span == WHOLE:
        report.remarks["faces without their frame"] = sorted(faces.keys() - matched)
    report.failures += output.failures + source.failures
    if not matched and not output.finished:
        report.failures.append("no frame had a face: are these the faces of this footage?")
    return report


def _wanted(
    source: FrameSource, faces: Faces, output: Output, matched: set[str], lead: int
) -> Iterator[tuple[Frame, list[FaceInfo]]]:
    """Yield the frames that are not finished yet, with their faces; note which names had faces.

    Before each come up to `lead` frames that are finished: its colours depend on them.
    """
    earlier: deque[tuple[Frame, list[FaceInfo]]] = deque(maxlen=lead)
    for frame in source.frames(output.span.begun_earlier(lead, source.rate)):
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
        report.remarks["no face in"].append(done.frame.name)


def _tracer(output: Path, frame: Frame) -> Trace:
    """Return what writes the intermediate pictures of a frame to `<output>_debug`."""
    folder = output.with_name(output.with_suffix("").name if is_video(output) else output.name)
    folder = folder.with_name(folder.name + "_debug")

    def write(number: int, what: str, image: np.ndarray) -> None:
        write_image(folder / f"{Path(frame.name).stem}_{number}_{what}.png", image)

    return write
