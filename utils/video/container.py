"""The video file that is written: its container, its clock, and what can go wrong with it."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from utils.errors import UserError
from utils.video.codecs import MATROSKA
from utils.video.source import FrameSource

Finish = Callable[[Path], list[str]]
"""Is given a video that is whole, before it has its name; changes it perhaps, returns remarks."""


DEFAULT_RATE = Fraction(25)


FINEST_TIME_BASE = Fraction(1, 1_000_000)


START_SCALE = 48_000


DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def time_base_of(source: FrameSource, rate: Fraction) -> Fraction:
    """Return the unit in which the times of a video made from a source are counted, seconds."""
    return max(source.video_format.time_base or 1 / rate, FINEST_TIME_BASE)


def open_container(path: Path, name: str, time_base: Fraction) -> Any:  # noqa: ANN401 - PyAV's container
    """Open a file to be written in the container FFmpeg calls `name`, keeping times exact."""
    if name == MATROSKA:
        # sound may begin before 0 (what a decoder discards); all times would be moved for it
        options = {"avoid_negative_ts": "disabled"}
    else:
        # MP4 keeps only tags it knows without the flag, and counts a late start in thousandths
        scale = time_base.denominator * max(1, START_SCALE // time_base.denominator)
        options = {"movflags": "use_metadata_tags", "movie_timescale": str(scale)}
    return av.open(str(path.absolute()), "w", format=name, container_options=options)


def last_touch(finish: Finish | None, path: Path, notes: list[str]) -> Callable[..., None]:
    """Return what an ExitStack calls when a file is closed: `finish`, unless something failed."""

    def leave(kind: object, error: BaseException | None, trace: object) -> None:
        if error is None and finish:
            notes.extend(finish(path))

    return leave


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what goes wrong while writing into a sentence."""
    try:
        yield
    except OSError as problem:
        if problem.errno in DISK_FULL:
            message = f'the disk is full: "{path}" could not be written; make room and start again'
        else:
            message = f'cannot write "{path}": {problem.strerror or problem}'
        raise UserError(message) from problem
    except av.FFmpegError as problem:
        raise UserError(f'cannot write "{path}": {problem.strerror}') from problem
