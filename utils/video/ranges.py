"""The frames of footage as a range of numbers that several machines divide."""

from bisect import bisect_left
from fractions import Fraction

from utils.errors import InputError, UsageError
from utils.shares import Share
from utils.video.decoder import VideoSource
from utils.video.frame import WHOLE, Span
from utils.video.seekable import packet_times
from utils.video.source import FrameSource


def numbers_in(source: FrameSource, span: Span = WHOLE) -> range:
    """Return the numbers of the frames in a span, the same on every machine.

    Where a video's packets tell them, its frames are numbered by these from now on, and reading
    begins near the wanted frames.

    Raises
    ------
    InputError
        If the number of frames is not known.
    UsageError
        If the span is in seconds and the times of the frames are not known.
    """
    count = source.count
    if isinstance(source, VideoSource):
        source.packet_times = source.packet_times or packet_times(source)
        if source.packet_times is not None:
            count = len(source.packet_times.all)
    if count is None:
        raise InputError(
            f'"{source.path.name}" does not tell how many frames it has; extract them as images '
            "first (main.py video extract), or run this without --part and --ray"
        )
    first = 0 if span.first is None else _number(source, span.first)
    last = count if span.last is None else _number(source, span.last) + isinstance(span.last, int)
    return range(min(first, count), min(last, count))


def part_of(numbers: range, share: Share, span: Span = WHOLE) -> Span:
    """Return a share of the frames that `numbers_in` found in a span.

    The last one ends where the footage does: its count may have been an estimate.
    """
    part = share.frames(numbers)
    ends = share.number == share.of and span.last is None
    return Span(part.start, None if ends else part.stop - 1)


def _number(source: FrameSource, position: int | Fraction) -> int:
    """Return the number of the first frame that is not before a position."""
    if isinstance(position, int):
        return position
    if not isinstance(source, VideoSource) or source.packet_times is None:
        raise UsageError(
            "--from and --to: the times of these frames are not known in advance; give numbers"
        )
    base, origin = source.video_format.time_base or Fraction(1), source.video_format.origin
    return bisect_left(source.packet_times.all, position, key=lambda pts: pts * base - origin)
