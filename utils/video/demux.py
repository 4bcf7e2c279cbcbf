"""Packets of a file whose clock may restart: joined recordings, DVD rips, broadcasts.

In formats with a free-running clock (MPEG-TS, VOB and their kin) a copy of two recordings one after
the other keeps both clocks. Here the second one goes on where the first one stopped: the video
stream determines the offset, and sound is moved by the same one.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av

from utils.video.av_types import Container, Packet, Stream
from utils.video.boxes import check_tables

FORWARD = Fraction(10)
"""A longer jump ahead, in seconds, is a restart; a shorter one may be a loss of reception."""
BACK = Fraction(1, 10)
"""The same for jumps back; decoding times never decrease within a recording."""
OVERLAP = Fraction(1, 2)
"""Seconds by which the sound of one recording may outlast its video."""
MOST_HELD = 1000
"""Sound packets that may precede the first video packet of their recording."""


def open_input(path: Path) -> Container:
    """Open a file for reading.

    An absolute path is never parsed as a URL, and playlists cannot reach the network.

    Raises
    ------
    av.FFmpegError
        If FFmpeg cannot read it.
    InputError
        If it would take far more memory than the file has.
    """
    with suppress(OSError):  # said by FFmpeg, below
        check_tables(path)
    return av.open(
        str(path.absolute()),
        container_options={"protocol_whitelist": "file"},
        metadata_errors="replace",
    )


def runs_freely(container: Container) -> bool:
    """Whether the clock of a format starts anywhere and may restart."""
    return bool(container.format.flags & av.format.Flags.ts_discont.value)


def demux(
    container: Container,
    video: Stream | None,
    sound: Sequence[Stream] = (),
    restarts: list[Fraction] | None = None,
) -> Iterator[Packet]:
    """Yield packets, the timestamps of a clock that restarts moved so that time goes on evenly.

    Parameters
    ----------
    video : Stream or None
        Its packets determine the restarts; without it those of the first of `sound` do.
    sound : sequence of Stream
        If given, the packets of these streams are yielded instead of those of `video`.
    restarts : list of Fraction
        Gets the presentation time of the first packet after each restart, in seconds of the
        even clock.
    """
    streams = [video, *sound] if video else list(sound)
    if not runs_freely(container):
        yield from container.demux(list(sound) or streams)
        return
    master = _Master(streams[0], [] if restarts is None else restarts)
    followers = {
        stream.index: _Follower(stream, master) for stream in sound if stream != streams[0]
    }
    own = not (video and sound)
    before: Packet = None
    for packet in container.demux(streams):
        if packet.stream.index in followers:
            yield from followers[packet.stream.index].take(packet)
            continue
        known = len(master.offsets)
        moved = _moved(_without_foreign_pts(packet), master.offset(packet))
        for follower in followers.values():
            yield from follower.release()
        if own and before is not None:
            yield before if len(master.offsets) == known else _ended_by(moved, before)
        before = moved
    if own and before is not None:
        yield before
    for follower in followers.values():
        yield from follower.release(everything=True)


class _Master:
    """The stream that determines where the clock restarts.

    Attributes
    ----------
    offsets : list of Fraction
        Seconds to add to the timestamps of each recording, in order.
    """

    def __init__(self, stream: Stream, restarts: list[Fraction]) -> None:
        self._time_base = stream.time_base
        rate = stream.average_rate if stream.type == "video" else None
        self._step = 1 / rate if rate else Fraction(0)
        self._restarts = restarts
        self._next: Fraction | None = None
        self.offsets = [Fraction(0)]

    def offset(self, packet: Packet) -> Fraction:
        """Return the offset of a packet, a new one if the clock restarts with it."""
        if packet.dts is None or not packet.size:
            return self.offsets[-1]
        time = packet.dts * self._time_base + self.offsets[-1]
        if self._next is not None and not -BACK <= time - self._next <= FORWARD:
            self.offsets.append(self.offsets[-1] + self._next - time)
            shown = packet.dts if packet.pts is None else packet.pts
            self._restarts.append(shown * self._time_base + self.offsets[-1])
            time = self._next
        duration = packet.duration * self._time_base if packet.duration else self._step
        self._next = time + duration
        return self.offsets[-1]


class _Follower:
    """A stream that is moved by the offsets of the master.

    Around a restart its packets may come before or after those of the master: each belongs to the
    recording whose offset lets it continue the one before. What fits none is held until the master
    has restarted.
    """

    def __init__(self, stream: Stream, master: _Master) -> None:
        self._time_base, self._master = stream.time_base, master
        self._recording = 0
        self._next: Fraction | None = None
        self._held: deque[Packet] = deque()
        self._known = 1  # offsets of the master at the last try

    def take(self, packet: Packet) -> Iterator[Packet]:
        """Yield the packet, and those held before it, if its recording is known."""
        self._held.append(packet)
        if len(self._held) == 1:
            yield from self._moved()
        elif len(self._held) > MOST_HELD:
            yield from self.release(everything=True)

    def release(self, everything: bool = False) -> Iterator[Packet]:
        """Yield packets that were held if the master has restarted."""
        if everything or len(self._master.offsets) > self._known:
            self._known = len(self._master.offsets)
            if everything and self._held:
                self._next = None
            yield from self._moved()

    def _moved(self) -> Iterator[Packet]:
        while self._held and self._place(self._held[0]):
            yield _moved(self._held.popleft(), self._master.offsets[self._recording])

    def _place(self, packet: Packet) -> bool:
        """Find the recording of a packet; return whether there is one."""
        if packet.dts is None or not packet.size:
            return True
        own, offsets = packet.dts * self._time_base, self._master.offsets
        if self._next is None:
            self._recording = len(offsets) - 1
        else:
            jump, recording = min(
                (abs(own + offsets[place] - self._next), place)
                for place in range(self._recording, len(offsets))
            )
            time = own + offsets[recording]
            if jump > FORWARD or time < self._next - OVERLAP:
                return False
            self._recording = recording
        self._next = own + offsets[self._recording] + (packet.duration or 0) * self._time_base
        return True


def _without_foreign_pts(packet: Packet) -> Packet:
    """Remove a presentation time of the next recording.

    VOB states few times, and FFmpeg shows a frame that was delayed for reordering at the decoding
    time of the next such frame: around a restart that is in the other recording.
    """
    if packet.pts is not None and packet.dts is not None:
        delay = (packet.pts - packet.dts) * packet.time_base
        if not 0 <= delay <= FORWARD:
            packet.pts = None
    return packet


def _ended_by(first: Packet, last: Packet) -> Packet:
    """Remove the time of a recording's last packet if it is later than the next one's first."""
    if first.pts is not None and last.pts is not None and last.pts >= first.pts:
        last.pts = None
    return last


def _moved(packet: Packet, offset: Fraction) -> Packet:
    if offset:
        shift = round(offset / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts + shift
        packet.dts = None if packet.dts is None else packet.dts + shift
    return packet
