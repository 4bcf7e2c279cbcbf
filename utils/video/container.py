"""Output containers: options, time base, and errors as sentences."""

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av

from utils.errors import UserError
from utils.video.av_types import Container
from utils.video.codecs import MATROSKA
from utils.video.source import FrameSource

Finish = Callable[[Path], list[str]]
"""Called with a complete video before it is renamed; may change it, and returns notes."""

DEFAULT_RATE = Fraction(25)
FINEST_TIME_BASE = Fraction(1, 1_000_000)
START_SCALE = 48_000
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def time_base_of(source: FrameSource, rate: Fraction) -> Fraction:
    """Return the time base of a video made from a source, seconds."""
    return max(source.video_format.time_base or 1 / rate, FINEST_TIME_BASE)


def open_container(path: Path, name: str, time_base: Fraction) -> Container:
    """Open a file for writing in the container FFmpeg calls `name`, with exact timestamps."""
    if name == MATROSKA:
        # sound may begin before 0 (encoder delay); by default all timestamps are shifted for that
        options = {"avoid_negative_ts": "disabled"}
    else:
        # without the flag MP4 drops unknown tags; by default a late start is rounded to 1/1000 s
        scale = time_base.denominator * max(1, START_SCALE // time_base.denominator)
        options = {"movflags": "use_metadata_tags", "movie_timescale": str(scale)}
    return av.open(str(path.absolute()), "w", format=name, container_options=options)


def aspect_notes(container: str, codec: str, aspect: Fraction | None) -> list[str]:
    """Return a sentence if players will not find the pixel aspect ratio of a result.

    PyAV cannot write Matroska's; the bit streams of H.264 and H.265 have it as well.
    """
    if aspect is None or container != MATROSKA or codec in {"h264", "hevc", "libx264", "libx265"}:
        return []
    ratio = f"{aspect.numerator}:{aspect.denominator}"
    return [f"the pixel aspect ratio {ratio} is not in the .mkv; .mp4 and .mov keep it"]


def finishing(finish: Finish | None, path: Path, notes: list[str]) -> Callable[..., None]:
    """Return an exit callback that calls `finish` after success."""

    def leave(kind: object, error: BaseException | None, trace: object) -> None:
        if error is None and finish:
            notes.extend(finish(path))

    return leave


def completing(output: Container, path: Path, tracks: Sequence[str]) -> Callable[..., None]:
    """Return an exit callback that completes an output.

    Parameters
    ----------
    path : Path
        Name of the result, for messages.
    tracks : sequence of str
        Its sound tracks, for messages; may be filled later.
    """

    def leave(kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            with suppress(OSError, av.FFmpegError):  # the first error is the one to report
                output.close()
            return
        try:
            output.close()
        except OSError:
            raise
        except av.FFmpegError as problem:
            names = f" with {' and '.join(tracks)}" if tracks else ""
            raise UserError(
                f'cannot complete "{path}"{names}: {problem.strerror}; use .mkv or .mov'
            ) from problem

    return leave


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an error while writing into a UserError."""
    try:
        yield
    except OSError as problem:
        if problem.errno in DISK_FULL:
            message = f'the disk is full while writing "{path}"; free some space and run this again'
        else:
            message = f'cannot write "{path}": {problem.strerror or problem}'
        raise UserError(message) from problem
    except av.FFmpegError as problem:
        raise UserError(f'cannot write "{path}": {problem.strerror}') from problem
