"""Reading single frames of footage, as few as possible on the way."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

from utils.errors import InputError
from utils.images import Image
from utils.video.decoder import VideoSource
from utils.video.seekable import FolderFrames, open_sought
from utils.video.source import FrameSource

IN_ORDER = 800  # frames read of a video without random access
LARGEST = 2 << 30  # bytes: of a larger file the index of its frames takes long to make

ReadFrame = Callable[[int], Image | None]
"""Returns the frame of that number, None if it cannot be read."""


class FrameReader(NamedTuple):
    """Random access to the footage.

    Attributes
    ----------
    read : callable
        Number -> image or None.
    cost : callable
        Number -> frames that must be decoded for it.
    length : int
        How many can be read.
    """

    read: ReadFrame
    cost: Callable[[int], int]
    length: int


def open_reader(source: FrameSource, stack: ExitStack) -> FrameReader:
    """Return what reads single frames; `stack` closes it."""
    if not isinstance(source, VideoSource):
        folder = FolderFrames(source.files, source.stretch)
        return FrameReader(_reader(folder.__getitem__), lambda _: 0, len(folder))
    small = source.path.stat().st_size <= LARGEST
    sought = open_sought(source, kept_before=0) if small else None
    if sought is not None:
        stack.enter_context(sought)
        return FrameReader(_reader(sought.__getitem__), sought.steps_to, len(sought))
    return FrameReader(_InOrder(source), lambda number: number, IN_ORDER)


def _reader(get: Callable[[int], object]) -> ReadFrame:
    def read(number: int) -> Image | None:
        try:
            return get(number).image  # type: ignore[attr-defined]
        except (InputError, IndexError):
            return None

    return read


class _InOrder:
    """The first frames of a video that cannot be read at random."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source
        self._frames = iter(source)
        self._at = 0

    def __call__(self, number: int) -> Image | None:
        if number < self._at:
            self._frames, self._at = iter(self._source), 0
        for frame in self._frames:
            self._at = frame.index + 1
            if frame.index == number:
                return frame.image
        return None
