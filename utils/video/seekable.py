"""Frames of a folder or a video in any order, numbered as reading from the start numbers them.

A video is sought by its key frames: the decoder starts at the last one before the wanted frame and
goes on from there. Which frame that is, is known by its time, never by counting what a seek gave.
Where a video's packets do not say how its frames are numbered, it is read from the start.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from utils.errors import InputError
from utils.images import read_image
from utils.video.color import ToBgr
from utils.video.decoder import Damage, VideoSource, decoded, footage
from utils.video.frame import Frame
from utils.video.source import FrameSource

KEPT_BYTES = 512_000_000
KEPT_BEFORE = 16
"""Frames before a wanted one that are kept when they were decoded anyway: for stepping back."""
STEPS_AHEAD = 48
"""Up to so many frames further on, going on costs less than a seek."""
MILLISECOND = Fraction(1, 1000)
ONE_FRAME_A_PACKET = frozenset({
    "h264", "hevc", "av1", "vp9", "mpeg4", "mjpeg", "prores", "dnxhd", "ffv1", "png", "huffyuv",
    "utvideo", "qtrle", "rawvideo", "cfhd", "theora",
})  # fmt: skip


SEEKS = 3
"""Key frames from which a frame is tried to be reached."""
PROBED = 3
"""Frames that are decoded to see whether they are what the packets say."""


class RandomFrames(ABC):
    """The frames of footage by number, the last used ones kept; use it as a context.

    Attributes
    ----------
    names : the name of each frame, as reading in order gives it
    """

    names: list[str]

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept: OrderedDict[int, Frame] = OrderedDict()
        self._kept_bytes = kept_bytes

    def __enter__(self) -> RandomFrames:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:  # noqa: B027 - a folder has nothing to close
        """Close what is open."""

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Frame:
        """Return a frame.

        Raises
        ------
        IndexError
            If there is none of that number.
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
        """Yield the frame; before it perhaps others that were on the way."""

    def _keep(self, frame: Frame) -> None:
        self._kept[frame.index] = frame
        self._kept.move_to_end(frame.index)
        most = max(2, self._kept_bytes // max(1, frame.image.nbytes))
        while len(self._kept) > most:
            self._kept.popitem(last=False)


def open_random(source: FrameSource, known: Mapping[int, Fraction] | None = None) -> RandomFrames:
    """Open footage for reading in any order.

    Parameters
    ----------
    source : the footage, for reading in order
    known : times of some frames that were numbered by reading in order, to check the numbers with
    """
    if not isinstance(source, VideoSource):
        return FolderFrames(source.files)
    times = _packet_times(source, known or {})
    return InOrderFrames(source) if times is None else SoughtFrames(source, times)


class FolderFrames(RandomFrames):
    """The pictures of a folder."""

    def __init__(self, files: Sequence[Path]) -> None:
        super().__init__()
        self._files = files
        self.names = [file.name for file in self._files]

    def _read(self, index: int) -> Iterator[Frame]:
        yield Frame(read_image(self._files[index]), index, self.names[index], None)


class SoughtFrames(RandomFrames):
    """The frames of a video whose times are known before it is decoded.

    Parameters
    ----------
    times : of all frames, in the stream's ticks
    """

    def __init__(self, source: VideoSource, times: _Times) -> None:
        super().__init__()
        self.names = [_name(index) for index in range(len(times.all))]
        self._source = source
        self._times = times
        self._number = {time: index for index, time in enumerate(times.all)}
        self._open = ExitStack()
        self._reopen()
        self._to_bgr: ToBgr | None = None
        self._pictures: Iterator[Any] = iter(())
        self._at = len(times.all)  # number of the next picture; so far there is none

    def close(self) -> None:
        """Close the file."""
        self._open.close()

    def _read(self, index: int) -> Iterator[Frame]:
        start = self._times.key_before(index)
        found: deque[tuple[int, Any]] = deque()
        if start <= self._at <= index or self._at <= index <= self._at + STEPS_AHEAD:
            found = self._go_on(index)
        tries = 0
        while not (found and found[-1][0] == index) and tries < SEEKS:
            self._start_at(start)
            found = self._go_on(index)
            # some containers are sought by the order of decoding, and then end up too late
            start = self._times.key_before(start - 1)
            tries += 1
        for number, picture in found:
            yield self._frame(number, picture)

    def _start_at(self, key: int) -> None:
        """Have the next picture decoded be the key frame of that number, or one before it."""
        self._pictures = iter(())
        if key:
            self._container.seek(self._times.all[key], stream=self._stream, backward=True)
        else:
            self._reopen()
        self._pictures = decoded(self._container, self._stream, Damage())

    def _reopen(self) -> None:
        self._open.close()
        self._container, self._stream = self._open.enter_context(footage(self._source.path))
        self._stream.thread_type = "AUTO"

    def _go_on(self, index: int) -> deque[tuple[int, Any]]:
        """Decode up to the frame of that number; return it after some before it."""
        found: deque[tuple[int, Any]] = deque(maxlen=KEPT_BEFORE + 1)
        for picture in self._pictures:
            number = self._number.get(picture.pts, -1)
            self._at = number + 1
            if number <= index:
                found.append((number, picture))
            if number >= index:
                return found
        self._at = len(self)
        return found

    def _frame(self, number: int, picture: Any) -> Frame:  # noqa: ANN401 - a frame of PyAV
        self._to_bgr = self._to_bgr or ToBgr(picture)
        time = picture.pts * self._stream.time_base - self._source.video_format.origin
        return Frame(self._to_bgr(picture), number, self.names[number], time)


class InOrderFrames(RandomFrames):
    """The frames of a video that can only be read from its start: going back is slow."""

    def __init__(self, source: VideoSource) -> None:
        super().__init__()
        self._source = source
        self.names = [frame.name for frame in source]
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


class _Times(NamedTuple):
    """Times of all frames and numbers of the key frames, both rising; in the stream's ticks."""

    all: list[int]
    keys: list[int]

    def key_before(self, index: int) -> int:
        """Return the number of the last key frame up to a frame; 0 if there is none."""
        place = bisect_right(self.keys, index)
        return self.keys[place - 1] if place else 0


def _packet_times(source: VideoSource, known: Mapping[int, Fraction]) -> _Times | None:
    """Return the times of all frames as the packets tell them, or None if they do not."""
    with footage(source.path) as (container, stream):
        if stream.codec_context.name not in ONE_FRAME_A_PACKET:
            return None
        time_base = stream.time_base
        packets = [packet for packet in container.demux(stream) if packet.size]
        packets = [packet for packet in packets if not packet.is_discard]
    if not packets or any(packet.pts is None or packet.is_corrupt for packet in packets):
        return None
    times = sorted({packet.pts for packet in packets})
    if len(times) != len(packets):
        return None
    number = {time: index for index, time in enumerate(times)}
    keys = sorted(number[packet.pts] for packet in packets if packet.is_keyframe)
    found = _Times(times, keys)
    fits = _first_times(source.path) == times[:PROBED] and all(
        index < len(times)
        and abs(times[index] * time_base - source.video_format.origin - time) <= MILLISECOND
        for index, time in known.items()
    )
    return found if fits else None


def _first_times(path: Path) -> list[int | None]:
    with footage(path) as (container, stream):
        pictures = decoded(container, stream, Damage())
        return [picture.pts for picture in islice(pictures, PROBED)]


def _name(index: int) -> str:
    return f"{index:06d}.png"
