"""Concatenation of videos of the same kind without re-encoding, with a source's sound."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from utils.errors import UserError
from utils.files import write_result
from utils.video.audio import AudioCopy, Sound
from utils.video.av_types import Packet
from utils.video.container import (
    Finish,
    aspect_notes,
    completing,
    finishing,
    open_container,
    writing,
)
from utils.video.decoder import footage
from utils.video.demux import demux


@dataclass(frozen=True)
class Part:
    """A part of a joined video.

    Attributes
    ----------
    path : Path
        The file.
    time : Fraction
        Seconds added to the file's timestamps.
    first, last : Fraction or None
        Start (inclusive) and end (exclusive) in seconds of the file.
    """

    path: Path
    time: Fraction
    first: Fraction | None = None
    last: Fraction | None = None

    def holds(self, time: Fraction) -> bool:
        """Whether it contains the frame of that time."""
        early = self.first is not None and time < self.first
        return not early and (self.last is None or time < self.last)


def join(
    parts: Sequence[Part],
    path: Path,
    container: str,
    *,
    time_base: Fraction,
    tags: Mapping[str, str] | None = None,
    sound: Sound | None = None,
    finish: Finish | None = None,
) -> list[str]:
    """Write the parts one after another as one video; return notes about the sound.

    `container` is FFmpeg's name. Frames keep their bytes and presentation times. Decoding times,
    which each part counts from its own start, are recomputed: the sorted presentation times,
    delayed as far as frame reordering needs.

    Raises
    ------
    UserError
        If the parts do not fit together or the result cannot be written.
    """
    notes: list[str] = []
    times = _times(parts, time_base)
    clock = _decoding_clock(times)
    with ExitStack() as stack, writing(path):
        temporary = stack.enter_context(write_result(path))
        stack.push(finishing(finish, temporary, notes))
        output = open_container(temporary, container, time_base)
        audio = AudioCopy(output)
        stack.push(completing(output, path, audio.names))
        output.metadata.update(tags or {})
        _, first = stack.enter_context(footage(parts[0].path))
        video = output.add_stream_from_template(first)
        video.time_base = time_base
        if first.sample_aspect_ratio:  # of containers; templates have only that of bit streams
            video.codec_context.sample_aspect_ratio = first.sample_aspect_ratio
            codec = first.codec_context.name
            notes += aspect_notes(container, codec, first.sample_aspect_ratio)
        if sound is not None:
            heard = stack.enter_context(sound.open())
            audio.take(heard, sound, notes)
        header = first.codec_context.extradata
        for number, packet in enumerate(_packets(parts, header)):
            packet.pts, packet.dts = times[number], next(clock)
            packet.duration = round(packet.duration * packet.time_base / time_base)
            packet.time_base, packet.stream = time_base, video
            audio.until(packet.dts * time_base)
            output.mux(packet)
        audio.rest()
    return notes


def _times(parts: Sequence[Part], time_base: Fraction) -> list[int]:
    """Return the presentation times in decoding order, in units of the result's time base."""
    return [
        round((packet.pts * packet.time_base + part.time) / time_base)
        for part in parts
        for packet in _demux(part)
    ]


def _decoding_clock(times: Sequence[int]) -> Iterator[int]:
    """Yield increasing decoding times, none later than its frame's presentation time."""
    shown = sorted(times)
    rank = {time: place for place, time in enumerate(shown)}
    delay = max((place - rank[time] for place, time in enumerate(times)), default=0)
    step = shown[1] - shown[0] if len(shown) > 1 else 1
    for place in range(len(times)):
        early = delay - place
        yield shown[0] - early * step if early > 0 else shown[place - delay]


def _packets(parts: Sequence[Part], header: bytes | None) -> Iterator[Packet]:
    for part in parts:
        yield from _demux(part, header)


def _demux(part: Part, header: bytes | None = None) -> Iterator[Packet]:
    with footage(part.path) as (container, stream):
        if header is not None and stream.codec_context.extradata != header:
            raise UserError(
                f'"{part.path}" was encoded by another version or with other settings than the '
                "parts before it; remove its folder and start again"
            )
        for packet in demux(container, stream):
            if packet.size and part.holds(packet.pts * packet.time_base):
                yield packet
