"""Video reading: frames in order, upright, with exact timestamps, resilient to damage."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import dropwhile
from pathlib import Path
from typing import NamedTuple

import av

from utils import MOST_PIXELS
from utils.errors import InputError
from utils.files import IMAGE_SUFFIXES
from utils.images import to_8_bits
from utils.video.aspect import to_square
from utils.video.av_types import Container, Packet, Stream, VideoFrame
from utils.video.clock import Clock
from utils.video.color import ToBgr
from utils.video.damage import Damage, FrameSizes
from utils.video.demux import demux, open_input, runs_freely
from utils.video.fields import top_field_first
from utils.video.frame import WHOLE, Frame, Span, VideoFormat
from utils.video.packet_times import PacketTimes
from utils.video.source import FrameSource
from utils.video.uniform_size import SteadyBgr

CONTAINER_TICK = Fraction(1, 1_000_000)
"""Time base of a container's own times in FFmpeg (AV_TIME_BASE); streams have theirs."""
MARGIN = 4096 * 2304
"""Pixels by which a frame may exceed twice the size stated in the header: recordings change."""
NOT_FOOTAGE = frozenset({"tty", "concat", "hls", "dash", "image2"})
"""Formats that FFmpeg opens like a video: text, playlists, still images."""


class VideoSource(FrameSource):
    """The frames of a video file.

    Timestamps are those in the file; only for free-running clocks (MPEG-TS and its kin) the start
    is subtracted. Missing and non-increasing timestamps are replaced by increasing ones. `index`
    counts the frames decoded: how many were lost to damage cannot be known. Interlaced video is
    returned as it is; rotated by a quarter it has columns for fields, and counts as progressive.

    Attributes
    ----------
    packet_times : PacketTimes or None
        Set it to let `frames` begin at a key frame near its span; then every decoded frame must be
        the one that the packets promise, because frames are numbered by them.

    Raises
    ------
    InputError
        If the file is missing, empty, not a video, or no frame of it can be decoded.
    """

    is_video = True
    packet_times: PacketTimes | None = None

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with footage(path) as (container, stream):
            first = next(decoded(container, stream, Damage()), None)
            if first is None:
                raise InputError(f'no frame of "{path}" can be decoded; it may be damaged')
            to_bgr = ToBgr(first)
            self._size = to_bgr.size
            self.rate = stream.average_rate or stream.guessed_rate or None
            self.count = stream.frames or _estimate(container, stream, self.rate)
            aspect = stream.sample_aspect_ratio or Fraction(1)
            self.video_format = VideoFormat(
                time_base=stream.time_base,
                origin=_origin(container),
                color=to_bgr.color,
                aspect=None if aspect == 1 else 1 / aspect if to_bgr.quarter_turn else aspect,
                depth=to_bgr.depth,
                hdr=to_bgr.hdr,
                top_field_first=None if to_bgr.quarter_turn else top_field_first(first, stream),
            )

    @property
    def own_size(self) -> tuple[int, int]:
        """Width and height of the upright footage."""
        return self._size

    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """Yield the frames of a span; those before it are decoded, but not converted."""
        to_bgr = None
        start = 0
        if self.packet_times is not None and isinstance(span.first, int):
            start = self._entry_to(span.first, self.packet_times)
        if start:
            with footage(self.path) as (container, stream):
                to_bgr = SteadyBgr(next(decoded(container, stream, Damage())), aspect_of(stream))
        for index, time, duration, av_frame, aspect in self._av_frames(start):
            to_bgr = to_bgr or SteadyBgr(av_frame, aspect)
            if span.after(index, time):
                return
            if not span.before(index, time):
                wanted = self.wants_16_bit and to_bgr.depth > 8
                image16 = to_bgr.to_16_bit(av_frame, aspect) if wanted else None
                image = to_bgr(av_frame, aspect) if image16 is None else to_8_bits(image16)
                square = to_square(image, self.stretch)
                own = None if square is image else image
                yield Frame(square, index, name_of(index), time, duration, image16, own)

    def times(self) -> Iterator[tuple[str, Fraction, Fraction | None]]:
        """Yield name, timestamp and duration of all frames."""
        for shown in self._av_frames():
            yield name_of(shown.number), shown.time, shown.duration

    def _entry_to(self, index: int, times: PacketTimes) -> int:
        """Return the number of a frame from which one may be decoded: 0 if seeking misses it."""
        start = times.entry_to(index)
        if not start:
            return 0
        with footage(self.path) as (container, stream):
            container.seek(times.all[start], stream=stream, backward=True)
            found = (frame.pts for frame in decoded(container, stream, Damage()))
            later = (pts for pts in found if pts is None or pts >= times.all[start])
            return start if next(later, None) == times.all[start] else 0

    def _av_frames(self, start: int = 0) -> Iterator["_Shown"]:
        """Decode; on leaving, early or not, describe damage in `failures`, changes in `notes`."""
        self.failures.clear()
        self.notes.clear()
        damage, sizes = Damage(), FrameSizes()
        with footage(self.path) as (container, stream):
            clock = Clock(stream.time_base, self.video_format.origin, self.rate)
            stream.thread_type = "AUTO"
            try:
                for index, av_frame in self._numbered(container, stream, damage, start):
                    time, duration = clock.time(av_frame.pts), clock.duration(av_frame.duration)
                    sizes.see(av_frame, index)
                    yield _Shown(index, time, duration, av_frame, aspect_of(stream))
                damage.announced = None if damage.restarts else _announced_end(stream)
            finally:
                self.failures += damage.sentences(self.path.name)
                self.notes += sizes.sentences(self.path.name)
                self.notes += damage.restart_sentences(self.path.name, self.video_format.origin)

    def _numbered(
        self, container: Container, stream: Stream, damage: Damage, start: int
    ) -> Iterator[tuple[int, VideoFrame]]:
        """Yield the decoded frames with their numbers, from the key frame `start` on.

        Raises
        ------
        InputError
            If the packets number the frames, and one of them is missing.
        """
        times = self.packet_times.all if self.packet_times else []
        if start:
            container.seek(times[start], stream=stream, backward=True)
        av_frames = decoded(container, stream, damage)
        if start:
            av_frames = dropwhile(lambda frame: frame.pts != times[start], av_frames)
        for index, av_frame in enumerate(av_frames, start):
            if times and (index >= len(times) or av_frame.pts != times[index]):
                raise InputError(
                    f'frame {index} of "{self.path.name}" is damaged, so its frames cannot be '
                    "numbered in parts: extract them as images first (main.py video extract), or "
                    "run this without --part and --ray"
                )
            yield index, av_frame


class _Shown(NamedTuple):
    """A decoded frame; `aspect` is that of its pixels."""

    number: int
    time: Fraction
    duration: Fraction | None
    av_frame: VideoFrame
    aspect: Fraction


def name_of(index: int) -> str:
    """Return the file name under which a video's frame would be extracted."""
    return f"{index:06d}.png"


@contextmanager
def footage(path: Path) -> Iterator[tuple[Container, Stream]]:
    """Open a video; yield the container and its video stream.

    Raises
    ------
    InputError
        If the file is missing, empty, not a video, or has no video stream.
    """
    if path.suffix.lower() in IMAGE_SUFFIXES - {".gif"}:  # which may be animated
        raise InputError(f'"{path}" is an image; expected a video or a folder of images')
    try:
        if path.stat().st_size == 0:
            raise InputError(f'"{path}" is empty (0 bytes)')
        container = open_input(path)
    except OSError as problem:
        raise InputError(f'cannot read "{path}": {problem.strerror}') from None
    except av.FFmpegError:
        raise InputError(
            f'"{path}" is not a video that can be read; it may be damaged or cut off'
        ) from None
    with container:
        yield container, _video_stream(container, path)


def _video_stream(container: Container, path: Path) -> Stream:
    name = container.format.name
    if name in NOT_FOOTAGE or name.endswith("_pipe"):
        raise InputError(f'"{path}" is not a video')
    # cover art is a video stream to FFmpeg
    cover = av.stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & cover]
    if not streams:
        raise InputError(f'"{path}" has no video stream, only sound or other data')
    best = container.streams.best("video")
    stream = best if best in streams else streams[0]
    decoder = stream.codec_context
    if decoder is None:
        raise InputError(f'"{path}" is in a video format that cannot be decoded')
    # a damaged or hostile frame may claim any size; do not allocate it
    said = decoder.width * decoder.height or MOST_PIXELS
    most = min(MOST_PIXELS, MARGIN + 2 * said)
    decoder.options = {**decoder.options, "max_pixels": str(most)}
    return stream


def aspect_of(stream: Stream) -> Fraction:
    """Return the pixel aspect ratio of the frame decoded last, 1 if it is unknown."""
    return stream.codec_context.sample_aspect_ratio or Fraction(1)


def decoded(container: Container, stream: Stream, damage: Damage) -> Iterator[VideoFrame]:
    """Decode to the end, skipping what is damaged."""
    for packet in _packets(container, stream, damage):
        if packet.pts is not None:
            end = (packet.pts + (packet.duration or 0)) * stream.time_base
            damage.reached = max(damage.reached, end)
        yield from _attempt(packet.decode, damage)
    # after damage the decoder may hold frames back: drain it until it is empty
    while rest := _attempt(stream.decode, damage):
        yield from rest


def _packets(container: Container, stream: Stream, damage: Damage) -> Iterator[Packet]:
    """Yield packets except a truncated last one: its error would discard intact frames too."""
    held = None
    try:
        # an empty packet flushes the decoder
        for packet in demux(container, stream, restarts=damage.restarts):
            damage.broken = not packet.size and held is not None and held.is_corrupt
            if held is not None and not damage.broken:
                yield held
            held = packet
    except av.FFmpegError:
        damage.broken = True
    if held is not None:
        yield held


def _attempt(decode: Callable[[], list[VideoFrame]], damage: Damage) -> list[VideoFrame]:
    try:
        return decode()
    except av.error.EOFError:  # drained
        return []
    except av.FFmpegError:
        damage.lost += 1
        return []


def _origin(container: Container) -> Fraction:
    """Return the start time on a free-running clock, 0 on one that starts with the file."""
    start = container.start_time or 0
    return start * CONTAINER_TICK if runs_freely(container) else Fraction(0)


def _estimate(container: Container, stream: Stream, rate: Fraction | None) -> int | None:
    """Estimate the number of frames from the duration."""
    if stream.duration is not None:
        seconds = stream.duration * stream.time_base
    else:
        seconds = (container.duration or 0) * CONTAINER_TICK
    return round(seconds * rate) or None if rate else None


def _announced_end(stream: Stream) -> Fraction | None:
    """Return the end time stated by a stream's index or Matroska's DURATION tag, seconds."""
    if stream.duration is not None:
        return ((stream.start_time or 0) + stream.duration) * stream.time_base
    try:
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return Fraction(hours) * 3600 + Fraction(minutes) * 60 + Fraction(seconds)
    except (KeyError, ValueError):
        return None
