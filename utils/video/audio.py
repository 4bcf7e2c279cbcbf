"""Sound tracks, copied packet by packet from one container into another."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from utils.errors import InputError
from utils.video.av_types import Container, Packet, Stream
from utils.video.source import FrameSource


@dataclass(frozen=True)
class Sound:
    """A stretch of a file's sound.

    Attributes
    ----------
    path : Path
        The file to copy from.
    origin : Fraction
        Seconds at which the file's clock starts.
    first, last : Fraction
        Start and end in seconds after `origin`; None for the end of the file.
    """

    path: Path
    origin: Fraction = Fraction(0)
    first: Fraction = Fraction(0)
    last: Fraction | None = None

    @classmethod
    def of(
        cls, source: FrameSource, first: Fraction = Fraction(0), last: Fraction | None = None
    ) -> "Sound | None":
        """Return the sound of a source, or a part of it; a folder has none."""
        return (
            cls(source.path, source.video_format.origin, first, last) if source.is_video else None
        )

    @contextmanager
    def open(self) -> Iterator[Container]:
        """Open the file.

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
            raise InputError(f'cannot read sound from "{name}": {problem.strerror}') from None
        with container:
            yield container


class AudioCopy:
    """Copies all sound tracks of one container into another, interleaved with the video.

    Packets and timestamps stay as they are. Tracks that the other container cannot hold are
    re-encoded as AAC, those in unknown formats are dropped; both are noted.
    """

    def __init__(self, output: Container) -> None:
        self._output = output
        self._tracks: dict[int, Stream] = {}  # index in the input -> stream of the output
        self._encoded: set[int] = set()
        self._packets: Iterator[Packet] = iter(())
        self._next: Packet = None
        self._origin = Fraction(0)
        self._last: Fraction | None = None
        self._cut = False
        self._notes: list[str] = []
        self._refused = 0

    def take(self, container: Container, sound: Sound, notes: list[str]) -> None:
        """Add the tracks of `container`, the opened `sound`, from `sound.first` to `sound.last`.

        Timestamps are shifted so that `sound.first` becomes 0.
        """
        first, last = sound.first, sound.last
        self._origin, self._notes = sound.origin + first, notes
        self._cut = first > 0
        self._last = None if last is None else last - first
        for number, stream in enumerate(container.streams.audio, 1):
            if stream.codec_context is None:
                notes.append(f"sound track {number} has an unknown format and was dropped")
            else:
                self._add(number, stream)
        for stream in container.streams:
            if stream.index not in self._tracks:
                stream.discard = av.stream.Discard.all  # saves reading it
        wanted = [stream for stream in container.streams if stream.index in self._tracks]
        if wanted:
            self._packets = container.demux(wanted)
            self._step()

    def _add(self, number: int, stream: Stream) -> None:
        if fits(stream, self._output.format.name):
            track = self._output.add_stream_from_template(stream)
        else:
            track = self._output.add_stream("aac", rate=48000)
            track.bit_rate = 192_000
            self._encoded.add(stream.index)
            self._notes.append(
                f"sound track {number} ({stream.codec_context.name}) does not fit into "
                f"{self._output.format.name} and was re-encoded as AAC"
            )
        self._tracks[stream.index] = track
        if language := stream.metadata.get("language"):
            track.metadata["language"] = language

    def until(self, second: Fraction) -> None:
        """Copy what is due by then; interleaving with the video keeps buffers small."""
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
            self._notes.append(f"{self._refused} damaged packets of sound were dropped")

    def _due(self, packet: Packet) -> Fraction:
        if packet.dts is None:
            return Fraction(-1)
        return packet.dts * packet.time_base - self._origin

    def _step(self) -> None:
        try:
            self._next = next((packet for packet in self._packets if self._wanted(packet)), None)
        except av.FFmpegError:
            self._next = None
            self._notes.append("the sound of the source ends early: it is damaged")

    def _wanted(self, packet: Packet) -> bool:
        if not packet.size:
            return False
        if packet.pts is None:
            return not self._cut and self._last is None
        start = packet.pts * packet.time_base - self._origin
        early = self._cut and start < 0
        return not early and (self._last is None or start < self._last)

    def _feed(self, packet: Packet) -> None:
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


def fits(stream: Stream, container: str) -> bool:
    """Whether a container can hold a stream without re-encoding; only trying its muxer tells."""
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True
