"""Random access to the frames of a folder or a video, numbered as in sequential reading.

Decoding starts at the last key frame before the wanted frame. Frames are identified by their
timestamps, never by counting after a seek. A video whose packets do not determine the numbering is
read sequentially.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from fractions import Fraction
from itertools import islice
from pathlib import Path

from utils.errors import InputError
from utils.images import read_image
from utils.video.aspect import to_square
from utils.video.av_types import VideoFrame
from utils.video.damage import Damage
from utils.video.decoder import VideoSource, aspect_of, decoded, footage
from utils.video.demux import demux
from utils.video.frame import Frame
from utils.video.packet_times import PacketTimes
from utils.video.source import FrameSource
from utils.video.uniform_size import SteadyBgr

KEPT_BYTES = 512_000_000
KEPT_BEFORE = 16
"""Decoded frames before the wanted one that are cached, for stepping back."""
STEPS_AHEAD = 48
"""Up to this distance, decoding onward is cheaper than seeking."""
MILLISECOND = Fraction(1, 1000)
ONE_FRAME_A_PACKET = frozenset({
    *("h264", "hevc", "av1", "vp9", "mpeg4", "mjpeg", "theora"),
    *("prores", "dnxhd", "cfhd", "ffv1", "png", "huffyuv", "utvideo", "qtrle", "rawvideo"),
})
SEEKS = 3
"""Key frames to try, each earlier than the one before."""
PROBED = 3
"""Frames decoded to check the timestamps of the packets."""


class RandomFrames(ABC):
    """The frames of footage by number, with a cache; a context manager.

    Attributes
    ----------
    names : list of str
        The name of each frame, as in sequential reading.
    times : sequence of Fraction or None
        The timestamp of each frame in seconds, as far as it is known; empty for images.
    """

    names: list[str]
    times: Sequence[Fraction | None] = ()

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept: OrderedDict[int, Frame] = OrderedDict()
        self._kept_bytes = kept_bytes

    def __enter__(self) -> RandomFrames:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:  # noqa: B027 - a folder has nothing to close
        """Close the files."""

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Frame:
        """Return a frame.

        Raises
        ------
        IndexError
            If there is no frame of that number.
        InputError
            If it cannot be read.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"expected a frame from 0 to {len(self) - 1}. Received: {index}")
        if index not in self._kept:
            for frame in self._read(index):
                self._keep(frame)
        if index not in self._kept:
            raise InputError(f"frame {index} cannot be decoded; the footage may be damaged")
        self._kept.move_to_end(index)
        return self._kept[index]

    @abstractmethod
    def _read(self, index: int) -> Iterator[Frame]:
        """Yield the frame, perhaps after others decoded on the way."""

    def _keep(self, frame: Frame) -> None:
        self._kept[frame.index] = frame
        self._kept.move_to_end(frame.index)
        most = max(2, self._kept_bytes // max(1, frame.image.nbytes))
        while len(self._kept) > most:
            self._kept.popitem(last=False)


def open_random(source: FrameSource, known: Mapping[int, Fraction] | None = None) -> RandomFrames:
    """Open footage for random access.

    Parameters
    ----------
    known : mapping of int to Fraction
        Timestamps of some frames, numbered by sequential reading, to check the numbering.
    """
    if not isinstance(source, VideoSource):
        return FolderFrames(source.files, source.stretch)
    return open_sought(source, known) or InOrderFrames(source)


def open_sought(
    source: VideoSource,
    known: Mapping[int, Fraction] | None = None,
    kept_before: int = KEPT_BEFORE,
) -> SoughtFrames | None:
    """Open a video for random access; None if it can only be read sequentially."""
    times = packet_times(source, known)
    return None if times is None else SoughtFrames(source, times, kept_before)


def count_frames(source: FrameSource) -> int | None:
    """Count the frames without decoding them; None if the packets do not tell."""
    if not isinstance(source, VideoSource):
        return len(source.files)
    times = packet_times(source)
    return None if times is None else len(times.all)


class FolderFrames(RandomFrames):
    """The images of a folder."""

    def __init__(self, files: Sequence[Path], stretch: Fraction | None = None) -> None:
        super().__init__()
        self._files, self._stretch = files, stretch
        self.names = [file.name for file in self._files]

    def _read(self, index: int) -> Iterator[Frame]:
        image = to_square(own := read_image(self._files[index]), self._stretch)
        yield Frame(image, index, self.names[index], None, own=None if image is own else own)


class SoughtFrames(RandomFrames):
    """The frames of a video whose timestamps are known from its packets."""

    def __init__(
        self, source: VideoSource, times: PacketTimes, kept_before: int = KEPT_BEFORE
    ) -> None:
        super().__init__()
        self._kept_before = kept_before
        self.names = [_name(index) for index in range(len(times.all))]
        self._source = source
        self._times = times
        self._number = {time: index for index, time in enumerate(times.all)}
        self._open = ExitStack()
        self._reopen()
        time_base, origin = self._stream.time_base, source.video_format.origin
        self.times = [time * time_base - origin for time in times.all]
        self._to_bgr: SteadyBgr | None = None
        self._av_frames: Iterator[VideoFrame] = iter(())
        self._at = len(times.all)  # number of the next frame; none so far

    def close(self) -> None:
        """Close the file."""
        self._open.close()

    def steps_to(self, index: int) -> int:
        """Return how many frames must be decoded to get to a frame from elsewhere."""
        return index - self._times.key_before(index)

    def _read(self, index: int) -> Iterator[Frame]:
        start = self._times.key_before(index)
        found: deque[tuple[int, VideoFrame]] = deque()
        if start <= self._at <= index or self._at <= index <= self._at + STEPS_AHEAD:
            found = self._go_on(index)
        tries = 0
        while not (found and found[-1][0] == index) and tries < SEEKS:
            self._start_at(start)
            found = self._go_on(index)
            # some containers seek by decoding time and end up too late
            start = self._times.key_before(start - 1)
            tries += 1
        for number, av_frame in found:
            yield self._frame(number, av_frame)

    def _start_at(self, key: int) -> None:
        """Seek so that decoding starts at that key frame or one before it."""
        self._av_frames = iter(())
        if key:
            self._container.seek(self._times.all[key], stream=self._stream, backward=True)
        else:
            self._reopen()
        self._av_frames = decoded(self._container, self._stream, Damage())

    def _reopen(self) -> None:
        self._open.close()
        self._container, self._stream = self._open.enter_context(footage(self._source.path))
        self._stream.thread_type = "AUTO"

    def _go_on(self, index: int) -> deque[tuple[int, VideoFrame]]:
        """Decode up to a frame; return it after some frames before it."""
        found: deque[tuple[int, VideoFrame]] = deque(maxlen=self._kept_before + 1)
        for av_frame in self._av_frames:
            number = self._number.get(av_frame.pts, -1)
            self._at = number + 1
            if number <= index:
                found.append((number, av_frame))
            if number >= index:
                return found
        self._at = len(self)
        return found

    def _frame(self, number: int, av_frame: VideoFrame) -> Frame:
        aspect = aspect_of(self._stream)
        self._to_bgr = self._to_bgr or SteadyBgr(av_frame, aspect)
        time = av_frame.pts * self._stream.time_base - self._source.video_format.origin
        image = to_square(own := self._to_bgr(av_frame, aspect), self._source.stretch)
        return Frame(image, number, self.names[number], time, own=None if image is own else own)


class InOrderFrames(RandomFrames):
    """The frames of a video that can only be read sequentially: going back is slow."""

    def __init__(self, source: VideoSource) -> None:
        super().__init__()
        self._source = source
        found = [(frame.name, frame.time) for frame in source]
        self.names, self.times = [name for name, _ in found], [time for _, time in found]
        self._frames: Iterator[Frame] = iter(())
        self._at = len(self.names)

    def _read(self, index: int) -> Iterator[Frame]:
        if index < self._at:
            self._frames = iter(self._source)
        for frame in self._frames:
            self._at = frame.index + 1
            if frame.index >= index - KEPT_BEFORE:
                yield frame
            if frame.index == index:
                return


def packet_times(
    source: VideoSource, known: Mapping[int, Fraction] | None = None
) -> PacketTimes | None:
    """Return the timestamps of all frames from the packets; None if they are not reliable."""
    with footage(source.path) as (container, stream):
        if stream.codec_context.name not in ONE_FRAME_A_PACKET:
            return None
        time_base = stream.time_base
        restarts: list[Fraction] = []
        packets = [packet for packet in demux(container, stream, restarts=restarts) if packet.size]
        packets = [packet for packet in packets if not packet.is_discard]
    if restarts:  # a position in such a file cannot be sought by its time
        return None
    if not packets or any(packet.pts is None or packet.is_corrupt for packet in packets):
        return None
    times = sorted({packet.pts for packet in packets})
    if len(times) != len(packets):
        return None
    number = {time: index for index, time in enumerate(times)}
    keys = sorted(number[packet.pts] for packet in packets if packet.is_keyframe)
    found = PacketTimes(times, keys)
    fits = _first_times(source.path) == times[:PROBED] and all(
        index < len(times)
        and abs(times[index] * time_base - source.video_format.origin - time) <= MILLISECOND
        for index, time in (known or {}).items()
    )
    return found if fits else None


def _first_times(path: Path) -> list[int | None]:
    with footage(path) as (container, stream):
        av_frames = decoded(container, stream, Damage())
        return [av_frame.pts for av_frame in islice(av_frames, PROBED)]


def _name(index: int) -> str:
    return f"{index:06d}.png"
