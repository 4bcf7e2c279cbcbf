"""What a container holds: decided by a trial before the first frame.

A small file with a track's first packets is written, completed and read back.
"""

import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av

from utils.video.av_types import Container, Packet, Stream
from utils.video.channels import Channels, channels_in
from utils.video.codecs import MP4
from utils.video.demux import open_input
from utils.video.tracks import PCM, Encoding, make_track

AAC_RATES = frozenset({
    *(7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
})
AAC_RATE = 48000
SAFE_CHANNELS = 6
"""Decoders of compressed sound may list more channels in an order of their own."""
TRIED = 16
"""Packets of a trial."""


def encodings(
    stream: Stream, channels: Channels, container: str, codec: str
) -> Iterator[Encoding | None]:
    """Yield the ways to store a sound stream, the best one first; None is to copy it.

    Players do not read PCM in MP4, although FFmpeg's muxer writes it.
    """
    context = stream.codec_context
    uncompressed = context.name.startswith("pcm_")
    if not (uncompressed and container == MP4):
        yield None
    safe = channels.count <= SAFE_CHANNELS and not channels.is_listed
    if context.format is None or not (uncompressed or safe):
        return  # it cannot be decoded, or not safely: see `channels`
    packed, rate = context.format.name.removesuffix("p"), context.sample_rate
    if uncompressed and container != MP4 and packed in PCM:
        yield Encoding(PCM[packed], rate, channels.layout, packed)
    for layout in dict.fromkeys((channels.layout, "5.1", "stereo")):
        if codec == "alac":
            yield Encoding(codec, rate, layout, "s16p" if packed in ("u8", "s16") else "s32p")
        else:
            yield Encoding(codec, rate if rate in AAC_RATES else AAC_RATE, layout, "fltp")


def fits(
    path: Path,
    stream: Stream,
    container: str,
    channels: Channels | None = None,
    encoding: Encoding | None = None,
) -> bool:
    """Whether a container can hold a stream: a trial is written, completed and read back.

    Parameters
    ----------
    path : Path
        The file of the stream, opened again.
    container : str
        FFmpeg's name.
    channels : Channels or None
        Those of sound.
    encoding : Encoding or None
        How to re-encode it; None to copy it.
    """
    trial = io.BytesIO()
    try:
        with open_input(path) as source, av.open(trial, "w", format=container) as output:
            template = source.streams[stream.index]
            packets = _first_packets(source, template)
            if channels:
                track = make_track(output, template, channels, encoding)
            else:
                track = _CopiedVideo(output, template)
            for packet in packets:
                track.feed(packet)
            track.finish()
            output.start_encoding()
            codec, rate = _codec_of(track.stream), getattr(track.stream.codec_context, "rate", 0)
        if not packets:
            return True
        trial.seek(0)
        with av.open(trial) as result:
            found = result.streams[0]
            same = _codec_of(found) == codec and getattr(found.codec_context, "rate", 0) == rate
            return same and _has_channels(result, channels, encoding)
    except (av.FFmpegError, ValueError, IndexError):
        return False


class _CopiedVideo:
    """A track of video, for a trial."""

    def __init__(self, output: Container, template: Stream) -> None:
        self._output, self.stream = output, output.add_stream_from_template(template)

    def feed(self, packet: Packet) -> None:
        packet.stream = self.stream
        self._output.mux(packet)

    def finish(self) -> None:
        pass


def _first_packets(source: Container, stream: Stream) -> list[Packet]:
    """Return the first packets of a stream that are not hidden, their times counted from 0."""
    for other in source.streams:
        if other.index != stream.index:
            other.discard = av.stream.Discard.all  # saves reading it
    heard = (packet for packet in source.demux(stream) if packet.size and not packet.is_discard)
    packets = list(islice(heard, TRIED))
    time = 0
    for packet in packets:
        packet.pts = packet.dts = time
        time += packet.duration or 1
    return packets


def _codec_of(stream: Stream) -> str:
    name: str = stream.codec_context.codec.canonical_name
    return "mp3" if name in ("mp1", "mp2") else name  # MP4 has one code for all of MPEG audio


def _has_channels(trial: Container, channels: Channels | None, encoding: Encoding | None) -> bool:
    """Whether a trial has the expected channels, and states them if it was re-encoded."""
    found = channels_in(trial).get(0)
    if found is None or channels is None:
        return found is channels
    if encoding is None or encoding.is_pcm:
        return found.count == channels.count
    return found.stated == encoding.layout
