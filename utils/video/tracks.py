"""One sound track of a result: copied, or re-encoded where the container cannot hold it."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import av

from utils.video.av_types import Container, Packet, Stream
from utils.video.channels import Channels
from utils.video.codecs import MATROSKA

BITS_PER_CHANNEL = 96_000
"""Bits per second and channel of AAC."""
PCM = {
    "u8": "pcm_u8",
    "s16": "pcm_s16le",
    "s32": "pcm_s32le",
    "flt": "pcm_f32le",
    "dbl": "pcm_f64le",
}
"""Sample format -> the PCM that every container but MP4 holds, without loss."""
PREROLL = Fraction(1, 10)
"""Seconds that a decoder may need before the first sample; hidden packets before are left out."""
PRIMING = Fraction(1, 20)
"""What an encoder adds in front, at most; an edit list that hides more hides sound."""
COLLISION = Fraction(1, 2)
"""Seconds by which a packet may overlap the one before it, at an edit or where a clock restarts."""


@dataclass(frozen=True)
class Encoding:
    """How a track is re-encoded.

    Attributes
    ----------
    codec : str
        FFmpeg's name of the encoder.
    rate : int
        Samples per second.
    layout, samples : str
        FFmpeg's names of the channel layout and the sample format.
    """

    codec: str
    rate: int
    layout: str
    samples: str

    @property
    def is_pcm(self) -> bool:
        """Whether nothing is lost."""
        return self.codec in PCM.values()


class SoundTrack(Protocol):
    """A track of an output.

    Attributes
    ----------
    stream : Stream
        The stream of the output.
    """

    stream: Stream

    def feed(self, packet: Packet) -> None:
        """Write a packet of the source, its time already that of the output."""

    def finish(self) -> None:
        """Write what is left."""


class CopiedTrack:
    """Copies packets; what an edit list of the source hides stays hidden.

    MP4 and MOV hide what lies before 0, so packets that a decoder needs before its first sample are
    kept. Matroska cannot hide: there only the encoder's own priming is kept.
    """

    def __init__(self, output: Container, template: Stream, channels: Channels) -> None:
        self._output = output
        self._can_hide = output.format.name != MATROSKA
        self.stream = output.add_stream_from_template(template)
        if not channels.is_native and not channels.is_listed:
            self.stream.codec_context.layout = channels.layout
        self._hidden: deque[Packet] = deque()
        self._first_hidden: Fraction | None = None
        self._last: Fraction | None = None

    def feed(self, packet: Packet) -> None:
        """Write a packet, after the hidden ones before it that are needed."""
        if packet.is_discard:
            self._hide(packet)
            return
        if self._last is None:
            if self._cut_by_edit(packet):
                return
            for hidden in self._preroll(packet):
                self._write(hidden)
        self._hidden.clear()
        self._write(packet)

    def finish(self) -> None:
        """Nothing is left."""

    def _hide(self, packet: Packet) -> None:
        if self._last is None:
            if self._first_hidden is None:
                self._first_hidden = _start(packet)
            self._hidden.append(packet)
            while _start(self._hidden[0]) < _start(packet) - PREROLL:
                self._hidden.popleft()

    def _preroll(self, packet: Packet) -> Iterator[Packet]:
        """Yield the hidden packets to write before the first one that is heard."""
        priming = not self._hides_sound(packet)
        for hidden in self._hidden:
            inaudible = priming or (self._can_hide and _start(hidden) < 0)
            if inaudible and _start(hidden) >= _start(packet) - PREROLL:
                yield hidden

    def _cut_by_edit(self, packet: Packet) -> bool:
        """Whether most of the first packet is hidden in the source and would not be here."""
        middle = _start(packet) + (packet.duration or 0) * packet.time_base / 2
        return not self._can_hide and self._hides_sound(packet) and middle < 0

    def _hides_sound(self, packet: Packet) -> bool:
        first = self._first_hidden
        return first is not None and _start(packet) - first > PRIMING

    def _write(self, packet: Packet) -> None:
        if packet.dts is not None:
            start = packet.dts * packet.time_base
            if self._last is not None and self._last - COLLISION < start <= self._last:
                step = max(packet.time_base, self.stream.time_base)
                late = round((self._last + step) / packet.time_base)
                packet.pts = packet.dts = late
            self._last = packet.dts * packet.time_base
        packet.stream = self.stream
        self._output.mux(packet)


class EncodedTrack:
    """Decodes and re-encodes; gaps become silence, and what overlaps is trimmed."""

    def __init__(
        self, output: Container, template: Stream, channels: Channels, encoding: Encoding
    ) -> None:
        self._output, self._encoding, self._order = output, encoding, channels.order
        self._mapped = f"{'|'.join(map(str, channels.order))}:{channels.layout}"
        self.stream = output.add_stream(encoding.codec, rate=encoding.rate)
        context = self.stream.codec_context
        context.layout, context.format = encoding.layout, encoding.samples
        if encoding.codec == "aac":
            context.bit_rate = BITS_PER_CHANNEL * context.layout.nb_channels
        if not channels.is_native:
            template.codec_context.layout = channels.layout
        self._graph: av.filter.Graph | None = None
        self._kind: tuple[str, str, int] | None = None

    def feed(self, packet: Packet) -> None:
        """Decode a packet and encode its samples."""
        for sound in packet.decode():
            kind = sound.format.name, sound.layout.name, sound.sample_rate
            if self._graph is None or kind != self._kind:  # 2 channels may become 6
                self._drain()
                self._kind, self._graph = kind, self._resampler(sound)
            self._graph.push(sound)
            self._encode(self._graph)

    def finish(self) -> None:
        """Encode what is left."""
        self._drain()
        self._output.mux(self.stream.encode(None))

    def _resampler(self, sound: av.AudioFrame) -> "av.filter.Graph":
        graph, encoding = av.filter.Graph(), self._encoding
        ordered = self._order == tuple(sorted(self._order))
        start = graph.add_abuffer(
            sample_rate=sound.sample_rate,
            format=sound.format,
            layout=sound.layout,
            time_base=sound.time_base,
        )
        shape = f"sample_fmts={encoding.samples}:channel_layouts={encoding.layout}"
        steps = [
            start,
            *([] if ordered else [graph.add("channelmap", self._mapped)]),
            graph.add("aresample", f"{encoding.rate}:async=1"),
            graph.add("aformat", f"{shape}:sample_rates={encoding.rate}"),
            graph.add("abuffersink"),
        ]
        graph.link_nodes(*steps)
        graph.configure()
        return graph

    def _drain(self) -> None:
        if self._graph:
            self._graph.push(None)
            self._encode(self._graph)

    def _encode(self, graph: "av.filter.Graph") -> None:
        while True:
            try:
                sound = graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            self._output.mux(self.stream.encode(sound))


def make_track(
    output: Container, template: Stream, channels: Channels, encoding: Encoding | None
) -> SoundTrack:
    """Add a track to an output; without an encoding the packets are copied."""
    if encoding is None:
        return CopiedTrack(output, template, channels)
    return EncodedTrack(output, template, channels, encoding)


def _start(packet: Packet) -> Fraction:
    return Fraction(0) if packet.pts is None else packet.pts * packet.time_base
