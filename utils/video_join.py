"""Joining videos of the same kind end to end, without encoding anew, with a source's sound."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from utils.errors import UserError
from utils.files import write_atomic
from utils.video_audio import AudioCopy
from utils.video_coding import Coding, container_of
from utils.video_decoder import footage
from utils.video_sink import open_container, writing
from utils.video_source import FrameSource


@dataclass(frozen=True)
class Part:
    """A piece of a video in a file of its own.

    Attributes
    ----------
    path : the file; what VideoSink made of frames whose times begin at 0
    time : the second at which it begins in the whole
    """

    path: Path
    time: Fraction


@dataclass(frozen=True)
class Sound:
    """Which sound goes with it.

    Attributes
    ----------
    source : the video it is copied from
    first, last : the seconds of the source between which it is wanted; None is to the end
    """

    source: FrameSource
    first: Fraction = Fraction(0)
    last: Fraction | None = None


def join(
    parts: Sequence[Part],
    path: Path,
    coding: Coding,
    *,
    tick: Fraction,
    tags: Mapping[str, str] | None = None,
    sound: Sound | None = None,
) -> list[str]:
    """Write the parts, one after the other, as one video; return remarks about the sound.

    Every frame keeps its time and its bytes. The decoding times, which each part has counted from
    its own beginning, are made anew: they are the sorted times, delayed as far as reordering needs.

    Raises
    ------
    UserError
        If the parts do not fit together or the result cannot be written.
    """
    remarks: list[str] = []
    times = _times(parts, tick)
    clock = _decoding_clock(times)
    with ExitStack() as stack, writing(path):
        temporary = stack.enter_context(write_atomic(path))
        container = container_of(path.suffix, coding, path.name)
        output = stack.enter_context(open_container(temporary, container, tick))
        output.metadata.update(tags or {})
        first = stack.enter_context(av.open(str(parts[0].path.absolute())))
        video = output.add_stream_from_template(first.streams.video[0])
        video.time_base = tick
        audio = AudioCopy(output)
        if sound is not None:
            heard, _ = stack.enter_context(footage(sound.source.path))
            origin = sound.source.signal.origin
            audio.take(heard, origin, remarks, sound.first, sound.last)
        header = first.streams.video[0].codec_context.extradata
        for number, packet in enumerate(_packets(parts, header)):
            packet.pts, packet.dts = times[number], next(clock)
            packet.duration = round(packet.duration * packet.time_base / tick)
            packet.time_base, packet.stream = tick, video
            audio.until(packet.dts * tick)
            output.mux(packet)
        audio.rest()
    return remarks


def _times(parts: Sequence[Part], tick: Fraction) -> list[int]:
    """Return when each frame is shown, in decoding order, in ticks of the whole."""
    return [
        round((packet.pts * packet.time_base + part.time) / tick)
        for part in parts
        for packet in _demux(part)
    ]


def _decoding_clock(times: Sequence[int]) -> Iterator[int]:
    """Yield decoding times that always grow and are never later than when the frame is shown."""
    shown = sorted(times)
    rank = {time: place for place, time in enumerate(shown)}
    delay = max((place - rank[time] for place, time in enumerate(times)), default=0)
    step = shown[1] - shown[0] if len(shown) > 1 else 1
    for place in range(len(times)):
        early = delay - place
        yield shown[0] - early * step if early > 0 else shown[place - delay]


def _packets(parts: Sequence[Part], header: bytes | None) -> Iterator[Any]:
    for part in parts:
        yield from _demux(part, header)


def _demux(part: Part, header: bytes | None = None) -> Iterator[Any]:
    with av.open(str(part.path.absolute())) as container:
        stream = container.streams.video[0]
        if header is not None and stream.codec_context.extradata != header:
            raise UserError(
                f'"{part.path}" was encoded by another version or with other settings than the '
                "parts before it; remove the folder it is in and start again"
            )
        yield from (packet for packet in container.demux(stream) if packet.size)
