"""`convert`: put the predicted faces into the footage, frame by frame, and write the result."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing
from fractions import Fraction
from pathlib import Path

import numpy as np

from converters import predictor as predictors
from converters.blend import Blender, Trace
from converters.looks import Blenders, Looks
from converters.options import ConvertOptions
from converters.pipeline import Converted, Pipeline
from converters.predictor import Predictor
from converters.resume import Journal
from facelib.faceset import FaceInfo, Faceset
from utils import console, provenance
from utils.console import Report
from utils.errors import InputError, UsageError
from utils.files import VIDEO_SUFFIXES, list_images
from utils.images import write_image
from utils.video import Frame, FrameSink, FrameSource, open_sink, open_source

Faces = dict[str, list[FaceInfo]]
VIDEO_FRAME = re.compile(r"\d{6,}")  # how frames of a video are called


def run(options: ConvertOptions, predictor: Predictor | None = None) -> Report:
    """Convert the footage; `predictor` replaces the one in the model folder.

    Raises
    ------
    InputError
        If footage or faces are missing or do not belong together, or the output exists.
    UsageError
        If options contradict each other.
    ModelError
        If the model folder holds no usable model, or another one than asked for.
    """
    check_output(options)
    source = open_source(options.input_dir)
    faceset = Faceset.open(options.aligned_dir)
    faces = faceset.by_frame()
    check_names(options, source, faces)
    # what can fail cheaply has failed by now: TensorFlow takes seconds to load
    predictor = predictor or predictors.load(options.model_dir, options.model)
    if options.mask_type == "predicted" and not predictor.has_mask:
        console.warn("this model has learned no mask; the hull of the landmarks is used instead")
    with ExitStack() as stack:
        journal = None
        if not is_video(options.output_dir):
            journal = stack.enter_context(Journal(options, faceset, predictor.name))
        report = _convert(options, predictor, source, faces, journal)
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
    output = options.output_dir
    for name in ("input_dir", "aligned_dir", "model_dir"):
        if output.resolve() == getattr(options, name).resolve():
            raise UsageError(f"--output-dir is the same as --{name.replace('_', '-')}: {output}")
    if not is_video(output):
        if output.exists() and not output.is_dir():
            raise InputError(
                f'"{output}" is a file, but no video (such as result.mp4); use another --output-dir'
            )
        return
    if (options.mode, options.raw_mode) == ("raw", "rgb+mask"):
        raise UsageError(
            "a video has no alpha channel: for --raw-mode rgb+mask, --output-dir must be a folder"
        )
    if output.exists() and not options.overwrite:
        raise InputError(f'"{output}" exists already; use --overwrite or another --output-dir')


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


def exact_rate(rate: float) -> Fraction:
    """Return the frame rate that is meant: 29.97 is 30000/1001, 25 is 25."""
    ntsc = Fraction(round(rate * 1.001) * 1000, 1001)
    meant = not rate.is_integer() and abs(rate - ntsc) < 0.005
    return ntsc if meant else Fraction(str(rate))


def _convert(
    options: ConvertOptions,
    predictor: Predictor,
    source: FrameSource,
    faces: Faces,
    journal: Journal | None,
) -> Report:
    report = Report({"frames": 0, "converted faces": 0, "frames without a face": 0})
    report.remarks = {"no face in": []}
    matched: set[str] = set()
    erode, blur = predictor.base_erode, predictor.base_blur
    blenders = Blenders(Looks.all_alike(options), lambda look: Blender(look, erode, blur))
    trace = (lambda frame: _tracer(options.output_dir, frame)) if options.debug else None
    with ExitStack() as stack:
        sink = stack.enter_context(_sink(options, source))
        # pictures may be written out of order, by several threads; a video may not
        save = None if journal is None else sink.write
        pipeline = Pipeline(predictor, blenders, options.batch_size, trace, save)
        wanted = _wanted(source, faces, journal, matched)
        results = stack.enter_context(closing(pipeline.run(wanted)))
        for done in console.progress(results, _remaining(source, journal), "convert"):
            if journal is None:
                sink.write(done.frame)
            elif not done.failures:  # what failed is tried again by the next run
                journal.add(done.frame.name, faces=done.faces)
            _count(report, done)
    if journal is not None and journal.finished:
        report.counts["frames finished before"] = journal.finished
    report.remarks["faces without their frame"] = sorted(faces.keys() - matched)
    report.remarks["the result"] = sink.remarks
    report.failures += source.failures
    if not matched:
        report.failures.append("no frame had a face: are these the faces of this footage?")
    return report


def _wanted(
    source: FrameSource, faces: Faces, journal: Journal | None, matched: set[str]
) -> Iterator[tuple[Frame, list[FaceInfo]]]:
    """Yield the frames that are not finished yet, with their faces; note which names had faces."""
    for frame in source:
        stem = Path(frame.name).stem
        if stem in faces:
            matched.add(stem)
        if journal is None or frame.name not in journal:
            yield frame, faces.get(stem, [])


def _count(report: Report, done: Converted) -> None:
    report.counts["frames"] += 1
    report.counts["converted faces"] += done.faces
    report.failures += done.failures
    if not done.faces and not done.failures:
        report.counts["frames without a face"] += 1
        report.remarks["no face in"].append(done.frame.name)


def _sink(options: ConvertOptions, source: FrameSource) -> FrameSink:
    rate = None if source.is_video else exact_rate(options.rate)
    return open_sink(
        options.output_dir, source, tags=provenance.video_tags(), mark=provenance.mark_png,
        crf=options.crf, rate=rate,
    )  # fmt: skip


def _remaining(source: FrameSource, journal: Journal | None) -> int | None:
    if source.count is None:
        return None
    return max(0, source.count - (journal.finished if journal else 0))


def _tracer(output: Path, frame: Frame) -> Trace:
    """Return what writes the intermediate pictures of a frame to `<output>_debug`."""
    folder = output.with_name(output.with_suffix("").name if is_video(output) else output.name)
    folder = folder.with_name(folder.name + "_debug")

    def write(number: int, what: str, image: np.ndarray) -> None:
        write_image(folder / f"{Path(frame.name).stem}_{number}_{what}.png", image)

    return write
