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
from utils.video.tracks import Encoding, SoundTrack, make_track
from utils.video.trial import encodings, fits


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
        self._tracks: dict[int, SoundTrack] = {}  # by the index of the stream in the input
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
        for choice in choices(container, sound, self._output.format.name):
            self._add(container.streams[choice.index], choice)
        wanted = [stream for stream in container.streams if stream.index in self._tracks]
        # sound goes on with the video where the clock restarts
        video = next(iter(container.streams.video), None) if runs_freely(container) else None
        for stream in container.streams:
            if stream not in wanted and stream is not video:
                stream.discard = av.stream.Discard.all  # saves reading it
        if wanted:
            self._packets = demux(container, video, wanted)
            self._step()

    def _add(self, stream: Stream, choice: "Choice") -> None:
        if choice.note:
            self._notes.append(choice.note)
        if choice.channels is None:
            return
        track = make_track(self._output, stream, choice.channels, choice.encoding)
        self._tracks[stream.index] = track
        self.names.append(choice.name)
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


@dataclass(frozen=True)
class Choice:
    """How a sound track gets into a container.

    Attributes
    ----------
    index : int
        The index of its stream.
    name : str
        For messages.
    channels : Channels or None
        Its channels; None if it is dropped.
    encoding : Encoding or None
        How it is re-encoded; None if it is copied.
    note : str
        What the user should know; empty if it is copied.
    """

    index: int
    name: str
    channels: Channels | None = None
    encoding: Encoding | None = None
    note: str = ""


def choices(opened: Container, sound: Sound, container: str) -> list[Choice]:
    """Return the best way to store each track of the opened `sound`, found by trials."""
    known = channels_in(opened)
    return [
        _choice(f"sound track {number}", stream, known.get(stream.index), sound, container)
        for number, stream in enumerate(opened.streams.audio, 1)
    ]


def sound_notes(sound: Sound, container: str) -> list[str]:
    """Return what will happen to sound in a container, before anything is written."""
    with sound.open() as opened:
        return [choice.note for choice in choices(opened, sound, container) if choice.note]


def _choice(
    name: str, stream: Stream, channels: Channels | None, sound: Sound, container: str
) -> Choice:
    context = stream.codec_context
    if context is None or channels is None:
        return Choice(stream.index, name, note=f"{name} has an unknown format and is dropped")
    name += f" ({context.name}, {channels.stated})"
    for encoding in encodings(stream, channels, container, sound.codec):
        if fits(sound.path, stream, container, channels, encoding):
            note = f"{name} {_outcome(encoding, channels, container)}" if encoding else ""
            return Choice(stream.index, name, channels, encoding, note)
    note = f"{name} does not fit into {container} and is dropped; use .mkv"
    return Choice(stream.index, name, note=note)


def _outcome(encoding: Encoding, channels: Channels, container: str) -> str:
    if encoding.is_pcm:
        return f"is stored as {encoding.codec}, without loss"
    fewer = av.AudioLayout(encoding.layout).nb_channels < channels.count
    mixed = f", mixed down to {encoding.layout}" if fewer else ""
    codec = encoding.codec.upper()
    return f"does not fit into {container} and is re-encoded as {codec}{mixed}"
