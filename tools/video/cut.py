"""`video cut`: a part of a video, copied if possible, else re-encoded.

Packets can be copied from a key frame that no earlier-shown frame follows in decoding order, up to
a frame that no frame of the part depends on.
"""

from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

from tools.video.options import CutOptions
from utils import console
from utils.console import Report
from utils.errors import InputError, UsageError
from utils.files import free_name, require_new, short_stem
from utils.provenance.c2pa import Marker
from utils.provenance.mark import DIGITAL_SOURCE_TYPE, read_mark, video_tags
from utils.provenance.sidecar import sign_video
from utils.video.audio import Sound
from utils.video.codecs import CONTAINERS
from utils.video.concat import Part, join
from utils.video.container import DEFAULT_RATE, time_base_of
from utils.video.decoder import VideoSource, footage
from utils.video.demux import demux
from utils.video.frame import Span
from utils.video.options import encoder_for
from utils.video.sink import VideoSink
from utils.video.source import span_between
from utils.video.trial import fits


@dataclass(frozen=True)
class Cut:
    """A part of a video.

    Attributes
    ----------
    first : Fraction
        Timestamp of its first frame, seconds of the source.
    last : Fraction or None
        Timestamp of the first frame after it; None for the end.
    copied : bool
        Whether it can be copied.
    """

    first: Fraction
    last: Fraction | None
    copied: bool


def run(options: CutOptions) -> Report:
    """Write the part.

    Raises
    ------
    UsageError, InputError
        If the span is empty, or the output exists or cannot hold the codec.
    """
    output = options.output_file or beside(options.input_file)
    source = VideoSource(options.input_file)
    span = span_between(options.from_, options.to)
    if output.resolve() == source.path.resolve():
        raise UsageError(f'"{output}" is also the input')
    if output.suffix.lower() not in CONTAINERS:
        names = ", ".join(CONTAINERS)
        raise UsageError(f"a video is written as one of: {names}. Received: {output.name}")
    require_new(output, options.overwrite)
    cut = plan(source, span, CONTAINERS[output.suffix.lower()], options.snap)
    marker = None
    with suppress(InputError):
        marker = Marker() if read_mark(source.path) == DIGITAL_SOURCE_TYPE else None
    write = _copy if cut.copied else _encode
    report = write(output, options, source, cut, marker)
    report.made = [output]
    end = "the end" if cut.last is None else f"{float(cut.last):.3f} s"
    report.notes["cut"] = [f"from {float(cut.first):.3f} s to {end}"]
    return report


def beside(video: Path) -> Path:
    """Return where the part of a video goes that no option names: a free name beside it."""
    suffix = video.suffix if video.suffix.lower() in CONTAINERS else ".mp4"
    return free_name(video.with_name(f"{short_stem(video.stem)}_cut{suffix}"))


def plan(source: VideoSource, span: Span, container: str, snap: bool) -> Cut:
    """Determine the timestamps of the cuts and whether packets can be copied.

    Raises
    ------
    UsageError
        If there is no frame in the span.
    """
    with footage(source.path) as (opened, stream):
        packets = [packet for packet in demux(opened, stream) if packet.size]
        time_base, holds = stream.time_base, fits(source.path, stream, container)
        known = holds and all(p.pts is not None and not p.is_discard for p in packets)
        decoding = (
            [p.pts * time_base - source.video_format.origin for p in packets] if known else []
        )
        keys = [packet.is_keyframe for packet in packets]
    if not decoding or min(decoding) != next(source.times())[1]:  # packets do not map to frames
        shown = [time for _, time, _ in source.times()]
        return replace(_exact(shown, span), copied=False)
    cut = _exact(sorted(decoding), span)
    copied = _copyable(decoding, keys, cut)
    return copied if snap or copied == replace(cut, copied=True) else cut


def _exact(shown: Sequence[Fraction], span: Span) -> Cut:
    """Return the cut at exactly the requested frames; `shown` are all timestamps, sorted."""
    inside = [
        place
        for place, time in enumerate(shown)
        if not span.before(place, time) and not span.after(place, time)
    ]
    if not inside:
        raise UsageError("there is no frame between --from and --to")
    after = inside[-1] + 1
    return Cut(shown[inside[0]], shown[after] if after < len(shown) else None, copied=False)


def _copyable(decoding: Sequence[Fraction], keys: Sequence[bool], cut: Cut) -> Cut:
    """Return the smallest copyable cut that contains another; times are in decoding order."""
    later = list(accumulate(reversed(decoding), min))[::-1]  # the earliest time from here on
    starts = [
        time
        for time, key, least in zip(decoding, keys, later, strict=True)
        if key and least == time and time <= cut.first
    ]
    first = max(starts, default=None)
    if first is None:
        return cut
    if cut.last is None:
        return Cut(first, None, copied=True)
    latest = list(accumulate(decoding, max))  # the latest time up to here
    ends = [
        after
        for before, after in zip(latest, later[1:], strict=False)
        if before < after and after >= cut.last
    ]
    return Cut(first, ends[bisect_left(ends, cut.last)] if ends else None, copied=True)


def _copy(
    output: Path, options: CutOptions, source: VideoSource, cut: Cut, marker: Marker | None
) -> Report:
    origin = source.video_format.origin
    last = None if cut.last is None else cut.last + origin
    part = Part(source.path, -cut.first - origin, cut.first + origin, last)
    notes = join(
        [part],
        output,
        CONTAINERS[output.suffix.lower()],
        time_base=time_base_of(source, source.rate or DEFAULT_RATE),
        tags=video_tags() if marker else None,
        sound=Sound.of(source, cut.first, cut.last, options.audio_codec),
        finish=lambda video: sign_video(video, output, marker),
    )
    return Report({}, {"the result": ["copied without re-encoding", *notes]})


def _encode(
    output: Path, options: CutOptions, source: VideoSource, cut: Cut, marker: Marker | None
) -> Report:
    notes = ["re-encoded: these cuts are not at key frames (see --snap)"]
    encoder = encoder_for(options, source.video_format, notes)
    source.wants_16_bit = encoder.high_bit_depth
    span = Span(cut.first, cut.last)
    sink = VideoSink(
        output,
        source,
        tags=video_tags() if marker else None,
        encoder=encoder,
        sound=Sound.of(source, cut.first, cut.last, options.audio_codec),
        finish=lambda video: sign_video(video, output, marker),
    )
    report = Report({"frames": 0})
    with sink:
        total = span.count(source.count, source.rate)
        for frame in console.progress(source.frames(span), total, "cut"):
            if frame.time is not None:
                sink.write(replace(frame, time=frame.time - cut.first))
                report.counts["frames"] += 1
    report.notes["the result"] = notes + sink.notes
    report.failures += source.failures
    report.notes["the footage"] = source.notes
    return report
