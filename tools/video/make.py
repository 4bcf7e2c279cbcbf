"""`video make`: a video from images, with exact timestamps and sound where known."""

from pathlib import Path

from tools.video.options import MakeOptions
from utils import console
from utils.console import Report
from utils.errors import InputError, UsageError
from utils.files import list_images, require_new
from utils.provenance.c2pa import Marker
from utils.provenance.mark import DIGITAL_SOURCE_TYPE, read_mark, video_tags
from utils.provenance.sidecar import sign_video
from utils.video.audio import Sound
from utils.video.decoder import VideoSource
from utils.video.options import encoder_for
from utils.video.sink import VideoSink
from utils.video.source import FolderSource, FrameSource
from utils.video.timecode import exact_rate
from utils.video.timestamps import NAME, TimedFrames, Timestamps

SAMPLED = 12
"""Images of a folder that are checked for a mark."""


def run(options: MakeOptions) -> Report:
    """Write the video.

    Raises
    ------
    InputError
        If images, times or sound are missing or do not match, or the video exists.
    """
    require_new(options.output_file, options.overwrite)
    reference = VideoSource(options.reference_file) if options.reference_file else None
    source = _source(options, reference)
    sound = _sound(options, source, reference)
    marker = Marker() if is_marked(options.input_dir) else None
    report = Report({"frames": 0})
    notes = source.notes
    if not isinstance(source, TimedFrames):
        notes += source.gap_notes()
    encoder = encoder_for(options, source.video_format, notes)
    source.wants_16_bit = encoder.high_bit_depth
    rate = exact_rate(options.rate) if options.rate else None
    sink = VideoSink(
        options.output_file,
        source,
        tags=video_tags() if marker else None,
        encoder=encoder,
        rate=rate,
        sound=sound,
        finish=lambda video: sign_video(video, options.output_file, marker),
    )
    with sink:
        for frame in console.progress(source, source.count, "make"):
            try:
                sink.write(frame)
            except InputError as problem:  # an image of another size
                report.failures.append(str(problem))
            else:
                report.counts["frames"] += 1
    report.failures += source.failures
    report.notes["the result"] = notes + sink.notes
    return report


def _source(options: MakeOptions, reference: VideoSource | None) -> FrameSource:
    beside = options.input_dir / NAME
    table = None
    if options.rate is None:
        if options.timestamps:
            table = Timestamps.read(options.timestamps)
        elif reference is not None:
            table = Timestamps.of(reference)
        elif beside.exists():
            table = Timestamps.read(beside)
    elif options.timestamps:
        raise UsageError("--rate and --timestamps exclude each other; give one of them")
    if table is not None:
        video_format = reference.video_format if reference else None
        return TimedFrames(options.input_dir, table, video_format, options.first_number)
    if options.first_number is not None:
        raise UsageError("--first-number needs the times of --reference-file or --timestamps")
    return FolderSource(options.input_dir)


def _sound(
    options: MakeOptions, source: FrameSource, reference: VideoSource | None
) -> Sound | None:
    if options.audio_file:
        return Sound(options.audio_file, codec=options.audio_codec)
    if reference is None:
        return None
    if isinstance(source, TimedFrames):
        return Sound.of(reference, source.first, source.last, options.audio_codec)
    return Sound.of(reference, codec=options.audio_codec)


def is_marked(folder: Path) -> bool:
    """Whether images in a folder are marked as synthetic; an evenly spread sample is checked."""
    files = list_images(folder)
    for file in files[:: max(1, len(files) // SAMPLED)]:
        try:
            if read_mark(file) == DIGITAL_SOURCE_TYPE:
                return True
        except InputError:  # neither PNG nor JPEG, or damaged
            continue
    return False
