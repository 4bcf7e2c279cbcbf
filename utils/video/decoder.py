"""Reading a video: its frames in order, upright, with exact timestamps, past damaged places."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from utils import MOST_PIXELS
from utils.errors import InputError
from utils.files import IMAGE_SUFFIXES
from utils.video.color import ToBgr
from utils.video.frame import WHOLE, Frame, Span, VideoFormat
from utils.video.source import FrameSource

CONTAINER_TICK = Fraction(1, 1_000_000)
"""FFmpeg counts the times of a container, unlike those of a stream, in microseconds."""
SLACK = Fraction(1, 4)
"""Seconds by which a video may miss the end it announces without being called cut off."""
MARGIN = 1 << 20
"""Pixels by which a frame may be larger than twice what the file's header says."""
NOT_FOOTAGE = frozenset({"tty", "concat", "hls", "dash", "image2"})
"""What FFmpeg opens like a video but is none: text, lists of other files, pictures."""


class VideoSource(FrameSource):
    """The frames of a video file.

    Times are those in the file; only of clocks that start anywhere (MPEG-TS and its kin) the
    file's start is taken off. Missing and backward times are replaced, so that times always grow.
    `index` counts the frames delivered: how many a damaged place has cost cannot be known.
    Interlaced video is not changed.

    Raises
    ------
    InputError
        If the file is missing, empty, not a video, or none of its frames can be decoded.
    """

    is_video = True

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
            )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright frames."""
        return self._size

    def frames(self, span: Span = WHOLE) -> Iterator[Frame]:
        """Yield the frames of a span; those before it are decoded but not converted."""
        to_bgr = None
        for index, time, duration, picture in self._pictures():
            to_bgr = to_bgr or ToBgr(picture)
            if span.after(index, time):
                return
            if not span.before(index, time):
                deep = to_bgr.deep(picture) if self.deep and to_bgr.depth > 8 else None
                yield Frame(to_bgr(picture), index, name_of(index), time, duration, deep)

    def times(self) -> Iterator[tuple[str, Fraction, Fraction | None]]:
        """Yield name, time and duration of all frames."""
        for index, time, duration, _ in self._pictures():
            yield name_of(index), time, duration

    def _pictures(self) -> Iterator[tuple[int, Fraction, Fraction | None, Any]]:
        """Decode; at the end, also an early one, say in `failures` what was damaged."""
        self.failures.clear()
        damage = Damage()
        with footage(self.path) as (container, stream):
            clock = _Clock(stream.time_base, self.video_format.origin, self.rate)
            stream.thread_type = "AUTO"
            try:
                for index, picture in enumerate(decoded(container, stream, damage)):
                    time, duration = clock.time(picture.pts), clock.duration(picture.duration)
                    yield index, time, duration, picture
                damage.announced = _announced_end(stream)
            finally:
                self.failures += damage.sentences(self.path.name)


def name_of(index: int) -> str:
    """Return the name that a frame of a video would have as a picture."""
    return f"{index:06d}.png"


@contextmanager
def footage(path: Path) -> Iterator[tuple[Any, Any]]:
    """Open a video and give PyAV's container and the stream of its pictures.

    Raises
    ------
    InputError
        If the file is missing, empty, not a video, or has no pictures.
    """
    if path.suffix.lower() in IMAGE_SUFFIXES:
        raise InputError(f'"{path}" is a picture; expected a video or a folder of pictures')
    try:
        if path.stat().st_size == 0:
            raise InputError(f'"{path}" is empty (0 bytes)')
        # an absolute path cannot be taken for an address, and no list can lead to the network
        container = av.open(
            str(path.absolute()),
            container_options={"protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except OSError as problem:
        raise InputError(f'cannot read "{path}": {problem.strerror}') from None
    except av.FFmpegError:
        raise InputError(
            f'"{path}" is not a video that can be read; it may be damaged or cut off'
        ) from None
    with container:
        yield container, _pictures_of(container, path)


def _pictures_of(container: Any, path: Path) -> Any:  # noqa: ANN401 - PyAV's container and stream
    name = container.format.name
    if name in NOT_FOOTAGE or name.endswith("_pipe"):
        raise InputError(f'"{path}" is not a video')
    # the cover of a song is a video stream to FFmpeg
    cover = av.stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & cover]
    if not streams:
        raise InputError(f'"{path}" has no video stream, only sound or other data')
    best = container.streams.best("video")
    stream = best if best in streams else streams[0]
    decoder = stream.codec_context
    if decoder is None:
        raise InputError(f'"{path}" is in a video format that cannot be decoded')
    # a damaged or hostile frame may claim any size: it gets no memory for that
    said = decoder.width * decoder.height or MOST_PIXELS
    most = min(MOST_PIXELS, MARGIN + 2 * said)
    decoder.options = {**decoder.options, "max_pixels": str(most)}
    return stream


class Damage:
    """What is wrong with a video, found while it is read and said when its end is reached."""

    def __init__(self) -> None:
        self.lost = 0
        self.broken = False
        self.reached = Fraction(0)
        self.announced: Fraction | None = None

    def sentences(self, name: str) -> list[str]:
        """Say it, in whole sentences."""
        found = []
        if self.lost:
            found.append(f'"{name}" is damaged: about {self.lost} frame(s) could not be decoded')
        end = self.reached if self.announced is None else self.announced
        if self.broken or end - self.reached > SLACK:
            of = f" of {float(end):.1f}" if end > self.reached else ""
            found.append(f'"{name}" is cut off after {float(self.reached):.1f}{of} seconds')
        return found


def decoded(container: Any, stream: Any, damage: Damage) -> Iterator[Any]:  # noqa: ANN401
    """Decode to the end, past damaged places."""
    for packet in _packets(container, stream, damage):
        if packet.pts is not None:
            end = (packet.pts + (packet.duration or 0)) * stream.time_base
            damage.reached = max(damage.reached, end)
        yield from _attempt(packet.decode, damage)
    # behind a damaged place frames stay in the decoder; it is asked until it has no more
    while rest := _attempt(stream.decode, damage):
        yield from rest


def _packets(container: Any, stream: Any, damage: Damage) -> Iterator[Any]:  # noqa: ANN401
    """Yield packets; a last one that was cut off is left out, for an error costs whole ones too."""
    held = None
    try:
        for packet in container.demux(stream):  # an empty one tells the decoder that all is sent
            damage.broken = not packet.size and held is not None and held.is_corrupt
            if held is not None and not damage.broken:
                yield held
            held = packet
    except av.FFmpegError:
        damage.broken = True
    if held is not None:
        yield held


def _attempt(decode: Callable[[], list[Any]], damage: Damage) -> list[Any]:
    try:
        return decode()
    except av.error.EOFError:  # it has given all it had
        return []
    except av.FFmpegError:
        damage.lost += 1
        return []


class _Clock:
    """Turns the timestamps of a stream into seconds that always grow."""

    def __init__(self, time_base: Fraction, origin: Fraction, rate: Fraction | None) -> None:
        self._time_base, self._origin = time_base, origin
        self._step = 1 / rate if rate else Fraction(1, 25)
        self._last: Fraction | None = None

    def time(self, pts: int | None) -> Fraction:
        if pts is not None:
            time = pts * self._time_base - self._origin
        else:
            time = Fraction(0) if self._last is None else self._last + self._step
        if self._last is not None and time <= self._last:
            time = self._last + self._time_base
        self._last = time
        return time

    def duration(self, ticks: int | None) -> Fraction | None:
        return ticks * self._time_base if ticks else None


def _origin(container: Any) -> Fraction:  # noqa: ANN401 - PyAV's container
    """Return where the file starts on a clock that starts anywhere, and 0 on one that is reset."""
    free_running = container.format.flags & av.format.Flags.ts_discont.value
    return (container.start_time or 0) * CONTAINER_TICK if free_running else Fraction(0)


def _estimate(container: Any, stream: Any, rate: Fraction | None) -> int | None:  # noqa: ANN401
    """Return about how many frames a stream has that does not count them."""
    if stream.duration is not None:
        seconds = stream.duration * stream.time_base
    else:
        seconds = (container.duration or 0) * CONTAINER_TICK
    return round(seconds * rate) or None if rate else None


def _announced_end(stream: Any) -> Fraction | None:  # noqa: ANN401 - PyAV's stream
    """Return the second at which a stream says it ends: from its index, or Matroska's tag."""
    if stream.duration is not None:
        return ((stream.start_time or 0) + stream.duration) * stream.time_base
    try:
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return Fraction(hours) * 3600 + Fraction(minutes) * 60 + Fraction(seconds)
    except (KeyError, ValueError):
        return None
