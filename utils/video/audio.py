"""Sound tracks, copied packet by packet from one container into another."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from utils.errors import InputError
from utils.video.av_types import Container, Packet, Stream
from utils.video.channels import Channels, channels_in
from utils.video.codecs import AUDIO_CODECS
from utils.video.demux import demux, open_input, runs_freely
from utils.video.source import FrameSource
from utils.video.tracks import Encoding, Track, encodings, fits, make_track


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
    codec : str
        One of `AUDIO_CODECS`, for tracks that the result's container cannot hold.
    """

    path: Path
    origin: Fraction = Fraction(0)
    first: Fraction = Fraction(0)
    last: Fraction | None = None
    codec: str = AUDIO_CODECS[0]

    @classmethod
    def of(
        cls,
        source: FrameSource,
        first: Fraction = Fraction(0),
        last: Fraction | None = None,
        codec: str = AUDIO_CODECS[0],
    ) -> "Sound | None":
        """Return the sound of a source, or a part of it; a folder has none."""
        if not source.is_video:
            return None
        return cls(source.path, source.video_format.origin, first, last, codec)

    @contextmanager
    def open(self) -> Iterator[Container]:
        """Open the file.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        try:
            container = open_input(self.path)
        except av.FFmpegError as problem:
            name = self.path
            raise InputError(f'cannot read sound from "{name}": {problem.strerror}') from None
        with container:
            yield container


class AudioCopy:
    """Writes all sound tracks of one container into another, interleaved with the video.

    Packets and timestamps stay as they are. Tracks that the other container cannot hold are
    re-encoded, those that cannot be decoded either are dropped; both are noted.
    """

    def __init__(self, output: Container) -> None:
        self._output = output
        self._tracks: dict[int, Track] = {}  # by the index of the stream in the input
        self._packets: Iterator[Packet] = iter(())
        self._next: Packet = None
        self._origin = Fraction(0)
        self._last: Fraction | None = None
        self._cut = False
        self._notes: list[str] = []
        self._refused = 0
        self.names: list[str] = []

    def take(self, container: Container, sound: Sound, notes: list[str]) -> None:
        """Add the tracks of `container`, the opened `sound`, from `sound.first` to `sound.last`.

        Timestamps are shifted so that `sound.first` becomes 0.
        """
        first, last = sound.first, sound.last
        self._origin, self._notes = sound.origin + first, notes
        self._cut = first > 0
        self._last = None if last is None else last - first
        known = channels_in(container)
        for number, stream in enumerate(container.streams.audio, 1):
            self._add(number, stream, known.get(stream.index), sound)
        wanted = [stream for stream in container.streams if stream.index in self._tracks]
        # sound goes on with the video where the clock restarts
        video = next(iter(container.streams.video), None) if runs_freely(container) else None
        for stream in container.streams:
            if stream not in wanted and stream is not video:
                stream.discard = av.stream.Discard.all  # saves reading it
        if wanted:
            self._packets = demux(container, video, wanted)
            self._step()

    def _add(self, number: int, stream: Stream, channels: Channels | None, sound: Sound) -> None:
        """Add a track in the best way that the container can hold it."""
        context, container = stream.codec_context, self._output.format.name
        name = f"sound track {number}"
        if context is None or channels is None:
            self._notes.append(f"{name} has an unknown format and was dropped")
            return
        name += f" ({context.name}, {channels.stated})"
        for encoding in encodings(stream, channels, container, sound.codec):
            if fits(sound.path, stream, container, channels, encoding):
                break
        else:
            self._notes.append(f"{name} does not fit into {container} and was dropped; use .mkv")
            return
        if encoding is not None:
            self._notes.append(f"{name} {_outcome(encoding, channels, container)}")
        track = make_track(self._output, stream, channels, encoding)
        self._tracks[stream.index] = track
        self.names.append(name)
        if language := stream.metadata.get("language"):
            track.stream.metadata["language"] = language

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
        for track in self._tracks.values():
            track.finish()
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
        shift = round(self._origin / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
        try:
            self._tracks[packet.stream.index].feed(packet)
        except (av.error.InvalidDataError, av.error.ArgumentError):
            self._refused += 1


def _outcome(encoding: Encoding, channels: Channels, container: str) -> str:
    if encoding.is_pcm:
        return f"was stored as {encoding.codec}, without loss"
    fewer = av.AudioLayout(encoding.layout).nb_channels < channels.count
    mixed = f", mixed down to {encoding.layout}" if fewer else ""
    codec = encoding.codec.upper()
    return f"does not fit into {container} and was re-encoded as {codec}{mixed}"
