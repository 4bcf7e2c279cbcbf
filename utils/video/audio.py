"""The sound of a video, copied packet by packet into another file."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from utils.errors import InputError
from utils.video.source import FrameSource


@dataclass(frozen=True)
class Sound:
    """Which sound goes with pictures.

    Attributes
    ----------
    path : the file it is copied from
    origin : the second at which that file's clock starts
    first, last : the seconds between which it is wanted, from that start; None is to the end
    """

    path: Path
    origin: Fraction = Fraction(0)
    first: Fraction = Fraction(0)
    last: Fraction | None = None

    @classmethod
    def of(
        cls, source: FrameSource, first: Fraction = Fraction(0), last: Fraction | None = None
    ) -> "Sound | None":
        """Return the sound that belongs to frames, or a part of it; a folder has none."""
        return (
            cls(source.path, source.video_format.origin, first, last) if source.is_video else None
        )

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Open the file and give PyAV's container.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        try:
            container = av.open(
                str(self.path.absolute()),
                container_options={"protocol_whitelist": "file"},
                metadata_errors="replace",
            )
        except av.FFmpegError as problem:
            name = self.path
            raise InputError(f'no sound can be read from "{name}": {problem.strerror}') from None
        with container:
            yield container


class AudioCopy:
    """Copies every sound track of one container into another, in step with its pictures.

    Packets and their times stay as they are. A track the other container cannot hold is encoded
    anew as AAC, one in an unknown format is left out; both are remarked on.
    """

    def __init__(self, output: Any) -> None:  # noqa: ANN401 - PyAV's container
        self._output = output
        self._tracks: dict[int, Any] = {}  # stream number there -> stream here
        self._encoded: set[int] = set()
        self._packets: Any = iter(())
        self._next: Any = None
        self._origin = Fraction(0)
        self._last: Fraction | None = None
        self._cut = False
        self._notes: list[str] = []
        self._refused = 0

    def take(self, container: Any, sound: Sound, notes: list[str]) -> None:  # noqa: ANN401
        """Add the tracks of `container`, which is the opened `sound`.

        Of what lies before `sound.first` nothing is taken, nor from `sound.last` on; the first
        second wanted becomes 0.
        """
        first, last = sound.first, sound.last
        self._origin, self._notes = sound.origin + first, notes
        self._cut = first > 0
        self._last = None if last is None else last - first
        for number, stream in enumerate(container.streams.audio, 1):
            if stream.codec_context is None:
                notes.append(f"sound track {number} is in an unknown format and was left out")
            else:
                self._add(number, stream)
        for stream in container.streams:
            if stream.index not in self._tracks:
                stream.discard = av.stream.Discard.all  # need not be read from the disk
        wanted = [stream for stream in container.streams if stream.index in self._tracks]
        if wanted:
            self._packets = container.demux(wanted)
            self._step()

    def _add(self, number: int, stream: Any) -> None:  # noqa: ANN401 - PyAV's stream
        if fits(stream, self._output.format.name):
            track = self._output.add_stream_from_template(stream)
        else:
            track = self._output.add_stream("aac", rate=48000)
            track.bit_rate = 192_000
            self._encoded.add(stream.index)
            self._notes.append(
                f"sound track {number} ({stream.codec_context.name}) does not fit into "
                f"{self._output.format.name} and was encoded anew as AAC"
            )
        self._tracks[stream.index] = track
        if language := stream.metadata.get("language"):
            track.metadata["language"] = language

    def until(self, second: Fraction) -> None:
        """Copy what is due by then; with the pictures' times as a guide, little has to be kept."""
        while self._next is not None and self._due(self._next) <= second:
            self._feed(self._next)
            self._step()

    def rest(self) -> None:
        """Copy to the end."""
        while self._next is not None:
            self._feed(self._next)
            self._step()
        for index in self._encoded:
            self._output.mux(self._tracks[index].encode(None))
        if self._refused:
            self._notes.append(f"{self._refused} damaged packets of sound were left out")

    def _due(self, packet: Any) -> Fraction:  # noqa: ANN401 - PyAV's packet
        if packet.dts is None:
            return Fraction(-1)
        return packet.dts * packet.time_base - self._origin

    def _step(self) -> None:
        try:
            self._next = next((packet for packet in self._packets if self._wanted(packet)), None)
        except av.FFmpegError:
            self._next = None
            self._notes.append("the sound of the source breaks off")

    def _wanted(self, packet: Any) -> bool:  # noqa: ANN401 - PyAV's packet
        if not packet.size:
            return False
        if packet.pts is None:
            return not self._cut and self._last is None
        start = packet.pts * packet.time_base - self._origin
        early = self._cut and start < 0
        return not early and (self._last is None or start < self._last)

    def _feed(self, packet: Any) -> None:  # noqa: ANN401 - PyAV's packet
        index = packet.stream.index
        shift = round(self._origin / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
        try:
            if index in self._encoded:
                for sound in packet.decode():
                    self._output.mux(self._tracks[index].encode(sound))
            else:
                packet.stream = self._tracks[index]
                self._output.mux(packet)
        except (av.error.InvalidDataError, av.error.ArgumentError):
            self._refused += 1


def fits(stream: Any, container: str) -> bool:  # noqa: ANN401 - PyAV's stream
    """Whether a container can hold a track as it is; only its muxer knows, so it is tried."""
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True
