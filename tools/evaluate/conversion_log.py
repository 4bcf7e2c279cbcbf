"""Which part of dst a converted video shows: its log knows, the video itself does not."""

from pathlib import Path

from tools.evaluate.run_log import log_of, options_that_made
from utils.errors import InputError, UsageError
from utils.video.frame import WHOLE, Span
from utils.video.seekable import count_frames
from utils.video.source import FrameSource, span_between

TOLERANCE = 0.02
"""Share of the frames by which counts of packets may differ: damaged ones give no frame."""


def converted_span(dst: FrameSource, result: FrameSource) -> Span:
    """Return the part of dst, by index, that a video shows; all of it if its log does not say."""
    if not result.is_video:  # the images have names
        return WHOLE
    options = options_that_made(result.path)
    if Path(str(options.get("input_dir"))).name != dst.path.name:
        return WHOLE
    first, last = (options.get(name) for name in ("from_", "to"))
    try:
        return dst.located(
            span_between(
                first if isinstance(first, str) else None, last if isinstance(last, str) else None
            )
        )
    except UsageError:  # the log was edited, or dst
        return WHOLE


def check_counts(dst: FrameSource, result: FrameSource, span: Span) -> None:
    """Refuse a video that plainly has another number of frames; before the long work.

    Raises
    ------
    InputError
    """
    counts = [count_frames(clip) for clip in (dst, result)]
    if not result.is_video or None in counts:
        return
    expected, found = span.count(counts[0], dst.rate) or 0, counts[1] or 0
    if abs(found - expected) > 2 + TOLERANCE * expected:
        raise other_frames(dst, result, f"{found} frames, that part of dst {expected}")


def other_frames(dst: FrameSource, result: FrameSource, counts: str) -> InputError:
    """Return the error for a video whose frames cannot be those of dst, one for one."""
    return InputError(
        f'"{result.path}" has {counts}: other frames of "{dst.path}" would be compared. If it was '
        f'made with --from or --to, put its log "{log_of(result.path).name}" beside it, or cut dst '
        "to the same part (video cut); if another program wrote it, measure what convert wrote"
    )
