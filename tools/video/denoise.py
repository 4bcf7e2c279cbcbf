"""`video denoise`: temporal averaging where nothing moves."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tools.video.make import is_marked
from tools.video.options import DenoiseOptions
from utils import console
from utils.console import Report
from utils.errors import InputError, UsageError
from utils.files import VIDEO_SUFFIXES, remove_leftovers, require_new
from utils.provenance.c2pa import Marker
from utils.provenance.mark import DIGITAL_SOURCE_TYPE, read_mark, video_tags
from utils.provenance.sidecar import sign_video
from utils.video.audio import Sound
from utils.video.frame import Frame
from utils.video.io import open_source
from utils.video.options import encoder_for, keeps_16_bit_images
from utils.video.sink import FolderSink, FrameSink, VideoSink
from utils.video.source import FrameSource
from utils.video.timecode import exact_rate


def run(options: DenoiseOptions) -> Report:
    """Denoise a video or a folder of images.

    Raises
    ------
    UsageError, InputError
        If the output exists, or is the input.
    """
    if options.frames % 2 == 0:
        raise UsageError(f"--frames: Expected an odd number. Received: {options.frames}")
    source = open_source(options.input_dir)
    notes: list[str] = []
    sink = _sink(options, source, notes)
    report = Report({"frames": 0})
    cleaned = denoise(source, options.strength, options.frames)
    with sink:
        for frame in console.progress(cleaned, source.count, "denoise"):
            sink.write(frame)
            report.counts["frames"] += 1
    report.notes["the result"] = notes + sink.notes
    report.failures += source.failures
    report.notes["the footage"] = source.notes
    return report


def denoise(frames: Iterable[Frame], strength: float, count: int) -> Iterator[Frame]:
    """Average each frame with its neighbors, pixel by pixel, as far as they are alike.

    This is FFmpeg's `atadenoise`: for each pixel the window ends where the pixel differs too much,
    so that moving parts do not smear. A change of frame size restarts it.

    Parameters
    ----------
    strength : float
        Standard deviation of the noise, gray levels.
    count : int
        Largest number of frames to average over, odd.
    """
    waiting: deque[Frame] = deque()
    graph = None
    shape = None
    for frame in frames:
        image = frame.image if frame.image16 is None else frame.image16
        if graph is None or image.shape != shape:
            yield from _rest(graph, waiting)
            graph, shape = _graph(image, strength, count), image.shape
        graph.push(_to_av(image, frame.index))
        waiting.append(frame)
        yield from _ready(graph, waiting)
    yield from _rest(graph, waiting)


def _graph(image: np.ndarray, strength: float, count: int) -> "av.filter.Graph":
    # best for noise of 2 and of 5 levels in trials; the filter allows up to 0.3 and 5
    near, sum_ = min(0.02 * strength, 0.3), min(0.5 * strength, 5)
    planes = ":".join(f"{plane}a={near}:{plane}b={sum_}" for plane in range(3))
    graph = av.filter.Graph()
    height, width = image.shape[:2]
    pixels = "gbrp" if image.itemsize == 1 else "gbrp16le"
    start = graph.add_buffer(width=width, height=height, format=pixels, time_base=Fraction(1, 1000))
    middle = graph.add("atadenoise", f"s={count}:a=s:{planes}")
    end = graph.add("buffersink")
    start.link_to(middle)
    middle.link_to(end)
    graph.configure()
    return graph


def _to_av(image: np.ndarray, index: int) -> "av.VideoFrame":
    few = image.itemsize == 1
    av_frame = av.VideoFrame.from_ndarray(image, format="bgr24" if few else "bgr48le")
    av_frame = av_frame.reformat(format="gbrp" if few else "gbrp16le")
    av_frame.pts, av_frame.time_base = index, Fraction(1, 1000)
    return av_frame


def _ready(graph: "av.filter.Graph", waiting: deque[Frame]) -> Iterator[Frame]:
    """Yield the frames that the filter has finished."""
    while True:
        try:
            av_frame = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        frame = waiting.popleft()
        if frame.image16 is None:
            yield replace(frame, image=av_frame.reformat(format="bgr24").to_ndarray())
        else:
            image16 = av_frame.reformat(format="bgr48le").to_ndarray()
            image = np.rint(image16 / np.float32(257)).astype(np.uint8)
            yield replace(frame, image=image, image16=image16)


def _rest(graph: "av.filter.Graph | None", waiting: deque[Frame]) -> Iterator[Frame]:
    if graph is not None:
        graph.push(None)
        yield from _ready(graph, waiting)


def _sink(options: DenoiseOptions, source: FrameSource, notes: list[str]) -> FrameSink:
    output = options.output_dir
    if output.resolve() == source.path.resolve():
        raise UsageError(f'"{output}" is also the input')
    marker = Marker() if _is_marked(source) else None
    if output.suffix.lower() in VIDEO_SUFFIXES:
        require_new(output, options.overwrite)
        encoder = encoder_for(options, source.video_format, notes)
        source.wants_16_bit = encoder.high_bit_depth
        notes += source.gap_notes()
        return VideoSink(
            output,
            source,
            tags=video_tags() if marker else None,
            encoder=encoder,
            rate=source.rate or exact_rate(options.rate),
            sound=Sound.of(source, codec=options.audio_codec),
            finish=lambda video: sign_video(video, output, marker),
        )
    remove_leftovers(output)
    if _holds_files(output) and not options.overwrite:
        raise InputError(f'"{output}" is not empty; use --overwrite or another --output-dir')
    source.wants_16_bit = keeps_16_bit_images(options, source)
    return FolderSink(output, marker.sign_image if marker else None)


def _holds_files(folder: Path) -> bool:
    return folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir())


def _is_marked(source: FrameSource) -> bool:
    if not source.is_video:
        return is_marked(source.path)
    try:
        return read_mark(source.path) == DIGITAL_SOURCE_TYPE
    except InputError:
        return False
